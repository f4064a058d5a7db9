//! Workflows.

mod laws;
mod runs;
mod vm;
