//! The WebAssembly shell over `plan-core`: one exported function per public operation
//! and no logic. It exports nothing yet; that it builds for wasm32 is what it proves.

pub use plan_core as core;
