//! Git worktrees, each a place of its own for one piece of work. The module knows nothing of
//! who works there: runs, calls and attempts are names that the caller gives.
//!
//! A tree lies outside of the repository, in the state home:
//! `worktrees/<repository>/<run>/<call>-<n>`, with a record (`….json`) and a lock (`….lock`)
//! beside it. It has a branch of its own, `callsheet/<run>/<call>-<n>`. The lock is held as
//! long as a [`Tree`] lives, and by every git that works for it: so what a dead process left
//! behind can be told from what somebody uses, even while a git still outlives its parent.
//!
//! Git's list of worktrees is changed by one process at a time, behind the lock
//! `callsheet.lock` in the repository; files are written and removed outside of it. What was
//! not committed or merged is saved as `refs/callsheet/salvage/<run>/<call>-<n>` before a
//! tree goes.
//!
//! From the second tree of a commit on, the files are copied from a template, `.base-…`,
//! which a process makes for itself and which goes with it.
//!
//! Everything else that changes something is done by the git program.

mod create;
mod faults;
mod git;
mod index;
mod merge;
mod name;
mod reconcile;
mod record;
mod remove;
mod repo;
mod store;
mod template;
mod tree;

#[cfg(test)]
mod tests;

pub use create::{Isolation, Place, Spec, Trees};
pub use merge::{MergeSpec, Merged, Verify};
pub use name::Name;
pub use reconcile::{Fate, Finding, Swept};
pub use record::{Record, Stage};
pub use remove::{End, Removed};
pub use repo::{CommitId, Repo};
pub use tree::Tree;
