//! Workflows.

mod laws;
