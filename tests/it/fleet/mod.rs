//! Fleets: `callsheet fleet` through the real binary, and seats that run.

mod edits;
mod provision;
mod seats;
mod transports;
mod up;
