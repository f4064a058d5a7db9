//! The machine that runs a workflow: events in, commands out. It holds no clock, no file and
//! no process, so a run is decided in the same way wherever it is driven.
//!
//! The rule of delivery makes a resumed run the same run: whenever the script waits, it gets
//! the one result whose record is the earliest in the journal; only when there is none, calls
//! that have no result begin. So the script sees what it saw before, in the order in which it
//! saw it, until the journal ends.

mod advance;
mod board;
mod phases;
mod settle;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use board::Board;
use phases::Phases;
pub(crate) use phases::name as phase_name;

use super::causal::Scopes;
use super::history::History;
use super::identity::Effect;
use super::ledger::{Ledger, Reserved, Usage};
use super::policy::{Limits, Reuse};
use super::record::{Agents, CallAbandoned, ExecStarted, Outcome, RunEnd, RunRecord};
use super::vm::{self, VmError, VmState};
use crate::base::map::Set;
use crate::base::record::JsonText;

/// What to do when an unedited script calls something else than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDivergence {
    /// It is noted, and the call is run.
    #[default]
    Run,
    /// The run is paused.
    Pause,
}

/// How a run is driven.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Which earlier results count.
    pub reuse: Reuse,
    /// Whether calls that failed are not tried again.
    pub keep_failures: bool,
    /// What to do when an unedited script does something else.
    pub on_divergence: OnDivergence,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            reuse: Reuse::Caused,
            keep_failures: false,
            on_divergence: OnDivergence::Run,
        }
    }
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The checkpoint's name.
    pub id: String,
    /// What is asked.
    pub text: JsonText,
    /// What counts when nobody is asked; `None` waits for a person.
    pub reply: Option<JsonText>,
}

/// What the driver knows of a call that the script made.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// The call.
    pub call: vm::Call,
    /// The key of its content.
    pub content: String,
    /// What it may change.
    pub effect: Effect,
    /// How often it is tried again; as the run's limits say by default.
    pub retries: Option<u64>,
    /// What tells its effect from all others, when it changes something outside.
    pub key: Option<String>,
    /// Whether somebody can look if the effect has happened.
    pub has_probe: bool,
    /// Why it cannot be worked on at all.
    pub refused: Option<Outcome>,
    /// What is asked, when somebody is.
    pub question: Option<Question>,
}

/// Something that a script caused, as the machine needs it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// It calls.
    Call(Box<Issued>),
    /// A combinator begins.
    Open(vm::Open),
    /// A combinator ends.
    Join(vm::Join),
    /// What a combinator has not begun is not wanted any more.
    GivenUp(vm::GivenUp),
    /// A phase begins.
    Phase(vm::PhaseEntered),
    /// It says something.
    Log(vm::LogLine),
    /// Something looks wrong.
    Warning(vm::Warning),
}

/// Somebody wants something.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// Stop so that it can go on: the word is kept as the reason.
    Pause(String),
    /// The same, by a person who wants it to end.
    Stop(String),
    /// Stop for good.
    Abandon(String),
    /// It may take more.
    Raise(Limits),
    /// A checkpoint is answered.
    Answer {
        /// The checkpoint.
        id: String,
        /// The answer.
        answer: JsonText,
    },
}

/// Work on a call that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The call.
    pub call: u64,
    /// The attempt.
    pub attempt: u64,
    /// With what.
    pub outcome: Outcome,
    /// What it took.
    pub usage: Option<Usage>,
    /// The tree behind it.
    pub tree: Option<String>,
    /// The refs that it made.
    pub refs: Vec<String>,
}

