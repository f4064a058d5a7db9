//! A resume that is only thought through: the journal is replayed into the script, nobody works
//! on anything, and nothing is written. It needs no lease, so a run that somebody drives can be
//! looked at, too.

use std::collections::VecDeque;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::read;
use plan_core::workflow::machine::{Command, Event, Host, Machine, Settled};
use plan_core::workflow::preview::Preview;
use plan_core::workflow::record::{Outcome, RunEnd, RunRecord};
use plan_core::workflow::vm::{CallKind, JsonText, Report};

use super::drive::{Calls, Drive};
use super::simple;
use super::store::RunFile;
use super::vm::{self, VmHost, VmLimits};
use crate::error::ExecError;
use crate::launch::own_program;
use crate::os::clock::now_ms;
use crate::os::owner::own_id;

/// What a resume would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Previewed {
    /// What would become of the calls.
    pub preview: Preview,
    /// How the run would end before anybody worked on anything, and why.
    pub end: Option<(RunEnd, Option<String>)>,
}

/// The replay.
struct Replay<'r, 'd> {
    file: &'r RunFile,
    drive: &'r Drive<'d>,
    machine: Machine,
    host: VmHost,
    calls: Calls,
    records: Vec<RunRecord>,
    /// What is known without work.
    ready: VecDeque<Event>,
    end: Option<(RunEnd, Option<String>)>,
}

/// Thinks a resume through.
///
/// # Errors
/// The script's host cannot be started or died, or a result cannot be read.
pub fn preview(file: &RunFile, drive: &Drive<'_>) -> Result<Previewed, ExecError> {
    let program = own_program()?;
    let host = Host {
        script: sha256_hex(drive.script.text.as_bytes()),
        args: sha256_hex(drive.args.as_str().as_bytes()),
        engine: vm::engine(),
        pid: u64::from(own_id()),
        agents: Some(drive.named.clone()),
    };
    let history = file.history.clone();
    let (machine, commands) = Machine::begin(history, drive.terms.clone(), host, now_ms());
    let mut replay = Replay {
        file,
        drive,
        machine,
        host: VmHost::spawn(&program, VmLimits::default())?,
        calls: Calls::default(),
        records: Vec::new(),
        ready: VecDeque::new(),
        end: None,
    };
    let limits = file.history.limits();
    let first = replay.host.start(drive.start(limits))?;
    let first = replay.event(first);
    replay.ready.push_back(first);
    replay.obey(commands)?;
    while let Some(event) = replay.ready.pop_front() {
        let commands = replay.machine.step(event, now_ms());
        replay.obey(commands)?;
        if replay.end.is_some() {
            break;
        }
    }
    Ok(Previewed {
        preview: Preview::new(&file.history, &replay.records),
        end: replay.end,
    })
}

impl Replay<'_, '_> {
    fn obey(&mut self, commands: Vec<Command>) -> Result<(), ExecError> {
        for command in commands {
            match command {
                Command::Append(record) => self.records.push(record),
                Command::Deliver {
                    call,
                    outcome,
                    spent,
                } => {
                    let text = self.file.text(&outcome)?;
                    let value = text.map(|text| JsonText::new(&read(&text).unwrap_or_default()));
                    let settle = self.calls.settle(call, &outcome, spent, value);
                    let report = self.host.settle(settle)?;
                    let event = self.event(report);
                    // Before anything else: the script has run.
                    self.ready.push_front(event);
                }
                Command::Start { call, attempt } => {
                    let event = self.free(call, attempt);
                    self.ready.extend(event);
                }
                Command::Finish { end, reason, .. } => self.end = Some((end, reason)),
                // Nobody looks whether something has happened: that it may be is said anyhow.
                Command::Probe { .. } | Command::Cancel { .. } | Command::Wake { .. } => {}
            }
        }
        Ok(())
    }

    /// Answers what costs nothing, is the same whenever it is asked, and changes nothing.
    fn free(&self, call: u64, attempt: u64) -> Option<Event> {
        let asked = self.calls.get(call)?;
        let payload = asked.payload.value().to_owned_value();
        let outcome = match asked.kind {
            CallKind::Workflow => self.drive.nested(&payload),
            CallKind::Env => simple::answer(asked.kind, &payload, &self.drive.variables),
            CallKind::Sleep => Outcome::value(JsonText::default()),
            _ => return None,
        };
        Some(Event::Settled(Settled {
            call,
            attempt,
            outcome,
            usage: None,
            tree: None,
            refs: Vec::new(),
        }))
    }

    fn event(&mut self, report: Report) -> Event {
        Event::Report {
            items: self
                .drive
                .items(report.events, &mut self.calls, &self.machine),
            state: report.state,
            value: report.value.map(Outcome::value),
            error: report.error,
        }
    }
}
