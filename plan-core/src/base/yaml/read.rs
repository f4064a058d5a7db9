//! The reader: one strict document into a tree.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as Marked, StrInput};

use super::scalar::{Scalar, resolve_plain};
use super::tree::{Content, Entry, Node, Span, Style};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::json::{Text, print};

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes.
    pub bytes: usize,
    /// The deepest nesting of lists and maps.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 64,
        }
    }
}

/// Reads one document; an empty text is `null`.
///
/// # Errors
/// Text that is not YAML, or YAML outside the strict part; with line and column.
pub fn read(text: &str, limits: Limits) -> Result<Node<'_>, Diagnostic> {
    if text.len() > limits.bytes {
        let message = format!("the document is larger than {} bytes", limits.bytes);
        return Err(Diagnostic::error(Code::DOCUMENT_TOO_LARGE, message));
    }
    refuse_lines(text)?;
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        places: Places::new(text),
        depth: limits.depth,
        blocks: Vec::new(),
    };
    reader.document()
}

/// Refuses what the parser and JavaScript's take for different things: directives, and
/// carriage returns that end no line.
fn refuse_lines(text: &str) -> Result<(), Diagnostic> {
    if text.starts_with("\u{feff}\u{feff}") {
        let second = Span {
            line: 1,
            column: 2,
            ..Span::default()
        };
        return Err(malformed(second, "a byte order mark stands inside"));
    }
    let mut start = 0;
    let mut is_head = true;
    for (line, whole) in text.split_inclusive('\n').enumerate() {
        let ended = whole.strip_suffix("\r\n");
        let bare = ended.or_else(|| whole.strip_suffix('\n')).unwrap_or(whole);
        let spot = |at: usize, letters: usize| Span {
            start: start + at,
            end: start + at + 1,
            line: line + 1,
            column: letters + 1,
        };
        if let Some(at) = bare.find('\r') {
            let letters = bare.get(..at).map_or(0, |before| before.chars().count());
            let message = "a carriage return that ends no line is not read";
            return Err(unsupported(spot(at, letters), message));
        }
        let bare = bare.strip_prefix('\u{feff}').unwrap_or(bare);
        if is_head && bare.starts_with('%') {
            return Err(unsupported(spot(0, 0), DIRECTIVES));
        }
        is_head = is_head && (bare.trim().is_empty() || bare.starts_with('#'));
        start += whole.len();
    }
    Ok(())
}

/// Turns the parser's characters into bytes; its events come almost in order.
struct Places<'a> {
    text: &'a str,
    chars: usize,
    bytes: usize,
}

impl<'a> Places<'a> {
    const fn new(text: &'a str) -> Self {
        Self {
            text,
            chars: 0,
            bytes: 0,
        }
    }

    fn byte_of(&mut self, character: usize) -> usize {
        if character < self.chars {
            self.chars = 0;
            self.bytes = 0;
        }
        let rest = self.text.get(self.bytes..).unwrap_or_default();
        let more = rest.chars().take(character - self.chars);
        self.bytes += more.map(char::len_utf8).sum::<usize>();
        self.chars = character;
        self.bytes
    }

