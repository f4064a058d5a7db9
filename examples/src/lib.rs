//! Examples that run in continuous integration. The personas, skills and scripts lie
//! beside `src/`; this library holds the stand-in agent.

pub mod stand_in;

/// The code of the README, which must run as it stands there.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
