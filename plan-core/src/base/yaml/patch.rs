//! Editing a document in place: lines that are not meant stay as they are, byte for byte.
//!
//! Comments need no understanding: what is not replaced is copied. The comment lines right
//! above an element, indented as it is, belong to it and go when it goes.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::emit::{Block, emit, emit_scalar};
use super::tree::{Entry, Node, Span, Style};
use crate::base::json::print;
use crate::base::sort::sort_by;

/// Why a document cannot be edited in place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct PatchError {
    /// The line.
    pub line: usize,
    /// What stands in the way.
    pub problem: &'static str,
}

/// Edits of one text. They must not touch one another.
#[derive(Debug)]
pub struct Patch<'t> {
    text: &'t str,
    edits: Vec<Edit>,
}

#[derive(Debug)]
struct Edit {
    start: usize,
    end: usize,
    new: String,
    /// How deep new lines stand; 0 for what is no line.
    depth: usize,
}

impl<'t> Patch<'t> {
    /// Starts to edit a text.
    pub const fn new(text: &'t str) -> Self {
        Self {
            text,
            edits: Vec::new(),
        }
    }

    /// Tells whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Gives a key of a map another value of one line, or adds the key behind the others.
    ///
    /// # Errors
    /// The map or the value is written in a way that lines cannot be told apart in.
    pub fn set(&mut self, map: &Node<'_>, key: &str, value: &Block) -> Result<(), PatchError> {
        if let Some(entries) = Self::flow_map(map) {
            return self.set_within(map.span, entries, key, value);
        }
        let entries = Self::block_map(map)?;
        let Some(entry) = entries.iter().find(|entry| entry.key == key) else {
            let last = entries.last().ok_or_else(|| stuck(map.span, EMPTY))?;
            let first = entries.first().map_or(0, |first| first.key_span.column);
            let new = self.indented(&one(key, value), first.saturating_sub(1));
            let depth = 2 * first;
            self.insert_below(last.value.span.end.max(last.key_span.end), new, depth);
            return Ok(());
        };
        self.replace(entry, value)
    }

    fn replace(&mut self, entry: &Entry<'_>, value: &Block) -> Result<(), PatchError> {
        let span = entry.value.span;
        let written = match value {
            Block::Text(text) => emit_scalar(text),
            Block::Number(_) | Block::Bool(_) => emit(value).trim_end().to_string(),
            Block::List(_) | Block::Map(_) if Self::flow_map(&entry.value) == Some(&[]) => {
                self.fill(entry, value);
                return Ok(());
            }
            Block::List(_) | Block::Map(_) => return Err(stuck(entry.key_span, NESTED)),
        };
        match entry.value.style {
            Style::Plain | Style::Single | Style::Double if span.start < span.end => {
                self.edit(span.start, span.end, written);
            }
            Style::Plain => {
                // Nothing stands behind the colon yet.
                let colon = self.find(entry.key_span.end, ':');
                let at = colon.ok_or_else(|| stuck(entry.key_span, COLON))?;
                self.edit(at + 1, at + 1, String::from(" ") + &written);
            }
            Style::Single | Style::Double | Style::Lines | Style::Block | Style::Flow => {
                return Err(stuck(entry.key_span, NESTED));
            }
        }
        Ok(())
    }

    /// Puts the first lines below a key whose value is an empty pair of braces.
    fn fill(&mut self, entry: &Entry<'_>, value: &Block) {
        let span = entry.value.span;
        let before = self.text.get(..span.start).unwrap_or_default();
        self.edit(before.trim_end().len(), span.end, String::new());
        let indent = entry.key_span.column + 1;
        let new = self.indented(&emit(value), indent);
        self.insert_below(span.end, new, 2 * (indent + 1));
    }

