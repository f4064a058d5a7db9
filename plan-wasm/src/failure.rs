//! Failures as data: what the host makes its error objects of.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::{ReadError, Writer, position};
use plan_core::persona::build::PlanError;
use plan_core::persona::inputs::MissingInput;
use plan_core::persona::resolve::PersonaResolutionError;

/// Why an operation has no result.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The name of the error class that persona-kit throws, or `CallsheetError`.
    pub name: String,
    /// What is wrong, in one line.
    pub message: String,
    /// The fields that persona-kit's class has besides, in order.
    pub fields: Vec<(&'static str, String)>,
    /// Every problem, the first one first.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// Creates the failure of one problem.
    pub fn of(diagnostic: Diagnostic) -> Self {
        Self::all(vec![diagnostic])
    }

    /// Creates the failure of several problems.
    pub fn all(diagnostics: Vec<Diagnostic>) -> Self {
        let first = diagnostics.first();
        Self {
            name: String::from("CallsheetError"),
            message: first.map_or_else(String::new, |first| first.message.clone()),
            fields: Vec::new(),
            diagnostics,
        }
    }

    /// Creates a failure that JavaScript sees as an object of a class.
    pub fn named(name: &str, message: &(impl ToString + ?Sized)) -> Self {
        Self {
            name: String::from(name),
            message: message.to_string(),
            fields: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// Creates a plain `Error`.
    #[expect(clippy::needless_pass_by_value, reason = "`map_err` gives errors away")]
    pub fn error(message: impl ToString) -> Self {
        Self::named("Error", &message)
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: &str) -> Self {
        self.fields.push((field, String::from(value)));
        self
    }

    /// Creates the failure of a text that is not JSON.
    pub fn unread(what: &str, text: &str, error: &ReadError) -> Self {
        let place = position(text, error.offset);
        let (line, column) = (place.line, place.column);
        let message = format!("{what} is not JSON: {error} (line {line}, column {column})");
        Self::of(Diagnostic::error(Code::DOCUMENT_MALFORMED, message))
    }

    /// Prints the failure as JSON.
    pub fn print(&self) -> String {
        let mut out = Writer::compact();
        out.begin_object();
        out.field("name", &*self.name);
        out.field("message", &*self.message);
        for (field, value) in &self.fields {
            out.field(field, &**value);
        }
        if let Some(first) = self.diagnostics.first() {
            out.field("code", &first.code);
        }
        out.field("diagnostics", &self.diagnostics);
        out.end_object();
        out.finish()
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::of(diagnostic)
    }
}

impl From<MissingInput> for Failure {
    fn from(missing: MissingInput) -> Self {
        let mut failure = Self::named(MissingInput::NAME, &missing)
            .with("input", &missing.input)
            .with("env", &missing.env);
        failure.diagnostics.push(missing.into());
        failure
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        if let PlanError::MissingInput(missing) = error {
            return missing.into();
        }
        let mut failure = Self::named(error.class(), &error);
        failure.diagnostics = error.diagnostics();
        failure
    }
}

impl From<PersonaResolutionError> for Failure {
    fn from(error: PersonaResolutionError) -> Self {
        let mut diagnostics = vec![error.diagnostic()];
        let files = error.problems().iter();
        diagnostics.extend(files.map(|problem| {
            let mut diagnostic = problem.diagnostic.clone();
            diagnostic.message = problem.to_string();
            diagnostic
        }));
        let failure = Self::all(diagnostics);
        failure.with("reason", error.code().as_str())
    }
}
