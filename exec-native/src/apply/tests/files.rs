//! Files and links: written, put back, kept.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use plan_core::effect::{ActionKind, Content, Document, OutcomeKind, WriteMode};

use super::super::*;
use super::{World, faulty, list};

fn mode(world: &World, name: &str) -> u32 {
    fs::metadata(world.repo().join(name))
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn an_overwritten_file_returns_as_it_was() {
    let world = World::new();
    let before = world.snapshot();
    let inode = fs::metadata(world.repo().join("AGENTS.md")).unwrap().ino();
    let handle = world.one(world.write("AGENTS.md", WriteMode::Overwrite, "prompt"));
    assert_eq!(world.read("AGENTS.md"), b"prompt");
    assert_eq!(
        mode(&world, "AGENTS.md"),
        0o640,
        "the mode is the original's"
    );
    let report = handle.dispose();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(world.snapshot(), before);
    let restored = fs::metadata(world.repo().join("AGENTS.md")).unwrap().ino();
    assert_eq!(restored, inode, "the very file returns");
    assert_eq!(world.run_dirs(), 0, "a clean end leaves nothing");
}

#[test]
fn extending_keeps_bytes_that_are_no_text() {
    let world = World::new();
    let handle = world.one(world.write("AGENTS.md", WriteMode::Extend, "more"));
    assert_eq!(
        world.read("AGENTS.md"),
        b"caf\xe9, as Latin-1 spells it\n\n---\n\nmore"
    );
    handle.dispose();
    assert_eq!(world.read("AGENTS.md"), b"caf\xe9, as Latin-1 spells it");
    let handle = world.one(world.write("absent.md", WriteMode::Extend, "alone"));
    assert_eq!(world.read("absent.md"), b"alone");
    handle.dispose();
    assert!(!world.repo().join("absent.md").exists());
}

#[test]
fn create_only_refuses_what_exists() {
    let world = World::new();
    let before = world.snapshot();
    for name in ["AGENTS.md", "CLAUDE.md", "dangling"] {
        let write = world.write(name, WriteMode::CreateOnly, "new");
        let error = world.apply(&list([write])).unwrap_err();
        assert_eq!(error.exit_code(), 1, "{error}");
        assert_eq!(world.snapshot(), before);
    }
}

#[test]
fn links_are_replaced_and_not_followed() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world
        .apply(&list([
            world.write("CLAUDE.md", WriteMode::Extend, "more"),
            world.write("dangling", WriteMode::Overwrite, "here"),
            world.write("twin", WriteMode::Overwrite, "changed"),
        ]))
        .unwrap();
    assert_eq!(
        world.read("CLAUDE.md"),
        b"caf\xe9, as Latin-1 spells it\n\n---\n\nmore"
    );
    assert_eq!(world.read("AGENTS.md"), b"caf\xe9, as Latin-1 spells it");
    assert!(!world.repo().join("nowhere").exists());
    assert_eq!(world.read("other-twin"), b"one content");
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
    let links = fs::metadata(world.repo().join("twin")).unwrap().nlink();
    assert_eq!(links, 2, "the twins are one file again");
}

#[test]
fn linked_directories_do_not_lead_outside() {
    let world = World::new();
    fs::create_dir(world.root.join("outside")).unwrap();
    std::os::unix::fs::symlink(world.root.join("outside"), world.repo().join("out")).unwrap();
    std::os::unix::fs::symlink("sub", world.repo().join("in")).unwrap();
    let before = world.snapshot();
    let error = world
        .apply(&list([world.write("out/x", WriteMode::Overwrite, "x")]))
        .unwrap_err();
    assert!(
        error.to_string().contains("through a symbolic link"),
        "{error}"
    );
    assert_eq!(world.snapshot(), before);
    let handle = world.one(world.write("in/x", WriteMode::Overwrite, "x"));
    assert_eq!(world.read("sub/x"), b"x");
    handle.dispose();
    assert_eq!(world.snapshot(), before);
}

#[test]
fn created_directories_go_unless_somebody_uses_them() {
    let world = World::new();
    let before = world.snapshot();
    let write = || world.write("a/b/c.md", WriteMode::Overwrite, "x");
    world.one(write()).dispose();
    assert_eq!(world.snapshot(), before);
    let handle = world.one(write());
    fs::write(world.repo().join("a/mine"), "mine").unwrap();
    handle.dispose();
    assert_eq!(world.read("a/mine"), b"mine");
    assert!(!world.repo().join("a/b").exists());
}

#[test]
fn private_files_are_private_from_the_start() {
    let world = World::new();
    let secret = ActionKind::WriteFile {
        path: world.path("repo/p/secret"),
        below: world.path("repo"),
        over: None,
        how: WriteMode::Overwrite,
        content: Content::Document(Document::text("x")),
        private: true,
    };
    let handle = world.one(secret);
    assert_eq!(
        (mode(&world, "p/secret"), mode(&world, "p")),
        (0o600, 0o700)
    );
    handle.dispose();
}

#[test]
fn a_private_file_is_ours_whoever_changed_it() {
    let world = World::new();
    let before = world.snapshot();
    let settings = ActionKind::WriteFile {
        path: world.path("repo/home/config.toml"),
        below: world.path("repo"),
        over: None,
        how: WriteMode::CreateOnly,
        content: Content::Document(Document::text("a = 1")),
        private: true,
    };
    let handle = world.one(settings);
    fs::write(world.repo().join("home/config.toml"), "a = 1\nb = 2").unwrap();
    let report = handle.dispose();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(world.snapshot(), before);
}

