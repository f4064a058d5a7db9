//! A journal that is only looked at: how the run stands, what was called and what came of it,
//! what it took, and every record that cannot be where it is. Nothing is run and nothing is
//! written, so any host can do it.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::history::History;
use super::identity::Effect;
use super::ledger::Usage;
use super::policy::Limits;
use super::record::{Outcome, OutcomeKind, Rule, RunEnd, RunRecord};
use super::vm::CallKind;
use crate::base::frame::{Checksum, split};
use crate::base::json::read;
use crate::base::record::{record, words};

words! {
    /// How a run stands.
    pub enum RunState {
        /// There is no run: its first record is missing.
        Missing = "missing",
        /// Nobody has driven it yet.
        Opened = "opened",
        /// It is being driven, or whoever drove it died.
        Open = "open",
        /// It was paused, and can go on.
        Paused = "paused",
        /// It was asked to stop, and can go on.
        Stopped = "stopped",
        /// The script failed.
        Failed = "failed",
        /// The script returned.
        Completed = "completed",
        /// It is given up for good.
        Abandoned = "abandoned",
    }
}

words! {
    /// How far a call is.
    pub enum CallStatus {
        /// It has not begun, or its last attempt came to nothing.
        Waiting = "waiting",
        /// It is worked on, as far as the journal tells.
        Working = "working",
        /// Somebody is asked.
        Asking = "asking",
        /// It has a result.
        Settled = "settled",
        /// It has failed.
        Failed = "failed",
    }
}

record! {
    /// A call of the latest execution.
    pub struct ReplayedCall {
        /// Its number.
        pub call: u64 => "call",
        /// Where it stands in the script's structure.
        pub path: String => "path",
        /// What it is.
        pub kind: CallKind => "kind",
        /// How far it is.
        pub status: CallStatus => "status",
        /// What people call it.
        pub label: Option<String> => "label",
        /// The phase that it belongs to.
        pub phase: Option<String> => "phase",
        /// The key of its content.
        pub content: String => "content",
        /// The digest of what had happened before.
        pub causal: String => "causal",
        /// What it may change.
        pub effect: Effect => "effect",
        /// The number of its latest attempt; 0 before the first.
        pub attempt: u64 => "attempt",
        /// The record of an earlier result that stands for it.
        pub from: Option<u64> => "from",
        /// Why that stands for it.
        pub rule: Option<Rule> => "rule",
        /// What it ended with.
        pub outcome: Option<Outcome> => "outcome",
        /// What it took.
        pub usage: Option<Usage> => "usage",
    }
}

record! {
    /// A record that cannot be where it is.
    pub struct ReplayProblem {
        /// Its line, from 1.
        pub line: u64 => "line",
        /// Why not.
        pub message: String => "message",
    }
}

record! {
    /// What a journal tells.
    pub struct Replay {
        /// The run's id.
        pub run: Option<String> => "run",
        /// The script's name.
        pub name: Option<String> => "name",
        /// How the run stands.
        pub state: RunState => "state",
        /// Why it stands so.
        pub reason: Option<String> => "reason",
        /// What the script returned or failed with.
        pub outcome: Option<Outcome> => "outcome",
        /// The number of the latest execution; 0 before the first.
        pub epoch: u64 => "epoch",
        /// How many records there are.
        pub records: u64 => "records",
        /// How many of them are of a kind that a later version made.
        pub unknown: u64 => "unknown",
        /// The bytes that a crash left behind the last record.
        pub torn_bytes: u64 => "tornBytes",
        /// What the run may take.
        pub limits: Limits => "limits",
        /// What it has taken, over all executions.
        pub usage: Usage => "usage",
        /// The calls of the latest execution.
        pub calls: Vec<ReplayedCall> => "calls",
        /// How many results there are, of all executions.
        pub results: u64 => "results",
        /// Those of them that the latest execution has not used, or made.
        pub unclaimed: u64 => "unclaimed",
        /// What is wrong with the journal.
        pub problems: Vec<ReplayProblem> => "problems",
    }
}

/// A journal that is being looked at.
#[derive(Default)]
struct Look {
    history: History,
    calls: Vec<ReplayedCall>,
    /// How many results there were when the latest execution began.
    before: usize,
    unknown: u64,
    problems: Vec<ReplayProblem>,
}

/// Replays a journal's text.
pub fn replay(journal: &str, checksum: Checksum) -> Replay {
    let mut look = Look::default();
    let mut torn_bytes = 0;
    match split(journal.as_bytes(), checksum) {
        Ok(frames) => {
            torn_bytes = frames.torn_bytes as u64;
            for (place, line) in frames.lines.iter().enumerate() {
                look.take(place as u64 + 1, line);
            }
        }
        Err((line, problem)) => look.problem(line as u64, problem.to_string()),
    }
    look.tell(torn_bytes)
}

