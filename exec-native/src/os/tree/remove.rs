//! Removal of trees.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;

use rustix::fs::{AtFlags, Mode};

use super::super::dir::{Dir, Kind};
use super::pool;

/// A directory that is removed once nothing is in it any more.
struct Node {
    above: Option<Arc<Node>>,
    dir: Dir,
    name: OsString,
}

/// A directory that is to be emptied.
struct Job {
    above: Option<Arc<Node>>,
    name: OsString,
}

/// Removes a name with everything in it; `false` when it is missing. Links are
/// removed, not followed. A crash leaves a part of the tree.
///
/// # Errors
/// Something may not be removed; the rest of the tree is left as it is.
pub fn remove(dir: &Dir, name: &OsStr) -> io::Result<bool> {
    let Some(meta) = dir.stat(name)? else {
        return Ok(false);
    };
    if meta.kind != Kind::Dir {
        return dir.remove_file(name);
    }
    let first = Job {
        above: None,
        name: name.to_owned(),
    };
    pool::run(first, |job, room, more| empty(dir, job, room, more)).map(|_| true)
}

fn empty(top: &Dir, job: Job, room: &mut Vec<u8>, more: &mut Vec<Job>) -> io::Result<()> {
    let above = job.above.as_ref().map_or(top, |node| &node.dir);
    let mut dir = match open(above, &job.name) {
        Ok(dir) => dir,
        // Somebody else removes it too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return close(top, job.above),
        Err(error) => return Err(error),
    };
    let entries = dir.entries_once(room)?;
    let node = Arc::new(Node {
        above: job.above,
        dir,
        name: job.name,
    });
    for (name, kind) in entries {
        if kind == Kind::Dir {
            more.push(Job {
                above: Some(Arc::clone(&node)),
                name,
            });
        } else {
            node.dir.remove_file(&name)?;
        }
    }
    close(top, Some(node))
}

/// Opens a directory so that its owner may change it.
fn open(above: &Dir, name: &OsStr) -> io::Result<Dir> {
    // What is mounted there is somebody else's, and no part of the tree.
    let dir = match above.child_here(name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            rustix::fs::chmodat(above, name, Mode::RWXU, AtFlags::empty())?;
            above.child_here(name)?
        }
        opened => opened?,
    };
    if dir.meta()?.mode & 0o700 != 0o700 {
        dir.set_own_mode(0o700)?;
    }
    Ok(dir)
}

/// Removes a directory that nobody works in any more, and those above it for which it
/// was the last.
fn close(top: &Dir, node: Option<Arc<Node>>) -> io::Result<()> {
    let mut next = node;
    while let Some(node) = next.take().and_then(Arc::into_inner) {
        let Node { above, dir, name } = node;
        drop(dir);
        above
            .as_ref()
            .map_or(top, |node| &node.dir)
            .remove_dir(&name)?;
        next = above;
    }
    Ok(())
}
