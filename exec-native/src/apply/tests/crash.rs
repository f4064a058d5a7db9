//! Death at every record: a child process runs into SIGKILL, then recovery must
//! leave the tree as it was.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use super::super::*;
use super::{World, faulty};

const CHILD: &str = "CALLSHEET_TEST_CHILD";

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let mut words = order.splitn(3, ' ');
    let (how, place) = (
        words.next().unwrap(),
        words.next().unwrap().parse().unwrap(),
    );
    let world = World::existing(words.next().unwrap());
    let (how, list) = match how.split_once('-') {
        Some(("share", how)) => (how, super::share::persona(&world)),
        Some((how @ ("move" | "back" | "start"), name)) => {
            (how, super::interrupted::actions(&world, name))
        }
        _ => (how, world.everything()),
    };
    let action = u64::from(place);
    let moment = match how {
        "before-record" => Moment::BeforeRecord(place),
        "torn-record" => Moment::TornRecord(place),
        "after-record" => Moment::AfterRecord(place),
        "start" => Moment::BeforeAction(action),
        "move" => Moment::WithinAction(place),
        "back" => Moment::WithinUndo(place),
        "after-action" => Moment::AfterAction(action),
        "after-undo" => Moment::AfterUndo(action),
        other => panic!("{other}"),
    };
    let faults = Faults {
        kill: Some(moment),
        ..Faults::default()
    };
    world.apply_with(&list, faulty(faults)).unwrap().dispose();
}

fn order(world: &World, how: &str, place: u32) -> Command {
    let order = format!("{how} {place} {}", world.root.display());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "apply::tests::crash::child"])
        .env(CHILD, order);
    command
}

pub(super) fn die(world: &World, how: &str, place: u32) {
    assert!(may_die(world, how, place), "{how} {place}");
}

/// Tells whether there was such a moment to die at.
pub(super) fn may_die(world: &World, how: &str, place: u32) -> bool {
    let output = order(world, how, place).output().unwrap();
    let dies = output.status.signal() == Some(9);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(dies || output.status.success(), "{how} {place}: {text}");
    dies
}

