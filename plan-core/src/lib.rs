//! Pure planning of coding agents: declarations in, inspectable plans out.
//!
//! `plan-core` performs no input or output. It reads no clock, no environment and
//! no randomness, spawns nothing and holds no global state: everything that it
//! needs is an argument, everything that should happen is returned as data. That
//! is why the same code runs natively and as WebAssembly, and why equal inputs
//! give byte-equal plans on every target.
//!
//! The modules depend on one another in one direction only:
//! [`base`] ← [`effect`] ← { [`persona`], [`fleet`], [`workflow`] }.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod base;
pub mod effect;
pub mod fleet;
pub mod persona;
pub mod workflow;
