//! Putting files and links back: what was captured before a change returns, unless
//! somebody else changed the path meanwhile.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use plan_core::base::digest;
use plan_core::effect::{Block, EntryKind, Original, Outcome, OutcomeKind, PutBack, Written};

use super::publish::{Change, Seen, Slot, beside, out_name, set_aside, temp_name};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta, Mtime};
use crate::os::fs::{self, Place};
use crate::state::RunDir;

/// What stands between existing text and text that extends it.
pub(crate) const DELIMITER: &[u8] = b"\n\n---\n\n";
/// So often is a path looked at again that somebody changes at the same time.
const TRIES: usize = 10;

/// Captures what stands at a place and keeps it in the run's blobs, durably.
pub(crate) fn capture(
    run: &RunDir,
    action: u64,
    place: Option<&Place>,
) -> io::Result<(Original, Seen)> {
    let nothing = (Original::absent(), Seen::nothing());
    let Some(place) = place else {
        return Ok(nothing);
    };
    let Some(meta) = place.dir.stat(&place.name)? else {
        return Ok(nothing);
    };
    let blob = format!("{action}.original");
    match meta.kind {
        Kind::File => capture_file(run, blob, place),
        Kind::Symlink => {
            let target = place.dir.read_link(&place.name)?.into_string().ok();
            run.blobs.remove_file(OsStr::new(&blob))?;
            let linked = place
                .dir
                .hard_link(&place.name, &run.blobs, OsStr::new(&blob));
            if target.is_none() {
                // Without a text the link itself is the only way back.
                linked
                    .as_ref()
                    .map_err(|error| io::Error::from(error.kind()))?;
            }
            run.blobs.sync()?;
            let original = Original {
                kind: EntryKind::Symlink,
                blob: linked.is_ok().then_some(blob),
                target,
                ..Original::absent()
            };
            Ok((original, Seen::of(meta)))
        }
        Kind::Dir => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Kind::Other => {
            let problem = "neither a file nor a link";
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
        }
    }
}

fn capture_file(run: &RunDir, blob: String, place: &Place) -> io::Result<(Original, Seen)> {
    let copied = fs::back_up_file(place, &run.blobs, OsStr::new(&blob))?;
    let (bytes, meta) = fs::read_with_meta(&run.blobs, OsStr::new(&blob))?;
    let digest = digest::of_bytes(&bytes);
    let (meta, seen) = match copied {
        Some(source) => (source, Seen::copied(source, digest.clone())),
        None => (meta, Seen::of(meta)),
    };
    let original = Original {
        kind: EntryKind::File,
        blob: Some(blob),
        digest: Some(digest),
        mode: Some(u64::from(meta.mode)),
        mtime: Some(print_mtime(meta.mtime)),
        target: None,
    };
    Ok((original, seen))
}

fn print_mtime(mtime: Mtime) -> String {
    format!("{}.{:09}", mtime.seconds, mtime.nanos)
}

/// Whose content stands at a path.
enum Standing {
    /// What the action wrote, or nothing.
    Ours,
    /// What stood there before.
    Original,
    /// What an earlier try left of somebody's changes to the text.
    Merged,
    /// Anything else.
    Foreign,
}

/// Takes back a change of a file or link.
pub(crate) fn put_back(run: &RunDir, action: u64, undo: &PutBack) -> Result<Outcome, ExecError> {
    let (below, path) = (Path::new(&undo.below), Path::new(&undo.path));
    let outcome = match fs::resolve(below, path).at(path)? {
        Some(place) => put_back_at(run, action, undo, &place)?,
        None if undo.original.kind == EntryKind::Absent => Outcome::removed(),
        None => {
            // Somebody removed the directory; the original is worth a new one.
            let place = fs::resolve_making(below, path, 0o777).at(path)?;
            put_back_at(run, action, undo, &place)?
        }
    };
    remove_dirs(&undo.dirs)?;
    Ok(outcome)
}

