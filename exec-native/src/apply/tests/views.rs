//! Copies of a project: complete, whatever happens meanwhile, and told from others.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use plan_core::effect::{ActionKind, OutcomeKind};

use super::super::*;
use super::{World, list};

/// Makes a copy at the place that a run has for it.
fn copy_of(world: &World, ignored: &[&str], readonly: &[&str]) -> RunHandle {
    let run = Run::begin(&world.state(), &world.repo()).unwrap();
    let mut mount = world.mount(ignored, readonly);
    if let ActionKind::Mount { to, .. } = &mut mount {
        *to = run.mount_dir().to_str().unwrap().into();
    }
    run.apply(&list([mount]), &ApplyOptions::default()).unwrap()
}

/// How the undo of a run's only action ended.
fn outcome(handle: &RunHandle) -> (OutcomeKind, String) {
    let report = handle.dispose();
    let outcome = report.entries[0].result.clone().unwrap();
    (outcome.kind, outcome.why.unwrap_or_default())
}

/// Enough directories for several threads.
fn fill(world: &World) {
    for dir in 0..80 {
        let dir = world.repo().join(format!("wide/a{}/b{dir}", dir % 7));
        fs::create_dir_all(&dir).unwrap();
        for file in 0..6 {
            fs::write(dir.join(format!("f{file}")), "x".repeat(file * 700)).unwrap();
        }
    }
}

