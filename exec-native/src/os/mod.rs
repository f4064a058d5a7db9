//! The only part that touches the operating system.

pub mod walk;
