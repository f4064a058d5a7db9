//! What dead processes left behind: what is ours and ended goes, what is ours and did not end
//! is saved, what nobody knows is reported.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use super::create::Trees;
use super::git::RefusalExt as _;
use super::name::{BRANCHES, Name, is_ours};
use super::record::{Record, Stage};
use super::remove::{End, Removed, admins, files_of, is_locked_by_us, repair, unmake};
use super::store::{GONE, Shelf, Store};
use super::template;
use super::tree::Tree;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::Kind;
use crate::os::tree;

/// What a journal says about a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: it is reported and stays.
    Unknown,
    /// Somebody may still want it as it is.
    Live,
    /// Its call began and did not end. What is in it is saved, then it goes.
    Unfinished,
    /// Its call has ended, and this was to become of it.
    Final(End),
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No journal and no record knows it; it was left alone.
    Unknown {
        /// A branch, or the path of a tree.
        what: String,
    },
    /// A process that lives works with it.
    InUse(Record),
    /// It was being made when its process died; nothing of it is left.
    Unmade(Record),
    /// Its call did not end.
    Abandoned {
        /// The tree.
        record: Record,
        /// The reference that keeps what was in it.
        salvage: Option<String>,
        /// What became of it.
        removed: Removed,
    },
    /// Its call had ended, or its removal had begun.
    Ended {
        /// The tree.
        record: Record,
        /// What became of it.
        removed: Removed,
    },
    /// Git's data for a worktree of ours that was written by half and kept git from working.
    Repaired {
        /// Where it was.
        path: PathBuf,
    },
    /// Something could not be done; it is tried again next time.
    Failed {
        /// The tree.
        record: Record,
        /// What went wrong.
        problem: String,
    },
}

/// What was found, in the order of the names.
pub type Swept = Vec<Finding>;

/// What came of taking over a tree.
enum Taken {
    /// It is ours.
    Ours(Box<Tree>),
    /// A process that lives works with it.
    InUse,
    /// It is gone.
    Gone,
}

impl Trees {
    /// Opens a tree that was made earlier; `None` when there is none that is whole.
    ///
    /// # Errors
    /// A process that lives works with it, or it cannot be read.
    pub fn open(&self, call: &str, attempt: u32) -> Result<Option<Tree>, ExecError> {
        let name = Name::new(self.run(), call, attempt);
        if !self
            .shop
            .store
            .records()?
            .iter()
            .any(|record| record.name() == name)
        {
            return Ok(None);
        }
        let shelf = self.shop.store.shelf(&name)?;
        let tree = match self.take_over(shelf)? {
            Taken::Ours(tree) => *tree,
            Taken::Gone => return Ok(None),
            Taken::InUse => {
                let message = format!("somebody works with the tree {name}");
                let place = self.shop.store.place(&name);
                return Err(ExecError::new(ExecErrorKind::Busy, message).at(place));
            }
        };
        let whole = matches!(tree.record.stage, Stage::Ready | Stage::Kept);
        Ok(whole.then_some(tree))
    }

    /// Takes a tree over.
    fn take_over(&self, shelf: Shelf) -> Result<Taken, ExecError> {
        let Some(lock) = shelf.lock()? else {
            return Ok(Taken::InUse);
        };
        // It may have changed until the lock was ours.
        let Some(record) = shelf.read()? else {
            shelf.clear()?;
            return Ok(Taken::Gone);
        };
        let files = files_of(&self.shop.repo, &record)?;
        let shop = Arc::clone(&self.shop);
        Ok(Taken::Ours(Box::new(Tree::new(
            shop, shelf, record, files, lock,
        ))))
    }

    /// Goes through everything of ours in the repository, of this run and of others. `judge`
    /// says what a journal knows about a tree; trees of runs that it may not touch live.
    ///
    /// # Errors
    /// The repository or the state home cannot be read. What goes wrong with one tree is
    /// reported, and keeps nothing from the others.
    pub fn reconcile(&self, judge: &mut dyn FnMut(&Record) -> Fate) -> Result<Swept, ExecError> {
        // First what keeps git from working.
        let repaired = repair(&self.shop.repo)?.into_iter();
        let mut found: Swept = repaired.map(|path| Finding::Repaired { path }).collect();
        let records = self.shop.store.records()?;
        for record in &records {
            match self.settle(record, judge) {
                Ok(finding) => found.extend(finding),
                Err(error) => found.push(Finding::Failed {
                    record: record.clone(),
                    problem: error.chain(),
                }),
            }
        }
        self.sweep(&mut found)?;
        template::sweep(self.shop.store.root())?;
        self.find_unknown(&records, &mut found)?;
        Ok(found)
    }