/// Work on a call that was broken off: nothing is known of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// The call.
    pub call: u64,
    /// The attempt.
    pub attempt: u64,
    /// Why.
    pub reason: String,
    /// What it had taken.
    pub usage: Option<Usage>,
    /// Where what it had done is kept.
    pub salvage: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The script waits, or has ended.
    Report {
        /// What it caused.
        items: Vec<Item>,
        /// How it stands.
        state: VmState,
        /// What it returned.
        value: Option<Outcome>,
        /// Why it failed.
        error: Option<VmError>,
    },
    /// Work on a call has ended.
    Settled(Settled),
    /// Work on a call was broken off.
    Lost(Lost),
    /// Somebody has looked whether what a call changes outside has happened.
    Probed {
        /// The call.
        call: u64,
        /// The attempt.
        attempt: u64,
        /// The call's result when it has happened.
        found: Option<Outcome>,
    },
    /// There is something to tell of a call that is worked on.
    Noted(vm::LogLine),
    /// A pause before another attempt is over.
    Woke {
        /// The call.
        call: u64,
    },
    /// Somebody wants something.
    Control(Control),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Append a record. Promises are durable before any later command is carried out.
    Append(RunRecord),
    /// Tell the script, and let it run until it waits.
    Deliver {
        /// The call.
        call: u64,
        /// With what it ended.
        outcome: Outcome,
        /// The tokens that were spent, as far as the script knows.
        spent: u64,
    },
    /// Begin to work on a call.
    Start {
        /// The call.
        call: u64,
        /// The attempt.
        attempt: u64,
    },
    /// Look whether what a call changes outside has happened; [`Event::Probed`] follows.
    Probe {
        /// The call.
        call: u64,
        /// The attempt that waits for it.
        attempt: u64,
    },
    /// Break work on a call off; [`Event::Lost`] or [`Event::Settled`] follows.
    Cancel {
        /// The call.
        call: u64,
        /// The attempt.
        attempt: u64,
    },
    /// Say [`Event::Woke`] after so many milliseconds.
    Wake {
        /// The call.
        call: u64,
        /// The pause.
        after: u64,
    },
    /// The execution is over.
    Finish {
        /// How.
        end: RunEnd,
        /// Why.
        reason: Option<String>,
        /// What the script returned or failed with.
        outcome: Option<Outcome>,
    },
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq)]
enum Stage {
    /// It wants to begin.
    Queued,
    /// It pauses before another attempt.
    Pausing,
    /// It is worked on.
    Working(Reserved),
    /// Somebody is asked.
    Asking(String),
    /// It has ended and the script does not know. The number orders it.
    Ready(u64, Outcome),
    /// The script knows.
    Told,
    /// Nobody waits for it any more.
    Dropped,
}

#[derive(Debug, Clone, PartialEq)]
struct Live {
    scope: String,
    ordinal: u64,
    is_agent: bool,
    /// The phase whose budget it takes from, and what is set aside of that.
    phase: Option<String>,
    reserved: Reserved,
    /// How long it only waits, and until when.
    wait: Option<u64>,
    due: Option<u64>,
    content: String,
    effect: Effect,
    retries: u64,
    attempt: u64,
    usage: Option<Usage>,
    tree: Option<String>,
    refs: Vec<String>,
    key: Option<String>,
    has_probe: bool,
    /// Whether its effect may have happened.
    may_have_done: bool,
    stage: Stage,
}

/// An execution that comes to its end.
#[derive(Debug, Clone, PartialEq)]
struct Ending {
    end: RunEnd,
    reason: Option<String>,
    outcome: Option<Outcome>,
}

/// The machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    history: History,
    terms: Terms,
    epoch: u64,
    /// The script and what it is given.
    source: String,
    /// Whether they are those of the execution before.
    same: bool,
    limits: Limits,
    calls: Vec<Live>,
    board: Board,
    claimed: Set<usize>,
    /// The keys of effects that calls of this execution answer for.
    taken: BTreeSet<String>,
    scopes: Scopes,
    ledger: Ledger,
    phases: Phases,
    /// Calls that take a place among those that the run may make.
    agents: u64,
    /// Agents that the script was told of, and how many of them have failed.
    heard: (u64, u64),
    /// The tokens that the script was told of.
    told: u64,
    arrived: u64,
    /// The time of the event that is worked on.
    now: u64,
    /// Whether the script runs.
    busy: bool,
    ending: Option<Ending>,
    over: bool,
    /// What is to be done, in order.
    out: Vec<Command>,
}

/// What the first record of an execution says.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// The digest of the script.
    pub script: String,
    /// The digest of what it is given.
    pub args: String,
    /// The engine and its prelude.
    pub engine: String,
    /// The process.
    pub pid: u64,
    /// Who works on calls.
    pub agents: Option<Agents>,
}

