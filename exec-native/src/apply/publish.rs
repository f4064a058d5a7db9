//! Changing a name without losing what somebody saves there in the same instant: nothing
//! is replaced or removed unseen. What stood at the place comes out under a name of its own
//! beside it, is looked at there, and goes only if it is what was judged before.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use plan_core::base::digest;
use plan_core::effect::PutBack;

use super::inject::{Gap, can_exchange, meanwhile};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{Place, copy_back, have_same_content, read_at};
use crate::state::RunDir;

/// The name that an action's unfinished files have beside their places. What has it is
/// ours, and perhaps torn.
pub(crate) fn temp_name(run: &RunDir, action: u64) -> OsString {
    format!(".callsheet-{}-{action}.tmp", run.id).into()
}

/// The name by which an action exchanges. After a crash there can be anything under it:
/// our own, whole, or what came out, which may be somebody's only copy.
pub(crate) fn out_name(run: &RunDir, action: u64) -> OsString {
    format!(".callsheet-{}-{action}.out", run.id).into()
}

/// Tells something about what a name stands for.
pub(crate) type Judge<'j> = &'j dyn Fn(&Dir, &OsStr) -> io::Result<bool>;

/// What stood at a place when it was judged; by this it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    meta: Option<Meta>,
    /// The digest of a file whose backup is a copy. Of any other file the backup is the
    /// very file: what is written to it in place is in the backup as well.
    digest: Option<String>,
}

impl Seen {
    /// Nothing stood there.
    pub(crate) const fn nothing() -> Self {
        Self {
            meta: None,
            digest: None,
        }
    }

    /// This stood there.
    pub(crate) const fn of(meta: Meta) -> Self {
        Self {
            meta: Some(meta),
            digest: None,
        }
    }

    /// This stood there and was copied; the bytes count too.
    pub(crate) const fn copied(meta: Meta, digest: String) -> Self {
        Self {
            meta: Some(meta),
            digest: Some(digest),
        }
    }

    /// Tells whether nothing stood there.
    pub(crate) const fn is_nothing(&self) -> bool {
        self.meta.is_none()
    }

    /// Tells whether a name stands for just this.
    pub(crate) fn is_at(&self, dir: &Dir, name: &OsStr) -> io::Result<bool> {
        let now = dir.stat(name)?;
        let is_same = match (&self.meta, &now) {
            (Some(before), Some(now)) => before.is_same(now),
            (before, now) => before.is_none() && now.is_none(),
        };
        match &self.digest {
            Some(digest) if is_same => Ok(digest::of_bytes(&read_at(dir, name)?) == *digest),
            _ => Ok(is_same),
        }
    }
}

/// How changing a name ended.
#[derive(Debug)]
pub(crate) enum Change {
    /// It is changed.
    Done,
    /// Somebody removed what stood there meanwhile; nothing is changed.
    Gone,
    /// Somebody else changed it meanwhile; what they left last stands there. An earlier
    /// version of theirs may be beside it.
    Missed(Option<Place>),
}

impl Change {
    /// Makes an error of a change that somebody else was faster with. Their version stays
    /// when the action is taken back: with the backup, which they replaced, goes the only
    /// reason to move it.
    pub(crate) fn finish(self, run: &RunDir, undo: &PutBack) -> Result<(), ExecError> {
        let path = Path::new(&undo.path);
        let hint = match self {
            Change::Done => return Ok(()),
            // Perhaps somebody is about to bring it again: the backup is the only copy.
            Change::Gone => "it was removed meanwhile and is brought back; start again".into(),
            Change::Missed(beside) => {
                if let Some(blob) = &undo.original.blob {
                    run.blobs.remove_file(OsStr::new(blob)).at(path)?;
                }
                let earlier = beside.map(|beside| path.with_file_name(beside.name));
                earlier.map_or_else(
                    || "their version stays; start again when it is saved".into(),
                    |earlier| format!("their versions stay, the earlier is {}", earlier.display()),
                )
            }
        };
        let message = "somebody else changed it in the moment in which it was to be changed";
        let error = ExecError::new(ExecErrorKind::Busy, message);
        Err(error.at(path).hint(hint))
    }
}

/// A place that changes, with the name by which it does.
#[derive(Debug)]
pub(crate) struct Slot<'s> {
    run: &'s RunDir,
    place: &'s Place,
    out: OsString,
}

impl<'s> Slot<'s> {
    pub(crate) const fn new(run: &'s RunDir, place: &'s Place, out: OsString) -> Self {
        Self { run, place, out }
    }

