//! What a command is about to do with seats, for another one to finish: the file stands from
//! the moment in which the fleet's files are as they should be until its seats are.

use plan_core::base::diag::Path;
use plan_core::base::json::{print, read};
use plan_core::base::record::Scan as _;
use plan_core::fleet::plan::{Aim, FleetPlan};

use super::home::Home;
use super::write::Change;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::fs;

/// The file, below the home.
pub const PENDING: &str = "fleet/run/apply.json";

/// The change that announces what a plan does with seats; nothing if it does nothing.
///
/// # Errors
/// The file cannot be read.
pub(super) fn announce(home: &Home, plan: &FleetPlan) -> Result<Option<Change>, ExecError> {
    if plan.actions.iter().all(|action| action.path.is_some()) {
        return Ok(None);
    }
    Ok(Some(Change {
        path: PENDING.to_owned(),
        content: Some(print(&plan.aim)),
        before: home.digest(PENDING)?,
        private: false,
    }))
}

/// Forgets what was announced.
///
/// # Errors
/// The file cannot be removed.
pub(super) fn done(home: &Home) -> Result<(), ExecError> {
    let path = home.path(PENDING);
    fs::remove_if_there(&path).at(&path).map(drop)
}

/// Returns what a command that was killed aimed at.
///
/// # Errors
/// The file cannot be read, or is none of ours.
pub fn left(home: &Home) -> Result<Option<Aim>, ExecError> {
    let Some(stored) = home.read(PENDING)? else {
        return Ok(None);
    };
    let broken = |why: String| {
        let error = ExecError::new(ExecErrorKind::Failed, "it does not say what was begun");
        error
            .at(home.path(PENDING))
            .because(why)
            .hint("remove it, and call `callsheet fleet up`")
    };
    let value = read(&stored.text).map_err(|error| broken(error.to_string()))?;
    let aim = Aim::scan(&value, &Path::root("aim"));
    aim.map(Some).map_err(|problem| broken(problem.to_string()))
}
