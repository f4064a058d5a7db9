//! The one legality table of a run: which record may follow in which status. The
//! executor asks it before it writes, recovery asks it while it reads.

use alloc::format;
use alloc::string::String;

use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::record::words;

words! {
    /// How far an action is.
    pub enum ActionStatus {
        /// Not announced.
        Pending = "pending",
        /// Announced; it may have happened, in part or in full.
        Announced = "announced",
        /// Performed.
        Done = "done",
        /// Failed; it may have happened in part.
        Failed = "failed",
        /// Being taken back.
        Undoing = "undoing",
        /// Taken back.
        Undone = "undone",
        /// Could not be taken back.
        UndoFailed = "undo-failed",
    }
}

words! {
    /// What happens to an action.
    pub enum ActionEvent {
        /// It is announced.
        Announce = "announce",
        /// It is done.
        Finish = "finish",
        /// It failed.
        Fail = "fail",
        /// Its undo begins, perhaps again after a crash.
        UndoStart = "undo-start",
        /// Its undo is done.
        UndoFinish = "undo-finish",
        /// Its undo failed.
        UndoFail = "undo-fail",
    }
}

words! {
    /// How far a run is.
    pub enum RunStatus {
        /// No record yet.
        New = "new",
        /// Actions are performed.
        Applying = "applying",
        /// Every action is done.
        Ready = "ready",
        /// Every action is done and is meant to stay.
        Committed = "committed",
        /// Actions are taken back.
        Undoing = "undoing",
        /// Nothing is left to take back.
        Closed = "closed",
    }
}

words! {
    /// What happens to a run.
    pub enum RunEvent {
        /// It starts.
        Start = "start",
        /// An action is announced, done or failed.
        Act = "act",
        /// Every action is done.
        Ready = "ready",
        /// Its effects are to stay.
        Commit = "commit",
        /// An undo begins, is done or failed.
        Undo = "undo",
        /// It is over.
        Close = "close",
    }
}

/// An event that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {status} ({subject})")]
pub struct IllegalEvent {
    subject: String,
    status: &'static str,
    event: &'static str,
}

impl IllegalEvent {
    /// Creates an error about a thing that a status has no name for.
    pub(super) fn because(subject: String, status: RunStatus, event: RunEvent) -> Self {
        Self {
            subject,
            status: status.as_str(),
            event: event.as_str(),
        }
    }

    /// Returns the code.
    pub const fn code(&self) -> Code {
        Code::JOURNAL_RECORD_ILLEGAL
    }
}

impl From<IllegalEvent> for Diagnostic {
    fn from(illegal: IllegalEvent) -> Self {
        Diagnostic::error(illegal.code(), format!("{illegal}"))
    }
}

impl ActionStatus {
    /// Returns the status after an event; `id` is for the message.
    ///
    /// # Errors
    /// The event cannot follow.
    pub fn after(self, event: ActionEvent, id: u64) -> Result<Self, IllegalEvent> {
        use ActionEvent as E;
        use ActionStatus as S;
        match (self, event) {
            (S::Pending, E::Announce) => Ok(S::Announced),
            (S::Announced, E::Finish) => Ok(S::Done),
            (S::Announced, E::Fail) => Ok(S::Failed),
            // A crash between the start and the end of an undo starts it again.
            (S::Announced | S::Done | S::Failed | S::UndoFailed | S::Undoing, E::UndoStart) => {
                Ok(S::Undoing)
            }
            (S::Undoing, E::UndoFinish) => Ok(S::Undone),
            (S::Undoing, E::UndoFail) => Ok(S::UndoFailed),
            _ => Err(IllegalEvent {
                subject: format!("action {id}"),
                status: self.as_str(),
                event: event.as_str(),
            }),
        }
    }
}

impl RunStatus {
    /// Returns the status after an event.
    ///
    /// # Errors
    /// The event cannot follow.
    pub fn after(self, event: RunEvent) -> Result<Self, IllegalEvent> {
        use RunEvent as E;
        use RunStatus as S;
        match (self, event) {
            (S::New, E::Start) | (S::Applying, E::Act) => Ok(S::Applying),
            (S::Applying, E::Ready) => Ok(S::Ready),
            (S::Ready, E::Commit) => Ok(S::Committed),
            // What was committed can still be reverted on purpose.
            (S::Applying | S::Ready | S::Committed | S::Undoing, E::Undo) => Ok(S::Undoing),
            (S::Applying | S::Ready | S::Committed | S::Undoing, E::Close) => Ok(S::Closed),
            _ => Err(IllegalEvent::because("run".into(), self, event)),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_pair_of_action_status_and_event_is_decided() {
        let mut legal = Vec::new();
        for status in ActionStatus::ALL {
            for event in ActionEvent::ALL {
                if let Ok(next) = status.after(*event, 0) {
                    legal.push((status.as_str(), event.as_str(), next.as_str()));
                }
            }
        }
        let expected = [
            ("pending", "announce", "announced"),
            ("announced", "finish", "done"),
            ("announced", "fail", "failed"),
            ("announced", "undo-start", "undoing"),
            ("done", "undo-start", "undoing"),
            ("failed", "undo-start", "undoing"),
            ("undoing", "undo-start", "undoing"),
            ("undoing", "undo-finish", "undone"),
            ("undoing", "undo-fail", "undo-failed"),
            ("undo-failed", "undo-start", "undoing"),
        ];
        assert_eq!(legal, expected);
    }

    #[test]
    fn every_pair_of_run_status_and_event_is_decided() {
        let mut legal = Vec::new();
        for status in RunStatus::ALL {
            for event in RunEvent::ALL {
                if let Ok(next) = status.after(*event) {
                    legal.push((status.as_str(), event.as_str(), next.as_str()));
                }
            }
        }
        let expected = [
            ("new", "start", "applying"),
            ("applying", "act", "applying"),
            ("applying", "ready", "ready"),
            ("applying", "undo", "undoing"),
            ("applying", "close", "closed"),
            ("ready", "commit", "committed"),
            ("ready", "undo", "undoing"),
            ("ready", "close", "closed"),
            ("committed", "undo", "undoing"),
            ("committed", "close", "closed"),
            ("undoing", "undo", "undoing"),
            ("undoing", "close", "closed"),
        ];
        assert_eq!(legal, expected);
    }

    #[test]
    fn an_illegal_event_is_a_typed_error() {
        let error = ActionStatus::Undone.after(ActionEvent::UndoStart, 3);
        let error = error.map_err(Diagnostic::from).expect_err("illegal");
        assert_eq!(error.code, Code::JOURNAL_RECORD_ILLEGAL);
        assert_eq!(error.message, "undo-start cannot follow undone (action 3)");
    }
}