impl Machine {
    /// Begins an execution of a run that is open. The script is started when the commands are
    /// carried out; [`Event::Report`] follows.
    pub fn begin(history: History, terms: Terms, host: Host, now: u64) -> (Self, Vec<Command>) {
        let epoch = history.epoch() + 1;
        let started = ExecStarted {
            epoch,
            script: host.script,
            args: host.args,
            engine: host.engine,
            pid: host.pid,
            agents: host.agents,
            at: now,
        };
        let machine = Self {
            same: history
                .started()
                .is_some_and(|before| before.is_of(&started)),
            source: started.source(),
            limits: history.limits().clone(),
            ledger: history.ledger().clone(),
            phases: Phases::new(&history),
            history,
            terms,
            epoch,
            calls: Vec::new(),
            board: Board::default(),
            claimed: Set::new(),
            taken: BTreeSet::new(),
            scopes: Scopes::default(),
            agents: 0,
            heard: (0, 0),
            told: 0,
            arrived: 0,
            now,
            busy: true,
            ending: None,
            over: false,
            out: Vec::new(),
        };
        let mut commands = Vec::from([Command::Append(RunRecord::Started(started))]);
        // Nobody waits any more for those whose process died.
        let left = machine.history.left().map(|begun| {
            Command::Append(RunRecord::Abandoned(CallAbandoned {
                epoch: begun.issued.epoch,
                call: begun.issued.call,
                attempt: begun.attempt,
                reason: "crash".to_string(),
                usage: None,
                salvage: None,
            }))
        });
        commands.extend(left);
        (machine, commands)
    }

    /// Takes an event at a time, in milliseconds since 1970, and says what to do.
    pub fn step(&mut self, event: Event, now: u64) -> Vec<Command> {
        if self.over {
            return Vec::new();
        }
        self.now = now;
        match event {
            Event::Report {
                items,
                state,
                value,
                error,
            } => {
                self.busy = false;
                for item in items {
                    self.take(item);
                }
                self.judge(state, value, error);
            }
            Event::Settled(settled) => self.settled(settled),
            Event::Lost(lost) => self.lost(lost),
            Event::Probed {
                call,
                attempt,
                found,
            } => self.probed(call, attempt, found),
            Event::Noted(line) => self.take(Item::Log(line)),
            Event::Woke { call } => {
                let live = self.live(call);
                if live.is_some_and(|live| live.stage == Stage::Pausing) {
                    self.stage(call, Stage::Queued);
                }
            }
            Event::Control(control) => self.control(control),
        }
        self.advance();
        core::mem::take(&mut self.out)
    }

    /// Returns the number of this execution.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns what was spent, over all executions.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns how many calls are worked on.
    pub const fn working(&self) -> usize {
        self.board.working()
    }

    /// Returns how many earlier results nobody has asked for yet.
    pub fn unclaimed(&self) -> usize {
        let free = |index: &usize| !self.claimed.contains(index);
        (0..self.history.past().len()).filter(free).count()
    }

    /// Returns what is left of a call that has ended: its tree, and the refs that hold its work.
    pub fn left(&self, call: u64) -> Option<(&str, &[String])> {
        let live = self.live(call)?;
        Some((live.tree.as_deref()?, &live.refs))
    }

    /// Returns when a call that only waits is over.
    pub fn due(&self, call: u64) -> Option<u64> {
        self.live(call)?.due
    }

    /// Returns the run's id.
    pub fn run(&self) -> &str {
        let opened = self.history.opened();
        opened.map_or("", |opened| &*opened.run)
    }

    /// Returns what tells the effect of a call from all others, when it has one outside.
    pub fn key(&self, call: u64) -> Option<&str> {
        self.live(call)?.key.as_deref()
    }

    fn live(&self, call: u64) -> Option<&Live> {
        self.calls.get(usize::try_from(call).ok()?)
    }

    fn live_mut(&mut self, call: u64) -> Option<&mut Live> {
        self.calls.get_mut(usize::try_from(call).ok()?)
    }
    /// Adds a call that wants to begin.
    fn add(&mut self, live: Live) {
        let call = self.calls.len() as u64;
        self.board.enter(call, live.is_agent, &live.stage);
        self.calls.push(live);
    }

    /// Moves a call to another stage; returns the one before.
    fn stage(&mut self, call: u64, stage: Stage) -> Option<Stage> {
        let place = usize::try_from(call).ok()?;
        let live = self.calls.get_mut(place)?;
        let before = core::mem::replace(&mut live.stage, stage);
        self.board.leave(call, live.is_agent, &before);
        self.board.enter(call, live.is_agent, &live.stage);
        Some(before)
    }
}
