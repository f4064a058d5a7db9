//! One run at a time, step by step.

mod rules;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::base::json::Value;
use crate::workflow::record::{OutcomeKind, Rule, RunOpened};
use crate::workflow::vm::CallKind;

const NOW: u64 = 1_000;

fn opened(limits: Limits) -> RunRecord {
    RunRecord::Opened(RunOpened {
        version: 1,
        run: "r".into(),
        name: "test".into(),
        script: "s".into(),
        path: None,
        cwd: "/w".into(),
        base: None,
        args: JsonText::new(&Value::Null),
        limits,
        at: 0,
    })
}

fn text(words: &str) -> Outcome {
    Outcome::value(JsonText::new(&Value::from(String::from(words))))
}

fn call(id: u64, content: &str) -> Item {
    Item::Call(Box::new(Issued {
        call: vm::Call {
            id,
            path: format!("/{id}"),
            scope: String::new(),
            ordinal: id,
            kind: CallKind::Agent,
            payload: JsonText::new(&Value::Null),
            phase: None,
            label: None,
        },
        content: content.into(),
        effect: Effect::Workspace,
        retries: None,
        key: None,
        has_probe: false,
        refused: None,
        question: None,
    }))
}

fn waits(items: Vec<Item>) -> Event {
    report(items, VmState::Waiting)
}

fn report(items: Vec<Item>, state: VmState) -> Event {
    Event::Report {
        items,
        state,
        value: None,
        error: None,
    }
}

fn settled(call: u64, attempt: u64, outcome: Outcome) -> Event {
    Event::Settled(Settled {
        call,
        attempt,
        outcome,
        usage: None,
        tree: None,
        refs: Vec::new(),
    })
}

/// A run with its journal, which every record must be able to follow.
struct Desk {
    journal: Vec<RunRecord>,
    machine: Machine,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        Self::resume(vec![opened(limits)], Terms::default())
    }

    fn resume(journal: Vec<RunRecord>, terms: Terms) -> Self {
        Self::run("s", journal, terms)
    }

    fn run(script: &str, journal: Vec<RunRecord>, terms: Terms) -> Self {
        let history = History::fold(&journal).expect("a journal");
        let host = Host {
            script: script.into(),
            args: "a".into(),
            engine: "e".into(),
            pid: 1,
            agents: None,
        };
        let (machine, commands) = Machine::begin(history, terms, host, NOW);
        let mut desk = Self { journal, machine };
        desk.keep(commands);
        desk
    }

    fn again(self) -> Self {
        Self::resume(self.journal, Terms::default())
    }

    fn keep(&mut self, commands: Vec<Command>) -> Vec<Command> {
        let mut rest = Vec::new();
        for command in commands {
            match command {
                Command::Append(record) => self.journal.push(record),
                other => rest.push(other),
            }
        }
        History::fold(&self.journal).expect("records that follow one another");
        rest
    }

    fn step(&mut self, event: Event) -> Vec<Command> {
        let commands = self.machine.step(event, NOW);
        self.keep(commands)
    }

    fn adopted(&self) -> Vec<(u64, u64, Rule)> {
        let records = self.journal.iter().rev();
        let latest = records.take_while(|record| !matches!(record, RunRecord::Started(_)));
        let mut adopted: Vec<_> = latest
            .filter_map(|record| match record {
                RunRecord::Adopted(adopted) => Some((adopted.call, adopted.from, adopted.rule)),
                _ => None,
            })
            .collect();
        adopted.reverse();
        adopted
    }
}

fn start(call: u64, attempt: u64) -> Command {
    Command::Start { call, attempt }
}

fn deliver(call: u64, outcome: Outcome) -> Command {
    Command::Deliver {
        call,
        outcome,
        spent: 0,
    }
}

