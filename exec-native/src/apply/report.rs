//! What became of a run's effects.

use std::path::PathBuf;

use plan_core::effect::{Outcome, OutcomeKind};

use crate::error::{ExecError, ExecErrorKind};

/// How taking back one action ended.
#[derive(Debug, Clone, PartialEq)]
pub struct DisposeEntry {
    /// The action's number.
    pub action: u64,
    /// What the action was, in one line.
    pub line: String,
    /// The outcome, or why there is none.
    pub result: Result<Outcome, String>,
}

/// What became of a run's effects, action by action, in the order of undoing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DisposeReport {
    /// The run.
    pub run: String,
    /// One entry for each action that was to be taken back.
    pub entries: Vec<DisposeEntry>,
    /// What else went wrong, such as a journal that could not be written.
    pub problems: Vec<String>,
    /// Whether the run is over. If not, its journal stays and recovery tries again.
    pub closed: bool,
    /// The run's directory, when it stays.
    pub leftover: Option<PathBuf>,
}

impl DisposeReport {
    /// Tells whether everything was taken back and nothing was kept.
    pub fn is_clean(&self) -> bool {
        self.closed && self.problems.is_empty() && self.kept().next().is_none()
    }

    /// Walks what was left in place because somebody else changed it.
    pub fn kept(&self) -> impl Iterator<Item = (&DisposeEntry, &Outcome)> {
        let outcomes = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry, entry.result.as_ref().ok()?)));
        outcomes.filter(|(_, outcome)| outcome.kind == OutcomeKind::Kept)
    }

    /// Returns what went wrong as errors.
    pub fn errors(&self) -> Vec<ExecError> {
        let failed = self.entries.iter().filter_map(|entry| {
            let message = entry.result.as_ref().err()?;
            let message = format!("could not take back `{}`: {message}", entry.line);
            let error = ExecError::new(ExecErrorKind::NeedsRecovery, message);
            Some(error.in_action(entry.action))
        });
        let problems = self
            .problems
            .iter()
            .map(|problem| ExecError::new(ExecErrorKind::NeedsRecovery, problem));
        let errors = failed.chain(problems);
        errors.map(|error| error.in_run(&self.run)).collect()
    }
}
