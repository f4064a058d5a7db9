//! What goes wrong with worktrees, case by case.

use super::*;

/// The branch of a record, as git names it.
fn branch(record: &Record) -> String {
    record.branch.clone().unwrap()
}

fn name(call: &str) -> Name {
    Name::new("run-1", call, 1)
}

#[test]
fn a_tree_is_made_and_goes() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let mut seen = None;
    let base = trees.repo().resolve("HEAD").unwrap();
    let reserve = |record: &Record| {
        // Nothing exists yet when the journal is written.
        assert!(!record.path.exists());
        assert_eq!(desk.snapshot(), before);
        seen = Some(record.clone());
        Ok(())
    };
    let tree = trees
        .create(&spec("call", &base), &mut { reserve })
        .unwrap();
    let path = tree.path().to_owned();
    assert!(path.starts_with(desk.root.join("state/worktrees")));
    assert_eq!(
        fs::read_to_string(path.join("src/lib.rs")).unwrap(),
        "two\n"
    );
    assert_eq!(git(&path, &["status", "--porcelain"]), "");
    let own = git(&path, &["symbolic-ref", "--short", "HEAD"]);
    assert_eq!(own, branch(tree.record()));
    assert_eq!(own, name("call").branch());
    let listed = git(&desk.repo(), &["worktree", "list", "--porcelain"]);
    assert!(
        listed.contains(&format!("locked {}", name("call").reason())),
        "{listed}"
    );
    // Nothing was configured for the branch.
    assert_eq!(desk.snapshot()["config"], before["config"]);
    assert_eq!(desk.snapshot()["status"], before["status"]);
    assert!(!tree.is_dirty().unwrap());
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        Removed::Gone { salvage: None }
    );
    assert_eq!(desk.snapshot(), before);
    assert_eq!(desk.left(), [""; 0]);
    assert!(seen.is_some_and(|record| record.stage == Stage::Making));
}

#[test]
fn a_refused_announcement_leaves_nothing() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let mut refuse = |_: &Record| Err(ExecError::new(ExecErrorKind::Config, "no"));
    let made = trees.create(&spec("call", &base), &mut refuse);
    assert_eq!(kind_of(made), ExecErrorKind::Config);
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn a_branch_from_a_tracked_one_configures_nothing() {
    let desk = Desk::new();
    let other = desk.root.join("other");
    git(&desk.root, &["clone", "-q", "repo", "other"]);
    git(&other, &["config", "branch.autoSetupMerge", "always"]);
    let config = fs::read_to_string(other.join(".git/config")).unwrap();
    let trees = Trees::new(Repo::open(&other).unwrap(), &desk.state(), "r", 1).unwrap();
    let base = trees.repo().resolve("origin/main").unwrap();
    let tree = trees.create(&spec("call", &base), &mut announced).unwrap();
    assert_eq!(
        fs::read_to_string(other.join(".git/config")).unwrap(),
        config
    );
    drop(tree);
}

#[test]
fn a_branch_that_exists_is_an_error_before_anything_exists() {
    let desk = Desk::new();
    let trees = desk.trees();
    git(&desk.repo(), &["branch", &name("call").branch()]);
    let before = desk.snapshot();
    let base = trees.repo().resolve("HEAD").unwrap();
    let made = trees.create(&spec("call", &base), &mut announced);
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
    // A number of its own makes the next attempt possible.
    let attempt = trees.next_attempt("call").unwrap();
    assert_eq!(attempt, 2);
    let next = Spec {
        attempt,
        ..spec("call", &base)
    };
    drop(trees.create(&next, &mut announced).unwrap());
    assert_eq!(trees.next_attempt("call").unwrap(), 3);
}

#[test]
fn an_attempt_that_exists_is_refused() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    let base = trees.repo().resolve("HEAD").unwrap();
    // While somebody works in it, and afterwards.
    let made = trees.create(&spec("call", &base), &mut announced);
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    let path = tree.path().to_owned();
    drop(tree);
    let made = trees.create(&spec("call", &base), &mut announced);
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    assert!(path.join("README.md").exists());
    assert!(trees.open("call", 1).unwrap().is_some());
    assert!(trees.open("other", 1).unwrap().is_none());
}

#[test]
fn what_stands_at_the_place_stays() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "other");
    let place = tree.path().parent().unwrap().join(name("call").file());
    for file in [Some("precious"), None] {
        fs::create_dir_all(&place).unwrap();
        if let Some(file) = file {
            fs::write(place.join(file), "x").unwrap();
        }
        let before = desk.snapshot();
        let base = trees.repo().resolve("HEAD").unwrap();
        let made = trees.create(&spec("call", &base), &mut announced);
        assert_eq!(kind_of(made), ExecErrorKind::Isolation);
        assert!(place.exists());
        assert_eq!(desk.snapshot(), before);
        fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn a_branch_that_is_used_elsewhere_stays() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    let own = branch(tree.record());
    git(tree.path(), &["checkout", "-q", "--detach"]);
    git(&desk.repo(), &["checkout", "-q", &own]);
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        Removed::Gone { salvage: None }
    );
    assert_eq!(git(&desk.repo(), &["symbolic-ref", "--short", "HEAD"]), own);
    assert_eq!(git(&desk.repo(), &["status", "--porcelain"]), "");
}

