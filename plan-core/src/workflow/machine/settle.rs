//! What is told to the machine: calls of the script, results of work, wishes of people.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{
    Command, Control, Ending, Issued, Item, Live, Lost, Machine, OnDivergence, Question, Settled,
    Stage, phases,
};
use crate::base::json::Value;
use crate::base::record::JsonText;
use crate::workflow::history::{Match, Wanted};
use crate::workflow::identity::Effect;
use crate::workflow::ledger::{Reserved, Usage};
use crate::workflow::policy::{self, Reuse};
use crate::workflow::record::{
    CallAbandoned, CallAdopted, CallIssued, CallSettled, CheckpointAnswered, CheckpointAsked,
    EffectDone, EffectIntent, LimitsRaised, Logged, Outcome, PhaseBegun, RunDiverged, RunEnd,
    RunRecord,
};
use crate::workflow::vm::{Call, CallKind, VmError, VmState};

impl Machine {
    /// Takes something that the script caused.
    pub(super) fn take(&mut self, item: Item) {
        let epoch = self.epoch;
        let logged = |level: String, message: String| {
            Command::Append(RunRecord::Logged(Logged {
                epoch,
                level,
                message,
            }))
        };
        match item {
            Item::Open(open) => self.scopes.open(&open),
            Item::Join(join) => self.scopes.join(&join.scope),
            Item::GivenUp(given_up) => self.give_up(&given_up.scope),
            Item::Phase(phase) => {
                if let Some(budget) = phase.budget {
                    let name = phases::name(&phase.scope, &phase.title);
                    self.phases.declare(name, budget);
                }
                let title = phase.title;
                let record = RunRecord::Phase(PhaseBegun { epoch, title });
                self.out.push(Command::Append(record));
            }
            Item::Log(log) => self
                .out
                .push(logged(log.level.as_str().to_string(), log.message)),
            Item::Warning(warning) => self.out.push(logged("warn".to_string(), warning.message)),
            Item::Call(call) => self.issue(*call),
        }
    }

    fn issue(&mut self, call: Issued) {
        let number = self.calls.len() as u64;
        let causal = self.scopes.digest(&call.call.scope);
        let is_agent = call.call.kind == CallKind::Agent;
        let takes_place = is_agent || is_simple(&call.call);
        self.agents += u64::from(takes_place);
        let title = call.call.phase.as_deref().filter(|_| is_agent);
        let phase = title.map(|title| phases::name(&call.call.path, title));
        self.out.push(Command::Append(RunRecord::Issued(CallIssued {
            epoch: self.epoch,
            call: number,
            path: call.call.path.clone(),
            kind: call.call.kind,
            content: call.content.clone(),
            causal: causal.clone(),
            effect: call.effect,
            label: call.call.label.clone(),
            phase: call.call.phase.clone(),
        })));
        let doubtful = self.doubtful(&call);
        self.add(Live {
            scope: call.call.scope.clone(),
            ordinal: call.call.ordinal,
            is_agent,
            phase,
            reserved: Reserved::NONE,
            wait: waits(&call.call),
            due: self.history.due(&call.call.path, &call.content),
            content: call.content.clone(),
            effect: call.effect,
            retries: call.retries.unwrap_or(self.limits.retries),
            attempt: 0,
            usage: None,
            tree: None,
            refs: Vec::new(),
            may_have_done: doubtful.is_some(),
            key: doubtful.or_else(|| call.key.clone()),
            has_probe: call.has_probe,
            stage: Stage::Queued,
        });
        let wanted = Wanted {
            content: &call.content,
            path: &call.call.path,
            causal: &causal,
            source: &self.source,
            content_alone: self.terms.reuse == Reuse::Content && !call.effect.is_seen(),
            errors: self.terms.keep_failures,
        };
        if let Some(found) = self.find(&wanted) {
            return self.claim(number, found);
        }
        if let Some(refused) = call.refused {
            return self.end(number, refused);
        }
        if takes_place && self.agents > self.limits.max_agents {
            let most = self.limits.max_agents;
            let message = format!(
                "the run may call {most} agents ({} were called); raise its limit to go on",
                self.agents
            );
            let refused = Outcome::error(policy::AGENT_LIMIT_EXCEEDED, message, false);
            return self.end(number, refused);
        }
        self.compare(&call);
        if let Some(question) = call.question {
            self.ask(number, question);
        }
    }

