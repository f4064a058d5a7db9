//! What a run leaves that dies in the middle of an action, and what a move between two
//! file systems leaves.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use plan_core::effect::{ActionKind, ActionList};

use super::super::*;
use super::crash::{die, may_die};
use super::{World, list};
use crate::state::Found;

/// What a killed process carries out, by the name that the order gives.
pub(super) fn actions(world: &World, name: &str) -> ActionList {
    let script = "mkdir -p s/new; echo x > s/new/a; sleep 60; echo late > s/new/b";
    let over = "mkdir owned alias && echo x > owned/mine && echo y > lock.json";
    let below = world.path("repo");
    list([match name {
        "installer" => world.command(script, &["s/new"]),
        "copy" => ActionKind::CopyTree {
            from: world.path("skill"),
            to: world.path("repo/s/new"),
            below,
        },
        "over" => world.command(over, &["owned", "lock.json", "alias"]),
        "remove" => ActionKind::Remove {
            path: world.path("repo/sub"),
            below,
        },
        other => panic!("{other}"),
    }])
}

fn put(world: &World) {
    fs::create_dir_all(world.repo().join("s/new")).unwrap();
    fs::write(world.repo().join("s/new/mine"), "mine").unwrap();
}

fn recovered(world: &World) -> DisposeReport {
    let mut reports = recover(&world.state(), None).unwrap();
    assert_eq!(reports.len(), 1, "{reports:?}");
    reports.remove(0).result.unwrap()
}

#[test]
fn what_stands_in_the_place_of_an_interrupted_installer_is_kept() {
    let world = World::new();
    let before = world.snapshot();
    super::crash::die_in_installer(&world);
    put(&world);
    let report = recovered(&world);
    assert!(report.closed, "{report:?}");
    let (_, outcome) = report.kept().next().unwrap();
    assert_eq!(outcome.path, Some(world.path("repo/s/new")));
    let kept = PathBuf::from(outcome.beside.as_ref().unwrap());
    assert!(kept.starts_with(report.leftover.as_ref().unwrap().join("interrupted")));
    assert_eq!(fs::read_to_string(kept.join("mine")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(kept.join("a")).unwrap(), "x\n");
    assert_eq!(world.snapshot(), before);
    // It stays until somebody clears it away.
    assert!(recover(&world.state(), None).unwrap().is_empty());
    let options = GcOptions {
        older_than: Duration::ZERO,
        damaged: false,
        dry_run: false,
    };
    let cleared = gc(&world.state(), &options).unwrap();
    assert_eq!(cleared[0].what, "what an interrupted installer left");
    assert_eq!(world.run_dirs(), 0);
}

#[test]
fn what_comes_into_a_place_after_it_was_cleared_is_the_user_s() {
    let world = World::new();
    super::crash::die_in_installer(&world);
    // The undo is done, and its record is lost: it is done again.
    let report = recovered(&world);
    let dir = report.leftover.clone().unwrap();
    let journal = fs::read_to_string(dir.join("journal.log")).unwrap();
    let undone = journal.lines().position(|line| line.contains("undoDone"));
    let kept: Vec<&str> = journal.lines().take(undone.unwrap()).collect();
    fs::write(dir.join("journal.log"), kept.join("\n") + "\n").unwrap();
    put(&world);
    let again = recovered(&world);
    assert_eq!(again.entries, report.entries);
    assert_eq!(world.read("s/new/mine"), b"mine");
}

#[test]
fn where_nothing_was_started_nothing_is_ours() {
    for how in ["start-copy", "start-installer"] {
        let world = World::new();
        let before = world.snapshot();
        die(&world, how, 0);
        put(&world);
        let report = recovered(&world);
        assert!(report.closed, "{report:?}");
        assert_eq!(world.read("s/new/mine"), b"mine", "{how}");
        fs::remove_dir_all(world.repo().join("s")).unwrap();
        assert_eq!(world.snapshot(), before, "{how}");
        assert_eq!(world.run_dirs(), 0, "{how}");
    }
}

#[test]
fn a_list_that_somebody_removed_is_no_interruption() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world.one(world.command("mkdir -p s/new; echo x > s/new/a", &["s/new"]));
    let run = list_runs(&world.state()).unwrap().remove(0);
    let (list, aside) = (run.dir.join("blobs/0.list"), world.root.join("state/aside"));
    fs::rename(&list, &aside).unwrap();
    let report = handle.dispose();
    assert!(!report.closed, "{report:?}");
    let message = report.errors()[0].chain();
    assert!(
        message.contains("the list of what was created is missing"),
        "{message}"
    );
    assert_eq!(world.read("s/new/a"), b"x\n");
    drop(handle);
    assert!(
        !recovered(&world).closed,
        "asking again does not change the answer"
    );
    fs::rename(&aside, &list).unwrap();
    assert!(recovered(&world).is_clean());
    assert_eq!(world.snapshot(), before);
}

