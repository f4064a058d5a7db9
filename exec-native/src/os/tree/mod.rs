//! Trees: faithful copies and removal, through directory handles.

mod copy;
mod pool;
mod remove;

pub use copy::{Copied, Fate, Guide, copy, copy_whole};
pub use remove::remove;

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::dir::{Dir, Kind, Meta};

/// Walks a tree, directories behind what is in them, without following links. What
/// vanishes meanwhile is left out.
///
/// # Errors
/// A directory may not be read, or the visitor's error.
pub fn walk(
    dir: &Dir,
    below: &Path,
    visit: &mut dyn FnMut(&Dir, &OsStr, &Path, &Meta) -> io::Result<()>,
) -> io::Result<()> {
    let mut path = below.to_path_buf();
    for name in dir.names()? {
        let Some(meta) = dir.stat(&name)? else {
            continue;
        };
        path.push(&name);
        if meta.kind == Kind::Dir {
            match dir.child(&name) {
                Ok(child) => walk(&child, &path, visit)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        visit(dir, &name, &path, &meta)?;
        path.pop();
    }
    Ok(())
}
