//! What is in a tree is saved before it goes.

use super::*;

fn salvage(call: &str) -> String {
    Name::new("run-1", call, 1).salvage()
}

fn gone(reference: Option<String>) -> Removed {
    Removed::Gone { salvage: reference }
}

#[test]
fn modified_and_untracked_files_are_saved() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "README.md", "changed\n");
    put(tree.path(), "new/file.txt", "new\n");
    fs::remove_file(tree.path().join("src/lib.rs")).unwrap();
    assert!(tree.is_dirty().unwrap());
    let before = git(tree.path(), &["status", "--porcelain"]);
    let head = tree.head().unwrap();
    let saved = tree.salvage().unwrap();
    assert_eq!(saved, Some(salvage("call")));
    // Neither the branch nor the index nor the files have changed.
    assert_eq!(git(tree.path(), &["status", "--porcelain"]), before);
    assert_eq!(tree.head().unwrap(), head);
    put(tree.path(), "late.txt", "late\n");
    assert_eq!(tree.remove(End::Remove).unwrap(), gone(saved));
    let show = |path: &str| {
        git(
            &desk.repo(),
            &["show", &format!("{}:{path}", salvage("call"))],
        )
    };
    assert_eq!(show("README.md"), "changed");
    assert_eq!(show("new/file.txt"), "new");
    assert_eq!(show("late.txt"), "late");
    let listed = git(
        &desk.repo(),
        &["ls-tree", "-r", "--name-only", &salvage("call")],
    );
    assert!(!listed.contains("lib.rs"), "{listed}");
    let author = git(
        &desk.repo(),
        &["log", "-1", "--format=%an %cn", &salvage("call")],
    );
    assert_eq!(author, "callsheet callsheet");
    assert_eq!(desk.left(), [""; 0]);
}

#[test]
fn ignored_files_hold_a_tree_until_it_is_given_up() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "target/precious", "x");
    assert!(!tree.is_dirty().unwrap());
    let path = tree.path().to_owned();
    let held = Removed::Held {
        ignored: vec!["target/".into()],
        nested: vec![],
    };
    assert_eq!(tree.remove(End::Remove).unwrap(), held);
    assert!(path.join("target/precious").exists());
    let tree = trees.open("call", 1).unwrap().unwrap();
    assert_eq!(tree.record().stage, Stage::Kept);
    assert_eq!(tree.remove(End::Discard).unwrap(), gone(None));
    assert!(!path.exists());
}

#[test]
fn a_repository_inside_holds_a_tree() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    let inside = tree.path().join("vendor/dep");
    fs::create_dir_all(&inside).unwrap();
    git(&inside, &["init", "-q"]);
    put(&inside, "a", "a");
    // One without a commit makes `git add` fail.
    let held = Removed::Held {
        ignored: vec![],
        nested: vec!["vendor/dep".into()],
    };
    put(tree.path(), "more.txt", "x");
    assert_eq!(tree.remove(End::Remove).unwrap(), held);
    let tree = trees.open("call", 1).unwrap().unwrap();
    assert_eq!(
        tree.remove(End::Discard).unwrap(),
        gone(Some(salvage("call")))
    );
    let listed = git(
        &desk.repo(),
        &["ls-tree", "-r", "--name-only", &salvage("call")],
    );
    assert_eq!(listed, ".gitignore\nREADME.md\nmore.txt\nsrc/lib.rs");
}

#[test]
fn commits_that_were_not_merged_are_saved() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "one", "1");
    let commit = tree
        .commit_all("one", &[("Callsheet-Call", "abc\nx: y")])
        .unwrap()
        .unwrap();
    let message = git(tree.path(), &["log", "-1", "--format=%B"]);
    assert_eq!(message, "one\n\nCallsheet-Call: abc x: y");
    assert_eq!(git(tree.path(), &["status", "--porcelain"]), "");
    assert_eq!(tree.commit_all("nothing", &[]).unwrap(), None);
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        gone(Some(salvage("call")))
    );
    // The commit itself is kept, not another one with its files.
    assert_eq!(
        git(&desk.repo(), &["rev-parse", &salvage("call")]),
        commit.as_str()
    );
    // Merged work needs nothing else to keep it.
    let tree = make(&trees, "merged");
    put(tree.path(), "two", "2");
    let commit = tree.commit_all("two", &[]).unwrap().unwrap();
    git(&desk.repo(), &["merge", "-q", commit.as_str()]);
    assert_eq!(tree.remove(End::Remove).unwrap(), gone(None));
}

#[test]
fn commits_off_the_branch_are_saved() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "one", "1");
    let on_branch = tree.commit_all("one", &[]).unwrap().unwrap();
    git(tree.path(), &["checkout", "-q", "--detach", "HEAD~1"]);
    put(tree.path(), "two", "2");
    let detached = tree.commit_all("two", &[]).unwrap().unwrap();
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        gone(Some(salvage("call")))
    );
    for commit in [on_branch, detached] {
        let args = [
            "merge-base",
            "--is-ancestor",
            commit.as_str(),
            &salvage("call"),
        ];
        git(&desk.repo(), &args);
    }
}

#[test]
fn a_tree_that_is_kept_stays_with_its_branch() {
    let desk = Desk::new();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "one", "1");
    let path = tree.path().to_owned();
    assert_eq!(tree.remove(End::Keep).unwrap(), Removed::Kept);
    assert!(path.join("one").exists());
    let found = trees.reconcile(&mut |_| Fate::Final(End::Keep)).unwrap();
    assert_eq!(found, []);
    assert!(path.join("one").exists());
    // A resumed run makes another tree beside it.
    let base = trees.repo().resolve("HEAD").unwrap();
    let next = Spec {
        attempt: trees.next_attempt("call").unwrap(),
        ..spec("call", &base)
    };
    drop(trees.create(&next, &mut announced).unwrap());
}