fn put_back_at(
    run: &RunDir,
    action: u64,
    undo: &PutBack,
    place: &Place,
) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    place.dir.remove_file(&temp_name(run, action)).at(path)?;
    let slot = Slot::new(run, place, out_name(run, action));
    let mut back = Back {
        run,
        action,
        undo,
        place,
        slot,
        rescued: None,
    };
    back.settle().at(path)?;
    for _ in 0..TRIES {
        if let Some(outcome) = back.step().at(path)? {
            return Ok(back.reported(outcome));
        }
    }
    let message = "somebody else goes on changing it";
    Err(ExecError::new(ExecErrorKind::Busy, message).at(path))
}

const CHANGED: &str = "it was changed by somebody else";

/// A file or link on its way back.
struct Back<'b> {
    run: &'b RunDir,
    action: u64,
    undo: &'b PutBack,
    place: &'b Place,
    slot: Slot<'b>,
    /// Where a version of somebody's is that came out and could not stay at the path.
    rescued: Option<Place>,
}

impl Back<'_> {
    /// After a crash: sees to what came out when names were exchanged and was not looked at.
    fn settle(&mut self) -> io::Result<()> {
        if !self.slot.is_left()? {
            return Ok(());
        }
        let knows = |dir: &Dir, name: &OsStr| self.knows(dir, name);
        if self.slot.came_out(&knows)? {
            return self.slot.clear();
        }
        let rescued = match self.standing()?.0 {
            Standing::Foreign => Some(self.slot.set_aside()?),
            Standing::Original | Standing::Merged => self.slot.give_back(&knows)?,
            Standing::Ours => {
                // Saved while the action was performed: what they replaced is not missed.
                let rescued = self.slot.give_back(&knows)?;
                if let Some(blob) = &self.undo.original.blob {
                    self.run.blobs.remove_file(OsStr::new(blob))?;
                }
                rescued
            }
        };
        self.rescued = rescued;
        Ok(())
    }

    /// Tells whether something is the original or was made by this action or its undo.
    fn knows(&self, dir: &Dir, name: &OsStr) -> io::Result<bool> {
        let Some(meta) = dir.stat(name)? else {
            return Ok(false);
        };
        if self
            .blob()?
            .is_some_and(|blob| blob.identity == meta.identity)
        {
            return Ok(true);
        }
        let Some(found) = look(dir, name, meta)?.0 else {
            return Ok(false);
        };
        let PutBack {
            original, written, ..
        } = self.undo;
        Ok(written.covers(&found)
            || found == before(original)
            || is_merged(self.run, self.action, Some(&found))?
            || self.was_merged(dir, name, meta)?)
    }

    /// Tells whether a file is what was merged already.
    fn was_merged(&self, dir: &Dir, name: &OsStr, meta: Meta) -> io::Result<bool> {
        let Some(block) = self.undo.block.as_ref().filter(|_| meta.kind == Kind::File) else {
            return Ok(false);
        };
        let left = cut(&fs::read_at(dir, name)?, block);
        let left = left.map(|left| Written::file(digest::of_bytes(&left)));
        Ok(left.is_some() && is_merged(self.run, self.action, left.as_ref())?)
    }

    fn blob(&self) -> io::Result<Option<Meta>> {
        match &self.undo.original.blob {
            Some(blob) => self.run.blobs.stat(OsStr::new(blob)),
            None => Ok(None),
        }
    }

    /// Looks at the place and does what that asks for; `None` when somebody changed it
    /// meanwhile.
    fn step(&mut self) -> io::Result<Option<Outcome>> {
        let gone = self.undo.original.kind == EntryKind::Absent;
        let (standing, seen) = self.standing()?;
        Ok(Some(match standing {
            Standing::Original if gone => Outcome::removed(),
            Standing::Original => Outcome::restored(),
            Standing::Merged => merged(self.undo),
            Standing::Ours if gone => {
                let taken = self.slot.take(&|dir, name| seen.is_at(dir, name))?;
                if !self.is_done(taken) {
                    return Ok(None);
                }
                self.place.dir.sync()?;
                self.bring_back()?
            }
            Standing::Ours => {
                if !self.place_original(&seen)? {
                    return Ok(None);
                }
                // Between two tries the changed content was moved away and nothing came.
                match beside(self.run, self.place)? {
                    beside if seen.is_nothing() && exists(&beside)? => {
                        kept_beside(self.undo, &beside)
                    }
                    _ => Outcome::restored(),
                }
            }
            // Nothing stood there, or it stood there again before somebody changed it.
            Standing::Foreign if gone || self.has_returned()? => {
                Outcome::kept(self.undo.path.clone(), CHANGED.into())
            }
            Standing::Foreign => return self.keep_both(),
        }))
    }

    fn is_done(&mut self, change: Change) -> bool {
        match change {
            Change::Done => return true,
            Change::Gone | Change::Missed(None) => {}
            Change::Missed(rescued) => self.rescued = rescued,
        }
        false
    }

    /// Names what was rescued in an outcome that names nothing.
    fn reported(&self, outcome: Outcome) -> Outcome {
        match &self.rescued {
            Some(rescued) if outcome.kind != OutcomeKind::Kept || outcome.beside.is_none() => {
                kept_beside(self.undo, rescued)
            }
            _ => outcome,
        }
    }

    /// Tells whether an earlier try has put the original back.
    fn has_returned(&self) -> io::Result<bool> {
        Ok(self.undo.original.blob.is_some() && self.blob()?.is_none())
    }

    /// Takes only our text out of a file that was changed around it; otherwise moves the
    /// changed content beside the path and puts the original back.
    fn keep_both(&mut self) -> io::Result<Option<Outcome>> {
        if let Some((text, meta)) = without_block(self.undo, self.place)? {
            let change = self.merge(&text, meta)?;
            return Ok(self.is_done(change).then(|| merged(self.undo)));
        }
        let aside = match set_aside(self.run, self.place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            aside => aside?,
        };
        if self.place_original(&Seen::nothing())? {
            return Ok(Some(kept_beside(self.undo, &aside)));
        }
        self.rescued = Some(aside);
        Ok(None)
    }

    /// Replaces a file by what is left of it, and remembers that, so that a second try
    /// knows it again.
    fn merge(&self, text: &[u8], meta: Meta) -> io::Result<Change> {
        let note = Place {
            dir: self.run.blobs.try_clone()?,
            name: merged_name(self.action),
        };
        let digest = digest::of_bytes(text);
        let mut temp = note.name.clone();
        temp.push(".tmp");
        fs::write_atomic(&note, &temp, digest.as_bytes(), fs::Attributes::default())?;
        note.dir.sync()?;
        let attributes = fs::Attributes {
            mode: Some(meta.mode),
            mtime: None,
        };
        let (dir, temp) = (&self.place.dir, temp_name(self.run, self.action));
        fs::write_draft(dir, &temp, text, attributes)?;
        let left = Written::file(digest);
        let is_left = |dir: &Dir, name: &OsStr| is_written(&left, dir, name);
        self.slot
            .publish_over((dir, &temp), &Seen::of(meta), &is_left)
    }

    /// Where nothing stood before the run, changed content that made room for an earlier
    /// action's may stay at the path itself.
    fn bring_back(&self) -> io::Result<Outcome> {
        let beside = beside(self.run, self.place)?;
        if !exists(&beside)? {
            return Ok(Outcome::removed());
        }
        let Place { dir, name } = self.place;
        match beside.dir.rename_new(&beside.name, dir, name) {
            // Somebody puts something there again.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Ok(kept_beside(self.undo, &beside))
            }
            renamed => {
                renamed?;
                dir.sync()?;
                Ok(Outcome::kept(self.undo.path.clone(), CHANGED.into()))
            }
        }
    }

    /// Puts the original where this was seen; `false` when something else is there now.
    fn place_original(&mut self, seen: &Seen) -> io::Result<bool> {
        let Original { blob, target, .. } = &self.undo.original;
        let temp = temp_name(self.run, self.action);
        let change = match (blob, target) {
            (Some(blob), None) => self.slot.put_back(OsStr::new(blob), &temp, seen)?,
            (Some(blob), Some(target)) => self
                .slot
                .put_back(OsStr::new(blob), &temp, seen)
                .or_else(|_| self.link(target, &temp, seen))?,
            (None, Some(target)) => self.link(target, &temp, seen)?,
            (None, None) => {
                let missing = "the backup is missing";
                return Err(io::Error::new(io::ErrorKind::NotFound, missing));
            }
        };
        Ok(self.is_done(change))
    }

    fn link(&self, target: &str, temp: &OsStr, seen: &Seen) -> io::Result<Change> {
        let dir = &self.place.dir;
        dir.make_link(temp, OsStr::new(target))?;
        let link = before(&self.undo.original);
        let is_link = |dir: &Dir, name: &OsStr| is_written(&link, dir, name);
        self.slot.publish_over((dir, temp), seen, &is_link)
    }

    /// Tells whose content stands at the place, and by what to know it again.
    fn standing(&self) -> io::Result<(Standing, Seen)> {
        let PutBack {
            original, written, ..
        } = self.undo;
        let blob = self.blob()?;
        // The backup itself went back before a crash; what happened since is not ours.
        let returned = original.blob.is_some() && blob.is_none();
        let Some(meta) = self.place.dir.stat(&self.place.name)? else {
            // Nothing foreign can be lost where nothing is.
            let standing = if returned || original.kind == EntryKind::Absent {
                Standing::Original
            } else {
                Standing::Ours
            };
            return Ok((standing, Seen::nothing()));
        };
        if blob.is_some_and(|blob| blob.identity == meta.identity) {
            return Ok((Standing::Original, Seen::of(meta)));
        }
        let (current, meta) = look(&self.place.dir, &self.place.name, meta)?;
        let seen = Seen::of(meta);
        if is_merged(self.run, self.action, current.as_ref())? {
            return Ok((Standing::Merged, seen));
        }
        let is_original = current.as_ref() == Some(&before(original));
        let is_ours = current.is_some_and(|found| written.covers(&found)) && !returned;
        // Equal bytes: as long as the backup is here, it is the better original.
        let standing = if is_ours && (blob.is_some() || !is_original) {
            Standing::Ours
        } else if is_original {
            Standing::Original
        } else {
            Standing::Foreign
        };
        Ok((standing, seen))
    }
}

