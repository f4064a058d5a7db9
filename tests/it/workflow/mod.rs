//! Workflows.

mod apart;
mod formats;
mod laws;
mod personas;
mod replay;
mod runs;
mod vm;
mod waste;
