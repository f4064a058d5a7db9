//! The cache's directories: who may change what, and how an entry appears all at once.
//!
//! Below `skills/`, `<fingerprint>/` is a whole entry: its marker was written last, and
//! the directory got its name by a rename. `<fingerprint>.lock` is shared by those who
//! copy from the entry and held alone by whoever makes or replaces it. `tmp.<random>/` is
//! an entry that is being made; its `lease` is held as long as its maker lives.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::base::json;
use plan_core::persona::skills::cache::SkillCacheMarker;

use crate::apply::{ApplyOptions, Event};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::{Deadline, rest};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{Attributes, Place, is_dir, make_private_dirs, read_at, write_atomic};
use crate::os::lock::Lock;
use crate::os::proc::end_leftover;
use crate::os::{env, rng, tree};

/// The name of the marker in an entry, as persona-kit's tools know it.
const MARKER: &str = ".aw-skill-cache.json";
const GATE: &str = ".gate";
const UNBORN: &str = "tmp.";
const LEASE: &str = "lease";
const ENTRY: &str = "entry";
const OLD: &str = "old";
const POLL: Duration = Duration::from_millis(25);
/// How long it takes until somebody who waits is told why.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where skills are kept for all runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillCache {
    root: PathBuf,
    plugins: Option<PathBuf>,
}

impl SkillCache {
    /// Uses a directory, which is created when it is needed.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            plugins: None,
        }
    }

    /// Takes entries over from a directory of persona-kit's tools, which is only read.
    #[must_use]
    pub fn with_plugins(mut self, plugins: impl Into<PathBuf>) -> Self {
        self.plugins = Some(plugins.into());
        self
    }

    /// Finds the user's: `$CALLSHEET_CACHE_HOME`, `$XDG_CACHE_HOME/callsheet` or
    /// `~/.cache/callsheet`, and the plugins of persona-kit's tools below
    /// `~/.agentworkforce`. `None` when there is no place.
    pub fn from_env() -> Option<Self> {
        let absolute = |path: &PathBuf| path.is_absolute();
        let named = |name| env::var(name).map(PathBuf::from).filter(absolute);
        let own = || named("CALLSHEET_CACHE_HOME");
        let shared = || Some(named("XDG_CACHE_HOME")?.join("callsheet"));
        let default = || Some(env::home_dir()?.join(".cache/callsheet"));
        let root = own().or_else(shared).or_else(default)?;
        let plugins = env::home_dir()?.join(".agentworkforce/workforce/cache/plugins");
        Some(Self::at(root).with_plugins(plugins))
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the directory of an entry.
    pub(super) fn place(&self, fingerprint: &str) -> PathBuf {
        self.root.join("skills").join(fingerprint)
    }

    /// Tells whether anything was ever kept.
    pub(super) fn is_there(&self) -> bool {
        is_dir(&self.root.join("skills"))
    }

    /// Returns where the output of an entry's last installer is.
    pub(super) fn log(&self, fingerprint: &str) -> PathBuf {
        self.root.join("logs").join(format!("{fingerprint}.log"))
    }

    /// Returns the directory of an entry of persona-kit's tools that nobody works on.
    pub(super) fn plugin(&self, fingerprint: &str) -> Option<PathBuf> {
        let plugins = self.plugins.as_ref()?;
        let dir = Dir::open(plugins).ok()?;
        let locked = dir.stat(OsStr::new(&format!("{fingerprint}.lock")));
        let free = locked.is_ok_and(|lock| lock.is_none());
        free.then(|| plugins.join(fingerprint))
    }

    pub(super) fn open(&self) -> Result<Store, ExecError> {
        for name in ["skills", "logs", "npm"] {
            let path = self.root.join(name);
            make_private_dirs(&path).at(&path).map_err(|error| {
                error.hint("set CALLSHEET_CACHE_HOME, or pass --no-skill-cache")
            })?;
        }
        let path = self.root.join("skills");
        let dir = Dir::open(&path).at(&path)?;
        Ok(Store { dir })
    }
}

/// Reads the marker of an entry; `None` when it is not that of a whole one.
pub(super) fn marker(entry: &Path, fingerprint: &str) -> Option<SkillCacheMarker<'static>> {
    let dir = Dir::open(entry).ok()?;
    let bytes = read_at(&dir, OsStr::new(MARKER)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let value = json::read(&text).ok()?.to_owned_value();
    SkillCacheMarker::read(&value).filter(|marker| marker.is_valid_for(fingerprint))
}

/// Writes the marker of an entry.
pub(super) fn write_marker(entry: &Path, marker: &SkillCacheMarker<'_>) -> Result<(), ExecError> {
    let write = || {
        let place = Place {
            dir: Dir::open(entry)?,
            name: MARKER.into(),
        };
        let temp = format!("{MARKER}.{}", random()?);
        let bytes = marker.file_text();
        write_atomic(
            &place,
            OsStr::new(&temp),
            bytes.as_bytes(),
            Attributes::default(),
        )
    };
    write().at(entry)
}

