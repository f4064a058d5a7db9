//! Workflows.

mod apart;
mod formats;
mod laws;
mod replay;
mod runs;
mod vm;
mod waste;
