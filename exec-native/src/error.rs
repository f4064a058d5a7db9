//! The error of everything that acts: what kind, what it was about, what went wrong
//! underneath, and what to do next.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::base::diag::Diagnostic;

/// What kind of failure an error is; it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecErrorKind {
    /// Something could not be done. What was done is undone.
    Failed,
    /// Another run, or somebody else at this moment, works on the same files.
    Busy,
    /// Something could not be undone; the journal knows what.
    NeedsRecovery,
    /// The request is not one that can be carried out.
    Usage,
    /// A program that is needed is not installed.
    Missing,
    /// Callsheet contradicts itself.
    Internal,
    /// A setting or variable is missing or wrong.
    Config,
    /// The request is one that nobody should carry out unasked.
    Refused,
    /// Work could not get a place of its own.
    Isolation,
    /// Somebody asked to stop, by a signal of this number.
    Cancelled(u8),
}

impl ExecErrorKind {
    /// Returns the exit code of a command that ends with such an error.
    pub const fn exit_code(self) -> u8 {
        match self {
            ExecErrorKind::Failed => 1,
            ExecErrorKind::Busy => 5,
            ExecErrorKind::NeedsRecovery => 6,
            ExecErrorKind::Usage => 64,
            ExecErrorKind::Missing => 69,
            ExecErrorKind::Internal => 70,
            ExecErrorKind::Isolation => 73,
            ExecErrorKind::Config => 78,
            ExecErrorKind::Refused => 77,
            ExecErrorKind::Cancelled(signal) => 128_u8.saturating_add(signal),
        }
    }
}

/// What an error is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorContext {
    /// The run.
    pub run: Option<String>,
    /// The action's number.
    pub action: Option<u64>,
    /// The file or directory.
    pub path: Option<PathBuf>,
}

/// How a program failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandFailure {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub code: i32,
    /// The last part of its output.
    pub output: String,
    /// The file that holds all of its output.
    pub log: PathBuf,
}

/// An error of the executor.
pub struct ExecError(Box<Inner>);

struct Inner {
    kind: ExecErrorKind,
    message: String,
    context: ErrorContext,
    source: Option<Box<dyn Error + Send + Sync>>,
    hints: Vec<String>,
    diagnostics: Vec<Diagnostic>,
    command: Option<CommandFailure>,
    undo_errors: Vec<ExecError>,
}

impl ExecError {
    /// Creates an error.
    pub fn new(kind: ExecErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: ErrorContext::default(),
            source: None,
            hints: Vec::new(),
            diagnostics: Vec::new(),
            command: None,
            undo_errors: Vec::new(),
        }))
    }

    /// Creates the error for a request with problems.
    pub fn refused(message: &str, diagnostics: Vec<Diagnostic>) -> Self {
        Self::with_problems(ExecErrorKind::Failed, message, diagnostics)
    }

    /// Creates an error of any kind with its problems.
    pub fn with_problems(kind: ExecErrorKind, message: &str, diagnostics: Vec<Diagnostic>) -> Self {
        let first = diagnostics.first().map(ToString::to_string);
        let message = first.map_or_else(|| message.into(), |first| format!("{message}: {first}"));
        let mut error = Self::new(kind, message);
        error.0.diagnostics = diagnostics;
        error
    }

    /// Returns the kind.
    pub fn kind(&self) -> ExecErrorKind {
        self.0.kind
    }

    /// Returns the exit code of a command that ends with this error. Effects that are
    /// still there weigh more than what went wrong first.
    pub fn exit_code(&self) -> u8 {
        if self.0.undo_errors.is_empty() {
            self.0.kind.exit_code()
        } else {
            ExecErrorKind::NeedsRecovery.exit_code()
        }
    }

    /// Returns what the error is about.
    pub fn context(&self) -> &ErrorContext {
        &self.0.context
    }

    /// Returns what to do next.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// Returns the problems of a refused request.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.0.diagnostics
    }

    /// Returns how the program failed, when one did.
    pub fn command(&self) -> Option<&CommandFailure> {
        self.0.command.as_ref()
    }

    /// Returns what could not be undone after this error.
    pub fn undo_errors(&self) -> &[ExecError] {
        &self.0.undo_errors
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Adds the path.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.context.path.get_or_insert_with(|| path.into());
        self
    }

    /// Adds the run.
    #[must_use]
    pub fn in_run(mut self, run: &str) -> Self {
        self.0.context.run.get_or_insert_with(|| run.into());
        self
    }

    /// Adds the action.
    #[must_use]
    pub fn in_action(mut self, id: u64) -> Self {
        self.0.context.action.get_or_insert(id);
        self
    }

    /// Says first what the error is about.
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    pub(crate) fn with_command(mut self, failure: CommandFailure) -> Self {
        self.0.command = Some(failure);
        self
    }

    pub(crate) fn with_undo_errors(mut self, errors: Vec<ExecError>) -> Self {
        if !errors.is_empty() {
            self.0.hints.push(String::from(
                "not everything could be undone; `callsheet recover` tries again",
            ));
        }
        self.0.undo_errors = errors;
        self
    }

    /// Returns the message with those of its causes, for records and one-line reports.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            // A cause that says no more than its effect is not worth repeating.
            let more = error.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.message)?;
        match &self.0.context.path {
            Some(path) => write!(out, " ({})", path.display()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ExecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        out.debug_struct("ExecError")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("context", &inner.context)
            .field("source", &inner.source)
            .field("hints", &inner.hints)
            .field("undo_errors", &inner.undo_errors)
            .finish_non_exhaustive()
    }
}

impl Error for ExecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.source.as_deref();
        source.map(|source| source as &(dyn Error + 'static))
    }
}

/// Turns failures of the system into errors that name the path.
pub trait IoResultExt<T> {
    /// Names the path that the operation was about.
    ///
    /// # Errors
    /// The failure, with the path.
    fn at(self, path: impl AsRef<Path>) -> Result<T, ExecError>;
}

impl<T> IoResultExt<T> for io::Result<T> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, ExecError> {
        self.map_err(|error| {
            let message = error.to_string();
            ExecError::new(ExecErrorKind::Failed, message)
                .at(path.as_ref())
                .because(error)
        })
    }
}
