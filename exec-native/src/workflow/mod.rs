//! Workflows on this machine: where runs are kept, and where their scripts run.

pub mod store;
pub mod vm;