    /// Finds the key by which an earlier execution announced what a call is about to change
    /// outside: the call's own, else that of an equal call that stood at another place.
    fn doubtful(&mut self, call: &Issued) -> Option<String> {
        let own = call.key.as_deref()?;
        let taken = &self.taken;
        let mut others = self.history.may_have_done_as(&call.content);
        let found = if self.history.may_have_done(own) {
            Some(own)
        } else {
            others.find(|key| !taken.contains(*key))
        };
        let found = found.map(String::from);
        self.taken.extend(found.clone());
        found
    }

    /// Answers a question, or waits for somebody who does.
    fn ask(&mut self, number: u64, question: Question) {
        let answered = self.history.answer(&question.id).cloned();
        if let Some(answer) = answered.or(question.reply) {
            return self.end(number, Outcome::value(answer));
        }
        self.out
            .push(Command::Append(RunRecord::Asked(CheckpointAsked {
                epoch: self.epoch,
                call: number,
                id: question.id.clone(),
                question: question.text,
            })));
        self.stage(number, Stage::Asking(question.id));
    }

    fn find(&self, wanted: &Wanted<'_>) -> Option<Match> {
        if self.terms.reuse == Reuse::Nothing {
            return None;
        }
        self.history
            .find(wanted, |index| !self.claimed.contains(&index))
    }

    /// Lets an earlier result stand for a call.
    fn claim(&mut self, number: u64, found: Match) {
        let Some(past) = self.history.past().get(found.index) else {
            return;
        };
        let (from, outcome) = (past.from, past.outcome.clone());
        let (usage, tree) = (past.usage.clone(), past.tree.clone());
        let refs = past.refs.clone();
        self.claimed.insert(found.index);
        self.out
            .push(Command::Append(RunRecord::Adopted(CallAdopted {
                epoch: self.epoch,
                call: number,
                from,
                rule: found.rule,
            })));
        if let Some(live) = self.live_mut(number) {
            live.usage = usage;
            live.tree = tree;
            live.refs = refs;
        }
        self.stage(number, Stage::Ready(from, outcome));
    }

    /// Looks whether a call that has no earlier result should have had one.
    fn compare(&mut self, call: &Issued) {
        let is_free = |index: usize| !self.claimed.contains(&index);
        if call.effect == Effect::External && self.history.did_outside(&call.content, is_free) {
            let path = &call.call.path;
            let reason = format!("external-effect-changed: {path} was done after something else");
            return self.ends(RunEnd::Paused, Some(reason), None);
        }
        if !self.same {
            return;
        }
        let Some(past) = self.history.at(&call.call.path, is_free) else {
            return;
        };
        // One that failed is meant to be run again.
        if past.content == call.content {
            return;
        }
        self.out
            .push(Command::Append(RunRecord::Diverged(RunDiverged {
                epoch: self.epoch,
                path: call.call.path.clone(),
                expected: past.content.clone(),
                found: call.content.clone(),
            })));
        if self.terms.on_divergence == OnDivergence::Pause {
            let reason = format!("diverged: {} calls something else", call.call.path);
            self.ends(RunEnd::Paused, Some(reason), None);
        }
    }

    /// Notes how the script stands.
    pub(super) fn judge(&mut self, state: VmState, value: Option<Outcome>, error: Option<VmError>) {
        match state {
            VmState::Waiting => {}
            VmState::Done => {
                self.doubt();
                let value = value.unwrap_or_else(|| Outcome::value(JsonText::default()));
                self.ends(RunEnd::Completed, None, Some(value));
            }
            VmState::Failed | VmState::Deadlock => {
                let (code, message) = error.map_or_else(
                    || ("SCRIPT_ERROR".to_string(), String::new()),
                    |error| (error.code, error.message),
                );
                let outcome = Outcome::error(&code, message, false);
                self.ends(RunEnd::Failed, Some(code), Some(outcome));
                self.cancel_all();
            }
        }
    }

    /// Takes the result of work.
    pub(super) fn settled(&mut self, settled: Settled) {
        let (call, attempt) = (settled.call, settled.attempt);
        let Some(Stage::Working(reserved)) = self.working_stage(call, attempt) else {
            // A late result of an attempt that nobody waits for.
            return;
        };
        self.release(call, reserved);
        let is_error = !settled.outcome.is_value();
        let passes = settled.outcome.recoverable == Some(true);
        let retries = self.live(call).map_or(0, |live| live.retries);
        if is_error && settled.outcome.code.as_deref() == Some(policy::PROVIDER_USAGE_LIMIT) {
            let message = settled.outcome.message.as_deref().unwrap_or_default();
            let reason = policy::reset_hint(message).map_or_else(
                || policy::USAGE_LIMIT.to_string(),
                |hint| format!("{}: {hint}", policy::USAGE_LIMIT),
            );
            self.abandon(failed(settled));
            self.stage(call, Stage::Dropped);
            return self.ends(RunEnd::Paused, Some(reason), None);
        }
        if is_error && passes && attempt <= retries && self.ending.is_none() {
            self.abandon(failed(settled));
            self.stage(call, Stage::Pausing);
            let after = policy::backoff(attempt + 1);
            return self.out.push(Command::Wake { call, after });
        }
        self.settle_as(settled);
    }

