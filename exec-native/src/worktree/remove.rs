//! The end of a tree. Nothing goes that is not saved, and what could not be removed stays
//! written down for the next try.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::create::{Isolation, Shop};
use super::faults::step;
use super::git::{Files, RefusalExt as _, path_of};
use super::name::{REASON, is_ours};
use super::record::{Record, Stage};
use super::repo::{CommitId, Held, Repo, clear_stale};
use super::store::{move_aside, remove_aside};
use super::tree::Tree;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::read_at;
use crate::os::tree;

/// The first part of the names of git's data on its way out.
const GONE: &str = "callsheet.gone-";

/// What becomes of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It stays, with its branch.
    Keep,
    /// It goes, unless there are files in it that git ignores and cannot save.
    Remove,
    /// It goes, with what git ignores.
    Discard,
}

/// What became of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// It is still there.
    Kept,
    /// It is still there because of what would be lost.
    Held {
        /// Files that git ignores: the first of them.
        ignored: Vec<String>,
        /// Repositories inside.
        nested: Vec<String>,
    },
    /// It is gone.
    Gone {
        /// The reference that keeps what was neither committed nor merged.
        salvage: Option<String>,
    },
}

/// What a failed attempt has to take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Undo {
    /// Nothing was made.
    Nothing,
    /// Everything with the attempt's name.
    Own,
}

impl Tree {
    /// Ends the work in the tree. Whoever worked there has ended: what is written while a
    /// tree goes is lost.
    ///
    /// # Errors
    /// Something could not be saved or removed. That is written down, and tried again by
    /// [`Trees::gc`](super::Trees::gc).
    pub fn remove(mut self, end: End) -> Result<Removed, ExecError> {
        let removed = self.try_remove(end);
        if let Err(error) = &removed {
            self.record.problem = Some(error.chain());
            // The failure that led here is the one worth reporting.
            self.shelf.write(&self.record).ok();
        }
        removed
    }

    fn try_remove(&mut self, end: End) -> Result<Removed, ExecError> {
        if end == End::Keep {
            self.record.stage = Stage::Kept;
            self.shelf.write(&self.record)?;
            return Ok(Removed::Kept);
        }
        let salvage = if self.has_files() {
            let unsaved = self.unsaved()?;
            let nothing = unsaved.ignored.is_empty() && unsaved.nested.is_empty();
            if end == End::Remove && !nothing {
                self.record.stage = Stage::Kept;
                self.shelf.write(&self.record)?;
                let nested = unsaved.nested.iter();
                return Ok(Removed::Held {
                    ignored: unsaved.ignored,
                    nested: nested
                        .map(|name| name.to_string_lossy().into_owned())
                        .collect(),
                });
            }
            self.salvage_without(&unsaved.nested)?
        } else {
            self.salvage_commits()?
        };
        step("salvaged");
        self.record.stage = Stage::Removing;
        self.shelf.write(&self.record)?;
        step("removing");
        finish(&self.shop, &self.record)?;
        self.shelf.clear()?;
        step("cleared");
        self.shop.store.forget_run(self.record.name().run());
        Ok(Removed::Gone { salvage })
    }

    pub(super) fn has_files(&self) -> bool {
        Dir::open(self.path()).is_ok() && Dir::open(&self.files.git_dir).is_ok()
    }

    /// Saves the commits of a tree whose files somebody else removed.
    fn salvage_commits(&self) -> Result<Option<String>, ExecError> {
        let repo = &self.shop.repo;
        let Some(branch) = &self.record.branch else {
            return Ok(None);
        };
        let own = format!("refs/heads/{branch}");
        let mut tips: Vec<CommitId> = repo.reference(&own)?.into_iter().collect();
        if self.record.isolation == Isolation::Worktree {
            tips.extend(head_of(&self.files.git_dir));
        }
        let mut saved = None;
        for tip in tips {
            if repo.leads_to(&tip, &own)? {
                continue;
            }
            let reference = self.record.name().salvage();
            let held = repo.hold("salvage")?;
            let call = repo.call().holding(&held.lock);
            call.run(&["update-ref", &reference, tip.as_str()])
                .or_failed("the commits of the tree cannot be saved")?;
            saved = Some(reference);
        }
        Ok(saved)
    }
}

/// Reads the commit of git's data for a worktree that has no branch checked out.
fn head_of(git_dir: &Path) -> Option<CommitId> {
    let dir = Dir::open(git_dir).ok()?;
    let bytes = read_at(&dir, OsStr::new("HEAD")).ok()?;
    CommitId::parse(String::from_utf8_lossy(&bytes).trim())
}

