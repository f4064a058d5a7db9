//! The door: how texts cross between the host and the module.
//!
//! The host asks for room with [`reserve`], puts its texts there one behind the other as
//! UTF-8, and calls an operation with their lengths. The operation's status says what the
//! answer is; its text stands at [`answer_at`] until the next call. Nothing but numbers
//! crosses in calls, so a host needs no glue beyond an encoder and a decoder of text.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::next_high;

use spin::Mutex;

use crate::failure::Failure;
use crate::region::{self, Kept, keep};

/// What an operation gives: a text, or nothing where JavaScript has `undefined`.
pub type Answer = Result<Option<String>, Failure>;

/// The answer is a JSON text.
const DONE: u32 = 0;
/// The answer is `undefined`.
const NOTHING: u32 = 1;
/// The answer is a failure, as a JSON text.
const FAILED: u32 = 2;

/// Stands for a run of other characters in the ASCII part of an answer, and between the
/// runs in the other part. JSON has no such character, in strings or outside.
const RUN: char = '\u{1}';

/// An answer is parted when it has this many bytes for each run at least: less often, one
/// slow decoding is quicker than many pieces.
const PLAIN_FOR_RUN: usize = 128;

/// More room than this is given back before the next call.
const KEPT: usize = 4 << 20;

static REQUEST: Mutex<Kept<Vec<u8>>> = Mutex::new(Kept::of(Vec::new()));
static ANSWER: Mutex<String> = Mutex::new(String::new());

/// Makes room for a request and returns its address. Room that was reserved before may be
/// used again as long as it is large enough and no call failed in between.
pub(crate) fn reserve(bytes: usize) -> usize {
    let mut room = REQUEST.lock();
    if room.len() < bytes || (room.len() > KEPT && bytes < KEPT) {
        begin();
        *room = Kept::of(Vec::new());
        *room = keep(&|| vec![0; bytes]);
    }
    room.as_ptr().addr()
}

/// Begins a call: the last answer is gone.
fn begin() {
    *ANSWER.lock() = String::new();
    region::begin();
}

/// Returns the address of the last answer.
pub(crate) fn answer_at() -> usize {
    ANSWER.lock().as_ptr().addr()
}

/// Returns the length of the last answer in bytes.
pub(crate) fn answer_length() -> usize {
    ANSWER.lock().len()
}

/// Tells whether a request has the character U+FFFD in its first `bytes`.
pub(crate) fn has_replacement(bytes: usize) -> bool {
    let room = REQUEST.lock();
    let mut rest = room.get(..bytes).unwrap_or(&room);
    while let Some(place) = next_high(rest) {
        let high = rest.get(place..).unwrap_or_default();
        if high.starts_with("\u{fffd}".as_bytes()) {
            return true;
        }
        rest = high.get(1..).unwrap_or_default();
    }
    false
}

/// Parts the last answer, if that pays: behind its text with [`RUN`] in the place of each
/// run of characters that are not ASCII stand those runs, with the same character between
/// them. Hosts decode ASCII ten times as fast as text with a single dash in it.
pub(crate) fn part_answer() -> usize {
    let answer = mem::take(&mut *ANSWER.lock());
    let parted = part(&answer);
    let (answer, plain) = parted.unwrap_or((answer, 0));
    *ANSWER.lock() = answer;
    plain
}

fn part(answer: &str) -> Option<(String, usize)> {
    let mut next = next_high(answer.as_bytes())?;
    let mut left = answer.len() / PLAIN_FOR_RUN;
    let mut plain = String::with_capacity(answer.len());
    let mut runs = String::new();
    let mut rest = answer;
    loop {
        left = left.checked_sub(1)?;
        let (before, high) = rest.split_at_checked(next)?;
        let length = high.bytes().position(|byte| byte.is_ascii());
        let (run, after) = high.split_at_checked(length.unwrap_or(high.len()))?;
        plain.push_str(before);
        plain.push(RUN);
        runs.push_str(run);
        rest = after;
        match next_high(rest.as_bytes()) {
            Some(place) => next = place,
            None => break,
        }
        runs.push(RUN);
    }
    plain.push_str(rest);
    let length = plain.len();
    plain.push_str(&runs);
    Some((plain, length))
}

/// Forgets the last request and its answer.
pub(crate) fn forget() {
    *ANSWER.lock() = String::new();
    REQUEST.lock().fill(0);
}

/// Carries out an operation on the texts of the request: at most three.
pub(crate) fn pass(lengths: &[usize], operate: &dyn Fn([&str; 3]) -> Answer) -> u32 {
    begin();
    // Taken out, so that a trap in the middle leaves nothing locked for good.
    let request = mem::replace(&mut *REQUEST.lock(), Kept::of(Vec::new()));
    let answer = texts(&request, lengths).and_then(operate);
    *REQUEST.lock() = request;
    let (status, text) = match answer {
        Ok(Some(text)) => (DONE, text),
        Ok(None) => (NOTHING, String::new()),
        Err(failure) => (FAILED, failure.print()),
    };
    *ANSWER.lock() = text;
    status
}

/// Cuts the request into its texts.
fn texts<'r>(request: &'r [u8], lengths: &[usize]) -> Result<[&'r str; 3], Failure> {
    let mut rest = request;
    let mut texts = [""; 3];
    for (text, length) in texts.iter_mut().zip(lengths) {
        let (bytes, after) = rest.split_at_checked(*length).ok_or_else(short)?;
        *text = str::from_utf8(bytes).map_err(|error| not_text(&error))?;
        rest = after;
    }
    Ok(texts)
}

fn short() -> Failure {
    let message = "the request is longer than the room that was reserved for it";
    Failure::of(Diagnostic::error(Code::RECORD_INVALID, message))
}

fn not_text(error: &core::str::Utf8Error) -> Failure {
    let message = format!("the document is not UTF-8 text: {error}");
    Failure::of(Diagnostic::error(Code::DOCUMENT_MALFORMED, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_an_answer_with_few_other_characters() {
        let filler = "x".repeat(300);
        let answer = format!("\"{filler}é–{filler}😀\"");
        let (parted, plain) = part(&answer).expect("pays");
        let (plain, runs) = parted.split_at(plain);
        assert_eq!(plain, format!("\"{filler}\u{1}{filler}\u{1}\""));
        assert_eq!(runs, "é–\u{1}😀");
        assert_eq!(part("\"éxé\""), None);
        assert_eq!(part(&filler), None);
    }
}
