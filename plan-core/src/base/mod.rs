//! The shared bottom layer: JSON, text rules, paths, digests, diagnostics and
//! editions. It imports nothing of ours.

pub mod code;
pub mod diag;
pub mod digest;
pub mod edition;
pub mod json;
pub mod path;
pub mod record;
pub mod secret;
pub mod sort;
pub mod text;
pub mod toml;
pub mod yaml;