    fn span(&mut self, marked: Marked) -> Span {
        Span {
            start: self.byte_of(marked.start.index()),
            end: self.byte_of(marked.end.index()),
            line: marked.start.line(),
            column: marked.start.col() + 1,
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    places: Places<'a>,
    depth: usize,
    /// The collections by indentation that are open.
    blocks: Vec<Open>,
}

/// A collection by indentation that is open.
struct Open {
    column: usize,
    is_map: bool,
}

/// An event that is not the end of the text.
type Next<'a> = (Event<'a>, Span);

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node<'a>, Diagnostic> {
        let mut found = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                Event::DocumentStart(_) if found.is_some() => {
                    return Err(unsupported(span, "a second document is not read"));
                }
                Event::DocumentStart(_) => {
                    let first = self.next()?;
                    found = Some(self.node(first, 0)?);
                }
                _ => return Err(malformed(span, "the document has more than one root")),
            }
        }
        Ok(found.unwrap_or(Node {
            content: Content::Scalar(Scalar::Null),
            style: Style::Plain,
            span: Span {
                line: 1,
                column: 1,
                ..Span::default()
            },
        }))
    }

    fn next(&mut self) -> Result<Next<'a>, Diagnostic> {
        match self.events.next_event() {
            Some(Ok((event, marked))) => Ok((event, self.places.span(marked))),
            Some(Err(error)) => Err(self.scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn scan_error(&mut self, error: &ScanError) -> Diagnostic {
        let marker = error.marker();
        let at = self.places.byte_of(marker.index());
        let span = Span {
            start: at,
            end: at,
            line: marker.line(),
            column: marker.col() + 1,
        };
        let info = error.info();
        // The parser stops at these before it tells what they are.
        let near = |mark: u8| {
            let bytes = self.places.text.as_bytes();
            let places = [Some(at), at.checked_sub(1), Some(at + 1)];
            places
                .iter()
                .flatten()
                .any(|place| bytes.get(*place) == Some(&mark))
        };
        match info {
            _ if info.contains("unknown anchor") => unsupported(span, ALIASES),
            _ if info.contains("directive") => unsupported(span, DIRECTIVES),
            _ if info.contains(" tag") => unsupported(span, TAGS),
            _ if info.contains("start with '-'") => unsupported(span, MARKS),
            _ if info == "invalid indentation" => unsupported(span, INDENT),
            _ if info.contains("mapping values") && (near(b'}') || near(b']')) => {
                unsupported(span, KEYS)
            }
            _ if info.contains("did not find expected") && near(b':') => unsupported(span, KEYS),
            _ if info.contains("whitespace") && near(b'\t') => unsupported(span, TABS),
            _ if info.contains("whitespace") && near(b'?') => unsupported(span, KEYS),
            _ => malformed(span, info),
        }
    }

    fn node(&mut self, (event, span): Next<'a>, depth: usize) -> Result<Node<'a>, Diagnostic> {
        if depth > self.depth {
            let message = format!("the document is nested deeper than {} levels", self.depth);
            return Err(unsupported(span, &message));
        }
        self.refuse_tab(&event, span)?;
        let is_block = self.is_block(&event, span);
        if is_block {
            self.blocks.push(Open {
                column: self.block_column(&event, span),
                is_map: matches!(event, Event::MappingStart(..)),
            });
        }
        let node = self.content((event, span), depth)?;
        if is_block {
            self.blocks.pop();
        } else {
            self.refuse_outdent(&node)?;
        }
        Ok(node)
    }

    /// Reads what a node holds.
    fn content(&mut self, (event, span): Next<'a>, depth: usize) -> Result<Node<'a>, Diagnostic> {
        match event {
            Event::Alias(_) => Err(unsupported(span, ALIASES)),
            Event::Scalar(text, ScalarStyle::Plain, ..) if text == "?" => {
                Err(unsupported(span, KEYS))
            }
            Event::Scalar(text, ScalarStyle::Plain, ..) if text.starts_with(['|', '>']) => {
                Err(unsupported(span, MARKS))
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_marks(span, anchor, tag.is_some())?;
                let end = closing(self.places.text, span.start, style);
                let span = Span {
                    end: end.unwrap_or(span.end),
                    ..span
                };
                Ok(scalar(text, style, span))
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_marks(span, anchor, tag.is_some())?;
                self.list(span, depth)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_marks(span, anchor, tag.is_some())?;
                self.map(span, depth)
            }
            _ => Err(malformed(span, "a value is missing")),
        }
    }

    /// Tells whether a collection is written by indentation.
    fn is_block(&self, event: &Event<'_>, span: Span) -> bool {
        let starts = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        let opens = self.places.text.as_bytes().get(span.start);
        // What is between brackets begins with one; a block begins with nothing.
        starts && !(span.start < span.end && matches!(opens, Some(b'[' | b'{')))
    }

    /// Returns the column of a collection by indentation. The parser lets a list that is
    /// not indented deeper than its key begin behind its first dash.
    fn block_column(&self, event: &Event<'_>, span: Span) -> usize {
        let is_list = matches!(event, Event::SequenceStart(..));
        let text = self.places.text.get(..span.start).unwrap_or_default();
        let Some(before) = text.trim_end().strip_suffix('-').filter(|_| is_list) else {
            return span.column;
        };
        let indent = before.rsplit('\n').next().unwrap_or_default();
        let is_first = indent.bytes().all(|byte| byte == b' ');
        // In a list of lists the dash before is that of the outer one.
        if is_first && self.blocks.last().is_some_and(|block| block.is_map) {
            return indent.len() + 1;
        }
        span.column
    }

    /// Refuses a value that is indented by a tab.
    fn refuse_tab(&self, event: &Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let before = self.places.text.get(..span.start).unwrap_or_default();
        let indent = before.rsplit('\n').next().unwrap_or_default();
        let dashes: &[char] = if self.is_block(event, span) {
            &[' ', '\t', '-']
        } else {
            &[' ', '\t']
        };
        if indent.contains('\t') && indent.trim_matches(dashes).is_empty() {
            return Err(unsupported(span, TABS));
        }
        Ok(())
    }

    /// Refuses a value of several lines that is not indented deeper than its collection:
    /// it would swallow the entries below a quote or bracket that was left open.
    fn refuse_outdent(&self, node: &Node<'_>) -> Result<(), Diagnostic> {
        let (Some(block), false) = (self.blocks.last(), node.style == Style::Lines) else {
            return Ok(());
        };
        let text = self.places.text.get(node.span.start..node.span.end);
        let lines = text.unwrap_or_default().lines().enumerate().skip(1);
        for (below, line) in lines {
            let indent = line.len() - line.trim_start_matches(' ').len();
            // A closing bracket may stand below the beginning of its entry.
            let closes = node.style == Style::Flow && line.trim_start().starts_with([']', '}']);
            if indent < block.column && !closes && !line.trim().is_empty() {
                let span = Span {
                    line: node.span.line + below,
                    column: indent + 1,
                    ..Span::default()
                };
                return Err(malformed(span, INDENT));
            }
        }
        Ok(())
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node<'a>, Diagnostic> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                let last = items.last().map(|item: &Node<'_>| item.span);
                let (style, span) = self.extent(start, span, last);
                let content = Content::List(items);
                return Ok(Node {
                    content,
                    style,
                    span,
                });
            }
            items.push(self.node((event, span), depth + 1)?);
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node<'a>, Diagnostic> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut known = BTreeSet::new();
        loop {
            let (event, key_span) = self.next()?;
            if event == Event::MappingEnd {
                let last = entries.last().map(|entry| entry.value.span);
                let (style, span) = self.extent(start, key_span, last);
                let content = Content::Map(entries);
                return Ok(Node {
                    content,
                    style,
                    span,
                });
            }
            let key = key_of(event, key_span)?;
            if !known.insert(String::from(&*key)) {
                let message = format!("the key `{key}` is there twice");
                return Err(malformed(key_span, &message));
            }
            let first = self.next()?;
            let value = self.node(first, depth + 1)?;
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
    }

    /// Tells how a collection is written, and where it ends: a bracket is in the text, the
    /// end of a block is only known from what it holds.
    fn extent(&self, start: Span, end: Span, last: Option<Span>) -> (Style, Span) {
        let text = self.places.text;
        let opens = text.as_bytes().get(start.start);
        let closes = end.end > end.start && matches!(opens, Some(b'[' | b'{'));
        let (style, end) = if closes {
            // The parser looks past comments behind a bracket too.
            (Style::Flow, end.start + 1)
        } else {
            (Style::Block, last.map_or(start.end, |last| last.end))
        };
        (style, Span { end, ..start })
    }
}

const DIRECTIVES: &str = "directives (`%NAME`) are not read";
const INDENT: &str = "a value must be indented deeper than what it belongs to";
const MARKS: &str = "a text that begins like this needs quotes";
const KEYS: &str = "a key must be one word or text";
const TABS: &str = "a tab stands where only blanks are read";
const TAGS: &str = "tags (`!name`) are not read";
const ALIASES: &str = "aliases (`*name`) are not read";

fn key_of(event: Event<'_>, span: Span) -> Result<Text<'_>, Diagnostic> {
    match event {
        Event::Scalar(text, style, anchor, tag) => {
            refuse_marks(span, anchor, tag.is_some())?;
            if text.starts_with(['|', '>']) && style == ScalarStyle::Plain {
                return Err(unsupported(span, MARKS));
            }
            if matches!(&*text, "" | "?") && style == ScalarStyle::Plain {
                return Err(unsupported(span, KEYS));
            }
            if text == "<<" && style == ScalarStyle::Plain {
                return Err(unsupported(span, "merge keys (`<<`) are not read"));
            }
            Ok(if style == ScalarStyle::Plain {
                name_of(text)
            } else {
                text
            })
        }
        Event::Alias(_) => Err(unsupported(span, ALIASES)),
        _ => Err(unsupported(span, KEYS)),
    }
}

/// A key without quotes as JavaScript names the member of an object by it.
fn name_of(text: Text<'_>) -> Text<'_> {
    match resolve_plain(text) {
        Scalar::Text(text) => text,
        Scalar::Null => Cow::Borrowed(""),
        Scalar::Bool(true) => Cow::Borrowed("true"),
        Scalar::Bool(false) => Cow::Borrowed("false"),
        Scalar::Number(number) if number.is_nan() => Cow::Borrowed("NaN"),
        Scalar::Number(f64::INFINITY) => Cow::Borrowed("Infinity"),
        Scalar::Number(f64::NEG_INFINITY) => Cow::Borrowed("-Infinity"),
        Scalar::Number(number) => Cow::Owned(print(&number)),
    }
}

fn refuse_marks(span: Span, anchor: usize, tagged: bool) -> Result<(), Diagnostic> {
    if anchor != 0 {
        return Err(unsupported(span, "anchors (`&name`) are not read"));
    }
    if tagged {
        return Err(unsupported(span, TAGS));
    }
    Ok(())
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, span: Span) -> Node<'_> {
    let (content, style) = match style {
        ScalarStyle::Plain => (resolve_plain(text), Style::Plain),
        ScalarStyle::SingleQuoted => (Scalar::Text(text), Style::Single),
        ScalarStyle::DoubleQuoted => (Scalar::Text(text), Style::Double),
        ScalarStyle::Literal | ScalarStyle::Folded => (Scalar::Text(text), Style::Lines),
    };
    Node {
        content: Content::Scalar(content),
        style,
        span,
    }
}

/// Finds the end of a scalar in quotes; the parser looks past comments behind it.
fn closing(text: &str, start: usize, style: ScalarStyle) -> Option<usize> {
    let quoted = text.as_bytes().get(start..)?;
    let mut bytes = quoted.iter().enumerate().skip(1).peekable();
    while let Some((place, byte)) = bytes.next() {
        match (style, byte) {
            (ScalarStyle::DoubleQuoted, b'\\') => drop(bytes.next()),
            (ScalarStyle::DoubleQuoted, b'"') => return Some(start + place + 1),
            (ScalarStyle::SingleQuoted, b'\'') => {
                if bytes.next_if(|(_, next)| **next == b'\'').is_none() {
                    return Some(start + place + 1);
                }
            }
            (ScalarStyle::DoubleQuoted | ScalarStyle::SingleQuoted, _) => {}
            (ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded, _) => return None,
        }
    }
    None
}

fn malformed(span: Span, message: &str) -> Diagnostic {
    Diagnostic::error(Code::YAML_MALFORMED, message.to_string()).standing(span.place())
}

fn unsupported(span: Span, message: &str) -> Diagnostic {
    let help = "write the value out; only a strict part of YAML is read";
    Diagnostic::error(Code::YAML_UNSUPPORTED, message.to_string())
        .help(help)
        .standing(span.place())
}
