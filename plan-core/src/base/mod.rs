//! The shared bottom layer: JSON, text rules, paths, digests, diagnostics and
//! editions. It imports nothing of ours.

pub mod canonical;
pub mod code;
pub mod diag;
pub mod digest;
pub mod edition;
pub mod frame;
pub mod map;
pub mod path;
pub mod record;
pub mod secret;
pub(crate) mod tagged;
pub mod text;
pub mod toml;
pub mod yaml;

pub use plan_json as json;
pub use plan_json::sort;
