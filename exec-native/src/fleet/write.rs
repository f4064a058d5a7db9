//! Changing files of a home: one run of the effect engine, so that a failure or a crash
//! leaves all of them as they were; with the previous roster kept as a generation.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use plan_core::base::digest;
use plan_core::effect::{
    ActionKind, ActionList, Content, Document, EntryKind, Phase, PutBack, Undo, WriteMode,
};

use super::crew::RUN;
use super::home::{Home, ROSTER, ROSTER_LOCK, Stored};
use super::lock::FleetLock;
use crate::apply::inject::Faults;
use crate::apply::{ApplyOptions, Progress, Run, RunHandle, keep_latest, recover};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal;
use crate::os::dir::Dir;
use crate::os::fs;
use crate::os::proc::Cancel;
use crate::os::walk::text_of;
use crate::state::{RunId, StateHome};

/// Where earlier rosters are, below the home: a directory with a number for each.
pub const HISTORY: &str = "fleet/history";

/// How many commands of a home can be reverted one by one; every roster stays in its history.
pub const KEPT_RUNS: usize = 20;

/// What the labels of all our runs begin with.
const LABEL: &str = "fleet ";

/// How long a command waits for another one by default.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A change of one file of a home.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, relative to the home.
    pub path: String,
    /// What it is to hold; `None` removes it.
    pub content: Option<String>,
    /// The digest of what it held when that was read; `None` when there was no file.
    pub before: Option<String>,
    /// Whether only the owner may read it. Nothing of it is kept elsewhere.
    pub private: bool,
}

impl fmt::Debug for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An environment file may hold secrets.
        out.debug_struct("Change")
            .field("path", &self.path)
            .field("removes", &self.content.is_none())
            .field("before", &self.before)
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

impl Change {
    /// Writes a file over what was read of it.
    pub fn write(path: &str, content: String, before: Option<&Stored>) -> Self {
        Self {
            path: path.to_owned(),
            content: Some(content),
            before: before.map(|stored| stored.digest.clone()),
            private: false,
        }
    }

    /// Removes a file that was read.
    pub fn remove(path: &str, before: &Stored) -> Self {
        Self {
            path: path.to_owned(),
            content: None,
            before: Some(before.digest.clone()),
            private: false,
        }
    }

    /// Lets only the owner read it.
    #[must_use]
    pub fn privately(mut self) -> Self {
        self.private = true;
        self
    }
}

/// How changes are made.
#[derive(Clone)]
pub struct WriteOptions<'o> {
    /// Where the run keeps what its undo needs.
    pub state: StateHome,
    /// The words of the command, such as `fleet provision`.
    pub command: String,
    /// How long to wait for another command.
    pub lock_timeout: Duration,
    /// The lock, when the caller holds it already.
    pub lock: Option<&'o FleetLock>,
    /// Hears what the run does.
    pub progress: Option<Progress<'o>>,
    /// The flag that stops it; what was done is undone.
    pub cancel: Cancel,
    /// Faults to inject, for tests.
    pub faults: Faults,
}

impl fmt::Debug for WriteOptions<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("WriteOptions")
            .field("state", &self.state)
            .field("command", &self.command)
            .field("lock_timeout", &self.lock_timeout)
            .field("lock", &self.lock)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl WriteOptions<'_> {
    /// Creates options with defaults.
    pub fn new(state: StateHome, command: &str) -> Self {
        Self {
            state,
            command: command.to_owned(),
            lock_timeout: LOCK_TIMEOUT,
            lock: None,
            progress: None,
            cancel: Cancel::new(),
            faults: Faults::default(),
        }
    }
}

/// What became of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The run that did it; `callsheet revert` takes it back. None when all was as wanted, or
    /// was private, or is only what seats are started from.
    pub run: Option<RunId>,
    /// The number under which the previous roster is kept.
    pub generation: Option<u64>,
    /// The files that are different now, relative to the home.
    pub changed: Vec<String>,
}

/// Takes back what commands left in a home that were killed. Whoever reads a home to
/// change it does this first, behind the lock.
///
/// # Errors
/// Something could not be taken back.
pub fn settle(lock: &FleetLock, state: &StateHome) -> Result<(), ExecError> {
    for report in recover(state, Some(lock.root()))? {
        let errors = report.result.map(|report| report.errors());
        let error = match errors {
            Ok(errors) => errors.into_iter().next(),
            Err(error) => Some(error),
        };
        if let Some(error) = error {
            return Err(error
                .about("an earlier command was killed and cannot be taken back")
                .hint("`callsheet recover` tries again"));
        }
    }
    Ok(())
}

