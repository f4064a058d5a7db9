//! Looking for what is not ASCII.

/// Finds the first byte that is not ASCII.
pub fn next_high(bytes: &[u8]) -> Option<usize> {
    let (blocks, _) = bytes.as_chunks::<32>();
    let plain = blocks.iter().position(|block| {
        let (words, _) = block.as_chunks();
        let all = words.iter().map(|word| u64::from_le_bytes(*word));
        all.fold(0, |all, word| all | word) & 0x8080_8080_8080_8080 != 0
    });
    let start = plain.unwrap_or(blocks.len()) * 32;
    let tail = bytes.get(start..)?;
    Some(start + tail.iter().position(|byte| !byte.is_ascii())?)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::next_high;

    #[test]
    fn finds_the_first_other_byte() {
        for place in [0, 1, 31, 32, 33, 70] {
            let text = format!("{}é{}", "x".repeat(place), "é".repeat(40));
            assert_eq!(next_high(text.as_bytes()), Some(place));
        }
        assert_eq!(next_high("x".repeat(70).as_bytes()), None);
    }
}
