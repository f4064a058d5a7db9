//! Tests of moves between two file systems.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::cell::Cell;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use tempfile::TempDir;

use super::*;

/// Two directories on two file systems; nothing where there is only one.
fn shores() -> Option<(TempDir, TempDir)> {
    let near = tempfile::tempdir().unwrap();
    let far = tempfile::tempdir_in("/dev/shm").ok();
    let device = |dir: &TempDir| fs::metadata(dir.path()).unwrap().dev();
    let far = far.filter(|far| device(far) != device(&near));
    if far.is_none() {
        println!("skipped: there is no second file system at /dev/shm");
    }
    Some((near, far?))
}

fn place(dir: &TempDir, name: &str) -> Place {
    Place {
        dir: Dir::open(dir.path()).unwrap(),
        name: name.into(),
    }
}

fn mover(step: &dyn Fn() -> io::Result<()>) -> Mover<'_> {
    Mover {
        temp: "temp".into(),
        moving: "moving".into(),
        gone: "gone".into(),
        step,
    }
}

/// A directory with a file, a link, a pipe and an empty directory.
fn fill(dir: &TempDir) {
    let own = dir.path().join("own");
    fs::create_dir_all(own.join("empty")).unwrap();
    fs::write(own.join("notes"), "first").unwrap();
    std::os::unix::fs::symlink("notes", own.join("link")).unwrap();
    Dir::open(&own)
        .unwrap()
        .make_pipe(OsStr::new("pipe"), 0o600)
        .unwrap();
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn an_edit_through_an_open_file_comes_along() {
    let Some((near, far)) = shores() else {
        return;
    };
    // Step 0 is before the thing leaves its path, 1 before it is looked at, 2 when it is
    // copied, 3 when the copy is published.
    for at in 0..=3 {
        fill(&near);
        let file = fs::File::options()
            .append(true)
            .open(near.path().join("own/notes"));
        let (file, count) = (file.unwrap(), Cell::new(0));
        let step = || {
            if count.replace(count.get() + 1) == at {
                (&file).write_all(b", second").unwrap();
            }
            Ok(())
        };
        let (from, to) = (place(&near, "own"), place(&far, "own"));
        mover(&step).take_away(&from, &to).unwrap();
        assert_eq!(names(&near), [""; 0], "{at}");
        assert_eq!(names(&far), ["own"], "{at}");
        let text = fs::read_to_string(far.path().join("own/notes")).unwrap();
        assert_eq!(text, "first, second", "{at}");
        assert!(
            to.dir
                .child(&to.name)
                .unwrap()
                .is_pipe(OsStr::new("pipe"))
                .unwrap()
        );
        fs::remove_dir_all(far.path().join("own")).unwrap();
    }
}

#[test]
fn what_never_rests_is_not_removed() {
    let Some((near, far)) = shores() else {
        return;
    };
    fill(&near);
    let file = fs::File::options()
        .append(true)
        .open(near.path().join("own/notes"));
    let file = file.unwrap();
    let step = || (&file).write_all(b".");
    let (from, to) = (place(&near, "own"), place(&far, "own"));
    let error = mover(&step).take_away(&from, &to).unwrap_err();
    assert!(error.to_string().contains("keeps changing"), "{error}");
    let whole = mover(&step).underway(&from).unwrap().unwrap();
    let text = whole.dir.child(&whole.name).unwrap();
    let written = text.stat(OsStr::new("notes")).unwrap().unwrap().size;
    assert_eq!(written, file.metadata().unwrap().size());
    // Once it rests, the move goes on where it was.
    mover(&|| Ok(())).take_away(&from, &to).unwrap();
    assert_eq!(names(&near), [""; 0]);
    assert_eq!(
        fs::metadata(far.path().join("own/notes")).unwrap().size(),
        written
    );
}

#[test]
fn things_are_alike_by_content_and_not_by_time() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(&one);
    fill(&other);
    let alike = || are_alike(&place(&one, "own"), &place(&other, "own")).unwrap();
    assert!(alike());
    fs::write(other.path().join("own/notes"), "First").unwrap();
    assert!(!alike());
    fs::write(other.path().join("own/notes"), "first").unwrap();
    fs::write(other.path().join("own/more"), "").unwrap();
    assert!(!alike());
}
