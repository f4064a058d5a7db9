//! The state home: where runs keep what their undo needs.
//!
//! `runs/<run id>/` holds `lease` (locked while the run lives), `journal.log`,
//! `blobs/` (backups and lists), `stage/` (private files for the harness), `logs/`
//! and perhaps `mount/`, `layer/`, `reverted/`, `interrupted/` or `replaced/`. Runs that recovery
//! could not read lie in `damaged/` instead. All of it is for the user alone.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::effect::UPPER;

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::Place;
use crate::os::lock::Lock;
use crate::os::{clock, env, fs, rng, tree};

pub(crate) const LEASE: &str = "lease";
pub(crate) const BLOBS: &str = "blobs";
const STAGE: &str = "stage";
const LOGS: &str = "logs";
const MOUNT: &str = "mount";
const REVERTED: &str = "reverted";
const INTERRUPTED: &str = "interrupted";
const REPLACED: &str = "replaced";
const LAYER: &str = "layer";
const MARK: &str = "running";
const KEEPER: &str = "keeper";
const OWNER: &str = "owner";
const CLIENT: &str = "client";
/// Where runs lie that recovery could not read.
const DAMAGED: &str = "damaged";
/// Names of run directories that are not complete yet.
const UNBORN: &str = ".new-";
/// Names of run directories that are being removed.
const GONE: &str = ".gone-";

/// The name of a run: sortable by time, and random.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(String);

impl RunId {
    fn new() -> io::Result<Self> {
        unique("r").map(Self)
    }

    /// Reads a run id.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("r-")?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (!rest.is_empty() && rest.len() <= 40 && rest.bytes().all(plain))
            .then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Makes a name that nothing else has, sortable by time behind what it begins with.
pub(crate) fn unique(head: &str) -> io::Result<String> {
    let time = base32(u128::from(clock::now_ms()), 10);
    let random = base32(u128::from(u64::from_le_bytes(rng::bytes()?)), 10);
    Ok(format!("{head}-{time}-{random}"))
}

/// Writes the low bits of a number with digits that sort as the number does.
pub(crate) fn base32(number: u128, digits: u32) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let places = (0..digits).rev();
    let digits = places.filter_map(|place| DIGITS.get((number >> (5 * place)) as usize & 31));
    digits.map(|digit| char::from(*digit)).collect()
}

/// The directory that holds the state of every run of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateHome {
    root: PathBuf,
}

