//! Workflows on this machine: where runs are kept, where their scripts run, who works on
//! their calls, and the loop that joins them.

pub mod agent;
mod bundled;
mod drive;
pub mod driver;
pub mod gather;
pub mod isolation;
pub mod library;
pub mod preview;
pub mod script;
mod simple;
pub mod store;
pub mod tail;
mod thread;
pub mod view;
pub mod vm;

pub use simple::raised;
