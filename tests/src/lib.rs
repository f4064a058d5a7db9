//! Test support: the replay of recorded behaviour.

pub mod conformance;
