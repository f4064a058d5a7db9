//! Workflows.

mod apart;
mod laws;
mod runs;
mod vm;
