//! Persona planning: parse a persona file, resolve what it extends, build the
//! plan that starts the agent, lower the plan to actions.

pub mod agent_card;
pub mod build;
pub mod define;
pub mod detect;
pub mod env;
pub mod harness;
pub mod inputs;
pub mod lint;
pub mod lower;
pub mod mcp;
pub mod memory;
pub mod mount;
pub mod options;
pub mod parse;
pub mod plan;
pub mod relay;
pub mod resolve;
pub mod schema;
pub mod selection;
pub mod sidecar;
pub mod skills;
pub mod vocabulary;