#[test]
fn results_reach_the_script_one_by_one_in_the_order_of_the_journal() {
    let mut desk = Desk::new(Limits::default());
    let begun = desk.step(waits(vec![call(0, "a"), call(1, "b"), call(2, "c")]));
    assert_eq!(begun, [start(0, 1), start(1, 1), start(2, 1)]);
    assert_eq!(desk.step(settled(2, 1, text("C"))), [deliver(2, text("C"))]);
    // The script runs; whatever arrives meanwhile waits.
    assert_eq!(desk.step(settled(0, 1, text("A"))), []);
    assert_eq!(desk.step(settled(1, 1, text("B"))), []);
    assert_eq!(desk.step(waits(vec![])), [deliver(0, text("A"))]);
    assert_eq!(desk.step(waits(vec![])), [deliver(1, text("B"))]);
    // Cut off here, the next execution tells the same in the same order, and runs nothing.
    let mut desk = desk.again();
    let calls = vec![call(0, "a"), call(1, "b"), call(2, "c")];
    assert_eq!(desk.step(waits(calls)), [deliver(2, text("C"))]);
    assert_eq!(desk.step(waits(vec![])), [deliver(0, text("A"))]);
    assert_eq!(desk.step(waits(vec![])), [deliver(1, text("B"))]);
    let rules: Vec<Rule> = desk.adopted().into_iter().map(|(.., rule)| rule).collect();
    assert_eq!(rules, [Rule::Exact; 3]);
    let over = desk.step(report(vec![], VmState::Done));
    assert!(matches!(
        &over[..],
        [Command::Finish {
            end: RunEnd::Completed,
            ..
        }]
    ));
}

#[test]
fn nothing_begins_while_an_earlier_result_can_be_told() {
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a")]));
    desk.step(settled(0, 1, text("A")));
    let mut desk = desk.again();
    let told = desk.step(waits(vec![call(0, "a"), call(1, "new")]));
    assert_eq!(told, [deliver(0, text("A"))]);
    assert_eq!(desk.step(waits(vec![])), [start(1, 1)]);
}

#[test]
fn what_failed_is_run_again_and_stands_only_when_asked_to() {
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a")]));
    let broken = Outcome::error("AGENT_EXECUTION_ERROR", "no", true);
    assert_eq!(
        desk.step(settled(0, 1, broken.clone())),
        [deliver(0, broken.clone())]
    );
    let journal = desk.journal.clone();
    assert_eq!(desk.again().step(waits(vec![call(0, "a")])), [start(0, 1)]);
    let terms = Terms {
        keep_failures: true,
        ..Terms::default()
    };
    let mut desk = Desk::resume(journal, terms);
    assert_eq!(desk.step(waits(vec![call(0, "a")])), [deliver(0, broken)]);
}

#[test]
fn a_call_is_tried_again_as_often_as_it_may() {
    let limits = Limits {
        retries: 1,
        ..Limits::default()
    };
    let mut desk = Desk::new(limits);
    desk.step(waits(vec![call(0, "a")]));
    let broken = || Outcome::error("AGENT_TIMEOUT", "late", true);
    assert_eq!(
        desk.step(settled(0, 1, broken())),
        [Command::Wake {
            call: 0,
            after: 250
        }]
    );
    // A late word of the first attempt is nobody's.
    assert_eq!(desk.step(settled(0, 1, text("late"))), []);
    assert_eq!(desk.step(Event::Woke { call: 0 }), [start(0, 2)]);
    assert_eq!(desk.step(settled(0, 2, broken())), [deliver(0, broken())]);
}

#[test]
fn limits_refuse_what_has_no_result() {
    let limits = Limits {
        max_agents: 1,
        concurrency: 1,
        ..Limits::default()
    };
    let mut desk = Desk::new(limits);
    let told = desk.step(waits(vec![call(0, "a"), call(1, "b")]));
    let [
        Command::Deliver {
            call: 1, outcome, ..
        },
    ] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(outcome.kind, OutcomeKind::Error);
    assert_eq!(outcome.code.as_deref(), Some("AGENT_LIMIT_EXCEEDED"));
    assert_eq!(desk.step(waits(vec![])), [start(0, 1)]);
}

