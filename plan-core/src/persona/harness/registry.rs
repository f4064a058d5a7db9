//! The list of harnesses. A test writes it from the files of this folder.

use super::HarnessDef;

/// Every harness, by name.
pub const ALL: &[&HarnessDef] = &[
    &super::claude::DEF,
    &super::codex::DEF,
    &super::grok::DEF,
    &super::opencode::DEF,
];