/// Makes changes of files of a home: all of them, or none; first, in the same way, those over
/// private files. A file that is no longer as it
/// was read is not touched, and neither are the others.
///
/// # Errors
/// Another command works on the home, a file has changed since it was read, a link is on
/// the way, or something cannot be written.
pub fn commit_changes(
    home: &Home,
    changes: &[Change],
    options: &WriteOptions<'_>,
) -> Result<Written, ExecError> {
    if changes.is_empty() {
        return Ok(Written::default());
    }
    let own;
    let lock = if let Some(lock) = options.lock {
        lock
    } else {
        own = FleetLock::take(home, &options.command, options.lock_timeout)?;
        &own
    };
    settle(lock, &options.state)?;
    let mut wanted = Vec::new();
    for change in changes {
        if let Some(target) = check(home, lock.root(), change)? {
            wanted.push((change, target));
        }
    }
    if wanted.is_empty() {
        return Ok(Written::default());
    }
    let changed = wanted.iter().map(|(change, _)| change.path.clone());
    let mut written = Written {
        changed: changed.collect(),
        ..Written::default()
    };
    // Backups of what may hold secrets are not kept. So it is written first, by a run of its
    // own; without the rest it does nothing, and the next command makes the rest of it.
    let is_backed_up = |(change, _): &(&Change, Target)| change.private && change.before.is_some();
    let (private, public): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_backed_up);
    if !private.is_empty() {
        let actions = listed(ActionList::new(), &private);
        let handle = carry_out(lock.root(), &actions, &private, options)?;
        or_dispose(&handle, handle.commit_for_good())?;
    }
    if !public.is_empty() {
        let mut actions = ActionList::new();
        written.generation = keep_roster(home, lock.root(), &public, &mut actions)?;
        let actions = listed(actions, &public);
        let handle = carry_out(lock.root(), &actions, &public, options)?;
        // What seats are started from is made again by the next command; nobody reverts it.
        let lasts = public
            .iter()
            .any(|(change, _)| !Path::new(&change.path).starts_with(RUN));
        if !lasts {
            or_dispose(&handle, handle.commit_for_good())?;
            return Ok(written);
        }
        or_dispose(&handle, handle.commit())?;
        written.run = Some(handle.id().clone());
        keep_latest(&options.state, lock.root(), LABEL, KEPT_RUNS)?;
    }
    Ok(written)
}

/// Adds changes to a list of actions.
fn listed(mut actions: ActionList, wanted: &[(&Change, Target)]) -> ActionList {
    for (change, target) in wanted {
        actions.push(Phase::Results, action(change, target));
    }
    actions
}

/// Where a change is made.
struct Target {
    below: PathBuf,
    path: PathBuf,
}

/// Checks that a change can be made; `None` when the file is as wanted.
fn check(home: &Home, root: &Path, change: &Change) -> Result<Option<Target>, ExecError> {
    let inside = Path::new(&change.path);
    let plain = |segment| matches!(segment, Component::Normal(_));
    if !inside.components().all(plain) || inside.file_name().is_none() {
        let message = format!("`{}` leaves the fleet home", change.path);
        return Err(ExecError::new(ExecErrorKind::Internal, message));
    }
    let found = home.digest(&change.path)?;
    if found != change.before {
        return Err(moved_on(&root.join(inside)));
    }
    let content = change.content.as_ref();
    if found == content.map(|content| digest::of_bytes(content.as_bytes())) {
        return Ok(None);
    }
    target(home, root, inside).map(Some)
}

fn moved_on(path: &Path) -> ExecError {
    let message = "somebody changed the file since it was read";
    let error = ExecError::new(ExecErrorKind::Busy, message).at(path);
    error.hint("look at it and call the command again")
}

