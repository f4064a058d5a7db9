//! Workflows.

mod apart;
mod behind;
mod formats;
mod laws;
mod names;
mod personas;
mod preview;
mod runs;
mod vm;
mod waste;
