//! Recovery as a pure fold: records in, what is left to undo out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::phase::Phase;
use super::record::{ActionAnnounced, Outcome, Record, RunStarted};
use super::status::{ActionEvent, ActionStatus, IllegalEvent, RunEvent, RunStatus};
use super::undo::Undo;

/// An action as a journal knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionState {
    /// The announcement.
    pub announced: ActionAnnounced,
    /// How far it is.
    pub status: ActionStatus,
    /// Why it failed.
    pub failure: Option<String>,
    /// How its undo ended.
    pub outcome: Option<Outcome>,
    /// Why its undo failed the last time.
    pub undo_failure: Option<String>,
}

/// A run as its journal knows it: the state that running and recovering share.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    status: RunStatus,
    started: Option<RunStarted>,
    was_ready: bool,
    actions: Vec<ActionState>,
}

/// One action to take back.
#[derive(Debug, Clone, PartialEq)]
pub struct UndoStep {
    /// The action's number.
    pub id: u64,
    /// What the action was, in one line.
    pub line: String,
    /// How to take it back.
    pub undo: Undo,
    /// Whether the action stays although the run ends.
    pub stays: bool,
}

/// What a journal leaves to do.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveryPlan {
    /// What to take back, in this order.
    pub steps: Vec<UndoStep>,
    /// Whether the run is over.
    pub closed: bool,
}

impl RunState {
    /// Creates the state before the first record.
    pub const fn new() -> Self {
        Self {
            status: RunStatus::New,
            started: None,
            was_ready: false,
            actions: Vec::new(),
        }
    }

    /// Folds a journal.
    ///
    /// # Errors
    /// A record that cannot follow those before it.
    pub fn fold<'r>(records: impl IntoIterator<Item = &'r Record>) -> Result<Self, IllegalEvent> {
        let mut state = Self::new();
        for record in records {
            state.accept(record)?;
        }
        Ok(state)
    }

    /// Takes one record; on an error the state is what it was.
    ///
    /// # Errors
    /// The record cannot follow.
    pub fn accept(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        match record {
            Record::RunStarted(started) => {
                self.status = self.status.after(RunEvent::Start)?;
                self.started = Some(started.clone());
            }
            Record::ActionAnnounced(announced) => self.announce(announced)?,
            Record::ActionDone(done) => self.act(done.id, ActionEvent::Finish)?,
            Record::ActionFailed(failed) => {
                self.act(failed.id, ActionEvent::Fail)?;
                if let Some(action) = self.action_mut(failed.id) {
                    action.failure = Some(failed.message.clone());
                }
            }
            Record::RunReady(_) => {
                self.require(RunEvent::Ready, |status| status == ActionStatus::Done)?;
                self.was_ready = true;
            }
            Record::RunCommitted(_) => {
                self.require(RunEvent::Commit, |status| status == ActionStatus::Done)?;
            }
            Record::UndoStarted(started) => {
                self.act(started.id, ActionEvent::UndoStart)?;
            }
            Record::UndoDone(done) => {
                self.act(done.id, ActionEvent::UndoFinish)?;
                if let Some(action) = self.action_mut(done.id) {
                    action.outcome = Some(done.outcome.clone());
                    action.undo_failure = None;
                }
            }
            Record::UndoFailed(failed) => {
                self.act(failed.id, ActionEvent::UndoFail)?;
                if let Some(action) = self.action_mut(failed.id) {
                    action.undo_failure = Some(failed.message.clone());
                }
            }
            Record::RunClosed(_) => {
                // What was committed stays.
                let ends = if self.status == RunStatus::Committed {
                    ActionStatus::Done
                } else {
                    ActionStatus::Undone
                };
                self.require(RunEvent::Close, |status| status == ends)?;
            }
        }
        Ok(())
    }

    /// Returns the first record.
    pub const fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    /// Returns how far the run is.
    pub const fn status(&self) -> RunStatus {
        self.status
    }

    /// Walks the announced actions in order.
    pub fn actions(&self) -> &[ActionState] {
        &self.actions
    }

    /// Returns what is left to do: the announced actions that are not taken back,
    /// last first.
    pub fn recovery(&self) -> RecoveryPlan {
        let left = self
            .actions
            .iter()
            .filter(|action| action.status != ActionStatus::Undone);
        let keeps = self.was_ready && self.started.as_ref().is_some_and(|run| run.keeps_skills);
        let steps = left.rev().map(|action| UndoStep {
            id: action.announced.id,
            line: action.announced.line.clone(),
            undo: action.announced.undo.clone(),
            stays: keeps && action.announced.phase == Phase::Skills,
        });
        RecoveryPlan {
            steps: steps.collect(),
            closed: self.status == RunStatus::Closed,
        }
    }

    fn announce(&mut self, announced: &ActionAnnounced) -> Result<(), IllegalEvent> {
        // Only one action is under way, and numbers are places.
        let ready = self
            .actions
            .iter()
            .all(|action| action.status == ActionStatus::Done);
        if !ready || announced.id != self.actions.len() as u64 {
            let subject = format!("announcement of action {}", announced.id);
            return Err(IllegalEvent::because(subject, self.status, RunEvent::Act));
        }
        let status = ActionStatus::Pending.after(ActionEvent::Announce, announced.id)?;
        self.status = self.status.after(RunEvent::Act)?;
        self.actions.push(ActionState {
            announced: announced.clone(),
            status,
            failure: None,
            outcome: None,
            undo_failure: None,
        });
        Ok(())
    }

    fn act(&mut self, id: u64, event: ActionEvent) -> Result<(), IllegalEvent> {
        let run_event = match event {
            ActionEvent::Announce | ActionEvent::Finish | ActionEvent::Fail => RunEvent::Act,
            ActionEvent::UndoStart | ActionEvent::UndoFinish | ActionEvent::UndoFail => {
                RunEvent::Undo
            }
        };
        let run = self.status.after(run_event)?;
        let status = self.status;
        let action = self.action_mut(id).ok_or_else(|| {
            IllegalEvent::because(format!("unknown action {id}"), status, run_event)
        })?;
        action.status = action.status.after(event, id)?;
        self.status = run;
        Ok(())
    }

    fn require(
        &mut self,
        event: RunEvent,
        holds: impl Fn(ActionStatus) -> bool,
    ) -> Result<(), IllegalEvent> {
        if let Some(open) = self.actions.iter().find(|action| !holds(action.status)) {
            let subject = format!("action {} is {}", open.announced.id, open.status.as_str());
            return Err(IllegalEvent::because(subject, self.status, event));
        }
        self.status = self.status.after(event)?;
        Ok(())
    }

    fn action_mut(&mut self, id: u64) -> Option<&mut ActionState> {
        self.actions.get_mut(usize::try_from(id).ok()?)
    }
}

impl Default for RunState {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