fn random() -> io::Result<String> {
    let bytes = rng::bytes::<8>()?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// The directory of the entries.
#[derive(Debug)]
pub(super) struct Store {
    dir: Dir,
}

impl Store {
    /// Shares an entry with others who copy from it; waits while somebody makes it.
    pub(super) fn share(
        &self,
        fingerprint: &str,
        apply: &ApplyOptions<'_>,
    ) -> Result<Lock, ExecError> {
        let name = format!("{fingerprint}.lock");
        wait(apply, || {
            Lock::try_share(&self.dir, OsStr::new(&name)).at(self.dir.path())
        })
    }

    /// Takes an entry alone; waits while anybody uses it.
    pub(super) fn take(
        &self,
        fingerprint: &str,
        apply: &ApplyOptions<'_>,
    ) -> Result<Lock, ExecError> {
        let name = format!("{fingerprint}.lock");
        wait(apply, || {
            Lock::try_take(&self.dir, OsStr::new(&name)).at(self.dir.path())
        })
    }

    /// Begins an entry.
    pub(super) fn begin(&self) -> Result<Unborn, ExecError> {
        let _gate = Lock::take(&self.dir, OsStr::new(GATE)).at(self.dir.path())?;
        let make = || {
            let name = format!("{UNBORN}{}", random()?);
            self.dir.make_dir(OsStr::new(&name), 0o700)?;
            let dir = self.dir.child(OsStr::new(&name))?;
            let lease = Lock::try_take(&dir, OsStr::new(LEASE))?;
            dir.make_dir(OsStr::new(ENTRY), 0o755)?;
            Ok(Unborn {
                store: self.dir.try_clone()?,
                name,
                dir,
                _lease: lease,
            })
        };
        make().at(self.dir.path())
    }

    /// Removes what a crash left of entries that were being made; returns how many.
    pub(super) fn sweep(&self) -> Result<usize, ExecError> {
        let _gate = Lock::take(&self.dir, OsStr::new(GATE)).at(self.dir.path())?;
        let mut swept = 0;
        for name in self.dir.names().at(self.dir.path())? {
            let path = self.dir.path().join(&name);
            let meta = self.dir.stat(&name).at(&path)?;
            let is_dir = meta.is_some_and(|meta| meta.kind == Kind::Dir);
            if !is_dir || !name.to_string_lossy().starts_with(UNBORN) {
                continue;
            }
            let dir = self.dir.child(&name).at(&path)?;
            if matches!(Lock::try_take_existing(&dir, OsStr::new(LEASE)), Ok(None)) {
                continue;
            }
            let mark = path.join("running");
            end_leftover(&mark).at(&mark)?;
            swept += usize::from(tree::remove(&self.dir, &name).at(&path)?);
        }
        Ok(swept)
    }
}

fn wait(
    apply: &ApplyOptions<'_>,
    take: impl Fn() -> Result<Option<Lock>, ExecError>,
) -> Result<Lock, ExecError> {
    let mut patience = Some(Deadline::after(Some(PATIENCE)));
    loop {
        if let Some(lock) = take()? {
            return Ok(lock);
        }
        apply.go_on()?;
        if patience.is_some_and(Deadline::is_over) {
            let text = "waiting for another run that installs the same skill";
            apply.tell(&Event::Advice { text });
            patience = None;
        }
        rest(POLL);
    }
}

/// An entry that is being made. It goes when it is dropped.
#[derive(Debug)]
pub(super) struct Unborn {
    store: Dir,
    name: String,
    dir: Dir,
    _lease: Option<Lock>,
}

impl Unborn {
    /// Returns where the entry is made.
    pub(super) fn entry(&self) -> PathBuf {
        self.dir.path().join(ENTRY)
    }

    /// Returns the file that names the installer while it runs.
    pub(super) fn mark(&self) -> PathBuf {
        self.dir.path().join("running")
    }

    /// Gives the entry its name, in place of an older one. The caller holds its lock
    /// alone and has written its marker.
    pub(super) fn publish(self, fingerprint: &str) -> Result<(), ExecError> {
        let name = OsStr::new(fingerprint);
        let publish = || {
            // A marker must not survive a power cut that its files do not survive.
            self.dir.sync_file_system()?;
            if self.store.stat(name)?.is_some() {
                self.store.rename(name, &self.dir, OsStr::new(OLD))?;
            }
            self.dir.rename_new(OsStr::new(ENTRY), &self.store, name)?;
            self.store.sync()
        };
        publish().at(self.store.path().join(name))
    }

    /// Fails unless the installer left a directory at a place below the entry.
    pub(super) fn check(&self, directory: &str) -> Result<(), ExecError> {
        let (entry, path) = (self.entry(), self.entry().join(directory));
        let place = crate::os::fs::resolve(&entry, &path).at(&path)?;
        let kind = place.map(|place| place.dir.stat(&place.name)).transpose();
        let kind = kind.at(&path)?.flatten().map(|meta| meta.kind);
        if kind == Some(Kind::Dir) {
            return Ok(());
        }
        let message = format!("the installer ended well but left no `{directory}`");
        Err(ExecError::new(ExecErrorKind::Failed, message))
    }
}

impl Drop for Unborn {
    fn drop(&mut self) {
        // What cannot be removed now is swept later.
        drop(tree::remove(&self.store, OsStr::new(&self.name)));
    }
}