impl StateHome {
    /// Uses a directory, which is created when it is needed.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Finds the user's: `$CALLSHEET_STATE_HOME`, `$XDG_STATE_HOME/callsheet` or
    /// `~/.local/state/callsheet`.
    ///
    /// # Errors
    /// None of them is an absolute path.
    pub fn from_env() -> Result<Self, ExecError> {
        let own = env::var("CALLSHEET_STATE_HOME").map(PathBuf::from);
        let shared = || {
            let home = env::var("XDG_STATE_HOME").map(PathBuf::from);
            // The base directory rules ignore relative paths.
            Some(home.filter(|home| home.is_absolute())?.join("callsheet"))
        };
        let default = || Some(env::home_dir()?.join(".local/state/callsheet"));
        let root = own.or_else(shared).or_else(default);
        root.filter(|root| root.is_absolute())
            .map(Self::at)
            .ok_or_else(|| {
                let message = "no place for the state of runs: the path must be absolute";
                ExecError::new(ExecErrorKind::Config, message).hint("set CALLSHEET_STATE_HOME")
            })
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn runs(&self) -> Result<Dir, ExecError> {
        let path = self.root.join("runs");
        fs::make_private_dirs(&path).at(&path)?;
        Dir::open(&path).at(&path)
    }

    /// Takes the lock that runs hold while they look at one another.
    pub(crate) fn gate(&self) -> Result<Lock, ExecError> {
        let runs = self.runs()?;
        Lock::take(&runs, OsStr::new(".gate")).at(runs.path())
    }

    /// Lists the ids of the runs, oldest first.
    pub(crate) fn run_ids(&self) -> Result<Vec<RunId>, ExecError> {
        let runs = self.runs()?;
        let names = runs.names().at(runs.path())?;
        Ok(names
            .iter()
            .filter_map(|name| RunId::parse(name.to_str()?))
            .collect())
    }

    /// Removes what a crash left of a run that was being created or removed. The caller
    /// holds the gate, and runs are born behind it; their owners remove them without it.
    pub(crate) fn sweep(&self) -> Result<(), ExecError> {
        let runs = self.runs()?;
        for name in runs.names().at(runs.path())? {
            let text = name.to_string_lossy();
            let gone = text.starts_with(GONE) && !is_held(&runs, &name);
            if gone || text.starts_with(UNBORN) {
                tree::remove(&runs, &name).at(runs.path().join(&name))?;
            }
        }
        Ok(())
    }

    /// Creates a run's directory and takes its lease; the caller holds the gate.
    pub(crate) fn create_run(&self) -> Result<RunDir, ExecError> {
        let runs = self.runs()?;
        let id = RunId::new().at(runs.path())?;
        let unborn = format!("{UNBORN}{id}");
        let make = || {
            runs.make_dir(OsStr::new(&unborn), 0o700)?;
            let dir = runs.child(OsStr::new(&unborn))?;
            for name in [BLOBS, STAGE, LOGS] {
                dir.make_dir(OsStr::new(name), 0o700)?;
            }
            let lease = Lock::try_take(&dir, OsStr::new(LEASE))?;
            runs.rename(OsStr::new(&unborn), &runs, OsStr::new(id.as_str()))?;
            runs.sync()?;
            Ok(lease)
        };
        let lease = make().at(runs.path().join(id.as_str()))?;
        let lease = lease
            .ok_or_else(|| ExecError::new(ExecErrorKind::Internal, "a new run's lease is taken"))?;
        let dir = runs.child(OsStr::new(id.as_str())).at(runs.path())?;
        RunDir::open(runs, dir, id, lease)
    }

    /// Returns where the directory of a run is.
    pub(crate) fn run_path(&self, id: &RunId) -> PathBuf {
        self.root.join("runs").join(id.as_str())
    }

    /// Opens a run's directory; `None` when it is gone. The lease is taken if nobody
    /// holds it; in a run that somebody else holds nothing is created. An error is one
    /// run's problem: others may be opened all the same.
    pub(crate) fn open_run(&self, id: &RunId) -> Result<Option<Found>, ExecError> {
        let runs = self.runs()?;
        let path = runs.path().join(id.as_str());
        let name = OsStr::new(id.as_str());
        let meta = runs.stat(name).at(&path)?;
        match meta.map(|meta| meta.kind) {
            None => return Ok(None),
            Some(Kind::Dir) => {}
            Some(_) => {
                let error = io::Error::new(io::ErrorKind::NotADirectory, "is no directory");
                return Err(error).at(&path);
            }
        }
        let dir = match runs.child(name) {
            // Its owner has just removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            dir => dir.at(&path)?,
        };
        let Some(lease) = take_lease(&runs, name, &dir).at(&path)? else {
            return Ok(None);
        };
        Ok(Some(match lease {
            Lease::Ours(lease) => Found::Ours(RunDir::open(runs, dir, id.clone(), lease)?),
            Lease::Theirs => Found::Theirs(id.clone(), dir),
        }))
    }
}

impl StateHome {
    /// Lists the runs that were set aside.
    pub(crate) fn damaged(&self) -> Result<Vec<Damaged>, ExecError> {
        let path = self.root.join(DAMAGED);
        if !fs::is_dir(&path) {
            return Ok(Vec::new());
        }
        let dir = Dir::open(&path).at(&path)?;
        let names = dir.names().at(&path)?;
        let places = names.into_iter().map(|name| {
            let dir = dir.try_clone().at(&path)?;
            Ok(Damaged {
                place: Place { dir, name },
            })
        });
        places.collect()
    }

    /// Moves a run that nobody can read to `damaged/`; returns where it is then.
    pub(crate) fn set_aside(&self, run: &RunDir) -> Result<PathBuf, ExecError> {
        let path = self.root.join(DAMAGED);
        fs::make_private_dirs(&path).at(&path)?;
        let damaged = Dir::open(&path).at(&path)?;
        let place = path.join(run.id.as_str());
        let name = OsStr::new(run.id.as_str());
        run.runs
            .rename_new(name, &damaged, name)
            .and_then(|()| damaged.sync())
            .and_then(|()| run.runs.sync())
            .at(&place)?;
        Ok(place)
    }
}

/// A run that was set aside.
#[derive(Debug)]
pub(crate) struct Damaged {
    pub(crate) place: Place,
}

impl Damaged {
    /// Returns where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.place.dir.path().join(&self.place.name)
    }

    /// Removes it.
    pub(crate) fn remove(&self) -> Result<(), ExecError> {
        tree::remove(&self.place.dir, &self.place.name)
            .at(self.path())
            .map(drop)
    }
}

/// Who has the lease of a run.
#[derive(Debug)]
enum Lease {
    Ours(Lock),
    Theirs,
}

