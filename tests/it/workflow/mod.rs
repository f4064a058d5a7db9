//! Workflows.

mod apart;
mod effects;
mod formats;
mod gather;
mod laws;
mod personas;
mod runs;
mod vm;
mod waste;
