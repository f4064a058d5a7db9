//! Death while changes are brought back: recovery leaves the project as it was, or as it
//! was meant to be.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::copies::work;
use super::*;
use crate::apply::inject::Moment;
use crate::apply::recover;

const CHILD: &str = "CALLSHEET_TEST_CHANGES";

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let mut words = order.splitn(4, ' ');
    let mut next = || words.next().unwrap().to_owned();
    let (how, place, id, root) = (next(), next().parse().unwrap(), next(), next());
    let kill = match &*how {
        "before-record" => Moment::BeforeRecord(place),
        "torn-record" => Moment::TornRecord(place),
        "after-record" => Moment::AfterRecord(place),
        "within-action" => Moment::WithinAction(place),
        "before-action" => Moment::BeforeAction(0),
        "after-action" => Moment::AfterAction(0),
        other => panic!("{other}"),
    };
    let options = ApplyChanges {
        faults: Faults {
            kill: Some(kill),
            ..Faults::default()
        },
        ..ApplyChanges::default()
    };
    let desk = Desk::existing(&root);
    desk.bring_with(&RunId::parse(&id).unwrap(), &options)
        .unwrap();
}

#[test]
fn a_killed_apply_is_taken_back_or_stays_whole() {
    let desk = Desk::new();
    let handle = desk.copy();
    let expected = work(handle.cwd());
    let before = desk.snapshot();
    // The records: started, announced, done, ready, committed.
    let mut moments: Vec<(&str, u32)> = Vec::new();
    for place in 0..5 {
        moments.extend([("before-record", place), ("torn-record", place)]);
        moments.extend((place < 4).then_some(("after-record", place)));
    }
    moments.extend([("before-action", 0), ("after-action", 0)]);
    // Two rounds over what is done: contents first, then names.
    moments.extend((0..30).map(|step| ("within-action", step)));
    for (how, place) in moments {
        let order = format!("{how} {place} {} {}", handle.id(), desk.root.display());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "changes::tests::crash::child"])
            .env(CHILD, order)
            .output()
            .unwrap();
        assert_eq!(status.status.signal(), Some(9), "{how} {place}");
        for report in recover(&desk.state(), None).unwrap() {
            let report = report.result.unwrap();
            assert!(report.is_clean(), "{how} {place}: {report:?}");
        }
        assert_eq!(desk.snapshot(), before, "{how} {place}");
        assert_eq!(lines(&desk.changes(handle.id())), expected, "{how} {place}");
    }
    let order = format!("after-record 4 {} {}", handle.id(), desk.root.display());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "changes::tests::crash::child"])
        .env(CHILD, order)
        .output()
        .unwrap();
    assert!(recover(&desk.state(), None).unwrap().is_empty());
    assert!(
        desk.changes(handle.id()).is_empty(),
        "what was promised stays"
    );
}

#[test]
fn a_failing_apply_changes_nothing_and_may_act_twice() {
    let desk = Desk::new();
    let handle = desk.copy();
    let count = work(handle.cwd()).len();
    let before = desk.snapshot();
    let faulty = |faults| ApplyChanges {
        faults,
        ..ApplyChanges::default()
    };
    let fails = Faults {
        fail: Some(Moment::AfterAction(0)),
        repeat: 1,
        ..Faults::default()
    };
    desk.bring_with(handle.id(), &faulty(fails)).unwrap_err();
    assert_eq!(desk.snapshot(), before);
    let twice = Faults {
        repeat: 1,
        ..Faults::default()
    };
    let done = desk.bring_with(handle.id(), &faulty(twice)).unwrap();
    assert_eq!(done.applied.len(), count);
    assert!(done.missed.is_empty(), "{done:?}");
}
