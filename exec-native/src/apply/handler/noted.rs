//! A view that leaves a note in the run's directory: which directory it is, and what it
//! hides and protects. Whoever looks at its changes later, perhaps in another process,
//! needs both.

use std::path::{Path, PathBuf};

use plan_core::effect::{ActionKind, Undo};

use super::{Bench, Prepared};
use crate::changes::ViewNote;
use crate::error::ExecError;

pub(super) struct Noted {
    view: Box<dyn Prepared>,
    root: PathBuf,
    ignored: Vec<String>,
    readonly: Vec<String>,
}

impl Noted {
    pub(super) fn new(view: Box<dyn Prepared>, kind: &ActionKind) -> Self {
        let mut noted = Self {
            view,
            root: PathBuf::new(),
            ignored: Vec::new(),
            readonly: Vec::new(),
        };
        if let ActionKind::Mount {
            to,
            ignored,
            readonly,
            ..
        } = kind
        {
            noted.root = PathBuf::from(to);
            noted.ignored.clone_from(ignored);
            noted.readonly.clone_from(readonly);
        }
        noted
    }
}

impl Prepared for Noted {
    fn undo(&self) -> Undo {
        self.view.undo()
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let wrote = self.view.perform(bench)?;
        let note = ViewNote::about(Path::new(&self.root), &self.ignored, &self.readonly)?;
        note.save(&bench.run.dir)?;
        Ok(wrote)
    }
}