impl Look {
    fn problem(&mut self, line: u64, message: String) {
        self.problems.push(ReplayProblem { line, message });
    }

    fn take(&mut self, line: u64, text: &str) {
        let value = match read(text) {
            Ok(value) => value,
            Err(error) => return self.problem(line, error.to_string()),
        };
        let record = match RunRecord::parse(&value) {
            Ok(Some(record)) => record,
            Ok(None) => {
                self.unknown += 1;
                return self.history.skip();
            }
            Err(problem) => return self.problem(line, problem.message.clone()),
        };
        match self.history.accept(&record) {
            Ok(()) => self.note(record),
            Err(illegal) => self.problem(line, illegal.to_string()),
        }
    }

    /// Notes what a record does to the calls.
    fn note(&mut self, record: RunRecord) {
        match record {
            RunRecord::Started(_) => {
                self.calls.clear();
                self.before = self.history.past().len();
            }
            RunRecord::Issued(issued) => self.calls.push(ReplayedCall {
                call: issued.call,
                path: issued.path,
                kind: issued.kind,
                status: CallStatus::Waiting,
                label: issued.label,
                phase: issued.phase,
                content: issued.content,
                causal: issued.causal,
                effect: issued.effect,
                attempt: 0,
                from: None,
                rule: None,
                outcome: None,
                usage: None,
            }),
            RunRecord::Attempt(attempt) => self.change(attempt.call, |call| {
                call.attempt = attempt.attempt;
                call.status = CallStatus::Working;
            }),
            RunRecord::Abandoned(abandoned) if abandoned.epoch == self.history.epoch() => {
                self.change(abandoned.call, |call| call.status = CallStatus::Waiting);
            }
            RunRecord::Asked(asked) => {
                self.change(asked.call, |call| call.status = CallStatus::Asking);
            }
            RunRecord::Settled(settled) => self.change(settled.call, |call| {
                call.status = status(&settled.outcome);
                call.outcome = Some(settled.outcome);
                call.usage = settled.usage;
            }),
            RunRecord::Adopted(adopted) => {
                let past = self.history.past();
                let known = past.binary_search_by_key(&adopted.from, |past| past.from);
                let past = known.ok().and_then(|place| past.get(place)).cloned();
                self.change(adopted.call, |call| {
                    call.from = Some(adopted.from);
                    call.rule = Some(adopted.rule);
                    if let Some(past) = past {
                        call.status = status(&past.outcome);
                        call.outcome = Some(past.outcome);
                        call.usage = past.usage;
                    }
                });
            }
            _ => {}
        }
    }

    fn change(&mut self, call: u64, how: impl FnOnce(&mut ReplayedCall)) {
        let place = usize::try_from(call).unwrap_or(usize::MAX);
        if let Some(call) = self.calls.get_mut(place) {
            how(call);
        }
    }

    fn tell(self, torn_bytes: u64) -> Replay {
        let history = &self.history;
        let opened = history.opened();
        let ended = history.ended();
        let state = match ended.map(|ended| ended.end) {
            _ if opened.is_none() => RunState::Missing,
            Some(RunEnd::Paused) => RunState::Paused,
            Some(RunEnd::Stopped) => RunState::Stopped,
            Some(RunEnd::Failed) => RunState::Failed,
            Some(RunEnd::Completed) => RunState::Completed,
            Some(RunEnd::Abandoned) => RunState::Abandoned,
            None if history.started().is_none() => RunState::Opened,
            None => RunState::Open,
        };
        let results = history.past().len();
        let adopted = self.calls.iter().filter(|call| call.from.is_some()).count();
        Replay {
            run: opened.map(|opened| opened.run.clone()),
            name: opened.map(|opened| opened.name.clone()),
            state,
            reason: ended.and_then(|ended| ended.reason.clone()),
            outcome: ended.and_then(|ended| ended.outcome.clone()),
            epoch: history.epoch(),
            records: history.records(),
            unknown: self.unknown,
            torn_bytes,
            limits: history.limits().clone(),
            usage: history.ledger().spent().clone(),
            results: results as u64,
            unclaimed: self.before.saturating_sub(adopted) as u64,
            calls: self.calls,
            problems: self.problems,
        }
    }
}

fn status(outcome: &Outcome) -> CallStatus {
    match outcome.kind {
        OutcomeKind::Value => CallStatus::Settled,
        OutcomeKind::Error => CallStatus::Failed,
    }
}
