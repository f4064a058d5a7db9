//! Putting files and links back: what was captured before a change returns, unless
//! somebody else changed the path meanwhile.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use plan_core::base::digest;
use plan_core::effect::{Block, EntryKind, Original, Outcome, PutBack, Written};

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta, Mtime};
use crate::os::fs::{self, Place};
use crate::state::RunDir;

/// What stands between existing text and text that extends it.
pub(crate) const DELIMITER: &[u8] = b"\n\n---\n\n";

/// The name that an action's unfinished files have beside their places.
pub(crate) fn temp_name(run: &RunDir, action: u64) -> OsString {
    format!(".callsheet-{}-{action}.tmp", run.id).into()
}

/// Captures what stands at a place and keeps it in the run's blobs, durably.
pub(crate) fn capture(run: &RunDir, action: u64, place: Option<&Place>) -> io::Result<Original> {
    let Some(place) = place else {
        return Ok(Original::absent());
    };
    let Some(meta) = place.dir.stat(&place.name)? else {
        return Ok(Original::absent());
    };
    let blob = format!("{action}.original");
    match meta.kind {
        Kind::File => {
            fs::back_up(place, &run.blobs, OsStr::new(&blob))?;
            let bytes = fs::read_at(&run.blobs, OsStr::new(&blob))?;
            Ok(Original {
                kind: EntryKind::File,
                blob: Some(blob),
                digest: Some(digest::of_bytes(&bytes)),
                mode: Some(u64::from(meta.mode)),
                mtime: Some(print_mtime(meta.mtime)),
                target: None,
            })
        }
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
            Ok(Original {
                kind: EntryKind::Symlink,
                blob: linked.is_ok().then_some(blob),
                target,
                ..Original::absent()
            })
        }
        Kind::Dir => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Kind::Other => {
            let problem = "neither a file nor a link";
            Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
        }
    }
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
    let temp = temp_name(run, action);
    place.dir.remove_file(&temp).at(path)?;
    let gone = undo.original.kind == EntryKind::Absent;
    match standing(run, action, undo, place).at(path)? {
        Standing::Original if gone => Ok(Outcome::removed()),
        Standing::Original => Ok(Outcome::restored()),
        Standing::Merged => Ok(merged(undo)),
        Standing::Ours if gone => {
            place.dir.remove_file(&place.name).at(path)?;
            place.dir.sync().at(path)?;
            bring_back(run, undo, place)
        }
        Standing::Ours => {
            // Between two tries the changed content was moved away and nothing came.
            let was_moved = place.dir.stat(&place.name).at(path)?.is_none();
            place_original(run, &undo.original, place, &temp).at(path)?;
            let beside = beside(run, place).filter(|_| was_moved);
            Ok(match beside {
                Some(beside) if exists(&beside).at(path)? => kept_beside(undo, &beside),
                _ => Outcome::restored(),
            })
        }
        // Nothing stood there, or it stood there again before somebody changed it.
        Standing::Foreign if gone || has_returned(run, &undo.original).at(path)? => {
            Ok(Outcome::kept(undo.path.clone(), CHANGED.into()))
        }
        Standing::Foreign => keep_both(run, action, undo, place),
    }
}

/// Tells whether an earlier try has put the original back.
fn has_returned(run: &RunDir, original: &Original) -> io::Result<bool> {
    match &original.blob {
        Some(blob) => Ok(run.blobs.stat(OsStr::new(blob))?.is_none()),
        None => Ok(false),
    }
}

const CHANGED: &str = "it was changed by somebody else";

/// Takes only our text out of a file that was changed around it; otherwise moves the
/// changed content beside the path and puts the original back.
fn keep_both(
    run: &RunDir,
    action: u64,
    undo: &PutBack,
    place: &Place,
) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    if let Some(text) = without_block(undo, place).at(path)? {
        merge(run, action, place, &text).at(path)?;
        return Ok(merged(undo));
    }
    let beside = set_aside(run, place).at(path)?;
    place_original(run, &undo.original, place, &temp_name(run, action)).at(path)?;
    Ok(kept_beside(undo, &beside))
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