    /// Tells whether a crash left something under the name to exchange by.
    pub(crate) fn is_left(&self) -> io::Result<bool> {
        Ok(self.place.dir.stat(&self.out)?.is_some())
    }

    /// Tells something about what came out.
    pub(crate) fn came_out(&self, judge: Judge<'_>) -> io::Result<bool> {
        judge(&self.place.dir, &self.out)
    }

    /// Removes what came out, a file or link.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.place.dir.remove_file(&self.out).map(drop)
    }

    /// Gives a finished draft the name, if what stands there may go, or is ours, which an
    /// earlier try has left; without a judge nothing must stand there. The draft is gone
    /// afterwards.
    pub(crate) fn publish(
        &self,
        (dir, draft): (&Dir, &OsStr),
        may_go: Option<Judge<'_>>,
        is_ours: Judge<'_>,
    ) -> io::Result<Change> {
        let published = match may_go {
            None => self.create((dir, draft), is_ours),
            Some(may_go) => {
                let may_go =
                    |dir: &Dir, name: &OsStr| Ok(may_go(dir, name)? || is_ours(dir, name)?);
                dir.rename_new(draft, &self.place.dir, &self.out)
                    .and_then(|()| self.replace(&may_go, is_ours))
            }
        };
        published.inspect_err(|_| drop(dir.remove_file(draft)))
    }

    /// As [`Slot::publish`], where something was seen.
    pub(crate) fn publish_over(
        &self,
        draft: (&Dir, &OsStr),
        seen: &Seen,
        is_ours: Judge<'_>,
    ) -> io::Result<Change> {
        let may_go = |dir: &Dir, name: &OsStr| seen.is_at(dir, name);
        let may_go: Option<Judge<'_>> = (!seen.is_nothing()).then_some(&may_go);
        self.publish(draft, may_go, is_ours)
    }

    /// Gives a draft the name if nothing has it.
    fn create(&self, (dir, draft): (&Dir, &OsStr), is_ours: Judge<'_>) -> io::Result<Change> {
        let Place { dir: to, name } = self.place;
        meanwhile(Gap::Judged);
        match dir.rename_new(draft, to, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                dir.remove_file(draft)?;
                Ok(if is_ours(to, name)? {
                    Change::Done
                } else {
                    Change::Missed(None)
                })
            }
            renamed => renamed.map(|()| Change::Done),
        }
    }

    /// Exchanges what is under the name to exchange by, which is ours, and what stands at
    /// the place.
    fn replace(&self, may_go: Judge<'_>, is_ours: Judge<'_>) -> io::Result<Change> {
        let Place { dir, name } = self.place;
        meanwhile(Gap::Judged);
        let exchanged = match self.exchange() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.clear()?;
                return Ok(Change::Gone);
            }
            exchanged => exchanged.inspect_err(|_| drop(self.clear()))?,
        };
        if !exchanged {
            // A last look has to do.
            if !may_go(dir, name)? {
                self.clear()?;
                let is_gone = dir.stat(name)?.is_none();
                return Ok(if is_gone {
                    Change::Gone
                } else {
                    Change::Missed(None)
                });
            }
            let renamed = dir.rename(&self.out, dir, name);
            renamed.inspect_err(|_| drop(self.clear()))?;
            return Ok(Change::Done);
        }
        meanwhile(Gap::CameOut);
        if self.came_out(may_go)? {
            self.clear()?;
            return Ok(Change::Done);
        }
        self.give_back(is_ours).map(Change::Missed)
    }

    fn exchange(&self) -> io::Result<bool> {
        let Place { dir, name } = self.place;
        Ok(can_exchange() && dir.exchange(&self.out, dir, name)?)
    }

    /// Takes away what stands at the place, a file or link, if it may go.
    pub(crate) fn take(&self, may_go: Judge<'_>) -> io::Result<Change> {
        let Place { dir, name } = self.place;
        meanwhile(Gap::Judged);
        match dir.rename_new(name, dir, &self.out) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Change::Done),
            taken => taken?,
        }
        meanwhile(Gap::CameOut);
        if self.came_out(may_go)? {
            self.clear()?;
            return Ok(Change::Done);
        }
        self.return_to_free().map(Change::Missed)
    }

    /// Brings what came out, which is somebody's, back to the place that has ours. If there
    /// is something newer it stays, and what came out goes beside it; returns where.
    pub(crate) fn give_back(&self, is_ours: Judge<'_>) -> io::Result<Option<Place>> {
        match self.exchange() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.return_to_free(),
            Err(error) => Err(error),
            Ok(false) => self.return_to_free(),
            Ok(true) if self.came_out(is_ours)? => {
                self.clear()?;
                self.place.dir.sync()?;
                Ok(None)
            }
            Ok(true) => {
                // Whatever comes out now is not ours and older than what stands there.
                self.exchange()?;
                self.set_aside().map(Some)
            }
        }
    }

    fn return_to_free(&self) -> io::Result<Option<Place>> {
        let Place { dir, name } = self.place;
        match dir.rename_new(&self.out, dir, name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.set_aside().map(Some)
            }
            returned => {
                returned?;
                dir.sync()?;
                Ok(None)
            }
        }
    }

    /// Moves what came out beside the place; returns where it is.
    pub(crate) fn set_aside(&self) -> io::Result<Place> {
        move_beside(self.run, self.place, &self.out)
    }

    /// Puts a backup back in one step where this was seen. The very file returns if it can,
    /// and its backup is gone then; else a copy with its bytes, mode and time does, and the
    /// backup stays. Durable when the call returns.
    pub(crate) fn put_back(&self, blob: &OsStr, temp: &OsStr, seen: &Seen) -> io::Result<Change> {
        let (store, Place { dir, name }) = (&self.run.blobs, self.place);
        let change = if seen.is_nothing() {
            meanwhile(Gap::Judged);
            match store.rename_new(blob, dir, name) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    return self.copy_back(blob, temp, seen);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Change::Missed(None),
                renamed => renamed.map(|()| Change::Done)?,
            }
        } else {
            let is_file = |dir: &Dir, name: &OsStr| {
                let file = store.stat(blob)?.map(|meta| meta.identity);
                let found = dir.stat(name)?.map(|meta| meta.identity);
                Ok(file.is_some() && found == file)
            };
            let may_go = |dir: &Dir, name: &OsStr| seen.is_at(dir, name);
            match store.hard_link(blob, dir, &self.out) {
                Ok(()) => self.replace(&may_go, &is_file)?,
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    return self.copy_back(blob, temp, seen);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                // Going back must not need the room that a second name may take.
                Err(_) if may_go(dir, name)? => {
                    store.rename(blob, dir, name)?;
                    Change::Done
                }
                Err(_) => Change::Missed(None),
            }
        };
        if let Change::Done = change {
            // If the old name comes back after a power cut, this is simply done again.
            dir.sync()?;
            store.remove_file(blob)?;
        }
        Ok(change)
    }

    fn copy_back(&self, blob: &OsStr, temp: &OsStr, seen: &Seen) -> io::Result<Change> {
        let (store, dir) = (&self.run.blobs, &self.place.dir);
        copy_back(store, blob, dir, temp)?;
        let is_copy = |dir: &Dir, name: &OsStr| {
            let kind = |meta: Meta| meta.kind;
            let (one, other) = (store.stat(blob)?.map(kind), dir.stat(name)?.map(kind));
            match other {
                Some(Kind::File) if one == other => have_same_content((store, blob), (dir, name)),
                Some(Kind::Symlink) if one == other => {
                    Ok(store.read_link(blob)? == dir.read_link(name)?)
                }
                _ => Ok(false),
            }
        };
        let change = self.publish_over((dir, temp), seen, &is_copy)?;
        dir.sync()?;
        Ok(change)
    }
}

/// Where changed content of a place goes.
pub(crate) fn beside(run: &RunDir, place: &Place) -> io::Result<Place> {
    let mut name = place.name.clone();
    name.push(format!(".callsheet-{}", run.id));
    let dir = place.dir.try_clone()?;
    Ok(Place { dir, name })
}

/// Moves what stands at a place beside it; returns where it is.
pub(crate) fn set_aside(run: &RunDir, place: &Place) -> io::Result<Place> {
    move_beside(run, place, &place.name)
}

/// Moves a name beside a place, to a name that is free.
fn move_beside(run: &RunDir, place: &Place, from: &OsStr) -> io::Result<Place> {
    let first = beside(run, place)?;
    for count in 1..100 {
        let mut name = first.name.clone();
        if count > 1 {
            name.push(format!("-{count}"));
        }
        match place.dir.rename_new(from, &first.dir, &name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => {
                result?;
                place.dir.sync()?;
                return Ok(Place {
                    dir: first.dir,
                    name,
                });
            }
        }
    }
    Err(io::Error::other("there is no free name beside it"))
}
