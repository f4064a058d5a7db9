//! A strict part of YAML 1.2: what people write by hand in profiles and rosters.
//!
//! One document; no anchors, aliases, tags or merge keys; no key twice; plain scalars by
//! the core schema. Every node knows where it stands, so that a diagnostic names line and
//! column and an edit touches nothing else. The events come from `saphyr-parser`; the
//! emitter's bytes are those of the `yaml` package of JavaScript.

mod emit;
mod patch;
mod read;
mod scalar;
mod tree;

pub use emit::{Block, emit, emit_scalar};
pub use patch::{Patch, PatchError};
pub use read::{Limits, read};
pub use scalar::{Scalar, resolve_plain};
pub use tree::{Content, Entry, Node, Span, Style};

#[cfg(test)]
mod tests;
