//! Bringing changes into the project: one run of the effect engine, which is backed up
//! before it acts, taken back after a crash, and committed at its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::effect::{ActionKind, ActionList, Phase, RunStatus};

use super::applied::{Applied, How, Pair};
use super::decide::{Conflict, Conflicts, Decisions, decide};
use super::git::{self, Commit};
use super::guard;
use super::scan::Blocked;
use super::set::{Change, ChangeKind, ChangeSet, collect, look};
use super::view::{Opened, View, open};
use crate::apply::inject::Faults;
use crate::apply::stamp::Stamp;
use crate::apply::{ApplyOptions, Run, RunHandle, ops};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::proc::Cancel;
use crate::os::walk::text_of;
use crate::state::{RunDir, RunId, StateHome};

const LIST: &str = "transfer.list";

/// How changes are brought back.
#[derive(Debug, Clone, Default)]
pub struct ApplyChanges {
    /// What happens where the project has changed too.
    pub conflicts: Conflicts,
    /// Only these paths, and what is below them, relative to the project; all when empty.
    pub paths: Vec<PathBuf>,
    /// Whether many deletions are meant.
    pub confirm_deletions: bool,
    /// Whether edited files that the run itself wrote are put beside the project's.
    pub generated: bool,
    /// Whether it is only said what would be done.
    pub dry_run: bool,
    /// How long to wait for runs that work on the same files.
    pub wait: Option<Duration>,
    /// The flag that stops it; what was done is undone.
    pub cancel: Cancel,
    /// Faults to inject, for tests.
    pub faults: Faults,
}

impl RunHandle {
    /// Lists what was done in the run's view.
    ///
    /// # Errors
    /// As [`changes`].
    pub fn changes(&self) -> Result<ChangeSet, ExecError> {
        changes(self.state(), self.id())
    }

    /// Brings what was done in the run's view into the project, while the run lives or
    /// after it.
    ///
    /// # Errors
    /// As [`apply_changes`].
    pub fn apply_changes(&self, options: &ApplyChanges) -> Result<BroughtBack, ExecError> {
        apply_changes(self.state(), self.id(), options)
    }

    /// Ends the run and gives up what was done in its view.
    ///
    /// # Errors
    /// As [`discard_changes`], and when the run cannot be taken back.
    pub fn discard_changes(&self) -> Result<Discarded, ExecError> {
        let report = self.dispose();
        if let Some(error) = report.errors().into_iter().next() {
            return Err(error);
        }
        if report.leftover.is_none() {
            return Ok(Discarded::default());
        }
        discard_changes(self.state(), self.id(), (self.cwd(), true))
    }
}

/// What became of changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BroughtBack {
    /// The run that did it; `callsheet revert` takes it back.
    pub run: Option<RunId>,
    /// What was brought to its place, with what was done.
    pub applied: Vec<(PathBuf, ChangeKind)>,
    /// Where the project had changed too.
    pub conflicts: Vec<Conflict>,
    /// What stays in the view, and why.
    pub left: Vec<(PathBuf, Blocked)>,
    /// What changed while it was being brought back; another call gets it.
    pub missed: Vec<PathBuf>,
    /// The commits that the project's repository has now.
    pub commits: Vec<Commit>,
    /// Whether the view had nothing else and is gone.
    pub view_removed: bool,
    /// Whether something of the user's was replaced or removed.
    pub(super) overwrote: bool,
}

/// Which changes a pass takes.
pub(super) type Choice<'c> = &'c dyn Fn(&Change) -> bool;

/// Brings the changes of a run's view into its project.
///
/// # Errors
/// There is no such view, a guard refuses, another run works on the same files, or
/// something could not be written: then nothing is changed.
pub fn apply_changes(
    state: &StateHome,
    id: &RunId,
    options: &ApplyChanges,
) -> Result<BroughtBack, ExecError> {
    let Opened { view, lease } = open(state, id, true)?;
    if lease.is_none() && view.status == RunStatus::Closed {
        let message = format!("another process works on the changes of run {id}");
        return Err(ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str()));
    }
    let wanted = |change: &Change| is_wanted(&options.paths, &change.path);
    let mut done = transfer(state, &view, options, &wanted)?;
    let over = lease.as_ref().filter(|_| view.status == RunStatus::Closed);
    if let Some(run) = over.filter(|_| !options.dry_run && done.missed.is_empty()) {
        done.view_removed = clear_away(run)?;
    }
    Ok(done)
}

fn is_wanted(paths: &[PathBuf], path: &Path) -> bool {
    paths.is_empty() || paths.iter().any(|wanted| path.starts_with(wanted))
}

/// Removes a run whose view has nothing more to bring back.
fn clear_away(run: &RunDir) -> Result<bool, ExecError> {
    let is_empty = match View::of(&run.id, &run.dir)? {
        Some(view) => collect(&view)?.is_empty(),
        None => false,
    };
    if is_empty {
        run.remove()?;
    }
    Ok(is_empty)
}

