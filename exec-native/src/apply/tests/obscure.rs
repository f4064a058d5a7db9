//! Runs that cannot be looked into: what they may share is left alone.

use std::fs;

use plan_core::effect::WriteMode;

use super::super::*;
use super::{World, list};

/// Puts a link that leads to itself in the place of a run's directory; returns where the
/// directory is then.
fn hide(world: &World, id: &RunId) -> [PathBuf; 2] {
    let dir = world.root.join("state/runs").join(id.as_str());
    let hidden = world.root.join("state/hidden");
    fs::rename(&dir, &hidden).unwrap();
    std::os::unix::fs::symlink(id.as_str(), &dir).unwrap();
    [hidden, dir]
}

fn show([hidden, dir]: &[PathBuf; 2]) {
    fs::remove_file(dir).unwrap();
    fs::rename(hidden, dir).unwrap();
}

#[test]
fn what_a_run_may_share_that_cannot_be_read_is_not_taken_back() {
    let world = World::new();
    let before = world.snapshot();
    let one = world.apply(&super::share::persona(&world)).unwrap();
    let two = world.apply(&super::share::persona(&world)).unwrap();
    let during = world.snapshot();
    let places = hide(&world, one.id());
    let report = two.dispose();
    assert!(!report.closed, "{report:?}");
    assert_eq!(report.errors().len(), 4, "{report:?}");
    let message = report.errors()[0].chain();
    assert!(message.contains("nobody can tell"), "{message}");
    assert!(message.contains(one.id().as_str()), "{message}");
    assert_eq!(world.snapshot(), during, "the other still needs it");
    show(&places);
    drop(two);
    let reports = recover(&world.state(), None).unwrap();
    assert!(
        reports[0].result.as_ref().unwrap().is_clean(),
        "{reports:?}"
    );
    assert_eq!(world.snapshot(), during);
    assert!(one.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_run_that_cannot_be_opened_is_told_and_hides_no_other() {
    let world = World::new();
    let before = world.snapshot();
    let write = |name| list([world.write(name, WriteMode::Overwrite, "x")]);
    let one = world.apply(&write("one")).unwrap();
    let two = world.apply(&write("two")).unwrap();
    let places = hide(&world, one.id());
    let runs = list_runs(&world.state()).unwrap();
    let states: Vec<_> = runs.iter().map(|run| (&run.id, run.liveness)).collect();
    assert_eq!(
        states,
        [(one.id(), Liveness::Damaged), (two.id(), Liveness::Live)]
    );
    let reports = recover(&world.state(), None).unwrap();
    let error = reports[0].result.as_ref().unwrap_err();
    assert_eq!((&reports[0].id, error.exit_code()), (one.id(), 6));
    assert_eq!(error.context().path.as_deref(), Some(&*places[1]));
    let options = GcOptions {
        older_than: Duration::ZERO,
        damaged: true,
        dry_run: false,
    };
    let cleared = gc(&world.state(), &options).unwrap();
    assert_eq!(cleared[0].what, "a run that cannot be opened");
    assert!(!cleared[0].removed && fs::symlink_metadata(&places[1]).is_ok());
    // What would be written beside it could not be taken back.
    let error = world.apply(&write("three")).unwrap_err();
    assert_eq!(error.exit_code(), 6, "{error:?}");
    assert!(!world.repo().join("three").exists());
    // A run that touches nothing has nothing to take back.
    assert!(
        world
            .apply(&ActionList::new())
            .unwrap()
            .dispose()
            .is_clean()
    );
    show(&places);
    assert!(one.dispose().is_clean() && two.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_run_whose_start_can_be_read_holds_only_its_own_files() {
    let world = World::new();
    let before = world.snapshot();
    let write = |name| list([world.write(name, WriteMode::Overwrite, "x")]);
    let one = world.apply(&write("one")).unwrap();
    let dir = world.root.join("state/runs").join(one.id().as_str());
    drop(one);
    // Where its backups should be is a file.
    fs::remove_dir(dir.join("blobs")).unwrap();
    fs::write(dir.join("blobs"), "").unwrap();
    let error = world.apply(&write("one")).unwrap_err();
    assert_eq!(error.exit_code(), 6, "{error:?}");
    assert!(world.apply(&write("two")).unwrap().dispose().is_clean());
    let reports = recover(&world.state(), None).unwrap();
    assert_eq!(reports[0].cwd, Some(world.repo()));
    reports[0].result.as_ref().unwrap_err();
    fs::remove_file(dir.join("blobs")).unwrap();
    let reports = recover(&world.state(), None).unwrap();
    assert!(reports[0].result.as_ref().unwrap().is_clean());
    assert_eq!(world.snapshot(), before);
}
