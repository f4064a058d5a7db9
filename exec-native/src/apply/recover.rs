//! After a crash: finds the runs that died and takes them back, with the same fold
//! and the same handlers as a run that ends by itself.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::base::json;
use plan_core::effect::{ActionList, RunStarted, RunStatus};

use super::inject::Faults;
use super::obscure::Obscure;
use super::options::{ApplyOptions, Event};
use super::orphan::{is_orphaned, settle};
use super::report::DisposeReport;
use super::share::{Fit, Shares};
use super::undo::{Reversal, clear};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal::{self, Journal, JournalError, Writer};
use crate::os::dir::Dir;
use crate::os::fs;
use crate::os::walk::text_of;
use crate::state::{Found, RunDir, RunId, StateHome};

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// Its lease is held.
    Live,
    /// Nobody holds its lease and its effects are not taken back.
    Dead,
    /// It is over; its directory holds something worth keeping.
    Closed,
    /// What it did is meant to stay; its backups are kept for a while.
    Committed,
    /// Its journal cannot be read.
    Damaged,
}

impl Liveness {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Liveness::Live => "live",
            Liveness::Dead => "dead",
            Liveness::Closed => "closed",
            Liveness::Committed => "committed",
            Liveness::Damaged => "damaged",
        }
    }
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

impl json::Print for RunSummary {
    fn print(&self, out: &mut json::Writer) {
        let started = self.started.as_ref();
        out.begin_object();
        out.field("id", self.id.as_str());
        out.field("state", self.liveness.as_str());
        out.field("label", &started.and_then(|started| started.label.as_ref()));
        out.field("cwd", &started.map(|started| &started.cwd));
        out.field("startedMs", &started.map(|started| started.started_ms));
        out.field("directory", &text_of(&self.dir));
        out.end_object();
    }
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
/// The state home cannot be read. A run that cannot be opened counts as damaged.
pub fn list_runs(state: &StateHome) -> Result<Vec<RunSummary>, ExecError> {
    // Looking at a lease takes it for a moment; behind the gate nobody minds.
    let _gate = state.gate()?;
    let mut runs = Vec::new();
    for id in state.run_ids()? {
        match state.open_run(&id) {
            Ok(run) => runs.extend(run.map(|run| summary(&run))),
            // It must not hide the others.
            Err(error) => {
                let obscure = Obscure::look(state, &id, &error);
                runs.extend(obscure.map(|run| run.summary(id)));
            }
        }
    }
    Ok(runs)
}

pub(super) fn summary(run: &Found) -> RunSummary {
    let (id, dir, ours) = match run {
        Found::Ours(run) => (&run.id, &run.dir, true),
        Found::Theirs(id, dir) => (id, dir, false),
    };
    let journal = journal::read(dir);
    let state = journal
        .as_ref()
        .ok()
        .and_then(Option::as_ref)
        .map(|journal| &journal.state);
    let status = state.map_or(RunStatus::New, plan_core::effect::RunState::status);
    let liveness = match (ours, &journal) {
        (false, _) => Liveness::Live,
        (true, Err(_)) => Liveness::Damaged,
        (true, Ok(_)) if status == RunStatus::New && holds_backups(run) => Liveness::Damaged,
        (true, Ok(_)) if status == RunStatus::Closed => Liveness::Closed,
        (true, Ok(_)) if status == RunStatus::Committed => Liveness::Committed,
        (true, Ok(_)) => Liveness::Dead,
    };
    RunSummary {
        id: id.clone(),
        liveness,
        status,
        started: match &journal {
            Ok(_) => state.and_then(|state| state.started()).cloned(),
            Err(_) => journal::start_of(dir),
        },
        dir: dir.path().to_owned(),
    }
}

fn holds_backups(run: &Found) -> bool {
    matches!(run, Found::Ours(run) if run.has_backups())
}

/// Takes back every run that died, last one first; with a directory, only those
/// that were about it. Runs that live are left alone. Runs with a damaged journal are
/// set aside as they are. Doing it again does nothing.
///
/// # Errors
/// The state home cannot be read, or the directory does not exist. What goes wrong with
/// one run is in its report.
pub fn recover(state: &StateHome, cwd: Option<&Path>) -> Result<Vec<RecoveryReport>, ExecError> {
    let cwd = cwd.map(working_dir).transpose()?;
    let about = |started: Option<&RunStarted>| {
        cwd.as_deref()
            .is_none_or(|cwd| started.is_some_and(|run| Path::new(&run.cwd) == cwd))
    };
    settle(state, cwd.as_deref())?;
    let _gate = state.gate()?;
    state.sweep()?;
    let mut reports = Vec::new();
    for id in state.run_ids()?.into_iter().rev() {
        let run = match state.open_run(&id) {
            Ok(Some(Found::Ours(run))) => run,
            Ok(_) => continue,
            Err(error) => {
                let obscure = Obscure::look(state, &id, &error);
                let obscure = obscure.filter(|run| about(run.started()));
                reports.extend(obscure.map(|run| unopened(&run, id)));
                continue;
            }
        };
        let report = recover_run(state, &run, about, Faults::default());
        reports.extend(report.map(|report| set_aside(state, &run, report)));
    }
    Ok(reports)
}

/// Reports a run that cannot be opened. It stays where it is: somebody may hold it.
fn unopened(run: &Obscure, id: RunId) -> RecoveryReport {
    RecoveryReport {
        id,
        cwd: run.started().map(|started| PathBuf::from(&started.cwd)),
        torn_bytes: 0,
        result: Err(run.refusal()),
    }
}

/// Returns the one path of a directory, by whatever path it is named: runs in it find one
/// another by that.
///
/// # Errors
/// There is no such directory.
pub(super) fn working_dir(path: &Path) -> Result<PathBuf, ExecError> {
    let real = fs::real(path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => fs::absolute(path),
        _ => Err(error),
    });
    let cwd = real.at(path)?;
    if fs::is_dir(&cwd) {
        return Ok(cwd);
    }
    let message = "the working directory does not exist";
    Err(ExecError::new(ExecErrorKind::Usage, message).at(cwd))
}