/// Takes the lease in a run's directory; `None` when the run is gone. It is created only
/// where a crash lost it, never under the hands of an owner who removes the run.
fn take_lease(runs: &Dir, name: &OsStr, dir: &Dir) -> io::Result<Option<Lease>> {
    // An owner gives the directory another name before the lease goes.
    let is_there = || {
        let there = runs.stat(name)?.map(|meta| meta.identity);
        io::Result::Ok(there == Some(dir.meta()?.identity))
    };
    let lease = match Lock::try_take_existing(dir, OsStr::new(LEASE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !is_there()? {
                return Ok(None);
            }
            Lock::try_take(dir, OsStr::new(LEASE))?
        }
        lease => lease?,
    };
    match lease {
        // Its owner may have removed the run while we reached for the lease.
        Some(lease) => Ok(is_there()?.then_some(Lease::Ours(lease))),
        None => Ok(Some(Lease::Theirs)),
    }
}

/// Tells whether somebody holds the lease in a run's directory.
fn is_held(runs: &Dir, name: &OsStr) -> bool {
    let lease = runs
        .child(name)
        .and_then(|dir| Lock::try_take_existing(&dir, OsStr::new(LEASE)));
    matches!(lease, Ok(None))
}

/// A run's directory that was looked up.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nobody held its lease; now we do.
    Ours(RunDir),
    /// Somebody else works in it or removes it.
    Theirs(RunId, Dir),
}

impl Found {
    /// Returns the run if nobody else holds it.
    pub(crate) fn ours(self) -> Option<RunDir> {
        match self {
            Found::Ours(run) => Some(run),
            Found::Theirs(..) => None,
        }
    }
}

/// A run's directory.
#[derive(Debug)]
pub(crate) struct RunDir {
    pub(crate) id: RunId,
    pub(crate) dir: Dir,
    pub(crate) blobs: Dir,
    runs: Dir,
    _lease: Lock,
}

impl RunDir {
    fn open(runs: Dir, dir: Dir, id: RunId, lease: Lock) -> Result<Self, ExecError> {
        // A crash while the directory was removed can have taken it.
        dir.make_dir(OsStr::new(BLOBS), 0o700).at(dir.path())?;
        let blobs = dir.child(OsStr::new(BLOBS)).at(dir.path())?;
        Ok(Self {
            id,
            dir,
            blobs,
            runs,
            _lease: lease,
        })
    }

    /// Opens the directory of another run.
    pub(crate) fn neighbour(&self, id: &OsStr) -> Result<Dir, ExecError> {
        self.runs.child(id).at(self.runs.path().join(id))
    }

    pub(crate) fn stage(&self) -> PathBuf {
        self.dir.path().join(STAGE)
    }

    pub(crate) fn mount(&self) -> PathBuf {
        self.dir.path().join(MOUNT)
    }

    pub(crate) fn layer(&self) -> PathBuf {
        self.dir.path().join(LAYER)
    }

    pub(crate) fn log(&self, action: u64) -> PathBuf {
        self.dir.path().join(LOGS).join(format!("{action}.log"))
    }

    /// Where results are kept that were brought into the project and taken back again.
    pub(crate) fn reverted(&self) -> PathBuf {
        self.dir.path().join(REVERTED)
    }

    /// Where is kept what skills that stay have taken the place of.
    pub(crate) fn replaced(&self) -> PathBuf {
        self.dir.path().join(REPLACED)
    }

    /// Where is kept what stood in the place of an installer that was interrupted.
    pub(crate) fn interrupted(&self) -> PathBuf {
        self.dir.path().join(INTERRUPTED)
    }

    /// Tells whether an original was saved.
    pub(crate) fn has_backups(&self) -> bool {
        self.blobs.names().is_ok_and(|names| !names.is_empty())
    }

    /// The file that names the program that is running.
    pub(crate) fn mark(&self) -> PathBuf {
        Self::mark_in(self.dir.path())
    }

    /// The file in a run's directory that names the program that is running.
    pub(crate) fn mark_in(dir: &Path) -> PathBuf {
        dir.join(MARK)
    }

    /// The file in a run's directory that names who can be asked to end the run.
    pub(crate) fn owner_in(dir: &Path) -> PathBuf {
        dir.join(OWNER)
    }

    /// The file in a run's directory that names the process for which the run is held.
    pub(crate) fn client_in(dir: &Path) -> PathBuf {
        dir.join(CLIENT)
    }

    /// The file that names the process that keeps the layer mounted.
    pub(crate) fn keeper_mark(&self) -> PathBuf {
        keeper_mark(&self.dir)
    }

