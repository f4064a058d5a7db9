//! The place of a repository's trees in the state home: records, locks and indexes of ours.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::name::{Name, short};
use super::record::Record;
use super::repo::Repo;
use super::template::BASE;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{self, Attributes, Place, read_at, read_with_meta, write_atomic, write_draft};
use crate::os::lock::Lock;
use crate::os::tree;
use crate::state::StateHome;

/// The first part of the names of directories that are being removed.
pub(super) const GONE: &str = ".gone-";
const DRAFT: &str = ".draft-";

/// Where the trees of a repository are.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
}

/// The directory of a run in which a name is.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) dir: Dir,
    file: String,
}

impl Store {
    /// Uses a state home; the directory is made.
    pub(super) fn open(state: &StateHome, repo: &Repo) -> Result<Self, ExecError> {
        let root = state.root().join("worktrees").join(repo.id());
        fs::make_private_dirs(&root).at(&root)?;
        let root = fs::real(&root).at(&root)?;
        // What cannot be locked is told before anything is made.
        let dir = Dir::open(&root).at(&root)?;
        let probe = Lock::try_share(&dir, OsStr::new("probe.lock"));
        let probe = probe.map_err(|error| {
            let message = format!("the state home cannot be locked: {error}");
            ExecError::new(ExecErrorKind::Failed, message)
                .hint("set CALLSHEET_STATE_HOME to a directory on a file system with locks")
                .because(error)
                .at(&root)
        })?;
        drop(probe);
        Ok(Self { root })
    }

    /// Returns the place of everything.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a tree of ours is.
    pub(super) fn place(&self, name: &Name) -> PathBuf {
        self.root.join(name.run()).join(name.file())
    }

    /// Opens the directory of a run and makes it where it is missing.
    pub(super) fn shelf(&self, name: &Name) -> Result<Shelf, ExecError> {
        let path = self.root.join(name.run());
        fs::make_private_dirs(&path).at(&path)?;
        let dir = Dir::open(&path).at(&path)?;
        Ok(Shelf {
            dir,
            file: name.file(),
        })
    }

    /// Opens what belongs to a file in the directory of a run; `None` when that is gone.
    pub(super) fn shelf_at(run: &Dir, file: &str) -> Result<Option<Shelf>, ExecError> {
        match Dir::open(run.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => Ok(Some(Shelf {
                dir: opened.at(run.path())?,
                file: file.to_owned(),
            })),
        }
    }

    /// Lists every record with its run's directory. What is no record is passed over.
    pub(super) fn records(&self) -> Result<Vec<Record>, ExecError> {
        let mut found = Vec::new();
        for run in self.runs()? {
            for name in run.names().at(run.path())? {
                if !name.as_encoded_bytes().ends_with(b".json") {
                    continue;
                }
                let bytes = match read_at(&run, &name) {
                    // Somebody has just removed it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    read => read.at(run.path().join(&name))?,
                };
                found.extend(Record::parse(&String::from_utf8_lossy(&bytes)));
            }
        }
        Ok(found)
    }

    /// Lists the directories of runs.
    pub(super) fn runs(&self) -> Result<Vec<Dir>, ExecError> {
        let root = Dir::open(&self.root).at(&self.root)?;
        let mut runs = Vec::new();
        for name in root.names().at(&self.root)? {
            if name.as_encoded_bytes().starts_with(BASE.as_bytes()) {
                continue;
            }
            let meta = root.stat(&name).at(self.root.join(&name))?;
            if meta.is_some_and(|meta| meta.kind == Kind::Dir) {
                match root.child(&name) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    opened => runs.push(opened.at(self.root.join(&name))?),
                }
            }
        }
        Ok(runs)
    }

    /// Takes the lock of the queue of those who merge into a branch; `None` while somebody
    /// else has it.
    pub(super) fn queue(&self, target: &str) -> Result<Option<Lock>, ExecError> {
        let dir = Dir::open(&self.root).at(&self.root)?;
        let name = format!("merge-{}.lock", short(target, 16));
        Lock::try_take(&dir, OsStr::new(&name)).at(self.root.join(name))
    }

    /// Removes the directory of a run if nothing is in it.
    pub(super) fn forget_run(&self, run: &str) {
        if let Ok(root) = Dir::open(&self.root) {
            // It stays while it holds anything.
            root.remove_dir(OsStr::new(run)).ok();
        }
    }
}

impl Shelf {
    /// Tells whether the directory still has its name.
    pub(super) fn is_there(&self) -> bool {
        let named = Dir::open(self.dir.path()).and_then(|dir| dir.meta());
        let own = self.dir.meta();
        matches!((named, own), (Ok(named), Ok(own)) if named.identity == own.identity)
    }

