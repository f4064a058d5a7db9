//! How an agent's context is cleared between tasks, by typing a command into it.

/// The harness of seats that nothing else decides about.
pub const USUAL: &str = "claude";

/// The harnesses that a new roster names, each with the command that clears its context.
/// The list is part of Mosaic's format of rosters.
pub const MOSAIC: &[(&str, &str)] = &[(USUAL, "/clear"), ("pi", "/new")];
