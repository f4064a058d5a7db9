//! Text rules that JavaScript and POSIX shells fix: trimming, lengths and order
//! in UTF-16 units, a host-independent collation, shell quoting, near names.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Tells whether JavaScript's `trim` and `\s` treat the character as space:
/// U+FEFF is one, U+0085 is not, unlike in Rust.
pub fn is_js_space(character: char) -> bool {
    match character {
        '\u{feff}' => true,
        '\u{85}' => false,
        _ => character.is_whitespace(),
    }
}

/// `String.prototype.trim`.
pub fn js_trim(text: &str) -> &str {
    text.trim_matches(is_js_space)
}

/// Tells whether nothing is left after [`js_trim`].
pub fn is_blank(text: &str) -> bool {
    js_trim(text).is_empty()
}

/// The length that JavaScript reports, in UTF-16 units.
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The order of JavaScript's default `sort()`: UTF-16 units, which differs from
/// byte order for characters outside the basic plane.
pub fn utf16_cmp(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}

/// `localeCompare` under the root collation, for the characters that names are
/// made of. Other characters follow letters, in code point order.
/// Source: measured against Node's en-US on printable ASCII.
pub fn collate(left: &str, right: &str) -> Ordering {
    let weights = left.chars().map(weight).cmp(right.chars().map(weight));
    weights.then_with(|| {
        let mut cases = left
            .chars()
            .zip(right.chars())
            .filter(|(one, other)| one != other);
        match cases.next() {
            Some((one, _)) if one.is_ascii_lowercase() => Ordering::Less,
            Some(_) => Ordering::Greater,
            None => Ordering::Equal,
        }
    })
}

fn weight(character: char) -> u32 {
    const ORDER: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";
    let lower = character.to_ascii_lowercase();
    let place = ORDER.chars().position(|known| known == lower);
    place
        .and_then(|place| u32::try_from(place).ok())
        .unwrap_or(0x100 + u32::from(lower))
}

/// Quotes one word for a POSIX shell: words made of safe characters stay bare.
pub fn shell_quote(word: &str) -> Cow<'_, str> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@%+=,-".contains(&byte);
    if !word.is_empty() && word.bytes().all(safe) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

/// Quotes an argument vector as one shell command line.
pub fn shell_join<T: AsRef<str>>(argv: &[T]) -> String {
    let words: Vec<_> = argv.iter().map(|word| shell_quote(word.as_ref())).collect();
    words.join(" ")
}

/// Finds the candidate that a mistyped word probably meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let limit = (word.chars().count() / 3).max(1) + 1;
    let distances = candidates
        .into_iter()
        .map(|candidate| (edit_distance(word, candidate), candidate));
    distances
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, ignoring ASCII case.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, one) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(line + 1);
        for (column, other) in right.iter().enumerate() {
            let at = |offset: usize| row.get(column + offset).copied().unwrap_or_default();
            let same = at(0) + usize::from(!one.eq_ignore_ascii_case(other));
            let left_of = next.last().copied().unwrap_or_default();
            next.push(same.min(at(1) + 1).min(left_of + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_as_javascript_does() {
        assert_eq!(js_trim("\u{feff} a\u{85}\u{a0}"), "a\u{85}");
        assert_eq!(utf16_len("é😀"), 3);
        assert_eq!(utf16_cmp("😀", "\u{e000}"), Ordering::Less);
    }

    #[test]
    fn collates_by_letter_first_and_case_last() {
        let mut names = ["B", "a_b", "AB", "b", "a-b", "b.c", "ab"];
        names.sort_by(|left, right| collate(left, right));
        assert_eq!(names, ["a_b", "a-b", "ab", "AB", "b", "B", "b.c"]);
    }

    #[test]
    fn quotes_for_a_shell() {
        assert_eq!(shell_quote("a/b@1"), "a/b@1");
        assert_eq!(shell_quote("it's"), "'it'\\''s'");
        assert_eq!(shell_quote(""), "''");
    }

    #[test]
    fn suggests_the_nearest_name() {
        let names = ["claude", "codex", "opencode", "grok"];
        assert_eq!(nearest("cluade", names), Some("claude"));
        assert_eq!(nearest("open-code", names), Some("opencode"));
        assert_eq!(nearest("zzzzz", names), None);
    }
}