#[test]
fn the_id_of_a_tree_says_what_is_in_it() {
    let desk = Desk::new();
    let trees = desk.trees();
    let one = make(&trees, "one");
    let other = make(&trees, "other");
    let plain = one.tree_id().unwrap();
    assert_eq!(plain, git(&desk.repo(), &["rev-parse", "HEAD^{tree}"]));
    put(one.path(), "target/out", "ignored");
    assert_eq!(one.tree_id().unwrap(), plain);
    put(one.path(), "x", "same");
    put(other.path(), "x", "same");
    git(other.path(), &["add", "x"]);
    assert_eq!(one.tree_id().unwrap(), other.tree_id().unwrap());
    assert_ne!(one.tree_id().unwrap(), plain);
    assert_eq!(git(one.path(), &["status", "--porcelain"]), "?? x");
    // Of the same length, in the same moment.
    put(one.path(), "x", "sane");
    assert_ne!(one.tree_id().unwrap(), other.tree_id().unwrap());
    put(one.path(), "README.md", "one\r");
    let id = one.tree_id().unwrap();
    put(one.path(), "README.md", "two\r");
    assert_ne!(one.tree_id().unwrap(), id);
}

#[test]
fn a_tree_without_its_pointer_never_reaches_the_repository_above() {
    let desk = Desk::new();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let inside = Spec {
        place: Place::Inside,
        ..spec("call", &base)
    };
    let tree = trees.create(&inside, &mut announced).unwrap();
    put(&desk.repo(), "README.md", "the user's own edit\n");
    put(tree.path(), "work", "x");
    fs::remove_file(tree.path().join(".git")).unwrap();
    assert!(tree.is_dirty().unwrap());
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        gone(Some(salvage("call")))
    );
    assert_eq!(
        fs::read_to_string(desk.repo().join("README.md")).unwrap(),
        "the user's own edit\n"
    );
    assert_eq!(
        git(&desk.repo(), &["status", "--porcelain"]),
        " M README.md"
    );
    let listed = git(
        &desk.repo(),
        &["ls-tree", "-r", "--name-only", &salvage("call")],
    );
    assert!(listed.contains("work"), "{listed}");
}

#[test]
fn what_cannot_be_removed_is_tried_again() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    let path = tree.path().to_owned();
    let lock = desk.repo().join(".git/packed-refs.lock");
    fs::write(&lock, "").unwrap();
    assert_eq!(kind_of(tree.remove(End::Remove)), ExecErrorKind::Failed);
    assert!(!path.exists());
    let again = trees.gc().unwrap();
    assert!(matches!(&*again, [Finding::Failed { .. }]), "{again:?}");
    fs::remove_file(&lock).unwrap();
    let again = trees.gc().unwrap();
    assert!(
        matches!(&*again, [Finding::Ended { removed, .. }] if *removed == gone(None)),
        "{again:?}"
    );
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn a_lock_that_a_killed_git_left_is_no_obstacle() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let tree = make(&desk.trees(), "call");
    let branch = tree.record().branch.clone().unwrap();
    let lock = desk.repo().join(format!(".git/refs/heads/{branch}.lock"));
    fs::write(&lock, "").unwrap();
    fs::write(tree.files.git_dir.join("index.lock"), "").unwrap();
    assert_eq!(tree.remove(End::Remove).unwrap(), gone(None));
    assert!(!lock.exists());
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn a_clone_is_made_brought_back_and_saved() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    let clone = Spec {
        isolation: Isolation::Clone,
        ..spec("call", &base)
    };
    let tree = trees.create(&clone, &mut announced).unwrap();
    let keep = Name::new("run-1", "call", 1).keep();
    assert_eq!(git(&desk.repo(), &["rev-parse", &keep]), base.as_str());
    assert_eq!(desk.snapshot()["worktrees"], before["worktrees"]);
    // What is done to references and settings there stays there.
    git(tree.path(), &["branch", "-D", "-q", "main"]);
    git(tree.path(), &["config", "user.name", "X"]);
    assert!(
        !try_git(
            tree.path(),
            &["push", "-q", "origin", "HEAD:refs/heads/evil"]
        )
        .status
        .success()
    );
    put(tree.path(), "one", "1");
    let commit = tree.commit_all("one", &[]).unwrap().unwrap();
    assert_eq!(tree.bring().unwrap(), commit);
    let result = Name::new("run-1", "call", 1).result();
    assert_eq!(git(&desk.repo(), &["rev-parse", &result]), commit.as_str());
    // Another branch of the clone, and work that was not committed.
    git(
        tree.path(),
        &["checkout", "-q", "-b", "side", base.as_str()],
    );
    put(tree.path(), "two", "2");
    let side = tree.commit_all("two", &[]).unwrap().unwrap();
    git(tree.path(), &["checkout", "-q", "-"]);
    put(tree.path(), "three", "3");
    assert_eq!(
        tree.remove(End::Remove).unwrap(),
        gone(Some(salvage("call")))
    );
    git(
        &desk.repo(),
        &[
            "merge-base",
            "--is-ancestor",
            side.as_str(),
            &salvage("call"),
        ],
    );
    assert_eq!(
        git(
            &desk.repo(),
            &["show", &format!("{}:three", salvage("call"))]
        ),
        "3"
    );
    for reference in [result, salvage("call")] {
        git(&desk.repo(), &["update-ref", "-d", &reference]);
    }
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}
