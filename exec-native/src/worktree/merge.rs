//! Bringing work together: one merge into a branch at a time, in a tree of its own at the
//! branch's tip; looked at there; then the branch moves, if it still stands where it stood.
//!
//! A branch that somebody has checked out is never moved: its files would seem changed. The
//! merge waits as `refs/callsheet/merged/<run>/<branch>` then, and the next one builds upon
//! it; the user takes it over with `git merge --ff-only`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::create::{Isolation, Place, Spec, Trees};
use super::faults::step;
use super::git::{Call, RefusalExt as _, split_zero};
use super::name::{Name, short};
use super::record::Record;
use super::remove::finish;
use super::repo::{CommitId, Repo};
use super::tree::{Tree, with_trailers};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::{Deadline, rest};
use crate::os::lock::Lock;

/// How often a merge begins again because the branch moved.
const ROUNDS: u32 = 3;
const POLL: Duration = Duration::from_millis(20);

/// What is merged.
#[derive(Debug, Clone)]
pub struct MergeSpec<'s> {
    /// The call; any text that no other call of the run has.
    pub call: &'s str,
    /// The branch that gets the work, with or without `refs/heads/`.
    pub target: &'s str,
    /// The work.
    pub from: &'s CommitId,
    /// The message of the commit.
    pub message: &'s str,
    /// Lines at the end of the message.
    pub trailers: &'s [(&'s str, &'s str)],
    /// How long to wait for others who merge into the same branch.
    pub wait: Duration,
}

/// What came of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merged {
    /// The branch has the work already.
    Already,
    /// The branch has moved.
    Done {
        /// Where it is now.
        commit: CommitId,
    },
    /// The branch is checked out and stays; the merge waits under a name of ours.
    Waiting {
        /// The merge.
        commit: CommitId,
        /// Its name.
        reference: String,
        /// Where the branch is checked out.
        at: PathBuf,
    },
    /// Both sides changed the same.
    Conflict {
        /// The files, below the top.
        files: Vec<String>,
    },
    /// Who looked at it said no.
    Rejected {
        /// Why.
        problem: String,
    },
    /// The branch moved each time while the merge was looked at.
    Moved,
}

/// Where a merge starts and what it brings together.
struct Course {
    tip: CommitId,
    start: CommitId,
    waiting: Option<CommitId>,
    sides: Vec<CommitId>,
}

/// Looks at a merge in its tree; answers with a problem, if there is one.
pub type Verify<'v> = dyn FnMut(&Path) -> Result<Option<String>, ExecError> + 'v;

