//! How a problem of a document is shown: to people with its place, to programs as data.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use plan_core::base::diag::{Diagnostic, Place, Severity};
use plan_core::base::json;
use plan_core::persona::resolve::Problem;

use super::output::Output;
use crate::os::walk;
use crate::personas::DOCUMENT_LIMIT;

/// A problem and the file that it is in.
#[derive(Debug)]
pub(super) struct Located {
    /// The problem.
    pub(super) diagnostic: Diagnostic,
    /// The file that its place or pointer leads into.
    pub(super) path: Option<String>,
    /// The text of the file; it is read again when there is none.
    text: Option<String>,
}

impl From<Diagnostic> for Located {
    fn from(diagnostic: Diagnostic) -> Self {
        let place = diagnostic.place.as_ref();
        let path = place.and_then(|place| place.file.clone());
        Self::new(diagnostic, path)
    }
}

impl From<&Problem> for Located {
    fn from(problem: &Problem) -> Self {
        Self::new(problem.diagnostic.clone(), Some(problem.path.clone()))
    }
}

impl Located {
    /// Creates a problem of a file.
    pub(super) const fn new(diagnostic: Diagnostic, path: Option<String>) -> Self {
        Self {
            diagnostic,
            path,
            text: None,
        }
    }

    /// Adds the text of the file.
    #[must_use]
    pub(super) fn quoting(mut self, text: Option<&str>) -> Self {
        self.text = text.map(String::from);
        self
    }

    /// Returns the problem with its file in the message, for programs.
    pub(super) fn named(&self) -> Diagnostic {
        let mut diagnostic = self.diagnostic.clone();
        let place = diagnostic.place.as_ref();
        if place.is_some_and(|place| place.file.is_some()) {
            return diagnostic;
        }
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
    pub(super) fn render(&self, output: &Output) -> String {
        let read = |path| walk::read_text_limited(path, DOCUMENT_LIMIT).ok();
        let text = self.text.clone();
        let text = text.or_else(|| self.path.as_deref().and_then(read));
        let span = text.as_deref().and_then(|text| self.span(text));
        // A document on one line would fill the screen.
        let span = span.filter(|(start, _)| {
            let around = text.as_deref().map(|text| line_length(text, *start));
            around.is_some_and(|length| length <= LONGEST_LINE)
        });
        let message = &self.diagnostic.message;
        let unnamed = self.path.as_deref().filter(|_| span.is_none());
        let unnamed = unnamed.filter(|path| !message.contains(*path));
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
        if let Some(place) = &self.diagnostic.place {
            return offsets(place, text);
        }
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

/// Finds the bytes of a place in its text.
fn offsets(place: &Place, text: &str) -> Option<(usize, usize)> {
    let line = usize::try_from(place.line.checked_sub(1)?).ok()?;
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines.by_ref().take(line).map(str::len).sum();
    let column = usize::try_from(place.column.checked_sub(1)?).ok()?;
    let letters = lines.next().unwrap_or_default().chars();
    let start = start + letters.take(column).map(char::len_utf8).sum::<usize>();
    let end = start.saturating_add(usize::try_from(place.length).ok()?);
    Some((start, end.min(text.len())))
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
