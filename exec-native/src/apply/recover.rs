//! After a crash: finds the runs that died and takes them back, with the same fold
//! and the same handlers as a run that ends by itself.

use std::path::{Path, PathBuf};

use plan_core::effect::{RunStarted, RunStatus};

use super::inject::Faults;
use super::report::DisposeReport;
use super::undo::{Reversal, clear};
use crate::error::{ExecError, ExecErrorKind};
use crate::journal::{self, Journal, Writer};
use crate::state::{RunDir, RunId, StateHome};

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// Its lease is held.
    Live,
    /// Nobody holds its lease and its effects are not taken back.
    Dead,
    /// It is over; its directory holds something worth keeping.
    Closed,
    /// Its journal cannot be read.
    Damaged,
}

/// A run as [`list_runs`] sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// How it is doing.
    pub liveness: Liveness,
    /// How far its journal is.
    pub status: RunStatus,
    /// Its first record, once there is one.
    pub started: Option<RunStarted>,
    /// Its directory.
    pub dir: PathBuf,
}

/// What [`recover`] did about a run.
#[derive(Debug)]
pub struct RecoveryReport {
    /// The run.
    pub id: RunId,
    /// The directory that the run was about.
    pub cwd: Option<PathBuf>,
    /// How many bytes of a torn last record were ignored.
    pub torn_bytes: usize,
    /// What became of its effects, or why nothing could be tried.
    pub result: Result<DisposeReport, ExecError>,
}

/// Lists the runs, oldest first.
///
/// # Errors
/// The state home cannot be read.
pub fn list_runs(state: &StateHome) -> Result<Vec<RunSummary>, ExecError> {
    // Looking at a lease takes it for a moment; behind the gate nobody minds.
    let _gate = state.gate()?;
    let mut runs = Vec::new();
    for id in state.run_ids()? {
        if let Some(run) = state.open_run(&id)? {
            runs.push(summary(&run));
        }
    }
    Ok(runs)
}

fn summary(run: &RunDir) -> RunSummary {
    let journal = journal::read(&run.dir);
    let state = journal
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .map(|journal| &journal.state);
    let status = state.map_or(RunStatus::New, plan_core::effect::RunState::status);
    let liveness = match (run.is_ours(), &journal) {
        (false, _) => Liveness::Live,
        (true, Err(_)) => Liveness::Damaged,
        (true, Ok(_)) if status == RunStatus::Closed => Liveness::Closed,
        (true, Ok(_)) => Liveness::Dead,
    };
    RunSummary {
        id: run.id.clone(),
        liveness,
        status,
        started: state.and_then(|state| state.started()).cloned(),
        dir: run.dir.path().to_owned(),
    }
}

/// Takes back every run that died, last one first; with a directory, only those
/// that were about it. Runs that live are left alone. Doing it again does nothing.
///
/// # Errors
/// The state home cannot be read. What goes wrong with one run is in its report.
pub fn recover(state: &StateHome, cwd: Option<&Path>) -> Result<Vec<RecoveryReport>, ExecError> {
    let _gate = state.gate()?;
    state.sweep()?;
    let mut reports = Vec::new();
    for id in state.run_ids()?.into_iter().rev() {
        if let Some(run) = state.open_run(&id)?.filter(RunDir::is_ours) {
            let about = |journal: &Journal| {
                let started = journal.state.started();
                cwd.is_none_or(|cwd| started.is_some_and(|run| Path::new(&run.cwd) == cwd))
            };
            reports.extend(recover_run(&run, about, Faults::default()));
        }
    }
    Ok(reports)
}

