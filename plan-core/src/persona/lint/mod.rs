//! Lints: what is allowed and still looks like a mistake.

pub mod catalog;
mod scopes;
mod triggers;

pub use scopes::{ScopeIssue, lint_scopes};
pub use triggers::{TriggerIssue, TriggerLintError, lint_triggers};