    /// Removes the private files.
    pub(crate) fn clear_stage(&self) -> Result<(), ExecError> {
        let stage = self.stage();
        tree::remove(&self.dir, OsStr::new(STAGE))
            .at(stage)
            .map(drop)
    }

    /// Removes backups and lists.
    pub(crate) fn clear_blobs(&self) -> Result<(), ExecError> {
        let path = self.blobs.path();
        for name in self.blobs.names().at(path)? {
            tree::remove(&self.blobs, &name).at(path.join(&name))?;
        }
        Ok(())
    }

    /// Removes the run's directory, its lease last. It gets another name first: nobody
    /// who looks for runs sees a half of one, and a crash leaves it to the sweep.
    pub(crate) fn remove(&self) -> Result<(), ExecError> {
        let path = self.dir.path();
        let gone = format!("{GONE}{}", self.id);
        let gone = OsStr::new(&gone);
        let name = OsStr::new(self.id.as_str());
        match self.runs.rename(name, &self.runs, gone) {
            // An earlier try came as far.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.at(path)?,
        }
        for name in self.dir.names().at(path)? {
            if name != OsStr::new(LEASE) {
                tree::remove(&self.dir, &name).at(path.join(&name))?;
            }
        }
        tree::remove(&self.runs, gone).at(path).map(drop)
    }
}

/// The file in a run's directory that names the process that keeps the layer mounted.
pub(crate) fn keeper_mark(dir: &Dir) -> PathBuf {
    dir.path().join(KEEPER)
}

/// The part of a run's layer that a list of mounts shows; no other run's has it.
pub(crate) fn layer_text(id: &RunId) -> String {
    format!("{id}/{LAYER}/{UPPER}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time() {
        assert!(base32(31, 2) < base32(32, 2));
        assert_eq!(base32(1 << 49, 10), "g000000000");
        let id = RunId::new().expect("randomness");
        assert_eq!(RunId::parse(id.as_str()), Some(id.clone()));
        assert_ne!(RunId::new().expect("randomness"), id);
        assert_eq!(RunId::parse("r-../x"), None);
    }

    fn names(dir: &Dir) -> Vec<String> {
        let names = dir.names().expect("a directory");
        let texts = names.iter().map(|name| name.to_string_lossy().into_owned());
        texts.collect()
    }

    #[test]
    fn nothing_is_created_in_a_run_that_its_owner_removes() {
        let temp = tempfile::tempdir().expect("a directory");
        let state = StateHome::at(temp.path());
        let run = state.create_run().expect("a run");
        for name in [BLOBS, STAGE, LOGS] {
            tree::remove(&run.dir, OsStr::new(name)).expect("removal");
        }
        let found = state.open_run(&run.id).expect("a look");
        assert!(matches!(found, Some(Found::Theirs(..))), "{found:?}");
        assert_eq!(names(&run.dir), [LEASE]);
        // Somebody has opened the directory; its owner goes on.
        let id = OsStr::new(run.id.as_str());
        let gone = format!("{GONE}{}", run.id);
        let moved = run.runs.rename(id, &run.runs, OsStr::new(&gone));
        moved.expect("a new name");
        tree::remove(&run.dir, OsStr::new(LEASE)).expect("removal");
        let lease = take_lease(&run.runs, id, &run.dir).expect("a look");
        assert!(lease.is_none(), "{lease:?}");
        assert_eq!(names(&run.dir), [""; 0]);
        run.remove().expect("removal");
        assert!(state.open_run(&run.id).expect("a look").is_none());
        assert_eq!(names(&run.runs), [""; 0]);
    }

    #[test]
    fn the_sweep_collects_what_a_crash_left_of_a_removal() {
        let temp = tempfile::tempdir().expect("a directory");
        let state = StateHome::at(temp.path());
        let run = state.create_run().expect("a run");
        let gone = format!("{GONE}{}", run.id);
        let id = OsStr::new(run.id.as_str());
        run.runs
            .rename(id, &run.runs, OsStr::new(&gone))
            .expect("a new name");
        assert!(state.run_ids().expect("a list").is_empty());
        state.sweep().expect("a sweep");
        assert_eq!(names(&run.runs), [&*gone], "its owner lives");
        let runs = run.runs.try_clone().expect("a handle");
        let (dir, id) = (run.dir.try_clone().expect("a handle"), run.id.clone());
        drop(run);
        let late = take_lease(&runs, OsStr::new(id.as_str()), &dir).expect("a look");
        assert!(late.is_none(), "a run that is gone is nobody's: {late:?}");
        state.sweep().expect("a sweep");
        assert_eq!(names(&runs), [""; 0]);
    }
}