fn merged(undo: &PutBack) -> Outcome {
    let why = "it was edited meanwhile; only the added text was taken out";
    Outcome::kept(undo.path.clone(), why.into())
}

fn kept_beside(undo: &PutBack, beside: &Place) -> Outcome {
    let mut outcome = Outcome::kept(undo.path.clone(), CHANGED.into());
    let parent = Path::new(&undo.path).parent().unwrap_or(Path::new("/"));
    outcome.beside = Some(parent.join(&beside.name).to_string_lossy().into_owned());
    outcome
}

/// Returns the text without what the action added, when that stands there whole, and what
/// file it was read from.
fn without_block(undo: &PutBack, place: &Place) -> io::Result<Option<(Vec<u8>, Meta)>> {
    let Some(block) = &undo.block else {
        return Ok(None);
    };
    let is_file = |meta: Meta| meta.kind == Kind::File;
    if !place.dir.stat(&place.name)?.is_some_and(is_file) {
        return Ok(None);
    }
    let (text, meta) = fs::read_with_meta(&place.dir, &place.name)?;
    Ok(cut(&text, block).map(|left| (left, meta)))
}

/// Cuts a block out of a text.
pub(crate) fn cut(text: &[u8], block: &Block) -> Option<Vec<u8>> {
    let length = usize::try_from(block.length).ok()?;
    let starts = text.windows(DELIMITER.len()).enumerate();
    let mut starts = starts.filter(|(_, window)| *window == DELIMITER);
    starts.find_map(|(start, _)| {
        let (before, rest) = text.split_at_checked(start)?;
        let (found, after) = rest.split_at_checked(length)?;
        (digest::of_bytes(found) == block.digest).then(|| [before, after].concat())
    })
}

