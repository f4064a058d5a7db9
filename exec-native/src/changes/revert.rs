//! Taking changes back that were brought into a project on purpose.

use plan_core::effect::RunStatus;

use crate::apply::DisposeReport;
use crate::apply::inject::Faults;
use crate::apply::share::Claims;
use crate::apply::undo::Reversal;
use crate::error::{ExecError, ExecErrorKind};
use crate::journal::{self, Writer};
use crate::state::{Found, RunId, StateHome};

/// Takes back what a committed run did. What somebody changed since is kept beside what
/// was there before.
///
/// # Errors
/// There is no such run, it is not committed, or a live run works on the same files.
pub fn revert(state: &StateHome, id: &RunId) -> Result<DisposeReport, ExecError> {
    let usage = |message: String, hint: &str| {
        let error = ExecError::new(ExecErrorKind::Usage, message);
        error.in_run(id.as_str()).hint(hint)
    };
    let _gate = state.gate()?;
    let run = match state.open_run(id)? {
        None => {
            let message = format!("there is no run {id}");
            return Err(usage(message, "`callsheet runs` lists the runs"));
        }
        Some(Found::Theirs(..)) => {
            let message = format!("another process works on run {id}");
            return Err(ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str()));
        }
        Some(Found::Ours(run)) => run,
    };
    let journal = journal::read(&run.dir)?;
    let committed = journal.filter(|journal| journal.state.status() == RunStatus::Committed);
    let Some(journal) = committed else {
        let message = format!("run {id} did not bring anything back");
        return Err(usage(
            message,
            "`callsheet apply` names the run that can be reverted",
        ));
    };
    let paths = journal.state.started().map(|run| run.paths.clone());
    if Claims::collect(state, id)?.want(&paths.unwrap_or_default()) {
        let message = "a live run works on the same files";
        return Err(ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str()));
    }
    let mut writer = Writer::resume(&run.dir, &journal, Faults::default())?;
    let reversal = Reversal {
        state,
        run: &run,
        journal: &mut writer,
        faults: Faults::default(),
        progress: None,
    };
    Ok(reversal.run())
}