#[test]
fn a_directory_that_was_deleted_behind_git_is_tidied() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "new.txt", "committed");
    let commit = tree.commit_all("work", &[]).unwrap().unwrap();
    fs::remove_dir_all(tree.path()).unwrap();
    let removed = tree.remove(End::Remove).unwrap();
    let salvage = name("call").salvage();
    assert_eq!(
        removed,
        Removed::Gone {
            salvage: Some(salvage.clone())
        }
    );
    assert_eq!(git(&desk.repo(), &["rev-parse", &salvage]), commit.as_str());
    assert_eq!(desk.snapshot()["worktrees"], before["worktrees"]);
    assert_eq!(desk.left(), [""; 0]);
    // A registration that nobody has a record of is in the way of nobody else.
    let tree = make(&trees, "gone");
    drop(tree);
    fs::remove_dir_all(desk.root.join("state")).unwrap();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let made = trees.create(&spec("gone", &base), &mut announced);
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    let next = trees.next_attempt("gone").unwrap();
    assert_eq!(next, 2);
}

#[test]
fn a_repository_without_a_commit_is_refused() {
    let desk = Desk::new();
    let empty = desk.root.join("empty");
    fs::create_dir(&empty).unwrap();
    let none = Repo::open(&empty).unwrap_err();
    assert_eq!(none.kind(), ExecErrorKind::Usage);
    assert!(none.to_string().contains("not a git repository"), "{none}");
    assert!(!none.hints().is_empty());
    git(&empty, &["init", "-q"]);
    let unborn = Repo::open(&empty).unwrap_err();
    assert_eq!(unborn.kind(), ExecErrorKind::Usage);
    assert!(unborn.to_string().contains("has no commit yet"), "{unborn}");
    let bare = desk.root.join("bare.git");
    git(&desk.root, &["clone", "-q", "--bare", "repo", "bare.git"]);
    let refused = Repo::open(&bare).unwrap_err();
    assert_eq!(refused.kind(), ExecErrorKind::Usage);
    assert!(refused.to_string().contains("bare"), "{refused}");
    let trees = Trees::new(Repo::open_bare(&bare).unwrap(), &desk.state(), "r", 1).unwrap();
    let tree = make(&trees, "call");
    assert!(tree.path().join("README.md").exists());
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        Removed::Gone { salvage: None }
    );
    let wrong = trees.repo().resolve("no-such-branch");
    assert_eq!(kind_of(wrong), ExecErrorKind::Usage);
}

#[test]
fn a_branch_in_the_way_of_ours_is_told_and_stays() {
    let desk = Desk::new();
    let trees = desk.trees();
    git(&desk.repo(), &["branch", "callsheet"]);
    let before = desk.snapshot();
    let base = trees.repo().resolve("HEAD").unwrap();
    let error = trees
        .create(&spec("call", &base), &mut announced)
        .unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Isolation);
    assert!(error.to_string().contains("cannot lock ref"), "{error}");
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn a_lock_that_is_left_over_is_an_error_after_some_tries() {
    let desk = Desk::new();
    let trees = desk.trees();
    let before = desk.snapshot();
    let base = trees.repo().resolve("HEAD").unwrap();
    let lock = desk
        .repo()
        .join(format!(".git/refs/heads/{}.lock", name("call").branch()));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    let made = trees.create(&spec("call", &base), &mut announced);
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    fs::remove_file(&lock).unwrap();
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
    // One that goes away in time is not even seen.
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    fs::write(&lock, "").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(120));
            fs::remove_file(&lock).unwrap();
        });
        drop(trees.create(&spec("call", &base), &mut announced).unwrap());
    });
    // That of the user's own index does not matter.
    fs::write(desk.repo().join(".git/index.lock"), "").unwrap();
    drop(make(&trees, "other"));
}

#[test]
fn hooks_of_the_user_are_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let fired = desk.root.join("fired");
    for hook in [
        "post-checkout",
        "pre-commit",
        "commit-msg",
        "reference-transaction",
        "post-merge",
        "pre-merge-commit",
    ] {
        let path = desk.repo().join(".git/hooks").join(hook);
        put(
            &desk.repo().join(".git/hooks"),
            hook,
            &format!("#!/bin/sh\ntouch '{}'\nexit 1\n", fired.display()),
        );
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "x", "x");
    tree.commit_all("work", &[]).unwrap().unwrap();
    put(tree.path(), "y", "y");
    tree.remove(End::Remove).unwrap();
    assert!(!fired.exists());
}

#[test]
fn variables_of_the_caller_do_not_count() {
    let desk = Desk::new();
    let order = format!("env 0 {}", desk.root.display());
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worktree::tests::crash::child"])
        .env(crash::CHILD, order)
        .env("GIT_DIR", "/nowhere")
        .env("GIT_WORK_TREE", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere/index")
        .env("GIT_OBJECT_DIRECTORY", "/nowhere")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "core.bare")
        .env("GIT_CONFIG_VALUE_0", "true")
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stdout)
    );
}