impl Trees {
    /// Returns the branch in which the work of the run comes together when nobody names one;
    /// it begins with `base`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn gathering(&self, base: &CommitId) -> Result<String, ExecError> {
        let run = Name::new(self.run(), "", 0).run().to_owned();
        let branch = format!("callsheet/{run}/merged");
        let target = format!("refs/heads/{branch}");
        let repo = self.repo();
        let held = repo.hold("merge")?;
        if repo.reference(&target)?.is_none() {
            let made = repo.create_reference(&held, &target, base);
            made.map_err(|refusal| {
                refusal.into_error(ExecErrorKind::Failed, "the branch cannot be made")
            })?;
        }
        Ok(branch)
    }

    /// Merges work into a branch. `reserved` is called with each tree before it exists;
    /// `verify` with the directory in which the merge was made.
    ///
    /// # Errors
    /// The branch or the work does not exist, others merge for too long, or git fails. The
    /// branch stands where it stood.
    pub fn merge(
        &self,
        spec: &MergeSpec<'_>,
        reserved: &mut dyn FnMut(&Record) -> Result<(), ExecError>,
        verify: &mut Verify<'_>,
    ) -> Result<Merged, ExecError> {
        let branch = spec
            .target
            .strip_prefix("refs/heads/")
            .unwrap_or(spec.target);
        let target = format!("refs/heads/{branch}");
        let _turn = self.wait_for_turn(&target, spec.wait)?;
        // The run counts by its name alone here.
        let run = Name::new(self.run(), spec.call, 0).run().to_owned();
        let aside = format!("refs/callsheet/merged/{run}/{branch}");
        for _ in 0..ROUNDS {
            let course = self.course(&target, &aside, spec.from)?;
            if course.sides.is_empty() {
                return self.nothing_to_merge(&target, &aside, &course);
            }
            let call = format!("merge {} {}", short(&target, 16), spec.call);
            let place = Spec {
                call: &call,
                attempt: self.next_attempt(&call)?,
                label: spec.message.lines().next().unwrap_or_default(),
                base: &course.start,
                isolation: Isolation::Worktree,
                place: Place::Outside,
            };
            let tree = self.make(&place, None, reserved)?;
            step("merge tree");
            let merged = merge_in(&tree, &course, spec, verify);
            let outcome = match merged {
                Ok(Ok(commit)) => self.publish(&target, &aside, &course, commit),
                Ok(Err(outcome)) => Ok(Some(outcome)),
                Err(error) => Err(error),
            };
            step("published");
            let gone = finish(&tree.shop, &tree.record).and_then(|()| tree.shelf.clear());
            tree.shop.store.forget_run(&run);
            if let Some(outcome) = outcome? {
                // A tree that stays is on record; the branch has moved all the same.
                return Ok(outcome);
            }
            gone?;
        }
        Ok(Merged::Moved)
    }

    fn wait_for_turn(&self, target: &str, wait: Duration) -> Result<Lock, ExecError> {
        let deadline = Deadline::after(Some(wait));
        loop {
            if let Some(lock) = self.shop.store.queue(target)? {
                return Ok(lock);
            }
            if deadline.is_over() {
                let message = format!("somebody else merges into {target}");
                return Err(ExecError::new(ExecErrorKind::Busy, message)
                    .hint("try again later, or wait longer"));
            }
            rest(POLL);
        }
    }

    /// Finds out where to start and what to merge.
    fn course(&self, target: &str, aside: &str, from: &CommitId) -> Result<Course, ExecError> {
        let repo = self.repo();
        let usage = |message: String| ExecError::new(ExecErrorKind::Usage, message);
        let tip = repo.reference(target)?;
        let tip = tip.ok_or_else(|| usage(format!("there is no branch {target}")))?;
        if repo
            .call()
            .look(&["cat-file", "-e", from.as_str()])
            .is_err()
        {
            let hint = "bring the result of a clone into the repository first";
            return Err(usage(format!("the repository has no commit {from}")).hint(hint));
        }
        let waiting = repo.reference(aside)?;
        let mut start = tip.clone();
        let mut sides = Vec::new();
        if let Some(waiting) = &waiting
            && !is_ancestor(repo, waiting, &tip)?
        {
            if is_ancestor(repo, &tip, waiting)? {
                start = waiting.clone();
            } else {
                // Both went on since.
                sides.push(waiting.clone());
            }
        }
        if !is_ancestor(repo, from, &start)? {
            sides.push(from.clone());
        }
        Ok(Course {
            tip,
            start,
            waiting,
            sides,
        })
    }

    fn nothing_to_merge(
        &self,
        target: &str,
        aside: &str,
        course: &Course,
    ) -> Result<Merged, ExecError> {
        if course.start == course.tip {
            return Ok(Merged::Already);
        }
        let outcome = self.publish(target, aside, course, course.start.clone())?;
        Ok(outcome.unwrap_or(Merged::Moved))
    }

    /// Moves the branch; `None` when it has moved meanwhile.
    fn publish(
        &self,
        target: &str,
        aside: &str,
        course: &Course,
        commit: CommitId,
    ) -> Result<Option<Merged>, ExecError> {
        let repo = self.repo();
        let held = repo.hold("merge")?;
        let call = repo.call().holding(&held.lock);
        let used = repo.checked_out()?;
        let used = used.into_iter().find(|(_, branch)| branch == target);
        let (name, old) = match &used {
            Some(_) => (aside, course.waiting.as_ref()),
            None => (target, Some(&course.tip)),
        };
        if repo.reference(target)?.as_ref() != Some(&course.tip) {
            return Ok(None);
        }
        let old_id = old.map_or("", CommitId::as_str);
        let args = [
            "update-ref",
            "-m",
            "callsheet: merge",
            name,
            commit.as_str(),
            old_id,
        ];
        if let Err(refusal) = call.run(&args) {
            if repo.reference(name)?.as_ref() != old {
                return Ok(None);
            }
            return Err(refusal.into_error(ExecErrorKind::Failed, "the branch cannot be moved"));
        }
        let Some((at, _)) = used else {
            // What waited is part of the branch now.
            if let Some(waiting) = &course.waiting {
                repo.delete_reference(&held, aside, waiting)?;
            }
            return Ok(Some(Merged::Done { commit }));
        };
        Ok(Some(Merged::Waiting {
            commit,
            reference: aside.to_owned(),
            at,
        }))
    }
}

/// Merges in a tree and has it looked at; the inner error is an outcome.
fn merge_in(
    tree: &Tree,
    course: &Course,
    spec: &MergeSpec<'_>,
    verify: &mut Verify<'_>,
) -> Result<Result<CommitId, Merged>, ExecError> {
    let message = with_trailers(spec.message, spec.trailers);
    let call = Call::within(&tree.files).holding(&tree.lock).fetching();
    for side in &course.sides {
        let args = [
            "-c",
            "rerere.enabled=false",
            "merge",
            "--quiet",
            "--no-ff",
            "--no-stat",
            "--no-edit",
            "--no-verify",
            "-m",
            &message,
            side.as_str(),
        ];
        let Err(refusal) = call.run(&args) else {
            continue;
        };
        let listed = call.run(&["diff", "--name-only", "--diff-filter=U", "-z"]);
        let listed = listed.or_failed("the conflict cannot be read")?;
        let files = split_zero(&listed).map(|name| String::from_utf8_lossy(name).into_owned());
        let files: Vec<String> = files.collect();
        if files.is_empty() {
            let error = refusal.into_error(ExecErrorKind::Failed, "the merge cannot be made");
            return Err(error.at(tree.path()));
        }
        return Ok(Err(Merged::Conflict { files }));
    }
    let lost = || ExecError::new(ExecErrorKind::Internal, "a merge without a commit");
    let commit = tree.head()?.ok_or_else(lost)?;
    step("merged");
    Ok(match verify(tree.path())? {
        Some(problem) => Err(Merged::Rejected { problem }),
        None => Ok(commit),
    })
}

fn is_ancestor(repo: &Repo, one: &CommitId, other: &CommitId) -> Result<bool, ExecError> {
    let args = ["merge-base", "--is-ancestor", one.as_str(), other.as_str()];
    match repo.call().look(&args) {
        Ok(_) => Ok(true),
        Err(refusal) if refusal.code == Some(1) => Ok(false),
        Err(refusal) => {
            Err(refusal.into_error(ExecErrorKind::Failed, "the history cannot be read"))
        }
    }
}
