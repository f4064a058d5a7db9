//! Making a tree, in two phases: git's list of worktrees is changed behind the repository's
//! lock, which takes milliseconds; the files are written outside of it, by few at once.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::available_parallelism;

use super::faults::step;
use super::git::{Call, Files, RETRIES, Refusal, RefusalExt as _, wait_before};
use super::name::Name;
use super::record::{Record, Stage};
use super::remove::{Undo, admin_of, take_away};
use super::repo::{CommitId, Repo};
use super::store::{Shelf, Store};
use super::template::{Empty, Templates};
use super::tree::Tree;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs::{self, Attributes, read_at, write_atomic};
use crate::os::git::pointer;
use crate::os::lock::Lock;
use crate::state::StateHome;

/// The longest path that systems take, and how much git needs for names of its own.
const LONGEST: usize = 4095;
const SPARE: usize = 64;
/// More checkouts at once only wait for one another.
const MOST: usize = 4;
/// Where trees are inside of a project.
const INSIDE: &str = ".callsheet/worktrees";

/// How a tree is kept apart from the rest of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Files and index of its own; references, configuration and stash are shared.
    Worktree,
    /// A repository of its own that borrows the objects.
    Clone,
}

impl Isolation {
    /// Returns the word that stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Isolation::Worktree => "worktree",
            Isolation::Clone => "clone",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let all = [Isolation::Worktree, Isolation::Clone];
        all.into_iter().find(|isolation| isolation.as_str() == text)
    }
}

/// Where a tree is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// In the state home, outside of the repository.
    #[default]
    Outside,
    /// In the project, below `.callsheet/worktrees`, which git is told to ignore first.
    Inside,
}

/// What a tree is made for.
#[derive(Debug, Clone)]
pub struct Spec<'s> {
    /// The call; any text that no other call of the run has.
    pub call: &'s str,
    /// The number of the attempt; no two attempts of a call have the same.
    pub attempt: u32,
    /// What people call it. It is no part of any name.
    pub label: &'s str,
    /// The commit to start from.
    pub base: &'s CommitId,
    /// How it is kept apart.
    pub isolation: Isolation,
    /// Where it is made.
    pub place: Place,
}

/// The trees of one run in one repository.
#[derive(Debug, Clone)]
pub struct Trees {
    pub(super) shop: Arc<Shop>,
    run: String,
    epoch: u64,
}

/// What every tree of a run needs.
#[derive(Debug)]
pub(super) struct Shop {
    pub(super) repo: Repo,
    pub(super) store: Store,
    // The longest path of each commit that trees were made from.
    lengths: Mutex<BTreeMap<CommitId, usize>>,
    templates: Templates,
}

/// What an attempt to make a tree has come to.
enum Attempt {
    /// Git refused.
    Refused(Refusal),
    /// Something else went wrong.
    Failed(ExecError),
}

impl From<ExecError> for Attempt {
    fn from(error: ExecError) -> Self {
        Attempt::Failed(error)
    }
}

impl From<Refusal> for Attempt {
    fn from(refusal: Refusal) -> Self {
        Attempt::Refused(refusal)
    }
}

impl Trees {
    /// Prepares for the trees of a run. `epoch` says how often the run was taken up.
    ///
    /// # Errors
    /// The state home may not be written, or has no locks.
    pub fn new(repo: Repo, state: &StateHome, run: &str, epoch: u64) -> Result<Self, ExecError> {
        let store = Store::open(state, &repo)?;
        Ok(Self {
            shop: Arc::new(Shop {
                repo,
                store,
                lengths: Mutex::default(),
                templates: Templates::default(),
            }),
            run: run.to_owned(),
            epoch,
        })
    }

    /// Returns the repository.
    pub fn repo(&self) -> &Repo {
        &self.shop.repo
    }

