//! Names: of directories, branches and references of a tree.

use std::fmt;

use plan_core::base::digest::sha256_hex;

use crate::state::base32;

/// The first part of every branch of ours.
pub(super) const BRANCHES: &str = "refs/heads/callsheet/";
/// The first word of the reason by which a tree is locked.
pub(super) const REASON: &str = "callsheet ";

/// How many characters name a run, and how many a call.
const RUN: u32 = 10;
const CALL: u32 = 12;

/// The name of one attempt of one call of one run. It has always the same length: what
/// distinguishes it is never cut off, and texts that a user chose are no part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    run: String,
    call: String,
    attempt: u32,
}

impl Name {
    /// Names an attempt; run and call may be any texts.
    pub fn new(run: &str, call: &str, attempt: u32) -> Self {
        Self {
            run: short(run, RUN),
            call: short(call, CALL),
            attempt,
        }
    }

    /// Returns the part that names the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Returns the number of the attempt.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the name of the directory, without that of the run.
    pub fn file(&self) -> String {
        format!("{}-{}", self.call, self.attempt)
    }

    /// Returns the branch, below `refs/heads/`.
    pub fn branch(&self) -> String {
        format!("callsheet/{self}")
    }

    /// Returns the reference that keeps work which was neither merged nor committed.
    pub fn salvage(&self) -> String {
        format!("refs/callsheet/salvage/{self}")
    }

    /// Returns the reference that keeps the objects which a clone borrows.
    pub fn keep(&self) -> String {
        format!("refs/callsheet/keep/{self}")
    }

    /// Returns the reference that a clone's result gets in the repository.
    pub fn result(&self) -> String {
        format!("refs/callsheet/result/{self}")
    }

    /// Returns why the tree is locked.
    pub fn reason(&self) -> String {
        format!("{REASON}{} {}", self.run, self.file())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}-{}", self.run, self.call, self.attempt)
    }
}

/// Tells whether git's own name of a worktree was made from one of ours. Git appends digits
/// to a name that is taken.
pub(super) fn is_ours(file: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    file.split_once('-').is_some_and(|(call, attempt)| {
        call.len() == CALL as usize
            && call.bytes().all(plain)
            && !attempt.is_empty()
            && attempt.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Shortens a text to so many characters of its digest.
pub(super) fn short(text: &str, length: u32) -> String {
    let hex = sha256_hex(text.as_bytes());
    let bits = hex
        .get(..32)
        .and_then(|hex| u128::from_str_radix(hex, 16).ok());
    // The first bits, as many as the characters hold.
    let bits = bits.unwrap_or_default() >> (128 - 5 * length);
    base32(bits, length)
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn long_texts_differ_where_their_ends_differ() {
        let label = "audit-every-route-for-missing-authentication-checks";
        let one = Name::new(label, &format!("{label}/1"), 1);
        let other = Name::new(label, &format!("{label}/2"), 1);
        assert_ne!(one, other);
        assert_eq!(one.run, other.run);
        assert_eq!((one.run.len(), one.call.len()), (10, 12));
        assert_eq!(
            one.branch(),
            format!("callsheet/{}/{}-1", one.run, one.call)
        );
        assert!(is_ours(&one.file()) && is_ours(&format!("{}7", one.file())));
        for other in [
            "feature-1",
            "abcdefghjkmn",
            "abcdefghjkmn-x",
            "ABCDEFGHJKMN-1",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn names_are_for_ever() {
        let name = Name::new("run", "call", 3);
        assert_eq!(name.to_string(), "njx2am9103/fvdkc3r6njqf-3");
    }
}
