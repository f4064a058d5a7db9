//! How a command fails, how that is shown, and which exit code it has.

use std::fmt;
use std::io;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use plan_core::base::diag::{Diagnostic, Severity};
use plan_core::base::json::{self, Writer};
use plan_core::persona::build::PlanError;
use plan_core::persona::resolve::{PersonaResolutionError, Problem};

use super::output::{Output, envelope};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::walk;
use crate::personas::DOCUMENT_LIMIT;

/// The exit code when whoever read our output has gone, as of a program that the signal
/// for it ended.
const BROKEN_PIPE: u8 = 128 + 13;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// Problems in documents or options.
    Refused {
        /// The problems.
        problems: Vec<Located>,
        /// Whether to print the envelope.
        json: bool,
    },
    /// An error as a JavaScript caller of persona-kit knows it.
    Compat {
        /// The error's class.
        name: &'static str,
        /// Its message.
        message: String,
        /// Its other fields.
        fields: Vec<(&'static str, String)>,
    },
    /// Something could not be carried out.
    Exec(ExecError, bool),
    /// Standard output was closed.
    BrokenPipe,
}

/// A problem and the file that it is in.
#[derive(Debug)]
pub(super) struct Located {
    /// The problem.
    pub(super) diagnostic: Diagnostic,
    /// The file that its pointer leads into.
    pub(super) path: Option<String>,
}

impl From<Diagnostic> for Located {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostic,
            path: None,
        }
    }
}

impl From<&Problem> for Located {
    fn from(problem: &Problem) -> Self {
        let diagnostic = problem.diagnostic.clone();
        Self {
            diagnostic,
            path: Some(problem.path.clone()),
        }
    }
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        Failure::Exec(error, false)
    }
}

impl Failure {
    /// Creates the failure of output that nobody takes.
    pub(super) fn unwritten(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::BrokenPipe;
        }
        let message = "standard output cannot be written";
        ExecError::new(ExecErrorKind::Failed, message)
            .because(error)
            .into()
    }

    /// Creates a failure of one problem.
    pub(super) fn of(diagnostic: Diagnostic) -> Self {
        Failure::Refused {
            problems: vec![diagnostic.into()],
            json: false,
        }
    }

    /// Says that the caller reads JSON.
    #[must_use]
    pub(super) fn json(self, json: bool) -> Self {
        match self {
            Failure::Refused { problems, .. } => Failure::Refused { problems, json },
            Failure::Exec(error, _) => Failure::Exec(error, json),
            other => other,
        }
    }

    /// Creates the failure of a persona that cannot be found or put together.
    pub(super) fn unresolved(error: &PersonaResolutionError) -> Self {
        let mut problems: Vec<Located> = error.problems().iter().map(Into::into).collect();
        if problems.is_empty() {
            problems.push(error.diagnostic().into());
        }
        Failure::Refused {
            problems,
            json: false,
        }
    }

    /// Creates the failure of a persona that cannot be planned.
    pub(super) fn unplanned(error: &PlanError, path: Option<&str>) -> Self {
        let located = |diagnostic| Located {
            diagnostic,
            path: path.map(String::from),
        };
        let problems = error.diagnostics().into_iter().map(located).collect();
        Failure::Refused {
            problems,
            json: false,
        }
    }

    /// Creates the failure that persona-kit would throw for a plan.
    pub(super) fn compat_plan(error: &PlanError) -> Self {
        let fields = match error {
            PlanError::MissingInput(missing) => {
                vec![
                    ("input", missing.input.clone()),
                    ("env", missing.env.clone()),
                ]
            }
            _ => Vec::new(),
        };
        Failure::Compat {
            name: error.class(),
            message: error.to_string(),
            fields,
        }
    }

    /// Shows the failure and returns its exit code.
    pub(super) fn show(&self, output: &Output) -> u8 {
        match self {
            Failure::Refused { problems, json } => {
                if *json {
                    let diagnostics: Vec<_> = problems.iter().map(Located::named).collect();
                    show_envelope(output, &diagnostics);
                } else {
                    for problem in problems {
                        output.problem(&problem.render(output));
                    }
                }
                1
            }
            Failure::Compat {
                name,
                message,
                fields,
            } => {
                output.problem(&compat_json(name, message, fields));
                1
            }
            Failure::Exec(error, json) => {
                show_exec(error, *json, output);
                error.exit_code()
            }
            // Whoever read us has seen enough.
            Failure::BrokenPipe => BROKEN_PIPE,
        }
    }
}

fn show_envelope(output: &Output, diagnostics: &[Diagnostic]) {
    if output.tell(&envelope(None::<&str>, diagnostics)).is_err() {
        output.problem("standard output was closed");
    }
}

