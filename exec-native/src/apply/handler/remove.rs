//! Removing files and directories, reversibly.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use plan_core::effect::{MoveBack, Outcome, PutBack, Undo, Written};

use super::relocate::{Mover, are_alike, duplicate};
use super::{Bench, Prepared};
use crate::apply::inject::{Moment, Steps};
use crate::apply::publish::{Seen, Slot, out_name, set_aside, temp_name};
use crate::apply::restore::capture;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{Place, resolve, resolve_making};
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
        let steps = Steps::new(bench.options.faults, Moment::WithinAction);
        move_away(bench, &self.0, &steps)?;
        Ok(None)
    }
}

/// Moves what stands at a place into the run's blobs. What is there once it has moved is
/// somebody else's.
pub(super) fn move_away(
    bench: &Bench<'_>,
    undo: &MoveBack,
    steps: &Steps,
) -> Result<(), ExecError> {
    let MoveBack { path, below, .. } = undo;
    if !is_away(bench.run, undo)?
        && let Some(place) = resolve(Path::new(below), Path::new(path)).at(path)?
        && place.dir.stat(&place.name).at(path)?.is_some()
    {
        let to = in_blobs(bench.run, &undo.blob).at(path)?;
        let step = || steps.strike();
        let mover = Mover::new(bench.run, bench.id, &undo.blob, &step);
        mover.take_away(&place, &to).at(path)?;
    }
    Ok(())
}

/// Copies what stands at a place into the run's blobs; the place keeps it.
pub(super) fn copy_aside(bench: &Bench<'_>, undo: &MoveBack) -> Result<(), ExecError> {
    let MoveBack { path, below, blob } = undo;
    let place = resolve(Path::new(below), Path::new(path)).at(path)?;
    let Some(place) = place.filter(|_| !is_away(bench.run, undo).unwrap_or(true)) else {
        return Ok(());
    };
    let (blobs, temp) = (&bench.run.blobs, temp_name(bench.run, bench.id));
    tree::remove(blobs, &temp).at(path)?;
    duplicate(&place, blobs, &temp)
        .and_then(|()| blobs.sync_all())
        .and_then(|()| blobs.rename_new(&temp, blobs, OsStr::new(blob)))
        .and_then(|()| blobs.sync())
        .at(path)
}

/// Tells whether something was moved into the run's blobs and has not returned.
pub(super) fn is_away(run: &RunDir, undo: &MoveBack) -> Result<bool, ExecError> {
    let blob = run.blobs.stat(OsStr::new(&undo.blob)).at(&undo.path)?;
    Ok(blob.is_some())
}

/// Tells whether an interrupted try has brought a copy back, so that only the backup is
/// left to remove. On one file system the backup itself would have gone.
pub(super) fn is_back(run: &RunDir, undo: &MoveBack, place: &Place) -> bool {
    let look = || {
        let blob = in_blobs(run, &undo.blob)?;
        let crosses = run.blobs.meta()?.identity.0 != place.dir.meta()?.identity.0;
        let is_copy = crosses || undo.blob.ends_with(COPY);
        Ok::<_, io::Error>(is_copy && are_alike(&blob, place)?)
    };
    // What cannot be compared counts as somebody's.
    look().unwrap_or(false)
}

pub(super) fn undo(
    run: &RunDir,
    id: u64,
    undo: &MoveBack,
    steps: &Steps,
) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    let blob = in_blobs(run, &undo.blob).at(path)?;
    let place = resolve_making(Path::new(&undo.below), path, 0o777).at(path)?;
    let step = || steps.strike();
    let mover = Mover::new(run, id, &undo.blob, &step);
    mover.tidy(&place, &blob).at(path)?;
    let has_copy = is_away(run, undo)?;
    let original = match mover.underway(&place).at(path)? {
        // It never left its directory; a copy is of no use.
        Some(original) => {
            if has_copy {
                mover.discard(&blob).at(path)?;
            }
            original
        }
        None if has_copy => blob,
        None => return Ok(Outcome::restored()),
    };
    if place.dir.stat(&place.name).at(path)?.is_none() {
        mover.bring_back(&original, &place).at(path)?;
        return Ok(Outcome::restored());
    }
    if is_back(run, undo, &place) {
        mover.discard(&original).at(path)?;
        return Ok(Outcome::restored());
    }
    let beside = set_aside(run, &place).at(path)?;
    mover.bring_back(&original, &place).at(path)?;
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

/// The end of the names of originals that were copied and not moved.
const COPY: &str = ".copy";

/// The name of one of the copies that an action made of what it may change.
pub(super) fn copy_name(action: u64, number: usize) -> String {
    aside_name(action, number) + COPY
}

/// The name of one of the things that an action moved away for what it creates.
pub(super) fn aside_name(action: u64, number: usize) -> String {
    format!("{action}.original.{number}")
}

/// Gives another run its own durable copy of what was moved into a run's blobs.
pub(super) fn copy_away(from: &Dir, blob: &OsStr, to: &Dir, own: &OsStr) -> io::Result<()> {
    tree::remove(to, own)?;
    if from.stat(blob)?.is_none() {
        return Ok(());
    }
    let place = Place {
        dir: from.try_clone()?,
        name: blob.to_owned(),
    };
    duplicate(&place, to, own)?;
    to.sync_all()
}
