//! Reading the fields of a YAML document: every problem is collected, with its place.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::Value;
use crate::base::record::Scan as _;
use crate::base::text::nearest;
use crate::base::yaml::{Entry, Node, Scalar, Span};

/// The codes that a kind of document has for its problems.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// A field has another type.
    pub field_type: Code,
    /// A field is missing.
    pub field_missing: Code,
    /// A key is not known.
    pub key_unknown: Code,
}

/// Collects the problems of one document.
#[derive(Debug)]
pub struct Fields {
    codes: Codes,
    /// Whether keys that are not known are passed over.
    pub lenient: bool,
    /// What was found so far.
    pub problems: Vec<Diagnostic>,
}

/// Creates a problem that stands at a span.
pub fn problem(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message).standing(span.place())
}

impl Fields {
    /// Starts to read a document.
    pub const fn new(codes: Codes) -> Self {
        Self {
            codes,
            lenient: false,
            problems: Vec::new(),
        }
    }

    /// Notes a problem.
    pub fn note(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.problems.push(problem(code, span, message));
    }

    /// Returns the entries of a map; what is none is noted.
    pub fn map<'n, 'a>(&mut self, node: &'n Node<'a>, what: &str) -> &'n [Entry<'a>] {
        node.as_map().unwrap_or_else(|| {
            self.note(
                self.codes.field_type,
                node.span,
                format!("{what} must be a map"),
            );
            &[]
        })
    }

    /// Notes every key that is not known, with the one that was probably meant.
    pub fn refuse_unknown(&mut self, entries: &[Entry<'_>], known: &[&str], what: &str) {
        if self.lenient {
            return;
        }
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let message = format!("{what} has no key `{}`", entry.key);
            let mut found = problem(self.codes.key_unknown, entry.key_span, message);
            if let Some(near) = nearest(&entry.key, known.iter().copied()) {
                found = found.help(format!("did you mean `{near}`?"));
            }
            self.problems.push(found);
        }
    }

    /// Notes that a field is missing.
    pub fn missing(&mut self, span: Span, what: &str) {
        self.note(self.codes.field_missing, span, format!("{what} is missing"));
    }

    /// Reads a text that is one line and not empty.
    pub fn text(&mut self, node: &Node<'_>, what: &str) -> Option<String> {
        let text = node.as_str().filter(|text| !text.is_empty());
        let text = text.filter(|text| !text.contains(['\n', '\r']));
        if text.is_none() {
            let message = format!("{what} must be a text of one line");
            self.note(self.codes.field_type, node.span, message);
        }
        text.map(String::from)
    }

    /// Reads a text of any number of lines.
    pub fn prose(&mut self, node: &Node<'_>, what: &str) -> Option<String> {
        let text = node.as_str().map(String::from);
        if text.is_none() {
            self.note(
                self.codes.field_type,
                node.span,
                format!("{what} must be a text"),
            );
        }
        text
    }

    /// Reads `true` or `false`.
    pub fn truth(&mut self, node: &Node<'_>, what: &str) -> Option<bool> {
        if let Some(Scalar::Bool(truth)) = node.as_scalar() {
            return Some(*truth);
        }
        let message = format!("{what} must be true or false");
        self.note(self.codes.field_type, node.span, message);
        None
    }

    /// Reads a whole number within a range.
    pub fn whole(
        &mut self,
        node: &Node<'_>,
        what: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let number = whole(node).filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = range.into_inner();
            let message = format!("{what} must be a whole number from {least} to {most}");
            self.note(self.codes.field_type, node.span, message);
        }
        number
    }

    /// Returns the elements of a list; what is none is noted.
    pub fn list<'n, 'a>(&mut self, node: &'n Node<'a>, what: &str) -> &'n [Node<'a>] {
        node.as_list().unwrap_or_else(|| {
            self.note(
                self.codes.field_type,
                node.span,
                format!("{what} must be a list"),
            );
            &[]
        })
    }
}

/// Reads a scalar that is a whole number.
pub fn whole(node: &Node<'_>) -> Option<u64> {
    let Some(Scalar::Number(number)) = node.as_scalar() else {
        return None;
    };
    // As in JSON: the same numbers are whole in every document.
    u64::scan(&Value::Number(*number), &Path::root("")).ok()
}

/// Finds a key among entries.
pub fn find<'n, 'a>(entries: &'n [Entry<'a>], key: &str) -> Option<&'n Entry<'a>> {
    entries.iter().find(|entry| entry.key == key)
}
