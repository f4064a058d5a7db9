//! How a command fails, how that is shown, and which exit code it has.

use std::io;

use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::persona::build::PlanError;
use plan_core::persona::resolve::PersonaResolutionError;

use super::output::{Output, envelope};
use super::report::Located;
use crate::error::{ExecError, ExecErrorKind};

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
    /// A text that is told as it is, and the problems behind it.
    Told {
        /// The text.
        text: String,
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

    /// Creates a failure that is told in words of its own.
    pub(super) fn told(text: impl Into<String>) -> Self {
        Failure::Told {
            text: text.into(),
            problems: Vec::new(),
            json: false,
        }
    }

    /// Says that the caller reads JSON.
    #[must_use]
    pub(super) fn json(self, json: bool) -> Self {
        match self {
            Failure::Refused { problems, .. } => Failure::Refused { problems, json },
            Failure::Exec(error, _) => Failure::Exec(error, json),
            Failure::Told { text, problems, .. } => Failure::Told {
                text,
                problems,
                json,
            },
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
        let located = |diagnostic| Located::new(diagnostic, path.map(String::from));
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
                show_problems(problems, *json, output);
                1
            }
            Failure::Told {
                text,
                problems,
                json,
            } => {
                if problems.is_empty() && *json {
                    let code = plan_core::base::code::Code::EXECUTION_FAILED;
                    show_envelope(output, &[Diagnostic::error(code, text.as_str())]);
                    return 1;
                }
                if !json {
                    output.problem(text);
                }
                show_problems(problems, *json, output);
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

fn show_problems(problems: &[Located], json: bool, output: &Output) {
    if json {
        let diagnostics: Vec<_> = problems.iter().map(Located::named).collect();
        show_envelope(output, &diagnostics);
        return;
    }
    for problem in problems {
        output.problem(&problem.render(output));
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
