//! The door: how texts cross between the host and the module.
//!
//! The host asks for room with [`reserve`], puts its texts there one behind the other as
//! UTF-8, and calls an operation with their lengths. The operation's status says what the
//! answer is; its text stands at [`answer_at`] until the next call. Nothing but numbers
//! crosses in calls, so a host needs no glue beyond an encoder and a decoder of text.

use std::cell::RefCell;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;

use crate::failure::Failure;

/// What an operation gives: a text, or nothing where JavaScript has `undefined`.
pub type Answer = Result<Option<String>, Failure>;

/// The answer is a JSON text.
const DONE: u32 = 0;
/// The answer is `undefined`.
const NOTHING: u32 = 1;
/// The answer is a failure, as a JSON text.
const FAILED: u32 = 2;

/// More room than this is given back before the next call.
const KEPT: usize = 4 << 20;

thread_local! {
    static REQUEST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes room for a request and returns its address. Room that was reserved before may be
/// used again as long as it is large enough and no call failed in between.
pub(crate) fn reserve(bytes: usize) -> usize {
    REQUEST.with_borrow_mut(|room| {
        if room.len() > KEPT && bytes < KEPT {
            *room = Vec::new();
        }
        if room.len() < bytes {
            room.resize(bytes, 0);
        }
        room.as_ptr().addr()
    })
}

/// Returns the address of the last answer.
pub(crate) fn answer_at() -> usize {
    ANSWER.with_borrow(|answer| answer.as_ptr().addr())
}

/// Returns the length of the last answer in bytes.
pub(crate) fn answer_length() -> usize {
    ANSWER.with_borrow(String::len)
}

/// Forgets the last request and its answer.
pub(crate) fn forget() {
    ANSWER.take();
    REQUEST.with_borrow_mut(|room| room.fill(0));
}

/// Carries out an operation on the texts of the request.
pub(crate) fn pass<const N: usize>(
    lengths: [usize; N],
    operate: impl FnOnce([&str; N]) -> Answer,
) -> u32 {
    // Taken out, so that a trap in the middle leaves nothing borrowed for good.
    let request = REQUEST.take();
    let answer = texts(&request, lengths).and_then(operate);
    REQUEST.set(request);
    let (status, text) = match answer {
        Ok(Some(text)) => (DONE, text),
        Ok(None) => (NOTHING, String::new()),
        Err(failure) => (FAILED, failure.print()),
    };
    ANSWER.set(text);
    status
}

/// Cuts the request into its texts.
fn texts<const N: usize>(request: &[u8], lengths: [usize; N]) -> Result<[&str; N], Failure> {
    let mut rest = request;
    let mut texts = [""; N];
    for (text, length) in texts.iter_mut().zip(lengths) {
        let (bytes, after) = rest.split_at_checked(length).ok_or_else(short)?;
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
