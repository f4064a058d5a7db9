//! A fleet that runs: the supervisor of one seat, and the transports that seats are
//! started, watched and stopped by.

pub mod seat;
pub mod transport;