#[test]
fn changed_content_makes_room_for_the_original() {
    let world = World::new();
    let original = world.meta("AGENTS.md");
    let handle = world
        .apply(&list([
            world.write("AGENTS.md", WriteMode::Overwrite, "prompt"),
            world.write("AGENTS.md", WriteMode::Extend, "more"),
            world.write("fresh.md", WriteMode::Overwrite, "fresh"),
            world.write("fresh.md", WriteMode::Overwrite, "fresher"),
        ]))
        .unwrap();
    fs::write(world.repo().join("AGENTS.md"), "mine").unwrap();
    fs::write(world.repo().join("fresh.md"), "mine too").unwrap();
    let report = handle.dispose();
    assert_eq!(world.meta("AGENTS.md"), original, "the very file");
    assert_eq!(world.read("fresh.md"), b"mine too", "nothing stood there");
    let beside = format!("AGENTS.md.callsheet-{}", handle.id());
    assert_eq!(world.read(&beside), b"mine");
    assert!(!report.is_clean() && report.closed);
    let kept: Vec<_> = report
        .kept()
        .map(|(entry, outcome)| (entry.action, outcome.beside.clone()))
        .collect();
    let moved = |name: &str| Some(world.path(&format!("repo/{name}")));
    let fresh = format!("fresh.md.callsheet-{}", handle.id());
    assert_eq!(
        kept,
        [(3, moved(&fresh)), (2, None), (1, moved(&beside))],
        "the new file went aside for a moment"
    );
    assert!(!world.repo().join(fresh).exists());
}

#[test]
fn edits_around_the_added_text_stay_without_it() {
    let world = World::new();
    fs::write(world.repo().join("AGENTS.md"), "rules\n").unwrap();
    let actions = list([
        world.write("AGENTS.md", WriteMode::Extend, "one"),
        world.write("AGENTS.md", WriteMode::Extend, "two"),
    ]);
    let cases: [(&str, &str, bool); 4] = [
        ("rules\n\n\n---\n\none\n\n---\n\ntwo", "rules\n", false),
        (
            "rules, better\n\n\n---\n\none\n\n---\n\ntwo",
            "rules, better\n",
            true,
        ),
        (
            "rules\n\n\n---\n\none\n\n---\n\ntwo\nand more",
            "rules\n\nand more",
            true,
        ),
        ("rules\n\n\n---\n\none\n", "rules\n", true),
    ];
    for (edited, left, kept) in cases {
        let handle = world.apply(&actions).unwrap();
        let path = world.repo().join("AGENTS.md");
        // Replaced, as editors do.
        fs::write(world.repo().join("new"), edited).unwrap();
        fs::rename(world.repo().join("new"), &path).unwrap();
        let report = handle.dispose();
        assert_eq!(fs::read_to_string(&path).unwrap(), left, "{edited:?}");
        assert_eq!(report.kept().next().is_some(), kept, "{report:?}");
        fs::write(&path, "rules\n").unwrap();
    }
}

#[test]
fn a_deleted_file_returns_and_a_deleted_new_one_stays_away() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world
        .apply(&list([
            world.write("AGENTS.md", WriteMode::Overwrite, "prompt"),
            world.write("fresh.md", WriteMode::Overwrite, "fresh"),
        ]))
        .unwrap();
    fs::remove_file(world.repo().join("AGENTS.md")).unwrap();
    fs::remove_file(world.repo().join("fresh.md")).unwrap();
    let report = handle.dispose();
    let kinds = report
        .entries
        .iter()
        .map(|entry| entry.result.as_ref().unwrap().kind);
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, [OutcomeKind::Removed, OutcomeKind::Restored]);
    assert_eq!(world.snapshot(), before);
}

/// Backups cannot be the files themselves when the state home is on another file
/// system. Skipped where there is only one.
#[test]
fn copies_come_back_from_another_file_system() {
    let world = World::new();
    let shared = Path::new("/dev/shm");
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    if device(shared).is_none_or(|shared| Some(shared) == device(&world.root)) {
        return;
    }
    let home = tempfile::tempdir_in(shared).unwrap();
    let before = world.snapshot();
    for repeat in [0, 1] {
        let apply = faulty(Faults {
            repeat,
            ..Faults::default()
        });
        let state = StateHome::at(home.path());
        let options = ExecuteOptions {
            state,
            cwd: world.repo(),
            apply,
        };
        let handle = execute(&world.everything(), &options).unwrap();
        assert_ne!(world.snapshot(), before);
        let report = handle.dispose();
        assert!(report.is_clean(), "{report:?}");
        let mut after = world.snapshot();
        // The twin is a copy of its own now.
        assert_eq!(after.len(), before.len());
        after.retain(|path, text| before.get(path) != Some(text));
        assert!(after.is_empty(), "{after:?}");
    }
}

#[test]
fn a_link_with_a_target_that_is_no_text_returns() {
    let world = World::new();
    let target = OsStr::from_bytes(b"\xff");
    std::os::unix::fs::symlink(target, world.repo().join("odd")).unwrap();
    let before = world.snapshot();
    let handle = world.one(world.write("odd", WriteMode::Extend, "x"));
    assert_eq!(world.read("odd"), b"x");
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn writing_the_same_bytes_is_undone_as_well() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world.one(world.write("opencode.json", WriteMode::Overwrite, "{}"));
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}