    /// Returns the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Returns a number that no attempt of a call has had, as far as trees, branches and
    /// saved work tell.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn next_attempt(&self, call: &str) -> Result<u32, ExecError> {
        let of = |attempt| Name::new(&self.run, call, attempt);
        let records = self.shop.store.records()?;
        let ours = records
            .iter()
            .filter(|record| record.run == self.run && record.call == call);
        let mut most = ours.map(|record| record.attempt).max().unwrap_or(0);
        let told = self.shop.repo.call().look(&[
            "for-each-ref",
            "--format=%(refname)",
            "refs/heads/callsheet/",
            "refs/callsheet/",
        ]);
        let told = told.or_failed("the references cannot be read")?;
        let start = of(0).to_string();
        let start = start.strip_suffix('0').unwrap_or(&start);
        for line in String::from_utf8_lossy(&told).lines() {
            let number = line.split_once(start).map(|(_, rest)| rest);
            most = most.max(number.and_then(|rest| rest.parse().ok()).unwrap_or(0));
        }
        Ok(most.saturating_add(1))
    }

    /// Makes a tree. `reserved` is called once, when the name is ours and nothing of the tree
    /// exists: what has to be durable before the tree is, is written there.
    ///
    /// # Errors
    /// The kind is `Isolation` when git or the file system cannot make it; nothing of it is
    /// left then. An error of `reserved` comes back as it is.
    pub fn create(
        &self,
        spec: &Spec<'_>,
        reserved: &mut dyn FnMut(&Record) -> Result<(), ExecError>,
    ) -> Result<Tree, ExecError> {
        let name = Name::new(&self.run, spec.call, spec.attempt);
        self.make(spec, Some(name.branch()), reserved)
    }

    /// As [`Trees::create`], without a branch when none is given.
    pub(super) fn make(
        &self,
        spec: &Spec<'_>,
        branch: Option<String>,
        reserved: &mut dyn FnMut(&Record) -> Result<(), ExecError>,
    ) -> Result<Tree, ExecError> {
        let name = Name::new(&self.run, spec.call, spec.attempt);
        let path = self.place(&name, spec.place)?;
        self.shop.check_length(&path, spec.base)?;
        let record = Record {
            run: self.run.clone(),
            call: spec.call.to_owned(),
            attempt: spec.attempt,
            epoch: self.epoch,
            label: spec.label.to_owned(),
            base: spec.base.clone(),
            path,
            branch,
            isolation: spec.isolation,
            stage: Stage::Making,
            problem: None,
        };
        let (shelf, lock) = self.reserve(&name, &record)?;
        step("reserved");
        let mut undo = Undo::Nothing;
        let made = reserved(&record).and_then(|()| {
            step("announced");
            self.make_patiently(&record, &lock, &mut undo)
        });
        let made = made.and_then(|files| {
            let record = Record {
                stage: Stage::Ready,
                ..record.clone()
            };
            step("checked out");
            shelf.write(&record).map_err(isolation)?;
            step("ready");
            Ok((files, record))
        });
        match made {
            Ok((files, record)) => Ok(Tree::new(
                Arc::clone(&self.shop),
                shelf,
                record,
                files,
                lock,
            )),
            Err(error) => Err(self.give_up(&record, &shelf, undo, error)),
        }
    }

    /// Makes a name ours: nobody else has it, or gets it as long as the lock is held.
    fn reserve(&self, name: &Name, record: &Record) -> Result<(Shelf, Lock), ExecError> {
        let mut tries = 0;
        loop {
            let shelf = self.shop.store.shelf(name).map_err(isolation)?;
            let lock = match shelf.lock() {
                // The end of another tree of the run has just taken the empty directory.
                Err(_) if tries < RETRIES && !shelf.is_there() => {
                    tries += 1;
                    continue;
                }
                lock => lock.map_err(isolation)?,
            };
            if let Some(lock) = lock
                && shelf.write_first(record).map_err(isolation)?
            {
                return Ok((shelf, lock));
            }
            let message = format!("the attempt {name} exists already");
            return Err(ExecError::new(ExecErrorKind::Isolation, message)
                .hint("give the next attempt a number of its own")
                .at(&record.path));
        }
    }

    /// Leaves nothing of a tree that could not be made.
    fn give_up(&self, record: &Record, shelf: &Shelf, undo: Undo, error: ExecError) -> ExecError {
        let gone = take_away(&self.shop.repo, record, undo).and_then(|()| shelf.clear());
        match gone {
            Ok(()) => {
                self.shop.store.forget_run(record.name().run());
                error
            }
            Err(left) => {
                // The record stays, so that it is tried again.
                let record = Record {
                    stage: Stage::Removing,
                    problem: Some(left.chain()),
                    ..record.clone()
                };
                shelf.write(&record).ok();
                error.hint(format!(
                    "a part of it is left and will be removed later: {left}"
                ))
            }
        }
    }

    fn make_patiently(
        &self,
        record: &Record,
        lock: &Lock,
        undo: &mut Undo,
    ) -> Result<Files, ExecError> {
        let mut tries = 0;
        loop {
            let attempt = match record.isolation {
                Isolation::Worktree => self.shop.make_worktree(record, lock, undo),
                Isolation::Clone => self.shop.make_clone(record, lock, undo),
            };
            let refusal = match attempt {
                Ok(files) => return Ok(files),
                Err(failed) => failed,
            };
            step("refused");
            // What cannot be taken away now is told beside why it could not be made.
            let clean = take_away(&self.shop.repo, record, *undo).is_ok();
            if clean {
                *undo = Undo::Nothing;
            }
            match refusal {
                Attempt::Refused(refusal) if clean && refusal.is_passing() && tries < RETRIES => {
                    wait_before(&mut tries);
                }
                Attempt::Refused(refusal) => {
                    let error = refusal
                        .into_error(ExecErrorKind::Isolation, "a tree of its own cannot be made");
                    return Err(error.at(&record.path));
                }
                Attempt::Failed(error) if error.kind() == ExecErrorKind::Failed => {
                    return Err(isolation(error));
                }
                Attempt::Failed(error) => return Err(error),
            }
        }
    }

    fn place(&self, name: &Name, place: Place) -> Result<PathBuf, ExecError> {
        match place {
            Place::Outside => Ok(self.shop.store.place(name)),
            Place::Inside => {
                let top = self.shop.repo.top().ok_or_else(|| {
                    let message = "a bare repository has no place for trees inside";
                    ExecError::new(ExecErrorKind::Usage, message)
                })?;
                exclude(&self.shop.repo)?;
                Ok(top.join(INSIDE).join(name.run()).join(name.file()))
            }
        }
    }
}

