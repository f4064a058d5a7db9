//! Replays of cases recorded from persona-kit 4.1.59.

pub mod parse;
