//! Calls that are kept apart: each works in a tree of its own, from the commit that the run
//! began with. What it did is committed to the tree's branch; what was broken off is saved.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plan_core::workflow::policy::{ISOLATION_FAILED, SCRIPT_VALIDATION_ERROR};
use plan_core::workflow::record::{Outcome, RunRecord};

use crate::error::{ExecError, ExecErrorKind};
use crate::state::StateHome;
use crate::worktree::{
    CommitId, End, Fate, Finding, Isolation, Place, Removed, Repo, Spec, Tree, Trees,
};

/// Where the calls of a run can be kept apart, or why they cannot.
#[derive(Debug)]
pub struct Rooms {
    trees: Result<(Trees, CommitId), String>,
    /// The workspace below the top of its repository.
    below: PathBuf,
    run: String,
}

/// What stays of a call that was kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// The tree behind it.
    pub tree: Option<String>,
    /// What holds its work: its branch, or where the work was saved when the tree went.
    pub refs: Vec<String>,
}

impl Rooms {
    /// Looks at the workspace of a run. One without a repository is no error until a call
    /// wants to be kept apart.
    pub fn open(state: &StateHome, cwd: &Path, run: &str, epoch: u64, base: Option<&str>) -> Self {
        let opened = Repo::open(cwd).and_then(|repo| {
            let top = repo.top().map(Path::to_owned).unwrap_or_default();
            // The commit is pinned: what the user commits meanwhile changes nothing.
            let base = match base.and_then(CommitId::parse) {
                Some(base) => base,
                None => repo.resolve("HEAD")?,
            };
            Ok((Trees::new(repo, state, run, epoch)?, base, top))
        });
        match opened {
            Ok((trees, base, top)) => Self {
                trees: Ok((trees, base)),
                below: cwd
                    .strip_prefix(&top)
                    .map(Path::to_owned)
                    .unwrap_or_default(),
                run: run.to_owned(),
            },
            Err(error) => Self {
                trees: Err(error.chain()),
                below: PathBuf::new(),
                run: run.to_owned(),
            },
        }
    }

    /// Returns the commit that calls begin with.
    pub fn base(&self) -> Option<&str> {
        let (_, base) = self.trees.as_ref().ok()?;
        Some(base.as_str())
    }

    /// Says why no call can be kept apart; `None` when calls can.
    pub fn refusal(&self) -> Option<Outcome> {
        let problem = self.trees.as_ref().err()?;
        let message = format!("the call cannot be kept apart: {problem}");
        Some(Outcome::error(ISOLATION_FAILED, message, false))
    }

    /// Returns the trees, and the commit that calls begin with.
    ///
    /// # Errors
    /// The workspace is in no repository, or it cannot be used.
    pub fn trees(&self) -> Result<(&Trees, &CommitId), ExecError> {
        match &self.trees {
            Ok((trees, base)) => Ok((trees, base)),
            Err(problem) => Err(ExecError::new(ExecErrorKind::Isolation, problem.clone())),
        }
    }

    fn refused(&self) -> Outcome {
        self.refusal().unwrap_or_else(|| {
            Outcome::error(ISOLATION_FAILED, "the call cannot be kept apart", false)
        })
    }

    fn find(&self, base: &str) -> Result<CommitId, Outcome> {
        let Ok((trees, _)) = &self.trees else {
            return Err(self.refused());
        };
        trees.repo().resolve(base).map_err(|error| {
            let message = format!("agent() option base: {}", error.chain());
            Outcome::error(SCRIPT_VALIDATION_ERROR, message, false)
        })
    }

    /// Finds the commit that a call names as its base.
    ///
    /// # Errors
    /// There is none.
    pub fn commit(&self, base: &str) -> Result<String, Outcome> {
        self.find(base).map(|id| id.as_str().to_owned())
    }

    /// Makes a tree for an attempt at a call; it begins with `base`, else with the run's.
    ///
    /// # Errors
    /// The workspace is in no repository, or the tree cannot be made.
    pub fn take(
        &self,
        call: &str,
        label: &str,
        how: Isolation,
        base: Option<&str>,
    ) -> Result<Room, Outcome> {
        let Ok((trees, usual)) = &self.trees else {
            return Err(self.refused());
        };
        let named = base.map(|base| self.find(base)).transpose()?;
        let base = named.as_ref().unwrap_or(usual);
        let made = trees.next_attempt(call).and_then(|attempt| {
            let spec = Spec {
                call,
                attempt,
                label,
                base,
                isolation: how,
                place: Place::Outside,
            };
            trees.create(&spec, &mut |_| Ok(()))
        });
        let failed = |error: ExecError| {
            let message = format!("the call cannot be kept apart: {}", error.chain());
            Outcome::error(ISOLATION_FAILED, message, false)
        };
        made.map(|tree| Room {
            cwd: tree.path().join(&self.below),
            base: base.clone(),
            tree,
        })
        .map_err(failed)
    }

