//! The repository: looked at once, refused early, locked while git's list of worktrees changes.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::git::{Call, Files, Refusal, RefusalExt as _, path_of, split_zero, wait_before};
use super::name::short;
use super::remove::repair;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::{Deadline, rest};
use crate::os::dir::Dir;
use crate::os::fs::{self, read_at};
use crate::os::lock::Lock;
use crate::os::owner::own_id;
use crate::os::walk::text_of;

/// The file in the repository that is locked while git's list of worktrees changes. It is
/// never removed.
const LOCK: &str = "callsheet.lock";
/// How long we wait for others who change it.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often we look again before a lock of git's counts as left behind.
const STALE: u32 = 4;
const POLL: Duration = Duration::from_millis(5);
/// The first git that lists worktrees with zero bytes.
const OLDEST: (u32, u32) = (2, 36);

/// The id of a commit, which no branch moves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitId(String);

impl CommitId {
    /// Reads an id as git prints it.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (matches!(text.len(), 40 | 64) && text.bytes().all(hex)).then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A repository in which trees are made.
#[derive(Debug, Clone)]
pub struct Repo {
    common: PathBuf,
    top: Option<PathBuf>,
    id: String,
    // Threads of this process wait for one another here, without polling.
    turn: Arc<Mutex<()>>,
}

/// The right to change git's list of worktrees.
#[derive(Debug)]
pub(super) struct Held<'r> {
    pub(super) lock: Lock,
    _turn: MutexGuard<'r, ()>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Otherwise the next one looks for what a dead one may have left.
        self.lock.note("").ok();
    }
}

impl Repo {
    /// Finds the repository of a directory.
    ///
    /// # Errors
    /// There is none, it has no commit or no files of its own, git is missing or too old, or
    /// the file system has no locks.
    pub fn open(dir: &Path) -> Result<Self, ExecError> {
        let repo = Self::find(dir)?;
        if repo.top.is_none() {
            let message = "the repository has no files of its own, it is bare";
            return Err(ExecError::new(ExecErrorKind::Usage, message)
                .hint("open it as a bare repository if worktrees of it are wanted")
                .at(dir));
        }
        Ok(repo)
    }

    /// As [`Repo::open`], also for a repository without files of its own.
    ///
    /// # Errors
    /// As [`Repo::open`].
    pub fn open_bare(dir: &Path) -> Result<Self, ExecError> {
        Self::find(dir)
    }

    fn find(dir: &Path) -> Result<Self, ExecError> {
        let real = fs::real(dir).at(dir)?;
        check_version(&real)?;
        let asked = Call::new(&real).look(&[
            "rev-parse",
            "--path-format=absolute",
            "--is-bare-repository",
            "--git-common-dir",
        ]);
        let asked = asked.map_err(|refusal| {
            let hint = if refusal.says("dubious ownership") {
                "add the directory to git's safe.directory, or work as its owner"
            } else {
                "name a directory of a git repository, or make one with `git init`"
            };
            let what = "work in a tree of its own needs a git repository";
            refusal
                .into_error(ExecErrorKind::Usage, what)
                .hint(hint)
                .at(dir)
        })?;
        let (bare, common) = match asked.iter().position(|byte| *byte == b'\n') {
            Some(end) => asked.split_at(end),
            None => (&asked[..], &b""[..]),
        };
        let common = path_of(common.trim_ascii());
        let common = fs::real(&common).at(&common)?;
        let top = if bare == b"true" {
            None
        } else {
            let asked = Call::new(&real).look(&["rev-parse", "--show-toplevel"]);
            let asked = asked.map_err(|refusal| {
                refusal
                    .into_error(ExecErrorKind::Usage, "the repository's files are elsewhere")
                    .hint("name the directory of its files instead of one inside `.git`")
                    .at(dir)
            })?;
            Some(path_of(asked.trim_ascii_end()))
        };
        let repo = Self {
            id: short(&text_of(&common), 16),
            common,
            top,
            turn: Arc::default(),
        };
        // A file system without locks is told here, before anything is made.
        repair(&repo)?;
        repo.check_commit().map_err(|error| error.at(dir))?;
        Ok(repo)
    }

