//! Budgets of phases, fan-outs that are given up, calls that only wait.

use super::*;

/// A call of a phase.
fn of_phase(id: u64, phase: &str) -> Item {
    let Item::Call(mut issued) = call(id, &format!("c{id}")) else {
        panic!("a call")
    };
    issued.call.phase = Some(phase.into());
    Item::Call(issued)
}

fn declared(title: &str, budget: u64) -> Item {
    Item::Phase(vm::PhaseEntered {
        title: title.into(),
        budget: Some(budget),
        scope: String::new(),
    })
}

/// The end of work that took tokens.
fn took(call: u64, tokens: u64) -> Event {
    Event::Settled(Settled {
        usage: Some(Usage {
            output: tokens,
            ..Usage::default()
        }),
        call,
        attempt: 1,
        outcome: text("done"),
        tree: None,
        refs: Vec::new(),
    })
}

#[test]
fn a_phase_has_a_budget_of_its_own_over_all_executions() {
    let mut desk = Desk::new(Limits::default());
    // The first budget counts.
    let items = vec![declared("P", 10), declared("P", 99), of_phase(0, "P")];
    assert_eq!(desk.step(waits(items)), [start(0, 1)]);
    desk.step(took(0, 8));
    // What calls at work take on the average is set aside; calls of others go on.
    let both = vec![of_phase(1, "P"), of_phase(2, "P"), of_phase(3, "Q")];
    assert_eq!(desk.step(waits(both)), [start(1, 1), start(3, 1)]);
    let warned = |desk: &Desk| {
        let logged =
            |record: &&RunRecord| matches!(record, RunRecord::Logged(log) if log.level == "warn");
        desk.journal.iter().filter(logged).count()
    };
    assert_eq!(warned(&desk), 1);
    let told = desk.step(took(1, 2));
    assert!(matches!(
        told.as_slice(),
        [Command::Deliver { call: 1, .. }]
    ));
    let refused = desk.step(waits(Vec::new()));
    let [
        Command::Deliver {
            call: 2, outcome, ..
        },
    ] = refused.as_slice()
    else {
        panic!("{refused:?}")
    };
    assert_eq!(outcome.code.as_deref(), Some("TOKEN_BUDGET_EXHAUSTED"));
    assert_eq!(
        outcome.message.as_deref(),
        Some(
            "the phase `P` has taken 10 of 10 tokens; its script gives it more with a larger budget"
        )
    );
    assert_eq!(warned(&desk), 1);
    // Another execution knows what was taken; what was paid for is told even then.
    let mut again = desk.again();
    let told = again.step(waits(vec![
        declared("P", 10),
        of_phase(0, "P"),
        of_phase(4, "P"),
    ]));
    assert!(matches!(
        told.as_slice(),
        [Command::Deliver { call: 0, .. }]
    ));
    let refused = again.step(waits(Vec::new()));
    let [
        Command::Deliver {
            call: 1, outcome, ..
        },
    ] = refused.as_slice()
    else {
        panic!("{refused:?}")
    };
    assert_eq!(outcome.code.as_deref(), Some("TOKEN_BUDGET_EXHAUSTED"));
}

#[test]
fn a_fan_out_that_is_given_up_begins_nothing_more() {
    let mut desk = Desk::new(Limits {
        max_agents: 3,
        ..Limits::default()
    });
    let inside = |id: u64, scope: &str| {
        let Item::Call(mut issued) = call(id, &format!("c{id}")) else {
            panic!("a call")
        };
        issued.call.scope = scope.into();
        issued.call.path = format!("{scope}/0");
        Item::Call(issued)
    };
    let items = vec![
        inside(0, "/0p[0]"),
        inside(1, "/1p[0]"),
        inside(2, "/1p[1]/0l[0]"),
        inside(3, "/1p[2]"),
    ];
    // The script hears of the refusal before anything begins.
    let told = desk.step(waits(items));
    assert!(matches!(
        told.as_slice(),
        [Command::Deliver { call: 3, .. }]
    ));
    let scope = "/1p".to_string();
    let given_up = desk.step(waits(vec![Item::GivenUp(vm::GivenUp { scope })]));
    assert!(matches!(
        given_up.as_slice(),
        [Command::Deliver { call: 1, .. }]
    ));
    let next = desk.step(waits(Vec::new()));
    assert!(matches!(
        next.as_slice(),
        [Command::Deliver { call: 2, .. }]
    ));
    assert_eq!(desk.step(waits(Vec::new())), [start(0, 1)]);
}

#[test]
fn a_sleep_goes_on_where_it_was_cut_off() {
    let sleeps = || {
        let Item::Call(mut issued) = call(0, "sleep") else {
            panic!("a call")
        };
        issued.call.kind = CallKind::Sleep;
        issued.call.payload =
            JsonText::new(&crate::base::json::read(r#"{"ms":500}"#).expect("JSON"));
        Item::Call(issued)
    };
    let mut desk = Desk::new(Limits::default());
    assert_eq!(desk.step(waits(vec![sleeps()])), [start(0, 1)]);
    assert_eq!(desk.machine.due(0), Some(1_500));
    let mut again = desk.again();
    let commands = again.machine.step(waits(vec![sleeps()]), 1_400);
    assert_eq!(again.keep(commands), [start(0, 1)]);
    assert_eq!(again.machine.due(0), Some(1_500));
}
