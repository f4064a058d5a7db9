//! How an agent's context is cleared between tasks, by typing a command into it.

use super::ALL;

/// The harness of seats that nothing else decides about.
pub const USUAL: &str = "claude";

/// The harnesses that a new roster names, each with the command that clears its context.
/// The list is part of Mosaic's format of rosters.
pub const MOSAIC: &[(&str, &str)] = &[(USUAL, "/clear"), ("pi", "/new")];

/// The harnesses that can be started, each with the command that clears its context.
#[expect(clippy::indexing_slicing, reason = "evaluated while compiling")]
pub const KNOWN: &[(&str, &str)] = &{
    let mut known = [("", ""); ALL.len()];
    let mut place = 0;
    while place < ALL.len() {
        known[place] = (ALL[place].id, ALL[place].clear);
        place += 1;
    }
    known
};
