//! Diagnostics: one shape for every problem that a domain reports, and the path
//! that names the value it is about.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::code::Code;
use super::record::record;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The operation went on; the user should know.
    Warning,
    /// The operation has no result.
    Error,
}

impl Severity {
    /// Returns the wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl super::json::Print for Severity {
    fn print(&self, out: &mut super::json::Writer) {
        out.string(self.as_str());
    }
}

impl super::record::Scan<'_> for Severity {
    fn scan(value: &super::json::Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        match value.as_str() {
            Some("warning") => Ok(Severity::Warning),
            Some("error") => Ok(Severity::Error),
            _ => Err(Diagnostic::at(
                Code::RECORD_INVALID,
                at,
                "must be \"warning\" or \"error\"",
            )),
        }
    }
}

record! {
    /// Where in a text a problem stands, as people count.
    pub struct Place {
        /// The file.
        pub file: Option<String> => "file",
        /// The line, from 1.
        pub line: u64 => "line",
        /// The column in characters, from 1.
        pub column: u64 => "column",
        /// The length of what it is about in bytes.
        pub length: u64 => "length",
    }
}

record! {
    /// One problem: what, how bad, where in the input, and what to do about it.
    pub struct Diagnostic {
        /// The stable name of the kind of problem.
        pub code: Code => "code",
        /// How bad it is.
        pub severity: Severity => "severity",
        /// What is wrong, in one line.
        pub message: String => "message",
        /// What to do next.
        pub help: Option<String> => "help",
        /// The value it is about, as a JSON pointer into the input.
        pub pointer: Option<String> => "pointer",
        /// Where in the text of a file it stands.
        pub place: Option<Box<Place>> => "place",
    }
}

impl Diagnostic {
    /// Creates an error without a place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            code,
            severity: Severity::Error,
            message,
            help: None,
            pointer: None,
            place: None,
        }
    }

    /// Creates a warning without a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Creates an error about the value at `path`; the message is the path
    /// followed by `rest`.
    pub fn at(code: Code, path: &Path<'_>, rest: &str) -> Self {
        Self::error(code, format!("{path} {rest}")).pointing(path)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the place.
    #[must_use]
    pub fn pointing(mut self, path: &Path<'_>) -> Self {
        self.pointer = Some(path.pointer());
        self
    }
}

impl Diagnostic {
    /// Adds where in its text it stands.
    #[must_use]
    pub fn standing(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    /// Adds the file that it is in; without a place it is about the file as a whole.
    #[must_use]
    pub fn within(mut self, file: impl Into<String>) -> Self {
        let whole = || {
            Box::new(Place {
                file: None,
                line: 1,
                column: 1,
                length: 0,
            })
        };
        self.place.get_or_insert_with(whole).file = Some(file.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl core::error::Error for Diagnostic {}

/// The way from the root of a document to one of its values. It lives on the
/// stack while a document is walked and costs nothing until it is printed.
#[derive(Debug, Clone, Copy)]
pub struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    segment: Segment<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Segment<'p> {
    Root(&'p str),
    Field(&'p str),
    Index(usize),
}

impl<'p> Path<'p> {
    /// Starts a path; `name` is how messages call the document.
    pub const fn root(name: &'p str) -> Self {
        Self {
            parent: None,
            segment: Segment::Root(name),
        }
    }

    /// Goes to a member.
    #[must_use]
    pub const fn field(&'p self, name: &'p str) -> Self {
        Self {
            parent: Some(self),
            segment: Segment::Field(name),
        }
    }

    /// Goes to an element.
    #[must_use]
    pub const fn index(&'p self, index: usize) -> Self {
        Self {
            parent: Some(self),
            segment: Segment::Index(index),
        }
    }

    /// Returns the JSON pointer (RFC 6901) of the value.
    pub fn pointer(&self) -> String {
        let mut tokens = Vec::new();
        let mut at = Some(self);
        while let Some(path) = at {
            match path.segment {
                Segment::Root(_) => {}
                Segment::Field(name) => {
                    tokens.push(name.replace('~', "~0").replace('/', "~1"));
                }
                Segment::Index(index) => tokens.push(index.to_string()),
            }
            at = path.parent;
        }
        tokens
            .iter()
            .rev()
            .fold(String::new(), |pointer, token| pointer + "/" + token)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(out)?;
        }
        match self.segment {
            Segment::Root(name) => out.write_str(name),
            Segment::Field(name) => write!(out, ".{name}"),
            Segment::Index(index) => write!(out, "[{index}]"),
        }
    }
}