#[test]
fn large_trees_are_copied_and_removed_by_several_threads() {
    let world = World::new();
    fill(&world);
    fs::set_permissions(
        world.repo().join("wide/a3"),
        fs::Permissions::from_mode(0o555),
    )
    .unwrap();
    let before = world.snapshot();
    let (mut source, mut made) = Default::default();
    super::look(&world.repo(), &mut source);
    let handle = copy_of(&world, &[], &[]);
    super::look(handle.cwd(), &mut made);
    let strip = |found: &std::collections::BTreeMap<PathBuf, String>, root: &Path| {
        let entries = found.iter();
        let entries =
            entries.map(|(path, text)| (path.strip_prefix(root).unwrap().to_owned(), text.clone()));
        entries.collect::<Vec<_>>()
    };
    assert_eq!(strip(&source, &world.repo()), strip(&made, handle.cwd()));
    assert!(source.len() > 560, "{}", source.len());
    fs::set_permissions(
        world.repo().join("wide/a3"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let time = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    let (there, here) = (
        world.repo().join("wide/a2/b2"),
        handle.cwd().join("wide/a2/b2"),
    );
    assert_eq!(time(there), time(here));
    let cwd = handle.cwd().to_owned();
    assert!(handle.dispose().is_clean());
    assert!(!cwd.exists());
    assert_eq!(world.run_dirs(), 0);
    fs::set_permissions(
        world.repo().join("wide/a3"),
        fs::Permissions::from_mode(0o555),
    )
    .unwrap();
    assert_eq!(world.snapshot(), before);
    fs::set_permissions(
        world.repo().join("wide/a3"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
}

#[test]
fn a_copy_is_made_while_files_come_and_go() {
    let world = World::new();
    fill(&world);
    let (stop, rounds) = (AtomicBool::new(false), std::sync::Barrier::new(2));
    let repo = world.repo();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            rounds.wait();
            while !stop.load(Ordering::Relaxed) {
                for dir in 0..7 {
                    let dir = repo.join(format!("wide/a{dir}/churn"));
                    // The copy may be in the directory: then it stays for a moment.
                    drop(fs::create_dir(&dir));
                    for file in 0..8 {
                        drop(fs::write(dir.join(format!("{file}")), "new"));
                    }
                    drop(fs::remove_dir_all(&dir));
                    drop(fs::write(&dir, "now a file"));
                    drop(fs::remove_file(&dir));
                }
            }
        });
        rounds.wait();
        for _ in 0..12 {
            let handle = copy_of(&world, &[], &[]);
            assert!(handle.cwd().join("wide/a6/b6/f5").exists());
            assert!(handle.dispose().is_clean());
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_cannot_be_copied_is_left_out_and_told() {
    let world = World::new();
    let repo = world.repo();
    let _socket = UnixListener::bind(repo.join("socket")).unwrap();
    let handle = copy_of(&world, &[], &[]);
    assert!(!handle.cwd().join("socket").exists());
    assert_eq!(
        handle.notes(),
        ["socket was not copied: it is no file, directory, link or pipe"]
    );
    assert!(handle.dispose().is_clean());
    fs::remove_file(repo.join("socket")).unwrap();
    if crate::os::proc::is_root() {
        println!("skipped: root may read everything");
        return;
    }
    fs::set_permissions(repo.join("twin"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(repo.join("sub"), fs::Permissions::from_mode(0o300)).unwrap();
    let handle = copy_of(&world, &[], &[]);
    fs::set_permissions(repo.join("sub"), fs::Permissions::from_mode(0o755)).unwrap();
    // The file has a second name.
    let notes = ["other-twin", "sub", "twin"]
        .map(|name| format!("{name} was not copied: it may not be read"));
    assert_eq!(handle.notes(), notes);
    assert!(handle.cwd().join("AGENTS.md").exists());
    assert!(handle.dispose().is_clean());
}

#[test]
fn an_edit_that_hides_itself_is_seen_and_a_touch_is_none() {
    let world = World::new();
    let edit = |handle: &RunHandle, name: &str, bytes: &[u8]| {
        let path = handle.cwd().join(name);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, bytes).unwrap();
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    };
    let handle = copy_of(&world, &[], &[]);
    edit(&handle, "AGENTS.md", b"caf\xe9, as Latin-1 spells_it");
    let (kind, why) = outcome(&handle);
    assert_eq!(kind, OutcomeKind::Kept);
    assert!(why.starts_with("1 changed in it; look with"), "{why}");
    let handle = copy_of(&world, &[], &[]);
    edit(&handle, "AGENTS.md", b"caf\xe9, as Latin-1 spells it");
    assert_eq!(outcome(&handle).0, OutcomeKind::Removed);
    // Nobody can tell once the original is another one.
    let handle = copy_of(&world, &[], &[]);
    edit(&handle, "AGENTS.md", b"caf\xe9, as Latin-1 spells it");
    fs::write(world.repo().join("AGENTS.md"), "meanwhile").unwrap();
    assert_eq!(outcome(&handle).0, OutcomeKind::Kept);
}

#[test]
fn what_can_be_made_again_is_left_out_unless_somebody_wants_it() {
    let world = World::new();
    for dir in ["node_modules/x", "sub/node_modules", "dist", "sub/dist"] {
        fs::create_dir_all(world.repo().join(dir)).unwrap();
        fs::write(world.repo().join(dir).join("made"), "made").unwrap();
    }
    let handle = copy_of(&world, &[], &[]);
    let there = |handle: &RunHandle, path: &str| handle.cwd().join(path).exists();
    assert!(!there(&handle, "node_modules") && !there(&handle, "sub/node_modules"));
    assert!(!there(&handle, "dist") && there(&handle, "sub/dist/made"));
    assert_eq!(
        handle.notes(),
        [
            "3 entries that can be made again (`dist`, `node_modules`) are not in the copy; a pattern like `!dist` in .agentignore brings them in"
        ]
    );
    // What was never in the copy was not deleted from it.
    assert_eq!(outcome(&handle).0, OutcomeKind::Removed);
    let handle = copy_of(&world, &["!node_modules/"], &[]);
    assert!(there(&handle, "node_modules/x/made") && there(&handle, "sub/node_modules/made"));
    assert!(!there(&handle, "dist"));
    // What is made in the copy is work like any other.
    fs::create_dir(handle.cwd().join("dist")).unwrap();
    let (kind, why) = outcome(&handle);
    assert_eq!(kind, OutcomeKind::Kept);
    assert!(why.starts_with("1 added in it; look with"), "{why}");
}

#[test]
fn another_directory_at_the_place_of_a_copy_is_not_ours() {
    let world = World::new();
    let handle = copy_of(&world, &[], &[]);
    let cwd = handle.cwd().to_owned();
    fs::rename(&cwd, world.root.join("moved")).unwrap();
    fs::create_dir(&cwd).unwrap();
    let (kind, why) = outcome(&handle);
    assert_eq!(
        (kind, &*why),
        (OutcomeKind::Kept, "it was created by somebody else")
    );
    assert!(cwd.is_dir() && world.root.join("moved/AGENTS.md").exists());
}

#[test]
fn a_copy_stops_when_it_is_asked_to() {
    let world = World::new();
    fill(&world);
    let before = world.snapshot();
    let options = ApplyOptions::default();
    let cancel = options.cancel.clone();
    // Asked while the copy is under way, or, on a slow machine, before.
    let raise = |event: &Event<'_>| {
        if matches!(event, Event::Started(_)) {
            cancel.raise();
        }
    };
    let options = ApplyOptions {
        progress: Some(&raise),
        ..options
    };
    let error = world
        .apply_with(&list([world.mount(&[], &[])]), options)
        .unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Cancelled(2));
    assert_eq!(world.snapshot(), before);
    assert!(!world.root.join("mirror").exists());
}

#[test]
fn protected_files_keep_what_they_may_do_but_be_written() {
    let world = World::new();
    fs::write(world.repo().join("sub/tool"), "#!/bin/sh").unwrap();
    fs::set_permissions(
        world.repo().join("sub/tool"),
        fs::Permissions::from_mode(0o751),
    )
    .unwrap();
    let handle = copy_of(&world, &[], &["SUB/"]);
    let mode = |name: &str| {
        fs::metadata(handle.cwd().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!((mode("sub/tool"), mode("sub/deep.txt") & 0o222), (0o551, 0));
    assert!(mode("sub") & 0o200 != 0, "a directory can still be removed");
    assert!(handle.dispose().is_clean());
}

#[test]
fn git_data_can_be_hidden_like_anything_else() {
    let world = World::new();
    fs::create_dir_all(world.repo().join(".git/info")).unwrap();
    fs::write(world.repo().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(world.repo().join(".git/index.lock"), "").unwrap();
    let with = |ignored: &[&str]| {
        let mut mount = world.mount(ignored, &[".git", "*"]);
        if let ActionKind::Mount { include_git, .. } = &mut mount {
            *include_git = true;
        }
        world.one(mount)
    };
    let handle = with(&[".git/"]);
    assert!(!handle.cwd().join(".git").exists());
    assert!(handle.dispose().is_clean());
    // What is in it is not for patterns, and nobody works there any more.
    let handle = with(&["HEAD", "info"]);
    let own = handle.cwd().join(".git");
    assert!(own.join("HEAD").exists() && own.join("info").exists());
    assert!(!own.join("index.lock").exists());
    assert!(handle.dispose().is_clean());
}
