//! The frame of a record: `<length> <checksum> <json>` and a newline. People can
//! read it, and a torn or altered line is noticed.

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameProblem {
    /// The bytes end within the frame.
    #[error("the line is cut off")]
    Torn,
    /// The bytes do not fit their length or checksum.
    #[error("the line does not fit its checksum")]
    Altered,
}

/// Frames a line of JSON.
pub fn encode(json: &str) -> String {
    let checksum = crc32fast::hash(json.as_bytes());
    format!("{} {checksum:08x} {json}\n", json.len())
}

/// Takes the first frame off; returns its JSON and the bytes behind it.
///
/// # Errors
/// The bytes do not begin with a whole frame.
pub fn decode(bytes: &[u8]) -> Result<(&str, &[u8]), FrameProblem> {
    let (length, rest) = word(bytes)?;
    let (checksum, rest) = word(rest)?;
    let length: usize = length.parse().map_err(|_| FrameProblem::Altered)?;
    let (json, rest) = rest.split_at_checked(length).ok_or(FrameProblem::Torn)?;
    let rest = match rest.split_first() {
        Some((b'\n', rest)) => rest,
        Some(_) => return Err(FrameProblem::Altered),
        None => return Err(FrameProblem::Torn),
    };
    if format!("{:08x}", crc32fast::hash(json)) != checksum {
        return Err(FrameProblem::Altered);
    }
    let json = str::from_utf8(json).map_err(|_| FrameProblem::Altered)?;
    Ok((json, rest))
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
    fn a_frame_survives_and_its_damage_shows() {
        let frame = encode("{\"a\":\"é\"}");
        assert!(
            frame.starts_with("10 ") && frame.ends_with(" {\"a\":\"é\"}\n"),
            "{frame}"
        );
        let bytes = frame.as_bytes();
        assert_eq!(decode(bytes), Ok(("{\"a\":\"é\"}", &b""[..])));
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(FrameProblem::Torn), "{end}");
        }
        for place in 0..bytes.len() {
            let mut altered = bytes.to_vec();
            altered[place] ^= 1;
            assert!(decode(&altered).is_err(), "{place}");
        }
    }
}
