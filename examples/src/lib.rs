//! Examples that run in continuous integration. The personas, skills and scripts lie
//! beside `src/`; this library holds the stand-in agent.

pub mod stand_in;
