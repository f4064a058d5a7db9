//! Copying directories, and taking back created trees.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use plan_core::effect::{Outcome, RemoveTrees, Undo};

use super::relocate::{Mover, are_alike};
use super::remove;
use super::write_file::parents_to_make;
use super::{Bench, Prepared};
use crate::apply::inject::Steps;
use crate::apply::manifest::Manifest;
use crate::apply::publish::temp_name;
use crate::apply::restore::remove_dirs;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{Place, is_dir, is_file, resolve, resolve_making, resolve_strictly};
use crate::os::proc::Cancel;
use crate::os::tree::{self, Copied, Fate, Guide};
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
    let error = ExecError::new(ExecErrorKind::Failed, message).at(path);
    Err(error.hint("remove it, or name a directory that does not exist yet"))
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
        let guide = Everything {
            cancel: &bench.options.cancel,
            below: relative(&self.to, &self.below),
        };
        if is_finished(bench, &place, &self.undo.manifest)? {
            return Ok(None);
        }
        let temp = temp_name(bench.run, bench.id);
        let filled = clear(&place, &temp)
            .and_then(|copy| fill(Path::new(&self.from), &copy, &guide).map(|logs| (copy, logs)));
        if filled.is_err() {
            bench.options.go_on()?;
        }
        let (copy, logs) = filled.at(&self.to)?;
        let mut manifest = Manifest::default();
        for log in &logs {
            manifest.append(&log.manifest);
        }
        manifest.note(guide.below, &copy.meta().at(&self.to)?, None);
        manifest.sort();
        let skipped = logs.iter().flat_map(|log| &log.skipped);
        note_skipped(bench, skipped);
        manifest.save(&bench.run.blobs, &self.undo.manifest)?;
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

/// Makes an empty directory of a name at a place, whatever was there.
pub(super) fn clear(place: &Place, name: &OsStr) -> io::Result<Dir> {
    tree::remove(&place.dir, name)?;
    place.dir.make_dir(name, 0o700)?;
    place.dir.child(name)
}

/// Copies a directory into an empty one, with its own mode and time.
pub(super) fn fill<G: Guide>(from: &Path, copy: &Dir, guide: &G) -> io::Result<Vec<G::Log>> {
    let from = Dir::open(from)?;
    let origin = from.meta()?;
    let logs = tree::copy(&from, copy, guide)?;
    copy.set_own_mode(origin.mode)?;
    copy.set_own_mtime(origin.mtime)?;
    Ok(logs)
}

/// How many entries that were left out are told one by one.
const TOLD: usize = 20;

/// Tells the user what was left out.
pub(super) fn note_skipped<'s>(
    bench: &Bench<'_>,
    skipped: impl Iterator<Item = &'s (PathBuf, &'static str)>,
) {
    let mut skipped: Vec<_> = skipped.collect();
    skipped.sort();
    let mut notes = bench.notes.borrow_mut();
    for (path, why) in skipped.iter().take(TOLD) {
        notes.push(format!("{} was not copied: it {why}", path.display()));
    }
    if let Some(more) = skipped.len().checked_sub(TOLD).filter(|more| *more > 0) {
        notes.push(format!("{more} more entries were not copied"));
    }
}

fn relative<'p>(path: &'p str, below: &str) -> &'p Path {
    let path = Path::new(path);
    path.strip_prefix(below).unwrap_or(path)
}

/// A copy that leaves nothing out.
struct Everything<'g> {
    cancel: &'g Cancel,
    below: &'g Path,
}

#[derive(Default)]
struct Log {
    manifest: Manifest,
    skipped: Vec<(PathBuf, &'static str)>,
}

impl Guide for Everything<'_> {
    type Log = Log;

    fn fate(&self, _log: &mut Log, _path: &Path, _kind: Kind) -> Fate {
        Fate::Copy
    }

    fn copied(&self, log: &mut Log, entry: &Copied<'_>) {
        let path = self.below.join(entry.path);
        log.manifest.note(&path, entry.meta, entry.target);
    }

    fn skipped(&self, log: &mut Log, path: &Path, why: &'static str) {
        log.skipped.push((path.to_owned(), why));
    }

    fn goes_on(&self) -> bool {
        !self.cancel.is_raised()
    }
}

/// Removes created trees. With a list, what was changed or added since stays. Without one
/// the action was interrupted, and nobody can tell what is whose.
pub(super) fn undo(
    run: &RunDir,
    id: u64,
    undo: &RemoveTrees,
    steps: &Steps,
) -> Result<Outcome, ExecError> {
    let manifest = Manifest::load(&run.blobs, &undo.manifest)?;
    let mut outcome = Outcome::removed();
    if undo.paths.is_empty() {
        outcome = Outcome::nothing();
    }
    let mut away = Vec::new();
    for (number, path) in undo.paths.iter().enumerate().rev() {
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
        if original.is_some_and(|original| remove::is_back(run, original, &place)) {
            continue;
        }
        tree::remove(&place.dir, &temp_name(run, id)).at(path)?;
        let Some(manifest) = &manifest else {
            let kept = put_away(run, (id, number), &place, steps).at(path)?;
            away.extend(kept.map(|kept| (path, kept)));
            continue;
        };
        let below = relative(path, &undo.below);
        let left = manifest.remove_unchanged(&place, below).at(path)?;
        if left > 0 {
            let why = format!("{left} files in it were changed or added by somebody else");
            outcome = Outcome::kept(path.clone(), why);
        }
    }
    outcome = interrupted(&away).unwrap_or(outcome);
    for original in undo.aside.iter().flatten() {
        let returned = remove::undo(run, id, original, steps)?;
        if returned.beside.is_some() {
            outcome = returned;
        }
    }
    remove_dirs(&undo.dirs)?;
    Ok(outcome)
}

