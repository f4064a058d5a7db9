//! Guards against taking an accident for work: a cleaner, or a stray `rm -rf`, in the view
//! must not empty the project.

use std::io;
use std::path::Path;

use super::scan::{in_git, is_git};
use super::set::Change;
use super::view::{Base, View};
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::Dir;

/// So many deletions need no look at how many files there are.
const FEW: usize = 50;

/// Refuses deletions of more than fifty files that are more than a fifth of all.
pub(super) fn check(view: &View, entries: &[&Change]) -> Result<(), ExecError> {
    let deletions = entries
        .iter()
        .filter(|entry| entry.is_deleted_leaf())
        .count();
    if deletions <= FEW {
        return Ok(());
    }
    let total = total(view)?;
    if deletions <= total / 5 {
        return Ok(());
    }
    let message = format!("{deletions} of {total} files would be deleted");
    let hint = "if that is what you want, confirm it with --confirm-deletions";
    Err(ExecError::new(ExecErrorKind::Refused, message)
        .in_run(view.id.as_str())
        .at(&view.project)
        .hint(hint))
}

/// Counts the files of the base. A layer's base is the project: what was deleted in the
/// layer is still there.
fn total(view: &View) -> Result<usize, ExecError> {
    match &view.base {
        Base::List(list) => Ok(list
            .entries()
            .filter(|entry| Stamp::listed(entry).is_leaf() && !in_git(entry.path))
            .count()),
        Base::Since(_) => Dir::open(&view.project)
            .and_then(|dir| count(view, &dir, Path::new("")))
            .at(&view.project),
    }
}

fn count(view: &View, dir: &Dir, below: &Path) -> io::Result<usize> {
    let mut total = 0;
    for name in dir.names()? {
        let path = below.join(&name);
        let stamp = Stamp::at(dir, &name)?;
        if is_git(&name) || view.rules.hides(&path, stamp.is_dir()) {
            continue;
        }
        if stamp.is_leaf() {
            total += 1;
        } else if stamp.is_dir()
            && let Ok(inner) = dir.child(&name)
        {
            total += count(view, &inner, &path)?;
        }
    }
    Ok(total)
}
