//! Runs whose directory or journal cannot be read: nobody knows what they did, so nothing
//! is taken back that they may use too.

use std::path::PathBuf;

use plan_core::effect::{RunStarted, RunStatus};

use super::recover::{Liveness, RunSummary, is_over, overlap};
use crate::error::{ExecError, ExecErrorKind};
use crate::journal;
use crate::os::dir::Dir;
use crate::state::{RunId, StateHome};

/// A run that cannot be looked into.
#[derive(Debug)]
pub(super) struct Obscure {
    dir: PathBuf,
    id: Option<RunId>,
    /// What its first record says, if that can be read.
    started: Option<RunStarted>,
    why: String,
}

impl Obscure {
    /// Finds out what can be known about a run; `None` when it is known to be over.
    pub(super) fn look(state: &StateHome, id: &RunId, why: &ExecError) -> Option<Self> {
        let dir = state.run_path(id);
        let opened = Dir::open(&dir).ok();
        let journal = opened.as_ref().map(journal::read);
        if let Some(Ok(Some(journal))) = journal
            && is_over(journal.state.status())
        {
            return None;
        }
        Some(Self {
            started: opened.as_ref().and_then(journal::start_of),
            dir,
            id: Some(id.clone()),
            why: why.chain(),
        })
    }

    /// Stands for all runs, none of which can be looked into.
    pub(super) fn all(state: &StateHome, why: &ExecError) -> Self {
        Self {
            dir: state.root().to_owned(),
            id: None,
            started: None,
            why: why.chain(),
        }
    }

    /// Tells whether it may want one of the paths.
    pub(super) fn may_want(&self, paths: &[String]) -> bool {
        self.started.as_ref().map_or(!paths.is_empty(), |started| {
            let mut wanted = started.paths.iter();
            wanted.any(|path| paths.iter().any(|own| overlap(own, path)))
        })
    }

    /// Returns what its first record says, if that can be read.
    pub(super) const fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    /// Says what is in the way, and what to do about it.
    pub(super) fn refusal(&self) -> ExecError {
        let message = format!(
            "another run may use the same files, and nobody can tell: {}",
            self.why
        );
        let error = ExecError::new(ExecErrorKind::NeedsRecovery, message).at(&self.dir);
        let error = match &self.id {
            Some(id) => error.in_run(id.as_str()),
            None => error,
        };
        let hint = "make that directory readable again; or, once no program works in that run \
            any more, move it elsewhere; then `callsheet recover`";
        error.hint(hint)
    }

    /// Returns it as a list of runs shows it.
    pub(super) fn summary(self, id: RunId) -> RunSummary {
        RunSummary {
            id,
            liveness: Liveness::Damaged,
            status: RunStatus::New,
            started: self.started,
            dir: self.dir,
        }
    }
}
