//! Workflows.

mod apart;
mod behind;
mod check;
mod effects;
mod formats;
mod gather;
mod laws;
mod names;
mod personas;
mod preview;
mod replay;
mod runs;
mod vm;
mod waste;