#[test]
fn a_spent_budget_refuses_calls_but_not_what_was_paid_for() {
    let limits = Limits {
        budget: Some(10),
        ..Limits::default()
    };
    let mut desk = Desk::new(limits);
    desk.step(waits(vec![call(0, "a")]));
    desk.step(Event::Settled(Settled {
        call: 0,
        attempt: 1,
        outcome: text("A"),
        usage: Some(Usage {
            output: 12,
            ..Usage::default()
        }),
        tree: None,
        refs: Vec::new(),
    }));
    let refused = desk.step(waits(vec![call(1, "b")]));
    let [
        Command::Deliver {
            call: 1,
            outcome,
            spent: 12,
        },
    ] = &refused[..]
    else {
        panic!("{refused:?}")
    };
    assert_eq!(outcome.code.as_deref(), Some("TOKEN_BUDGET_EXHAUSTED"));
    let mut desk = desk.again();
    let told = desk.step(waits(vec![call(0, "a")]));
    assert!(matches!(
        &told[..],
        [Command::Deliver {
            call: 0,
            spent: 12,
            ..
        }]
    ));
    // More tokens, and what was refused is run.
    let raised = Limits {
        budget: Some(100),
        ..Limits::default()
    };
    desk.step(Event::Control(Control::Raise(raised)));
    assert_eq!(desk.step(waits(vec![call(1, "b")])), [start(1, 1)]);
}

#[test]
fn a_pause_waits_for_those_who_work_and_their_call_is_run_again() {
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a"), call(1, "b")]));
    let stopping = desk.step(Event::Control(Control::Pause("asked".into())));
    assert_eq!(
        stopping,
        [
            Command::Cancel {
                call: 0,
                attempt: 1
            },
            Command::Cancel {
                call: 1,
                attempt: 1
            }
        ]
    );
    // One came in time: nothing that was paid for is lost.
    assert_eq!(desk.step(settled(1, 1, text("B"))), []);
    let over = desk.step(Event::Lost(Lost {
        call: 0,
        attempt: 1,
        reason: "stop".into(),
        usage: None,
        salvage: None,
    }));
    assert!(matches!(
        &over[..],
        [Command::Finish {
            end: RunEnd::Paused,
            ..
        }]
    ));
    let mut desk = desk.again();
    let told = desk.step(waits(vec![call(0, "a"), call(1, "b")]));
    assert_eq!(told, [deliver(1, text("B"))]);
    assert_eq!(desk.step(waits(vec![])), [start(0, 1)]);
}

#[test]
fn an_edited_prompt_runs_and_those_beside_it_stay() {
    let mut desk = Desk::new(Limits::default());
    let three = |second| vec![call(0, "a"), call(1, second), call(2, "c")];
    desk.step(waits(three("b")));
    for (number, words) in [(0, "A"), (1, "B"), (2, "C")] {
        desk.step(settled(number, 1, text(words)));
        desk.step(waits(vec![]));
    }
    let mut desk = Desk::run("edited", desk.journal, Terms::default());
    assert_eq!(desk.step(waits(three("B2"))), [deliver(0, text("A"))]);
    assert_eq!(desk.step(waits(vec![])), [deliver(2, text("C"))]);
    assert_eq!(desk.step(waits(vec![])), [start(1, 1)]);
    // The edit taken back, nothing runs.
    let mut desk = Desk::resume(desk.journal, Terms::default());
    assert_eq!(desk.step(waits(three("b"))), [deliver(0, text("A"))]);
    assert_eq!(desk.machine.unclaimed(), 0);
}

