//! A tree that nobody works in, from which others of the same commit are copied. Copying is
//! less work than having git unpack and write every file again, and gives the same bytes.
//!
//! A process makes one when it needs a second tree of a commit, and keeps it until it needs
//! none any more. What a dead process left is removed by the next one that looks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::create::Turn;
use super::faults::step;
use super::git::{Call, Files, RefusalExt as _};
use super::index;
use super::repo::{CommitId, Repo};
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta, Mtime};
use crate::os::fs::{self, read_at};
use crate::os::lock::Lock;
use crate::os::rng;
use crate::os::tree::{self, Copied, Fate, Guide};

/// The first part of the names of templates in the place of a repository.
pub(super) const BASE: &str = ".base-";
/// Settings by which git writes an index that [`index`] knows.
const PLAIN: [&str; 10] = [
    "-c",
    "index.version=2",
    "-c",
    "index.skipHash=false",
    "-c",
    "index.sparse=false",
    "-c",
    "index.threads=1",
    "-c",
    "core.untrackedCache=false",
];

/// The template of a process for trees of one repository.
#[derive(Debug, Default)]
pub(super) struct Templates {
    // Commits of which a tree was made.
    seen: Mutex<BTreeSet<CommitId>>,
    // Held while one is made, since all others wait for it.
    latest: Mutex<Option<(Key, Option<Arc<Template>>)>>,
}

/// All that says which bytes git writes.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    base: CommitId,
    settings: Vec<u8>,
    attributes: Vec<u8>,
    sparse: Vec<u8>,
}

/// A new tree whose files are missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Empty<'t> {
    pub(super) repo: &'t Repo,
    pub(super) base: &'t CommitId,
    pub(super) files: &'t Files,
    pub(super) lock: &'t Lock,
}

/// A template; it is removed when it is dropped.
#[derive(Debug)]
struct Template {
    root: Dir,
    name: String,
    // The index of the files, as git wrote it.
    index: Vec<u8>,
    lock: Lock,
}

impl Templates {
    /// Writes the files of a new tree by copying; `false` when git has to write them. `root`
    /// is where the template is.
    pub(super) fn copy(&self, root: &Path, tree: &Empty<'_>) -> bool {
        let first = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(tree.base.clone())
        };
        if first {
            return false;
        }
        // What fails here fails again, and is told, when git writes the files.
        let Ok(key) = Key::of(tree) else {
            return false;
        };
        let Some(template) = self.of(key, root, tree.files) else {
            return false;
        };
        let copied = {
            let _turn = Turn::take();
            step("copying");
            template.fill(tree)
        };
        let fits = matches!(copied, Ok(true));
        if !fits && let Ok(dir) = Dir::open(&tree.files.git_dir) {
            // Git begins anew.
            dir.remove_file(OsStr::new("index")).ok();
        }
        fits
    }

    /// Returns the template, which is made when there is another one or none.
    fn of(&self, key: Key, root: &Path, files: &Files) -> Option<Arc<Template>> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, template)) = &*latest
            && *known == key
        {
            return template.clone();
        }
        // There is at most one, but for trees that are being copied.
        *latest = None;
        let made = Template::make(root, &key.base, files).ok().flatten();
        let made = made.map(Arc::new);
        *latest = Some((key, made.clone()));
        made
    }
}

impl Key {
    fn of(tree: &Empty<'_>) -> Result<Self, ExecError> {
        let Empty {
            repo, base, files, ..
        } = *tree;
        let asked = Call::within(files).look(&["config", "--list", "-z"]);
        let info = |dir: &Path, name: &str| {
            let path = dir.join("info");
            match Dir::open(&path).and_then(|dir| read_at(&dir, OsStr::new(name))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                read => read.at(path),
            }
        };
        Ok(Self {
            base: base.clone(),
            settings: asked.or_failed("the settings cannot be read")?,
            attributes: info(repo.common(), "attributes")?,
            sparse: info(&files.git_dir, "sparse-checkout")?,
        })
    }
}

