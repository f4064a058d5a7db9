//! Taking a transfer back: each path returns to what it was if it is as the transfer left
//! it. What somebody changed since makes room and stays beside it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::effect::{Outcome, RestoreTree};

use super::{anchor, blob_name, chmod, draft_name, exchange_name, find, is_in_the_way};
use crate::apply::ops::{Deed, Op, load_at};
use crate::apply::publish::{Change, Seen, Slot, set_aside, temp_name};
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{Place, resolve_making};
use crate::state::RunDir;

/// So often is a path looked at again that somebody changes at the same time.
const TRIES: usize = 10;

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
            Deed::Remove { before } => self.leaf((index, op), [before, &Stamp::Absent], place),
            Deed::Write { before, after, .. } | Deed::Link { before, after } => {
                self.leaf((index, op), [before, after], place)
            }
        }
    }

    /// Takes back what was done to a file or link.
    fn leaf(
        &self,
        (index, op): (usize, &Op),
        stamps: [&Stamp; 2],
        place: Option<Place>,
    ) -> io::Result<Became> {
        let mut rescued = None;
        if let Some(place) = &place {
            let slot = self.slot(index, place);
            if let Some(became) = self.settle((index, &slot), place, stamps, &mut rescued)? {
                return Ok(became);
            }
        }
        let [before, after] = stamps;
        let became = if *before != Stamp::Absent {
            self.restore((index, op), stamps, place, &mut rescued)?
        } else if let Some(place) = &place {
            remove_ours(&self.slot(index, place), place, after)?
        } else {
            Became::Back
        };
        Ok(match (became, rescued) {
            (Became::Back | Became::Foreign, Some(rescued)) => Became::Beside(rescued),
            (became, _) => became,
        })
    }

    fn slot<'s>(&'s self, index: usize, place: &'s Place) -> Slot<'s> {
        Slot::new(self.run, place, exchange_name(self.run, self.id, index))
    }

    /// After a crash: sees to what came out when names were exchanged and was not looked at.
    /// Answers when nothing else is to be done.
    fn settle(
        &self,
        (index, slot): (usize, &Slot<'_>),
        place: &Place,
        [before, after]: [&Stamp; 2],
        rescued: &mut Option<PathBuf>,
    ) -> io::Result<Option<Became>> {
        if !slot.is_left()? {
            return Ok(None);
        }
        let blob = blob_name(self.id, index);
        let identity = |meta: Meta| meta.identity;
        let kept = self.run.blobs.stat(&blob)?.map(identity);
        let is_kept = |dir: &Dir, name: &OsStr| {
            Ok::<_, io::Error>(kept.is_some() && dir.stat(name)?.map(identity) == kept)
        };
        let knows = |dir: &Dir, name: &OsStr| {
            let stamp = Stamp::at(dir, name)?;
            Ok(stamp.is_leaf() && (stamp == *before || stamp == *after || is_kept(dir, name)?))
        };
        if slot.came_out(&knows)? {
            slot.clear()?;
            return Ok(None);
        }
        let beside = |place: Place| place.dir.path().join(place.name);
        let now = Stamp::at(&place.dir, &place.name)?;
        let is_back = is_kept(&place.dir, &place.name)?;
        if now == *after && !is_back && *before != Stamp::Absent {
            // Saved while it was brought in: what they replaced is not missed.
            let aside = slot.give_back(&knows)?;
            self.run.blobs.remove_file(&blob)?;
            let foreign = aside.map_or(Became::Foreign, |aside| Became::Beside(beside(aside)));
            return Ok(Some(foreign));
        }
        *rescued = if is_back || now == *before || now == Stamp::Absent {
            slot.give_back(&knows)?.map(beside)
        } else {
            Some(beside(slot.set_aside()?))
        };
        Ok(None)
    }

    /// Puts an original back, whatever stands there now.
    fn restore(
        &self,
        (index, op): (usize, &Op),
        [before, after]: [&Stamp; 2],
        place: Option<Place>,
        rescued: &mut Option<PathBuf>,
    ) -> io::Result<Became> {
        let blob = blob_name(self.id, index);
        let Some(kept) = self.run.blobs.stat(&blob)? else {
            // It went back before.
            return Ok(Became::Back);
        };
        let place = self.place_again(place, op)?;
        let slot = self.slot(index, &place);
        for _ in 0..TRIES {
            let now = place.dir.stat(&place.name)?;
            if now.is_some_and(|now| now.identity == kept.identity) {
                return Ok(Became::Back);
            }
            let (stamp, mut seen) = look(&place)?;
            let is_ours = stamp == *after || stamp == Stamp::Absent;
            if !is_ours && stamp == *before {
                return Ok(Became::Back);
            }
            if !is_ours {
                let aside = set_aside(self.run, &place)?;
                *rescued = Some(place.dir.path().join(aside.name));
                seen = Seen::nothing();
            }
            match slot.put_back(&blob, &temp_name(self.run, self.id), &seen)? {
                Change::Done => return Ok(Became::Back),
                Change::Gone | Change::Missed(None) => {}
                Change::Missed(Some(aside)) => {
                    *rescued = Some(place.dir.path().join(aside.name));
                }
            }
        }
        Err(io::Error::other("somebody else goes on changing it"))
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

/// Looks at a place in one go, so that both say the same.
fn look(place: &Place) -> io::Result<(Stamp, Seen)> {
    let Some(meta) = place.dir.stat(&place.name)? else {
        return Ok((Stamp::Absent, Seen::nothing()));
    };
    let target = (meta.kind == Kind::Symlink).then(|| place.dir.read_link(&place.name));
    Ok((Stamp::of(&meta, target.transpose()?), Seen::of(meta)))
}

fn remove_ours(slot: &Slot<'_>, place: &Place, after: &Stamp) -> io::Result<Became> {
    let (now, seen) = look(place)?;
    // A directory that was to make room and did not yet is what it was.
    if now == Stamp::Absent || now.is_dir() {
        return Ok(Became::Back);
    }
    if now != *after {
        return Ok(Became::Foreign);
    }
    let became = match slot.take(&|dir, name| seen.is_at(dir, name))? {
        Change::Done => Became::Back,
        Change::Gone | Change::Missed(None) => Became::Foreign,
        Change::Missed(Some(aside)) => Became::Beside(place.dir.path().join(aside.name)),
    };
    place.dir.sync()?;
    Ok(became)
}

fn remove_empty(place: &Place) -> io::Result<Became> {
    match place.dir.remove_dir(&place.name) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(Became::Foreign),
        // Somebody else made something of it.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Became::Back),
        removed => removed.map(|_| Became::Back),
    }
}
