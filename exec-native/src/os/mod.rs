//! The operating system: files, locks, processes, clocks, environment and
//! randomness. Nothing outside this directory names them; `clippy.toml` holds that.

mod adopt;
pub mod clock;
pub mod dir;
pub mod durable;
pub mod env;
pub mod fs;
pub mod git;
mod lines;
pub mod lock;
pub mod proc;
pub mod rng;
pub mod signal;
pub mod spawn;
pub mod tree;
pub mod walk;