impl Template {
    /// Lets git write the files of a commit beside the trees, with the settings of a tree.
    /// `None` when somebody else has the name, which is no name that anybody chooses.
    fn make(root: &Path, base: &CommitId, files: &Files) -> Result<Option<Self>, ExecError> {
        let dir = Dir::open(root).at(root)?;
        let name = format!("{BASE}{:016x}", u64::from_le_bytes(rng::bytes().at(root)?));
        let path = root.join(&name);
        let lock_name = OsString::from(format!("{name}.lock"));
        let Some(lock) = Lock::try_take(&dir, &lock_name).at(&path)? else {
            return Ok(None);
        };
        if !lock.is_at(&dir, &lock_name).at(&path)? {
            return Ok(None);
        }
        step("template locked");
        // From here on it is removed whatever happens.
        let mut made = Self {
            root: dir,
            name,
            index: Vec::new(),
            lock,
        };
        let written = path.join("files");
        fs::make_private_dirs(&written).at(&written)?;
        let own = Files {
            git_dir: files.git_dir.clone(),
            path: written.clone(),
        };
        {
            let _turn = Turn::take();
            let index = path.join("index");
            let call = Call::within(&own).index(&index).holding(&made.lock);
            let args = ["read-tree", "--reset", "-u", base.as_str()];
            let args: Vec<&str> = PLAIN.into_iter().chain(args).collect();
            let read = call.fetching().run(&args);
            read.or_failed("the files cannot be written")?;
        }
        step("template written");
        let dir = Dir::open(&path).at(&path)?;
        made.index = read_at(&dir, OsStr::new("index")).at(&path)?;
        let top = dir.child(OsStr::new("files")).at(&written)?;
        // The files of a copy are older than its index from the beginning.
        tree::walk(&top, Path::new(""), &mut |dir, name, _, meta| {
            let mtime = Mtime {
                seconds: meta.mtime.seconds.saturating_sub(index::AGE),
                ..meta.mtime
            };
            dir.set_mtime(name, mtime)
        })
        .at(&written)?;
        Ok(Some(made))
    }

    /// Copies the files into a tree that has none, and its index; `false` when git does not
    /// agree that all of them are as the commit says.
    fn fill(&self, tree: &Empty<'_>) -> Result<bool, ExecError> {
        let files = tree.files;
        let from = self.root.path().join(&self.name).join("files");
        let from = Dir::open(&from).at(&from)?;
        let to = Dir::open(&files.path).at(&files.path)?;
        let logs = tree::copy(&from, &to, &Notes).at(&files.path)?;
        step("copied");
        if logs.iter().any(|log| log.left_out) {
            return Ok(false);
        }
        let metas = logs.into_iter().flat_map(|log| log.metas);
        let metas: BTreeMap<_, _> = metas.collect();
        let meta = |name: &[u8]| {
            if let Some(meta) = metas.get(name) {
                return Some(*meta);
            }
            // A link, then.
            let path = files.path.join(OsStr::from_bytes(name));
            let dir = Dir::open(path.parent()?).ok()?;
            let meta = dir.stat(path.file_name()?).ok()?;
            meta.filter(|meta| meta.kind == Kind::Symlink)
        };
        let hash = tree.base.as_str().len() / 2;
        let Some(index) = index::for_copy(&self.index, hash, &meta) else {
            return Ok(false);
        };
        let git_dir = Dir::open(&files.git_dir).at(&files.git_dir)?;
        let draft = OsStr::new("index.callsheet");
        let write = || {
            git_dir.create(draft, 0o666)?.write_all(&index)?;
            git_dir.rename(draft, &git_dir, OsStr::new("index"))
        };
        write().at(&files.git_dir)?;
        step("index written");
        // Git looks whether each file is what the index says, and writes its own.
        let call = Call::within(files).holding(tree.lock);
        let args = ["update-index", "-q", "--refresh", "--force-write-index"];
        let looked = call.run(&args);
        looked.or_failed("git does not take the copied files for its own")?;
        Ok(true)
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        // What is left is removed by the next process that looks.
        remove(&self.root, &self.name).ok();
    }
}

/// Removes a template whose lock is held.
fn remove(root: &Dir, name: &str) -> io::Result<()> {
    tree::remove(root, OsStr::new(name))?;
    root.remove_file(OsStr::new(&format!("{name}.lock")))?;
    Ok(())
}

/// Removes the templates of processes that died.
pub(super) fn sweep(root: &Path) -> Result<(), ExecError> {
    let dir = Dir::open(root).at(root)?;
    for name in dir.names().at(root)? {
        let Some(name) = name.to_str() else {
            continue;
        };
        let Some(of) = name.strip_suffix(".lock").filter(|of| of.starts_with(BASE)) else {
            continue;
        };
        // Who uses it, or a git that works for one who died, holds the lock.
        match Lock::try_take_existing(&dir, OsStr::new(name)) {
            Ok(Some(_lock)) => remove(&dir, of).at(root.join(of))?,
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).at(root.join(name)),
        }
    }
    Ok(())
}

/// Notes what is known about the copies.
struct Notes;

#[derive(Default)]
struct Log {
    metas: Vec<(Vec<u8>, Meta)>,
    left_out: bool,
}

impl Guide for Notes {
    type Log = Log;

    fn fate(&self, _log: &mut Log, _path: &Path, _kind: Kind) -> Fate {
        Fate::Copy
    }

    fn copied(&self, log: &mut Log, entry: &Copied<'_>) {
        if entry.meta.kind == Kind::File {
            let path = PathBuf::from(entry.path).into_os_string();
            log.metas.push((path.into_vec(), *entry.meta));
        }
    }

    fn skipped(&self, log: &mut Log, _path: &Path, _why: &'static str) {
        log.left_out = true;
    }
}