    fn check_commit(&self) -> Result<(), ExecError> {
        let found = self
            .call()
            .look(&["rev-list", "--max-count=1", "--all", "HEAD", "--"]);
        // Where HEAD leads nowhere yet, another branch may still have commits.
        let found = match found {
            Err(refusal) if refusal.says("bad revision") || refusal.says("ambiguous") => {
                self.call().look(&["rev-list", "--max-count=1", "--all"])
            }
            found => found,
        };
        if !found.or_failed("the repository cannot be read")?.is_empty() {
            return Ok(());
        }
        let message = "the repository has no commit yet";
        Err(ExecError::new(ExecErrorKind::Usage, message).hint("make a first commit"))
    }

    /// Returns what names the repository in the state home.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the directory that all worktrees share.
    pub fn common(&self) -> &Path {
        &self.common
    }

    /// Returns the directory of the user's files, unless the repository is bare.
    pub fn top(&self) -> Option<&Path> {
        self.top.as_deref()
    }

    /// Finds the commit that a branch, a tag or any expression stands for now.
    ///
    /// # Errors
    /// It stands for none.
    pub fn resolve(&self, base: &str) -> Result<CommitId, ExecError> {
        let wanted = format!("{base}^{{commit}}");
        // The user's own HEAD counts, which lies where the files are.
        let dir = self.top.as_deref().unwrap_or(&self.common);
        let args = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &wanted,
        ];
        let found = Call::new(dir).look(&args).ok();
        let text = found.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        text.and_then(|text| CommitId::parse(&text)).ok_or_else(|| {
            let message = format!("`{base}` is no commit of the repository");
            ExecError::new(ExecErrorKind::Usage, message)
                .hint("name a branch, a tag or a commit that is there")
                .at(dir)
        })
    }

    /// Git on what all worktrees share.
    pub(super) fn call(&self) -> Call<'_> {
        Call::new(&self.common)
    }

    /// Returns what a reference stands for.
    pub(super) fn reference(&self, name: &str) -> Result<Option<CommitId>, ExecError> {
        let args = ["for-each-ref", "--format=%(objectname)", name];
        let told = self.call().look(&args);
        let told = told.or_failed("the references cannot be read")?;
        // A pattern also matches what lies below it; that cannot be where the name itself is.
        let text = String::from_utf8_lossy(&told).trim().to_owned();
        Ok(CommitId::parse(&text))
    }

    /// Makes a reference that must not exist.
    pub(super) fn create_reference(
        &self,
        held: &Held<'_>,
        name: &str,
        id: &CommitId,
    ) -> Result<(), Refusal> {
        let call = self.call().holding(&held.lock);
        // The empty word is what stood there before: nothing.
        call.run(&["update-ref", name, id.as_str(), ""]).map(drop)
    }

    /// Removes a reference that still stands for a commit.
    pub(super) fn delete_reference(
        &self,
        held: &Held<'_>,
        name: &str,
        id: &CommitId,
    ) -> Result<(), ExecError> {
        let call = self.call().holding(&held.lock);
        let deleted = call.run(&["update-ref", "-d", name, id.as_str()]);
        deleted.map(drop).or_failed("a reference cannot be removed")
    }

    /// Tells whether a commit is there and some reference or the user's HEAD leads to it, other than one.
    pub(super) fn leads_to(&self, id: &CommitId, except: &str) -> Result<bool, ExecError> {
        let except = format!("--exclude={except}");
        let args = [
            "rev-list",
            "--max-count=1",
            // What only a worktree's HEAD leads to goes with the worktree.
            "--single-worktree",
            id.as_str(),
            "--not",
            // What clones borrow is no place to keep anything.
            "--exclude=refs/callsheet/keep/*",
            &except,
            "--all",
        ];
        let missing = format!("bad object {id}");
        let told = match self.call().look(&args) {
            // A clone's commit that is not here.
            Err(refusal) if refusal.says(&missing) => return Ok(false),
            told => told.or_failed("the history cannot be read")?,
        };
        Ok(told.is_empty())
    }

    /// Waits for the right to change git's list of worktrees.
    pub(super) fn hold(&self, why: &str) -> Result<Held<'_>, ExecError> {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = Dir::open(&self.common).at(&self.common)?;
        let path = self.common.join(LOCK);
        let deadline = Deadline::after(Some(PATIENCE));
        loop {
            match Lock::try_take(&dir, OsStr::new(LOCK)) {
                Ok(Some(lock)) => {
                    let died = read_at(&dir, OsStr::new(LOCK)).is_ok_and(|note| !note.is_empty());
                    // For those who look, and for those who come after us should we die.
                    lock.note(&format!("{} {why}\n", own_id())).ok();
                    if died {
                        clear_stale(&dir, OsStr::new("packed-refs.lock")).at(&self.common)?;
                    }
                    return Ok(Held { lock, _turn: turn });
                }
                Ok(None) if deadline.is_over() => {
                    let message = "another process changes the repository's worktrees";
                    return Err(ExecError::new(ExecErrorKind::Busy, message).at(path));
                }
                Ok(None) => rest(POLL),
                Err(error) => return Err(unlockable(error, path)),
            }
        }
    }

    /// Lists the worktrees that have a branch checked out, with the branches.
    pub(super) fn checked_out(&self) -> Result<Vec<(PathBuf, String)>, ExecError> {
        let told = self.call().look(&["worktree", "list", "--porcelain", "-z"]);
        let told = told.or_failed("the worktrees cannot be listed")?;
        let mut found = Vec::new();
        let mut at = PathBuf::new();
        for line in split_zero(&told) {
            if let Some(path) = line.strip_prefix(b"worktree ") {
                at = path_of(path);
            } else if let Some(branch) = line.strip_prefix(b"branch ") {
                found.push((at.clone(), String::from_utf8_lossy(branch).into_owned()));
            }
        }
        Ok(found)
    }

    /// The files and the git data of a clone.
    pub(super) fn clone_files(path: &Path) -> Files {
        Files {
            git_dir: path.join(".git"),
            path: path.to_owned(),
        }
    }
}

