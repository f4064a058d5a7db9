//! What may be done to the world, as data, and what is needed to take it back.
//!
//! A domain lowers its plan to an ordered [`ActionList`]; the executor knows
//! actions and nothing else. Nothing here performs anything.

mod action;
mod document;
mod phase;

pub use action::{Action, ActionKind, ActionList, Content, WriteMode};
pub use document::{Document, Escape, Format, MissingReference, Reference};
pub use phase::Phase;
