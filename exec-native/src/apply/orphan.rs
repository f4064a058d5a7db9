//! Runs that are held for a process that has ended: whoever holds them takes them back by
//! itself, so others wait for that instead of giving up.

use std::path::Path;
use std::time::Duration;

use plan_core::effect::RunStatus;

use super::recover::{Liveness, list_runs};
use crate::error::ExecError;
use crate::os::clock::{Deadline, rest};
use crate::os::owner::has_ended;
use crate::state::{RunDir, StateHome};

/// How long whoever holds such a run may take.
const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// Tells whether the process for which a run is held has ended.
pub(super) fn is_orphaned(dir: &Path) -> bool {
    // A note that cannot be read says nothing.
    has_ended(&RunDir::client_in(dir)).unwrap_or(false)
}

/// Waits until the live runs about a directory that are orphaned are taken back.
///
/// # Errors
/// The state home cannot be read.
pub(super) fn settle(state: &StateHome, cwd: Option<&Path>) -> Result<(), ExecError> {
    let deadline = Deadline::after(Some(PATIENCE));
    loop {
        let runs = list_runs(state)?;
        let ends = runs.iter().any(|run| {
            let about = run.started.as_ref().map(|started| Path::new(&started.cwd));
            run.liveness == Liveness::Live
                && (cwd.is_none() || about == cwd)
                && (run.status == RunStatus::Undoing || is_orphaned(&run.dir))
        });
        if !ends || deadline.is_over() {
            return Ok(());
        }
        rest(POLL);
    }
}
