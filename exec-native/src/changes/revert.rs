//! Taking changes back that were brought into a project on purpose.

use std::path::Path;

use plan_core::effect::{RunStatus, Undo};

use crate::apply::DisposeReport;
use crate::apply::inject::Faults;
use crate::apply::ops::{Deed, Op, load_at};
use crate::apply::share::Claims;
use crate::apply::undo::Reversal;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal::{self, Journal, Writer};
use crate::os::dir::Kind;
use crate::os::fs::{keep, resolve_making, resolve_strictly};
use crate::state::{Found, RunDir, RunId, StateHome};

/// Takes back what a committed run did. What somebody changed since is kept beside what
/// was there before; what the run had brought stays in its directory, below `reverted/`.
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
    let (claims, paths) = (Claims::collect(state, id)?, paths.unwrap_or_default());
    claims.refuse_paths(&paths)?;
    if claims.want(&paths) {
        let message = "a live run works on the same files";
        return Err(ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str()));
    }
    keep_results(&run, &journal)?;
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

/// Keeps what was brought back in the run's directory: the view that it came from may be
/// gone, and then it is nowhere else.
fn keep_results(run: &RunDir, journal: &Journal) -> Result<(), ExecError> {
    let store = run.reverted();
    for action in journal.state.actions() {
        let Undo::RestoreTree(undo) = &action.announced.undo else {
            continue;
        };
        let project = Path::new(&undo.below);
        let ops = load_at(&run.blobs, &undo.list)?.unwrap_or_default();
        let comes = |op: &&Op| matches!(op.deed, Deed::Write { .. } | Deed::Link { .. });
        for op in ops.iter().filter(comes) {
            let path = project.join(&op.path);
            let keep_one = || {
                let Some(place) = resolve_strictly(project, &path)? else {
                    return Ok(());
                };
                if place
                    .dir
                    .stat(&place.name)?
                    .is_none_or(|meta| meta.kind == Kind::Dir)
                {
                    return Ok(());
                }
                let kept = resolve_making(run.dir.path(), &store.join(&op.path), 0o700)?;
                keep(&place, &kept.dir, &kept.name)
            };
            keep_one().at(&path)?;
        }
    }
    Ok(())
}
