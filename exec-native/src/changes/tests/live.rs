//! Live results.

use std::time::{Duration, Instant};

use super::*;

const QUICK: LiveOptions = LiveOptions {
    interval: Duration::from_millis(10),
};

/// Asks again and again until it holds.
fn wait(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_fresh_nested_directory_comes_back_whole_however_soon_the_run_ends() {
    let desk = Desk::new();
    for round in 0..5 {
        let handle = desk.copy();
        let live = Live::start(&desk.state(), handle.id(), QUICK).unwrap();
        for number in 0..30 {
            put(handle.cwd(), format!("r{round}/a/b/c/{number}"), "x");
        }
        let report = live.stop();
        assert!(report.error.is_none(), "{report:?}");
        assert!(handle.dispose().is_clean());
        let dir = desk.project().join(format!("r{round}/a/b/c"));
        assert_eq!(fs::read_dir(dir).unwrap().count(), 30, "{round}");
    }
    // Nothing of the user's was replaced, so nothing is kept.
    assert_eq!(crate::apply::list_runs(&desk.state()).unwrap(), []);
}

#[test]
fn work_flows_both_ways_and_deletions_wait() {
    let desk = Desk::new();
    let handle = desk.copy();
    let live = Live::start(&desk.state(), handle.id(), QUICK).unwrap();
    put(handle.cwd(), "README.md", "agent's");
    put(handle.cwd(), "new/deep.txt", "agent's");
    fs::remove_file(handle.cwd().join("docs/a.md")).unwrap();
    let project = desk.project();
    let has = |root: &Path, path: &str, text: &str| {
        fs::read_to_string(root.join(path)).is_ok_and(|found| found == text)
    };
    wait("an edit", || has(&project, "README.md", "agent's"));
    wait("a new file", || has(&project, "new/deep.txt", "agent's"));
    desk.put("src/lib.rs", "user's, longer");
    desk.put("src/more.rs", "user's");
    wait("the user's edit", || {
        has(handle.cwd(), "src/lib.rs", "user's, longer")
    });
    wait("the user's file", || {
        has(handle.cwd(), "src/more.rs", "user's")
    });
    // What came in can be worked on, without a conflict.
    put(handle.cwd(), "src/lib.rs", "both");
    wait("the agent's answer", || has(&project, "src/lib.rs", "both"));
    assert!(project.join("docs/a.md").exists());
    let report = live.stop();
    assert!(
        report.error.is_none() && report.conflicts.is_empty(),
        "{report:?}"
    );
    assert!(!project.join("docs/a.md").exists());
    assert!(handle.dispose().is_clean());
    assert_eq!(desk.read("src/more.rs"), "user's");
    let names = fs::read_dir(&project).unwrap();
    let left = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains("callsheet")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_conflict_is_told_once_and_a_cleaner_deletes_nothing() {
    let desk = Desk::new();
    for number in 0..60 {
        desk.put(&format!("many/{number}"), "x");
    }
    let handle = desk.copy();
    put(handle.cwd(), "README.md", "agent's");
    desk.put("README.md", "user's");
    let live = Live::start(&desk.state(), handle.id(), QUICK).unwrap();
    let beside = desk
        .project()
        .join(format!("README.md.callsheet-{}", handle.id()));
    wait("both versions", || beside.exists());
    for entry in fs::read_dir(handle.cwd()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    let report = live.stop();
    assert_eq!(report.error.unwrap().kind(), ExecErrorKind::Refused);
    assert_eq!(report.conflicts.len(), 1, "{:?}", report.conflicts);
    assert_eq!(desk.read("many/7"), "x");
    assert_eq!(desk.read("README.md"), "user's");
    assert_eq!(handle.dispose().kept().count(), 1);
}

#[test]
fn a_version_that_was_kept_is_not_replaced_by_the_next_edit() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "README.md", "agent's");
    desk.put("README.md", "user's");
    let live = Live::start(&desk.state(), handle.id(), QUICK).unwrap();
    let name = format!("README.md.callsheet-{}", handle.id());
    let beside = desk.project().join(&name);
    wait("both versions", || beside.exists());
    put(handle.cwd(), "README.md", "agent's second");
    let report = live.stop();
    assert!(report.error.is_none(), "{report:?}");
    assert_eq!(desk.read("README.md"), "user's");
    assert_eq!(desk.read(&name), "agent's");
    assert_eq!(desk.read(format!("{name}-2")), "agent's second");
    assert!(handle.dispose().is_clean());
}

#[test]
fn a_run_without_a_view_has_no_live_results() {
    let desk = Desk::new();
    let run = Run::begin(&desk.state(), &desk.project()).unwrap();
    let handle = run
        .apply(&ActionList::new(), &ApplyOptions::default())
        .unwrap();
    let error = Live::start(&desk.state(), handle.id(), QUICK).unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Usage);
    handle.dispose();
}
