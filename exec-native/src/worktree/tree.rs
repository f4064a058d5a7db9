//! A tree that somebody works in: what is in it, and saving it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

use super::create::{Isolation, Shop};
use super::faults::step;
use super::git::{Call, Files, RefusalExt as _, split_zero};
use super::record::Record;
use super::repo::CommitId;
use super::store::Shelf;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::lock::Lock;

/// How many names a list for people holds at most.
const SHOWN: usize = 20;

/// A tree. As long as it lives nobody else takes the tree for left behind.
#[derive(Debug)]
pub struct Tree {
    pub(super) shop: Arc<Shop>,
    pub(super) shelf: Shelf,
    pub(super) record: Record,
    pub(super) files: Files,
    pub(super) lock: Lock,
}

/// What git would not save.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unsaved {
    /// Files that git is told to ignore: the first of them.
    pub(super) ignored: Vec<String>,
    /// Repositories inside of the tree.
    pub(super) nested: Vec<OsString>,
}

impl Tree {
    pub(super) fn new(
        shop: Arc<Shop>,
        shelf: Shelf,
        record: Record,
        files: Files,
        lock: Lock,
    ) -> Self {
        Self {
            shop,
            shelf,
            record,
            files,
            lock,
        }
    }

    /// Returns where the files are.
    pub fn path(&self) -> &Path {
        &self.files.path
    }

    /// Returns what is known about the tree.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Returns git's id of the files as they are: with those that git does not know yet, and
    /// without those that it is told to ignore. Repositories inside count as not there. The
    /// tree's own index stays as it is.
    ///
    /// # Errors
    /// A file cannot be read, or the storage is full.
    pub fn tree_id(&self) -> Result<String, ExecError> {
        let nested = self.unsaved()?.nested;
        self.tree_id_without(&nested)
    }

    fn tree_id_without(&self, nested: &[OsString]) -> Result<String, ExecError> {
        self.shelf.copy_index(&self.files.git_dir)?;
        let index = self.shelf.index();
        let call = Call::within(&self.files).index(&index);
        let mut paths = vec![b".".to_vec()];
        for inside in nested {
            let mut path = b":(top,literal,exclude)".to_vec();
            path.extend_from_slice(inside.as_encoded_bytes());
            paths.push(path);
        }
        let paths = paths.join(&0);
        let args = [
            "add",
            "--all",
            "--pathspec-from-file=-",
            "--pathspec-file-nul",
        ];
        let failed = "the work in the tree cannot be read";
        let added = call.told(&paths).run(&args);
        added
            .or_failed(failed)
            .map_err(|error| error.at(self.path()))?;
        call.line(&["write-tree"])
            .or_failed(failed)
            .map_err(|error| error.at(self.path()))
    }

    /// Tells whether the files differ from the latest commit.
    ///
    /// # Errors
    /// As [`Tree::tree_id`].
    pub fn is_dirty(&self) -> Result<bool, ExecError> {
        let Some(head) = self.head()? else {
            return Ok(true);
        };
        Ok(self.tree_id()? != self.tree_of(&head)?)
    }