fn isolation(error: ExecError) -> ExecError {
    let path = error.context().path.clone();
    let wrapped = ExecError::new(ExecErrorKind::Isolation, "a tree of its own cannot be made");
    let wrapped = match path {
        Some(path) => wrapped.at(path),
        None => wrapped,
    };
    wrapped.because(error)
}

/// Tells git to pass over the directory of trees inside of the project.
fn exclude(repo: &Repo) -> Result<(), ExecError> {
    let path = repo.common().join("info");
    let line = format!("/{INSIDE}/");
    let held = repo.hold("exclude")?;
    let write = || {
        fs::make_dirs(&path)?;
        let place = fs::Place {
            dir: Dir::open(&path)?,
            name: "exclude".into(),
        };
        let mut text = match read_at(&place.dir, &place.name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        if text
            .split(|byte| *byte == b'\n')
            .any(|there| there == line.as_bytes())
        {
            return Ok(());
        }
        if !text.is_empty() && !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        let mode = place.dir.stat(&place.name)?.map(|meta| meta.mode);
        let attributes = Attributes { mode, mtime: None };
        write_atomic(&place, OsStr::new(".exclude.callsheet"), &text, attributes)
    };
    let written = write();
    drop(held);
    written.at(path.join("exclude"))
}

impl Shop {
    /// Refuses a place at which the longest path would be too long.
    fn check_length(&self, path: &Path, base: &CommitId) -> Result<(), ExecError> {
        let mut lengths = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
        let longest = if let Some(longest) = lengths.get(base) {
            *longest
        } else {
            let args = ["ls-tree", "-r", "-z", "--name-only", base.as_str()];
            let told = self.repo.call().look(&args);
            let told = told.or_failed("the base cannot be read")?;
            let names = told.split(|byte| *byte == 0).map(<[u8]>::len);
            let longest = names.max().unwrap_or(0);
            lengths.insert(base.clone(), longest);
            longest
        };
        let length = path.as_os_str().len() + 1 + longest + SPARE;
        if length <= LONGEST {
            return Ok(());
        }
        let message = format!("paths in the tree would be too long: {length} bytes");
        Err(ExecError::new(ExecErrorKind::Usage, message)
            .hint("set CALLSHEET_STATE_HOME to a directory with a shorter path")
            .at(path))
    }

    fn make_worktree(
        &self,
        record: &Record,
        lock: &Lock,
        undo: &mut Undo,
    ) -> Result<Files, Attempt> {
        let (name, path) = (record.name(), &record.path);
        check_free(path)?;
        let held = self.repo.hold(&name.reason())?;
        if admin_of(&self.repo, &held, path)?.is_some() {
            let message = "git still knows a worktree there that was removed behind its back";
            let error = ExecError::new(ExecErrorKind::Isolation, message)
                .hint("give the next attempt a number of its own, or `git worktree remove` it")
                .at(path);
            return Err(error.into());
        }
        let mut what = record.base.as_str();
        let mut args = vec!["worktree", "add", "--quiet", "--no-checkout", "--lock"];
        if let Some(branch) = &record.branch {
            // The branch comes first and must be new: when it is not, nothing else exists yet.
            let reference = format!("refs/heads/{branch}");
            self.repo
                .create_reference(&held, &reference, &record.base)?;
            *undo = Undo::Own;
            what = branch;
            step("branch");
        } else {
            args.push("--detach");
        }
        *undo = Undo::Own;
        let reason = name.reason();
        args.extend(["--reason", &reason, "--"]);
        let call = self.repo.call().holding(&held.lock);
        call.run_on(&args, &[path.as_os_str(), OsStr::new(what)])?;
        step("registered");
        let dir = Dir::open(path).at(path)?;
        let told = read_at(&dir, OsStr::new(".git")).at(path)?;
        let files = Files {
            git_dir: pointer(&told).unwrap_or_default(),
            path: path.clone(),
        };
        drop(held);
        step("released");
        let root = self.store.root();
        let empty = Empty {
            repo: &self.repo,
            base: &record.base,
            files: &files,
            lock,
        };
        if !self.templates.copy(root, &empty) {
            check_out(&files, lock)?;
        }
        Ok(files)
    }

    fn make_clone(&self, record: &Record, lock: &Lock, undo: &mut Undo) -> Result<Files, Attempt> {
        let (name, path) = (record.name(), &record.path);
        check_free(path)?;
        let held = self.repo.hold(&name.reason())?;
        // The clone borrows objects: they must not be removed from under it.
        self.repo
            .create_reference(&held, &name.keep(), &record.base)?;
        drop(held);
        *undo = Undo::Own;
        step("kept");
        let parent = path.parent().unwrap_or(path);
        fs::make_private_dirs(parent).at(parent)?;
        let args = [
            "clone",
            "--quiet",
            "--shared",
            "--no-checkout",
            "--template=",
            "--config",
            "gc.auto=0",
            "--config",
            "maintenance.auto=false",
            // Its branches are brought back by us; nothing is pushed behind the user's back.
            "--config",
            "remote.origin.pushurl=callsheet-clones-do-not-push",
            "--",
        ];
        let from = self.repo.common().as_os_str();
        let call = Call::new(parent).holding(lock);
        call.run_on(&args, &[from, path.as_os_str()])?;
        step("cloned");
        let files = Repo::clone_files(path);
        let call = Call::within(&files).holding(lock);
        let base = record.base.as_str();
        match &record.branch {
            Some(branch) => {
                let reference = format!("refs/heads/{branch}");
                call.run(&["update-ref", &reference, base])?;
                call.run(&["symbolic-ref", "HEAD", &reference])?;
            }
            None => drop(call.run(&["update-ref", "--no-deref", "HEAD", base])?),
        }
        check_out(&files, lock)?;
        Ok(files)
    }
}

fn check_free(path: &Path) -> Result<(), ExecError> {
    let place = path.parent().zip(path.file_name());
    let there = place.and_then(|(parent, name)| Dir::open(parent).ok()?.stat(name).ok()?);
    if there.is_none() {
        return Ok(());
    }
    let message = "something stands already where the tree would be made";
    Err(ExecError::new(ExecErrorKind::Isolation, message)
        .hint("move it away, or give the next attempt a number of its own")
        .at(path))
}

/// Writes the files of a tree.
fn check_out(files: &Files, lock: &Lock) -> Result<(), Refusal> {
    let _turn = Turn::take();
    let call = Call::within(files).holding(lock).fetching();
    // Not `reset --hard`: that takes the lock of the packed references, which all share.
    call.run(&["read-tree", "--reset", "-u", "HEAD"]).map(drop)
}

/// The right to write a tree's files, which few have at once.
pub(super) struct Turn;

static BUSY: Mutex<usize> = Mutex::new(0);
static FREE: Condvar = Condvar::new();

impl Turn {
    /// Waits for it.
    pub(super) fn take() -> Self {
        let most = available_parallelism().map_or(1, NonZero::get).min(MOST);
        let mut busy = BUSY.lock().unwrap_or_else(PoisonError::into_inner);
        while *busy >= most {
            busy = FREE.wait(busy).unwrap_or_else(PoisonError::into_inner);
        }
        *busy += 1;
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *BUSY.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREE.notify_one();
    }
}