/// Moves a run whose journal is damaged out of the way, so that it is reported once.
/// A person can still look at it: nothing is deleted.
fn set_aside(state: &StateHome, run: &RunDir, mut report: RecoveryReport) -> RecoveryReport {
    let why = report.result.as_ref().err().and_then(|error| {
        let why = error.source()?.downcast_ref::<JournalError>();
        why.cloned()
    });
    if let Some(why) = why {
        let id = run.id.as_str();
        report.result = Err(match state.set_aside(run) {
            Ok(place) => {
                let message = "nothing was taken back; the run was set aside with its backups";
                let error = ExecError::new(ExecErrorKind::NeedsRecovery, message);
                error.at(place).in_run(id).because(why)
            }
            Err(failed) => failed.in_run(id),
        });
    }
    report
}

/// Takes back one dead run if what its start says is selected; `None` when there was
/// nothing to do.
pub(crate) fn recover_run(
    state: &StateHome,
    run: &RunDir,
    select: impl FnOnce(Option<&RunStarted>) -> bool,
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
        Ok(_) if run.has_backups() => {
            let why = JournalError::Lost;
            let message = why.to_string();
            let error = ExecError::new(ExecErrorKind::NeedsRecovery, message).because(why);
            let error = error.at(run.dir.path()).in_run(run.id.as_str());
            return select(None).then(|| report(None, Err(error)));
        }
        // Nothing was announced, so nothing was done.
        Ok(_) => return run.remove().err().map(|error| report(None, Err(error))),
        Err(error) => {
            let started = journal::start_of(&run.dir);
            let mut report = report(None, Err(error.in_run(run.id.as_str())));
            report.cwd = started.as_ref().map(|started| PathBuf::from(&started.cwd));
            return select(started.as_ref()).then_some(report);
        }
    };
    if journal.state.status() == RunStatus::Committed {
        // What it did is meant to stay.
        return None;
    }
    if journal.state.status() == RunStatus::Closed {
        // A crash can have come between the last record and the clearing.
        let writer = Writer::resume(&run.dir, &journal, faults);
        let cleared = writer.and_then(|writer| clear(run, &writer));
        return cleared
            .err()
            .map(|error| report(Some(&journal), Err(error)));
    }
    if !select(journal.state.started()) {
        return None;
    }
    let result = take_back(state, run, &journal, faults);
    Some(report(Some(&journal), result))
}

fn take_back(
    state: &StateHome,
    run: &RunDir,
    journal: &Journal,
    faults: Faults,
) -> Result<DisposeReport, ExecError> {
    let mut writer = Writer::resume(&run.dir, journal, faults)?;
    let reversal = Reversal {
        state,
        run,
        journal: &mut writer,
        faults,
        progress: None,
    };
    Ok(reversal.run())
}

/// Whether a new run may start.
pub(crate) enum Way {
    /// It may, and shares some of its actions with live runs.
    Free(Shares),
    /// A live run stands in the way.
    Taken {
        /// What to say about it.
        error: ExecError,
        /// Whether that run is about to become ready or to end.
        settles: bool,
    },
}

