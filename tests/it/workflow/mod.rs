//! Workflows.

mod apart;
mod behind;
mod formats;
mod laws;
mod names;
mod preview;
mod runs;
mod vm;
