//! Fleets: `callsheet fleet` through the real binary, seats that run, and laws of planning.

mod bad;
mod cli;
mod edits;
mod faults;
mod laws;
mod provision;
mod seats;
mod transports;
mod up;
