//! Live runs that want the same files: a run that would write just what a live one has
//! written takes a share in it, and whoever ends last puts the original back.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use plan_core::base::path::join;
use plan_core::effect::{
    Action, ActionKind, ActionList, ActionState, ActionStatus, RemoveTrees, RunState, RunStatus,
    Undo, describe_action,
};

use super::handler::would_write;
use super::obscure::Obscure;
use super::options::ApplyOptions;
use super::recover::{is_over, overlap};
use crate::error::{ExecError, IoResultExt as _};
use crate::journal;
use crate::os::dir::Dir;
use crate::os::fs::resolve;
use crate::state::{Found, RunId, StateHome};

/// An action of a new run that a live run has done already.
#[derive(Debug, Clone)]
struct Share {
    path: String,
    run: RunId,
    action: u64,
}

/// What a new run shares with live ones, by the number of its own action.
#[derive(Debug, Default)]
pub(crate) struct Shares(BTreeMap<u32, Share>);

/// How a new run fits to a live one.
pub(crate) enum Fit {
    /// They share what they both touch, or touch nothing that both want.
    Together,
    /// The live run is not as far yet that this can be told.
    NotYet,
    /// They exclude each other.
    Never,
}

impl Shares {
    /// Finds out how a new run fits to a live one, and notes what they share.
    pub(crate) fn fit(
        &mut self,
        actions: &ActionList,
        (id, dir): (&RunId, &Dir),
        options: &ApplyOptions<'_>,
    ) -> Result<Fit, ExecError> {
        let Some(journal) = journal::read(dir)? else {
            return Ok(Fit::Together);
        };
        if matches!(
            journal.state.status(),
            RunStatus::New | RunStatus::Applying | RunStatus::Undoing
        ) {
            return Ok(Fit::NotYet);
        }
        let blobs = blobs(dir);
        let mut left: Vec<&ActionState> = standing(&journal.state).collect();
        for action in actions.iter() {
            let wanted = paths(&action.kind);
            let concerned = |theirs: &&ActionState| {
                let theirs = theirs.announced.undo.paths();
                theirs
                    .iter()
                    .any(|path| wanted.iter().any(|own| overlap(own, path)))
            };
            let Some(place) = left.iter().position(concerned) else {
                continue;
            };
            // Actions on one path match in order.
            let theirs = left.remove(place);
            if !is_same(action, theirs, blobs.as_ref(), options)? {
                return Ok(Fit::Never);
            }
            self.0.entry(action.id).or_insert_with(|| Share {
                path: wanted.first().cloned().unwrap_or_default(),
                run: id.clone(),
                action: theirs.announced.id,
            });
        }
        // What they wrote over again and we did not would come out differently.
        let ours: Vec<String> = actions.iter().flat_map(|own| paths(&own.kind)).collect();
        let is_left = |theirs: &&ActionState| {
            let theirs = theirs.announced.undo.paths();
            theirs
                .iter()
                .any(|path| ours.iter().any(|own| overlap(own, path)))
        };
        Ok(if left.iter().any(is_left) {
            Fit::Never
        } else {
            Fit::Together
        })
    }

    /// Returns how many actions are shared.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts the shares first and leaves the actions out that they stand for.
    pub(crate) fn rewrite(&self, actions: &ActionList) -> ActionList {
        let mut list = ActionList::new();
        for action in actions.iter() {
            if let Some(Share {
                path,
                run,
                action: number,
            }) = self.0.get(&action.id)
            {
                let kind = ActionKind::Share {
                    path: path.clone(),
                    run: run.to_string(),
                    action: *number,
                };
                list.push(action.phase, kind);
            }
        }
        for action in actions.iter() {
            if !self.0.contains_key(&action.id) {
                list.push(action.phase, action.kind.clone());
            }
        }
        list
    }
}

fn blobs(dir: &Dir) -> Option<Dir> {
    dir.child(OsStr::new(crate::state::BLOBS)).ok()
}

/// The paths that an action claims; directories are shared anyway.
pub(crate) fn paths(kind: &ActionKind) -> Vec<String> {
    match kind {
        ActionKind::MakeDir { .. } => Vec::new(),
        ActionKind::RunCommand { cwd, creates, .. } => {
            creates.iter().map(|path| join(cwd, path)).collect()
        }
        kind => vec![kind.path().to_owned()],
    }
}

/// The actions of a run whose effects stand and that can be shared at all.
fn standing(state: &RunState) -> impl Iterator<Item = &ActionState> {
    let actions = state.actions().iter();
    actions.filter(|action| {
        action.status != ActionStatus::Undone
            && !matches!(
                action.announced.undo,
                Undo::Nothing(_) | Undo::RemoveDirs(_)
            )
    })
}

fn is_same(
    own: &Action,
    theirs: &ActionState,
    blobs: Option<&Dir>,
    options: &ApplyOptions<'_>,
) -> Result<bool, ExecError> {
    let (ActionStatus::Done, Some(blobs)) = (theirs.status, blobs) else {
        return Ok(false);
    };
    match (&own.kind, &theirs.announced.undo) {
        (ActionKind::WriteFile { path, .. }, Undo::PutBack(undo)) if *path == undo.path => {
            let would = would_write(&own.kind, options, &undo.original, blobs)?;
            Ok(would.is_some() && would == undo.written.digest)
        }
        (ActionKind::RunCommand { .. }, Undo::RemoveTrees(RemoveTrees { paths, existed, .. })) => {
            let mut theirs_too: Vec<&String> = paths.iter().chain(existed).collect();
            let mut wanted = self::paths(&own.kind);
            theirs_too.sort();
            wanted.sort();
            Ok(theirs.announced.line == describe_action(&own.kind)
                && theirs_too.into_iter().eq(wanted.iter()))
        }
        _ => Ok(false),
    }
}

