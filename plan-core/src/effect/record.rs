//! Journal records. A journal is the list of what a run announced and did; it is
//! enough to take the run back after any crash.
//!
//! Records hold paths, digests and numbers. They never hold file contents, values
//! of environment variables, or output of programs.

use alloc::string::String;
use alloc::vec::Vec;

use super::action::View;
use super::phase::Phase;
use super::undo::Undo;
use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::Value;
use crate::base::record::{Scan, invalid, record, words};
use crate::base::tagged::tagged;

/// The version of the format, in the first record of a journal. Journals of every
/// version from 1 on can be read.
pub const JOURNAL_VERSION: u64 = 2;

words! {
    /// What became of an action's effect when it was taken back.
    pub enum OutcomeKind {
        /// What stood there before stands there again.
        Restored = "restored",
        /// What the action created is gone.
        Removed = "removed",
        /// Something else changed it, so it was left in place.
        Kept = "kept",
        /// Another run still uses it and will take it back.
        Shared = "shared",
        /// There was nothing to take back.
        Nothing = "nothing",
    }
}

record! {
    /// How taking back an action ended.
    pub struct Outcome {
        /// What became of it.
        pub kind: OutcomeKind => "kind",
        /// The path that was kept.
        pub path: Option<String> => "path",
        /// Where the changed content was moved to, when it had to make room.
        pub beside: Option<String> => "beside",
        /// Why it was kept.
        pub why: Option<String> => "why",
    }
}

record! {
    /// The first record: what the run is.
    pub struct RunStarted {
        /// The version of the format.
        pub version: u64 => "version",
        /// The run's id.
        pub run: String => "run",
        /// The directory that the run is about.
        pub cwd: String => "cwd",
        /// What the caller calls the run, such as a persona's id.
        pub label: Option<String> => "label",
        /// The dialect of the plan.
        pub edition: Option<Edition> => "edition",
        /// The digest of the plan.
        pub plan_digest: Option<String> => "planDigest",
        /// The number of actions to come.
        pub actions: u64 => "actions",
        /// The paths that the actions may change.
        pub paths: Vec<String> => "paths",
        /// Whether skills outlive a run that became ready.
        pub keeps_skills: bool => "keepsSkills",
        /// How the run sees the project.
        pub view: Option<View> => "view",
        /// When the run started, in milliseconds since 1970.
        pub started_ms: u64 => "startedMs",
    }
}

record! {
    /// An action is about to be performed; its undo data is complete.
    pub struct ActionAnnounced {
        /// The action's number.
        pub id: u64 => "id",
        /// The action's phase.
        pub phase: Phase => "phase",
        /// The kind's label.
        pub kind: String => "kind",
        /// The line that describes it.
        pub line: String => "line",
        /// How it is taken back.
        pub undo: Undo => "undo",
    }
}

record! {
    /// An action is performed and durable.
    pub struct ActionDone {
        /// The action's number.
        pub id: u64 => "id",
        /// The digest of what was written.
        pub wrote: Option<String> => "wrote",
    }
}

record! {
    /// An action failed; it may have happened in part.
    pub struct ActionFailed {
        /// The action's number.
        pub id: u64 => "id",
        /// Why.
        pub message: String => "message",
    }
}

record! {
    /// Every action is done.
    pub struct RunReady {}
}

record! {
    /// What the run did is meant to stay; its undo data is kept for a while.
    pub struct RunCommitted {}
}

record! {
    /// An action is about to be taken back.
    pub struct UndoStarted {
        /// The action's number.
        pub id: u64 => "id",
    }
}

record! {
    /// An action is taken back.
    pub struct UndoDone {
        /// The action's number.
        pub id: u64 => "id",
        /// How it ended.
        pub outcome: Outcome => "outcome",
    }
}

record! {
    /// An action could not be taken back; it may be tried again.
    pub struct UndoFailed {
        /// The action's number.
        pub id: u64 => "id",
        /// Why.
        pub message: String => "message",
    }
}

record! {
    /// Nothing is left to take back.
    pub struct RunClosed {}
}

tagged! {
    /// One record of a journal.
    pub enum Record {
        /// The run begins.
        RunStarted(RunStarted) = "runStarted",
        /// An action is announced.
        ActionAnnounced(ActionAnnounced) = "actionAnnounced",
        /// An action is done.
        ActionDone(ActionDone) = "actionDone",
        /// An action failed.
        ActionFailed(ActionFailed) = "actionFailed",
        /// Every action is done.
        RunReady(RunReady) = "runReady",
        /// The run's effects stay.
        RunCommitted(RunCommitted) = "runCommitted",
        /// An undo begins.
        UndoStarted(UndoStarted) = "undoStarted",
        /// An undo is done.
        UndoDone(UndoDone) = "undoDone",
        /// An undo failed.
        UndoFailed(UndoFailed) = "undoFailed",
        /// The run is over.
        RunClosed(RunClosed) = "runClosed",
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// A diagnostic that names the field.
    pub fn parse(value: &Value<'_>) -> Result<Self, Diagnostic> {
        let at = Path::root("record");
        let record = Record::scan(value, &at)?;
        match &record {
            Record::RunStarted(started) if !(1..=JOURNAL_VERSION).contains(&started.version) => {
                Err(invalid(&at.field("version"), "is not a known version"))
            }
            _ => Ok(record),
        }
    }
}

impl Record {
    /// Tells whether something irreversible relies on the record, so that it must be
    /// durable first. The others may be lost to a power cut: undoing twice, or undoing
    /// what was never done, changes nothing.
    pub const fn is_promise(&self) -> bool {
        matches!(self, Record::ActionAnnounced(_) | Record::RunCommitted(_))
    }
}

impl Outcome {
    /// What stood there before stands there again.
    pub const fn restored() -> Self {
        Self::plain(OutcomeKind::Restored)
    }

    /// What the action created is gone.
    pub const fn removed() -> Self {
        Self::plain(OutcomeKind::Removed)
    }

    /// There was nothing to take back.
    pub const fn nothing() -> Self {
        Self::plain(OutcomeKind::Nothing)
    }

    /// Another run still uses what the action did.
    pub fn shared(why: String) -> Self {
        Self {
            why: Some(why),
            ..Self::plain(OutcomeKind::Shared)
        }
    }

    /// A path was left as it is.
    pub fn kept(path: String, why: String) -> Self {
        Self {
            path: Some(path),
            why: Some(why),
            ..Self::plain(OutcomeKind::Kept)
        }
    }

    const fn plain(kind: OutcomeKind) -> Self {
        Self {
            kind,
            path: None,
            beside: None,
            why: None,
        }
    }
}