#[test]
fn a_checkpoint_waits_for_its_answer_and_keeps_it() {
    let ask = || {
        let Item::Call(mut asked) = call(0, "q") else {
            panic!("a call")
        };
        asked.call.kind = CallKind::Checkpoint;
        asked.question = Some(Question {
            id: "gate".into(),
            text: JsonText::new(&Value::from("ok?")),
            reply: None,
        });
        Item::Call(asked)
    };
    let mut desk = Desk::new(Limits::default());
    let over = desk.step(waits(vec![ask()]));
    let [
        Command::Finish {
            end: RunEnd::Paused,
            reason,
            ..
        },
    ] = &over[..]
    else {
        panic!("{over:?}")
    };
    assert_eq!(reason.as_deref(), Some("checkpoint"));
    let answer = JsonText::new(&Value::Bool(true));
    desk.journal.push(RunRecord::Answered(
        crate::workflow::record::CheckpointAnswered {
            id: "gate".into(),
            answer: answer.clone(),
            at: 5,
        },
    ));
    let mut desk = desk.again();
    let told = desk.step(waits(vec![ask()]));
    assert_eq!(told, [deliver(0, Outcome::value(answer.clone()))]);
    let mut desk = desk.again();
    let told = desk.step(waits(vec![ask()]));
    assert_eq!(told, [deliver(0, Outcome::value(answer))]);
}

#[test]
fn an_outside_effect_after_another_past_is_not_repeated() {
    let publish = |id| {
        let Item::Call(mut outside) = call(id, "publish") else {
            panic!("a call")
        };
        outside.effect = Effect::External;
        Item::Call(outside)
    };
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a")]));
    desk.step(settled(0, 1, text("A")));
    desk.step(waits(vec![publish(1)]));
    desk.step(settled(1, 1, text("done")));
    let mut desk = Desk::run("edited", desk.journal, Terms::default());
    assert_eq!(desk.step(waits(vec![call(0, "a2")])), [start(0, 1)]);
    desk.step(settled(0, 1, text("A2")));
    let over = desk.step(waits(vec![publish(1)]));
    let [
        Command::Finish {
            end: RunEnd::Paused,
            reason,
            ..
        },
    ] = &over[..]
    else {
        panic!("{over:?}")
    };
    let reason = reason.as_deref().unwrap_or_default();
    assert!(
        reason.starts_with("external-effect-changed: /1"),
        "{reason}"
    );
}

#[test]
fn a_script_that_is_the_same_and_does_something_else_is_told() {
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a")]));
    desk.step(settled(0, 1, text("A")));
    let mut desk = desk.again();
    assert_eq!(desk.step(waits(vec![call(0, "other")])), [start(0, 1)]);
    let told = desk.journal.iter().any(|record| {
        matches!(record, RunRecord::Diverged(found)
            if (&*found.path, &*found.expected, &*found.found) == ("/0", "a", "other"))
    });
    assert!(told, "{:?}", desk.journal);
}

#[test]
fn a_quota_pauses_the_run_with_its_hint() {
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a")]));
    let quota = Outcome::error("PROVIDER_USAGE_LIMIT", "limit. Resets in 2h.", false);
    let over = desk.step(settled(0, 1, quota));
    let [
        Command::Finish {
            end: RunEnd::Paused,
            reason,
            ..
        },
    ] = &over[..]
    else {
        panic!("{over:?}")
    };
    assert_eq!(reason.as_deref(), Some("usage_limit: Resets in 2h"));
    assert_eq!(desk.again().step(waits(vec![call(0, "a")])), [start(0, 1)]);
}

#[test]
fn records_that_cannot_follow_are_refused() {
    let mut desk = Desk::new(Limits::default());
    desk.step(waits(vec![call(0, "a")]));
    desk.step(settled(0, 1, text("A")));
    let journal = desk.journal;
    let refused = |record: &RunRecord| {
        let mut history = History::fold(&journal).expect("a journal");
        history.accept(record).expect_err("a refusal").to_string()
    };
    assert_eq!(
        refused(&journal[0]),
        "`run.opened` cannot stand here: the run is open already"
    );
    assert_eq!(
        refused(&journal[1]),
        "`exec.started` cannot stand here: execution 1 follows execution 1"
    );
    assert_eq!(
        refused(&journal[2]),
        "`call.issued` cannot stand here: the next call is 1, not 0"
    );
    assert_eq!(
        refused(&journal[3]),
        "`call.attempt` cannot stand here: call 0 has ended"
    );
}
