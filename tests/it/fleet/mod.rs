//! `callsheet fleet`, through the real binary.

mod bad;
mod provision;