/// Brings the chosen changes of a view into the project.
pub(super) fn transfer(
    state: &StateHome,
    view: &View,
    options: &ApplyChanges,
    choice: Choice<'_>,
) -> Result<BroughtBack, ExecError> {
    let ChangeSet {
        entries, commits, ..
    } = collect(view)?;
    let entries: Vec<Change> = entries
        .into_iter()
        .filter(|change| choice(change))
        .collect();
    if !options.confirm_deletions {
        guard::check(view, &entries.iter().collect::<Vec<_>>())?;
    }
    let commits = if options.paths.is_empty() {
        commits
    } else {
        Vec::new()
    };
    let policy = (options.conflicts, options.generated);
    if options.dry_run {
        let decided = decide(view, entries, policy, None).at(&view.project)?;
        return Ok(answer(decided, commits));
    }
    if entries.is_empty() && commits.is_empty() {
        return Ok(BroughtBack::default());
    }
    let run = Run::begin(state, &view.project)?;
    let stage = run.stage_dir();
    git::fetch(view, &commits, &stage)?;
    let dir = Dir::open(&stage).at(&stage)?;
    let decided = decide(view, entries, policy, Some(&dir)).at(&view.project)?;
    let done = carry_out(run, view, &dir, (&decided, options))?;
    let (settled, missed) = settle(view, &decided)?;
    Applied::add(&view.dir, settled)?;
    let is_users = |change: &Change| {
        let pair = view.applied.get(&change.path);
        change.project != Stamp::Absent && pair.is_none_or(Pair::is_users)
    };
    let overwrote = decided.brought.iter().any(is_users);
    let mut answer = answer(decided, commits);
    answer.overwrote = overwrote;
    answer.run = done;
    answer.applied.retain(|(path, _)| !missed.contains(path));
    answer.missed = missed;
    Ok(answer)
}

/// Carries the operations out as a run of its own, if there are any.
fn carry_out(
    run: Run,
    view: &View,
    stage: &Dir,
    (decided, options): (&Decisions, &ApplyChanges),
) -> Result<Option<RunId>, ExecError> {
    if decided.ops.is_empty() {
        return Ok(None);
    }
    ops::save(&decided.ops, stage, LIST)?;
    let mut actions = ActionList::new();
    actions.push(
        Phase::Results,
        ActionKind::Transfer {
            list: text_of(&stage.path().join(LIST)),
            to: text_of(run.cwd()),
        },
    );
    let apply = ApplyOptions {
        label: Some(format!("apply {}", view.id)),
        above: vec![view.id.clone()],
        wait: options.wait,
        cancel: options.cancel.clone(),
        faults: options.faults,
        ..ApplyOptions::default()
    };
    let handle = run.apply(&actions, &apply)?;
    if let Err(error) = handle.commit() {
        // What cannot be promised to stay is taken back.
        let report = handle.dispose();
        return Err(error.with_undo_errors(report.errors()));
    }
    Ok(Some(handle.id().clone()))
}

/// Looks at what became of each change: what is dealt with is the base of later ones.
#[expect(clippy::type_complexity, reason = "two lists that belong together")]
fn settle(
    view: &View,
    decided: &Decisions,
) -> Result<(Vec<(PathBuf, Pair)>, Vec<PathBuf>), ExecError> {
    let (mut settled, mut missed) = (Vec::new(), Vec::new());
    for change in &decided.brought {
        let now = look(&view.project, &change.path).at(&change.path)?.stamp;
        if arrived(change, &now) {
            let (view, project) = (change.view.clone(), now);
            let how = How::Brought;
            settled.push((change.path.clone(), Pair { view, project, how }));
        } else {
            missed.push(change.path.clone());
        }
    }
    for change in &decided.settled {
        let now = look(&view.project, &change.path).at(&change.path)?.stamp;
        // While it was looked at, somebody may have changed it once more.
        let beside = decided.conflicts.iter().find(|own| own.path == change.path);
        let beside = beside.and_then(|conflict| conflict.beside.as_ref());
        let is_there = match beside {
            Some(path) => look(&view.project, path).at(path)?.stamp != Stamp::Absent,
            None => true,
        };
        if is_there && change.blocked.is_none() {
            let (view, project) = (change.view.clone(), now);
            let how = How::Settled;
            settled.push((change.path.clone(), Pair { view, project, how }));
        }
    }
    Ok((settled, missed))
}

fn arrived(change: &Change, now: &Stamp) -> bool {
    match (&change.view, now) {
        // A directory that somebody else uses stays, and that is fine.
        (Stamp::Absent, Stamp::Dir { .. }) => change.what == "directory",
        (Stamp::File { mode, .. }, Stamp::File { mode: own, .. })
            if change.kind == ChangeKind::Mode =>
        {
            mode == own
        }
        (
            Stamp::File { mtime, .. },
            Stamp::File {
                mtime: own, size, ..
            },
        ) => mtime == own && change.size == Some(*size),
        (view, now) => view == now,
    }
}

