//! The files that a run itself wrote into its view: they are no changes while they are as
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plan_core::base::digest;
use plan_core::effect::{
    ActionState, EntryKind, Outcome, OutcomeKind, PutBack, RunState, Undo, Written,
};

use crate::apply::manifest::Manifest;
use crate::apply::restore::cut;
use crate::apply::stamp::Stamp;
use crate::error::ExecError;
use crate::os::dir::Dir;

/// What the run wrote, by path relative to the view's files.
#[derive(Debug, Default)]
pub(super) struct Generated {
    files: BTreeMap<PathBuf, File>,
    /// Trees that skills made, with what was in them.
    trees: Vec<(PathBuf, Option<Manifest>)>,
    dirs: BTreeSet<PathBuf>,
}

#[derive(Debug)]
enum File {
    /// Written as the undo data says.
    Written(Box<PutBack>),
    /// What a dispose put beside a generated file: the agent's version of it.
    Beside,
}

/// Whose a file is that stands where the run wrote one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nobody's but the agent's: the run wrote nothing there.
    Agent,
    /// The run's, as written.
    Run,
    /// The user's text, which the agent edited in front of the run's.
    Part(Vec<u8>),
    /// The run's, edited by the agent.
    Edited,
}

impl Generated {
    /// Collects what a run wrote below a directory. Lists of trees are in its blobs.
    pub(super) fn of(state: &RunState, root: &Path, blobs: &Dir) -> Result<Self, ExecError> {
        let mut found = Self::default();
        for action in state.actions() {
            match &action.announced.undo {
                Undo::PutBack(undo) => found.file(root, action, undo),
                Undo::RemoveTrees(undo) => {
                    let Ok(below) = Path::new(&undo.below).strip_prefix(root) else {
                        continue;
                    };
                    for path in &undo.paths {
                        let manifest = Manifest::load(blobs, &undo.manifest)?;
                        let path = Path::new(path).strip_prefix(&undo.below);
                        let path = path.unwrap_or(Path::new(""));
                        // The list's paths are relative to `below`, which is the root.
                        let manifest = manifest.filter(|_| below.as_os_str().is_empty());
                        found.trees.push((below.join(path), manifest));
                    }
                    found.dirs(root, &undo.dirs);
                }
                Undo::RemoveDirs(undo) => found.dirs(root, &undo.dirs),
                _ => {}
            }
        }
        Ok(found)
    }

    fn file(&mut self, root: &Path, action: &ActionState, undo: &PutBack) {
        let Ok(path) = Path::new(&undo.path).strip_prefix(root) else {
            return;
        };
        self.dirs(root, &undo.dirs);
        let Some(outcome) = &action.outcome else {
            // Later writes stack on earlier ones; the last is what the agent found.
            self.files
                .insert(path.to_owned(), File::Written(Box::new(undo.clone())));
            return;
        };
        if let Some(beside) = beside(outcome, root) {
            self.files.insert(beside, File::Beside);
        }
        let stays = outcome.kind == OutcomeKind::Kept && undo.original.kind == EntryKind::Absent;
        if stays && outcome.beside.is_none() {
            self.files
                .insert(path.to_owned(), File::Written(Box::new(undo.clone())));
        }
    }

    fn dirs(&mut self, root: &Path, dirs: &[String]) {
        let inside = dirs.iter().filter_map(|dir| {
            let path = Path::new(dir).strip_prefix(root).ok()?;
            Some(path.to_owned())
        });
        self.dirs.extend(inside);
    }

    /// Tells whether the run made a directory.
    pub(super) fn made(&self, path: &Path) -> bool {
        self.dirs.contains(path) || self.trees.iter().any(|(tree, _)| tree == path)
    }

    /// Tells whether the run wrote something at a path or round it.
    pub(super) fn knows(&self, path: &Path) -> bool {
        self.files.contains_key(path) || self.tree(path).is_some()
    }

    fn tree(&self, path: &Path) -> Option<&(PathBuf, Option<Manifest>)> {
        self.trees.iter().find(|(tree, _)| path.starts_with(tree))
    }

    /// Tells whose a path is. `read` gives a file's bytes.
    pub(super) fn whose(
        &self,
        path: &Path,
        stamp: &Stamp,
        read: impl FnOnce() -> std::io::Result<Vec<u8>>,
    ) -> std::io::Result<Whose> {
        match self.files.get(path) {
            Some(File::Written(undo)) => return whose_file(undo, stamp, read),
            Some(File::Beside) => return Ok(Whose::Edited),
            None => {}
        }
        let Some((_, manifest)) = self.tree(path) else {
            return Ok(Whose::Agent);
        };
        let known = manifest.as_ref().and_then(|manifest| manifest.get(path));
        let known = known.as_ref().map(Stamp::listed);
        Ok(match known {
            Some(known) if known == *stamp => Whose::Run,
            // Trees go when the run ends, so of those that are gone nothing is missing.
            _ if *stamp == Stamp::Absent => Whose::Run,
            _ => Whose::Edited,
        })
    }
}

/// Where a dispose put what somebody had changed, if that is in the view.
fn beside(outcome: &Outcome, root: &Path) -> Option<PathBuf> {
    let path = Path::new(outcome.beside.as_ref()?);
    Some(path.strip_prefix(root).ok()?.to_owned())
}

fn whose_file(
    undo: &PutBack,
    stamp: &Stamp,
    read: impl FnOnce() -> std::io::Result<Vec<u8>>,
) -> std::io::Result<Whose> {
    let found = match stamp {
        Stamp::Absent => Written::absent(),
        Stamp::Link(target) => match target.to_str() {
            Some(target) => Written::symlink(target.to_owned()),
            None => return Ok(Whose::Edited),
        },
        Stamp::File { .. } => {
            let bytes = read()?;
            let found = Written::file(digest::of_bytes(&bytes));
            if !undo.written.covers(&found)
                && let Some(text) = undo.block.as_ref().and_then(|block| cut(&bytes, block))
            {
                return Ok(Whose::Part(text));
            }
            found
        }
        Stamp::Dir { .. } | Stamp::Other => return Ok(Whose::Edited),
    };
    Ok(if undo.written.covers(&found) {
        Whose::Run
    } else {
        Whose::Edited
    })
}
