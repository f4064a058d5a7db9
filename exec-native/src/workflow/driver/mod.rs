//! The loop of a run: what happened goes to the machine, what it says is done. Records are
//! durable before anything that relies on them; those that wait are written together.

mod calls;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use plan_core::base::digest::sha256_hex;
use plan_core::workflow::ledger::Ledger;
use plan_core::workflow::machine::{Command, Control, Event, Host, Lost, Machine};
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::{Outcome, RunEnd};
use plan_core::workflow::vm::Report;

use crate::error::{ExecError, ExecErrorKind};
use crate::launch::own_program;
use crate::os::clock::{Deadline, now_ms};
use crate::os::owner::own_id;
use crate::os::proc::Cancel;
use crate::os::threads;
use crate::workflow::drive::Calls;
pub use crate::workflow::drive::{Drive, EngineLimits};
use crate::workflow::simple;
use crate::workflow::store::Store;
use crate::workflow::vm::{VmHost, VmLimits};

/// How often somebody else's wishes are looked for.
const LOOK: Duration = Duration::from_millis(100);

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
    calls: Calls,
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
    let program = own_program()?;
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
            calls: Calls::default(),
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
        let start = self.drive.start(self.limits());
        let report = self.host.start(start)?;
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
                Command::Probe { call, attempt } => self.probe(call, attempt),
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
        let value = match outcome.code {
            None => self.store.value(&outcome)?,
            Some(_) => None,
        };
        let settle = self.calls.settle(call, &outcome, spent, value);
        let report = self.host.settle(settle)?;
        self.report(report).map(Some)
    }

    /// Adds to a report what only we know of its calls.
    fn report(&mut self, report: Report) -> Result<Event, ExecError> {
        let items = self
            .drive
            .items(report.events, &mut self.calls, &self.machine);
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
