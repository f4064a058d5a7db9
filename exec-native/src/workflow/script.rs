//! The text of a workflow, with what it says about itself.

use std::path::Path;

use plan_core::base::code::Code;
use plan_core::base::diag::{Diagnostic, Place};
use plan_core::workflow::lint::lint;
use plan_core::workflow::meta::{self, Parameter, Phase};
use plan_core::workflow::vm::{Budget, JsonText, Nested, Start};

use super::drive::EngineLimits;
use super::vm::{VmHost, VmLimits};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::launch::own_program;
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

    /// What in it is likely to be a mistake.
    pub fn lints(&self) -> Vec<Diagnostic> {
        // It was parsed before it became one.
        let meta = meta::parse(&self.text);
        let found = meta.map(|meta| lint(&self.text, &meta));
        let found = found.unwrap_or_default().into_iter();
        found.map(|lint| lint.within(&*self.file)).collect()
    }

    /// Lets the engine read the script without running it; returns what is wrong.
    ///
    /// # Errors
    /// The engine cannot be started.
    pub fn compile(&self) -> Result<Option<Diagnostic>, ExecError> {
        let mut host = VmHost::spawn(&own_program()?, VmLimits::default())?;
        let report = host.start(Start {
            script: self.returning(),
            statement: vec![0, 0],
            name: self.file.clone(),
            args: JsonText::default(),
            cwd: String::new(),
            phases: Vec::new(),
            budget: Budget {
                total: None,
                spent: 0,
            },
            memory: EngineLimits::default().memory,
            fuel: EngineLimits::default().fuel,
        })?;
        Ok(report.error.map(|error| {
            let problem = Diagnostic::error(Code::WORKFLOW_SCRIPT_INVALID, error.message);
            problem.standing(Place {
                file: Some(self.file.clone()),
                line: error.line.unwrap_or(1),
                column: error.column.unwrap_or(1),
                length: 1,
            })
        }))
    }

    /// The script with a `return` in place of what it says about itself: the engine reads all
    /// of it, and none of it runs.
    fn returning(&self) -> String {
        let (start, end) = self.statement;
        let blanked = self.text.get(start..end).unwrap_or_default();
        let mut text = self.text.get(..start).unwrap_or_default().to_owned();
        text.push_str("return;");
        let rest = blanked.get("return;".len()..).unwrap_or_default();
        // Places behind it stay where they are.
        text.extend(rest.chars().map(|letter| match letter {
            '\n' | '\r' => letter,
            _ => ' ',
        }));
        text.push_str(self.text.get(end..).unwrap_or_default());
        text
    }
}
