//! The reverse run: takes back, last first, what a journal says was announced.

use plan_core::effect::{
    ActionState, ActionStatus, Outcome, OutcomeKind, PutBack, Record, RemoveTrees, RunClosed,
    RunState, Undo, UndoDone, UndoFailed, UndoStarted, UndoStep,
};

use super::dirs;
use super::handler;
use super::inject::{Faults, Moment};
use super::options::{Event, Progress};
use super::report::{DisposeEntry, DisposeReport};
use super::restore::{left_between, refuse_lost, stands_as_before};
use super::share::Claims;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal::{self, Writer};
use crate::os::fs::{is_dir, is_file};
use crate::os::ns::end_inhabitants;
use crate::os::proc::end_leftover;
use crate::state::{RunDir, StateHome, layer_text};

/// A run whose effects are to be taken back.
pub(crate) struct Reversal<'r> {
    pub(crate) state: &'r StateHome,
    pub(crate) run: &'r RunDir,
    pub(crate) journal: &'r mut Writer,
    pub(crate) faults: Faults,
    pub(crate) progress: Option<Progress<'r>>,
}

impl Reversal<'_> {
    /// Takes the gate and everything back.
    pub(crate) fn run_behind_gate(self) -> DisposeReport {
        // A program that still runs must not hold everybody up.
        let mark = self.run.mark();
        let ended = end_leftover(&mark).at(&mark).map(drop);
        let gate = self.state.gate();
        let mut report = self.run();
        note(&mut report, ended);
        // What was shared may have been taken from somebody, but what is the user's is back.
        note(&mut report, gate.map(drop));
        report
    }

    /// Takes back everything that is left and closes the run; the caller holds the gate. Failures are collected:
    /// each action is tried, and the journal stays open for those that failed.
    ///
    /// The undo data is durable since the announcement, so an undo whose own records
    /// cannot be written is carried out all the same; it may safely happen twice.
    pub(crate) fn run(mut self) -> DisposeReport {
        let mut report = DisposeReport {
            run: self.run.id.to_string(),
            ..DisposeReport::default()
        };
        let mark = self.run.mark();
        note(&mut report, end_leftover(&mark).at(&mark).map(drop));
        self.leave_layer(&mut report);
        let claims = Claims::collect(self.state, &self.run.id).unwrap_or_else(|error| {
            report.problems.push(error.chain());
            Claims::unknown(self.state, &error)
        });
        let steps = self.journal.state().recovery().steps;
        for step in steps.clone() {
            let result = self.step(&step, &claims, &mut report);
            report.entries.push(DisposeEntry {
                action: step.id,
                line: step.line,
                result: result.map_err(|error| error.chain()),
            });
        }
        note(&mut report, dirs::settle(self.state, &steps, &claims));
        note(&mut report, self.run.clear_stage());
        if report.entries.iter().all(|entry| entry.result.is_ok()) && report.problems.is_empty() {
            let closed = self.journal.append(&Record::RunClosed(RunClosed {}));
            report.closed = closed.is_ok();
            note(&mut report, closed);
        }
        if report.closed {
            note(&mut report, clear(self.run, self.journal));
        }
        let stays = !report.closed || is_worth_keeping(self.run, self.journal.state());
        report.leftover = stays.then(|| self.run.dir.path().to_owned());
        report
    }

    /// Ends what keeps the layer, and every program that still writes to it.
    fn leave_layer(&self, report: &mut DisposeReport) {
        let is_layer = |action: &ActionState| matches!(action.announced.undo, Undo::RemoveLayer(_));
        let mark = self.run.keeper_mark();
        note(report, end_leftover(&mark).at(&mark).map(drop));
        if self.journal.state().actions().iter().any(is_layer) {
            end_inhabitants(&layer_text(&self.run.id));
        }
    }

    fn step(
        &mut self,
        step: &UndoStep,
        claims: &Claims,
        report: &mut DisposeReport,
    ) -> Result<Outcome, ExecError> {
        let id = step.id;
        let lost = self.refuse_lost(step);
        self.append(&Record::UndoStarted(UndoStarted { id }), report);
        let result = lost.and_then(|()| self.take_back(step, claims));
        let tell = |event: &Event<'_>| {
            if let Some(progress) = self.progress {
                progress(event);
            }
        };
        let record = match &result {
            Ok(outcome) => {
                tell(&Event::Undone {
                    action: id,
                    outcome,
                });
                Record::UndoDone(UndoDone {
                    id,
                    outcome: outcome.clone(),
                })
            }
            Err(error) => {
                let message = error.chain();
                tell(&Event::UndoFailed {
                    action: id,
                    message: &message,
                });
                Record::UndoFailed(UndoFailed { id, message })
            }
        };
        self.append(&record, report);
        result
    }

    /// Refuses to call an original returned whose backup somebody has removed. A backup is
    /// gone by right only when an earlier try came as far as that.
    fn refuse_lost(&self, step: &UndoStep) -> Result<(), ExecError> {
        let mut actions = self.journal.state().actions().iter();
        let is_tried = actions
            .any(|action| action.announced.id == step.id && action.status == ActionStatus::Undoing);
        match &step.undo {
            Undo::PutBack(undo) if !is_tried && !step.stays => refuse_lost(self.run, undo),
            Undo::RemoveTrees(undo) if !step.stays => self.refuse_lost_list(step.id, undo),
            _ => Ok(()),
        }
    }

    /// Refuses to call an action interrupted that was finished, and whose list somebody has
    /// removed. A list stays until the run is closed.
    fn refuse_lost_list(&self, id: u64, undo: &RemoveTrees) -> Result<(), ExecError> {
        let list = self.run.blobs.path().join(&undo.manifest);
        if undo.paths.is_empty() || is_file(&list) {
            return Ok(());
        }
        let journal = journal::read(&self.run.dir)?;
        let mut records = journal.iter().flat_map(|journal| &journal.records);
        if !records.any(|record| matches!(record, Record::ActionDone(done) if done.id == id)) {
            return Ok(());
        }
        let message = "the list of what was created is missing";
        let error = ExecError::new(ExecErrorKind::NeedsRecovery, message);
        Err(error.at(list).hint("put it back, then `callsheet recover`"))
    }

    fn take_back(&self, step: &UndoStep, claims: &Claims) -> Result<Outcome, ExecError> {
        let path = self.run.dir.path();
        self.faults.strike(Moment::BeforeUndo(step.id)).at(path)?;
        if step.stays {
            return handler::settle(self.run, step.id, &step.undo);
        }
        if let Some(run) = claims.sharer(&step.undo) {
            return Ok(Outcome::shared(format!("run {run} still uses it")));
        }
        if let Some(run) = claims.above(&step.undo) {
            let message = format!("run {run} works on top of it and must be taken back first");
            return Err(ExecError::new(ExecErrorKind::Busy, message));
        }
        claims.refuse_obscure(&step.undo)?;
        if let Undo::PutBack(undo) = &step.undo
            && let Some(first) = self.first_on(&undo.path, step.id)
            && stands_as_before(first)?
            && !left_between(self.run, step.id, undo)?
        {
            return Ok(Outcome::restored());
        }
        let outcome = self
            .faults
            .repeat(|| handler::undo(self.run, step.id, &step.undo, self.faults))?;
        self.faults.strike(Moment::AfterUndo(step.id)).at(path)?;
        Ok(outcome)
    }

    /// Returns what the run's first action on a path was, if that was an earlier one.
    fn first_on(&self, path: &str, id: u64) -> Option<&PutBack> {
        let actions = self.journal.state().actions().iter();
        let mut earlier = actions.filter(|action| action.announced.id < id);
        earlier.find_map(|action| match &action.announced.undo {
            Undo::PutBack(undo) if undo.path == path => Some(undo),
            _ => None,
        })
    }

    fn append(&mut self, record: &Record, report: &mut DisposeReport) {
        let appended = self.journal.append(record);
        // One broken journal is one problem, not one for each record.
        if report.problems.is_empty() {
            note(report, appended);
        }
    }
}

