//! Fleets on this machine: the home that holds their files.

pub mod home;
pub mod lock;
pub mod write;

#[cfg(test)]
mod tests;
