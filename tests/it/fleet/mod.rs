//! Fleets: seats that run, and what says which there are to be.

mod seats;
mod transports;
