//! Removing files and directories, reversibly.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use plan_core::effect::{MoveBack, Outcome, PutBack, Undo, Written};

use super::{Bench, Prepared};
use crate::apply::publish::{Seen, Slot, out_name, set_aside, temp_name};
use crate::apply::restore::capture;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{Place, back_up, resolve, resolve_making};
use crate::os::tree;
use crate::state::RunDir;

/// Removing what does not exist.
struct RemoveNothing;

/// Removing a file or link.
struct RemoveFile {
    seen: Seen,
    undo: PutBack,
}

/// Removing a directory: it moves into the run's blobs.
struct RemoveDir(MoveBack);

pub(super) fn prepare(
    bench: &Bench<'_>,
    path: &str,
    below: &str,
) -> Result<Box<dyn Prepared>, ExecError> {
    let place = resolve(Path::new(below), Path::new(path)).at(path)?;
    let Some(place) = place else {
        return Ok(Box::new(RemoveNothing));
    };
    let Some(meta) = place.dir.stat(&place.name).at(path)? else {
        return Ok(Box::new(RemoveNothing));
    };
    if meta.kind == Kind::Dir {
        return Ok(Box::new(RemoveDir(MoveBack {
            path: path.into(),
            below: below.into(),
            blob: format!("{}.original", bench.id),
        })));
    }
    let (original, seen) = capture(bench.run, bench.id, Some(&place)).at(path)?;
    let undo = PutBack {
        path: path.into(),
        below: below.into(),
        dirs: Vec::new(),
        original,
        written: Written::absent(),
        block: None,
    };
    Ok(Box::new(RemoveFile { seen, undo }))
}

impl Prepared for RemoveNothing {
    fn undo(&self) -> Undo {
        Undo::nothing()
    }

    fn perform(&self, _bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        Ok(None)
    }
}