/// Removes a tree of which everything is saved, and looks whether it is gone.
pub(super) fn finish(shop: &Shop, record: &Record) -> Result<(), ExecError> {
    take_away(&shop.repo, record, Undo::Own)?;
    let held = shop.repo.hold("look")?;
    let known = admin_of(&shop.repo, &held, &record.path)?.is_some();
    let left = known || Dir::open(&record.path).is_ok();
    drop(held);
    if left {
        let message = "the tree is still there after it was removed";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(&record.path));
    }
    Ok(())
}

/// Takes away the files, git's data and the branch of a tree.
pub(super) fn take_away(repo: &Repo, record: &Record, undo: Undo) -> Result<(), ExecError> {
    if undo == Undo::Nothing {
        return Ok(());
    }
    let name = record.name();
    // Half of a tree is never seen: it is there or it is not.
    move_aside(&record.path)?;
    step("aside");
    {
        let held = repo.hold(&name.reason())?;
        deregister(repo, &held, &record.path)?;
        step("deregistered");
        if let Some(branch) = &record.branch {
            clear_lock(repo, &held, &format!("refs/heads/{branch}"))?;
            drop_branch(repo, &held, record, branch)?;
        }
        if record.isolation == Isolation::Clone
            && let Some(id) = repo.reference(&name.keep())?
        {
            repo.delete_reference(&held, &name.keep(), &id)?;
        }
        step("unbranched");
    }
    remove_aside(&record.path)?;
    step("removed");
    Ok(())
}

/// Removes the lock of a reference of ours that a killed git left behind. Whoever worked with
/// the branch has ended.
fn clear_lock(repo: &Repo, _held: &Held<'_>, reference: &str) -> Result<(), ExecError> {
    let path = repo.common().join(format!("{reference}.lock"));
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    match Dir::open(parent) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        opened => opened.and_then(|dir| clear_stale(&dir, name)).at(&path),
    }
}

/// Removes a branch of ours, unless somebody has it checked out.
fn drop_branch(
    repo: &Repo,
    held: &Held<'_>,
    record: &Record,
    branch: &str,
) -> Result<(), ExecError> {
    let reference = format!("refs/heads/{branch}");
    let Some(id) = repo.reference(&reference)? else {
        return Ok(());
    };
    let used = repo.checked_out()?;
    if used.iter().any(|(_, used)| *used == reference) {
        return Ok(());
    }
    if id != record.base && !repo.leads_to(&id, &reference)? {
        let message = format!("`{branch}` moved while its tree was removed");
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(&record.path));
    }
    repo.delete_reference(held, &reference, &id)
}

/// Takes a worktree out of git's list.
fn deregister(repo: &Repo, held: &Held<'_>, path: &Path) -> Result<(), ExecError> {
    let Some(admin) = admin_of(repo, held, path)? else {
        return Ok(());
    };
    let call = repo.call().holding(&held.lock);
    // Twice: it is locked. Its files are gone already.
    let args = ["worktree", "remove", "--force", "--force", "--"];
    let removed = call.run_on(&args, &[path.as_os_str()]);
    if admin_of(repo, held, path)?.is_some() {
        // Git does not remove what was registered by half.
        let half = is_half(&admin);
        if let (Err(refusal), false) = (removed, half) {
            return Err(refusal
                .into_error(
                    ExecErrorKind::Failed,
                    "the worktree cannot be taken out of git's list",
                )
                .at(path));
        }
        remove_admin(repo, &admin)?;
    }
    Ok(())
}

/// Removes git's data for worktrees of ours that a killed git wrote by half, since it keeps
/// every other git from working, and what was on its way out. Returns where the former was.
pub(super) fn repair(repo: &Repo) -> Result<Vec<PathBuf>, ExecError> {
    // Whoever makes one, even a git whose parent died, holds the lock.
    let _held = repo.hold("repair")?;
    let mut found = Vec::new();
    for (admin, at) in admins(repo)? {
        let file = admin.file_name().unwrap_or_default().to_string_lossy();
        let ours = is_ours(&file) && (at.is_none() || is_locked_by_us(&admin));
        if ours && is_half(&admin) {
            remove_admin(repo, &admin)?;
            found.push(admin.clone());
        }
    }
    let common = Dir::open(repo.common()).at(repo.common())?;
    for name in common.names().at(repo.common())? {
        if name.to_string_lossy().starts_with(GONE) {
            tree::remove(&common, &name).at(repo.common().join(&name))?;
        }
    }
    Ok(found)
}

/// Tells whether git's data says that a worktree is ours.
pub(super) fn is_locked_by_us(admin: &Path) -> bool {
    let read = Dir::open(admin).and_then(|dir| read_at(&dir, OsStr::new("locked")));
    read.is_ok_and(|reason| reason.starts_with(REASON.as_bytes()))
}