    /// Does again what failed or was cut off: trees that were being made or removed.
    ///
    /// # Errors
    /// As [`Trees::reconcile`].
    pub fn gc(&self) -> Result<Swept, ExecError> {
        self.reconcile(&mut |_| Fate::Live)
    }

    fn settle(
        &self,
        record: &Record,
        judge: &mut dyn FnMut(&Record) -> Fate,
    ) -> Result<Option<Finding>, ExecError> {
        let shelf = self.shop.store.shelf(&record.name())?;
        let tree = match self.take_over(shelf)? {
            Taken::InUse => return Ok(Some(Finding::InUse(record.clone()))),
            // Gone meanwhile.
            Taken::Gone => return Ok(None),
            Taken::Ours(tree) => *tree,
        };
        let record = tree.record.clone();
        let end = match (record.stage, judge(&record)) {
            (Stage::Making, _) => {
                unmake(&self.shop.repo, &record)?;
                tree.shelf.clear()?;
                self.shop.store.forget_run(record.name().run());
                return Ok(Some(Finding::Unmade(record)));
            }
            // What had to be saved was saved, and whoever began knew what would be lost.
            (Stage::Removing, _) => End::Discard,
            (_, Fate::Unknown) => {
                let what = record.path.display().to_string();
                return Ok(Some(Finding::Unknown { what }));
            }
            (_, Fate::Live) | (Stage::Kept, Fate::Final(End::Keep)) => return Ok(None),
            (_, Fate::Unfinished) => {
                let salvage = if tree.has_files() {
                    tree.salvage()?
                } else {
                    None
                };
                let removed = tree.remove(End::Remove)?;
                return Ok(Some(Finding::Abandoned {
                    record,
                    salvage,
                    removed,
                }));
            }
            (_, Fate::Final(end)) => end,
        };
        let removed = tree.remove(end)?;
        Ok(Some(Finding::Ended { record, removed }))
    }

    /// Removes what lies in the directories of runs and belongs to no record.
    fn sweep(&self, found: &mut Swept) -> Result<(), ExecError> {
        for run in self.shop.store.runs()? {
            let names = run.names().at(run.path())?;
            let texts = names.iter().filter_map(|name| name.to_str());
            let owners: BTreeSet<&str> = texts.filter_map(owner).collect();
            for file in owners {
                let Some(shelf) = Store::shelf_at(&run, file)? else {
                    continue;
                };
                // Who makes or removes it holds the lock.
                let Some(_lock) = shelf.lock()? else {
                    continue;
                };
                if run
                    .stat(OsStr::new(&format!("{file}.json")))
                    .at(run.path())?
                    .is_some()
                {
                    continue;
                }
                let gone = format!("{GONE}{file}");
                tree::remove(&run, OsStr::new(&gone)).at(run.path().join(&gone))?;
                shelf.clear()?;
                let left = run.stat(OsStr::new(file)).at(run.path())?;
                if left.is_some_and(|meta| meta.kind == Kind::Dir) {
                    let what = run.path().join(file).display().to_string();
                    found.push(Finding::Unknown { what });
                }
            }
            if let Some(name) = run.path().file_name().and_then(OsStr::to_str) {
                self.shop.store.forget_run(name);
            }
        }
        Ok(())
    }

    /// Reports branches and worktrees that look like ours and of which there is no record.
    fn find_unknown(&self, records: &[Record], found: &mut Swept) -> Result<(), ExecError> {
        let repo = &self.shop.repo;
        let told = repo
            .call()
            .look(&["for-each-ref", "--format=%(refname)", BRANCHES]);
        let told = told.or_failed("the branches cannot be listed")?;
        for line in String::from_utf8_lossy(&told).lines() {
            let branch = line.strip_prefix("refs/heads/").unwrap_or(line);
            let known = |record: &Record| record.branch.as_deref() == Some(branch);
            if !records.iter().any(known) {
                found.push(Finding::Unknown {
                    what: branch.to_owned(),
                });
            }
        }
        for (admin, at) in admins(repo)? {
            let Some(at) = at.filter(|_| is_locked_by_us(&admin)) else {
                continue;
            };
            if !records.iter().any(|record| record.path == at) {
                let what = at.display().to_string();
                found.push(Finding::Unknown { what });
            }
        }
        Ok(())
    }
}

/// Returns the name of the tree to which a name in a run's directory belongs.
fn owner(name: &str) -> Option<&str> {
    let name = name.strip_prefix(GONE).unwrap_or(name);
    let name = name.strip_prefix(".draft-").unwrap_or(name);
    let file = name.split_once('.').map_or(name, |(file, _)| file);
    is_ours(file).then_some(file)
}
