//! Taking a transfer back: each path returns to what it was if it is as the transfer left
//! it. What somebody changed since makes room and stays beside it.

use std::io;
use std::path::{Path, PathBuf};

use plan_core::effect::{Outcome, RestoreTree};

use super::{anchor, blob_name, chmod, draft_name, find, is_in_the_way};
use crate::apply::ops::{Deed, Op, load_at};
use crate::apply::restore::{set_aside, temp_name};
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::fs::{Place, put_back, resolve_making};
use crate::state::RunDir;

/// What became of one path.
enum Became {
    /// It is what it was before the transfer.
    Back,
    /// Somebody changed it; it stays.
    Foreign,
    /// Somebody changed it; their version is beside it.
    Beside(PathBuf),
}

/// Takes a transfer back, last operation first.
pub(in crate::apply::handler) fn undo(
    run: &RunDir,
    id: u64,
    undo: &RestoreTree,
) -> Result<Outcome, ExecError> {
    let root = Path::new(&undo.below);
    // Without a list nothing was announced, so nothing was done.
    let Some(ops) = load_at(&run.blobs, &undo.list)? else {
        return Ok(Outcome::nothing());
    };
    let mut kept = Vec::new();
    let mut beside = None;
    for (index, op) in ops.iter().enumerate().rev() {
        let back = Back { run, id, root };
        match back.step(index, op).at(root.join(&op.path))? {
            Became::Back => {}
            Became::Foreign => kept.push(&op.path),
            Became::Beside(place) => {
                kept.push(&op.path);
                beside = Some(place);
            }
        }
    }
    let Some(first) = kept.last() else {
        return Ok(Outcome::restored());
    };
    let why = match kept.len() {
        1 => String::from("it was changed by somebody else since"),
        count => format!("{count} entries were changed by somebody else since, this one first"),
    };
    let mut outcome = Outcome::kept(root.join(first).to_string_lossy().into(), why);
    outcome.beside = beside.map(|place| place.to_string_lossy().into());
    Ok(outcome)
}

struct Back<'b> {
    run: &'b RunDir,
    id: u64,
    root: &'b Path,
}

impl Back<'_> {
    fn step(&self, index: usize, op: &Op) -> io::Result<Became> {
        self.clear_draft(index, op)?;
        let place = match find(self.root, &op.path) {
            Ok(place) => place,
            // What we made cannot be below what somebody else put there; an original can.
            Err(error) if is_in_the_way(&error) => return Ok(self.blocked(index, op)),
            Err(error) => return Err(error),
        };
        match &op.deed {
            Deed::MakeDir { .. } => {
                let Some(place) = place else {
                    return Ok(Became::Back);
                };
                remove_empty(&place)
            }
            Deed::RemoveDir { mode, mtime } => {
                let place = self.place_again(place, op)?;
                if Stamp::at(&place.dir, &place.name)? == Stamp::Absent {
                    place.dir.make_dir(&place.name, *mode)?;
                    place.dir.child(&place.name)?.set_own_mode(*mode)?;
                    place.dir.set_mtime(&place.name, *mtime)?;
                }
                Ok(Became::Back)
            }
            Deed::Chmod { from, to } => {
                if let Some(place) = place {
                    let now = Stamp::at(&place.dir, &place.name)?;
                    chmod(&place, &now, *to, *from)?;
                }
                Ok(Became::Back)
            }
            Deed::Remove { before } => self.restore(index, op, before, (&Stamp::Absent, place)),
            Deed::Write { before, after, .. } | Deed::Link { before, after } => {
                if *before == Stamp::Absent {
                    return remove_ours(place.as_ref(), after);
                }
                self.restore(index, op, before, (after, place))
            }
        }
    }

    /// Puts an original back, whatever stands there now.
    fn restore(
        &self,
        index: usize,
        op: &Op,
        before: &Stamp,
        (after, place): (&Stamp, Option<Place>),
    ) -> io::Result<Became> {
        let blob = blob_name(self.id, index);
        let Some(kept) = self.run.blobs.stat(&blob)? else {
            // It went back before.
            return Ok(Became::Back);
        };
        let place = self.place_again(place, op)?;
        let now = place.dir.stat(&place.name)?;
        if now.is_some_and(|now| now.identity == kept.identity) {
            return Ok(Became::Back);
        }
        let stamp = Stamp::at(&place.dir, &place.name)?;
        let is_ours = stamp == *after || stamp == Stamp::Absent;
        if !is_ours && stamp == *before {
            return Ok(Became::Back);
        }
        let beside = if is_ours {
            None
        } else {
            let beside = set_aside(self.run, &place)?;
            Some(place.dir.path().join(beside.name))
        };
        put_back(
            &self.run.blobs,
            &blob,
            &place,
            &temp_name(self.run, self.id),
        )?;
        Ok(beside.map_or(Became::Back, Became::Beside))
    }

    /// The place of a path, with its parents made again if somebody removed them.
    fn place_again(&self, place: Option<Place>, op: &Op) -> io::Result<Place> {
        match place {
            Some(place) => Ok(place),
            None => resolve_making(self.root, &self.root.join(&op.path), 0o777),
        }
    }

    /// Tells what becomes of a path whose parent is in somebody's way.
    fn blocked(&self, index: usize, op: &Op) -> Became {
        let blob = self.run.blobs.stat(&blob_name(self.id, index));
        let has_original = op.before().is_some_and(Stamp::is_leaf);
        if has_original && matches!(blob, Ok(Some(_))) {
            return Became::Foreign;
        }
        Became::Back
    }

    /// Removes content that did not get its name. It was written to the nearest directory
    /// that was there.
    fn clear_draft(&self, index: usize, op: &Op) -> io::Result<()> {
        if !matches!(op.deed, Deed::Write { .. } | Deed::Link { .. }) {
            return Ok(());
        }
        let name = draft_name(self.run, self.id, index);
        for above in op.path.ancestors().skip(1) {
            let dir = anchor(self.root, &above.join("x"))?;
            dir.remove_file(&name)?;
        }
        let temp = temp_name(self.run, self.id);
        anchor(self.root, &op.path)?.remove_file(&temp).map(drop)
    }
}

fn remove_ours(place: Option<&Place>, after: &Stamp) -> io::Result<Became> {
    let Some(place) = place else {
        return Ok(Became::Back);
    };
    let now = Stamp::at(&place.dir, &place.name)?;
    // A directory that was to make room and did not yet is what it was.
    if now == Stamp::Absent || now.is_dir() {
        return Ok(Became::Back);
    }
    if now != *after {
        return Ok(Became::Foreign);
    }
    place.dir.remove_file(&place.name)?;
    place.dir.sync()?;
    Ok(Became::Back)
}

fn remove_empty(place: &Place) -> io::Result<Became> {
    match place.dir.remove_dir(&place.name) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(Became::Foreign),
        // Somebody else made something of it.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Became::Back),
        removed => removed.map(|_| Became::Back),
    }
}