    /// Gives a key between braces another value, or adds it behind the others.
    fn set_within(
        &mut self,
        braces: Span,
        entries: &[Entry<'_>],
        key: &str,
        value: &Block,
    ) -> Result<(), PatchError> {
        let written = match value {
            Block::Text(text) => between_braces(text),
            Block::Number(_) | Block::Bool(_) => emit(value).trim_end().to_string(),
            Block::List(_) | Block::Map(_) => return Err(stuck(braces, NESTED)),
        };
        if let Some(entry) = entries.iter().find(|entry| entry.key == key) {
            let span = scalar_span(entry)?;
            self.edit(span.start, span.end, written);
            return Ok(());
        }
        let new = between_braces(key) + ": " + &written;
        match entries.last() {
            Some(last) => {
                let end = scalar_span(last)?.end;
                self.edit(end, end, String::from(", ") + &new);
            }
            None => self.edit(braces.start + 1, braces.start + 1, new),
        }
        Ok(())
    }

    /// Removes a key between braces.
    fn remove_within(&mut self, entries: &[Entry<'_>], place: usize) -> Result<(), PatchError> {
        let Some(entry) = entries.get(place) else {
            return Ok(());
        };
        let before = place.checked_sub(1).and_then(|before| entries.get(before));
        let (start, end) = match (before, entries.get(place + 1)) {
            (Some(before), _) => (scalar_span(before)?.end, scalar_span(entry)?.end),
            (None, Some(next)) => (entry.key_span.start, next.key_span.start),
            (None, None) => (entry.key_span.start, scalar_span(entry)?.end),
        };
        // There may be comments in between.
        if self
            .text
            .get(start..end)
            .is_none_or(|gone| gone.contains('\n'))
        {
            return Err(stuck(entry.key_span, FLOW));
        }
        self.edit(start, end, String::new());
        Ok(())
    }

    /// Removes a key of a map with its lines.
    ///
    /// # Errors
    /// As [`Patch::set`]; the only key of a map cannot be removed.
    pub fn remove(&mut self, map: &Node<'_>, key: &str) -> Result<(), PatchError> {
        if let Some(entries) = Self::flow_map(map) {
            let place = entries.iter().position(|entry| entry.key == key);
            return place.map_or(Ok(()), |place| self.remove_within(entries, place));
        }
        let entries = Self::block_map(map)?;
        let Some(place) = entries.iter().position(|entry| entry.key == key) else {
            return Ok(());
        };
        let Some(entry) = entries.get(place) else {
            return Ok(());
        };
        let end = self.below(entry.value.span.end.max(entry.key_span.end));
        let start = self.line_start(entry.key_span.start);
        let before = self
            .text
            .get(start..entry.key_span.start)
            .unwrap_or_default();
        if before.trim().is_empty() {
            let start = self.with_comments(start, before.len());
            self.edit(start, end, String::new());
            return Ok(());
        }
        // It stands behind the dash of a list: the next key takes its place.
        let next = entries
            .get(place + 1)
            .ok_or_else(|| stuck(map.span, EMPTY))?;
        let between = self.text.get(end..next.key_span.start).unwrap_or_default();
        if between.trim().is_empty() {
            self.edit(entry.key_span.start, next.key_span.start, String::new());
        } else {
            // A comment on the next key: the dash stays alone.
            let dash = start + before.trim_end().len();
            let line = self.text.get(..end).unwrap_or_default();
            self.edit(
                dash,
                line.trim_end_matches(['\r', '\n']).len(),
                String::new(),
            );
        }
        Ok(())
    }

    /// Adds an element behind the others of a list.
    ///
    /// # Errors
    /// The list is empty or not written by indentation.
    pub fn push(&mut self, list: &Node<'_>, item: Block) -> Result<(), PatchError> {
        let items = Self::block_list(list)?;
        let last = items.last().ok_or_else(|| stuck(list.span, EMPTY))?;
        let dash = self
            .dash(last.span.start)
            .ok_or_else(|| stuck(last.span, DASH))?;
        let indent = dash - self.line_start(dash);
        let new = self.indented(&emit(&Block::List(alloc::vec![item])), indent);
        // A dash stands deeper than a key in its column.
        self.insert_below(last.span.end, new, 2 * (indent + 1) + 1);
        Ok(())
    }

    /// Removes an element of a list with its lines and the comments right above it.
    ///
    /// # Errors
    /// The list is not written by indentation, or there is no such element.
    pub fn take(&mut self, list: &Node<'_>, place: usize) -> Result<(), PatchError> {
        let items = Self::block_list(list)?;
        let item = items.get(place).ok_or_else(|| stuck(list.span, EMPTY))?;
        let dash = self
            .dash(item.span.start)
            .ok_or_else(|| stuck(item.span, DASH))?;
        let line = self.line_start(dash);
        let before = self.text.get(line..dash).unwrap_or_default();
        if !before.trim().is_empty() {
            return Err(stuck(item.span, DASH));
        }
        let start = self.with_comments(line, before.len());
        let end = self.below(item.span.end);
        self.edit(start, end, String::new());
        Ok(())
    }

    /// Returns the edited text.
    pub fn finish(mut self) -> String {
        // Of insertions at one place the deeper one comes first, then the one that was made first.
        let key = |edit: &Edit| (edit.start, edit.end, Reverse(edit.depth));
        sort_by(&mut self.edits, &|one, other| key(one).cmp(&key(other)));
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for edit in &self.edits {
            out.push_str(self.text.get(at..edit.start).unwrap_or_default());
            // The last line of a text may lack its end.
            if edit.depth > 0 && !out.is_empty() && !out.ends_with('\n') {
                out.push_str(self.line_end());
            }
            out.push_str(&edit.new);
            at = at.max(edit.end);
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        out
    }

    fn edit(&mut self, start: usize, end: usize, new: String) {
        self.edits.push(Edit {
            start,
            end,
            new,
            depth: 0,
        });
    }

    /// Inserts whole lines below the line that a byte stands in.
    fn insert_below(&mut self, end: usize, lines: String, depth: usize) {
        let at = self.below(end);
        self.edits.push(Edit {
            start: at,
            end: at,
            new: lines,
            depth,
        });
    }

    /// The first byte of the next line; the end of the text if there is none.
    fn below(&self, end: usize) -> usize {
        let bytes = self.text.as_bytes();
        if end > 0 && bytes.get(end - 1) == Some(&b'\n') {
            return end;
        }
        self.find(end, '\n').map_or(self.text.len(), |at| at + 1)
    }

    fn find(&self, from: usize, letter: char) -> Option<usize> {
        Some(from + self.text.get(from..)?.find(letter)?)
    }

    fn line_start(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |newline| newline + 1)
    }

    fn line_end(&self) -> &'static str {
        if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        }
    }

