//! The operating system: files, locks, processes, clocks, environment and
//! randomness. Nothing outside this directory names them; `clippy.toml` holds that.

mod adopt;
pub mod ask;
pub mod clock;
pub mod confine;
pub mod detached;
pub mod dir;
pub mod durable;
pub mod env;
pub mod frames;
pub mod fs;
pub mod git;
pub mod guard;
pub mod http;
pub mod layer;
mod lines;
pub mod lock;
#[cfg_attr(not(target_os = "linux"), path = "ns_none.rs")]
pub mod ns;
mod output;
pub mod own;
pub mod owner;
pub mod proc;
pub mod pty;
pub mod rng;
pub mod session;
pub mod signal;
pub mod spawn;
pub mod talk;
pub mod terminal;
pub mod threads;
pub mod tree;
pub mod walk;

pub use output::plain;