    /// Goes on when somebody has looked whether an effect has happened.
    pub(super) fn probed(&mut self, call: u64, attempt: u64, found: Option<Outcome>) {
        let Some(Stage::Working(reserved)) = self.working_stage(call, attempt) else {
            return;
        };
        if found.is_none() && self.ending.is_none() {
            return self.set_out(call, attempt);
        }
        self.release(call, reserved);
        let Some(outcome) = found else {
            self.abandon(Lost {
                call,
                attempt,
                reason: "stop".to_string(),
                usage: None,
                salvage: None,
            });
            return drop(self.stage(call, Stage::Dropped));
        };
        let key = self.live(call).and_then(|live| live.key.clone());
        if let Some(key) = key.filter(|_| outcome.is_value()) {
            let epoch = self.epoch;
            let done = EffectDone { epoch, call, key };
            self.out.push(Command::Append(RunRecord::Done(done)));
        }
        self.settle_as(Settled {
            call,
            attempt,
            outcome,
            usage: None,
            tree: None,
            refs: Vec::new(),
        });
    }

    /// Lets work on a call begin; what it changes outside is announced first.
    pub(super) fn set_out(&mut self, call: u64, attempt: u64) {
        let epoch = self.epoch;
        if let Some(live) = self.live_mut(call)
            && let Some(key) = live.key.clone()
        {
            live.may_have_done = true;
            let intent = EffectIntent {
                epoch,
                call,
                attempt,
                key,
            };
            self.out.push(Command::Append(RunRecord::Intent(intent)));
        }
        self.out.push(Command::Start { call, attempt });
    }

    /// Notes that work was broken off.
    pub(super) fn lost(&mut self, lost: Lost) {
        let call = lost.call;
        let Some(Stage::Working(reserved)) = self.working_stage(call, lost.attempt) else {
            return;
        };
        self.release(call, reserved);
        self.abandon(lost);
        let stage = match self.ending {
            Some(_) => Stage::Dropped,
            None => Stage::Queued,
        };
        self.stage(call, stage);
    }

    /// Does what somebody wants.
    pub(super) fn control(&mut self, control: Control) {
        let (end, reason) = match control {
            Control::Pause(reason) => (RunEnd::Paused, reason),
            Control::Stop(reason) => (RunEnd::Stopped, reason),
            Control::Abandon(reason) => (RunEnd::Abandoned, reason),
            Control::Raise(limits) => {
                self.limits = limits.clone();
                self.out
                    .push(Command::Append(RunRecord::Raised(LimitsRaised { limits })));
                return;
            }
            Control::Answer { id, answer } => {
                self.out
                    .push(Command::Append(RunRecord::Answered(CheckpointAnswered {
                        id: id.clone(),
                        answer: answer.clone(),
                        at: self.now,
                    })));
                let asking = |live: &Live| live.stage == Stage::Asking(id.clone());
                if let Some(place) = self.calls.iter().position(asking) {
                    self.end(place as u64, Outcome::value(answer));
                }
                return;
            }
        };
        // What somebody wants goes over an end that is on its way.
        self.ending = None;
        self.ends(end, Some(reason), None);
        self.cancel_all();
    }

    pub(super) fn ends(&mut self, end: RunEnd, reason: Option<String>, outcome: Option<Outcome>) {
        self.ending.get_or_insert(Ending {
            end,
            reason,
            outcome,
        });
    }

    /// Ends the calls in a combinator that wait to begin: their results are not wanted.
    fn give_up(&mut self, scope: &str) {
        let inside = |live: &Live| {
            let rest = live.scope.strip_prefix(scope);
            rest.is_some_and(|rest| rest.starts_with('['))
        };
        let waits = |live: &Live| matches!(live.stage, Stage::Queued | Stage::Pausing);
        let all = self.calls.iter().enumerate();
        let unwanted: Vec<u64> = all
            .filter(|(_, live)| inside(live) && waits(live))
            .map(|(call, _)| call as u64)
            .collect();
        for call in unwanted {
            let message = "not begun: what it belongs to has failed";
            let outcome = Outcome::error(policy::AGENT_LIMIT_EXCEEDED, message, false);
            self.end(call, outcome);
        }
    }