    /// Goes up over the comment lines right above a line that are indented as it is: those that
    /// are indented further say something about what stands above them.
    fn with_comments(&self, mut start: usize, indent: usize) -> usize {
        while start > 0 {
            let above = self.line_start(start - 1);
            let line = self.text.get(above..start).unwrap_or_default();
            let comment = line.trim_start();
            if !comment.starts_with('#') || line.len() - comment.len() != indent {
                break;
            }
            start = above;
        }
        start
    }

    /// Finds the dash of the element that begins at a byte. Blank lines and comments may
    /// stand between the two.
    fn dash(&self, start: usize) -> Option<usize> {
        let mut end = start;
        loop {
            let line = self.line_start(end);
            let before = self.text.get(line..end)?.trim_end();
            let code = before.trim_start();
            let behind = code.strip_prefix('-').map(str::trim_start);
            if behind.is_some_and(|behind| behind.starts_with('#')) {
                return Some(line + before.len() - code.len());
            }
            if !code.is_empty() && !code.starts_with('#') {
                return code.ends_with('-').then(|| line + before.len() - 1);
            }
            end = line.checked_sub(1)?;
        }
    }

    fn indented(&self, lines: &str, indent: usize) -> String {
        let mut out = String::new();
        for line in lines.lines() {
            for _ in 0..indent {
                out.push(' ');
            }
            out.push_str(line);
            out.push_str(self.line_end());
        }
        out
    }

    fn block_map<'n, 'a>(map: &'n Node<'a>) -> Result<&'n [Entry<'a>], PatchError> {
        let entries = map.as_map().filter(|_| map.style == Style::Block);
        entries.ok_or_else(|| stuck(map.span, FLOW))
    }

    fn flow_map<'n, 'a>(map: &'n Node<'a>) -> Option<&'n [Entry<'a>]> {
        map.as_map().filter(|_| map.style == Style::Flow)
    }

    fn block_list<'n, 'a>(list: &'n Node<'a>) -> Result<&'n [Node<'a>], PatchError> {
        let items = list.as_list().filter(|_| list.style == Style::Block);
        items.ok_or_else(|| stuck(list.span, FLOW))
    }
}

const EMPTY: &str = "there is nothing to put it behind";
const FLOW: &str = "it is written in braces or brackets";
const NESTED: &str = "the value is more than one line";
const COLON: &str = "the key has no colon";
const DASH: &str = "the element has no dash on a line of its own";

const fn stuck(span: Span, problem: &'static str) -> PatchError {
    PatchError {
        line: span.line,
        problem,
    }
}

/// A map of one key.
fn one(key: &str, value: &Block) -> String {
    emit(&Block::Map(alloc::vec![(key.to_string(), value.clone())]))
}

/// The place of a value that is one scalar, and there.
fn scalar_span(entry: &Entry<'_>) -> Result<Span, PatchError> {
    let span = entry.value.span;
    let written = matches!(
        entry.value.style,
        Style::Plain | Style::Single | Style::Double
    );
    let found = Some(span).filter(|span| written && span.start < span.end);
    found.ok_or_else(|| stuck(entry.key_span, NESTED))
}

/// A text as it may stand between braces, where commas and brackets mean something.
fn between_braces(text: &str) -> String {
    let written = emit_scalar(text);
    let word = |letter: char| letter.is_ascii_alphanumeric() || "_-./@ ".contains(letter);
    if written != text || text.chars().all(word) {
        return written;
    }
    print(text)
}