/// Removes git's data for a worktree of ours. It is moved out of git's list first, so that
/// nobody reads a half of it.
fn remove_admin(repo: &Repo, admin: &Path) -> Result<(), ExecError> {
    let remove = || {
        let common = Dir::open(repo.common())?;
        let list = common.child(OsStr::new("worktrees"))?;
        let name = admin.file_name().unwrap_or_default();
        let mut gone = std::ffi::OsString::from(GONE);
        gone.push(name);
        tree::remove(&common, &gone)?;
        list.rename(name, &common, &gone)?;
        tree::remove(&common, &gone).map(drop)
    };
    remove().at(admin)
}

/// Tells whether git's data for a worktree lacks what git writes last.
fn is_half(admin: &Path) -> bool {
    let Ok(dir) = Dir::open(admin) else {
        return false;
    };
    ["gitdir", "commondir", "HEAD"].iter().any(|name| {
        let read = read_at(&dir, OsStr::new(name));
        read.is_ok_and(|bytes| bytes.is_empty()) || matches!(dir.stat(OsStr::new(name)), Ok(None))
    })
}

/// Finds git's data for the worktree at a path, also what a git that was killed wrote of it.
/// Nobody else makes worktrees of ours while the lock is held.
pub(super) fn admin_of(
    repo: &Repo,
    _held: &Held<'_>,
    path: &Path,
) -> Result<Option<PathBuf>, ExecError> {
    let wanted = path.file_name().unwrap_or_default().to_string_lossy();
    let mut half = None;
    for (admin, at) in admins(repo)? {
        if at.as_deref() == Some(path) {
            return Ok(Some(admin));
        }
        let file = admin.file_name().unwrap_or_default().to_string_lossy();
        if at.is_none() && is_ours(&file) && file.starts_with(&*wanted) {
            half = Some(admin);
        }
    }
    Ok(half)
}

/// Lists git's data for worktrees, with where each is, as far as that was written.
pub(super) fn admins(repo: &Repo) -> Result<Vec<(PathBuf, Option<PathBuf>)>, ExecError> {
    let path = repo.common().join("worktrees");
    let list = match Dir::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.at(&path)?,
    };
    let mut found = Vec::new();
    for (name, kind) in list.entries().at(&path)? {
        if kind != Kind::Dir {
            continue;
        }
        let Ok(admin) = list.child(&name) else {
            // Gone meanwhile.
            continue;
        };
        let at = read_at(&admin, OsStr::new("gitdir")).ok();
        let at = at.filter(|bytes| !bytes.is_empty());
        let at = at.map(|bytes| path_of(bytes.trim_ascii_end()));
        // Newer gits can write it relative to their data.
        let at = at.map(|at| {
            if at.is_absolute() {
                at
            } else {
                path.join(&name).join(at)
            }
        });
        let at = at.and_then(|at| at.parent().map(Path::to_owned));
        found.push((path.join(name), at));
    }
    Ok(found)
}

/// Takes away what a process that died left of a tree that it was making. Nobody has worked
/// in it yet. When nothing shows that the making had begun, what stands at its place is not
/// ours.
pub(super) fn unmake(repo: &Repo, record: &Record) -> Result<(), ExecError> {
    if is_begun(repo, record)? {
        take_away(repo, record, Undo::Own)?;
    }
    Ok(())
}

fn is_begun(repo: &Repo, record: &Record) -> Result<bool, ExecError> {
    let held = repo.hold("look")?;
    if let Some(branch) = &record.branch {
        // Git was killed while it made the branch.
        clear_lock(repo, &held, &format!("refs/heads/{branch}"))?;
    }
    if admin_of(repo, &held, &record.path)?.is_some() {
        return Ok(true);
    }
    let reference = match (&record.isolation, &record.branch) {
        (Isolation::Clone, _) => record.name().keep(),
        (Isolation::Worktree, Some(branch)) => format!("refs/heads/{branch}"),
        (Isolation::Worktree, None) => return Ok(true),
    };
    Ok(repo.reference(&reference)?.is_some())
}

/// Finds the files and git's data of a tree that was left behind.
pub(super) fn files_of(repo: &Repo, record: &Record) -> Result<Files, ExecError> {
    if record.isolation == Isolation::Clone {
        return Ok(Repo::clone_files(&record.path));
    }
    let known = admins(repo)?;
    let own = known
        .into_iter()
        .find(|(_, at)| at.as_ref() == Some(&record.path));
    Ok(Files {
        // Without any, nothing is asked of git there.
        git_dir: own.map(|(admin, _)| admin).unwrap_or_default(),
        path: record.path.clone(),
    })
}
