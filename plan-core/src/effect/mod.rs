//! What may be done to the world, as data, and what is needed to take it back.
//!
//! A domain lowers its plan to an ordered [`ActionList`]; the executor knows
//! actions and nothing else. Nothing here performs anything.

mod action;
mod check;
mod describe;
mod document;
mod environment;
mod phase;
mod record;
mod recover;
mod status;
mod undo;

pub use action::{Action, ActionKind, ActionList, Content, UPPER, View, WriteMode};
pub use describe::{describe_action, describe_undo};
pub use document::{Document, Escape, Format, MissingReference, Reference};
pub use environment::{is_hook, is_inherited};
pub use phase::Phase;
pub use record::{
    ActionAnnounced, ActionDone, ActionFailed, JOURNAL_VERSION, Outcome, OutcomeKind, Record,
    RunClosed, RunCommitted, RunReady, RunStarted, UndoDone, UndoFailed, UndoStarted,
};
pub use recover::{ActionState, RecoveryPlan, RunState, UndoStep};
pub use status::{ActionEvent, ActionStatus, IllegalEvent, RunEvent, RunStatus};
pub use undo::{
    Block, EntryKind, MoveBack, Nothing, Original, PutBack, RemoveDirs, RemoveLayer, RemoveMount,
    RemoveTrees, RestoreTree, Undo, Written,
};
