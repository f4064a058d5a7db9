//! Where trees are, and places that do not do.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::os::proc::is_root;

#[test]
fn long_labels_never_make_names_equal() {
    let desk = Desk::new();
    let trees = desk.trees_of("audit-every-route-for-missing-authentication");
    let base = trees.repo().resolve("HEAD").unwrap();
    let label = "audit every route for missing authentication: ".repeat(20);
    let made: Vec<Tree> = (0..4)
        .map(|number| {
            let call = format!("{label}/{number}");
            let spec = Spec {
                label: &label,
                ..spec(&call, &base)
            };
            trees.create(&spec, &mut announced).unwrap()
        })
        .collect();
    let paths: std::collections::BTreeSet<_> = made.iter().map(Tree::path).collect();
    assert_eq!(paths.len(), 4);
    assert_eq!(
        trees.open(&made[2].record().call, 1).unwrap_err().kind(),
        ExecErrorKind::Busy
    );
    let record = fs::read_to_string(made[0].path().with_extension("json"));
    // The label stands in the record alone.
    assert!(record.unwrap().contains("missing authentication: audit"));
}

#[test]
fn trees_inside_are_ignored_first() {
    let desk = Desk::new();
    let info = desk.repo().join(".git/info/exclude");
    fs::create_dir_all(info.parent().unwrap()).unwrap();
    fs::write(&info, "mine").unwrap();
    fs::set_permissions(&info, fs::Permissions::from_mode(0o640)).unwrap();
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    for call in ["one", "two"] {
        let spec = Spec {
            place: Place::Inside,
            ..spec(call, &base)
        };
        let tree = trees.create(&spec, &mut announced).unwrap();
        assert!(
            tree.path()
                .starts_with(desk.repo().join(".callsheet/worktrees"))
        );
        assert_eq!(git(&desk.repo(), &["status", "--porcelain"]), "");
        git(&desk.repo(), &["add", "-A"]);
        assert_eq!(git(&desk.repo(), &["diff", "--cached", "--name-only"]), "");
        drop(tree);
    }
    assert_eq!(
        fs::read_to_string(&info).unwrap(),
        "mine\n/.callsheet/worktrees/\n"
    );
    assert_eq!(
        fs::metadata(&info).unwrap().permissions().mode() & 0o777,
        0o640
    );
    // Outside nothing is written into the project.
    let tree = make(&trees, "three");
    assert!(!tree.path().starts_with(desk.repo()));
}

#[test]
fn a_place_that_is_too_deep_is_refused_early() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let mut deep = desk.root.join("state");
    while deep.as_os_str().len() < 3900 {
        deep.push("d".repeat(100));
    }
    // Made step by step: the whole path is not too long for the system yet.
    fs::create_dir_all(&deep).unwrap();
    put(&desk.repo(), &format!("{}/file", "long/".repeat(40)), "x");
    git(&desk.repo(), &["add", "-A"]);
    git(&desk.repo(), &["commit", "-qm", "deep"]);
    let repo = Repo::open(&desk.repo()).unwrap();
    let trees = Trees::new(repo, &StateHome::at(&deep), "r", 1).unwrap();
    let base = trees.repo().resolve("HEAD").unwrap();
    let error = trees
        .create(&spec("call", &base), &mut announced)
        .unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Usage);
    assert!(error.to_string().contains("too long"), "{error}");
    assert_eq!(
        desk.snapshot()["worktrees"].lines().count(),
        before["worktrees"].lines().count()
    );
}

#[test]
fn a_parent_that_may_not_be_written_leaves_nothing() {
    if is_root() {
        // Root writes everywhere, but not where something is mounted read-only.
        read_only_mount();
        return;
    }
    let desk = Desk::new();
    let before = desk.snapshot();
    let trees = desk.trees();
    let place = desk.root.join("state/worktrees").join(trees.repo().id());
    fs::set_permissions(&place, fs::Permissions::from_mode(0o500)).unwrap();
    let base = trees.repo().resolve("HEAD").unwrap();
    let made = trees.create(&spec("call", &base), &mut announced);
    fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    assert_eq!((desk.snapshot(), desk.left()), (before.clone(), vec![]));
    let common = desk.repo().join(".git");
    fs::set_permissions(&common, fs::Permissions::from_mode(0o500)).unwrap();
    let base = trees.repo().resolve("HEAD").unwrap();
    let made = trees.create(&spec("call", &base), &mut announced);
    fs::set_permissions(&common, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    // Not even the branch could be removed again; that is on record.
    trees.gc().unwrap();
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

fn mount(args: &[&str]) -> bool {
    let tried = Command::new("mount").args(args).output();
    let done = tried.is_ok_and(|output| output.status.success());
    if !done {
        println!("skipped: nothing can be mounted here");
    }
    done
}

/// Unmounts also when a test fails.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).output().ok();
    }
}

