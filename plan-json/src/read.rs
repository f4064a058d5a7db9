//! The reader: strict JSON (RFC 8259) into a borrowed value tree.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use super::number::parse_number;
use super::value::{Object, Text, Value};
use super::write::next_escape;
use crate::sort::order;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 128;

/// Objects up to this size are checked for duplicate keys pair by pair.
const SMALL_OBJECT: usize = 16;

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// What is wrong, in one line.
    pub message: String,
    /// Where, in bytes from the start of the text.
    pub offset: usize,
}

/// Reads one JSON document.
///
/// # Errors
/// Text that is not JSON, a duplicate object key, a lone surrogate escape, or
/// nesting deeper than [`MAX_DEPTH`].
pub fn read(text: &str) -> Result<Value<'_>, ReadError> {
    read_source(text).map(|source| source.value)
}

/// A document with the text that it was read from, so that it can be echoed without being
/// printed again.
#[derive(Debug, Clone, PartialEq)]
pub struct Source<'a> {
    /// The document.
    pub value: Value<'a>,
    /// The text, if it is what printing the value compactly gives.
    pub printed: Option<&'a str>,
}

/// Reads one JSON document like [`read`] and keeps its text.
///
/// # Errors
/// As [`read`].
pub fn read_source(text: &str) -> Result<Source<'_>, ReadError> {
    let mut reader = Reader::new(text);
    let mut value = Value::Null;
    let end = reader.value(0, &mut value).and_then(|()| reader.end());
    end.map_err(|error| *error)?;
    let printed = reader.as_printed.then_some(text);
    Ok(Source { value, printed })
}

/// Returns one bit of 64 that equal keys share, and others rarely.
#[inline]
fn shape(key: &str) -> u64 {
    let (first, last) = match key.as_bytes() {
        [] => (0, 0),
        [first, .., last] => (*first, *last),
        [only] => (*only, *only),
    };
    let mixed = usize::from(first) * 7 + usize::from(last) * 3 + key.len() * 13;
    1 << (mixed % 64)
}

