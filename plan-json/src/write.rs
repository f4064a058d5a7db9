//! The writer: compact text as `JSON.stringify(value)` prints it, or with two
//! spaces as `JSON.stringify(value, null, 2)` does.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::number::whole;
use super::value::{Object, Value};

/// A value that prints itself as JSON.
pub trait Print {
    /// Appends the JSON text of `self`.
    fn print(&self, out: &mut Writer);

    /// Tells whether a record leaves the field out instead of printing it.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Prints a value compactly.
pub fn print(value: &(impl Print + ?Sized)) -> String {
    let mut writer = Writer::compact();
    value.print(&mut writer);
    writer.finish()
}

/// Prints a value with an indentation of two spaces.
pub fn pretty(value: &(impl Print + ?Sized)) -> String {
    let mut writer = Writer::indented();
    value.print(&mut writer);
    writer.finish()
}

/// Builds JSON text. Callers pair `begin_*` with `end_*`; commas, colons and
/// indentation are the writer's business.
#[derive(Debug)]
pub struct Writer {
    out: String,
    indented: bool,
    depth: usize,
    /// Whether the innermost container has no element yet.
    fresh: bool,
    /// Whether a key was written and its value is due.
    after_key: bool,
}

impl Writer {
    /// Creates a writer for compact text.
    pub fn compact() -> Self {
        Self::with_capacity(4096)
    }

    /// Creates a writer for compact text with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: String::with_capacity(capacity),
            indented: false,
            depth: 0,
            fresh: true,
            after_key: false,
        }
    }

    /// Creates a writer that indents by two spaces.
    pub fn indented() -> Self {
        Self {
            indented: true,
            ..Self::compact()
        }
    }

    /// Tells whether the text is on one line.
    pub fn is_compact(&self) -> bool {
        !self.indented
    }

    /// Returns the text.
    pub fn finish(self) -> String {
        self.out
    }

    /// Opens an object.
    pub fn begin_object(&mut self) {
        self.begin('{');
    }

    /// Closes an object.
    pub fn end_object(&mut self) {
        self.end('}');
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.begin('[');
    }

    /// Closes an array.
    pub fn end_array(&mut self) {
        self.end(']');
    }

    /// Writes the key of the next value.
    pub fn key(&mut self, key: &str) {
        self.separate();
        self.quoted(key);
        self.out.push(':');
        if self.indented {
            self.out.push(' ');
        }
        self.after_key = true;
    }

    /// Writes a key and its value, unless the value is absent.
    pub fn field(&mut self, key: &str, value: &(impl Print + ?Sized)) {
        if !value.is_absent() {
            self.key(key);
            value.print(self);
        }
    }

    /// Writes a member whose key is given as it is printed, quotes and colon included:
    /// the keys of records are known when we are compiled.
    pub fn member(&mut self, key: &'static str, value: &(impl Print + ?Sized)) {
        if !value.is_absent() {
            self.printed_key(key);
            value.print(self);
        }
    }

    // Compiled once, whatever the member is.
    #[inline(never)]
    fn printed_key(&mut self, key: &'static str) {
        self.separate();
        self.out.push_str(key);
        if self.indented {
            self.out.push(' ');
        }
        self.after_key = true;
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.element();
        self.quoted(text);
    }

    /// Writes a number as `String(number)` prints it; what is not finite becomes
    /// `null`, as `JSON.stringify` does.
    pub fn number(&mut self, number: f64) {
        self.element();
        if let Some(whole) = whole(number) {
            self.whole(whole);
        } else if number.is_finite() {
            self.out.push_str(ryu_js::Buffer::new().format(number));
        } else {
            self.out.push_str("null");
        }
    }

    fn whole(&mut self, number: i64) {
        if number < 0 {
            self.out.push('-');
        }
        let mut rest = number.unsigned_abs();
        // As many digits as a whole double has at most.
        let mut digits = [b'0'; 16];
        let mut length = 0;
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            length += 1;
            if rest == 0 {
                break;
            }
        }
        let text = digits.get(digits.len() - length..).unwrap_or_default();
        self.out.push_str(str::from_utf8(text).unwrap_or_default());
    }

    /// Writes a literal or any other text that is JSON already.
    pub fn raw(&mut self, json: &str) {
        self.element();
        self.out.push_str(json);
    }

    fn begin(&mut self, bracket: char) {
        self.element();
        self.out.push(bracket);
        self.depth += 1;
        self.fresh = true;
    }

    fn end(&mut self, bracket: char) {
        self.depth = self.depth.saturating_sub(1);
        if !self.fresh {
            self.line();
        }
        self.out.push(bracket);
        self.fresh = false;
    }

    #[inline]
    fn element(&mut self) {
        if self.after_key {
            self.after_key = false;
        } else if self.depth > 0 {
            self.separate();
        }
    }

    #[inline]
    fn separate(&mut self) {
        if !self.fresh {
            self.out.push(',');
        }
        self.fresh = false;
        self.line();
    }

    #[inline]
    fn line(&mut self) {
        if self.indented {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.reserve(text.len() + 2);
        self.out.push('"');
        match next_escape(text.as_bytes(), 0) {
            None => self.out.push_str(text),
            Some(stop) => self.escaped(text, stop),
        }
        self.out.push('"');
    }

    /// Writes a text whose first byte to escape is at `stop`.
    fn escaped(&mut self, text: &str, mut stop: usize) {
        let bytes = text.as_bytes();
        let mut done = 0;
        while let (Some(plain), Some(byte)) = (text.get(done..stop), bytes.get(stop)) {
            self.out.push_str(plain);
            self.escape(*byte);
            done = stop + 1;
            stop = next_escape(bytes, done).unwrap_or(bytes.len());
        }
        self.out.push_str(text.get(done..).unwrap_or_default());
    }

    fn escape(&mut self, byte: u8) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let short = match byte {
            0x08 => 'b',
            b'\t' => 't',
            b'\n' => 'n',
            0x0c => 'f',
            b'\r' => 'r',
            b'"' | b'\\' => char::from(byte),
            _ => {
                self.out.push_str("\\u00");
                for digit in [byte >> 4, byte & 15] {
                    let hex = HEX.get(usize::from(digit));
                    self.out.push(hex.map_or('0', |hex| char::from(*hex)));
                }
                return;
            }
        };
        self.out.push('\\');
        self.out.push(short);
    }
}

