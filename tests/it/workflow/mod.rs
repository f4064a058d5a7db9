//! Workflows.

mod laws;
mod runs;