/// Takes back one dead run if its journal is selected; `None` when there was nothing
/// to do.
pub(crate) fn recover_run(
    run: &RunDir,
    select: impl FnOnce(&Journal) -> bool,
    faults: Faults,
) -> Option<RecoveryReport> {
    let report = |journal: Option<&Journal>, result| RecoveryReport {
        id: run.id.clone(),
        cwd: journal
            .and_then(|journal| journal.state.started())
            .map(|started| PathBuf::from(&started.cwd)),
        torn_bytes: journal.map_or(0, |journal| journal.torn_bytes),
        result,
    };
    let journal = match journal::read(&run.dir) {
        Ok(Some(journal)) if journal.state.started().is_some() => journal,
        // Nothing was announced, so nothing was done.
        Ok(_) => return run.remove().err().map(|error| report(None, Err(error))),
        Err(error) => return Some(report(None, Err(error.in_run(run.id.as_str())))),
    };
    if journal.state.status() == RunStatus::Closed {
        // A crash can have come between the last record and the clearing.
        let cleared = clear(run, &journal.state);
        return cleared
            .err()
            .map(|error| report(Some(&journal), Err(error)));
    }
    if !select(&journal) {
        return None;
    }
    let result = take_back(run, &journal, faults);
    Some(report(Some(&journal), result))
}

fn take_back(run: &RunDir, journal: &Journal, faults: Faults) -> Result<DisposeReport, ExecError> {
    let mut writer = Writer::resume(&run.dir, journal, faults)?;
    let reversal = Reversal {
        run,
        journal: &mut writer,
        faults,
        progress: None,
    };
    Ok(reversal.run())
}

/// Makes way for a new run: takes back dead runs that are about the same directory
/// or files, and refuses when a live one works on the files. The caller holds the gate.
pub(crate) fn make_way(
    state: &StateHome,
    own: &RunId,
    wants: &Wants<'_>,
    mut recovered: impl FnMut(&RunId),
) -> Result<(), ExecError> {
    for id in state.run_ids()?.into_iter().rev() {
        if id == *own {
            continue;
        }
        let Some(run) = state.open_run(&id)? else {
            continue;
        };
        if !run.is_ours() {
            refuse_overlap(&run, wants)?;
            continue;
        }
        let select = |journal: &Journal| wants.concern(journal, true);
        let Some(report) = recover_run(&run, select, Faults::default()) else {
            continue;
        };
        let failed = match report.result {
            Ok(report) if report.closed => None,
            Ok(report) => Some(report.errors()),
            // A journal that nobody can read may be about anything.
            Err(error) => Some(vec![error]),
        };
        if let Some(errors) = failed {
            let message = format!("an earlier run, {id}, could not be taken back");
            let error = ExecError::new(ExecErrorKind::NeedsRecovery, message).in_run(id.as_str());
            let error = error.hint("`callsheet recover` tries again and says what is wrong");
            return Err(error.with_undo_errors(errors));
        }
        recovered(&id);
    }
    Ok(())
}

/// What a new run is about.
pub(crate) struct Wants<'w> {
    pub(crate) cwd: &'w str,
    pub(crate) paths: &'w [String],
    pub(crate) above: &'w [RunId],
}

impl Wants<'_> {
    fn concern(&self, journal: &Journal, same_cwd: bool) -> bool {
        journal.state.started().is_some_and(|run| {
            (same_cwd && run.cwd == self.cwd)
                || run
                    .paths
                    .iter()
                    .any(|path| self.paths.iter().any(|own| overlap(own, path)))
        })
    }
}

fn overlap(one: &str, other: &str) -> bool {
    Path::new(one).starts_with(other) || Path::new(other).starts_with(one)
}

fn refuse_overlap(run: &RunDir, wants: &Wants<'_>) -> Result<(), ExecError> {
    if wants.above.contains(&run.id) {
        return Ok(());
    }
    let Some(journal) = journal::read(&run.dir)? else {
        return Ok(());
    };
    if journal.state.status() == RunStatus::Closed || !wants.concern(&journal, false) {
        return Ok(());
    }
    let message = format!("another run, {}, works on the same files", run.id);
    let error = ExecError::new(ExecErrorKind::Busy, message).in_run(run.id.as_str());
    Err(error.hint("wait for it to end, or run in a mount"))
}
