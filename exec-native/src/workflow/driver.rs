//! The loop of a run: what happened goes to the machine, what it says is done. Records are
//! durable before anything that relies on them; those that wait are written together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::Value;
use plan_core::workflow::identity::{Effect, content_key};
use plan_core::workflow::ledger::Ledger;
use plan_core::workflow::machine::{
    Command, Control, Event, Host, Issued, Item, Lost, Machine, Question, Settled, Terms,
};
use plan_core::workflow::policy::{Limits, SCRIPT_VALIDATION_ERROR};
use plan_core::workflow::record::{self, Outcome, RunEnd, RunRecord};
use plan_core::workflow::vm::{self, Budget, CallError, CallKind, JsonText, Report, Settle, Start};

use super::agent::{Agents, Request, Work};
use super::script::Script;
use super::simple;
use super::store::Store;
use super::thread::Threads;
use super::vm::{VmHost, VmLimits};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::{Deadline, now_ms};
use crate::os::owner::own_id;
use crate::os::proc::Cancel;
use crate::os::{own, threads};

/// How often somebody else's wishes are looked for.
const LOOK: Duration = Duration::from_millis(100);

/// What a run is driven with.
pub struct Drive<'d> {
    /// The script.
    pub script: &'d Script,
    /// What it is given.
    pub args: JsonText,
    /// The workspace.
    pub cwd: PathBuf,
    /// Which earlier results count.
    pub terms: Terms,
    /// Who works on calls of agents.
    pub agents: &'d dyn Agents,
    /// Who that is, for whoever goes on.
    pub named: record::Agents,
    /// Finds the text of other workflows by name.
    pub find: &'d (dyn Fn(&str) -> Option<Script> + Sync),
    /// The variables of the environment that the script may ask for.
    pub variables: BTreeMap<String, Option<String>>,
    /// What the script's engine may take.
    pub engine: EngineLimits,
    /// Hears every record as it is made.
    pub events: &'d dyn Fn(&RunRecord),
    /// The flag by which somebody asks to stop.
    pub cancel: &'d Cancel,
}

impl std::fmt::Debug for Drive<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What the script is given and may ask for can be secret.
        out.debug_struct("Drive")
            .field("cwd", &self.cwd)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

/// What the script's engine may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// Bytes.
    pub memory: u64,
    /// Turns of the engine's counter.
    pub fuel: u64,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            fuel: 2_000_000,
        }
    }
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Driven {
    /// How.
    pub end: RunEnd,
    /// Why.
    pub reason: Option<String>,
    /// What the script returned or failed with.
    pub outcome: Option<Outcome>,
    /// What the run has taken, over all executions.
    pub ledger: Ledger,
    /// How many earlier results nobody asked for.
    pub unclaimed: usize,
}

/// The machine with everything that it works on.
struct Driver<'d, 'e> {
    drive: &'d Drive<'d>,
    store: Store,
    machine: Machine,
    host: VmHost,
    /// What the calls at work were given.
    payloads: Vec<vm::Call>,
    /// The conversations of the script.
    threads: Threads,
    cancels: BTreeMap<u64, Cancel>,
    timers: Vec<(u64, Event)>,
    sender: Sender<Event>,
    crew: threads::Crew<'d, 'e>,
    finished: Option<Driven>,
    /// The signal that was heard.
    asked: Option<u8>,
    /// When somebody else's wishes are looked for again.
    look: Deadline,
}

/// Drives a run until it ends, or stops.
///
/// # Errors
/// The journal cannot be written, or the script's host died; the run can be resumed.
pub fn drive(store: Store, drive: &Drive<'_>) -> Result<Driven, ExecError> {
    let program = own::program().ok_or_else(|| {
        let message = "the callsheet program cannot be found";
        let error = ExecError::new(ExecErrorKind::Missing, message);
        error.hint(format!("set {} to its path", own::VARIABLE))
    })?;
    let (sender, receiver) = channel();
    threads::scope(|scope| {
        let host = VmHost::spawn(&program, VmLimits::default())?;
        let args = sha256_hex(drive.args.as_str().as_bytes());
        let host_record = Host {
            script: store.keep(&drive.script.text)?,
            args,
            engine: super::vm::engine(),
            pid: u64::from(own_id()),
            agents: Some(drive.named.clone()),
        };
        let history = store.history().clone();
        let (machine, commands) =
            Machine::begin(history, drive.terms.clone(), host_record, now_ms());
        let mut driver = Driver {
            drive,
            store,
            machine,
            host,
            payloads: Vec::new(),
            threads: Threads::default(),
            cancels: BTreeMap::new(),
            timers: Vec::new(),
            sender,
            crew: threads::Crew::new(scope),
            finished: None,
            asked: None,
            look: Deadline::after(Some(Duration::ZERO)),
        };
        let driven = driver.run(commands, &receiver);
        // Whatever went wrong: nobody is left to wait for those at work.
        for cancel in driver.cancels.values() {
            cancel.raise();
        }
        driven
    })
}

