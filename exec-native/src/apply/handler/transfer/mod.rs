//! Bringing listed changes into a project, and taking them back. Contents come first,
//! under names of their own; then everything else is renaming.

mod undo;

pub(super) use undo::undo;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use plan_core::effect::{RestoreTree, Undo};

use super::{Bench, Prepared};
use crate::apply::inject::Moment;
use crate::apply::ops::{self, Deed, Op};
use crate::apply::publish::{Change, Judge, Slot, out_name, temp_name};
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind, file_meta};
use crate::os::durable::sync_file;
use crate::os::fs::{Attributes, Place, copy_to, is_dir, keep, resolve_strictly};
use crate::state::RunDir;

/// Up to so many files are flushed one by one; for more the whole file system is.
const FEW: usize = 64;
const MEANWHILE: &str = "was changed meanwhile and left alone";

pub(super) struct Transfer {
    root: PathBuf,
    ops: Vec<Op>,
    undo: RestoreTree,
}

/// Reads the list and backs up what it touches. What does not stand as the list says is
/// left out.
pub(super) fn prepare(bench: &Bench<'_>, list: &str, to: &str) -> Result<Transfer, ExecError> {
    let root = PathBuf::from(to);
    if !is_dir(&root) {
        let message = "the project does not exist";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(root));
    }
    let mut ops: Vec<Op> = Vec::new();
    let mut gone = BTreeSet::new();
    for op in ops::load(Path::new(list))? {
        // Below what the list itself removes there is nothing yet.
        let fresh = op.path.ancestors().any(|above| gone.contains(above));
        if !fresh && !back_up(bench, &root, ops.len(), &op).at(root.join(&op.path))? {
            skip(bench, &op.path, MEANWHILE);
            continue;
        }
        if matches!(op.deed, Deed::Remove { .. } | Deed::RemoveDir { .. }) {
            gone.insert(op.path.clone());
        }
        ops.push(op);
    }
    bench.run.blobs.sync().at(bench.run.blobs.path())?;
    let name = format!("{}.list", bench.id);
    ops::save(&ops, &bench.run.blobs, &name)?;
    Ok(Transfer {
        root,
        ops,
        undo: RestoreTree {
            below: to.to_owned(),
            list: name,
        },
    })
}

/// Backs up what an operation replaces; `false` when something else stands there.
fn back_up(bench: &Bench<'_>, root: &Path, index: usize, op: &Op) -> io::Result<bool> {
    let Some(before) = op.before() else {
        return Ok(true);
    };
    let place = match find(root, &op.path) {
        Ok(Some(place)) => place,
        Ok(None) => return Ok(*before == Stamp::Absent),
        Err(error) if is_in_the_way(&error) => return Ok(false),
        Err(error) => return Err(error),
    };
    if Stamp::at(&place.dir, &place.name)? != *before {
        return Ok(false);
    }
    if before.is_leaf() {
        keep(&place, &bench.run.blobs, &blob_name(bench.id, index))?;
    }
    Ok(true)
}

/// The place of a path of the list; `None` when a parent is missing.
fn find(root: &Path, path: &Path) -> io::Result<Option<Place>> {
    resolve_strictly(root, &root.join(path))
}

/// Tells whether a parent is a link or no directory.
fn is_in_the_way(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory
    )
}

fn blob_name(action: u64, index: usize) -> OsString {
    format!("{action}.{index}.original").into()
}

/// The name that new content has until it gets its own.
fn draft_name(run: &RunDir, action: u64, index: usize) -> OsString {
    let mut name = temp_name(run, action);
    name.push(format!(".{index}"));
    name
}

/// The name by which an operation exchanges.
fn exchange_name(run: &RunDir, action: u64, index: usize) -> OsString {
    let mut name = out_name(run, action);
    name.push(format!(".{index}"));
    name
}