#[test]
fn sparse_settings_and_other_s_worktrees_stay() {
    let desk = Desk::new();
    let other = desk.root.join("users");
    git(
        &desk.repo(),
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "users",
            other.to_str().unwrap(),
        ],
    );
    fs::remove_dir_all(&other).unwrap();
    let before = desk.snapshot();
    assert!(before["worktrees"].contains("prunable"));
    let trees = desk.trees();
    make(&trees, "call").remove(End::Discard).unwrap();
    trees.gc().unwrap();
    // A worktree of the user whose disk is away, say, is not pruned.
    assert_eq!(desk.snapshot(), before);
}

/// What each of many does in a tree of its own.
fn commit_often(tree: &Tree, times: usize) {
    // Equal commits of two trees would be one, which either of them keeps.
    let name = tree.path().file_name().unwrap().to_str().unwrap();
    put(tree.path(), "name", name);
    for time in 0..times {
        put(tree.path(), "count", &time.to_string());
        git(tree.path(), &["add", "-A"]);
        git(tree.path(), &["commit", "-qm", &time.to_string()]);
    }
}

#[test]
fn six_hundred_commits_at_once_disturb_nobody() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let made: Vec<_> = (0..20)
        .map(|number| make(&trees, &number.to_string()))
        .collect();
    std::thread::scope(|scope| {
        for tree in &made {
            scope.spawn(|| commit_often(tree, 30));
        }
    });
    for tree in made {
        let range = format!("{}..HEAD", tree.record().base);
        assert_eq!(git(tree.path(), &["rev-list", "--count", &range]), "30");
        assert_eq!(git(tree.path(), &["status", "--porcelain"]), "");
        let removed = tree.remove(End::Remove).unwrap();
        let Removed::Gone {
            salvage: Some(saved),
        } = removed
        else {
            panic!("{removed:?}");
        };
        assert_eq!(
            git(&desk.repo(), &["show", &format!("{saved}:count")]),
            "29"
        );
        git(&desk.repo(), &["update-ref", "-d", &saved]);
    }
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn many_who_add_in_one_tree_disturb_only_one_another() {
    let desk = Desk::new();
    let trees = desk.trees();
    let (shared, own) = (make(&trees, "shared"), make(&trees, "own"));
    let failed: usize = std::thread::scope(|scope| {
        let path = shared.path();
        let adders: Vec<_> = (0..8)
            .map(|number| {
                scope.spawn(move || {
                    let mut failed = 0;
                    for time in 0..10 {
                        let name = format!("{number}-{time}");
                        put(path, &name, "x");
                        let output = try_git(path, &["add", &name]);
                        let stderr = String::from_utf8_lossy(&output.stderr);
                        assert!(output.status.success() || stderr.contains("index.lock"));
                        failed += usize::from(!output.status.success());
                    }
                    failed
                })
            })
            .collect();
        // Ours look and save meanwhile, with an index of their own.
        for _ in 0..5 {
            shared.is_dirty().unwrap();
            assert!(!own.is_dirty().unwrap());
        }
        let failed = adders.into_iter().map(|adder| adder.join().unwrap());
        failed.sum()
    });
    println!("{failed} of 80 adds in one tree failed");
    // What git did not add is saved all the same.
    let saved = shared.salvage().unwrap().unwrap();
    let listed = git(&desk.repo(), &["ls-tree", "--name-only", &saved]);
    assert_eq!(listed.lines().filter(|name| name.contains('-')).count(), 80);
}

#[test]
fn a_sparse_checkout_in_a_tree_leaves_the_other_trees_whole() {
    let desk = Desk::new();
    let trees = desk.trees();
    let (sparse, whole) = (make(&trees, "sparse"), make(&trees, "whole"));
    git(
        sparse.path(),
        &["sparse-checkout", "set", "--no-cone", "/README.md"],
    );
    assert!(!sparse.path().join("src/lib.rs").exists());
    assert!(!sparse.is_dirty().unwrap());
    // Git notes in the settings of all that trees have settings of their own.
    let setting = ["config", "--local", "extensions.worktreeConfig"];
    assert_eq!(git(&desk.repo(), &setting), "true");
    for path in [whole.path(), make(&trees, "later").path()] {
        assert!(path.join("src/lib.rs").exists());
        assert_eq!(git(path, &["status", "--porcelain"]), "");
    }
    assert!(desk.repo().join("src/lib.rs").exists());
    // Work in it is saved with what is not there.
    put(sparse.path(), "README.md", "new\n");
    let saved = sparse.salvage().unwrap().unwrap();
    let listed = git(&desk.repo(), &["ls-tree", "-r", "--name-only", &saved]);
    assert_eq!(listed, ".gitignore\nREADME.md\nsrc/lib.rs");
    assert_eq!(
        sparse.remove(End::Remove).unwrap(),
        Removed::Gone {
            salvage: Some(saved)
        }
    );
}
