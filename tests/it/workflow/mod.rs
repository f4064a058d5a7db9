//! Workflows.

mod apart;
mod formats;
mod laws;
mod personas;
mod runs;
mod vm;
mod waste;
