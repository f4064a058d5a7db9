//! Fleets on this machine: the home that holds their files, the transports that seats
//! are started, watched and stopped by, and the supervisor of one seat.

pub mod carry;
pub mod compose;
pub mod crew;
pub mod gather;
pub mod home;
pub mod lock;
pub mod pending;
pub mod ready;
pub mod seat;
mod sweep;
pub mod transport;
pub mod write;

use plan_core::fleet::provision::Staffing;
use plan_core::persona::harness::clear;

/// What seats are staffed with when nobody says anything else.
pub const STAFFING: Staffing<'static> = Staffing {
    runtime: clear::USUAL,
    runtimes: clear::MOSAIC,
    known: clear::KNOWN,
};

#[cfg(test)]
mod tests;
