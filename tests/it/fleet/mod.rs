//! Fleets: `callsheet fleet` through the real binary, and seats that run.

mod bad;
mod provision;
mod seats;
mod transports;