/// Removes what a closed run has no use for: all of it, unless somebody worked in
/// its mirror or a program failed.
pub(crate) fn clear(run: &RunDir, journal: &Writer) -> Result<(), ExecError> {
    let state = journal.state();
    if !is_worth_keeping(run, state) {
        return run.remove();
    }
    journal.sync().at(run.dir.path())?;
    if !keeps_work(state) {
        return run.clear_blobs();
    }
    Ok(())
}

fn is_worth_keeping(run: &RunDir, state: &RunState) -> bool {
    state.actions().iter().any(|action| {
        let has_log = action.failure.is_some() && is_file(&run.log(action.announced.id));
        has_log || is_kept_mirror(action)
    }) || is_dir(&run.reverted())
        || is_dir(&run.interrupted())
        || is_dir(&run.replaced())
}

/// Tells whether a run that is over left work that nobody has looked at.
pub(crate) fn keeps_work(state: &RunState) -> bool {
    state.actions().iter().any(is_kept_mirror)
}

/// The list of a mirror is the base that the work in it is told from.
fn is_kept_mirror(action: &ActionState) -> bool {
    let outcome = action.outcome.as_ref();
    let undo = &action.announced.undo;
    matches!(undo, Undo::RemoveMount(_) | Undo::RemoveLayer(_))
        && outcome.is_some_and(|outcome| outcome.kind == OutcomeKind::Kept)
}

fn note(report: &mut DisposeReport, result: Result<(), ExecError>) {
    if let Err(error) = result {
        report.problems.push(error.chain());
    }
}