/// Lets what a program created stay. What stood there before goes if it was the same, and
/// else to the run's directory.
pub(super) fn settle(run: &RunDir, id: u64, undo: &RemoveTrees) -> Result<Outcome, ExecError> {
    let first = undo.paths.first().cloned().unwrap_or_default();
    let mut outcome = Outcome::kept(first, "skills were asked to stay".into());
    for (number, original) in undo.aside.iter().flatten().enumerate() {
        let path = Path::new(&original.path);
        let name = path.file_name().unwrap_or(OsStr::new("replaced"));
        let kept = run.replaced().join(format!("{id}.{number}")).join(name);
        if remove::is_away(run, original)? {
            let blob = Place {
                dir: run.blobs.try_clone().at(path)?,
                name: OsString::from(&original.blob),
            };
            let place = resolve_strictly(Path::new(&undo.below), path).at(path)?;
            let alike = place.map(|place| are_alike(&blob, &place)).transpose();
            if alike.at(path)? == Some(true) {
                tree::remove(&blob.dir, &blob.name).at(path)?;
            } else {
                let to = resolve_making(run.dir.path(), &kept, 0o700).at(&kept)?;
                let moved = blob.dir.rename_new(&blob.name, &to.dir, &to.name);
                moved.and_then(|()| to.dir.sync()).at(&kept)?;
            }
        }
        let there = resolve(run.dir.path(), &kept).at(&kept)?;
        let there = there.map(|place| place.dir.stat(&place.name)).transpose();
        if there.at(&kept)?.flatten().is_some() {
            outcome.beside = Some(kept.to_string_lossy().into_owned());
        }
    }
    Ok(outcome)
}

/// Moves what stands in the place of an interrupted program into the run's directory: it
/// may be half-made, or the user's. Returns where it is. A second time, what stands there
/// is not of the program, which has ended.
fn put_away(
    run: &RunDir,
    (id, number): (u64, usize),
    place: &Place,
    steps: &Steps,
) -> io::Result<Option<PathBuf>> {
    if !is_file(&run.log(id)) {
        // The program was never started, or there was none: a copy gets its name only
        // when its list is durable.
        return Ok(None);
    }
    let kept = run.interrupted().join(format!("{id}.{number}"));
    let kept = kept.join(&place.name);
    let step = || steps.strike();
    let mover = Mover::new(run, id, &format!("{id}.{number}"), &step);
    let is_underway = mover.underway(place)?.is_some();
    if !is_underway
        && let Some(to) = resolve(run.dir.path(), &kept)?
        && to.dir.stat(&to.name)?.is_some()
    {
        mover.tidy(place, &to)?;
        return Ok(Some(kept));
    }
    if !is_underway && is_nothing(place)? {
        return Ok(None);
    }
    let to = resolve_making(run.dir.path(), &kept, 0o700)?;
    mover.take_away(place, &to)?;
    Ok(Some(kept))
}

/// Tells whether nothing stands at a place. Directories with nothing in them count as
/// nothing, and are gone then.
fn is_nothing(place: &Place) -> io::Result<bool> {
    let Some(meta) = place.dir.stat(&place.name)? else {
        return Ok(true);
    };
    if meta.kind != Kind::Dir {
        return Ok(false);
    }
    let mut is_empty = true;
    let mut look = |dir: &Dir| {
        tree::walk(dir, Path::new(""), &mut |_, _, _, meta| {
            is_empty &= meta.kind == Kind::Dir;
            Ok(())
        })
    };
    // What may not be looked into may hold anything.
    let is_known = place.dir.child(&place.name).and_then(|dir| look(&dir));
    // What came into one of them meanwhile stays: only empty directories are removed.
    Ok(is_known.is_ok()
        && is_empty
        && Manifest::default().remove_unchanged(place, Path::new(""))? == 0
        && place.dir.stat(&place.name)?.is_none())
}

/// Tells where the things are that were moved out of an interrupted program's places.
fn interrupted(away: &[(&String, PathBuf)]) -> Option<Outcome> {
    let (path, first) = away.last()?;
    let why = "the program that was to create it did not finish";
    let mut outcome = Outcome::kept((*path).clone(), why.into());
    let all = first.parent().and_then(Path::parent);
    let place = all.filter(|_| away.len() > 1).unwrap_or(first);
    outcome.beside = Some(place.to_string_lossy().into_owned());
    Some(outcome)
}
