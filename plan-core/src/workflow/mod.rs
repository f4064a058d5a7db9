//! Workflows: scripts that call agents, and the journal that keeps what was paid for.

pub mod meta;
pub mod vm;