/// Finds where a file of the home really is: links that may be followed are.
fn target(home: &Home, root: &Path, inside: &Path) -> Result<Target, ExecError> {
    let path = root.join(inside);
    if !home.follows() {
        let below = root.to_owned();
        return Ok(Target { below, path });
    }
    let mut above = path.as_path();
    while let Some(parent) = above.parent() {
        // The nearest that is there; the file itself may be a link.
        if fs::is_file(above) || fs::is_dir(above) {
            break;
        }
        above = parent;
    }
    let real = fs::real(above).at(above)?;
    let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
    let (below, path) = if rest.as_os_str().is_empty() {
        (real.parent().unwrap_or(&real).to_owned(), real)
    } else {
        (real.clone(), real.join(rest))
    };
    Ok(Target { below, path })
}

fn action(change: &Change, target: &Target) -> ActionKind {
    let (path, below) = (text_of(&target.path), text_of(&target.below));
    match &change.content {
        None => ActionKind::Remove { path, below },
        Some(content) => ActionKind::WriteFile {
            path,
            below,
            over: None,
            how: if change.before.is_some() {
                WriteMode::Overwrite
            } else {
                WriteMode::CreateOnly
            },
            content: Content::Document(Document::text(content.clone())),
            private: change.private,
        },
    }
}

/// Lists the numbers of the earlier rosters, the oldest first.
///
/// # Errors
/// The directory cannot be read.
pub fn generations(home: &Home) -> Result<Vec<u64>, ExecError> {
    if home.kind(HISTORY)?.is_none() {
        return Ok(Vec::new());
    }
    let path = home.path(HISTORY);
    let names = Dir::open(&path).and_then(|dir| dir.names()).at(&path)?;
    let numbers = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Keeps the roster and what belongs to it, if a change touches one of them.
fn keep_roster(
    home: &Home,
    root: &Path,
    wanted: &[(&Change, Target)],
    actions: &mut ActionList,
) -> Result<Option<u64>, ExecError> {
    const KEPT: [&str; 2] = [ROSTER, ROSTER_LOCK];
    let is_kept = |(change, _): &(&Change, Target)| KEPT.contains(&&*change.path);
    if !wanted.iter().any(is_kept) {
        return Ok(None);
    }
    let number = generations(home)?.last().map_or(1, |last| last + 1);
    let mut any = false;
    for file in KEPT {
        if home.kind(file)?.is_none() {
            continue;
        }
        any = true;
        let name = Path::new(file).file_name().unwrap_or_default();
        let kept = Path::new(HISTORY).join(number.to_string()).join(name);
        let target = target(home, root, &kept)?;
        let kind = ActionKind::WriteFile {
            path: text_of(&target.path),
            below: text_of(&target.below),
            over: None,
            how: WriteMode::CreateOnly,
            content: Content::File(text_of(&root.join(file))),
            private: false,
        };
        actions.push(Phase::Results, kind);
    }
    Ok(any.then_some(number))
}

fn carry_out(
    root: &Path,
    actions: &ActionList,
    wanted: &[(&Change, Target)],
    options: &WriteOptions<'_>,
) -> Result<RunHandle, ExecError> {
    let apply = ApplyOptions {
        label: Some(options.command.clone()),
        progress: options.progress,
        cancel: options.cancel.clone(),
        faults: options.faults,
        ..ApplyOptions::default()
    };
    let handle = Run::begin(&options.state, root)?.apply(actions, &apply)?;
    or_dispose(&handle, compare(&handle, wanted))?;
    Ok(handle)
}

/// Takes a run back when something went wrong.
fn or_dispose(handle: &RunHandle, done: Result<(), ExecError>) -> Result<(), ExecError> {
    // What cannot be promised to stay is taken back.
    done.map_err(|error| error.with_undo_errors(handle.dispose().errors()))
}

/// Compares what the run replaced with what was read: an editor does not ask for our lock.
fn compare(handle: &RunHandle, wanted: &[(&Change, Target)]) -> Result<(), ExecError> {
    let path = handle.state().run_path(handle.id());
    let dir = Dir::open(&path).at(&path)?;
    let records = journal::read(&dir)?;
    let announced = records.iter().flat_map(|journal| journal.state.actions());
    for action in announced {
        let Undo::PutBack(PutBack { path, original, .. }) = &action.announced.undo else {
            continue;
        };
        let own = wanted
            .iter()
            .find(|(_, target)| target.path == Path::new(path));
        let found = original
            .digest
            .as_ref()
            .filter(|_| original.kind == EntryKind::File);
        if own.is_some_and(|(change, _)| change.before.as_ref() != found) {
            return Err(moved_on(Path::new(path)));
        }
    }
    Ok(())
}
