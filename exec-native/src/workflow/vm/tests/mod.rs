//! Scripts in engines of this process. What needs a process of its own is tested with the
//! built program, in the package of the tests.

mod combinators;
mod hostile;
mod limits;
mod scopes;
mod world;

use plan_core::base::json::{self, Value};
use plan_core::workflow::vm::{
    Budget, Call, CallError, Event, JsonText, Report, Settle, Start, VmError, VmState,
};

use super::machine::{Machine, no_gauge};

/// A script with what every test starts with; its first line is the meta statement.
fn start_of(script: &str) -> Start {
    let end = script.find("//-").unwrap_or(0);
    Start {
        script: script.to_owned(),
        statement: vec![0, end as u64],
        name: String::from("wf.js"),
        args: JsonText::new(&Value::Null),
        cwd: String::from("/project"),
        phases: Vec::new(),
        budget: Budget {
            total: None,
            spent: 0,
        },
        memory: 32 << 20,
        fuel: 20_000,
    }
}

fn begin(script: &str) -> (Machine, Report) {
    Machine::start(&start_of(script), no_gauge()).unwrap()
}

/// What a call is answered with.
enum Answer {
    Value(String),
    Error(&'static str, &'static str, bool),
}

fn text(answer: &str) -> Answer {
    Answer::Value(format!("{answer:?}"))
}

fn settle(machine: &mut Machine, call: u64, answer: &Answer) -> Report {
    let (value, error) = match answer {
        Answer::Value(json) => (Some(JsonText::new(&json::read(json).unwrap())), None),
        Answer::Error(code, message, recoverable) => (
            None,
            Some(CallError {
                code: (*code).to_owned(),
                message: (*message).to_owned(),
                recoverable: *recoverable,
            }),
        ),
    };
    let settle = Settle {
        call,
        value,
        error,
        spent: 0,
    };
    machine.settle(&settle).unwrap()
}

/// A run to its end: every event in order, and the last report.
struct Whole {
    events: Vec<Event>,
    last: Report,
}

impl Whole {
    fn calls(&self) -> Vec<&Call> {
        calls(&self.events)
    }

    fn paths(&self) -> Vec<&str> {
        self.calls().iter().map(|call| call.path.as_str()).collect()
    }

    fn prompts(&self) -> Vec<String> {
        self.calls().into_iter().map(prompt).collect()
    }

    fn log(&self) -> Vec<&str> {
        let lines = self.events.iter().filter_map(|event| match event {
            Event::Log(line) => Some(line.message.as_str()),
            _ => None,
        });
        lines.collect()
    }

    fn warnings(&self) -> Vec<&str> {
        let lines = self.events.iter().filter_map(|event| match event {
            Event::Warning(warning) => Some(warning.message.as_str()),
            _ => None,
        });
        lines.collect()
    }

    /// The result as JSON.
    fn value(&self) -> &str {
        assert_eq!(self.last.state, VmState::Done, "{:?}", self.last.error);
        self.last.value.as_ref().unwrap().as_str()
    }

    fn error(&self) -> &VmError {
        assert_ne!(self.last.state, VmState::Done, "{:?}", self.last.value);
        self.last.error.as_ref().unwrap()
    }
}

fn calls(events: &[Event]) -> Vec<&Call> {
    let calls = events.iter().filter_map(|event| match event {
        Event::Call(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

fn prompt(call: &Call) -> String {
    let payload = call.payload.value();
    payload.get_str("prompt").unwrap_or_default().to_owned()
}

/// Runs a script to its end: `pick` chooses which open call is settled next, `answer` how.
fn drive(
    start: &Start,
    mut pick: impl FnMut(usize) -> usize,
    mut answer: impl FnMut(&Call) -> Answer,
) -> Whole {
    let (mut machine, mut last) = Machine::start(start, no_gauge()).unwrap();
    let mut events = Vec::new();
    let mut open: Vec<Call> = Vec::new();
    loop {
        open.extend(calls(&last.events).into_iter().cloned());
        events.append(&mut last.events);
        if last.state != VmState::Waiting {
            return Whole { events, last };
        }
        let call = open.remove(pick(open.len()));
        last = settle(&mut machine, call.id, &answer(&call));
    }
}

/// Runs a script; every call is answered with its prompt, in the order of issue.
fn echo(script: &str) -> Whole {
    drive(&start_of(script), |_| 0, |call| text(&prompt(call)))
}

/// Runs a script that fails before it calls anything.
fn failure(script: &str) -> VmError {
    echo(script).error().clone()
}