impl Driver<'_, '_> {
    fn run(
        &mut self,
        commands: Vec<Command>,
        receiver: &Receiver<Event>,
    ) -> Result<Driven, ExecError> {
        self.obey(commands)?;
        let report = self.start()?;
        let event = self.report(report)?;
        self.take(Vec::from([event]))?;
        loop {
            if let Some(driven) = self.finished.take() {
                self.store.flush()?;
                return Ok(driven);
            }
            let mut events = Vec::new();
            match receiver.recv_timeout(self.pause()) {
                Ok(event) => events.push(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let message = "nobody is left who could go on";
                    return Err(ExecError::new(ExecErrorKind::Internal, message));
                }
            }
            events.extend(receiver.try_iter());
            let now = now_ms();
            let due = self.timers.extract_if(.., |(due, _)| *due <= now);
            events.extend(due.map(|(_, event)| event));
            events.extend(self.wishes()?);
            self.take(events)?;
        }
    }

    /// How long to wait for the next event.
    fn pause(&self) -> Duration {
        let next = self.timers.iter().map(|(due, _)| *due).min();
        let left = next.map(|due| Duration::from_millis(due.saturating_sub(now_ms())));
        left.map_or(LOOK, |left| left.min(LOOK))
    }

    fn start(&mut self) -> Result<Report, ExecError> {
        let drive = self.drive;
        let script = drive.script;
        self.host.start(Start {
            script: script.text.clone(),
            statement: script.statement(),
            name: script.file.clone(),
            args: drive.args.clone(),
            cwd: drive.cwd.display().to_string(),
            phases: script.titles(),
            budget: Budget {
                total: self.limits().budget,
                spent: 0,
            },
            memory: drive.engine.memory,
            fuel: drive.engine.fuel,
        })
    }

    fn limits(&self) -> &Limits {
        self.store.history().limits()
    }

    /// Gives events to the machine, and does what it says about all of them: records first,
    /// in one piece.
    fn take(&mut self, mut events: Vec<Event>) -> Result<(), ExecError> {
        while !events.is_empty() {
            let commands = self.step(events)?;
            // What the script said to a result is an event as well.
            events = self.obey(commands)?.into_iter().collect();
        }
        Ok(())
    }

    fn step(&mut self, events: Vec<Event>) -> Result<Vec<Command>, ExecError> {
        let mut commands = Vec::new();
        for mut event in events {
            if let Event::Settled(settled) = &mut event {
                self.cancels.remove(&settled.call);
                // One that is long goes to a file.
                if let Some(value) = settled.outcome.value.take() {
                    settled.outcome = self.store.outcome(value)?;
                }
            }
            if let Event::Lost(lost) = &event {
                self.cancels.remove(&lost.call);
            }
            commands.extend(self.machine.step(event, now_ms()));
        }
        Ok(commands)
    }

