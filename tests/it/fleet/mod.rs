//! `callsheet fleet`, through the real binary.

mod provision;
