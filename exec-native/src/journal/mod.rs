//! Journals: append-only files of checked lines. A record is durable before its
//! effect begins, and a journal can be read to its last whole record after any crash.

mod frame;
mod reader;
mod writer;

pub use frame::{FrameProblem, Frames, decode, encode, split};
pub use reader::{Journal, JournalError, parse, read, start_of};
pub use writer::Writer;

/// The journal's name in a run directory.
pub const FILE_NAME: &str = "journal.log";

#[cfg(test)]
mod tests;
