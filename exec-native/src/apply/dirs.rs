//! Directories that a run created and that other live runs still use: the last of them
//! removes what is empty. They are listed in one file beside the runs, which is read and
//! written behind the gate only.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use plan_core::base::json;
use plan_core::effect::{Undo, UndoStep};

use super::restore::remove_dirs;
use super::share::Claims;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs::{Attributes, Place, is_dir, read_at, write_atomic};
use crate::state::StateHome;

const LIST: &str = ".dirs";

/// Notes the directories of an ended run that others use, and removes those that nobody
/// uses any more and that are empty.
pub(super) fn settle(
    state: &StateHome,
    steps: &[UndoStep],
    claims: &Claims,
) -> Result<(), ExecError> {
    let runs = state.runs()?;
    let known = read(&runs).at(runs.path())?;
    let mut dirs = known.clone();
    let created = steps.iter().flat_map(|step| created(&step.undo));
    dirs.extend(created.filter(|dir| is_dir(Path::new(dir))).cloned());
    if dirs.is_empty() {
        return Ok(());
    }
    let (used, free): (Vec<_>, Vec<_>) = dirs.into_iter().partition(|dir| claims.uses(dir));
    // Sorted, a parent comes before what lies in it, as `remove_dirs` wants it.
    remove_dirs(&free)?;
    let used: BTreeSet<String> = used.into_iter().collect();
    if used == known {
        return Ok(());
    }
    write(&runs, &used).at(runs.path())
}

fn created(undo: &Undo) -> &[String] {
    match undo {
        Undo::PutBack(undo) => &undo.dirs,
        Undo::RemoveTrees(undo) => &undo.dirs,
        Undo::RemoveDirs(undo) => &undo.dirs,
        _ => &[],
    }
}

fn read(runs: &Dir) -> io::Result<BTreeSet<String>> {
    let bytes = match read_at(runs, OsStr::new(LIST)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        bytes => bytes?,
    };
    let text = String::from_utf8_lossy(&bytes);
    // A line that cannot be read names a directory that stays: nothing is lost by that.
    let lines = text.lines().filter_map(|line| json::read(line).ok());
    Ok(lines
        .filter_map(|value| Some(value.as_str()?.to_owned()))
        .collect())
}

fn write(runs: &Dir, dirs: &BTreeSet<String>) -> io::Result<()> {
    if dirs.is_empty() {
        return runs.remove_file(OsStr::new(LIST)).map(drop);
    }
    let lines: Vec<String> = dirs.iter().map(|dir| json::print(dir) + "\n").collect();
    let place = Place {
        dir: runs.try_clone()?,
        name: LIST.into(),
    };
    let temp = OsStr::new(".dirs.tmp");
    write_atomic(
        &place,
        temp,
        lines.concat().as_bytes(),
        Attributes::default(),
    )
}