/// What other live runs did, each with its run.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    undos: Vec<(String, Undo)>,
    paths: Vec<String>,
    /// Runs of which nobody knows what they did.
    obscure: Vec<Obscure>,
}

impl Claims {
    /// Looks at every other run; the caller holds the gate, so that none of them ends
    /// meanwhile.
    pub(crate) fn collect(state: &StateHome, own: &RunId) -> Result<Self, ExecError> {
        let mut claims = Self::default();
        for id in state.run_ids()? {
            if id == *own {
                continue;
            }
            let (lives, dir) = match state.open_run(&id) {
                Ok(None) => continue,
                // One that cannot be opened must not hide what the others share.
                Err(error) => {
                    claims.obscure.extend(Obscure::look(state, &id, &error));
                    continue;
                }
                Ok(Some(Found::Theirs(_, dir))) => (true, dir),
                Ok(Some(Found::Ours(run))) => (false, run.dir.try_clone().at(run.dir.path())?),
            };
            let journal = match journal::read(&dir) {
                Ok(Some(journal)) => journal,
                Ok(None) => continue,
                Err(error) => {
                    // The dead hold nothing, whatever they did.
                    let obscure = lives.then(|| Obscure::look(state, &id, &error));
                    claims.obscure.extend(obscure.flatten());
                    continue;
                }
            };
            if is_over(journal.state.status()) {
                continue;
            }
            // What a dead run left in a directory goes when it is recovered.
            let started = journal.state.started();
            claims
                .paths
                .extend(started.iter().flat_map(|run| run.paths.clone()));
            let undos = standing(&journal.state).filter(|_| lives);
            let undos = undos.map(|action| (id.to_string(), action.announced.undo.clone()));
            claims.undos.extend(undos);
        }
        Ok(claims)
    }

    /// Knows nothing of any other run.
    pub(crate) fn unknown(state: &StateHome, error: &ExecError) -> Self {
        Self {
            obscure: vec![Obscure::all(state, error)],
            ..Self::default()
        }
    }

    /// Refuses to take back what a run may share of which nobody knows what it did.
    pub(crate) fn refuse_obscure(&self, own: &Undo) -> Result<(), ExecError> {
        let is_shareable = match own {
            Undo::PutBack(_) | Undo::RemoveTrees(_) => true,
            Undo::MoveBack(undo) => {
                // Where nothing stands nobody can have put anything.
                let path = Path::new(&undo.path);
                let place = resolve(Path::new(&undo.below), path).at(path)?;
                let there = place.map(|place| place.dir.stat(&place.name)).transpose();
                there.at(path)?.flatten().is_some()
            }
            _ => false,
        };
        if !is_shareable {
            return Ok(());
        }
        let paths: Vec<String> = own.paths().iter().map(ToString::to_string).collect();
        self.refuse_paths(&paths)
    }

    /// Refuses paths that a run may want of which nobody knows what it wants.
    pub(crate) fn refuse_paths(&self, paths: &[String]) -> Result<(), ExecError> {
        let mut obscure = self.obscure.iter().filter(|run| run.may_want(paths));
        obscure.next().map_or(Ok(()), |run| Err(run.refusal()))
    }

    /// Tells whether a run that is not over works in a directory.
    pub(crate) fn uses(&self, dir: &str) -> bool {
        let mut obscure = self.obscure.iter();
        obscure.any(|run| run.may_want(&[dir.to_owned()]))
            || self
                .paths
                .iter()
                .any(|path| Path::new(path).starts_with(dir))
    }

    /// Tells whether a run that is not over wants one of the paths.
    pub(crate) fn want(&self, paths: &[String]) -> bool {
        self.paths
            .iter()
            .any(|path| paths.iter().any(|own| overlap(own, path)))
    }

    /// Returns the run that has a share in what an undo would take back.
    pub(crate) fn sharer(&self, own: &Undo) -> Option<&str> {
        self.first(|theirs| match (own, theirs) {
            (Undo::PutBack(own), Undo::PutBack(theirs)) => {
                own.path == theirs.path
                    && own.written == theirs.written
                    && own.original.digest == theirs.original.digest
            }
            (Undo::RemoveTrees(own), Undo::RemoveTrees(theirs)) => {
                own.below == theirs.below && own.paths.iter().any(|p| theirs.paths.contains(p))
            }
            _ => false,
        })
    }

    /// Returns the run that took what we wrote for the original: it must be undone first.
    pub(crate) fn above(&self, own: &Undo) -> Option<&str> {
        self.first(|theirs| match (own, theirs) {
            (Undo::PutBack(own), Undo::PutBack(theirs)) => {
                own.path == theirs.path
                    && own.written.digest.is_some()
                    && own.written.digest == theirs.original.digest
            }
            _ => false,
        })
    }

    fn first(&self, holds: impl Fn(&Undo) -> bool) -> Option<&str> {
        let mut found = self.undos.iter().filter(|(_, undo)| holds(undo));
        found.next().map(|(run, _)| &**run)
    }
}
