//! Runs that live at the same time in one directory.

use std::fs;
use std::thread;

use plan_core::effect::{ActionKind, ActionList, OutcomeKind, WriteMode};

use super::super::*;
use super::{World, list};

fn persona(world: &World) -> ActionList {
    list([
        world.write("AGENTS.md", WriteMode::Overwrite, "generated"),
        world.write("AGENTS.md", WriteMode::Extend, "prompt"),
        world.write("deep/er/new.md", WriteMode::Overwrite, "new"),
        command(world),
    ])
}

fn command(world: &World) -> ActionKind {
    // It would fail a second time.
    world.command(
        "mkdir -p .skills && mkdir .skills/x && touch .skills/x/SKILL.md",
        &[".skills/x"],
    )
}

fn kinds(report: &DisposeReport) -> Vec<OutcomeKind> {
    let outcomes = report.entries.iter();
    outcomes
        .map(|entry| entry.result.as_ref().unwrap().kind)
        .collect()
}

const ALL_SHARED: [OutcomeKind; 4] = [OutcomeKind::Shared; 4];

#[test]
fn who_ends_last_puts_back_what_was_moved_away() {
    for first_ends_first in [true, false] {
        let world = World::new();
        let before = world.snapshot();
        let script = "mkdir owned alias && echo x > owned/mine && echo y > lock.json";
        let actions = || list([world.command(script, &["owned", "lock.json", "alias"])]);
        let one = world.apply(&actions()).unwrap();
        let two = world.apply(&actions()).unwrap();
        let during = world.snapshot();
        let (early, late) = if first_ends_first {
            (one, two)
        } else {
            (two, one)
        };
        assert_eq!(kinds(&early.dispose()), [OutcomeKind::Shared]);
        assert_eq!(world.snapshot(), during);
        assert!(late.dispose().is_clean());
        assert_eq!(world.snapshot(), before);
    }
}

#[test]
fn who_ends_last_puts_the_original_back() {
    for first_ends_first in [true, false] {
        let world = World::new();
        let (before, original) = (world.snapshot(), world.meta("AGENTS.md"));
        let one = world.apply(&persona(&world)).unwrap();
        let during = world.snapshot();
        let two = world.apply(&persona(&world)).unwrap();
        assert_eq!(world.snapshot(), during);
        let (early, late) = if first_ends_first {
            (one, two)
        } else {
            (two, one)
        };
        let report = early.dispose();
        assert_eq!(kinds(&report), ALL_SHARED, "{report:?}");
        assert!(report.is_clean());
        assert_eq!(world.snapshot(), during, "the other still needs it");
        let report = late.dispose();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(world.snapshot(), before);
        assert_eq!(world.meta("AGENTS.md"), original, "the very file");
        assert_eq!(world.run_dirs(), 0);
    }
}

#[test]
fn a_share_outlives_the_run_that_it_was_taken_from() {
    let world = World::new();
    let before = world.snapshot();
    let dead = world.apply(&persona(&world)).unwrap();
    let alive = world.apply(&persona(&world)).unwrap();
    let during = world.snapshot();
    drop(dead);
    let reports = recover(&world.state(), None).unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!(kinds(reports[0].result.as_ref().unwrap()), ALL_SHARED);
    assert_eq!(world.snapshot(), during);
    assert!(alive.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn the_dead_hold_nothing() {
    let world = World::new();
    let before = world.snapshot();
    let alive = world.apply(&persona(&world)).unwrap();
    drop(world.apply(&persona(&world)).unwrap());
    assert!(alive.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
    let reports = recover(&world.state(), None).unwrap();
    assert!(
        reports[0].result.as_ref().unwrap().is_clean(),
        "{reports:?}"
    );
    assert_eq!(world.snapshot(), before);
}

#[test]
fn another_content_is_refused_and_may_wait() {
    let world = World::new();
    let before = world.snapshot();
    let one = world.apply(&persona(&world)).unwrap();
    let during = world.snapshot();
    let others = [
        list([world.write("AGENTS.md", WriteMode::Overwrite, "other")]),
        list([world.write("AGENTS.md", WriteMode::Overwrite, "generated")]),
        list([world.write("deep", WriteMode::Overwrite, "a file")]),
        list([world.command("true", &[".skills/x"])]),
    ];
    for other in &others {
        let error = world.apply(other).unwrap_err();
        assert_eq!(error.exit_code(), 5, "{error}");
        assert!(error.to_string().contains(one.id().as_str()), "{error}");
    }
    assert_eq!(world.snapshot(), during);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let options = ApplyOptions {
                wait: Some(Duration::from_secs(60)),
                ..ApplyOptions::default()
            };
            world.apply_with(&others[0], options).unwrap()
        });
        assert!(one.dispose().is_clean());
        let two = waiting.join().unwrap();
        assert_eq!(world.read("AGENTS.md"), b"other");
        assert!(two.dispose().is_clean());
    });
    assert_eq!(world.snapshot(), before);
}

#[test]
fn fifty_runs_at_once_leave_the_directory_as_it_was() {
    let world = World::new();
    let (before, original) = (world.snapshot(), world.meta("AGENTS.md"));
    thread::scope(|scope| {
        for number in 0..50 {
            let world = &world;
            scope.spawn(move || {
                let name = format!("own/{number}.md");
                let own = world.write(&name, WriteMode::Overwrite, "mine");
                let shared = world.write("AGENTS.md", WriteMode::Extend, "prompt");
                let actions = if number % 2 == 0 {
                    list([own])
                } else {
                    list([shared, own])
                };
                let handle = world.apply(&actions).unwrap();
                assert_eq!(world.read(&name), b"mine");
                if number % 2 == 1 {
                    assert!(world.read("AGENTS.md").ends_with(b"prompt"));
                }
                if number % 5 == 0 {
                    // As if its process had died.
                    drop(handle);
                } else {
                    let report = handle.dispose();
                    assert!(report.closed, "{report:?}");
                }
            });
        }
    });
    for report in recover(&world.state(), None).unwrap() {
        assert!(report.result.unwrap().closed);
    }
    assert_eq!(world.snapshot(), before);
    assert_eq!(world.meta("AGENTS.md"), original);
    assert!(fs::read_dir(world.repo().join("own")).is_err());
    assert_eq!(world.run_dirs(), 0);
}

#[test]
fn a_directory_is_the_same_by_whatever_path() {
    let world = World::new();
    let before = world.snapshot();
    let link = world.root.join("state-of-things");
    std::os::unix::fs::symlink(world.repo(), &link).unwrap();
    let actions = persona(&world);
    let handle = world.apply(&actions).unwrap();
    let options = ExecuteOptions {
        state: world.state(),
        cwd: link.join("sub/.."),
        apply: ApplyOptions::default(),
    };
    let other = execute(&actions, &options).unwrap();
    assert_eq!(other.cwd(), handle.cwd());
    drop((handle, other));
    let reports = recover(&world.state(), Some(&link)).unwrap();
    assert_eq!(reports.len(), 2);
    fs::remove_file(link).unwrap();
    assert_eq!(world.snapshot(), before);
}