    /// Carries commands out; what the script says to a result that it is told comes back.
    fn obey(&mut self, commands: Vec<Command>) -> Result<Option<Event>, ExecError> {
        let mut rest = Vec::new();
        for command in commands {
            match command {
                Command::Append(record) => {
                    self.store.append(&record)?;
                    (self.drive.events)(&record);
                }
                other => rest.push(other),
            }
        }
        if !rest.is_empty() {
            self.store.flush()?;
        }
        let mut told = None;
        for command in rest {
            match command {
                Command::Append(_) => {}
                Command::Deliver {
                    call,
                    outcome,
                    spent,
                } => told = Some((call, outcome, spent)),
                Command::Start { call, attempt } => self.begin(call, attempt),
                Command::Cancel { call, .. } => {
                    if let Some(cancel) = self.cancels.get(&call) {
                        cancel.raise();
                    }
                    self.timers.retain(|(_, event)| {
                        !matches!(event, Event::Settled(settled) if settled.call == call)
                    });
                }
                Command::Wake { call, after } => {
                    self.timers.push((now_ms() + after, Event::Woke { call }));
                }
                Command::Finish {
                    end,
                    reason,
                    outcome,
                } => {
                    self.finished = Some(Driven {
                        end,
                        reason,
                        outcome,
                        ledger: self.machine.ledger().clone(),
                        unclaimed: self.machine.unclaimed(),
                    });
                }
            }
        }
        let Some((call, outcome, spent)) = told else {
            return Ok(None);
        };
        let settle = self.settle(call, &outcome, spent)?;
        self.threads.told(call, settle.value.as_ref());
        let report = self.host.settle(settle)?;
        self.report(report).map(Some)
    }

    fn settle(&self, call: u64, outcome: &Outcome, spent: u64) -> Result<Settle, ExecError> {
        let error = outcome.code.as_ref().map(|code| CallError {
            code: code.clone(),
            message: outcome.message.clone().unwrap_or_default(),
            recoverable: outcome.recoverable.unwrap_or(false),
        });
        let value = match &error {
            None => self.store.value(outcome)?,
            Some(_) => None,
        };
        Ok(Settle {
            call,
            value,
            error,
            spent,
        })
    }

    /// Adds to a report what only we know of its calls.
    fn report(&mut self, report: Report) -> Result<Event, ExecError> {
        let mut items = Vec::with_capacity(report.events.len());
        for event in report.events {
            items.push(match event {
                vm::Event::Call(call) => {
                    let issued = self.issued(&call);
                    self.payloads.push(call);
                    Item::Call(Box::new(issued))
                }
                vm::Event::Open(open) => Item::Open(open),
                vm::Event::Join(join) => Item::Join(join),
                vm::Event::Phase(phase) => Item::Phase(phase),
                vm::Event::Log(log) => Item::Log(log),
                vm::Event::Warning(warning) => Item::Warning(warning),
            });
        }
        let value = report.value.map(|value| self.store.outcome(value));
        let file = &self.drive.script.file;
        let error = report.error.map(|mut error| {
            if let (Some(line), Some(column)) = (error.line, error.column) {
                error.message = format!("{file}:{line}:{column}: {}", error.message);
            }
            error
        });
        Ok(Event::Report {
            items,
            state: report.state,
            value: value.transpose()?,
            error,
        })
    }

    fn issued(&mut self, call: &vm::Call) -> Issued {
        let payload = call.payload.value();
        let mut issued = Issued {
            content: String::new(),
            effect: Effect::Pure,
            retries: None,
            refused: None,
            question: None,
            call: call.clone(),
        };
        match call.kind {
            CallKind::Agent => {
                let thread = self.threads.joins(call, &payload);
                let prepared = self.drive.agents.prepare(&Request {
                    payload: &payload,
                    phase: call.phase.as_deref(),
                    thread: thread.as_ref().ok().and_then(Option::as_deref),
                });
                issued.content = prepared.content;
                issued.effect = prepared.effect;
                issued.retries = prepared.retries;
                issued.refused = thread.err().or(prepared.refused);
            }
            CallKind::Checkpoint => issued.question = Some(question(&payload, &call.path)),
            CallKind::Env => {
                let name = payload.get_str("name").unwrap_or_default();
                if !self.drive.variables.contains_key(name) {
                    let message = format!(
                        "the script may not ask for the variable {name}: allow it with --env {name}"
                    );
                    issued.refused = Some(Outcome::error(SCRIPT_VALIDATION_ERROR, message, false));
                }
            }
            CallKind::Merge | CallKind::Task | CallKind::Flow => {
                let message = format!("{}() is not there yet", call.kind.as_str());
                issued.refused = Some(Outcome::error(SCRIPT_VALIDATION_ERROR, message, false));
            }
            CallKind::Sleep
            | CallKind::Now
            | CallKind::Random
            | CallKind::Uuid
            | CallKind::Workflow => {}
        }
        if call.kind != CallKind::Agent {
            issued.content = content_key(call.kind, &payload);
        }
        issued
    }

