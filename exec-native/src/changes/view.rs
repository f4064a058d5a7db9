//! A run's view, found by the run's id: what it is, where it is, and what later changes
//! are told from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use plan_core::effect::{RunStatus, UPPER, Undo};

use super::applied::Applied;
use super::generated::Generated;
use super::note::{Rules, ViewNote};
use crate::apply::inject::Faults;
use crate::apply::manifest::Manifest;
use crate::apply::recover::recover_run;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal;
use crate::os::dir::{Dir, Mtime};
use crate::os::fs::is_dir;
use crate::os::walk::{exists, text_of};
use crate::state::{BLOBS, Found, LEASE, RunDir, RunId, StateHome};

/// What later changes are told from.
#[derive(Debug)]
pub(super) enum Base {
    /// The list of what was copied.
    List(Manifest),
    /// The project itself, as far as nobody has touched it since then.
    Since(Mtime),
}

/// A run's view.
#[derive(Debug)]
pub(crate) struct View {
    pub(super) id: RunId,
    /// The run's directory.
    pub(super) dir: Dir,
    pub(super) status: RunStatus,
    /// The copy, or the directory of the layer.
    pub(super) root: PathBuf,
    /// The copy, or what was written over the project.
    pub(super) files: Dir,
    pub(super) project: PathBuf,
    pub(super) base: Base,
    pub(super) rules: Rules,
    pub(super) generated: Generated,
    pub(super) applied: Applied,
}

/// A run that was looked up, with its lease if nobody else holds it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) view: View,
    pub(super) lease: Option<RunDir>,
}

/// Finds the view of a run. One that died without being taken back is taken back first
/// when `settle` says so; its view stays if somebody worked in it.
pub(super) fn open(state: &StateHome, id: &RunId, settle: bool) -> Result<Opened, ExecError> {
    let gate = state.gate()?;
    let found = state.open_run(id)?.ok_or_else(|| unknown(id))?;
    let (dir, lease) = match found {
        Found::Theirs(_, dir) => (dir, None),
        Found::Ours(run) => (run.dir.try_clone().at(run.dir.path())?, Some(run)),
    };
    if let Some(run) = lease.as_ref().filter(|_| settle) {
        let status = journal::read(&dir)?.map(|journal| journal.state.status());
        let is_over = matches!(status, Some(RunStatus::Closed | RunStatus::Committed));
        if !is_over && let Some(report) = recover_run(state, run, |_| true, Faults::default()) {
            let errors = report.result?.errors();
            if let Some(error) = errors.into_iter().next() {
                return Err(error);
            }
        }
    }
    drop(gate);
    let view = View::of(id, &dir)?.ok_or_else(|| unknown(id))?;
    Ok(Opened { view, lease })
}

pub(super) fn unknown(id: &RunId) -> ExecError {
    let message = format!("run {id} has no changes: it is gone, or was never there");
    ExecError::new(ExecErrorKind::Usage, message)
        .in_run(id.as_str())
        .hint("`callsheet runs` lists the runs")
}

impl View {
    /// Reads what a run's directory says about its view; `None` when the run is gone.
    pub(crate) fn of(id: &RunId, dir: &Dir) -> Result<Option<Self>, ExecError> {
        let Some(journal) = journal::read(dir)? else {
            return Ok(None);
        };
        let state = &journal.state;
        let Some(started) = state.started() else {
            return Ok(None);
        };
        let undos = state.actions().iter().map(|action| &action.announced.undo);
        let mut found = None;
        for undo in undos {
            found = match undo {
                Undo::RemoveMount(undo) => {
                    let project = undo.from.as_ref().unwrap_or(&started.cwd);
                    Some((&undo.path, project, Some(&undo.manifest)))
                }
                Undo::RemoveLayer(undo) => Some((&undo.path, &undo.from, None)),
                _ => continue,
            };
        }
        let Some((root, project, list)) = found else {
            let message =
                format!("run {id} works in the project itself: it has no changes to look at");
            return Err(ExecError::new(ExecErrorKind::Usage, message).in_run(id.as_str()));
        };
        let root = PathBuf::from(root);
        let note = ViewNote::load(dir)?;
        check_root(&root, note.as_ref()).map_err(|error| error.in_run(id.as_str()))?;
        let place = match list {
            Some(_) => root.clone(),
            None => root.join(UPPER),
        };
        let files = Dir::open(&place).at(&place)?;
        let blobs = dir.child(OsStr::new(BLOBS)).at(dir.path())?;
        let base = match list {
            Some(list) => Base::List(Manifest::load(&blobs, list)?.unwrap_or_default()),
            None => Base::Since(since(dir)?),
        };
        Ok(Some(Self {
            id: id.clone(),
            dir: dir.try_clone().at(dir.path())?,
            status: state.status(),
            generated: Generated::of(state, &place, &blobs)?,
            applied: Applied::load(dir)?,
            rules: Rules::of(&note.unwrap_or_default())?,
            project: PathBuf::from(project),
            files,
            root,
            base,
        }))
    }

    /// Tells whether the project is a repository, so that git's own files in the view are
    /// read for commits and nothing else.
    pub(super) fn has_repository(&self) -> bool {
        exists(&text_of(&self.project.join(".git")))
    }
}

/// When the run began, by the clock of the file system: its lease is created first and
/// never changed.
fn since(dir: &Dir) -> Result<Mtime, ExecError> {
    let lease = dir.stat(OsStr::new(LEASE)).at(dir.path())?;
    Ok(lease.map_or(
        Mtime {
            seconds: 0,
            nanos: 0,
        },
        |lease| lease.ctime,
    ))
}

/// Refuses to take something else for the view: what is missing in it would count as
/// deleted.
fn check_root(root: &Path, note: Option<&ViewNote>) -> Result<(), ExecError> {
    let guarded = |message: &str| {
        let error = ExecError::new(ExecErrorKind::Refused, message).at(root);
        error.hint("nothing was changed; `callsheet discard` gives the run up")
    };
    if !is_dir(root) {
        return Err(guarded(
            "the view is gone: nothing in it can be told from a deletion",
        ));
    }
    let dir = Dir::open(root).at(root)?;
    match note {
        Some(note) if !note.names(&dir).at(root)? => {
            Err(guarded("another directory stands where the view was"))
        }
        _ => Ok(()),
    }
}
