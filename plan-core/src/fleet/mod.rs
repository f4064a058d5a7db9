//! Fleet planning: a system-type profile and a library of personas become a roster of
//! seats; a roster, what was applied last and what runs become a plan of changes.

pub mod amend;
pub mod baseline;
pub mod envfile;
pub mod fields;
pub mod generate;
pub mod library;
pub mod lock;
pub mod merge;
pub mod observed;
pub mod plan;
pub mod policy;
pub mod profile;
pub mod provision;
pub mod roster;
pub mod status;
pub mod topology;

#[cfg(test)]
mod tests;