fn read_only_mount() {
    let desk = Desk::new();
    let trees = desk.trees();
    let before = desk.snapshot();
    let place = desk.root.join("state/worktrees");
    let text = place.to_str().unwrap();
    if !mount(&["--bind", text, text]) {
        return;
    }
    let mounted = Mounted(place.clone());
    if !mount(&["-o", "remount,ro,bind", text]) {
        return;
    }
    let base = trees.repo().resolve("HEAD").unwrap();
    let made = trees.create(&spec("call", &base), &mut announced);
    assert_eq!(kind_of(made), ExecErrorKind::Isolation);
    drop(mounted);
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
}

#[test]
fn a_full_disk_leaves_nothing() {
    if !is_root() {
        println!("skipped: only root may mount a small disk");
        return;
    }
    let desk = Desk::new();
    let repo = desk.repo();
    for number in 0..40 {
        put(
            &repo,
            &format!("big/{number}"),
            &format!("{number}\n").repeat(20_000),
        );
    }
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-qm", "big"]);
    let before = desk.snapshot();
    let state = desk.root.join("state");
    fs::create_dir(&state).unwrap();
    let text = state.to_str().unwrap();
    if !mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs", text]) {
        return;
    }
    let mounted = Mounted(state.clone());
    let trees = desk.trees();
    let base = trees.repo().resolve("HEAD").unwrap();
    for isolation in [Isolation::Worktree, Isolation::Clone] {
        let spec = Spec {
            isolation,
            ..spec("call", &base)
        };
        let error = trees.create(&spec, &mut announced).unwrap_err();
        assert_eq!(error.kind(), ExecErrorKind::Isolation, "{error}");
        assert_eq!((desk.snapshot(), desk.left()), (before.clone(), vec![]));
    }
    // Not even a record fits in.
    fs::write(state.join("filler"), vec![0; 1 << 20]).ok();
    let error = trees
        .create(&spec("call", &base), &mut announced)
        .unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Isolation, "{error}");
    fs::remove_file(state.join("filler")).unwrap();
    trees.gc().unwrap();
    assert_eq!((desk.snapshot(), desk.left()), (before, vec![]));
    drop(mounted);
}

#[test]
fn work_that_does_not_fit_on_the_disk_stays_where_it_is() {
    if !is_root() {
        println!("skipped: only root may mount a small disk");
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let root = temp.path().canonicalize().unwrap();
    if !mount(&[
        "-t",
        "tmpfs",
        "-o",
        "size=4m",
        "tmpfs",
        root.to_str().unwrap(),
    ]) {
        return;
    }
    let mounted = Mounted(root.clone());
    let desk = Desk::at(&root);
    desk.fill();
    let trees = desk.trees();
    let tree = make(&trees, "call");
    put(tree.path(), "work", "precious");
    let path = tree.path().to_owned();
    fs::write(root.join("filler"), vec![0; 8 << 20]).ok();
    assert_eq!(kind_of(tree.remove(End::Remove)), ExecErrorKind::Failed);
    assert_eq!(fs::read_to_string(path.join("work")).unwrap(), "precious");
    fs::remove_file(root.join("filler")).unwrap();
    let tree = trees.open("call", 1).unwrap().unwrap();
    assert!(matches!(
        tree.remove(End::Remove),
        Ok(Removed::Gone { salvage: Some(_) })
    ));
    drop(mounted);
}

#[test]
fn a_linked_worktree_is_the_same_repository() {
    let desk = Desk::new();
    let linked = desk.root.join("linked");
    git(
        &desk.repo(),
        &[
            "worktree",
            "add",
            "-q",
            "-b",
            "linked",
            linked.to_str().unwrap(),
        ],
    );
    put(&linked, "more", "x");
    git(&linked, &["add", "-A"]);
    git(&linked, &["commit", "-qm", "more"]);
    let (main, other) = (
        Repo::open(&desk.repo()).unwrap(),
        Repo::open(&linked).unwrap(),
    );
    assert_eq!(main.id(), other.id());
    // Each has a HEAD of its own.
    assert_ne!(
        main.resolve("HEAD").unwrap(),
        other.resolve("HEAD").unwrap()
    );
    let below = Repo::open(&desk.repo().join("src")).unwrap();
    assert_eq!((below.id(), below.top()), (main.id(), Some(&*desk.repo())));
}
