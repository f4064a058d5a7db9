//! Views of a project: what they hide and protect, and the git data they get.

pub(crate) mod git;
pub(crate) mod patterns;
