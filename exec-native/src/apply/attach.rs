//! Finding a run again by its id, in this process or any other.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use plan_core::effect::{Undo, View};

use super::inject::Faults;
use super::recover::{RunSummary, is_over, summary};
use super::report::DisposeReport;
use super::{Inner, RunHandle};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal::{self, Writer};
use crate::mount::Chosen;
use crate::os::clock::{Deadline, rest};
use crate::os::owner::ask_owner;
use crate::state::{Found, RunDir, RunId, StateHome};

/// How long the process that holds a run may take to end it.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A run that was found by its id.
#[derive(Debug)]
pub enum Attached {
    /// Nobody held it; now we do, and can dispose it.
    Ours(Box<RunHandle>),
    /// Another process holds it.
    Theirs(RunSummary),
    /// It is over; its directory holds something worth keeping.
    Over(RunSummary),
}

/// Finds a run. One that nobody holds any more is held by the caller from now on.
///
/// # Errors
/// There is no such run, or its journal cannot be read.
pub fn attach(state: &StateHome, id: &RunId) -> Result<Attached, ExecError> {
    let _gate = state.gate()?;
    let run = match state.open_run(id)? {
        None => return Err(unknown(id)),
        Some(theirs @ Found::Theirs(..)) => return Ok(Attached::Theirs(summary(&theirs))),
        Some(Found::Ours(run)) => run,
    };
    let Some(journal) = journal::read(&run.dir).map_err(|error| error.in_run(id.as_str()))? else {
        return Err(unknown(id));
    };
    if is_over(journal.state.status()) {
        return Ok(Attached::Over(summary(&Found::Ours(run))));
    }
    let actions = journal.state.actions().iter();
    let mut mirrors = actions.filter_map(|action| match &action.announced.undo {
        Undo::RemoveMount(undo) => Some(PathBuf::from(&undo.path)),
        _ => None,
    });
    let started = journal.state.started();
    let cwd = mirrors
        .next()
        .or_else(|| started.map(|started| PathBuf::from(&started.cwd)));
    let writer = Writer::resume(&run.dir, &journal, Faults::default())?;
    Ok(Attached::Ours(Box::new(RunHandle {
        state: state.clone(),
        id: id.clone(),
        cwd: cwd.unwrap_or_default(),
        notes: Vec::new(),
        chosen: Chosen::plain(started.and_then(|run| run.view).unwrap_or(View::InPlace)),
        prefix: Vec::new(),
        keeper: Mutex::new(None),
        faults: Faults::default(),
        inner: Mutex::new(Inner {
            live: Some((run, writer)),
            report: None,
        }),
    })))
}

fn unknown(id: &RunId) -> ExecError {
    let message = format!("there is no run {id}");
    ExecError::new(ExecErrorKind::Usage, message).hint("`callsheet runs` lists them")
}

/// Takes a run back, whoever holds it. A process that holds it and said that a signal
/// ends it is asked to; this waits for it. `None` when somebody else took the run back.
///
/// # Errors
/// There is no such run, it is over, or who holds it cannot be asked.
pub fn dispose(state: &StateHome, id: &RunId) -> Result<Option<DisposeReport>, ExecError> {
    let asked = match attach(state, id)? {
        Attached::Ours(handle) => return Ok(Some(handle.dispose())),
        Attached::Over(_) => {
            let message = format!("run {id} is over already");
            return Err(ExecError::new(ExecErrorKind::Usage, message));
        }
        Attached::Theirs(summary) => {
            let owner = RunDir::owner_in(&summary.dir);
            ask_owner(&owner).at(&owner)?
        }
    };
    if !asked {
        let message = format!("run {id} is held by a program that cannot be asked to end it");
        return Err(ExecError::new(ExecErrorKind::Busy, message).hint("end it there"));
    }
    let deadline = Deadline::after(Some(PATIENCE));
    while !deadline.is_over() {
        rest(POLL);
        match attach(state, id) {
            Ok(Attached::Theirs(_)) => {}
            // It died before it was done.
            Ok(Attached::Ours(handle)) => return Ok(Some(handle.dispose())),
            Ok(Attached::Over(_)) => return Ok(None),
            Err(error) if error.kind() == ExecErrorKind::Usage => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let message = format!("run {id} did not end within {} s", PATIENCE.as_secs());
    Err(ExecError::new(ExecErrorKind::Busy, message))
}
