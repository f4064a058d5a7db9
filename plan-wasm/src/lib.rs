//! The WebAssembly shell over plan-core.
