//! Fleets: `callsheet fleet` through the real binary, seats that run, and laws of planning.

mod bad;
mod laws;
mod provision;
mod seats;
mod transports;
