//! `callsheet fleet`, through the real binary.

mod laws;
mod provision;