/// Returns the text without what the action added, when that stands there whole.
fn without_block(undo: &PutBack, place: &Place) -> io::Result<Option<Vec<u8>>> {
    let Some(block) = &undo.block else {
        return Ok(None);
    };
    let is_file = |meta: Meta| meta.kind == Kind::File;
    if !place.dir.stat(&place.name)?.is_some_and(is_file) {
        return Ok(None);
    }
    let text = fs::read_at(&place.dir, &place.name)?;
    Ok(cut(&text, block))
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

/// Replaces a file by what is left of it, and remembers that, so that a second try
/// knows it again.
fn merge(run: &RunDir, action: u64, place: &Place, text: &[u8]) -> io::Result<()> {
    let note = Place {
        dir: run.blobs.try_clone()?,
        name: merged_name(action),
    };
    let digest = digest::of_bytes(text);
    let mut temp = note.name.clone();
    temp.push(".tmp");
    fs::write_atomic(&note, &temp, digest.as_bytes(), fs::Attributes::default())?;
    note.dir.sync()?;
    let mode = place.dir.stat(&place.name)?.map(|meta| meta.mode);
    let attributes = fs::Attributes { mode, mtime: None };
    fs::write_atomic(place, &temp_name(run, action), text, attributes)
}

fn merged_name(action: u64) -> OsString {
    format!("{action}.merged").into()
}

/// Where changed content of a place goes.
fn beside(run: &RunDir, place: &Place) -> Option<Place> {
    let mut name = place.name.clone();
    name.push(format!(".callsheet-{}", run.id));
    let dir = place.dir.try_clone().ok()?;
    Some(Place { dir, name })
}

fn exists(place: &Place) -> io::Result<bool> {
    Ok(place.dir.stat(&place.name)?.is_some())
}

/// Moves what stands at a place beside it; returns where it is.
pub(crate) fn set_aside(run: &RunDir, place: &Place) -> io::Result<Place> {
    let no_name = || io::Error::other("there is no free name beside it");
    let first = beside(run, place).ok_or_else(no_name)?;
    for count in 1..100 {
        let mut name = first.name.clone();
        if count > 1 {
            name.push(format!("-{count}"));
        }
        match place.dir.rename_new(&place.name, &first.dir, &name) {
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
    Err(no_name())
}

/// Where nothing stood before the run, changed content that made room for an earlier
/// action's may stay at the path itself.
fn bring_back(run: &RunDir, undo: &PutBack, place: &Place) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    let Some(beside) = beside(run, place) else {
        return Ok(Outcome::removed());
    };
    if !exists(&beside).at(path)? {
        return Ok(Outcome::removed());
    }
    beside
        .dir
        .rename_new(&beside.name, &place.dir, &place.name)
        .at(path)?;
    place.dir.sync().at(path)?;
    Ok(Outcome::kept(undo.path.clone(), CHANGED.into()))
}

fn place_original(
    run: &RunDir,
    original: &Original,
    place: &Place,
    temp: &OsStr,
) -> io::Result<()> {
    if let Some(blob) = &original.blob {
        let blob = OsStr::new(blob);
        let result = fs::put_back(&run.blobs, blob, place, temp);
        let target = original.target.as_ref().filter(|_| result.is_err());
        return target.map_or(result, |target| {
            fs::link_atomic(place, temp, OsStr::new(target))
        });
    }
    match &original.target {
        Some(target) => fs::link_atomic(place, temp, OsStr::new(target)),
        None => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "the backup is missing",
        )),
    }
}

fn standing(run: &RunDir, action: u64, undo: &PutBack, place: &Place) -> io::Result<Standing> {
    let PutBack {
        original, written, ..
    } = undo;
    let blob = original
        .blob
        .as_ref()
        .map(|blob| run.blobs.stat(OsStr::new(blob)));
    let blob = blob.transpose()?.flatten();
    // The backup itself went back before a crash; what happened since is not ours.
    let returned = original.blob.is_some() && blob.is_none();
    let Some(meta) = place.dir.stat(&place.name)? else {
        // Nothing foreign can be lost where nothing is.
        let is_done = returned || original.kind == EntryKind::Absent;
        return Ok(if is_done {
            Standing::Original
        } else {
            Standing::Ours
        });
    };
    if blob.is_some_and(|blob| blob.identity == meta.identity) {
        return Ok(Standing::Original);
    }
    let current = look(&place.dir, &place.name, meta.kind)?;
    if is_merged(run, action, current.as_ref())? {
        return Ok(Standing::Merged);
    }
    let before = before(original);
    let is_original = current.as_ref() == Some(&before);
    let is_ours = current.is_some_and(|found| written.covers(&found)) && !returned;
    // Equal bytes: as long as the backup is here, it is the better original.
    Ok(if is_ours && (blob.is_some() || !is_original) {
        Standing::Ours
    } else if is_original {
        Standing::Original
    } else {
        Standing::Foreign
    })
}

fn is_merged(run: &RunDir, action: u64, current: Option<&Written>) -> io::Result<bool> {
    let name = merged_name(action);
    if run.blobs.stat(&name)?.is_none() {
        return Ok(false);
    }
    let digest = String::from_utf8(fs::read_at(&run.blobs, &name)?).ok();
    Ok(digest.is_some_and(|digest| current == Some(&Written::file(digest))))
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
        let current = look(&place.dir, &place.name, meta.kind)?;
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
        let current = look(&place.dir, &place.name, meta.kind)?;
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

/// Describes what stands at a name as an action would; `None` for what no action writes.
fn look(dir: &Dir, name: &OsStr, kind: Kind) -> io::Result<Option<Written>> {
    match kind {
        Kind::File => {
            let bytes = fs::read_at(dir, name)?;
            Ok(Some(Written::file(digest::of_bytes(&bytes))))
        }
        Kind::Symlink => Ok(dir
            .read_link(name)?
            .into_string()
            .ok()
            .map(Written::symlink)),
        Kind::Dir | Kind::Other => Ok(None),
    }
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
