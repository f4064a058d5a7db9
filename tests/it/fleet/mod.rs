//! Fleets: `callsheet fleet` through the real binary, and seats that run.

mod provision;
mod seats;
mod transports;