/// Makes way for a new run: takes back dead runs that are about the same directory
/// or files, and looks at the live ones. The caller holds the gate.
pub(crate) fn make_way(
    state: &StateHome,
    own: &RunId,
    wants: &Wants<'_>,
    options: &ApplyOptions<'_>,
) -> Result<Way, ExecError> {
    let mut shares = Shares::default();
    for id in state.run_ids()?.into_iter().rev() {
        if id == *own {
            continue;
        }
        let run = match state.open_run(&id) {
            Ok(None) => continue,
            Err(error) => {
                wants.pass(Obscure::look(state, &id, &error), &id, options)?;
                continue;
            }
            Ok(Some(Found::Theirs(id, dir))) => {
                let fit = wants.fit(&id, &dir, options, &mut shares)?;
                if let Fit::Together = fit {
                    continue;
                }
                let message = format!("another run, {id}, works on the same files");
                let error = ExecError::new(ExecErrorKind::Busy, message).in_run(id.as_str());
                let hint = "wait for it with `--wait`, or work in a view with `--view copy`";
                return Ok(Way::Taken {
                    error: error.hint(hint),
                    settles: matches!(fit, Fit::NotYet),
                });
            }
            Ok(Some(Found::Ours(run))) => run,
        };
        clear_away(state, &run, wants, options)?;
    }
    Ok(Way::Free(shares))
}

/// Takes a dead run back that stands in the way of a new one.
fn clear_away(
    state: &StateHome,
    run: &RunDir,
    wants: &Wants<'_>,
    options: &ApplyOptions<'_>,
) -> Result<(), ExecError> {
    let id = &run.id;
    let select = |started: Option<&RunStarted>| {
        if started.is_none() {
            // Nobody knows what it is about; one lost run must not stop all others.
            options.tell(&Event::Unreadable { run: id });
        }
        started.is_some_and(|started| wants.concern(started, true))
    };
    let Some(report) = recover_run(state, run, select, Faults::default()) else {
        return Ok(());
    };
    let errors = match report.result {
        Ok(report) if report.closed => {
            options.tell(&Event::Recovered {
                run: id,
                report: &report,
            });
            return Ok(());
        }
        Ok(report) => report.errors(),
        Err(error) => vec![error],
    };
    let message = format!("an earlier run, {id}, could not be taken back");
    let error = ExecError::new(ExecErrorKind::NeedsRecovery, message).in_run(id.as_str());
    let error = error.hint("`callsheet recover` tries again and says what is wrong");
    Err(error.with_undo_errors(errors))
}

/// What a new run is about.
pub(crate) struct Wants<'w> {
    pub(crate) cwd: &'w str,
    pub(crate) actions: &'w ActionList,
    pub(crate) paths: &'w [String],
    pub(crate) above: &'w [RunId],
}

impl Wants<'_> {
    fn concern(&self, run: &RunStarted, same_cwd: bool) -> bool {
        (same_cwd && run.cwd == self.cwd)
            || run
                .paths
                .iter()
                .any(|path| self.paths.iter().any(|own| overlap(own, path)))
    }

    /// Passes by a run that cannot be looked into, unless it may want the same: what we
    /// would do beside it could not be taken back.
    fn pass(
        &self,
        run: Option<Obscure>,
        id: &RunId,
        options: &ApplyOptions<'_>,
    ) -> Result<(), ExecError> {
        let Some(run) = run else {
            return Ok(());
        };
        if run.may_want(self.paths) {
            return Err(run.refusal());
        }
        options.tell(&Event::Unreadable { run: id });
        Ok(())
    }

    fn fit(
        &self,
        id: &RunId,
        dir: &Dir,
        options: &ApplyOptions<'_>,
        shares: &mut Shares,
    ) -> Result<Fit, ExecError> {
        if self.above.contains(id) {
            return Ok(Fit::Together);
        }
        let (started, is_damaged) = match journal::read(dir) {
            Ok(Some(journal)) if !is_over(journal.state.status()) => {
                (journal.state.started().cloned(), false)
            }
            Ok(_) => (None, false),
            Err(_) => (journal::start_of(dir), true),
        };
        let concerned = match &started {
            Some(started) => self.concern(started, false),
            // It lives, and nobody can tell what it is about.
            None => is_damaged && !self.paths.is_empty(),
        };
        if !concerned {
            return Ok(Fit::Together);
        }
        if is_orphaned(dir.path()) {
            return Ok(Fit::NotYet);
        }
        if is_damaged {
            return Ok(Fit::Never);
        }
        shares.fit(self.actions, (id, dir), options)
    }
}

pub(super) const fn is_over(status: RunStatus) -> bool {
    matches!(status, RunStatus::Closed | RunStatus::Committed)
}

pub(super) fn overlap(one: &str, other: &str) -> bool {
    Path::new(one).starts_with(other) || Path::new(other).starts_with(one)
}
