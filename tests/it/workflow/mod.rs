//! Workflows.

mod laws;
mod vm;
