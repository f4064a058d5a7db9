//! Workflows on this machine: where runs are kept.

pub mod store;
