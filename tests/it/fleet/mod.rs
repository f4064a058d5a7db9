//! Fleets: `callsheet fleet` through the real binary, and seats that run.

mod bad;
mod cli;
mod edits;
mod faults;
mod provision;
mod seats;
mod transports;
mod up;
