//! Clearing away what ended runs left for people: logs of failures, backups of committed
//! runs, places of interrupted installers, damaged runs. Work that nobody has looked at is never among it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::effect::RunStatus;

use super::undo::keeps_work;
use crate::error::ExecError;
use crate::journal;
use crate::os::clock;
use crate::os::fs::is_dir;
use crate::os::walk::text_of;
use crate::state::{Found, RunDir, StateHome};

/// What is cleared away.
#[derive(Debug, Clone, Copy)]
pub struct GcOptions {
    /// How old a run must be.
    pub older_than: Duration,
    /// Whether runs that recovery set aside go too.
    pub damaged: bool,
    /// Whether it is only said what would go.
    pub dry_run: bool,
}

/// What became of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared {
    /// The directory.
    pub dir: PathBuf,
    /// What it held.
    pub what: &'static str,
    /// Whether it is gone, or would be.
    pub removed: bool,
}

/// Clears away what old runs left.
///
/// # Errors
/// The state home cannot be read or changed.
pub fn gc(state: &StateHome, options: &GcOptions) -> Result<Vec<Cleared>, ExecError> {
    let _gate = state.gate()?;
    if !options.dry_run {
        state.sweep()?;
    }
    let mut cleared = Vec::new();
    for id in state.run_ids()? {
        match state.open_run(&id) {
            Ok(Some(Found::Ours(run))) => cleared.extend(clear(&run, options)?),
            Ok(_) => {}
            // Somebody may hold it; `recover` says what to do.
            Err(_) => cleared.push(Cleared {
                dir: state.run_path(&id),
                what: "a run that cannot be opened",
                removed: false,
            }),
        }
    }
    if options.damaged {
        for dir in state.damaged()? {
            cleared.push(Cleared {
                dir: dir.path(),
                what: "a damaged run",
                removed: true,
            });
            if !options.dry_run {
                dir.remove()?;
            }
        }
    }
    Ok(cleared)
}

/// Clears away the backups of all but the latest committed runs of one directory whose label
/// begins in one way: whoever commits there again and again keeps a bounded past.
///
/// # Errors
/// The state home cannot be read or changed.
pub fn keep_latest(
    state: &StateHome,
    cwd: &Path,
    label: &str,
    count: usize,
) -> Result<(), ExecError> {
    let cwd = text_of(cwd);
    let _gate = state.gate()?;
    let mut committed = Vec::new();
    for id in state.run_ids()? {
        // What cannot be opened or read is for `recover`.
        let Ok(Some(Found::Ours(run))) = state.open_run(&id) else {
            continue;
        };
        let Ok(Some(journal)) = journal::read(&run.dir) else {
            continue;
        };
        let meant = journal.state.started().is_some_and(|run| {
            let named = run.label.as_ref();
            run.cwd == cwd && named.is_some_and(|named| named.starts_with(label))
        });
        if meant && journal.state.status() == RunStatus::Committed {
            committed.push(run);
        }
    }
    // Ids tell the order of time.
    let old = committed.len().saturating_sub(count);
    for run in committed.into_iter().take(old) {
        run.remove()?;
    }
    Ok(())
}

fn clear(run: &RunDir, options: &GcOptions) -> Result<Option<Cleared>, ExecError> {
    // A damaged journal is for `recover`.
    let Ok(Some(journal)) = journal::read(&run.dir) else {
        return Ok(None);
    };
    let what = match journal.state.status() {
        RunStatus::Closed if keeps_work(&journal.state) => "unsaved changes",
        RunStatus::Closed if is_dir(&run.reverted()) => "changes that were reverted",
        RunStatus::Closed if is_dir(&run.interrupted()) => "what an interrupted installer left",
        RunStatus::Closed if is_dir(&run.replaced()) => "what installed skills replaced",
        RunStatus::Closed => "the log of a failure",
        RunStatus::Committed => "the backups of applied changes",
        // It lives, or recovery takes it back.
        RunStatus::New | RunStatus::Applying | RunStatus::Ready | RunStatus::Undoing => {
            return Ok(None);
        }
    };
    let started = journal.state.started().map_or(0, |run| run.started_ms);
    let age = Duration::from_millis(clock::now_ms().saturating_sub(started));
    let removed = what != "unsaved changes" && age >= options.older_than;
    if removed && !options.dry_run {
        run.remove()?;
    }
    Ok(Some(Cleared {
        dir: run.dir.path().to_owned(),
        what,
        removed,
    }))
}