/// A world whose state home is on another file system; nothing where there is none.
fn far() -> Option<(World, tempfile::TempDir)> {
    let world = World::new();
    let home = tempfile::tempdir_in("/dev/shm").ok();
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    let home = home.filter(|home| device(home.path()) != device(&world.root));
    if home.is_none() {
        println!("skipped: there is no second file system at /dev/shm");
    }
    let home = home?;
    std::os::unix::fs::symlink(home.path(), world.root.join("state")).unwrap();
    Some((world, home))
}

/// Dies at each step of a move, in a new world each time.
fn each_death(how: &str, least: u32, check: impl Fn(&World, BTreeMap<PathBuf, String>, u32)) {
    for step in 0.. {
        let Some((world, _home)) = far() else {
            return;
        };
        let before = world.snapshot();
        if !may_die(&world, how, step) {
            assert!(step >= least, "{how}: only {step} steps");
            return;
        }
        check(&world, before, step);
    }
}

/// Lets taking back stop at one step after the other.
fn fail_to_recover(world: &World) {
    for step in 0..6 {
        let state = world.state();
        let id = state.run_ids().unwrap().remove(0);
        let Some(Found::Ours(run)) = state.open_run(&id).unwrap() else {
            panic!("{id} lives");
        };
        let journal = crate::journal::read(&run.dir).unwrap().unwrap();
        let faults = Faults {
            fail: Some(Moment::WithinUndo(step)),
            ..Faults::default()
        };
        for action in journal.state.actions() {
            let announced = &action.announced;
            // Sooner or later there is no such step, and it succeeds.
            drop(handler::undo(&run, announced.id, &announced.undo, faults));
        }
    }
}

#[test]
fn death_within_a_move_between_file_systems_is_taken_back() {
    for (how, least) in [
        ("move-remove", 5),
        ("back-remove", 4),
        ("move-over", 15),
        ("back-over", 12),
    ] {
        each_death(how, least, |world, before, step| {
            fail_to_recover(world);
            for report in recover(&world.state(), None).unwrap() {
                let report = report.result.unwrap();
                assert!(report.is_clean(), "{how} {step}: {report:?}");
            }
            assert_eq!(world.snapshot(), before, "{how} {step}");
            assert_eq!(world.run_dirs(), 0, "{how} {step}");
        });
    }
}

#[test]
fn death_within_a_move_loses_nothing_that_comes_meanwhile() {
    for (how, least) in [("move-remove", 5), ("back-remove", 4)] {
        each_death(how, least, |world, before, step| {
            let sub = world.repo().join("sub");
            fs::create_dir_all(&sub).unwrap();
            fs::write(sub.join("new"), "work").unwrap();
            for report in recover(&world.state(), None).unwrap() {
                let report = report.result.unwrap();
                assert!(report.closed, "{how} {step}: {report:?}");
            }
            let after = world.snapshot();
            for path in before.keys() {
                assert!(after.contains_key(path), "{how} {step}: {path:?} {after:?}");
            }
            assert_eq!(world.read("sub/deep.txt"), b"deep");
            let new: Vec<_> = after.keys().filter(|path| path.ends_with("new")).collect();
            assert_eq!(new.len(), 1, "{how} {step}: {after:?}");
            assert_eq!(fs::read(new[0]).unwrap(), b"work");
            let is_left = |path: &&PathBuf| {
                let name = path.file_name().unwrap().to_str().unwrap();
                name.starts_with(".callsheet")
            };
            assert_eq!(after.keys().find(is_left), None, "{how} {step}");
            assert_eq!(world.run_dirs(), 0, "{how} {step}");
        });
    }
}

#[test]
fn an_interrupted_installer_s_place_is_kept_on_another_file_system() {
    let Some((world, _home)) = far() else {
        return;
    };
    let before = world.snapshot();
    super::crash::die_in_installer(&world);
    put(&world);
    let report = recovered(&world);
    let kept = report.kept().next().unwrap().1.beside.clone().unwrap();
    assert_eq!(fs::read(Path::new(&kept).join("mine")).unwrap(), b"mine");
    assert_eq!(world.snapshot(), before);
}