fn answer(decided: Decisions, commits: Vec<Commit>) -> BroughtBack {
    let brought = decided.brought.into_iter();
    BroughtBack {
        run: None,
        applied: brought.map(|change| (change.path, change.kind)).collect(),
        conflicts: decided.conflicts,
        left: decided.left,
        missed: Vec::new(),
        commits,
        view_removed: false,
        overwrote: false,
    }
}

/// What giving a run's changes up removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discarded {
    /// The changes that are gone, in a few words.
    pub changes: String,
    /// The names of commits that are gone from the project's repository.
    pub references: Vec<String>,
}

/// Gives the changes of a run up: removes its view and the names of its commits. With
/// unsaved changes it must be confirmed. `cwd` is where the names are looked for when the
/// run is gone.
///
/// # Errors
/// The run lives, it has changes and nobody confirmed, or something cannot be removed.
pub fn discard_changes(
    state: &StateHome,
    id: &RunId,
    (cwd, confirmed): (&Path, bool),
) -> Result<Discarded, ExecError> {
    let run = match state.gate().and_then(|_gate| state.open_run(id))? {
        None if !confirmed && !git::references(cwd, id).is_empty() => {
            // Without the view these names are all that is left of its commits.
            return Err(unconfirmed(id, &format!("commits at refs/callsheet/{id}")));
        }
        None => {
            let references = git::forget(cwd, id)?;
            if references.is_empty() {
                return Err(super::view::unknown(id));
            }
            return Ok(Discarded {
                changes: String::new(),
                references,
            });
        }
        Some(found) => found.ours(),
    };
    let Some(run) = run else {
        let message = format!("run {id} lives; its changes can be discarded when it is over");
        let error = ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str());
        return Err(error.hint(format!(
            "end it first, for example with `callsheet dispose {id}`"
        )));
    };
    drop(run);
    match open(state, id, true) {
        Ok(Opened { view, lease }) => {
            let changes = collect(&view)?;
            if !changes.is_empty() && !confirmed {
                return Err(unconfirmed(id, &changes.describe()));
            }
            give_up(lease.as_ref(), &view.project, (id, changes.describe()))
        }
        // Without a view there is nothing to look at, only something to clear away.
        Err(error) if error.kind() == ExecErrorKind::Refused => {
            if !confirmed {
                return Err(error.hint(format!("`callsheet discard {id} --yes` removes the rest")));
            }
            let run = state.open_run(id)?.and_then(crate::state::Found::ours);
            give_up(run.as_ref(), cwd, (id, "what is left of the view".into()))
        }
        // Taking a dead run back removes it when nobody worked in it.
        Err(_) if state.open_run(id)?.is_none() => Ok(Discarded::default()),
        Err(error) => Err(error),
    }
}

fn unconfirmed(id: &RunId, what: &str) -> ExecError {
    let message = format!("run {id} has changes that are nowhere else: {what}");
    ExecError::new(ExecErrorKind::Usage, message)
        .in_run(id.as_str())
        .hint(format!("look at them with `callsheet changes {id}`"))
        .hint(format!("give them up with `callsheet discard {id} --yes`"))
}

fn give_up(
    run: Option<&RunDir>,
    project: &Path,
    (id, changes): (&RunId, String),
) -> Result<Discarded, ExecError> {
    let Some(run) = run else {
        let message = format!("another process works on run {id}");
        return Err(ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str()));
    };
    let references = git::forget(project, id)?;
    run.remove()?;
    Ok(Discarded {
        changes,
        references,
    })
}

/// Tells what is in a view and nowhere else, for the report of a run that ends; `None`
/// when there is nothing.
pub(crate) fn unsaved(run: &RunDir, action: u64) -> Result<Option<String>, ExecError> {
    let view = match View::made_by(&run.id, &run.dir, Some(action)) {
        Err(error) if error.kind() == ExecErrorKind::Refused => return Ok(Some(error.to_string())),
        view => view?,
    };
    let Some(view) = view else {
        return Ok(None);
    };
    let changes = collect(&view)?;
    if changes.is_empty() {
        return Ok(None);
    }
    let id = &run.id;
    Ok(Some(format!(
        "{} in it; look with `callsheet changes {id}`, bring them back with `callsheet apply {id}`, or drop them with `callsheet discard {id}`",
        changes.describe()
    )))
}

/// Lists the changes of a run's view.
///
/// # Errors
/// There is no such view, or it is not the one that the run made.
pub fn changes(state: &StateHome, id: &RunId) -> Result<ChangeSet, ExecError> {
    let Opened { view, lease } = open(state, id, false)?;
    let set = collect(&view);
    drop(lease);
    set
}
