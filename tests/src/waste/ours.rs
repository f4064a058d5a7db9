//! Ours: the machine that drives every run, with a journal in memory.

use std::collections::BTreeSet;

use exec_native::workflow::script::Script;
use exec_native::workflow::vm::machine::Machine as Engine;
use plan_core::base::json::Value;
use plan_core::workflow::history::History;
use plan_core::workflow::identity::{Effect, content_key};
use plan_core::workflow::machine::{Command, Event, Host, Issued, Item, Machine, Settled, Terms};
use plan_core::workflow::policy::{Limits, Reuse};
use plan_core::workflow::record::{Outcome, RunEnd, RunRecord};
use plan_core::workflow::vm::{self, CallKind, Report};

use super::{Agenda, CONCURRENCY, Rule, prompt, start, tell};
use crate::repo::Answer;
use crate::toy::{Chance, opened};

/// Runs a script until so many calls have ended, and resumes it to its end; returns how many
/// of those results were used.
pub(super) fn trial(
    first: &Script,
    second: &Script,
    rule: Rule,
    (stop, mut chance): (u64, Chance),
) -> Answer<u64> {
    let limits = Limits {
        concurrency: CONCURRENCY as u64,
        ..Limits::default()
    };
    let mut journal = vec![opened(limits)];
    let later = Chance::new(chance.below(u64::MAX));
    execute(first, &mut journal, rule, (chance, stop))?;
    let before = journal.len();
    execute(second, &mut journal, rule, (later, u64::MAX))?;
    let used: BTreeSet<u64> = journal
        .iter()
        .skip(before)
        .filter_map(|record| match record {
            RunRecord::Adopted(adopted) => Some(adopted.from),
            _ => None,
        })
        .collect();
    Ok(used.len() as u64)
}

struct Desk<'j> {
    engine: Engine,
    machine: Machine,
    journal: &'j mut Vec<RunRecord>,
    agenda: Agenda,
    prompts: Vec<String>,
    effect: Effect,
    end: Option<RunEnd>,
}

fn execute(
    script: &Script,
    journal: &mut Vec<RunRecord>,
    rule: Rule,
    (chance, stop): (Chance, u64),
) -> Answer<()> {
    let history = History::fold(journal.iter()).map_err(|error| error.to_string())?;
    let (effect, reuse) = match rule {
        Rule::Content => (Effect::Pure, Reuse::Content),
        _ => (Effect::Workspace, Reuse::Caused),
    };
    let terms = Terms {
        reuse,
        ..Terms::default()
    };
    let host = Host {
        script: script.text.clone(),
        args: String::new(),
        engine: String::new(),
        agents: None,
        pid: 1,
    };
    let (machine, commands) = Machine::begin(history, terms, host, 0);
    let (engine, report) = start(script)?;
    let mut desk = Desk {
        engine,
        machine,
        journal,
        agenda: Agenda::new(chance),
        prompts: Vec::new(),
        effect,
        end: None,
    };
    desk.obey(commands)?;
    let event = desk.event(report);
    desk.step(event)?;
    for _ in 0..stop {
        if desk.end.is_some() {
            break;
        }
        let call = desk.agenda.next().ok_or("the run is stuck")?;
        let place = usize::try_from(call)?;
        let prompt = desk.prompts.get(place).ok_or("no such call")?;
        let value = desk.agenda.answer(prompt);
        desk.step(Event::Settled(Settled {
            call,
            attempt: 1,
            outcome: Outcome::value(value),
            usage: None,
            tree: None,
            refs: Vec::new(),
        }))?;
    }
    match desk.end {
        Some(RunEnd::Completed) => Ok(()),
        None if stop < u64::MAX => Ok(()),
        end => Err(format!("the run ended so: {end:?}").into()),
    }
}

impl Desk<'_> {
    fn step(&mut self, event: Event) -> Answer<()> {
        let mut next = Some(event);
        while let Some(event) = next {
            let commands = self.machine.step(event, 0);
            next = self.obey(commands)?;
        }
        Ok(())
    }

    fn obey(&mut self, commands: Vec<Command>) -> Answer<Option<Event>> {
        let mut told = None;
        for command in commands {
            match command {
                Command::Append(record) => self.journal.push(record),
                Command::Start { call, .. } => self.agenda.begin(call),
                Command::Deliver { call, outcome, .. } => told = Some((call, outcome)),
                Command::Finish { end, .. } => self.end = Some(end),
                Command::Probe { .. } | Command::Cancel { .. } | Command::Wake { .. } => {}
            }
        }
        let Some((call, outcome)) = told else {
            return Ok(None);
        };
        let value = outcome.value.ok_or("a call failed")?;
        let report = tell(&mut self.engine, call, value)?;
        Ok(Some(self.event(report)))
    }

    fn event(&mut self, report: Report) -> Event {
        let mut items = Vec::new();
        for event in report.events {
            items.push(match event {
                vm::Event::Call(call) => {
                    let prompt = prompt(&call);
                    let content = content_key(CallKind::Agent, &Value::from(prompt.clone()));
                    self.prompts.push(prompt);
                    Item::Call(Box::new(Issued {
                        call,
                        content,
                        effect: self.effect,
                        retries: None,
                        key: None,
                        has_probe: false,
                        refused: None,
                        question: None,
                    }))
                }
                vm::Event::Open(open) => Item::Open(open),
                vm::Event::Join(join) => Item::Join(join),
                vm::Event::GivenUp(given_up) => Item::GivenUp(given_up),
                vm::Event::Phase(phase) => Item::Phase(phase),
                vm::Event::Log(log) => Item::Log(log),
                vm::Event::Warning(warning) => Item::Warning(warning),
            });
        }
        Event::Report {
            items,
            state: report.state,
            value: report.value.map(Outcome::value),
            error: report.error,
        }
    }
}
