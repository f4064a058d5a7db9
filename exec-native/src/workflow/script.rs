//! The text of a workflow, with what it says about itself.

use std::path::Path;

use plan_core::base::diag::Diagnostic;
use plan_core::workflow::meta::{self, Parameter, Phase};
use plan_core::workflow::vm::Nested;

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::fs;

/// A script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Its whole text.
    pub text: String,
    /// The name of its file, for stacks.
    pub file: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// The model of calls that nothing else decides.
    pub model: Option<String>,
    /// What it wants to be given.
    pub parameters: Vec<Parameter>,
    statement: (usize, usize),
}

impl Script {
    /// Reads a script from its text. A fence of Markdown around it is taken off.
    ///
    /// # Errors
    /// It does not say what it is; with the place.
    pub fn of_text(text: &str, file: &str) -> Result<Self, Diagnostic> {
        let text = meta::unfenced(text);
        let meta = meta::parse(text).map_err(|problem| problem.within(file))?;
        Ok(Self {
            file: file.to_owned(),
            name: meta.name.clone(),
            description: meta.description.clone(),
            phases: meta.phases.clone(),
            model: meta.model.clone(),
            parameters: meta.parameters.clone(),
            statement: (meta.statement.start, meta.statement.end),
            text: text.to_owned(),
        })
    }

    /// Reads the text of a script's file.
    ///
    /// # Errors
    /// The file cannot be read, or is no text.
    pub fn read(path: &Path) -> Result<String, ExecError> {
        let bytes = fs::read(path).at(path)?;
        String::from_utf8(bytes).map_err(|error| {
            let message = "the script is no text in UTF-8";
            ExecError::new(ExecErrorKind::Refused, message)
                .at(path)
                .because(error)
        })
    }

    /// The bytes from and to which the script says what it is.
    pub fn statement(&self) -> Vec<u64> {
        vec![self.statement.0 as u64, self.statement.1 as u64]
    }

    /// The script for another one that calls it.
    pub fn nested(&self) -> Nested {
        Nested {
            script: self.text.clone(),
            statement: self.statement(),
            name: self.file.clone(),
            phases: self.titles(),
            args: None,
        }
    }

    /// The titles of its phases.
    pub fn titles(&self) -> Vec<String> {
        self.phases
            .iter()
            .map(|phase| phase.title.clone())
            .collect()
    }
}
