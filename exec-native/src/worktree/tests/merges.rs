//! Bringing work together.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

fn work(trees: &Trees, call: &str, base: &CommitId, name: &str, text: &str) -> CommitId {
    let tree = trees.create(&spec(call, base), &mut announced).unwrap();
    put(tree.path(), name, text);
    let commit = tree.commit_all(call, &[]).unwrap().unwrap();
    tree.remove(End::Remove).unwrap();
    commit
}

fn order<'s>(call: &'s str, target: &'s str, from: &'s CommitId) -> MergeSpec<'s> {
    MergeSpec {
        call,
        target,
        from,
        message: "Merge the work",
        trailers: &[("Callsheet-Call", "key")],
        wait: Duration::from_secs(60),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of the callback")]
fn fine(_: &Path) -> Result<Option<String>, ExecError> {
    Ok(None)
}

#[test]
fn merges_move_a_branch_that_nobody_has_checked_out() {
    let desk = Desk::new();
    git(&desk.repo(), &["branch", "integration"]);
    let trees = desk.trees();
    let base = trees.repo().resolve("integration").unwrap();
    let from = work(&trees, "one", &base, "one", "1");
    let status = desk.snapshot()["status"].clone();
    let mut seen = Vec::new();
    let mut verify = |dir: &Path| {
        seen.push(fs::read_to_string(dir.join("one")).unwrap());
        // What checks leave behind is no part of the merge.
        put(dir, "target/leftover", "x");
        put(dir, "README.md", "scribble");
        Ok(None)
    };
    let merged = trees
        .merge(
            &order("m1", "integration", &from),
            &mut announced,
            &mut verify,
        )
        .unwrap();
    let Merged::Done { commit } = merged else {
        panic!("{merged:?}");
    };
    assert_eq!(seen, ["1"]);
    assert_eq!(
        git(&desk.repo(), &["rev-parse", "integration"]),
        commit.as_str()
    );
    assert_eq!(git(&desk.repo(), &["show", "integration:README.md"]), "one");
    let trailer = "--format=%(trailers:key=Callsheet-Call,valueonly)";
    assert_eq!(
        git(&desk.repo(), &["log", "-1", trailer, "integration"]).trim(),
        "key"
    );
    let again = trees.merge(
        &order("m1", "refs/heads/integration", &from),
        &mut announced,
        &mut fine,
    );
    assert_eq!(again.unwrap(), Merged::Already);
    assert_eq!(desk.snapshot()["status"], status);
    assert_eq!(desk.left(), [""; 0]);
    let lost = CommitId::parse(&"1".repeat(40)).unwrap();
    for (target, from) in [("integration", &lost), ("none", &from)] {
        let merged = trees.merge(&order("m", target, from), &mut announced, &mut fine);
        assert_eq!(kind_of(merged), ExecErrorKind::Usage);
    }
}

#[test]
fn conflicts_and_refusals_leave_the_branch_alone() {
    let desk = Desk::new();
    git(&desk.repo(), &["branch", "integration"]);
    let trees = desk.trees();
    let base = trees.repo().resolve("integration").unwrap();
    let one = work(&trees, "one", &base, "README.md", "mine\n");
    let two = work(&trees, "two", &base, "README.md", "yours\n");
    let three = work(&trees, "three", &base, "three", "3");
    assert!(matches!(
        trees.merge(&order("m1", "integration", &one), &mut announced, &mut fine),
        Ok(Merged::Done { .. })
    ));
    let tip = git(&desk.repo(), &["rev-parse", "integration"]);
    let merged = trees.merge(&order("m2", "integration", &two), &mut announced, &mut fine);
    let files = vec!["README.md".to_owned()];
    assert_eq!(merged.unwrap(), Merged::Conflict { files });
    let mut no = |_: &Path| Ok(Some("tests fail".to_owned()));
    let merged = trees.merge(&order("m3", "integration", &three), &mut announced, &mut no);
    let problem = "tests fail".to_owned();
    assert_eq!(merged.unwrap(), Merged::Rejected { problem });
    let mut broken = |_: &Path| Err(ExecError::new(ExecErrorKind::Config, "no check"));
    let merged = trees.merge(
        &order("m3", "integration", &three),
        &mut announced,
        &mut broken,
    );
    assert_eq!(kind_of(merged), ExecErrorKind::Config);
    assert_eq!(git(&desk.repo(), &["rev-parse", "integration"]), tip);
    assert_eq!(desk.left(), [""; 0]);
}

#[test]
fn a_branch_that_is_checked_out_is_never_moved() {
    let desk = Desk::new();
    put(&desk.repo(), "README.md", "the user's own edit\n");
    let trees = desk.trees();
    let base = trees.repo().resolve("main").unwrap();
    let before = desk.snapshot();
    let one = work(&trees, "one", &base, "one", "1");
    let two = work(&trees, "two", &base, "two", "2");
    let mut last = None;
    for (call, from) in [("m1", &one), ("m2", &two), ("m2", &two)] {
        let merged = trees
            .merge(&order(call, "main", from), &mut announced, &mut fine)
            .unwrap();
        let Merged::Waiting {
            commit,
            reference,
            at,
        } = merged
        else {
            panic!("{merged:?}");
        };
        assert_eq!(at, desk.repo());
        assert_eq!(
            git(&desk.repo(), &["rev-parse", &reference]),
            commit.as_str()
        );
        last = Some((reference, commit));
    }
    assert_eq!(git(&desk.repo(), &["rev-parse", "main"]), base.as_str());
    assert_eq!(desk.snapshot()["status"], before["status"]);
    // The user takes all of it over, then goes on.
    let (reference, _) = last.unwrap();
    git(&desk.repo(), &["merge", "-q", "--ff-only", &reference]);
    for name in ["one", "two"] {
        assert!(desk.repo().join(name).exists());
    }
    let again = trees.merge(&order("m2", "main", &two), &mut announced, &mut fine);
    assert_eq!(again.unwrap(), Merged::Already);
    // What waits, and a branch that went on since, are brought together.
    let three = work(&trees, "three", &base, "three", "3");
    trees
        .merge(&order("m3", "main", &three), &mut announced, &mut fine)
        .unwrap();
    git(
        &desk.repo(),
        &["commit", "-q", "--allow-empty", "-m", "user"],
    );
    let four = work(&trees, "four", &base, "four", "4");
    git(&desk.repo(), &["checkout", "-q", "--detach"]);
    let merged = trees
        .merge(&order("m4", "main", &four), &mut announced, &mut fine)
        .unwrap();
    assert!(matches!(merged, Merged::Done { .. }), "{merged:?}");
    let listed = git(&desk.repo(), &["ls-tree", "--name-only", "main"]);
    for name in ["one", "two", "three", "four"] {
        assert!(listed.contains(name), "{listed}");
    }
    assert_eq!(
        git(&desk.repo(), &["for-each-ref", "refs/callsheet/merged"]),
        ""
    );
}

#[test]
fn a_branch_that_moves_meanwhile_is_merged_again() {
    let desk = Desk::new();
    git(&desk.repo(), &["branch", "integration"]);
    let trees = desk.trees();
    let base = trees.repo().resolve("integration").unwrap();
    let one = work(&trees, "one", &base, "one", "1");
    let mut rounds = 0;
    let commit_aside = |name: &str| {
        let tree = git(&desk.repo(), &["rev-parse", "integration^{tree}"]);
        let parent = git(&desk.repo(), &["rev-parse", "integration"]);
        let commit = git(
            &desk.repo(),
            &["commit-tree", &tree, "-p", &parent, "-m", name],
        );
        git(
            &desk.repo(),
            &["update-ref", "refs/heads/integration", &commit],
        );
    };
    let mut verify = |_: &Path| {
        rounds += 1;
        if rounds == 1 {
            commit_aside("meanwhile");
        }
        Ok(None)
    };
    let merged = trees.merge(
        &order("m", "integration", &one),
        &mut announced,
        &mut verify,
    );
    assert!(matches!(merged, Ok(Merged::Done { .. })), "{merged:?}");
    assert_eq!(rounds, 2);
    assert!(git(&desk.repo(), &["log", "--format=%s", "integration"]).contains("meanwhile"));
    let two = work(&trees, "two", &base, "two", "2");
    let mut always = |_: &Path| {
        commit_aside("again");
        Ok(None)
    };
    let merged = trees.merge(
        &order("m", "integration", &two),
        &mut announced,
        &mut always,
    );
    assert_eq!(merged.unwrap(), Merged::Moved);
    assert_eq!(desk.left(), [""; 0]);
}

#[test]
fn merges_into_a_branch_wait_for_one_another() {
    let desk = Desk::new();
    git(&desk.repo(), &["branch", "integration"]);
    let trees = desk.trees();
    let base = trees.repo().resolve("integration").unwrap();
    let calls: Vec<String> = (0..4).map(|number| format!("c{number}")).collect();
    let commits: Vec<CommitId> = calls
        .iter()
        .map(|call| work(&trees, call, &base, call, call))
        .collect();
    let within = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (call, from) in calls.iter().zip(&commits) {
            let (desk, within) = (&desk, &within);
            scope.spawn(move || {
                // As another process would: nothing is shared but the files.
                let trees = desk.trees();
                let mut verify = |_: &Path| {
                    assert_eq!(within.fetch_add(1, Ordering::SeqCst), 0);
                    std::thread::sleep(Duration::from_millis(20));
                    within.fetch_sub(1, Ordering::SeqCst);
                    Ok(None)
                };
                let order = order(call, "integration", from);
                let merged = trees.merge(&order, &mut announced, &mut verify);
                assert!(matches!(merged, Ok(Merged::Done { .. })), "{merged:?}");
            });
        }
    });
    let listed = git(&desk.repo(), &["ls-tree", "--name-only", "integration"]);
    assert!(
        calls.iter().all(|call| listed.contains(&**call)),
        "{listed}"
    );
    let busy = MergeSpec {
        wait: Duration::ZERO,
        ..order("x", "integration", &commits[0])
    };
    let mut nested = |_: &Path| {
        let merged = trees.merge(&busy, &mut announced, &mut fine);
        assert_eq!(kind_of(merged), ExecErrorKind::Busy);
        Ok(None)
    };
    let last = work(&trees, "last", &base, "last", "last");
    trees
        .merge(
            &order("last", "integration", &last),
            &mut announced,
            &mut nested,
        )
        .unwrap();
}