/// Dies while an installer runs.
pub(super) fn die_in_installer(world: &World) {
    // No step of a move is so late: the installer is awaited.
    let mut child = order(world, "move-installer", u32::MAX)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !world.repo().join("s/new/a").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn survives(how: &str, places: std::ops::Range<u32>) {
    let world = World::new();
    let before = world.snapshot();
    for place in places {
        die(&world, how, place);
        for report in recover(&world.state(), Some(&world.repo())).unwrap() {
            let result = report.result.unwrap();
            assert!(result.is_clean(), "{how} {place}: {result:?}");
        }
        assert_eq!(world.snapshot(), before, "{how} {place}");
        assert_eq!(world.run_dirs(), 0, "{how} {place}");
    }
}

/// The records of a whole life: the start, two for each of twelve actions, ready,
/// two for each undo, closed.
const RECORDS: u32 = 1 + 24 + 1 + 24 + 1;

#[test]
fn death_before_any_record() {
    survives("before-record", 0..RECORDS);
}

#[test]
fn death_within_any_record() {
    survives("torn-record", 0..RECORDS);
}

#[test]
fn death_after_any_record() {
    survives("after-record", 0..RECORDS);
}

#[test]
fn death_between_effect_and_record() {
    survives("after-action", 0..12);
    survives("after-undo", 0..12);
}

#[test]
fn death_of_a_run_that_shares() {
    // The start, two records for each of four shares, ready, two for each undo, closed.
    const RECORDS: u32 = 1 + 8 + 1 + 8 + 1;
    let world = World::new();
    let before = world.snapshot();
    let alive = world.apply(&super::share::persona(&world)).unwrap();
    let during = world.snapshot();
    for how in [
        "share-before-record",
        "share-torn-record",
        "share-after-record",
    ] {
        for place in 0..RECORDS {
            die(&world, how, place);
            for report in recover(&world.state(), None).unwrap() {
                let result = report.result.unwrap();
                assert!(result.is_clean(), "{how} {place}: {result:?}");
            }
            assert_eq!(world.snapshot(), during, "{how} {place}");
            assert_eq!(world.run_dirs(), 1, "{how} {place}");
        }
    }
    assert!(alive.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_backup_that_somebody_removed_is_no_original_that_returned() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world.one(world.write("AGENTS.md", plan_core::effect::WriteMode::Overwrite, "x"));
    let run = list_runs(&world.state()).unwrap().remove(0);
    let (blob, aside) = (
        run.dir.join("blobs/0.original"),
        world.root.join("state/aside"),
    );
    std::fs::rename(&blob, &aside).unwrap();
    let report = handle.dispose();
    assert!(!report.closed, "{report:?}");
    assert!(report.errors()[0].chain().contains("backup"), "{report:?}");
    // Asking again does not change the answer; the backup does.
    drop(handle);
    let again = recover(&world.state(), None).unwrap().remove(0);
    assert!(!again.result.unwrap().closed);
    std::fs::rename(&aside, &blob).unwrap();
    let again = recover(&world.state(), None).unwrap().remove(0);
    assert!(again.result.unwrap().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn the_next_run_in_a_place_takes_a_dead_one_back_first() {
    let world = World::new();
    let before = world.snapshot();
    // Everything is applied, then the process dies.
    die(&world, "after-record", 25);
    let recovered = RefCell::new(0);
    let progress = |event: &Event<'_>| {
        if matches!(event, Event::Recovered { .. }) {
            *recovered.borrow_mut() += 1;
        }
    };
    let options = ApplyOptions {
        progress: Some(&progress),
        ..ApplyOptions::default()
    };
    let handle = world.apply_with(&world.everything(), options).unwrap();
    assert_eq!(recovered.into_inner(), 1);
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn an_installer_does_not_outlive_its_run() {
    let world = World::new();
    let before = world.snapshot();
    die_in_installer(&world);
    let run = list_runs(&world.state()).unwrap().remove(0);
    assert_eq!(run.liveness, Liveness::Dead);
    let mark = std::fs::read_to_string(run.dir.join("running")).unwrap();
    let process = format!("/proc/{}", mark.split(' ').next().unwrap());
    assert!(
        Path::new(&process).exists(),
        "the installer goes on by itself"
    );
    let reports = recover(&world.state(), None).unwrap();
    assert!(reports[0].result.as_ref().unwrap().closed);
    let stat = std::fs::read_to_string(format!("{process}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    assert_eq!(world.snapshot(), before);
}

#[test]
fn what_happens_after_a_file_returned_is_not_undone() {
    let world = World::new();
    let file = world.repo().join("AGENTS.md");
    // Its undo is done and not recorded.
    die(&world, "after-undo", 5);
    std::fs::remove_file(&file).unwrap();
    let reports = recover(&world.state(), None).unwrap();
    assert!(
        reports[0].result.as_ref().unwrap().is_clean(),
        "{reports:?}"
    );
    assert!(!file.exists(), "the user removed it");
    std::fs::write(&file, "again").unwrap();
    die(&world, "after-undo", 5);
    std::fs::write(&file, "prompt").unwrap();
    let reports = recover(&world.state(), None).unwrap();
    assert!(reports[0].result.as_ref().unwrap().closed, "{reports:?}");
    assert_eq!(
        world.read("AGENTS.md"),
        b"prompt",
        "although we wrote these bytes once"
    );
}

/// Damages a line, from 0, of the only run's journal.
fn damage(world: &World, line: usize) -> RunSummary {
    let run = list_runs(&world.state()).unwrap().remove(0);
    let file = run.dir.join("journal.log");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    lines[line].push('!');
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    list_runs(&world.state()).unwrap().remove(0)
}

/// A directory beside the repository, and a run in it.
fn elsewhere(world: &World, progress: Progress<'_>) -> Result<RunHandle, ExecError> {
    let cwd = world.root.join("elsewhere");
    std::fs::create_dir_all(&cwd).unwrap();
    let options = ExecuteOptions {
        state: world.state(),
        cwd,
        apply: ApplyOptions {
            progress: Some(progress),
            ..ApplyOptions::default()
        },
    };
    execute(&ActionList::new(), &options)
}

#[test]
fn a_damaged_journal_stops_only_runs_about_the_same() {
    let world = World::new();
    die(&world, "after-record", 25);
    let run = damage(&world, 4);
    assert_eq!(run.liveness, Liveness::Damaged);
    assert_eq!(
        run.started.map(|started| started.cwd),
        Some(world.path("repo"))
    );
    assert!(elsewhere(&world, &|_| {}).unwrap().dispose().is_clean());
    let error = world.apply(&world.everything()).unwrap_err();
    assert_eq!(error.exit_code(), 6, "{error:?}");
    // One whose start is lost as well is told of and stops nobody.
    damage(&world, 0);
    let told = RefCell::new(Vec::new());
    let progress = |event: &Event<'_>| {
        if let Event::Unreadable { run } = event {
            told.borrow_mut().push((*run).clone());
        }
    };
    let handle = elsewhere(&world, &progress).unwrap();
    assert!(handle.dispose().is_clean());
    assert_eq!(told.into_inner(), [run.id]);
}

#[test]
fn recovery_sets_a_damaged_run_aside_once() {
    let world = World::new();
    die(&world, "after-record", 25);
    let run = damage(&world, 4);
    let kept = std::fs::read(run.dir.join("journal.log")).unwrap();
    std::fs::create_dir(world.root.join("elsewhere")).unwrap();
    let other = recover(&world.state(), Some(&world.root.join("elsewhere"))).unwrap();
    assert!(other.is_empty(), "{other:?}");
    let reports = recover(&world.state(), None).unwrap();
    let error = reports[0].result.as_ref().unwrap_err();
    let aside = world.root.join("state/damaged").join(run.id.as_str());
    assert_eq!(error.exit_code(), 6);
    assert_eq!(error.context().path.as_deref(), Some(&*aside));
    assert!(
        error.chain().contains("line 5 of the journal is damaged"),
        "{error:?}"
    );
    assert_eq!(reports[0].cwd, Some(world.repo()));
    assert_eq!(std::fs::read(aside.join("journal.log")).unwrap(), kept);
    assert!(aside.join("blobs").is_dir());
    assert!(recover(&world.state(), None).unwrap().is_empty());
    assert!(
        world
            .one(world.write("x", plan_core::effect::WriteMode::Overwrite, "x"))
            .dispose()
            .is_clean()
    );
}

#[test]
fn recovery_of_a_directory_takes_any_path_of_it() {
    let world = World::new();
    let before = world.snapshot();
    die(&world, "after-record", 25);
    let missing = recover(&world.state(), Some(&world.root.join("gone"))).unwrap_err();
    assert_eq!(missing.exit_code(), 64);
    // Tests share their working directory, so the relative path leads up from it.
    let here = std::env::current_dir().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(world.repo().strip_prefix("/").unwrap());
    let reports = recover(&world.state(), Some(&relative)).unwrap();
    assert!(reports[0].result.as_ref().unwrap().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn a_run_about_a_directory_that_is_gone_is_recovered_with_the_others() {
    let world = World::new();
    die(&world, "after-record", 0);
    std::fs::remove_dir_all(world.repo()).unwrap();
    recover(&world.state(), Some(&world.repo())).unwrap_err();
    let reports = recover(&world.state(), None).unwrap();
    assert!(reports[0].result.as_ref().unwrap().closed, "{reports:?}");
}
