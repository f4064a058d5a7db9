//! Reading journals, and the rule for what a crash leaves at the end.

use std::ffi::OsStr;
use std::io;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json;
use plan_core::effect::{Record, RunStarted, RunState};

use super::frame::{FrameProblem, decode, split};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs::read_at;

/// A journal that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// The whole records.
    pub records: Vec<Record>,
    /// What the records say.
    pub state: RunState,
    /// The length of the whole records in bytes.
    pub whole_bytes: usize,
    /// The length of what a crash left behind them, which is ignored.
    pub torn_bytes: usize,
}

/// Why bytes are no journal.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JournalError {
    /// A line in the middle is damaged.
    #[error("line {line} of the journal is damaged: {problem}")]
    Damaged {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: FrameProblem,
    },
    /// There is no whole record although originals were saved.
    #[error("the journal is empty or lost, but the run had saved originals")]
    Lost,
    /// A line is whole, but is no record that may stand there.
    #[error("line {line} of the journal: {diagnostic}")]
    Illegal {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        diagnostic: Diagnostic,
    },
}

/// Reads a journal. A damaged last line is what a crash leaves: its record was never
/// acknowledged, so no effect followed it, and it is ignored. A damaged line with
/// whole lines behind it is no crash.
///
/// # Errors
/// A line in the middle is damaged or illegal.
pub fn parse(bytes: &[u8]) -> Result<Journal, JournalError> {
    let frames = split(bytes).map_err(|(line, problem)| JournalError::Damaged { line, problem })?;
    let mut journal = Journal {
        records: Vec::with_capacity(frames.lines.len()),
        state: RunState::new(),
        whole_bytes: frames.whole_bytes,
        torn_bytes: frames.torn_bytes,
    };
    for (place, text) in frames.lines.into_iter().enumerate() {
        let record = record(text, &mut journal.state).map_err(|diagnostic| {
            let line = place + 1;
            JournalError::Illegal { line, diagnostic }
        })?;
        journal.records.push(record);
    }
    Ok(journal)
}

fn record(text: &str, state: &mut RunState) -> Result<Record, Diagnostic> {
    let value = json::read(text)
        .map_err(|error| Diagnostic::error(Code::DOCUMENT_MALFORMED, error.message))?;
    let record = Record::parse(&value)?;
    state.accept(&record)?;
    Ok(record)
}

/// Reads the journal of a run directory; `None` when there is none.
///
/// # Errors
/// The file cannot be read, or is no journal.
pub fn read(dir: &Dir) -> Result<Option<Journal>, ExecError> {
    let path = dir.path().join(super::FILE_NAME);
    let name = OsStr::new(super::FILE_NAME);
    let bytes = match read_at(dir, name) {
        // Its owner may be removing the run.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.at(&path)?,
    };
    let journal = parse(&bytes).map_err(|error| {
        ExecError::new(ExecErrorKind::NeedsRecovery, error.to_string())
            .at(&path)
            .hint("`callsheet recover` sets such a run aside, for a person to look at")
            .because(error)
    })?;
    Ok(Some(journal))
}

/// Returns what the first record of a damaged journal says, if it can be read: which
/// directory and files the run was about.
pub fn start_of(dir: &Dir) -> Option<RunStarted> {
    let bytes = read_at(dir, OsStr::new(super::FILE_NAME)).ok()?;
    let (text, _) = decode(&bytes).ok()?;
    let mut state = RunState::new();
    record(text, &mut state).ok()?;
    state.started().cloned()
}
