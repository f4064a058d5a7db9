//! Views of a project: which one a run gets, and the layer that a namespace of its own
//! keeps over the project.

pub(crate) mod choose;
pub(crate) mod dotfiles;
pub(crate) mod enter;
pub(crate) mod find;
pub(crate) mod git;
pub(crate) mod keeper;
pub(crate) mod layer;
pub(crate) mod patterns;

pub use choose::{Chosen, Enforcement, ViewChoice};