impl Prepared for RemoveFile {
    fn undo(&self) -> Undo {
        Undo::PutBack(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let PutBack { path, below, .. } = &self.undo;
        if let Some(place) = resolve(Path::new(below), Path::new(path)).at(path)? {
            let slot = Slot::new(bench.run, &place, out_name(bench.run, bench.id));
            let taken = slot.take(&|dir, name| self.seen.is_at(dir, name));
            taken.at(path)?.finish(bench.run, &self.undo)?;
            place.dir.sync().at(path)?;
        }
        Ok(None)
    }
}

impl Prepared for RemoveDir {
    fn undo(&self) -> Undo {
        Undo::MoveBack(self.0.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        move_away(bench, &self.0)?;
        Ok(None)
    }
}

/// Moves what stands at a place into the run's blobs. What is there once it has moved is
/// somebody else's.
pub(super) fn move_away(bench: &Bench<'_>, undo: &MoveBack) -> Result<(), ExecError> {
    let MoveBack { path, below, .. } = undo;
    if !is_away(bench.run, undo)?
        && let Some(place) = resolve(Path::new(below), Path::new(path)).at(path)?
        && place.dir.stat(&place.name).at(path)?.is_some()
    {
        let to = in_blobs(bench.run, &undo.blob).at(path)?;
        relocate(&place, &to, &temp_name(bench.run, bench.id)).at(path)?;
    }
    Ok(())
}

/// Tells whether something was moved into the run's blobs and has not returned.
pub(super) fn is_away(run: &RunDir, undo: &MoveBack) -> Result<bool, ExecError> {
    let blob = run.blobs.stat(OsStr::new(&undo.blob)).at(&undo.path)?;
    Ok(blob.is_some())
}

pub(super) fn undo(run: &RunDir, id: u64, undo: &MoveBack) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    let blob = in_blobs(run, &undo.blob).at(path)?;
    let place = resolve_making(Path::new(&undo.below), path, 0o777).at(path)?;
    let temp = temp_name(run, id);
    tree::remove(&place.dir, &temp).at(path)?;
    if blob.dir.stat(&blob.name).at(path)?.is_none() {
        return Ok(Outcome::restored());
    }
    if place.dir.stat(&place.name).at(path)?.is_none() {
        relocate(&blob, &place, &temp).at(path)?;
        return Ok(Outcome::restored());
    }
    let beside = set_aside(run, &place).at(path)?;
    relocate(&blob, &place, &temp).at(path)?;
    let why = String::from("somebody else created something there");
    let mut outcome = Outcome::kept(undo.path.clone(), why);
    outcome.beside = Some(path.with_file_name(&beside.name).to_string_lossy().into());
    Ok(outcome)
}

fn in_blobs(run: &RunDir, blob: &str) -> io::Result<Place> {
    Ok(Place {
        dir: run.blobs.try_clone()?,
        name: blob.into(),
    })
}

/// The name of one of the things that an action moved away for what it creates.
pub(super) fn aside_name(action: u64, number: usize) -> String {
    format!("{action}.original.{number}")
}

/// Gives another run its own copy of what was moved into a run's blobs.
pub(super) fn copy_away(from: &Dir, blob: &OsStr, to: &Dir, own: &OsStr) -> io::Result<()> {
    tree::remove(to, own)?;
    let kind = from.stat(blob)?.map(|meta| meta.kind);
    match kind {
        None => Ok(()),
        Some(Kind::Symlink) => to.make_link(own, &from.read_link(blob)?),
        Some(Kind::Dir) => {
            let source = from.child(blob)?;
            let meta = source.meta()?;
            to.make_dir(own, 0o700)?;
            let copy = to.child(own)?;
            tree::copy_whole(&source, &copy)?;
            copy.set_own_mode(meta.mode)?;
            to.set_mtime(own, meta.mtime)
        }
        Some(_) => {
            let place = Place {
                dir: from.try_clone()?,
                name: blob.to_owned(),
            };
            back_up(&place, to, own)
        }
    }
}

/// Moves something: at once on one file system, else by a copy that gets its name when it
/// is whole. Then the old name goes at once as well.
fn relocate(from: &Place, to: &Place, temp: &OsStr) -> io::Result<()> {
    match from.dir.rename_new(&from.name, &to.dir, &to.name) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        result => {
            result?;
            to.dir.sync()?;
            return from.dir.sync();
        }
    }
    tree::remove(&to.dir, temp)?;
    let kind = from.dir.stat(&from.name)?.map(|meta| meta.kind);
    if kind != Some(Kind::Dir) {
        return relocate_file(from, to, temp, kind);
    }
    let source = from.dir.child(&from.name)?;
    let meta = source.meta()?;
    to.dir.make_dir(temp, 0o700)?;
    let copy = to.dir.child(temp)?;
    tree::copy_whole(&source, &copy)?;
    finish_move(from, to, temp, &copy, &meta)
}

/// Moves a file or link to another file system.
fn relocate_file(from: &Place, to: &Place, temp: &OsStr, kind: Option<Kind>) -> io::Result<()> {
    if kind == Some(Kind::Symlink) {
        to.dir.make_link(temp, &from.dir.read_link(&from.name)?)?;
    } else {
        back_up(from, &to.dir, temp)?;
    }
    to.dir.rename_new(temp, &to.dir, &to.name)?;
    to.dir.sync()?;
    from.dir.remove_file(&from.name)?;
    from.dir.sync()
}

fn finish_move(from: &Place, to: &Place, temp: &OsStr, copy: &Dir, meta: &Meta) -> io::Result<()> {
    copy.set_own_mode(meta.mode)?;
    to.dir.set_mtime(temp, meta.mtime)?;
    to.dir.rename_new(temp, &to.dir, &to.name)?;
    to.dir.sync()?;
    from.dir.rename(&from.name, &from.dir, temp)?;
    tree::remove(&from.dir, temp).map(drop)
}