    /// Saves and clears away what executions that died left half done; returns what there is
    /// to tell.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn settle(&self, records: &[RunRecord]) -> Result<Vec<String>, ExecError> {
        let Ok((trees, _)) = &self.trees else {
            return Ok(Vec::new());
        };
        let kept: BTreeSet<&str> = records
            .iter()
            .filter_map(|record| match record {
                RunRecord::Settled(settled) => Some(&settled.refs),
                _ => None,
            })
            .flatten()
            .map(String::as_str)
            .collect();
        let found = trees.reconcile(&mut |record| {
            let ours = record.run == self.run;
            let settled = record
                .branch
                .as_deref()
                .is_some_and(|branch| kept.contains(branch));
            if ours && !settled {
                return Fate::Unfinished;
            }
            // What a call made, or another run's, is not ours to judge.
            Fate::Live
        })?;
        let told = found.into_iter().filter_map(|finding| match finding {
            Finding::Abandoned {
                record,
                salvage: Some(salvage),
                ..
            } => Some(format!(
                "what `{}` had done is kept in {salvage}",
                record.label
            )),
            Finding::Failed { record, problem } => {
                let path = record.path.display().to_string();
                Some(format!("{path} could not be cleared away: {problem}"))
            }
            _ => None,
        });
        Ok(told.collect())
    }
}

/// A tree that a call works in.
#[derive(Debug)]
pub struct Room {
    /// Where it works.
    pub cwd: PathBuf,
    base: CommitId,
    tree: Tree,
}

impl Room {
    /// Keeps what a call did: it is committed to the tree's branch. A tree in which nothing
    /// was done goes.
    ///
    /// # Errors
    /// Something cannot be read, written or removed.
    pub fn keep(self, label: &str, call: &str, stays: bool) -> Result<Left, ExecError> {
        let message = format!("{label}\n");
        let trailers = [("Callsheet-Call", call)];
        self.tree.commit_all(&message, &trailers)?;
        let head = self.tree.head()?;
        let tree = self.tree.tree_id()?;
        let changed = head.as_ref() != Some(&self.base);
        let branch = self.tree.record().branch.clone();
        // A clone's branch is in the clone alone; its work is wanted in the repository.
        let brought = match self.tree.record().isolation {
            Isolation::Clone if changed => {
                self.tree.bring()?;
                Some(self.tree.record().name().result())
            }
            _ => None,
        };
        let end = if stays && changed {
            End::Keep
        } else {
            End::Remove
        };
        let holds = match self.tree.remove(end)? {
            Removed::Gone { salvage } => salvage,
            Removed::Kept | Removed::Held { .. } => branch.filter(|_| changed),
        };
        Ok(Left {
            tree: Some(tree),
            refs: brought.into_iter().chain(holds).collect(),
        })
    }

    /// Saves what a call had done that was broken off or failed, and removes the tree.
    ///
    /// # Errors
    /// Something cannot be saved or removed; then it stays.
    pub fn give_up(self) -> Result<Option<String>, ExecError> {
        let saved = self.tree.salvage()?;
        match self.tree.remove(End::Remove)? {
            Removed::Gone { salvage } => Ok(saved.or(salvage)),
            Removed::Kept | Removed::Held { .. } => Ok(saved),
        }
    }
}

/// How a call wants to be kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How.
    pub how: Isolation,
    /// Whether it works in the shared tree when that cannot be.
    pub prefers: bool,
}

impl Wanted {
    /// Reads a call's option.
    pub fn of(word: Option<&str>) -> Option<Self> {
        let (how, prefers) = match word? {
            "worktree" => (Isolation::Worktree, false),
            "clone" => (Isolation::Clone, false),
            "prefer" => (Isolation::Worktree, true),
            _ => return None,
        };
        Some(Self { how, prefers })
    }

    /// Tells whether the call works in the shared tree because nothing else is possible.
    pub fn gives_way(self, rooms: &Rooms) -> bool {
        self.prefers && rooms.refusal().is_some()
    }
}
