//! Runs: order, failure, disposal, secrets, neighbours.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;

use plan_core::base::json::Value;
use plan_core::effect::{
    ActionKind, Content, Document, Format, MissingReference, OutcomeKind, Phase, Reference,
    WriteMode,
};

use super::super::*;
use super::{World, faulty, list, look};

fn secret(world: &World) -> ActionList {
    let document = Document {
        format: Format::CompactJson,
        value: Value::Object(
            [("key".into(), Value::from("$TOKEN"))]
                .into_iter()
                .collect(),
        ),
        escapes: None,
        references: Some(vec![Reference {
            pointer: "/key".into(),
            template: "$TOKEN".into(),
            field: "env.KEY".into(),
        }]),
    };
    list([
        world.write("first.md", WriteMode::Overwrite, "x"),
        ActionKind::WriteFile {
            path: world.path("repo/config.json"),
            below: world.path("repo"),
            over: None,
            how: WriteMode::Overwrite,
            content: Content::Document(document),
            private: true,
        },
    ])
}

#[test]
fn secrets_reach_the_file_and_nothing_else() {
    let world = World::new();
    let resolver = |_: &str, _: &str| Ok(String::from("hunter2-hunter2"));
    let options = ApplyOptions {
        resolver: &resolver,
        ..ApplyOptions::default()
    };
    let handle = world.apply_with(&secret(&world), options).unwrap();
    assert_eq!(world.read("config.json"), b"{\"key\":\"hunter2-hunter2\"}");
    let mut state = BTreeMap::new();
    look(&world.root.join("state"), &mut state);
    assert!(state.len() > 3);
    let leaks: Vec<_> = state
        .values()
        .filter(|text| text.contains("hunter2"))
        .collect();
    assert!(leaks.is_empty(), "{leaks:?}");
    assert!(handle.dispose().is_clean());
}

#[test]
fn a_missing_reference_is_found_before_anything_is_touched() {
    let world = World::new();
    let before = world.snapshot();
    let events = RefCell::new(0);
    let progress = |_: &Event<'_>| *events.borrow_mut() += 1;
    let resolver = |_: &str, field: &str| {
        Err(MissingReference {
            name: "TOKEN".into(),
            field: field.into(),
        })
    };
    let options = ApplyOptions {
        resolver: &resolver,
        progress: Some(&progress),
        ..ApplyOptions::default()
    };
    let error = world.apply_with(&secret(&world), options).unwrap_err();
    assert_eq!(error.exit_code(), 78);
    assert!(error.to_string().contains("variable TOKEN"), "{error}");
    assert_eq!(
        (world.snapshot(), events.into_inner(), world.run_dirs()),
        (before, 0, 0)
    );
}

#[test]
fn unsafe_lists_are_refused_as_a_whole() {
    let world = World::new();
    let before = world.snapshot();
    let kinds = [
        world.write("fine", WriteMode::Overwrite, "x"),
        world.write(".git/hooks/pre-commit", WriteMode::Overwrite, "x"),
        world.write("../outside", WriteMode::Overwrite, "x"),
    ];
    let error = world.apply(&list(kinds)).unwrap_err();
    assert_eq!((error.exit_code(), error.diagnostics().len()), (1, 2));
    assert_eq!(world.snapshot(), before);
}

#[test]
fn everything_is_undone_last_first_and_disposed_once() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world.apply(&world.everything()).unwrap();
    assert_ne!(world.snapshot(), before);
    let report = handle.dispose();
    assert!(report.is_clean(), "{report:?}");
    let order: Vec<_> = report.entries.iter().map(|entry| entry.action).collect();
    assert_eq!(order, (0..13).rev().collect::<Vec<_>>());
    assert_eq!(world.snapshot(), before);
    fs::write(world.repo().join("later"), "x").unwrap();
    assert_eq!(
        handle.dispose(),
        report,
        "a second call does nothing and answers the same"
    );
}

#[test]
fn a_failure_at_any_action_leaves_no_trace() {
    let world = World::new();
    let before = world.snapshot();
    for action in 0..13 {
        for moment in [Moment::BeforeAction(action), Moment::AfterAction(action)] {
            let faults = Faults {
                fail: Some(moment),
                ..Faults::default()
            };
            let error = world
                .apply_with(&world.everything(), faulty(faults))
                .unwrap_err();
            assert!(error.to_string().starts_with("injected fault"), "{error}");
            assert!(error.undo_errors().is_empty(), "{error:?}");
            assert_eq!(error.context().action, Some(action));
            assert_eq!(world.snapshot(), before, "{moment:?}");
        }
    }
    assert_eq!(
        world.run_dirs(),
        2,
        "the logs of the programs that were called a failure"
    );
}