    /// Says so when a script has returned although every agent has failed.
    fn doubt(&mut self) {
        let (heard, failed) = self.heard;
        if heard == 0 || heard > failed {
            return;
        }
        let message = format!(
            "none of the {heard} agents that the script called has answered: what it returned \
             is made of nothing"
        );
        self.warn(message);
    }

    pub(super) fn warn(&mut self, message: String) {
        self.out.push(Command::Append(RunRecord::Logged(Logged {
            epoch: self.epoch,
            level: "warn".into(),
            message,
        })));
    }

    fn release(&mut self, call: u64, reserved: Reserved) {
        self.ledger.release(reserved);
        let Some(live) = self.live_mut(call) else {
            return;
        };
        let phase = live.phase.clone();
        let reserved = core::mem::replace(&mut live.reserved, Reserved::NONE);
        self.phases.release(phase.as_deref(), reserved);
    }

    fn spend(&mut self, call: u64, usage: &Usage) {
        self.ledger.spend(usage);
        let phase = self.live(call).and_then(|live| live.phase.clone());
        let warning = phase.and_then(|phase| self.phases.spend(&phase, usage));
        if let Some(warning) = warning {
            self.warn(warning);
        }
    }

    fn cancel_all(&mut self) {
        for (call, live) in self.calls.iter().enumerate() {
            if matches!(live.stage, Stage::Working(_)) {
                self.out.push(Command::Cancel {
                    call: call as u64,
                    attempt: live.attempt,
                });
            }
        }
    }

    /// Ends a call that nobody worked on.
    pub(super) fn end(&mut self, call: u64, outcome: Outcome) {
        self.settle_as(Settled {
            call,
            attempt: 0,
            outcome,
            usage: None,
            tree: None,
            refs: Vec::new(),
        });
    }

    fn settle_as(&mut self, settled: Settled) {
        let call = settled.call;
        if let Some(usage) = &settled.usage {
            self.spend(call, usage);
        }
        if let Some(live) = self.live_mut(call) {
            live.usage.clone_from(&settled.usage);
            live.tree.clone_from(&settled.tree);
            live.refs.clone_from(&settled.refs);
        }
        let outcome = settled.outcome.clone();
        self.out
            .push(Command::Append(RunRecord::Settled(CallSettled {
                epoch: self.epoch,
                call,
                attempt: settled.attempt,
                outcome: settled.outcome,
                usage: settled.usage,
                tree: settled.tree,
                refs: settled.refs,
                at: Some(self.now),
            })));
        // Behind everything that the journal held when we began.
        self.arrived += 1;
        let order = self.history.records() + self.arrived;
        self.stage(call, Stage::Ready(order, outcome));
    }

    fn abandon(&mut self, lost: Lost) {
        if let Some(usage) = &lost.usage {
            self.spend(lost.call, usage);
        }
        self.out
            .push(Command::Append(RunRecord::Abandoned(CallAbandoned {
                epoch: self.epoch,
                call: lost.call,
                attempt: lost.attempt,
                reason: lost.reason,
                usage: lost.usage,
                salvage: lost.salvage,
            })));
    }

    fn working_stage(&self, call: u64, attempt: u64) -> Option<Stage> {
        let live = self.live(call)?;
        (live.attempt == attempt).then(|| live.stage.clone())
    }
}

/// Tells whether a call is a question that takes a place among the calls of a run. One that a
/// person must answer takes none.
fn is_simple(call: &Call) -> bool {
    call.kind == CallKind::Checkpoint && call.payload.value().get("durable").is_none()
}

/// How long a call does nothing but wait, in milliseconds.
fn waits(call: &Call) -> Option<u64> {
    if call.kind != CallKind::Sleep {
        return None;
    }
    let asked = call.payload.value().get("ms").and_then(Value::as_number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest number that fits"
    )]
    Some((asked.unwrap_or(0.0) as u64).min(u64::from(u32::MAX)))
}

/// An attempt whose error is not the call's.
fn failed(settled: Settled) -> Lost {
    Lost {
        call: settled.call,
        attempt: settled.attempt,
        reason: settled.outcome.code.unwrap_or_default(),
        usage: settled.usage,
        salvage: None,
    }
}
