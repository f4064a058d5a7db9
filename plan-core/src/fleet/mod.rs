//! Fleet planning: a system-type profile and a library of personas become a roster of
//! seats; a roster, what was applied last and what runs become a plan of changes.

pub mod baseline;
pub mod envfile;
pub mod fields;
pub mod library;
pub mod observed;
pub mod profile;
pub mod provision;
pub mod roster;

#[cfg(test)]
mod tests;
