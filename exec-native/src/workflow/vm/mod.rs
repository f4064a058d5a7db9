//! The host of a workflow's script: an engine in a process of its own, which runs the script
//! until it waits, says what it asked for, and goes on when something is settled.
//!
//! `machine` is the engine and knows no process; `child` is the hidden command around it,
//! `client` the side of whoever drives a run. What a script finds in its world stands in
//! `prelude.js`, `helpers.js` and `lockdown.js`.
//!
//! A script is not trusted: the engine is written in C, so it gets a process without files,
//! with little memory, that can be killed at any time without harm to the run.

pub mod child;
pub mod client;
mod guest;
pub mod machine;
mod shared;
#[cfg(test)]
mod tests;

pub use client::{VmHost, VmLimits};

/// Names the engine and what a script finds in its world: another one may order things
/// differently.
pub fn engine() -> String {
    let world = concat!(
        include_str!("prelude.js"),
        include_str!("helpers.js"),
        include_str!("lockdown.js")
    );
    let digest = plan_core::base::digest::sha256_hex(world.as_bytes());
    let short: String = digest.chars().take(12).collect();
    format!("quickjs-ng, world {short}")
}
