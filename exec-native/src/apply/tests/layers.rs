//! Layers: what they are made of, and that work in them is kept.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};

use plan_core::effect::OutcomeKind;

use super::{World, list};
use crate::apply::{ApplyOptions, Run, RunHandle};

fn begin(world: &World) -> RunHandle {
    let run = Run::begin(&world.state(), &world.repo()).unwrap();
    let actions = list(world.layer());
    run.apply(&actions, &ApplyOptions::default()).unwrap()
}

#[test]
fn a_layer_looks_like_its_project() {
    let world = World::new();
    let repo = world.repo();
    fs::set_permissions(repo.join("sub"), fs::Permissions::from_mode(0o751)).unwrap();
    let text = fs::read(repo.join("AGENTS.md")).unwrap();
    let before = world.snapshot();
    let handle = begin(&world);
    let layer = repo.parent().unwrap().join("layers/repo");
    let twin = fs::symlink_metadata(layer.join("hidden/twin")).unwrap();
    assert!(twin.file_type().is_char_device() && twin.rdev() == 0);
    let sub = fs::symlink_metadata(layer.join("hidden/sub")).unwrap();
    assert!(sub.file_type().is_char_device());
    let (upper, project) = (layer.join("upper"), &repo);
    let look = |path: &std::path::Path| {
        let meta = fs::metadata(path).unwrap();
        (meta.mode(), meta.mtime(), meta.mtime_nsec(), meta.uid())
    };
    assert_eq!(look(&upper), look(project));
    assert_eq!(fs::read(layer.join("readonly")).unwrap(), b"AGENTS.md\0");
    let written = fs::read(upper.join("AGENTS.md")).unwrap();
    assert_eq!(written, [&*text, b"\n\n---\n\nMore.\n"].concat());
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn work_in_a_layer_is_kept_and_traces_of_none_are_not() {
    let made: [(&str, bool); 4] = [
        ("new", true),
        ("sub/x", true),
        ("sub/", false),
        ("odd/", true),
    ];
    for (path, kept) in made {
        let world = World::new();
        let handle = begin(&world);
        let upper = world.repo().parent().unwrap().join("layers/repo/upper");
        let path = upper.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.to_string_lossy().ends_with('/') {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::write(&path, "work").unwrap();
        }
        let report = handle.dispose();
        let layer = report.entries.last().unwrap();
        let last = layer.result.as_ref().unwrap().kind;
        assert_eq!(
            last == OutcomeKind::Kept,
            kept,
            "{}: {layer:?}",
            path.display()
        );
        assert_eq!(upper.exists(), kept, "{}", path.display());
    }
}
