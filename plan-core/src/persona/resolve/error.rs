//! Why a persona could not be resolved, and problems of single files.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Severity};
use crate::base::record::{record, words};
use crate::base::text::nearest;

words! {
    /// The kind of a failed resolution, as persona-registry names it.
    pub enum ResolutionErrorCode {
        /// The reference, or the file it names, is malformed.
        InvalidReference = "invalid_reference",
        /// No layer has the persona.
        UnknownPersona = "unknown_persona",
        /// The persona lacks what an interactive run needs.
        NotInteractive = "not_interactive",
    }
}

record! {
    /// A problem of one persona file.
    pub struct Problem {
        /// The layer of the file.
        pub source: String => "source",
        /// The file.
        pub path: String => "path",
        /// What is wrong, and where in the file.
        pub diagnostic: Diagnostic => "diagnostic",
    }
}

impl Problem {
    /// Creates a problem of a file.
    pub(super) fn new(source: &str, path: &str, diagnostic: Diagnostic) -> Self {
        Self {
            source: source.to_owned(),
            path: path.to_owned(),
            diagnostic,
        }
    }

    /// The same problem as a warning.
    pub(super) fn softened(mut self) -> Self {
        self.diagnostic.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            path,
            diagnostic,
        } = self;
        write!(out, "[{source}] {path}: {diagnostic}")
    }
}

/// A persona that could not be resolved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct PersonaResolutionError {
    code: ResolutionErrorCode,
    message: String,
    help: Option<String>,
    problems: Vec<Problem>,
}

impl PersonaResolutionError {
    /// Returns the kind.
    pub const fn code(&self) -> ResolutionErrorCode {
        self.code
    }

    /// Returns what to do next.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Returns the problems of the persona's files.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the error as a diagnostic; the files' own are apart, in
    /// [`PersonaResolutionError::problems`].
    pub fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(Code::PERSONA_RESOLUTION_FAILED, &*self.message);
        diagnostic.help.clone_from(&self.help);
        diagnostic
    }

    fn new(code: ResolutionErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            problems: Vec::new(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ResolutionErrorCode::InvalidReference, message)
    }

    pub(super) fn not_interactive(id: &str, omitted: &[&str]) -> Self {
        let omitted = omitted.join(", ");
        let message =
            format!("persona \"{id}\" cannot be spawned interactively because it omits {omitted}");
        Self::new(ResolutionErrorCode::NotInteractive, message)
    }

    /// `known` is sorted.
    pub(super) fn unknown(id: &str, known: &[&str]) -> Self {
        let list = if known.is_empty() {
            "(none)".to_owned()
        } else {
            known.join(", ")
        };
        let message = format!("Unknown persona \"{id}\". Known personas: {list}");
        let mut error = Self::new(ResolutionErrorCode::UnknownPersona, message);
        error.help =
            nearest(id, known.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        error
    }

    pub(super) fn broken(id: &str, problems: Vec<Problem>) -> Self {
        let first = problems.first();
        let cause = first.map_or_else(String::new, |problem| format!(": {problem}"));
        let mut error = Self::invalid(format!("persona \"{id}\" has problems{cause}"));
        error.help = first.and_then(|problem| problem.diagnostic.help.clone());
        error.problems = problems;
        error
    }

    /// Adds the problem of the file that the error is about.
    #[must_use]
    pub(super) fn because(mut self, problem: Problem) -> Self {
        self.problems.push(problem);
        self
    }

    #[must_use]
    pub(super) fn helped(mut self, help: &str) -> Self {
        self.help = Some(help.to_owned());
        self
    }
}