/// Returns a number that equal keys share, and others rarely: the length and the end, for
/// names in one object mostly begin alike.
fn long_shape(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let end = bytes.last_chunk().map_or_else(
        || {
            bytes
                .iter()
                .fold(0, |end, byte| end << 8 | u64::from(*byte))
        },
        |end| u64::from_le_bytes(*end),
    );
    end ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Errors are boxed on their way up: a small answer fits into registers.
type Read<T> = Result<T, Box<ReadError>>;

/// A position in a text that is being read; also used to find a value again.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// Whether everything so far stands as the writer would print it; may be `false`
    /// when it does.
    as_printed: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            as_printed: true,
        }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
            self.as_printed = false;
        }
    }

    /// Steps over `byte` if it is next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    #[cold]
    fn error<T>(&self, offset: usize, message: impl Into<String>) -> Read<T> {
        Err(Box::new(ReadError {
            message: message.into(),
            offset: offset.min(self.text.len()),
        }))
    }

    #[cold]
    fn unexpected<T>(&self, expected: &str) -> Read<T> {
        let found = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        let message = match found {
            None => format!("the text ends where {expected} was expected"),
            Some(found) if found.is_control() => {
                format!(
                    "expected {expected}, found the character U+{:04X}",
                    u32::from(found)
                )
            }
            Some(found) => format!("expected {expected}, found `{found}`"),
        };
        self.error(self.at, message)
    }

    /// Reads a value into its place, which holds a null: moving values from call to call costs more than
    /// reading them.
    pub(super) fn value(&mut self, depth: usize, into: &mut Value<'a>) -> Read<()> {
        self.space();
        let value = match self.peek() {
            Some(b'"') => Value::String(self.string()?),
            Some(b'{') => Value::Object(self.object(self.deeper(depth)?)?),
            Some(b'[') => Value::Array(self.array(self.deeper(depth)?)?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b't') => self.literal("true", Value::Bool(true))?,
            Some(b'f') => self.literal("false", Value::Bool(false))?,
            Some(b'n') => self.literal("null", Value::Null)?,
            _ => return self.unexpected("a JSON value"),
        };
        // The place holds a null, of which nothing is left to drop.
        mem::forget(mem::replace(into, value));
        Ok(())
    }

    fn end(&mut self) -> Read<()> {
        self.space();
        if self.at < self.text.len() {
            return self.unexpected("the end of the document");
        }
        Ok(())
    }

    /// Steps over a value.
    pub(super) fn skip(&mut self) -> Read<()> {
        self.value(0, &mut Value::Null)
    }

    fn deeper(&self, depth: usize) -> Read<usize> {
        if depth >= MAX_DEPTH {
            let message = format!("nesting is deeper than {MAX_DEPTH} levels");
            return self.error(self.at, message);
        }
        Ok(depth + 1)
    }

    fn literal(&mut self, word: &str, value: Value<'a>) -> Read<Value<'a>> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return self.unexpected("a JSON value");
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Read<Vec<Value<'a>>> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(items);
        }
        loop {
            items.push(Value::Null);
            if let Some(item) = items.last_mut() {
                self.value(depth, item)?;
            }
            self.space();
            if self.take(b']') {
                return Ok(items);
            }
            if !self.take(b',') {
                return self.unexpected("`,` or `]`");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Read<Object<'a>> {
        self.at += 1;
        let start = self.at;
        self.space();
        if self.take(b'}') {
            return Ok(Object::new());
        }
        let mut entries: Vec<(Text<'a>, Value<'a>)> = Vec::with_capacity(8);
        let mut shapes = 0;
        loop {
            let key_at = self.key_offset()?;
            let key = self.string()?;
            // Few keys look alike, so few are compared.
            let shape = shape(&key);
            if shapes & shape != 0
                && entries.len() < SMALL_OBJECT
                && entries.iter().any(|(name, _)| *name == key)
            {
                return self.duplicate(&key, key_at);
            }
            shapes |= shape;
            self.colon()?;
            entries.push((key, Value::Null));
            if let Some((_, value)) = entries.last_mut() {
                self.value(depth, value)?;
            }
            self.space();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return self.unexpected("`,` or `}`");
            }
        }
        if entries.len() > SMALL_OBJECT {
            self.check_many_keys(&entries, start)?;
        }
        let (object, sorted) = Object::from_entries(entries);
        self.as_printed &= sorted;
        Ok(object)
    }

    /// Steps to the quote of an object key.
    #[inline]
    pub(super) fn key_offset(&mut self) -> Read<usize> {
        self.space();
        if self.peek() == Some(b'"') {
            Ok(self.at)
        } else {
            self.unexpected("a quoted key")
        }
    }

    #[inline]
    pub(super) fn colon(&mut self) -> Read<()> {
        self.space();
        if self.take(b':') {
            Ok(())
        } else {
            self.unexpected("`:`")
        }
    }

    fn duplicate<T>(&self, key: &str, offset: usize) -> Read<T> {
        self.error(offset, format!("duplicate key `{key}`"))
    }

    fn check_many_keys(&self, entries: &[(Text<'a>, Value<'a>)], start: usize) -> Read<()> {
        let shapes: Vec<u64> = entries.iter().map(|(key, _)| long_shape(key)).collect();
        let name = |place: usize| entries.get(place).map_or("", |(key, _)| &**key);
        let places = order(entries.len(), &|one, other| {
            let shapes = shapes.get(one).cmp(&shapes.get(other));
            shapes.then_with(|| name(one).cmp(name(other)))
        });
        let repeated = places.windows(2).filter_map(|pair| match pair {
            [one, other] if name(*one) == name(*other) => Some(name(*one)),
            _ => None,
        });
        let Some(name) = repeated.min() else {
            return Ok(());
        };
        self.duplicate(name, self.second_key(name, start).unwrap_or(start))
    }

    /// Finds the second occurrence of a key in the object whose body begins at
    /// `start`; only the error path pays for it.
    fn second_key(&self, name: &str, start: usize) -> Option<usize> {
        let mut again = Reader::new(self.text);
        again.at = start;
        let mut seen = false;
        loop {
            let key_at = again.key_offset().ok()?;
            if again.string().ok()? == name {
                if seen {
                    return Some(key_at);
                }
                seen = true;
            }
            again.colon().ok()?;
            again.skip().ok()?;
            again.space();
            if !again.take(b',') {
                return None;
            }
        }
    }

    fn number(&mut self) -> Read<f64> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        // Whole numbers of that length print as they stand.
        self.as_printed &= text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_digit());
        Ok(parse_number(text))
    }

    fn digits(&mut self) -> Read<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            self.unexpected("a digit")
        } else {
            Ok(())
        }
    }

    /// Reads a string; the position is at its opening quote.
    pub(super) fn string(&mut self) -> Read<Text<'a>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        if let Some(stop) = next_escape(bytes, start)
            && bytes.get(stop) == Some(&b'"')
        {
            self.at = stop + 1;
            return Ok(Cow::Borrowed(
                self.text.get(start..stop).unwrap_or_default(),
            ));
        }
        self.at = start;
        self.escaped().map(Cow::Owned)
    }

    /// Reads the rest of a string that has an escape, or is wrong.
    fn escaped(&mut self) -> Read<String> {
        let mut plain = self.at;
        // Mostly prompts of many lines have escapes.
        let mut text = String::with_capacity(512);
        loop {
            let stop = self.stop()?;
            text.push_str(self.text.get(plain..stop).unwrap_or_default());
            if self.take(b'"') {
                return Ok(text);
            }
            self.at += 1;
            text.push(self.escape()?);
            plain = self.at;
        }
    }

    /// Moves to the next quote or backslash; control characters are an error.
    fn stop(&mut self) -> Read<usize> {
        let bytes = self.text.as_bytes();
        self.at = next_escape(bytes, self.at).unwrap_or(bytes.len());
        match self.peek() {
            Some(b'"' | b'\\') => Ok(self.at),
            Some(_) => self.error(self.at, "a control character in a string must be escaped"),
            None => self.error(self.at, "a string is not closed"),
        }
    }

    fn escape(&mut self) -> Read<char> {
        let byte = self.peek();
        self.at += 1;
        self.as_printed &= !matches!(byte, Some(b'/' | b'u'));
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.error(self.at - 1, "a string has an unknown escape"),
        })
    }

    fn unicode(&mut self) -> Read<char> {
        let start = self.at - 2;
        let lone = "a string has half of a surrogate pair, which is no character";
        let first = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !(self.take(b'\\') && self.take(b'u')) {
                return self.error(start, lone);
            }
            let second = self.hex()?;
            if !(0xdc00..0xe000).contains(&second) {
                return self.error(start, lone);
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).map_or_else(|| self.error(start, lone), Ok)
    }

    fn hex(&mut self) -> Read<u32> {
        let digits = self
            .text
            .as_bytes()
            .get(self.at..self.at + 4)
            .unwrap_or_default();
        let mut code = 0;
        for digit in digits {
            let Some(value) = char::from(*digit).to_digit(16) else {
                break;
            };
            code = code * 16 + value;
            self.at += 1;
        }
        if digits.len() < 4 || digits.iter().any(|digit| !digit.is_ascii_hexdigit()) {
            return self.error(self.at, "a \\u escape needs four hexadecimal digits");
        }
        Ok(code)
    }
}