/// Opens the nearest directory above a path that is there.
fn anchor(root: &Path, path: &Path) -> io::Result<Dir> {
    let mut dir = Dir::open(root)?;
    for segment in path.parent().unwrap_or(Path::new("")).components() {
        let name = segment.as_os_str();
        match dir.stat(name)?.map(|meta| meta.kind) {
            Some(Kind::Dir) => dir = dir.child(name)?,
            _ => break,
        }
    }
    Ok(dir)
}

fn skip(bench: &Bench<'_>, path: &Path, why: &str) {
    let note = format!("{} {why}", path.display());
    bench.notes.borrow_mut().push(note);
}

impl Prepared for Transfer {
    fn undo(&self) -> Undo {
        Undo::RestoreTree(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let at = |op: &Op| self.root.join(&op.path);
        let mut drafts = Vec::new();
        let mut steps = 0;
        let mut next = || {
            bench.options.go_on()?;
            let moment = Moment::WithinAction(steps);
            steps += 1;
            bench.options.faults.strike(moment).at(&self.root)
        };
        for (index, op) in self.ops.iter().enumerate() {
            next()?;
            drafts.push(self.draft(bench, index, op).at(at(op))?);
        }
        if self.ops.len() > FEW && drafts.iter().any(Option::is_some) {
            // One flush for all of them, before the first gets its name.
            let root = Dir::open(&self.root).at(&self.root)?;
            root.sync_all().at(&self.root)?;
        }
        let mut touched = BTreeSet::new();
        for (index, (op, draft)) in self.ops.iter().zip(&drafts).enumerate() {
            next()?;
            let done = self.step(bench, (index, op), draft.as_ref()).at(at(op))?;
            if let Some(dir) = done {
                touched.insert(dir);
            }
        }
        for dir in touched {
            // One that went again has nothing to keep.
            if let Ok(dir) = Dir::open(&dir) {
                dir.sync().at(dir.path())?;
            }
        }
        Ok(None)
    }
}

impl Transfer {
    /// Writes new content beside where it will go.
    fn draft(&self, bench: &Bench<'_>, index: usize, op: &Op) -> io::Result<Option<Place>> {
        let (Deed::Write { after, .. } | Deed::Link { after, .. }) = &op.deed else {
            return Ok(None);
        };
        let draft = Place {
            dir: anchor(&self.root, &op.path)?,
            name: draft_name(bench.run, bench.id, index),
        };
        draft.dir.remove_file(&draft.name)?;
        let whole = match (&op.deed, after) {
            (Deed::Write { from, ctime, .. }, Stamp::File { mode, mtime, .. }) => {
                let (parent, name) = (from.parent(), from.file_name());
                let (Some(parent), Some(name)) = (parent, name) else {
                    return Ok(None);
                };
                let opened = Dir::open(parent).and_then(|dir| dir.open_file(name));
                let mut source = match opened {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        skip(bench, &op.path, MEANWHILE);
                        return Ok(None);
                    }
                    source => source?,
                };
                let attributes = Attributes {
                    mode: Some(*mode),
                    mtime: Some(*mtime),
                };
                let copy = copy_to(&mut source, &draft, attributes)?;
                if self.ops.len() <= FEW {
                    sync_file(&copy)?;
                }
                // A file that was written meanwhile may be torn: the next transfer gets it.
                let meta = file_meta(&source)?;
                Stamp::of(&meta, None) == *after && meta.ctime == *ctime
            }
            (_, Stamp::Link(target)) => {
                draft.dir.make_link(&draft.name, target)?;
                true
            }
            _ => false,
        };
        if !whole {
            draft.dir.remove_file(&draft.name)?;
            skip(bench, &op.path, MEANWHILE);
            return Ok(None);
        }
        Ok(Some(draft))
    }