fn merged_name(action: u64) -> OsString {
    format!("{action}.merged").into()
}

fn exists(place: &Place) -> io::Result<bool> {
    Ok(place.dir.stat(&place.name)?.is_some())
}

fn is_merged(run: &RunDir, action: u64, current: Option<&Written>) -> io::Result<bool> {
    let name = merged_name(action);
    if run.blobs.stat(&name)?.is_none() {
        return Ok(false);
    }
    let digest = String::from_utf8(fs::read_at(&run.blobs, &name)?).ok();
    Ok(digest.is_some_and(|digest| current == Some(&Written::file(digest))))
}

/// Tells whether a crash left something under the name that an action exchanges by.
pub(crate) fn left_between(run: &RunDir, action: u64, undo: &PutBack) -> Result<bool, ExecError> {
    let path = Path::new(&undo.path);
    let left = || match fs::resolve(Path::new(&undo.below), path)? {
        Some(place) => Slot::new(run, &place, out_name(run, action)).is_left(),
        None => Ok(false),
    };
    left().at(path)
}

/// Tells whether what stood at a path before a run stands there again, because a run
/// that shared it has put it back.
pub(crate) fn stands_as_before(undo: &PutBack) -> Result<bool, ExecError> {
    let path = Path::new(&undo.path);
    let look = || {
        let Some(place) = fs::resolve(Path::new(&undo.below), path)? else {
            return Ok(false);
        };
        let Some(meta) = place.dir.stat(&place.name)? else {
            return Ok(false);
        };
        let (current, _) = look(&place.dir, &place.name, meta)?;
        Ok::<_, io::Error>(current == Some(before(&undo.original)))
    };
    look().at(path)
}