    fn name(&self, end: &str) -> OsString {
        format!("{}{end}", self.file).into()
    }

    /// Returns the path of our own index of the tree.
    pub(super) fn index(&self) -> PathBuf {
        self.dir.path().join(self.name(".index"))
    }

    /// Copies the tree's index to ours. Its time comes too: by that git knows which files it
    /// has to look into.
    pub(super) fn copy_index(&self, git_dir: &Path) -> Result<(), ExecError> {
        let from = Dir::open(git_dir).at(git_dir)?;
        let name = self.name(".index");
        let (bytes, meta) = match read_with_meta(&from, OsStr::new("index")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.dir.remove_file(&name).at(self.index())?;
                return Ok(());
            }
            read => read.at(git_dir.join("index"))?,
        };
        let attributes = Attributes {
            mode: Some(0o600),
            mtime: Some(meta.mtime),
        };
        write_draft(&self.dir, &name, &bytes, attributes).at(self.index())
    }

    /// Takes the lock of the tree; `None` while somebody uses it.
    pub(super) fn lock(&self) -> Result<Option<Lock>, ExecError> {
        let name = self.name(".lock");
        let path = self.dir.path().join(&name);
        loop {
            let Some(lock) = Lock::try_take(&self.dir, &name).at(&path)? else {
                return Ok(None);
            };
            if lock.is_at(&self.dir, &name).at(&path)? {
                return Ok(Some(lock));
            }
        }
    }

    /// Reads the record.
    pub(super) fn read(&self) -> Result<Option<Record>, ExecError> {
        let name = self.name(".json");
        match read_at(&self.dir, &name) {
            Ok(bytes) => Ok(Record::parse(&String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at(self.dir.path().join(name)),
        }
    }

    /// Writes a record where none is; `false` when there is one.
    pub(super) fn write_first(&self, record: &Record) -> Result<bool, ExecError> {
        let (name, draft) = (self.name(".json"), self.draft());
        let write = || {
            let bytes = record.print();
            write_draft(&self.dir, &draft, bytes.as_bytes(), Attributes::default())?;
            match self.dir.rename_new(&draft, &self.dir, &name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    self.dir.remove_file(&draft)?;
                    return Ok(false);
                }
                renamed => renamed?,
            }
            self.dir.sync()?;
            Ok(true)
        };
        write().at(self.dir.path().join(&name))
    }

    /// Writes the record over an earlier one.
    pub(super) fn write(&self, record: &Record) -> Result<(), ExecError> {
        let name = self.name(".json");
        let path = self.dir.path().join(&name);
        let write = || {
            let place = Place {
                dir: self.dir.try_clone()?,
                name,
            };
            let bytes = record.print();
            write_atomic(
                &place,
                &self.draft(),
                bytes.as_bytes(),
                Attributes::default(),
            )?;
            self.dir.sync()
        };
        write().at(path)
    }

    fn draft(&self) -> OsString {
        format!("{DRAFT}{}", self.file).into()
    }

    /// Removes what belongs to the tree but for its files: the record, and the lock last.
    pub(super) fn clear(&self) -> Result<(), ExecError> {
        let draft = self.draft();
        let index_lock = self.name(".index.lock");
        let names = [
            self.name(".index"),
            index_lock,
            draft,
            self.name(".json"),
            self.name(".lock"),
        ];
        for name in names {
            let path = self.dir.path().join(&name);
            self.dir.remove_file(&name).at(path)?;
        }
        Ok(())
    }
}

/// Moves a directory aside at once, so that no half of it is ever seen; `false` when it is
/// missing.
pub(super) fn move_aside(path: &Path) -> Result<bool, ExecError> {
    let Some((dir, name, gone)) = beside(path)? else {
        return Ok(false);
    };
    if dir.stat(&name).at(path)?.is_none() {
        return Ok(false);
    }
    // What an earlier try left there is on its way out already.
    tree::remove(&dir, &gone).at(path)?;
    dir.rename(&name, &dir, &gone).at(path)?;
    Ok(true)
}

/// Removes what was moved aside.
pub(super) fn remove_aside(path: &Path) -> Result<(), ExecError> {
    if let Some((dir, _, gone)) = beside(path)? {
        tree::remove(&dir, &gone).at(path)?;
    }
    Ok(())
}

fn beside(path: &Path) -> Result<Option<(Dir, OsString, OsString)>, ExecError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(None);
    };
    let mut gone = OsString::from(GONE);
    gone.push(name);
    match Dir::open(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => Ok(Some((opened.at(parent)?, name.to_owned(), gone))),
    }
}