/// Removes a lock of git's that a killed git left behind. Should somebody hold it in this
/// moment, we wait first: git holds such locks for moments.
///
/// # Errors
/// The directory may not be written.
pub(super) fn clear_stale(dir: &Dir, name: &OsStr) -> io::Result<()> {
    let Some(first) = dir.stat(name)? else {
        return Ok(());
    };
    let mut tries = 0;
    while let Some(now) = dir.stat(name)? {
        if now != first {
            // Somebody lives.
            return Ok(());
        }
        if tries >= STALE {
            dir.remove_file(name)?;
            return Ok(());
        }
        wait_before(&mut tries);
    }
    Ok(())
}

fn unlockable(error: io::Error, path: PathBuf) -> ExecError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "worktrees need a repository that may be written"
        }
        _ => "worktrees need a file system with locks",
    };
    ExecError::new(
        ExecErrorKind::Failed,
        format!("the repository cannot be locked: {error}"),
    )
    .hint(hint)
    .because(error)
    .at(path)
}

fn check_version(dir: &Path) -> Result<(), ExecError> {
    let told = Call::new(dir).line(&["version"]);
    let told = told.or_failed("git does not say which version it is")?;
    if version(&told).is_some_and(|version| version < OLDEST) {
        let message = format!("git is too old: {told}");
        return Err(
            ExecError::new(ExecErrorKind::Missing, message).hint("install git 2.36 or a later one")
        );
    }
    Ok(())
}

/// Reads a version; one that says something else may well do.
fn version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.split_whitespace().nth(2)?.split('.');
    let mut next = || numbers.next()?.parse().ok();
    Some((next()?, next()?))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("git version 2.47.3"), Some((2, 47)));
        assert_eq!(version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(version("git"), None);
        assert_eq!(CommitId::parse("HEAD"), None);
        assert!(CommitId::parse(&"0a".repeat(20)).is_some());
    }
}
