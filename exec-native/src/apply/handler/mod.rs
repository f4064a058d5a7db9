//! One handler for each kind of action: what it needs to be taken back, how it is
//! performed, how it is taken back.

mod copy_tree;
mod layer;
mod make_dir;
mod mount;
mod noted;
mod relocate;
mod remove;
mod run_command;
mod share;
mod symlink;
mod transfer;
mod write_file;

pub(crate) use run_command::run_to_success;
pub(crate) use write_file::{check_content, would_write};

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use plan_core::effect::{ActionKind, ActionList, Outcome, UPPER, Undo, View};

use super::inject::{Faults, Moment, Steps};
use super::options::ApplyOptions;
use super::restore;
use crate::error::ExecError;
use crate::state::RunDir;

/// What an action may use while it is prepared and performed.
pub(crate) struct Bench<'b> {
    pub(crate) run: &'b RunDir,
    pub(crate) options: &'b ApplyOptions<'b>,
    /// The action's number.
    pub(crate) id: u64,
    /// What later actions create in the view of the project, relative to it.
    pub(crate) generated: Vec<PathBuf>,
    /// What the user should know although nothing failed.
    pub(crate) notes: RefCell<Vec<String>>,
}

/// Lists what the actions behind a view's create in it, relative to it.
pub(crate) fn generated(actions: &ActionList) -> Vec<PathBuf> {
    let mut root: Option<PathBuf> = None;
    let mut found = Vec::new();
    for action in actions.iter() {
        let mut add = |path: &Path| {
            let inside = root.as_ref().and_then(|root| path.strip_prefix(root).ok());
            found.extend(inside.map(Path::to_owned));
        };
        match &action.kind {
            ActionKind::Mount { to, view, .. } => {
                root = Some(match view {
                    View::Overlay => Path::new(to).join(UPPER),
                    View::Copy | View::InPlace => PathBuf::from(to),
                });
            }
            ActionKind::WriteFile { path, .. } | ActionKind::Symlink { path, .. } => {
                add(Path::new(path));
            }
            ActionKind::CopyTree { to, .. } => add(Path::new(to)),
            ActionKind::RunCommand { cwd, creates, .. } => {
                for path in creates {
                    add(&Path::new(cwd).join(path));
                }
            }
            _ => {}
        }
    }
    found
}

/// An action whose undo data is complete and durable.
pub(crate) trait Prepared {
    /// Returns how the action is taken back.
    fn undo(&self) -> Undo;

    /// Returns the action's line in the journal, if another action's says more.
    fn line(&self) -> Option<String> {
        None
    }

    /// Performs the action; a second time changes nothing. Returns the digest of
    /// what was written, when one file was.
    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError>;
}

/// Prepares an action: reads what it needs and backs up what it will change.
/// Nothing outside the run's directory is changed.
pub(crate) fn prepare(
    bench: &Bench<'_>,
    kind: &ActionKind,
) -> Result<Box<dyn Prepared>, ExecError> {
    Ok(match kind {
        ActionKind::MakeDir { path, mode } => Box::new(make_dir::prepare(path, *mode)?),
        ActionKind::WriteFile { .. } => Box::new(write_file::prepare(bench, kind)?),
        ActionKind::Symlink {
            path,
            below,
            target,
        } => Box::new(symlink::prepare(bench, [path, below, target])?),
        ActionKind::CopyTree { from, to, below } => {
            Box::new(copy_tree::prepare(bench, [from, to, below])?)
        }
        ActionKind::RunCommand { argv, cwd, creates } => {
            Box::new(run_command::prepare(bench, argv, cwd, creates)?)
        }
        ActionKind::Share { run, action, .. } => Box::new(share::prepare(bench, run, *action)?),
        ActionKind::Transfer { list, to } => Box::new(transfer::prepare(bench, list, to)?),
        ActionKind::Mount { view, .. } => {
            let made: Box<dyn Prepared> = match view {
                View::Overlay => Box::new(layer::prepare(bench, kind)?),
                View::Copy | View::InPlace => Box::new(mount::prepare(bench, kind)?),
            };
            Box::new(noted::Noted::new(made, kind))
        }
        ActionKind::Remove { path, below } => remove::prepare(bench, path, below)?,
    })
}

/// Leaves what an action did, for good.
pub(crate) fn settle(run: &RunDir, id: u64, undo: &Undo) -> Result<Outcome, ExecError> {
    if let Undo::RemoveTrees(undo) = undo {
        return copy_tree::settle(run, id, undo);
    }
    let place = undo
        .paths()
        .first()
        .map_or_else(String::new, ToString::to_string);
    Ok(Outcome::kept(place, "skills were asked to stay".into()))
}

/// Takes an action back; a second time changes nothing.
pub(crate) fn undo(
    run: &RunDir,
    id: u64,
    undo: &Undo,
    faults: Faults,
) -> Result<Outcome, ExecError> {
    let steps = Steps::new(faults, Moment::WithinUndo);
    match undo {
        Undo::Nothing(_) => Ok(Outcome::nothing()),
        Undo::PutBack(undo) => restore::put_back(run, id, undo),
        Undo::RemoveDirs(undo) => make_dir::undo(undo),
        Undo::RemoveTrees(undo) => copy_tree::undo(run, id, undo, &steps),
        Undo::RemoveLayer(undo) => layer::undo(run, id, undo),
        Undo::RestoreTree(undo) => transfer::undo(run, id, undo),
        Undo::RemoveMount(undo) => mount::undo(run, id, undo),
        Undo::MoveBack(undo) => remove::undo(run, id, undo, &steps),
    }
}
