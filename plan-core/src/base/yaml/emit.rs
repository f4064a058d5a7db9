//! The emitter: block style, two blanks a level, the bytes of JavaScript's `yaml` package.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::scalar::is_special;
use crate::base::json::print;

/// What is emitted.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A text, in quotes where it would be read as something else.
    Text(String),
    /// A whole number.
    Number(u64),
    /// `true` or `false`.
    Bool(bool),
    /// A list by indentation; `[]` when empty.
    List(Vec<Block>),
    /// A map by indentation, in this order; `{}` when empty.
    Map(Vec<(String, Block)>),
}

impl Block {
    /// Creates a text.
    pub fn text(text: impl Into<String>) -> Self {
        Block::Text(text.into())
    }
}

/// Emits a document with one newline at its end.
pub fn emit(block: &Block) -> String {
    let mut out = String::new();
    match block {
        Block::Map(entries) if !entries.is_empty() => map(entries, 0, &mut out),
        Block::List(items) if !items.is_empty() => list(items, 0, &mut out),
        other => {
            inline(other, &mut out);
            out.push('\n');
        }
    }
    out
}

/// Emits a text as a scalar of one line. Line breaks are written as escapes.
pub fn emit_scalar(text: &str) -> String {
    let mut out = String::new();
    scalar(text, &mut out);
    out
}

fn map(entries: &[(String, Block)], depth: usize, out: &mut String) {
    for (place, (key, value)) in entries.iter().enumerate() {
        // The first entry of a list's element stands behind its dash.
        if place > 0 || !out.ends_with("- ") {
            indent(depth, out);
        }
        scalar(key, out);
        out.push(':');
        below(value, depth, out);
    }
}

fn list(items: &[Block], depth: usize, out: &mut String) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 || !out.ends_with("- ") {
            indent(depth, out);
        }
        out.push_str("- ");
        match item {
            Block::Map(entries) if !entries.is_empty() => map(entries, depth + 1, out),
            Block::List(items) if !items.is_empty() => list(items, depth + 1, out),
            other => {
                inline(other, out);
                out.push('\n');
            }
        }
    }
}

/// Emits the value of a key: collections start on the next line.
fn below(value: &Block, depth: usize, out: &mut String) {
    match value {
        Block::Map(entries) if !entries.is_empty() => {
            out.push('\n');
            map(entries, depth + 1, out);
        }
        Block::List(items) if !items.is_empty() => {
            out.push('\n');
            list(items, depth + 1, out);
        }
        other => {
            out.push(' ');
            inline(other, out);
            out.push('\n');
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn inline(value: &Block, out: &mut String) {
    match value {
        Block::Text(text) => scalar(text, out),
        Block::Number(number) => out.push_str(&print(number)),
        Block::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Block::List(_) => out.push_str("[]"),
        Block::Map(_) => out.push_str("{}"),
    }
}

fn scalar(text: &str, out: &mut String) {
    // A byte order mark that is not in quotes cannot be read again.
    let is_odd = |letter: char| letter == '\u{feff}' || letter != '\t' && letter.is_control();
    let is_odd = text.contains(is_odd);
    if is_odd {
        double(text, out);
    } else if !needs_quotes(text) {
        out.push_str(text);
    } else if text.contains('"') && !text.contains('\'') {
        out.push('\'');
        out.push_str(text);
        out.push('\'');
    } else {
        double(text, out);
    }
}

/// Emits a text in double quotes, with the shortest escapes that YAML has.
fn double(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        let escape = match letter {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '\0'..' ' => {
                let number = format!("\\x{:02x}", u32::from(letter));
                out.push_str(&number);
                continue;
            }
            _ => {
                out.push(letter);
                continue;
            }
        };
        out.push_str(escape);
    }
    out.push('"');
}

/// The characters that a scalar without quotes cannot begin with.
const INDICATORS: &[char] = &[
    '\t', ' ', ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`',
];

fn needs_quotes(text: &str) -> bool {
    let blank = |letter: char| letter == ' ' || letter == '\t';
    let mut letters = text.chars();
    let first = letters.next();
    let is_mark = matches!(first, Some('?' | '-'));
    let starts_mark = is_mark && letters.next().is_none_or(blank);
    let pairs = || text.chars().zip(text.chars().skip(1));
    text.is_empty()
        || text.starts_with(INDICATORS)
        || starts_mark
        || text.ends_with([' ', '\t', ':'])
        || text.contains(['\n', '\r'])
        || pairs().any(|(one, next)| (one == ':' && blank(next)) || (blank(one) && next == '#'))
        || is_special(text)
}
