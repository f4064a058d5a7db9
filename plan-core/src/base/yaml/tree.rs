//! The tree of a document, with the place of every node in the text.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::scalar::Scalar;
use crate::base::diag::Place;
use crate::base::json::Text;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
    /// The line of the first byte, from 1.
    pub line: usize,
    /// The column of the first byte in characters, from 1.
    pub column: usize,
}

impl Span {
    /// Returns the place for a diagnostic.
    pub const fn place(self) -> Place {
        Place {
            file: None,
            line: self.line as u64,
            column: self.column as u64,
            length: self.end.saturating_sub(self.start) as u64,
        }
    }
}

/// How a node is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A scalar without quotes.
    Plain,
    /// A scalar in single quotes.
    Single,
    /// A scalar in double quotes.
    Double,
    /// A scalar of lines, `|` or `>`.
    Lines,
    /// A collection by indentation.
    Block,
    /// A collection in brackets or braces.
    Flow,
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    /// What it holds.
    pub content: Content<'a>,
    /// How it is written.
    pub style: Style,
    /// Where it stands; of a block collection from its first entry to its last one.
    pub span: Span,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'a> {
    /// A scalar.
    Scalar(Scalar<'a>),
    /// A list.
    List(Vec<Node<'a>>),
    /// A map, in the order of the text.
    Map(Vec<Entry<'a>>),
}

/// One entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<'a> {
    /// The key.
    pub key: Text<'a>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    /// Returns the entries of a map.
    pub fn as_map(&self) -> Option<&[Entry<'a>]> {
        match &self.content {
            Content::Map(entries) => Some(entries),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// Returns the elements of a list.
    pub fn as_list(&self) -> Option<&[Node<'a>]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Scalar(_) | Content::Map(_) => None,
        }
    }

    /// Returns the scalar.
    pub const fn as_scalar(&self) -> Option<&Scalar<'a>> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// Returns the text of a scalar that is a text.
    pub fn as_str(&self) -> Option<&str> {
        match self.as_scalar()? {
            Scalar::Text(text) => Some(text),
            Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) => None,
        }
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        let mut entries = self.as_map()?.iter();
        Some(&entries.find(|entry| entry.key == key)?.value)
    }

    /// Tells whether it is nothing: `null`, `~` or an empty place.
    pub const fn is_null(&self) -> bool {
        matches!(self.as_scalar(), Some(Scalar::Null))
    }
}

impl<'a> Entry<'a> {
    /// Returns the key as text that lives as long as the document.
    pub fn name(&self) -> &str {
        &self.key
    }

    /// Creates an entry that stands nowhere yet.
    pub fn made(key: impl Into<Cow<'a, str>>, value: Node<'a>) -> Self {
        Self {
            key: key.into(),
            key_span: Span::default(),
            value,
        }
    }
}
