//! Putting files and links back: what was captured before a change returns, unless
//! somebody else changed the path meanwhile.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use plan_core::base::digest;
use plan_core::effect::{EntryKind, Original, Outcome, PutBack, Written};

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Mtime};
use crate::os::fs::{self, Place};
use crate::state::RunDir;

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
    Ours,
    Original,
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
    match standing(run, undo, place).at(path)? {
        Standing::Original if gone => Ok(Outcome::removed()),
        Standing::Original => Ok(Outcome::restored()),
        Standing::Ours if gone => {
            place.dir.remove_file(&place.name).at(path)?;
            place.dir.sync().at(path)?;
            Ok(Outcome::removed())
        }
        Standing::Ours => {
            place_original(run, &undo.original, place, &temp).at(path)?;
            Ok(Outcome::restored())
        }
        Standing::Foreign => keep(run, action, undo, place),
    }
}

/// Leaves foreign content in place and puts the original beside it. Actions that
/// wrote one path in turn share the name beside, so the oldest original ends there.
fn keep(run: &RunDir, action: u64, undo: &PutBack, place: &Place) -> Result<Outcome, ExecError> {
    let why = String::from("it was changed by somebody else");
    let mut outcome = Outcome::kept(undo.path.clone(), why);
    let suffix = format!(".callsheet-{}", run.id);
    let path = format!("{}{suffix}", undo.path);
    let mut name = place.name.clone();
    name.push(&suffix);
    let dir = place.dir.try_clone().at(&path)?;
    let beside = Place { dir, name };
    if undo.original.kind == EntryKind::Absent {
        beside.dir.remove_file(&beside.name).at(&path)?;
        return Ok(outcome);
    }
    let has_blob = undo.original.blob.as_ref().is_some_and(|blob| {
        run.blobs
            .stat(OsStr::new(blob))
            .is_ok_and(|meta| meta.is_some())
    });
    if has_blob || undo.original.target.is_some() {
        place_original(run, &undo.original, &beside, &temp_name(run, action)).at(&path)?;
    }
    // Without a blob an earlier attempt has put it there already, or it returned and
    // was changed after that.
    if beside.dir.stat(&beside.name).at(&path)?.is_some() {
        outcome.beside = Some(path);
    }
    Ok(outcome)
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

fn standing(run: &RunDir, undo: &PutBack, place: &Place) -> io::Result<Standing> {
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
    let before = Written {
        kind: original.kind,
        digest: original.digest.clone(),
        target: original.target.clone(),
    };
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
