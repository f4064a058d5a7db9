//! Removing files and directories, reversibly.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use plan_core::effect::{MoveBack, Outcome, PutBack, Undo, Written};

use super::{Bench, Prepared};
use crate::apply::restore::{capture, set_aside, temp_name};
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{Place, resolve, resolve_making};
use crate::os::tree::{self, Copied, Fate, Guide};
use crate::state::RunDir;

/// Removing what does not exist.
struct RemoveNothing;

/// Removing a file or link.
struct RemoveFile(PutBack);

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
    Ok(Box::new(RemoveFile(PutBack {
        path: path.into(),
        below: below.into(),
        dirs: Vec::new(),
        original: capture(bench.run, bench.id, Some(&place)).at(path)?,
        written: Written::absent(),
        block: None,
    })))
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
        Undo::PutBack(self.0.clone())
    }

    fn perform(&self, _bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let PutBack { path, below, .. } = &self.0;
        if let Some(place) = resolve(Path::new(below), Path::new(path)).at(path)? {
            place.dir.remove_file(&place.name).at(path)?;
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
        let MoveBack { path, below, blob } = &self.0;
        if let Some(place) = resolve(Path::new(below), Path::new(path)).at(path)?
            && place.dir.stat(&place.name).at(path)?.is_some()
        {
            let to = in_blobs(bench.run, blob).at(path)?;
            move_dir(&place, &to, &temp_name(bench.run, bench.id)).at(path)?;
        }
        Ok(None)
    }
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
        move_dir(&blob, &place, &temp).at(path)?;
        return Ok(Outcome::restored());
    }
    let beside = set_aside(run, &place).at(path)?;
    move_dir(&blob, &place, &temp).at(path)?;
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

/// Moves a directory: at once on one file system, else by a copy that gets its name
/// when it is whole. Then the old name goes at once as well.
fn move_dir(from: &Place, to: &Place, temp: &OsStr) -> io::Result<()> {
    match from.dir.rename_new(&from.name, &to.dir, &to.name) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        result => {
            result?;
            to.dir.sync()?;
            return from.dir.sync();
        }
    }
    let source = from.dir.child(&from.name)?;
    let meta = source.meta()?;
    tree::remove(&to.dir, temp)?;
    to.dir.make_dir(temp, 0o700)?;
    let copy = to.dir.child(temp)?;
    let logs = tree::copy(&source, &copy, &Whole)?;
    if let Some(problem) = logs.into_iter().flatten().next() {
        return Err(io::Error::other(problem));
    }
    finish_move(from, to, temp, &copy, &meta)
}

fn finish_move(from: &Place, to: &Place, temp: &OsStr, copy: &Dir, meta: &Meta) -> io::Result<()> {
    copy.set_own_mode(meta.mode)?;
    to.dir.set_mtime(temp, meta.mtime)?;
    to.dir.rename_new(temp, &to.dir, &to.name)?;
    to.dir.sync()?;
    from.dir.rename(&from.name, &from.dir, temp)?;
    tree::remove(&from.dir, temp).map(drop)
}

/// A copy that must not leave anything out, since the original goes.
struct Whole;

impl Guide for Whole {
    type Log = Option<String>;

    fn fate(&self, _log: &mut Self::Log, _path: &Path, _kind: Kind) -> Fate {
        Fate::Copy
    }

    fn copied(&self, _log: &mut Self::Log, _entry: &Copied<'_>) {}

    fn skipped(&self, log: &mut Self::Log, path: &Path, why: &'static str) {
        *log = Some(format!("{} {why}", path.display()));
    }
}
