//! Finding the place in a text that a JSON pointer names, for diagnostics.

use alloc::string::String;

use super::read::Reader;

/// A place in a text as people count: both numbers start at 1, columns are
/// characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Turns a byte offset into line and column.
pub fn position(text: &str, offset: usize) -> Position {
    let mut before = offset.min(text.len());
    while !text.is_char_boundary(before) {
        before -= 1;
    }
    let head = text.get(..before).unwrap_or_default();
    let line = head.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let last = head.rsplit('\n').next().unwrap_or_default();
    Position {
        line,
        column: last.chars().count() + 1,
    }
}

/// Finds the value at a JSON pointer (RFC 6901): its first byte and the byte
/// behind it. `None` when the text has no such value.
pub fn locate(text: &str, pointer: &str) -> Option<(usize, usize)> {
    let mut reader = Reader::new(text);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        step(&mut reader, &token)?;
    }
    reader.space();
    let start = reader.at;
    reader.skip().ok()?;
    Some((start, reader.at))
}

/// Moves the reader to the member or element that a pointer token names.
fn step(reader: &mut Reader<'_>, token: &String) -> Option<()> {
    reader.space();
    if reader.take(b'{') {
        loop {
            reader.key_offset().ok()?;
            let found = reader.string().ok()? == *token;
            reader.colon().ok()?;
            if found {
                return Some(());
            }
            reader.skip().ok()?;
            next(reader)?;
        }
    }
    if reader.take(b'[') {
        for _ in 0..token.parse::<usize>().ok()? {
            reader.skip().ok()?;
            next(reader)?;
        }
        return Some(());
    }
    None
}

fn next(reader: &mut Reader<'_>) -> Option<()> {
    reader.space();
    reader.take(b',').then_some(())
}