/// Finds the next byte at or after `from` that a JSON string must escape.
/// Eight bytes at a time: prompts are long and rarely need an escape.
#[inline]
pub(super) fn next_escape(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let (words, tail) = rest.as_chunks();
    let mut at = from;
    for word in words {
        let found = escape_mask(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let Some(last) = rest.last_chunk() else {
        let place = tail.iter().position(|byte| needs_escape(*byte))?;
        return Some(at + place);
    };
    // The last eight bytes overlap some that are known to be plain.
    let found = escape_mask(u64::from_le_bytes(*last));
    let place = bytes.len() - 8 + (found.trailing_zeros() / 8) as usize;
    (found != 0).then_some(place)
}

/// Tells whether a byte needs an escape.
const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Marks (0x80) the bytes of a word that need an escape; the lowest mark is exact.
const fn escape_mask(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // With its second bit turned, a quote stands right behind the controls.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & HIGH
}

impl Print for Value<'_> {
    fn print(&self, out: &mut Writer) {
        match self {
            Value::Null => out.raw("null"),
            Value::Bool(truth) => truth.print(out),
            Value::Number(number) => out.number(*number),
            Value::String(text) => out.string(text),
            Value::Array(items) => items.print(out),
            Value::Object(object) => object.print(out),
        }
    }
}

impl Print for Object<'_> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        for (key, value) in self.iter() {
            out.field(key, value);
        }
        out.end_object();
    }
}

impl Print for bool {
    fn print(&self, out: &mut Writer) {
        out.raw(if *self { "true" } else { "false" });
    }
}

impl Print for f64 {
    fn print(&self, out: &mut Writer) {
        out.number(*self);
    }
}

impl Print for u64 {
    fn print(&self, out: &mut Writer) {
        #[expect(clippy::cast_precision_loss, reason = "wire numbers stay below 2^53")]
        out.number(*self as f64);
    }
}

impl Print for str {
    fn print(&self, out: &mut Writer) {
        out.string(self);
    }
}

impl Print for String {
    fn print(&self, out: &mut Writer) {
        out.string(self);
    }
}

impl Print for Cow<'_, str> {
    fn print(&self, out: &mut Writer) {
        out.string(self);
    }
}

impl<T: Print> Print for Vec<T> {
    fn print(&self, out: &mut Writer) {
        self.as_slice().print(out);
    }
}

impl<T: Print> Print for [T] {
    fn print(&self, out: &mut Writer) {
        out.begin_array();
        for item in self {
            item.print(out);
        }
        out.end_array();
    }
}

impl<T: Print> Print for Option<T> {
    fn print(&self, out: &mut Writer) {
        match self {
            Some(value) => value.print(out),
            None => out.raw("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Print + ?Sized> Print for &T {
    fn print(&self, out: &mut Writer) {
        (**self).print(out);
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl<T: Print + ?Sized> Print for alloc::boxed::Box<T> {
    fn print(&self, out: &mut Writer) {
        (**self).print(out);
    }

    fn is_absent(&self) -> bool {
        (**self).is_absent()
    }
}

impl<T: Print> Print for BTreeMap<String, T> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        for (key, item) in self {
            out.field(key, item);
        }
        out.end_object();
    }
}