/// Checks that the backup exists of what our own text still stands for.
pub(crate) fn refuse_lost(run: &RunDir, undo: &PutBack) -> Result<(), ExecError> {
    let path = Path::new(&undo.path);
    let Some(blob) = (undo.original.blob.as_ref()).filter(|_| undo.original.target.is_none())
    else {
        // A link is made again from its target.
        return Ok(());
    };
    let is_lost = || {
        if run.blobs.stat(OsStr::new(blob))?.is_some() {
            return Ok(false);
        }
        let Some(place) = fs::resolve(Path::new(&undo.below), path)? else {
            return Ok(false);
        };
        let Some(meta) = place.dir.stat(&place.name)? else {
            return Ok(false);
        };
        let (current, _) = look(&place.dir, &place.name, meta)?;
        Ok::<_, io::Error>(current == Some(undo.written.clone()))
    };
    if !is_lost().at(path)? {
        return Ok(());
    }
    let message = "the backup of the original is missing";
    let hint = format!("it was {}", run.blobs.path().join(blob).display());
    Err(ExecError::new(ExecErrorKind::NeedsRecovery, message)
        .at(path)
        .hint(hint))
}

fn before(original: &Original) -> Written {
    Written {
        kind: original.kind,
        digest: original.digest.clone(),
        target: original.target.clone(),
    }
}

/// Tells whether a name stands for what an action writes.
pub(crate) fn is_written(written: &Written, dir: &Dir, name: &OsStr) -> io::Result<bool> {
    match dir.stat(name)? {
        Some(meta) => Ok(look(dir, name, meta)?.0.as_ref() == Some(written)),
        None => Ok(false),
    }
}

/// Describes what stands at a name as an action would, `None` for what no action writes,
/// and what exactly was looked at.
fn look(dir: &Dir, name: &OsStr, meta: Meta) -> io::Result<(Option<Written>, Meta)> {
    Ok(match meta.kind {
        Kind::File => {
            let (bytes, meta) = fs::read_with_meta(dir, name)?;
            (Some(Written::file(digest::of_bytes(&bytes))), meta)
        }
        Kind::Symlink => {
            let target = dir.read_link(name)?.into_string().ok();
            (target.map(Written::symlink), meta)
        }
        Kind::Dir | Kind::Other => (None, meta),
    })
}

/// Removes directories that are empty, innermost first; the others stay. Returns the
/// outermost that stayed.
pub(crate) fn remove_dirs(dirs: &[String]) -> Result<Option<&str>, ExecError> {
    let mut stayed = None;
    for path in dirs.iter().rev() {
        match remove_dir(Path::new(path)) {
            Ok(true) => {}
            Ok(false) => stayed = Some(&**path),
            Err(error) => {
                let message = format!("a created directory could not be removed: {error}");
                let failed = ExecError::new(ExecErrorKind::Failed, message);
                return Err(failed.at(path).because(error));
            }
        }
    }
    Ok(stayed)
}

fn remove_dir(path: &Path) -> io::Result<bool> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(false);
    };
    let removed = Dir::open(parent).and_then(|dir| dir.remove_dir(name));
    match removed.as_ref().map_err(io::Error::kind) {
        Ok(_) | Err(io::ErrorKind::NotFound) => Ok(true),
        Err(io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory) => Ok(false),
        Err(_) => removed,
    }
}