    /// Does what the list says at one path, if what should stand there does. Returns the
    /// directory that it changed.
    fn step(
        &self,
        bench: &Bench<'_>,
        (index, op): (usize, &Op),
        draft: Option<&Place>,
    ) -> io::Result<Option<PathBuf>> {
        let place = match find(&self.root, &op.path) {
            Ok(Some(place)) => Some(place),
            Ok(None) => None,
            Err(error) if is_in_the_way(&error) => None,
            Err(error) => return Err(error),
        };
        let Some(place) = place else {
            drop_draft(draft)?;
            if !matches!(op.deed, Deed::Remove { .. } | Deed::RemoveDir { .. }) {
                skip(bench, &op.path, MEANWHILE);
            }
            return Ok(None);
        };
        let now = Stamp::at(&place.dir, &place.name)?;
        let slot = Slot::new(bench.run, &place, exchange_name(bench.run, bench.id, index));
        let done = match &op.deed {
            Deed::Remove { before } if now == *before && !before.is_dir() => {
                let taken = slot.take(&|dir, name| Ok(Stamp::at(dir, name)? == *before))?;
                is_done(bench, index, taken)?
            }
            Deed::RemoveDir { .. } if now.is_dir() => match place.dir.remove_dir(&place.name) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => false,
                removed => removed?,
            },
            Deed::Remove { .. } | Deed::RemoveDir { .. } => now == Stamp::Absent,
            Deed::MakeDir { mode } if now == Stamp::Absent => {
                place.dir.make_dir(&place.name, *mode)?;
                place.dir.child(&place.name)?.set_own_mode(*mode)?;
                true
            }
            Deed::MakeDir { .. } => now.is_dir(),
            Deed::Chmod { from, to } => chmod(&place, &now, *from, *to)?,
            Deed::Write { before, after, .. } | Deed::Link { before, after } => {
                let Some(draft) = draft else {
                    return Ok(None);
                };
                match put(&slot, [before, after], &now, draft)? {
                    Some(change) => is_done(bench, index, change)?,
                    // Done by an earlier try, or somebody else was here.
                    None => now == *after,
                }
            }
        };
        if !done {
            skip(bench, &op.path, MEANWHILE);
        }
        Ok(done.then(|| place.dir.path().to_owned()))
    }
}

/// Gives a draft its name; `None` when something unexpected had that already.
fn put(
    slot: &Slot<'_>,
    [before, after]: [&Stamp; 2],
    now: &Stamp,
    draft: &Place,
) -> io::Result<Option<Change>> {
    if now != before {
        drop_draft(Some(draft))?;
        return Ok(None);
    }
    let is_ours = |dir: &Dir, name: &OsStr| Ok(Stamp::at(dir, name)? == *after);
    let may_go = |dir: &Dir, name: &OsStr| Ok(Stamp::at(dir, name)? == *before);
    let may_go: Option<Judge<'_>> = (*before != Stamp::Absent).then_some(&may_go);
    slot.publish((&draft.dir, &draft.name), may_go, &is_ours)
        .map(Some)
}

/// Tells whether a change was made. If somebody else was faster, their version is not
/// ours to take back: with the backup, which they replaced, goes the reason to do it.
fn is_done(bench: &Bench<'_>, index: usize, change: Change) -> io::Result<bool> {
    match change {
        Change::Done => return Ok(true),
        Change::Gone => {}
        Change::Missed(beside) => {
            bench.run.blobs.remove_file(&blob_name(bench.id, index))?;
            if let Some(beside) = beside {
                let why = "is an earlier version of what was changed meanwhile";
                skip(bench, Path::new(&beside.name), why);
            }
        }
    }
    Ok(false)
}

fn drop_draft(draft: Option<&Place>) -> io::Result<()> {
    match draft {
        Some(draft) => draft.dir.remove_file(&draft.name).map(drop),
        None => Ok(()),
    }
}

/// Changes permission bits that are as expected; `false` when they are not.
fn chmod(place: &Place, now: &Stamp, from: u32, to: u32) -> io::Result<bool> {
    match now {
        Stamp::File { mode, .. } | Stamp::Dir { mode } if *mode == from => {
            place.dir.set_mode(&place.name, to)?;
            Ok(true)
        }
        Stamp::File { mode, .. } | Stamp::Dir { mode } => Ok(*mode == to),
        _ => Ok(false),
    }
}
