//! The frame of a journal's record: `<length> <checksum> <json>` and a newline. People can
//! read it, and a torn or altered line is noticed. Hosts that have one bring a quick checksum.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Makes the CRC-32 of bytes.
pub type Checksum = fn(&[u8]) -> u32;

/// The CRC-32 of bytes in few instructions and without a table: where size counts.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), step)
    });
    !sum
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameProblem {
    /// The bytes end within the frame.
    #[error("the line is cut off")]
    Torn,
    /// The record is whole, and something else stands where its line should end.
    #[error("the line does not end where it should")]
    Unended,
    /// The bytes do not fit their length or checksum.
    #[error("the line does not fit its checksum")]
    Altered,
}

/// Frames a line of JSON.
pub fn encode(json: &str, checksum: Checksum) -> String {
    let checksum = checksum(json.as_bytes());
    format!("{} {checksum:08x} {json}\n", json.len())
}

/// Takes the first frame off; returns its JSON and the bytes behind it.
///
/// # Errors
/// The bytes do not begin with a whole frame.
pub fn decode(bytes: &[u8], checksum: Checksum) -> Result<(&str, &[u8]), FrameProblem> {
    let (length, rest) = word(bytes)?;
    let (expected, rest) = word(rest)?;
    let length: usize = length.parse().map_err(|_| FrameProblem::Altered)?;
    let (json, rest) = rest.split_at_checked(length).ok_or(FrameProblem::Torn)?;
    let fits = format!("{:08x}", checksum(json)) == expected;
    let rest = match rest.split_first() {
        Some((b'\n', rest)) if fits => rest,
        Some(_) if fits => return Err(FrameProblem::Unended),
        Some(_) => return Err(FrameProblem::Altered),
        None => return Err(FrameProblem::Torn),
    };
    let json = str::from_utf8(json).map_err(|_| FrameProblem::Altered)?;
    Ok((json, rest))
}

/// The whole frames at the beginning of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames<'b> {
    /// Their JSON, in order.
    pub lines: Vec<&'b str>,
    /// The bytes that they take.
    pub whole_bytes: usize,
    /// The bytes that a crash left behind them.
    pub torn_bytes: usize,
}

/// Splits a journal. A damaged last line is what a crash leaves: its record was never
/// acknowledged, and it is ignored. A damaged line with whole lines behind it is no crash.
///
/// # Errors
/// A line in the middle is damaged: its number, from 1, and why.
pub fn split(bytes: &[u8], checksum: Checksum) -> Result<Frames<'_>, (usize, FrameProblem)> {
    let mut frames = Frames {
        lines: Vec::new(),
        whole_bytes: 0,
        torn_bytes: 0,
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        match decode(rest, checksum) {
            Ok((line, after)) => {
                frames.lines.push(line);
                rest = after;
            }
            // No crash leaves a whole record with something else behind it.
            Err(problem) if problem == FrameProblem::Unended || has_frame_behind(rest, checksum) => {
                return Err((frames.lines.len() + 1, problem));
            }
            Err(_) => break,
        }
    }
    frames.whole_bytes = bytes.len() - rest.len();
    frames.torn_bytes = rest.len();
    Ok(frames)
}

fn has_frame_behind(bytes: &[u8], checksum: Checksum) -> bool {
    let newlines = bytes.iter().enumerate();
    newlines
        .filter(|(_, byte)| **byte == b'\n')
        .filter_map(|(place, _)| bytes.get(place + 1..))
        .any(|rest| decode(rest, checksum).is_ok())
}

fn word(bytes: &[u8]) -> Result<(&str, &[u8]), FrameProblem> {
    // Neither a length nor a checksum is longer.
    let head = bytes.get(..20).unwrap_or(bytes);
    let end = head.iter().position(|byte| *byte == b' ').ok_or({
        if head.len() < 20 {
            FrameProblem::Torn
        } else {
            FrameProblem::Altered
        }
    })?;
    let (word, rest) = bytes.split_at_checked(end).ok_or(FrameProblem::Torn)?;
    let word = str::from_utf8(word).map_err(|_| FrameProblem::Altered)?;
    Ok((word, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_frame_survives_and_its_damage_shows() {
        let frame = encode("{\"a\":\"é\"}", crc32);
        assert!(
            frame.starts_with("10 ") && frame.ends_with(" {\"a\":\"é\"}\n"),
            "{frame}"
        );
        let bytes = frame.as_bytes();
        assert_eq!(decode(bytes, crc32), Ok(("{\"a\":\"é\"}", &b""[..])));
        for end in 0..bytes.len() {
            assert_eq!(
                decode(&bytes[..end], crc32),
                Err(FrameProblem::Torn),
                "{end}"
            );
        }
        for place in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[place] ^= 1;
            assert!(decode(&altered, crc32).is_err(), "{place}");
        }
    }
}
