//! Diagnostics: one shape for every problem that a domain reports, and the path
//! that names the value it is about.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;
use core::ops::{Deref, DerefMut};

use super::code::Code;
use super::json::{Print, Value, Writer};
use super::record::{Scan, record};

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

impl Print for Severity {
    fn print(&self, out: &mut Writer) {
        out.string(self.as_str());
    }
}

impl Scan<'_> for Severity {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
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

mod fields {
    //! Apart, so that both have the name that the wire form has.
    use super::{Box, Code, Place, Severity, String, record};

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
}

pub use fields::Diagnostic as Details;

/// One problem. Its [`Details`] are behind one pointer: results that may hold a problem
/// are then no larger than those that may not, and quick to hand on.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic(Box<Details>);

impl Deref for Diagnostic {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Diagnostic {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl From<Details> for Diagnostic {
    fn from(details: Details) -> Self {
        Self(Box::new(details))
    }
}

impl Print for Diagnostic {
    fn print(&self, out: &mut Writer) {
        self.0.print(out);
    }
}

impl Scan<'_> for Diagnostic {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        Details::scan(value, at).map(Self::from)
    }
}

impl Diagnostic {
    /// Creates an error without a place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, message.into())
    }

    /// Creates a warning without a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        let mut warning = Self::new(code, message.into());
        warning.severity = Severity::Warning;
        warning
    }

    /// Creates an error about the value at `path`; the message is the path
    /// followed by `rest`.
    #[cold]
    #[inline(never)]
    pub fn at(code: Code, path: &Path<'_>, rest: &str) -> Self {
        let mut message = String::new();
        path.describe(&mut message);
        message.push(' ');
        message.push_str(rest);
        Self::new(code, message).pointing(path)
    }

    #[cold]
    #[inline(never)]
    fn new(code: Code, message: String) -> Self {
        Self::from(Details {
            code,
            severity: Severity::Error,
            message,
            help: None,
            pointer: None,
            place: None,
        })
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        self.helped(help.into())
    }

    #[inline(never)]
    fn helped(mut self, help: String) -> Self {
        self.help = Some(help);
        self
    }

    /// Adds the place.
    #[must_use]
    #[inline(never)]
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
        let mut pointer = self.parent.map_or_else(String::new, Path::pointer);
        match self.segment {
            Segment::Root(_) => {}
            Segment::Field(name) => {
                pointer.push('/');
                for letter in name.chars() {
                    match letter {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        _ => pointer.push(letter),
                    }
                }
            }
            Segment::Index(index) => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
        }
        pointer
    }

    fn describe(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.describe(out);
        }
        match self.segment {
            Segment::Root(name) => out.push_str(name),
            Segment::Field(name) => {
                out.push('.');
                out.push_str(name);
            }
            Segment::Index(index) => {
                out.push('[');
                out.push_str(&index.to_string());
                out.push(']');
            }
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.describe(&mut text);
        out.write_str(&text)
    }
}