    fn call(&self) -> Call<'_> {
        Call::within(&self.files).holding(&self.lock)
    }

    fn tree_of(&self, commit: &CommitId) -> Result<String, ExecError> {
        let told = self
            .call()
            .line(&["rev-parse", &format!("{commit}^{{tree}}")]);
        told.or_failed("a commit cannot be read")
    }

    /// Returns the latest commit; `None` when there is none on the branch that is checked out.
    ///
    /// # Errors
    /// Git cannot be asked.
    pub fn head(&self) -> Result<Option<CommitId>, ExecError> {
        self.commit_at("HEAD")
    }

    fn commit_at(&self, name: &str) -> Result<Option<CommitId>, ExecError> {
        let args = ["rev-parse", "--verify", "--quiet", name];
        match self.call().look(&args) {
            Ok(told) => Ok(CommitId::parse(String::from_utf8_lossy(&told).trim())),
            Err(refusal) if refusal.code == Some(1) => Ok(None),
            Err(refusal) => Err(refusal
                .into_error(
                    ExecErrorKind::Failed,
                    "the tree's latest commit is not known",
                )
                .at(self.path())),
        }
    }

    /// Commits everything that is not ignored; `None` when nothing differs. No hook is run
    /// and nothing is signed; `trailers` are lines at the end of the message.
    ///
    /// # Errors
    /// A file cannot be read, the storage is full, or the branch moved meanwhile.
    pub fn commit_all(
        &self,
        message: &str,
        trailers: &[(&str, &str)],
    ) -> Result<Option<CommitId>, ExecError> {
        let (tree, head) = (self.tree_id()?, self.head()?);
        if let Some(head) = &head
            && self.tree_of(head)? == tree
        {
            return Ok(None);
        }
        let parents: Vec<CommitId> = head.iter().cloned().collect();
        let commit = self.commit_tree(&tree, &parents, &with_trailers(message, trailers))?;
        let failed = "the commit cannot be made";
        let old = head.as_ref().map_or("", CommitId::as_str);
        let args = [
            "update-ref",
            "-m",
            "callsheet: commit",
            "HEAD",
            commit.as_str(),
            old,
        ];
        self.call().run(&args).or_failed(failed)?;
        self.call().run(&["read-tree", "HEAD"]).or_failed(failed)?;
        // Files that differ by now are found by whoever looks next.
        self.call().run(&["update-index", "-q", "--refresh"]).ok();
        Ok(Some(commit))
    }

    fn commit_tree(
        &self,
        tree: &str,
        parents: &[CommitId],
        message: &str,
    ) -> Result<CommitId, ExecError> {
        let mut args = vec!["commit-tree", tree];
        for parent in parents {
            args.extend(["-p", parent.as_str()]);
        }
        args.extend(["-F", "-"]);
        let call = Call::within(&self.files).told(message.as_bytes());
        let failed = "the work in the tree cannot be committed";
        let told = call.line(&args).or_failed(failed)?;
        CommitId::parse(&told).ok_or_else(|| ExecError::new(ExecErrorKind::Failed, failed))
    }

    /// Brings a clone's latest commit into the repository as `refs/callsheet/result/…`; the
    /// commits of a worktree are there already.
    ///
    /// # Errors
    /// There is no commit, or it cannot be fetched.
    pub fn bring(&self) -> Result<CommitId, ExecError> {
        let head = self.head()?.ok_or_else(|| {
            let message = "the tree has no commit that could be brought back";
            ExecError::new(ExecErrorKind::Failed, message).at(self.path())
        })?;
        if self.record.isolation == Isolation::Clone {
            self.fetch(&head, &self.record.name().result())?;
        }
        Ok(head)
    }

    /// Gives a commit of a clone a name in the repository.
    fn fetch(&self, commit: &CommitId, reference: &str) -> Result<(), ExecError> {
        let failed = "the commits cannot be brought back";
        // Fetched by a name: not every configuration lets a commit be asked for.
        let args = ["update-ref", reference, commit.as_str()];
        self.call().run(&args).or_failed(failed)?;
        let spec = format!("+{reference}:{reference}");
        let args = [
            "fetch",
            "--quiet",
            "--no-write-fetch-head",
            "--no-tags",
            "--no-auto-gc",
            "--no-prune",
            "--refmap=",
            "--",
        ];
        let call = self.shop.repo.call().holding(&self.lock);
        let paths = [self.files.git_dir.as_os_str(), OsStr::new(&spec)];
        call.run_on(&args, &paths).or_failed(failed)?;
        Ok(())
    }

    /// Saves what is in the tree and nowhere else as `refs/callsheet/salvage/…`: files that
    /// were not committed, and commits that no other branch leads to. The tree and its branch
    /// stay as they are. Returns the reference; `None` when there is nothing to save.
    ///
    /// # Errors
    /// A file cannot be read or the storage is full; what could not be saved is still there.
    pub fn salvage(&self) -> Result<Option<String>, ExecError> {
        self.salvage_without(&self.unsaved()?.nested)
    }

    /// As [`Tree::salvage`], when it is known which repositories are inside.
    pub(super) fn salvage_without(&self, nested: &[OsString]) -> Result<Option<String>, ExecError> {
        let name = self.record.name();
        let reference = name.salvage();
        let own = self.record.branch.as_ref();
        let own = own.map_or(String::new(), |branch| format!("refs/heads/{branch}"));
        let head = self.head()?;
        let mut parents: Vec<CommitId> = Vec::new();
        for tip in self.tips(&own)? {
            let is_new = head.as_ref() != Some(&tip) && !parents.contains(&tip);
            if is_new && !self.shop.repo.leads_to(&tip, &own)? {
                parents.push(tip);
            }
        }
        let tree = self.tree_id_without(nested)?;
        let mut dirty = true;
        if let Some(head) = &head {
            dirty = self.tree_of(head)? != tree;
            if dirty || !parents.is_empty() || !self.shop.repo.leads_to(head, &own)? {
                parents.insert(0, head.clone());
            }
        }
        step("looked");
        let commit = match &*parents {
            [] if !dirty => return Ok(None),
            [only] if !dirty => only.clone(),
            _ => {
                // What an earlier try saved stays saved.
                parents.extend(self.commit_at(&reference)?);
                let message = format!("Work of {} that was not committed\n", self.record.label);
                self.commit_tree(&tree, &parents, &message)?
            }
        };
        step("saved");
        match self.record.isolation {
            Isolation::Clone => self.fetch(&commit, &reference)?,
            Isolation::Worktree => {
                let args = ["update-ref", &reference, commit.as_str()];
                let made = self.call().run(&args);
                made.or_failed("the work in the tree cannot be saved")?;
            }
        }
        step("named");
        Ok(Some(reference))
    }

    /// Lists what leads to commits that would go with the tree, besides its HEAD.
    fn tips(&self, own: &str) -> Result<Vec<CommitId>, ExecError> {
        if self.record.isolation == Isolation::Worktree {
            return Ok(if own.is_empty() {
                Vec::new()
            } else {
                self.commit_at(own)?.into_iter().collect()
            });
        }
        let told = self.call().look(&[
            "for-each-ref",
            "--format=%(objectname) %(objecttype) %(refname)",
        ]);
        let told = told.or_failed("the clone's references cannot be read")?;
        let text = String::from_utf8_lossy(&told).into_owned();
        let tips = text.lines().filter_map(|line| {
            let (id, rest) = line.split_once(' ')?;
            let (kind, name) = rest.split_once(' ')?;
            let counts = kind == "commit" && !name.starts_with("refs/remotes/origin/");
            CommitId::parse(id).filter(|_| counts)
        });
        Ok(tips.collect())
    }

    /// Looks for what [`Tree::salvage`] would not save.
    pub(super) fn unsaved(&self) -> Result<Unsaved, ExecError> {
        let list = |args: &[&str]| {
            let told = self.call().look(args);
            told.or_failed("the files of the tree cannot be listed")
                .map_err(|error| error.at(self.path()))
        };
        let ignored = list(&[
            "ls-files",
            "-z",
            "--others",
            "--ignored",
            "--exclude-standard",
            "--directory",
        ])?;
        let others = list(&["ls-files", "-z", "--others", "--exclude-standard"])?;
        let ignored = split_zero(&ignored).take(SHOWN);
        // Files are listed one by one; a directory among them is a repository of its own.
        let nested = split_zero(&others).filter_map(|name| {
            let name = name.strip_suffix(b"/")?;
            Some(super::git::path_of(name).into_os_string())
        });
        let mut nested: Vec<OsString> = nested.collect();
        let modules = Dir::open(&self.files.git_dir).and_then(|dir| {
            let meta = dir.stat(OsStr::new("modules"))?;
            Ok(meta.is_some_and(|meta| meta.kind == Kind::Dir))
        });
        if modules.at(&self.files.git_dir)? {
            nested.push(".git/modules".into());
        }
        Ok(Unsaved {
            ignored: ignored
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect(),
            nested,
        })
    }
}

/// Puts trailers at the end of a message.
pub(super) fn with_trailers(message: &str, trailers: &[(&str, &str)]) -> String {
    let mut text = message.trim_end().to_owned();
    text.push('\n');
    if !trailers.is_empty() {
        text.push('\n');
    }
    for (key, value) in trailers {
        // A trailer is one line.
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [key, ": ", &value, "\n"] {
            text.push_str(part);
        }
    }
    text
}
