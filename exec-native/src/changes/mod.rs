//! Results on purpose: what was done in a run's view, bringing it into the project, or
//! giving it up. Nothing of a view reaches the project in any other way.

mod applied;
mod bring;
mod decide;
mod generated;
mod git;
mod guard;
mod inward;
mod live;
mod note;
mod revert;
mod scan;
mod set;
mod upper;
mod view;

pub(crate) use bring::unsaved;
pub use bring::{ApplyChanges, BroughtBack, Discarded, apply_changes, changes, discard_changes};
pub use decide::{Conflict, Conflicts};
pub use git::Commit;
pub use live::{Live, LiveOptions, LiveReport};
pub(crate) use note::ViewNote;
pub use revert::revert;
pub use scan::Blocked;
pub use set::{Change, ChangeKind, ChangeSet};

#[cfg(test)]
mod tests;
