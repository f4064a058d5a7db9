//! Many at once: threads of one process, two processes, and readers who hold no lock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;

/// How often every tree is made and removed. `CALLSHEET_STORM_ROUNDS=50` for the long run.
fn rounds() -> usize {
    let rounds = std::env::var("CALLSHEET_STORM_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(5)
}

const TREES: usize = 20;

/// What git says when it looks at a worktree that comes or goes in the same moment.
fn is_passing(stderr: &str) -> bool {
    stderr.contains("commondir")
        || (stderr.contains("failed to read") && stderr.contains("worktrees/"))
        || (stderr.contains("Invalid path") && stderr.contains("worktrees"))
}

#[test]
fn twenty_trees_come_and_go_beside_readers() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let over = AtomicBool::new(false);
    let (looks, passing, done) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let read = || {
        while !over.load(Ordering::Relaxed) {
            for args in [
                &["worktree", "list"][..],
                &["branch", "--list"],
                &["status"],
            ] {
                let output = try_git(&desk.repo(), args);
                looks.fetch_add(1, Ordering::Relaxed);
                if !output.status.success() {
                    // A git that holds no lock can stumble, as it does over git's own adds.
                    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert!(is_passing(&stderr), "git {args:?}: {stderr}");
                    passing.fetch_add(1, Ordering::Relaxed);
                }
            }
            // Ours look again.
            trees.repo().resolve("main").unwrap();
            trees.repo().checked_out().unwrap();
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(read)).collect();
        let workers: Vec<_> = (0..TREES)
            .map(|tree| {
                let (desk, trees, base, done) = (&desk, &trees, &base, &done);
                scope.spawn(move || {
                    for round in 0..rounds() {
                        let call = format!("{tree}/{round}");
                        let tree = trees.create(&spec(&call, base), &mut announced).unwrap();
                        assert!(tree.path().join("src/lib.rs").exists());
                        let removed = tree.remove(End::Remove).unwrap();
                        if let Removed::Gone {
                            salvage: Some(saved),
                        } = &removed
                        {
                            panic!("{}", git(&desk.repo(), &["show", "--stat", saved]));
                        }
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        over.store(true, Ordering::Relaxed);
        let read: Vec<_> = readers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        assert!(ended.iter().chain(&read).all(Result::is_ok));
    });
    assert_eq!(done.load(Ordering::Relaxed), TREES * rounds());
    println!(
        "{} trees, 0 errors; {} looks of others, {} of them stumbled",
        done.load(Ordering::Relaxed),
        looks.load(Ordering::Relaxed),
        passing.load(Ordering::Relaxed),
    );
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

/// What each of two processes does.
pub(super) fn make_some(desk: &Desk, who: u32) {
    let trees = desk.trees_of(&format!("process {who}"));
    // The same run in both, too, with calls of their own.
    let shared = desk.trees_of("shared");
    for round in 0..6 {
        let call = format!("{who}/{round}");
        let (one, other) = (make(&trees, "same call"), make(&shared, &call));
        put(one.path(), "x", &call);
        assert!(one.is_dirty().unwrap() && !other.is_dirty().unwrap());
        one.remove(End::Discard).unwrap();
        other.remove(End::Remove).unwrap();
    }
}

#[test]
fn two_processes_do_not_disturb_one_another() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let children: Vec<_> = (0..2)
        .map(|who| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "worktree::tests::crash::child"])
                .env(crash::CHILD, format!("some {who} {}", desk.root.display()))
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
    for who in 0..2 {
        let saved = Name::new(&format!("process {who}"), "same call", 1).salvage();
        git(&desk.repo(), &["update-ref", "-d", &saved]);
    }
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn one_attempt_is_made_by_one_of_many() {
    let desk = Desk::new();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let made: Vec<_> = thread::scope(|scope| {
        let make = || trees.create(&spec("call", &base), &mut announced);
        let makers: Vec<_> = (0..6).map(|_| scope.spawn(make)).collect();
        makers
            .into_iter()
            .map(|maker| maker.join().unwrap())
            .collect()
    });
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    for error in made.iter().filter_map(|made| made.as_ref().err()) {
        assert_eq!(error.kind(), ExecErrorKind::Isolation, "{error}");
    }
}
