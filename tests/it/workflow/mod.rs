//! Workflows.

mod apart;
mod formats;
mod laws;
mod runs;
mod vm;
mod waste;