#[test]
fn a_record_that_cannot_be_written_stops_the_run() {
    let world = World::new();
    let before = world.snapshot();
    // The start, two for each of twelve actions, and the end of the list.
    for record in 0..26 {
        let tear = Moment::TornRecord(record);
        for moment in [Moment::BeforeRecord(record), tear] {
            let faults = Faults {
                fail: Some(moment),
                ..Faults::default()
            };
            let error = world
                .apply_with(&world.everything(), faulty(faults))
                .unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with("the journal could not be written"),
                "{error}"
            );
            assert_eq!(world.snapshot(), before, "{moment:?}");
            // The journal is open, and recovery finds nothing left to take back.
            for report in recover(&world.state(), None).unwrap() {
                assert!(report.result.unwrap().closed);
            }
            assert_eq!(world.snapshot(), before);
            assert_eq!(world.run_dirs(), 0, "{moment:?}");
        }
    }
}

#[test]
fn actions_and_undos_may_happen_twice() {
    let world = World::new();
    let before = world.snapshot();
    let once = world.apply(&world.everything()).unwrap();
    let done = world.snapshot();
    once.dispose();
    let twice = world.apply_with(
        &world.everything(),
        faulty(Faults {
            repeat: 2,
            ..Faults::default()
        }),
    );
    let twice = twice.unwrap();
    let paths = |tree: BTreeMap<PathBuf, String>| tree.into_keys().collect::<Vec<_>>();
    assert_eq!(paths(world.snapshot()), paths(done));
    let report = twice.dispose();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_failed_undo_is_reported_and_tried_again() {
    let world = World::new();
    let before = world.snapshot();
    let faults = Faults {
        fail: Some(Moment::BeforeUndo(5)),
        ..Faults::default()
    };
    let handle = world
        .apply_with(&world.everything(), faulty(faults))
        .unwrap();
    let report = handle.dispose();
    assert!(!report.closed && report.leftover.is_some());
    assert_eq!(report.errors().len(), 1);
    assert_eq!(
        list_runs(&world.state()).unwrap()[0].liveness,
        Liveness::Dead
    );
    let reports = recover(&world.state(), Some(&world.repo())).unwrap();
    let again = reports[0].result.as_ref().unwrap();
    assert!(again.is_clean(), "{again:?}");
    assert_eq!(again.entries.len(), 1);
    assert_eq!(world.snapshot(), before);
    assert!(recover(&world.state(), None).unwrap().is_empty());
}

#[test]
fn live_runs_are_left_alone_and_neighbours_must_not_share_files() {
    let world = World::new();
    let before = world.snapshot();
    let write = |text: &str| list([world.write("AGENTS.md", WriteMode::Extend, text)]);
    let first = world.apply(&write("one")).unwrap();
    assert!(recover(&world.state(), None).unwrap().is_empty());
    assert_eq!(world.apply(&write("two")).unwrap_err().exit_code(), 5);
    let other = world
        .apply(&list([world.write("other.md", WriteMode::Overwrite, "x")]))
        .unwrap();
    let above = ApplyOptions {
        above: vec![first.id().clone()],
        ..ApplyOptions::default()
    };
    let second = world.apply_with(&write("two"), above).unwrap();
    assert!(
        world
            .read("AGENTS.md")
            .ends_with(b"\n\n---\n\none\n\n---\n\ntwo")
    );
    assert!(second.dispose().is_clean() && first.dispose().is_clean());
    assert!(other.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn skills_stay_when_they_are_asked_to() {
    let world = World::new();
    let options = ApplyOptions {
        cleanup_skills_on_dispose: false,
        ..ApplyOptions::default()
    };
    let mut actions = ActionList::new();
    actions.push(
        Phase::Skills,
        world.command("mkdir -p .skills/x", &[".skills/x"]),
    );
    actions.push(
        Phase::Sidecars,
        world.write("AGENTS.md", WriteMode::Overwrite, "x"),
    );
    let report = world
        .apply_with(&actions, options.clone())
        .unwrap()
        .dispose();
    let kinds = report
        .entries
        .iter()
        .map(|entry| entry.result.as_ref().unwrap().kind);
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [OutcomeKind::Restored, OutcomeKind::Kept]
    );
    assert!(world.repo().join(".skills/x").exists());
    assert!(world.read("AGENTS.md").starts_with(b"caf"));
    fs::remove_dir_all(world.repo().join(".skills")).unwrap();
    actions.push(Phase::Sidecars, world.command("exit 1", &[]));
    world.apply_with(&actions, options).unwrap_err();
    assert!(
        !world.repo().join(".skills").exists(),
        "a failed run keeps nothing"
    );
}

#[test]
fn a_run_that_never_acts_leaves_nothing_and_its_stage_goes_with_it() {
    let world = World::new();
    drop(Run::begin(&world.state(), &world.repo()).unwrap());
    assert_eq!(world.run_dirs(), 0);
    let run = Run::begin(&world.state(), &world.repo()).unwrap();
    let stage = run.stage_dir();
    assert!(stage.is_dir());
    let private = ActionKind::WriteFile {
        path: stage.join("home/config.toml").to_str().unwrap().into(),
        below: stage.to_str().unwrap().into(),
        over: None,
        how: WriteMode::Overwrite,
        content: Content::Document(Document::text("x")),
        private: true,
    };
    let handle = run
        .apply(&list([private]), &ApplyOptions::default())
        .unwrap();
    fs::write(stage.join("home/session"), "of the harness").unwrap();
    fs::write(stage.join("home/config.toml"), "changed").unwrap();
    handle.dispose();
    assert!(!stage.exists());
    assert_eq!(world.run_dirs(), 0);
}

#[test]
fn whoever_looks_at_runs_does_not_disturb_their_end() {
    let world = World::new();
    let state = world.state();
    let over = std::sync::atomic::AtomicBool::new(false);
    let order = std::sync::atomic::Ordering::SeqCst;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(order) {
                list_runs(&state).unwrap();
            }
        });
        for _ in 0..60 {
            let handle = world.one(world.write("AGENTS.md", WriteMode::Extend, "x"));
            let report = handle.dispose();
            over.store(!report.is_clean(), order);
            assert!(report.is_clean(), "{report:?}");
        }
        over.store(true, order);
    });
    let left: Vec<_> = fs::read_dir(world.root.join("state/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".gate"]);
}

#[test]
fn a_request_to_stop_during_the_last_action_is_heard() {
    let world = World::new();
    let before = world.snapshot();
    let cancel = crate::os::proc::Cancel::new();
    let progress = |event: &Event<'_>| {
        if matches!(event, Event::Done(_)) {
            cancel.raise();
        }
    };
    let options = ApplyOptions {
        cancel: cancel.clone(),
        progress: Some(&progress),
        ..ApplyOptions::default()
    };
    let one = list([world.write("AGENTS.md", WriteMode::Overwrite, "x")]);
    let error = world.apply_with(&one, options).unwrap_err();
    assert_eq!(error.exit_code(), 130, "{error:?}");
    assert_eq!((world.snapshot(), world.run_dirs()), (before, 0));
}

#[test]
fn a_copy_hears_a_request_to_stop() {
    let world = World::new();
    let before = world.snapshot();
    let copy = ActionKind::CopyTree {
        from: world.path("skill"),
        to: world.path("repo/.skills/copied"),
        below: world.path("repo"),
    };
    for kind in [copy, world.mount(&[], &[])] {
        let done = RefCell::new(0);
        let cancel = crate::os::proc::Cancel::new();
        let progress = |event: &Event<'_>| match event {
            Event::Started(_) => cancel.raise(),
            Event::Done(_) => *done.borrow_mut() += 1,
            _ => {}
        };
        let options = ApplyOptions {
            cancel: cancel.clone(),
            progress: Some(&progress),
            ..ApplyOptions::default()
        };
        let error = world.apply_with(&list([kind]), options).unwrap_err();
        assert_eq!(error.exit_code(), 130, "{error:?}");
        assert_eq!((world.snapshot(), world.run_dirs()), (before.clone(), 0));
        assert_eq!(done.into_inner(), 0, "the copy was finished");
    }
}