fn compat_json(name: &str, message: &str, fields: &[(&'static str, String)]) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("name", name);
    out.field("message", message);
    for (field, value) in fields {
        out.field(field, value);
    }
    out.end_object();
    out.finish()
}

fn show_exec(error: &ExecError, json: bool, output: &Output) {
    if json {
        show_envelope(output, &exec_diagnostics(error));
        return;
    }
    output.problem(&format!(
        "{} {}",
        output.paint("31", "error:"),
        error.chain()
    ));
    // The first one is in the message.
    for diagnostic in error.diagnostics().iter().skip(1) {
        output.problem(&format!("  {diagnostic}"));
    }
    if let Some(command) = error.command() {
        output.problem(last_lines(command.output.trim_end()));
    }
    for undo in error.undo_errors() {
        output.problem(&format!("  not taken back: {}", undo.chain()));
    }
    for hint in error.hints() {
        output.problem(&format!("  help: {hint}"));
    }
}

/// Returns as much of a program's last words as a person reads.
fn last_lines(text: &str) -> &str {
    let lines = text.rmatch_indices('\n').map(|(place, _)| place + 1);
    let start = lines.take(SHOWN_LINES).last().unwrap_or(0);
    let far = text.len().saturating_sub(SHOWN_BYTES);
    let near = (far..=text.len()).find(|place| text.is_char_boundary(*place));
    text.get(start.max(near.unwrap_or(0))..).unwrap_or_default()
}

const SHOWN_LINES: usize = 30;
const SHOWN_BYTES: usize = 8 << 10;

/// Turns an execution error into diagnostics for programs.
fn exec_diagnostics(error: &ExecError) -> Vec<Diagnostic> {
    let mut diagnostics = error.diagnostics().to_vec();
    let code = plan_core::base::code::Code::EXECUTION_FAILED;
    let mut main = Diagnostic::error(code, error.chain());
    main.help = error.hints().first().cloned();
    diagnostics.insert(0, main);
    let undone = error
        .undo_errors()
        .iter()
        .map(|undo| Diagnostic::error(code, undo.chain()));
    diagnostics.extend(undone);
    diagnostics
}

impl Located {
    /// Returns the problem with its file in the message, for programs.
    fn named(&self) -> Diagnostic {
        let mut diagnostic = self.diagnostic.clone();
        if let Some(path) = self
            .path
            .as_ref()
            .filter(|path| !diagnostic.message.contains(*path))
        {
            diagnostic.message = format!("{path}: {}", diagnostic.message);
        }
        diagnostic
    }

    /// Renders the problem with the place in its file.
    fn render(&self, output: &Output) -> String {
        let text = self
            .path
            .as_deref()
            .and_then(|path| walk::read_text_limited(path, DOCUMENT_LIMIT).ok());
        let span = text.as_deref().and_then(|text| self.span(text));
        // A document on one line would fill the screen.
        let span = span.filter(|(start, _)| {
            let around = text.as_deref().map(|text| line_length(text, *start));
            around.is_some_and(|length| length <= LONGEST_LINE)
        });
        let message = &self.diagnostic.message;
        let unnamed = self.path.as_deref().filter(|_| span.is_none());
        let report = Report {
            message: unnamed.map_or_else(|| message.clone(), |path| format!("{path}: {message}")),
            diagnostic: &self.diagnostic,
            source: text
                .map(|text| NamedSource::new(self.path.as_deref().unwrap_or_default(), text)),
            span,
        };
        let theme = if output.colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut rendered = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        match handler.render_report(&mut rendered, &report) {
            Ok(()) => rendered.trim_end().to_owned(),
            Err(fmt::Error) => self.diagnostic.to_string(),
        }
    }

    /// Finds the place: the value, or the nearest one round it when it is missing.
    fn span(&self, text: &str) -> Option<(usize, usize)> {
        if let Err(error) = json::read(text) {
            return Some((error.offset, error.offset));
        }
        let mut pointer = self.diagnostic.pointer.as_deref()?;
        loop {
            if let Some(span) = json::locate(text, pointer) {
                // A whole document underlined says nothing.
                return (!pointer.is_empty()).then_some(span);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }
}

/// The longest line that is shown.
const LONGEST_LINE: usize = 400;

/// Returns the length of the line that an offset is in.
fn line_length(text: &str, offset: usize) -> usize {
    let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
    let start = before.rsplit('\n').next().map_or(0, str::len);
    start + after.split('\n').next().map_or(0, str::len)
}

/// A diagnostic as miette renders it.
#[derive(Debug)]
struct Report<'r> {
    message: String,
    diagnostic: &'r Diagnostic,
    source: Option<NamedSource<String>>,
    span: Option<(usize, usize)>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.diagnostic.code.as_str()))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.diagnostic.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span?;
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (start, end) = self.span?;
        // A long value would fill the screen; its first line says where it is.
        let line = self
            .source
            .as_ref()
            .and_then(|source| source.inner().get(start..end));
        let length = line
            .and_then(|text| text.lines().next())
            .map_or(0, str::len);
        let span = LabeledSpan::new(Some("here".to_owned()), start, length.max(1));
        Some(Box::new(std::iter::once(span)))
    }
}
