//! Copying directories, and taking back created trees.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use plan_core::effect::{Outcome, RemoveTrees, Undo};

use super::remove;
use super::write_file::parents_to_make;
use super::{Bench, Prepared};
use crate::apply::manifest::Manifest;
use crate::apply::restore::{remove_dirs, temp_name};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Meta};
use crate::os::fs::{Place, is_dir, resolve, resolve_making, resolve_strictly};
use crate::os::tree::{self, Fate, Guide};
use crate::state::RunDir;

pub(super) struct CopyTree {
    from: String,
    to: String,
    below: String,
    undo: RemoveTrees,
}

pub(super) fn prepare(
    bench: &Bench<'_>,
    [from, to, below]: [&String; 3],
) -> Result<CopyTree, ExecError> {
    if !is_dir(Path::new(from)) {
        let message = "the directory to copy does not exist";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(from));
    }
    refuse_existing(
        resolve(Path::new(below), Path::new(to)).at(to)?.as_ref(),
        to,
    )?;
    let undo = RemoveTrees {
        below: below.clone(),
        paths: vec![to.clone()],
        existed: Vec::new(),
        aside: None,
        dirs: parents_to_make(below, to)?,
        manifest: manifest_name(bench.id),
    };
    Ok(CopyTree {
        from: from.clone(),
        to: to.clone(),
        below: below.clone(),
        undo,
    })
}

/// Refuses to create what exists.
pub(super) fn refuse_existing(place: Option<&Place>, path: &str) -> Result<(), ExecError> {
    let Some(place) = place else {
        return Ok(());
    };
    if place.dir.stat(&place.name).at(path)?.is_none() {
        return Ok(());
    }
    let message = "it exists already and is not ours to replace";
    Err(ExecError::new(ExecErrorKind::Failed, message).at(path))
}

/// The name of the list of what an action created.
pub(super) fn manifest_name(id: u64) -> String {
    format!("{id}.list")
}

impl Prepared for CopyTree {
    fn undo(&self) -> Undo {
        Undo::RemoveTrees(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let place =
            resolve_making(Path::new(&self.below), Path::new(&self.to), 0o777).at(&self.to)?;
        let mut guide = Everything {
            bench,
            manifest: Manifest::default(),
            below: relative(&self.to, &self.below),
        };
        if is_finished(bench, &place, &self.undo.manifest)? {
            return Ok(None);
        }
        let temp = temp_name(bench.run, bench.id);
        let copied = fill(Path::new(&self.from), &place, &temp, &mut guide);
        if copied.is_err() {
            bench.options.go_on()?;
        }
        let copied = copied.at(&self.to)?;
        guide.manifest.note(guide.below, &copied, None);
        guide.manifest.save(&bench.run.blobs, &self.undo.manifest)?;
        place
            .dir
            .rename_new(&temp, &place.dir, &place.name)
            .at(&self.to)?;
        place.dir.sync().at(&self.to)?;
        Ok(None)
    }
}

/// Tells whether a tree was created by an earlier try of the same action.
pub(super) fn is_finished(
    bench: &Bench<'_>,
    place: &Place,
    manifest: &str,
) -> Result<bool, ExecError> {
    let path = place.dir.path();
    let listed = bench.run.blobs.stat(OsStr::new(manifest)).at(path)?;
    let there = place.dir.stat(&place.name).at(path)?;
    Ok(listed.is_some() && there.is_some())
}

/// Copies a directory to a temporary name at a place; returns what the copy is.
pub(super) fn fill(
    from: &Path,
    place: &Place,
    temp: &OsStr,
    guide: &mut dyn Guide,
) -> io::Result<Meta> {
    let from = Dir::open(from)?;
    let origin = from.meta()?;
    tree::remove(&place.dir, temp)?;
    place.dir.make_dir(temp, 0o700)?;
    let copy = place.dir.child(temp)?;
    tree::copy(&from, &copy, guide)?;
    copy.set_own_mode(origin.mode)?;
    place.dir.set_mtime(temp, origin.mtime)?;
    copy.meta()
}

fn relative<'p>(path: &'p str, below: &str) -> &'p Path {
    let path = Path::new(path);
    path.strip_prefix(below).unwrap_or(path)
}

/// A copy that leaves nothing out.
struct Everything<'g> {
    bench: &'g Bench<'g>,
    manifest: Manifest,
    below: &'g Path,
}

impl Guide for Everything<'_> {
    fn fate(&mut self, _path: &Path, _meta: &Meta) -> Fate {
        Fate::Copy
    }

    fn copied(&mut self, path: &Path, meta: &Meta, target: Option<&OsStr>) {
        self.manifest.note(&self.below.join(path), meta, target);
    }

    fn skipped(&mut self, path: &Path, why: &str) {
        let note = format!("{} was not copied: it {why}", path.display());
        self.bench.notes.borrow_mut().push(note);
    }

    fn goes_on(&self) -> bool {
        !self.bench.options.cancel.is_raised()
    }
}

/// Removes created trees. Without a list the action was interrupted, and all of what
/// it created is half-made; with one, what was changed or added since stays.
pub(super) fn undo(run: &RunDir, id: u64, undo: &RemoveTrees) -> Result<Outcome, ExecError> {
    let manifest = Manifest::load(&run.blobs, &undo.manifest)?;
    let mut outcome = Outcome::removed();
    if undo.paths.is_empty() {
        outcome = Outcome::nothing();
    }
    for path in undo.paths.iter().rev() {
        let original = undo.aside.iter().flatten().find(|own| own.path == *path);
        if let Some(original) = original
            && !remove::is_away(run, original)?
        {
            // It never went, or is back: what stands there is the user's.
            continue;
        }
        let place = match resolve_strictly(Path::new(&undo.below), Path::new(path)) {
            Ok(Some(place)) => place,
            Ok(None) => continue,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                outcome = Outcome::kept(path.clone(), error.to_string());
                continue;
            }
            Err(error) => return Err(error).at(path),
        };
        tree::remove(&place.dir, &temp_name(run, id)).at(path)?;
        let left = if let Some(manifest) = &manifest {
            let below = relative(path, &undo.below);
            manifest.remove_unchanged(&place, below).at(path)?
        } else {
            tree::remove(&place.dir, &place.name).at(path)?;
            0
        };
        if left > 0 {
            let why = format!("{left} files in it were changed or added by somebody else");
            outcome = Outcome::kept(path.clone(), why);
        }
    }
    for original in undo.aside.iter().flatten() {
        let returned = remove::undo(run, id, original)?;
        if returned.beside.is_some() {
            outcome = returned;
        }
    }
    remove_dirs(&undo.dirs)?;
    Ok(outcome)
}
