//! Workflows on this machine: where runs are kept, where their scripts run, who works on
//! their calls, and the loop that joins them.

pub mod agent;
pub mod driver;
pub mod isolation;
pub mod script;
mod simple;
pub mod store;
mod thread;
pub mod vm;

pub use simple::raised;
