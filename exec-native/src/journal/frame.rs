//! The frame of a record, with the checksum that is quick here.

use plan_core::base::frame;
pub use plan_core::base::frame::{FrameProblem, Frames};

/// Frames a line of JSON.
pub fn encode(json: &str) -> String {
    frame::encode(json, crc32fast::hash)
}

/// Takes the first frame off; returns its JSON and the bytes behind it.
///
/// # Errors
/// The bytes do not begin with a whole frame.
pub fn decode(bytes: &[u8]) -> Result<(&str, &[u8]), FrameProblem> {
    frame::decode(bytes, crc32fast::hash)
}

/// Splits a journal. A damaged last line is what a crash leaves; a damaged line with whole
/// lines behind it is no crash.
///
/// # Errors
/// A line in the middle is damaged: its number, from 1, and why.
pub fn split(bytes: &[u8]) -> Result<Frames<'_>, (usize, FrameProblem)> {
    frame::split(bytes, crc32fast::hash)
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_checksums_are_the_same() {
        let text: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        assert_eq!(plan_core::base::frame::crc32(&text), crc32fast::hash(&text));
    }
}