    /// Begins to work on a call.
    fn begin(&mut self, call: u64, attempt: u64) {
        let place = usize::try_from(call).unwrap_or(usize::MAX);
        let Some(asked) = self.payloads.get(place) else {
            return;
        };
        let payload = asked.payload.value().to_owned_value();
        if asked.kind == CallKind::Agent {
            let cancel = Cancel::new();
            self.cancels.insert(call, cancel.clone());
            let work = Work {
                call,
                attempt,
                label: asked.label.clone(),
                path: asked.path.clone(),
                phase: asked.phase.clone(),
                payload,
                turns: self.threads.turns(call),
                cwd: self.drive.cwd.clone(),
                limit: self.limits().timeout,
                run: self.store.path().to_owned(),
                cancel,
            };
            let (agents, sender) = (self.drive.agents, self.sender.clone());
            let tell = move |events: Vec<Event>| {
                for event in events {
                    // Nobody listens when the run has ended.
                    sender.send(event).ok();
                }
            };
            self.crew.hand(move || agents.work(&work), tell);
            return;
        }
        let wait = match asked.kind {
            CallKind::Sleep => simple::milliseconds(&payload),
            _ => 0,
        };
        let outcome = match asked.kind {
            CallKind::Workflow => self.nested(&payload),
            kind => simple::answer(kind, &payload, &self.drive.variables),
        };
        let event = Event::Settled(Settled {
            call,
            attempt,
            outcome,
            usage: None,
            tree: None,
            refs: Vec::new(),
        });
        self.timers.push((now_ms() + wait, event));
    }

    /// The text of another workflow: one of that name, else the text itself.
    fn nested(&self, payload: &Value<'_>) -> Outcome {
        let source = payload.get_str("source").unwrap_or_default();
        let found = (self.drive.find)(source).map(Ok);
        let script = found.unwrap_or_else(|| Script::of_text(source, "nested.js"));
        match script {
            Ok(script) => Outcome::value(JsonText::new(&script.nested())),
            Err(problem) => Outcome::error(SCRIPT_VALIDATION_ERROR, problem.message.clone(), false),
        }
    }

    /// What others want of the run, and whoever holds the terminal.
    fn wishes(&mut self) -> Result<Vec<Event>, ExecError> {
        let mut wishes = Vec::new();
        if !self.look.is_over() {
            return Ok(wishes);
        }
        self.look = Deadline::after(Some(LOOK));
        let signal = self.drive.cancel.signal();
        if signal != 0 && self.asked != Some(signal) {
            self.asked = Some(signal);
            let reason = format!("asked by signal {signal}");
            wishes.push(Event::Control(Control::Pause(reason)));
        }
        for asked in self.store.asked()? {
            wishes.extend(simple::control(&asked, self.limits()).map(Event::Control));
        }
        // Timers that nobody waits for must not keep a run that ends.
        if wishes.iter().any(|wish| {
            !matches!(
                wish,
                Event::Control(Control::Raise(_) | Control::Answer { .. })
            )
        }) {
            let waiting = self
                .timers
                .extract_if(.., |(_, event)| matches!(event, Event::Settled(_)));
            let lost: Vec<Event> = waiting.filter_map(|(_, event)| lost(event)).collect();
            wishes.extend(lost);
        }
        Ok(wishes)
    }
}

/// A call that only waited, broken off.
fn lost(event: Event) -> Option<Event> {
    let Event::Settled(settled) = event else {
        return None;
    };
    Some(Event::Lost(Lost {
        call: settled.call,
        attempt: settled.attempt,
        reason: "stop".to_owned(),
        usage: None,
        salvage: None,
    }))
}

/// What a checkpoint asks. One with a default, or none at all, need not wait for a person.
fn question(payload: &Value<'_>, path: &str) -> Question {
    if let Some(durable) = payload.get("durable") {
        let id = durable.get_str("checkpointId").unwrap_or(path).to_owned();
        return Question {
            id,
            text: JsonText::new(durable),
            reply: None,
        };
    }
    let options = payload.get("options");
    let waits = options.and_then(|options| options.get_str("headless")) == Some("wait");
    let default = options.and_then(|options| options.get("default"));
    let reply = default.map_or_else(|| JsonText::new(&Value::Bool(true)), JsonText::new);
    Question {
        id: path.to_owned(),
        text: JsonText::new(payload),
        reply: (!waits).then_some(reply),
    }
}
