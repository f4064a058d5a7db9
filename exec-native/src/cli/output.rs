//! What a person or a program reads from us: texts, envelopes, colours only on a
//! terminal.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};

use plan_core::base::diag::{Diagnostic, Severity};
use plan_core::base::json::{Print, Writer};
use plan_core::base::secret::{hide, is_secret_name};

use super::failure::Failure;
use crate::os::{clock, env};

/// The version of the envelope that `--json` prints.
const SCHEMA: &str = "callsheet/1";

/// How long a passing line stays at least.
const PASSING_MS: u64 = 80;

/// Where output goes.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts")]
pub(super) struct Output {
    quiet: bool,
    /// Whether standard error shows colours.
    pub(super) colour: bool,
    /// Whether standard output shows colours.
    colour_out: bool,
    /// Whether standard error is a terminal.
    pub(super) is_terminal: bool,
    /// When the passing line was written that the next line takes the place of.
    passing: Cell<Option<u64>>,
    /// Values of the environment that nobody is to read.
    secrets: Vec<String>,
}

impl Output {
    /// Looks at the terminal once.
    pub(super) fn new(quiet: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let wanted = env::var("NO_COLOR").is_none_or(|value| value.is_empty())
            && env::var("TERM").as_deref() != Some("dumb");
        let colour = is_terminal && wanted;
        let secrets = env::vars().into_iter();
        let secrets = secrets.filter(|(name, _)| is_secret_name(name));
        Self {
            quiet,
            colour,
            is_terminal,
            colour_out: wanted && io::stdout().is_terminal(),
            passing: Cell::new(None),
            secrets: secrets.map(|(_, value)| value).collect(),
        }
    }

    /// Writes bytes to standard output.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.settle();
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(Failure::unwritten)
    }

    /// Writes a line about a plan or a run to standard output; secrets in it are hidden.
    pub(super) fn tell(&self, text: &str) -> Result<(), Failure> {
        self.line(&hide(text, &self.secrets))
    }

    /// Writes a line to standard output.
    pub(super) fn line(&self, text: &str) -> Result<(), Failure> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Writes a line for the person at the terminal to standard error.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            self.problem(text);
        }
    }

    /// Writes a line about a problem to standard error, even when quiet. Secrets in it are
    /// hidden.
    pub(super) fn problem(&self, text: &str) {
        self.settle();
        let text = hide(text, &self.secrets);
        // Without standard error there is nobody to tell.
        writeln!(io::stderr(), "{text}").ok();
    }

    /// Shows on a terminal what happens now, in a line that the next one takes the place
    /// of, and not more often than anybody can read.
    pub(super) fn passing(&self, text: &str) {
        let colour = self.colour && !self.quiet;
        let now = clock::now_ms();
        let rests = |last: u64| now.saturating_sub(last) < PASSING_MS;
        if !colour || self.passing.get().is_some_and(rests) {
            return;
        }
        let width = env::terminal_width().unwrap_or(80);
        let text = hide(text, &self.secrets);
        let line: String = text.chars().take(width.saturating_sub(1)).collect();
        let line = self.paint("2", &line);
        // As with every other line, nobody is there to hear of a failure.
        write!(io::stderr(), "\r\u{1b}[2K{line}").ok();
        self.passing.set(Some(now));
    }

    /// Takes the passing line away.
    pub(super) fn settle(&self) {
        if self.passing.take().is_some() {
            write!(io::stderr(), "\r\u{1b}[2K").ok();
        }
    }

    /// Writes warnings to standard error.
    pub(super) fn warnings<'w>(&self, warnings: impl IntoIterator<Item = &'w Diagnostic>) {
        for warning in warnings {
            let help = warning.help.as_ref().map(|help| format!(" ({help})"));
            self.note(&format!(
                "{} {warning}{}",
                self.paint("33", "warning:"),
                help.unwrap_or_default()
            ));
        }
    }

    /// Colours a word when colours are shown.
    pub(super) fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// As [`Output::paint`], for standard output.
    pub(super) fn paint_out(&self, code: &str, text: &str) -> String {
        if self.colour_out {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Writes an envelope with data to standard output.
    pub(super) fn envelope(
        &self,
        data: &(impl Print + ?Sized),
        diagnostics: &[Diagnostic],
    ) -> Result<(), Failure> {
        self.line(&envelope(Some(data), diagnostics))
    }
}

/// Builds the envelope: successful when there is data and no error beside it.
pub(super) fn envelope<T: Print + ?Sized>(data: Option<&T>, diagnostics: &[Diagnostic]) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("schema", SCHEMA);
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    out.field("ok", &(data.is_some() && !diagnostics.iter().any(is_error)));
    out.key("data");
    match data {
        Some(data) => data.print(&mut out),
        None => out.raw("null"),
    }
    out.field("diagnostics", diagnostics);
    out.end_object();
    out.finish()
}

/// Prints through a closure, for data that is put together on the spot.
pub(super) struct Shape<F: Fn(&mut Writer)>(pub(super) F);

impl<F: Fn(&mut Writer)> Print for Shape<F> {
    fn print(&self, out: &mut Writer) {
        (self.0)(out);
    }
}
