//! From changes to operations: what is done where, in an order that works, and what is
//! left as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::scan::Blocked;
use super::set::{Change, look};
use super::view::View;
use crate::apply::ops::{Deed, Op};
use crate::apply::stamp::Stamp;
use crate::os::dir::{Dir, Mtime};
use crate::os::fs::{Attributes, Place, read_at, resolve_strictly, same_bytes, write_atomic};

/// What happens to a change whose place in the project has changed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflicts {
    /// The project's version stays; the view's is not brought back.
    Ours,
    /// The view's version replaces the project's, of which a backup is kept.
    Theirs,
    /// The project's version stays, and the view's is put beside it.
    #[default]
    KeepBoth,
}

/// A change whose place in the project has changed too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The path, relative to the project.
    pub path: PathBuf,
    /// Where the view's version is, when both were kept.
    pub beside: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pub(super) ops: Vec<Op>,
    /// The changes that are brought to their own place.
    pub(super) brought: Vec<Change>,
    /// The changes that are settled without that.
    pub(super) settled: Vec<Change>,
    /// Conflicts that a person should look at.
    pub(super) conflicts: Vec<Conflict>,
    /// What stays in the view.
    pub(super) left: Vec<(PathBuf, Blocked)>,
}

/// Decides about changes. Contents that are no file of the view are put into `stage`.
pub(super) fn decide(
    view: &View,
    entries: Vec<Change>,
    (policy, generated): (Conflicts, bool),
    stage: Option<&Dir>,
) -> io::Result<Decisions> {
    let mut decider = Decider {
        view,
        stage,
        generated,
        done: Decisions::default(),
        removes: BTreeMap::new(),
        dirs: BTreeMap::new(),
        puts: Vec::new(),
        modes: Vec::new(),
    };
    let taken: BTreeSet<PathBuf> = entries
        .iter()
        .filter(|change| change.blocked.is_none() && change.view.is_dir())
        .map(|change| change.path.clone())
        .collect();
    let held = if policy == Conflicts::Theirs {
        BTreeSet::new()
    } else {
        held(view, &entries)?
    };
    for mut change in entries {
        let is_below = |dir: &PathBuf| change.path != *dir && change.path.starts_with(dir);
        if held.iter().any(is_below) {
            // It goes with the directory, which stays.
            decider.done.settled.push(change);
            continue;
        }
        change.conflict |= held.contains(&change.path);
        if let Some(blocked) = change.blocked {
            decider.blocked(change, blocked)?;
        } else if change.conflict {
            decider.conflict(change, policy, &taken)?;
        } else {
            decider.bring(change)?;
        }
    }
    Ok(decider.finish())
}

/// Finds the directories that the view replaced by something else and in which the user
/// has more by now: as a whole they are the user's.
fn held(view: &View, entries: &[Change]) -> io::Result<BTreeSet<PathBuf>> {
    let known: BTreeSet<&Path> = entries.iter().map(|change| &*change.path).collect();
    let mut held = BTreeSet::new();
    for change in entries {
        let replaced = change.view.is_leaf() && change.project.is_dir();
        if replaced && change.blocked.is_none() && holds_more(view, &change.path, &known)? {
            held.insert(change.path.clone());
        }
    }
    Ok(held)
}

/// Tells whether a directory of the project has what no change is about.
fn holds_more(view: &View, path: &Path, known: &BTreeSet<&Path>) -> io::Result<bool> {
    let Some(place) = resolve_strictly(&view.project, &view.project.join(path))? else {
        return Ok(false);
    };
    let dir = match place.dir.child(&place.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        dir => dir?,
    };
    for name in dir.names()? {
        let inner = path.join(&name);
        let is_dir = Stamp::at(&dir, &name)?.is_dir();
        if !known.contains(&*inner) || (is_dir && holds_more(view, &inner, known)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

struct Decider<'d> {
    view: &'d View,
    stage: Option<&'d Dir>,
    /// Whether edited files of the run's own are wanted too, beside the project's.
    generated: bool,
    done: Decisions,
    /// What goes, by path: what is in a directory comes behind it, so this is done in
    /// reverse.
    removes: BTreeMap<PathBuf, Deed>,
    dirs: BTreeMap<PathBuf, u32>,
    puts: Vec<Op>,
    modes: Vec<Op>,
}

impl Decider<'_> {
    /// An edited generated file is not brought back, and not lost either.
    fn blocked(&mut self, change: Change, blocked: Blocked) -> io::Result<()> {
        let wanted = self.generated && blocked == Blocked::Generated;
        if wanted && change.view.is_leaf() {
            let suffix = format!(".callsheet-{}", self.view.id);
            let is_beside = change.path.to_string_lossy().ends_with(&suffix);
            return if is_beside && !change.conflict {
                self.bring(change)
            } else {
                self.beside(change)
            };
        }
        self.done.left.push((change.path, blocked));
        Ok(())
    }

    fn conflict(
        &mut self,
        change: Change,
        policy: Conflicts,
        taken: &BTreeSet<PathBuf>,
    ) -> io::Result<()> {
        let makes_way = |obstacle: &PathBuf| taken.contains(obstacle);
        let fits = change.obstacle.as_ref().is_none_or(makes_way);
        match policy {
            Conflicts::Ours => {
                self.done.settled.push(change);
                Ok(())
            }
            Conflicts::Theirs if fits => self.bring(change),
            Conflicts::Theirs | Conflicts::KeepBoth => self.beside(change),
        }
    }

    /// Brings a change to its place.
    fn bring(&mut self, change: Change) -> io::Result<()> {
        let path = change.path.clone();
        let mut before = change.project.clone();
        // What stands in the way of another kind goes first.
        let replaces_dir = before.is_dir() && change.view.is_leaf();
        let replaces_leaf = before.is_leaf() && change.view.is_dir();
        if change.view == Stamp::Absent || replaces_dir || replaces_leaf {
            if let Some(deed) = self.removal(&path, &before)? {
                self.removes.insert(path.clone(), deed);
            }
            before = Stamp::Absent;
        }
        match (&change.view, &before) {
            (Stamp::Absent | Stamp::Other, _) => {}
            (Stamp::Dir { mode }, Stamp::Dir { mode: from }) => {
                self.modes.push(chmod(path, *from, *mode));
            }
            (Stamp::Dir { mode }, _) => {
                self.parents(&path)?;
                self.dirs.insert(path, *mode);
            }
            (Stamp::File { mode, .. }, Stamp::File { mode: from, .. })
                if change.kind == super::set::ChangeKind::Mode =>
            {
                self.modes.push(chmod(path, *from, *mode));
            }
            _ => {
                self.parents(&path)?;
                let deed = self.content(&change, before)?;
                self.puts.push(Op { path, deed });
            }
        }
        self.done.brought.push(change);
        Ok(())
    }

    fn removal(&self, path: &Path, before: &Stamp) -> io::Result<Option<Deed>> {
        Ok(match before {
            Stamp::Dir { mode } => {
                let meta = look(&self.view.project, path)?.meta;
                let mtime = meta.map_or(
                    Mtime {
                        seconds: 0,
                        nanos: 0,
                    },
                    |meta| meta.mtime,
                );
                Some(Deed::RemoveDir { mode: *mode, mtime })
            }
            Stamp::File { .. } | Stamp::Link(_) => Some(Deed::Remove {
                before: before.clone(),
            }),
            Stamp::Absent | Stamp::Other => None,
        })
    }

    /// Describes how a file or link of the view comes to a place.
    fn content(&self, change: &Change, before: Stamp) -> io::Result<Deed> {
        if matches!(change.view, Stamp::Link(_)) {
            return Ok(Deed::Link {
                before,
                after: change.view.clone(),
            });
        }
        if let (Some(part), Some(stage)) = (&change.part, self.stage) {
            return staged(stage, self.puts.len(), part, &change.view, before);
        }
        Ok(Deed::Write {
            before,
            after: change.view.clone(),
            from: self.view.files.path().join(&change.path),
            ctime: change.ctime.unwrap_or(Mtime {
                seconds: 0,
                nanos: 0,
            }),
        })
    }

    /// Makes the parents that the project has not, as they are in the view.
    fn parents(&mut self, path: &Path) -> io::Result<()> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        for dir in above {
            let known = dir.as_os_str().is_empty() || self.dirs.contains_key(dir);
            if known || look(&self.view.project, dir)?.stamp.is_dir() {
                continue;
            }
            let mode = match look(self.view.files.path(), dir)?.stamp {
                Stamp::Dir { mode } => mode,
                _ => 0o755,
            };
            self.dirs.insert(dir.to_owned(), mode);
        }
        Ok(())
    }

    /// Leaves the project's version where it is and puts the view's beside it.
    fn beside(&mut self, change: Change) -> io::Result<()> {
        let mut conflict = Conflict {
            path: change.path.clone(),
            beside: None,
        };
        if change.view.is_leaf() {
            let first = self.name_beside(&change);
            let (place, is_there) = self.free(&change, &first)?;
            if !is_there {
                self.parents(&place)?;
                let deed = self.content(&change, Stamp::Absent)?;
                let path = place.clone();
                self.puts.push(Op { path, deed });
            }
            conflict.beside = Some(place);
        }
        self.done.conflicts.push(conflict);
        self.done.settled.push(change);
        Ok(())
    }

    /// The name beside a path: beside the parent that is in the way, if there is one.
    fn name_beside(&self, change: &Change) -> PathBuf {
        let base = change.obstacle.as_ref().unwrap_or(&change.path);
        let mut name = base.file_name().unwrap_or_default().to_owned();
        name.push(format!(".callsheet-{}", self.view.id));
        let moved = base.with_file_name(name);
        match change.path.strip_prefix(base) {
            Ok(rest) if !rest.as_os_str().is_empty() => moved.join(rest),
            _ => moved,
        }
    }

    /// Finds a free name, or the one that has this very content already.
    fn free(&self, change: &Change, first: &Path) -> io::Result<(PathBuf, bool)> {
        for count in 1..100 {
            let mut name = first.to_owned().into_os_string();
            if count > 1 {
                name.push(format!("-{count}"));
            }
            let path = PathBuf::from(name);
            if look(&self.view.project, &path)?.stamp == Stamp::Absent {
                return Ok((path, false));
            }
            if self.has(change, &path)? {
                return Ok((path, true));
            }
        }
        Err(io::Error::other("there is no free name beside it"))
    }

    fn has(&self, change: &Change, path: &Path) -> io::Result<bool> {
        let (root, project) = (self.view.files.path(), &self.view.project);
        let own = resolve_strictly(root, &root.join(&change.path))?;
        let other = resolve_strictly(project, &project.join(path))?;
        let (Some(own), Some(other)) = (own, other) else {
            return Ok(false);
        };
        let stamp = Stamp::at(&other.dir, &other.name)?;
        match (&change.view, &stamp) {
            (Stamp::Link(one), Stamp::Link(two)) => Ok(one == two),
            (Stamp::File { .. }, Stamp::File { .. }) => match &change.part {
                Some(part) => Ok(read_at(&other.dir, &other.name)? == *part),
                None => same_bytes(
                    &mut own.dir.open_file(&own.name)?,
                    &mut other.dir.open_file(&other.name)?,
                ),
            },
            _ => Ok(false),
        }
    }

    fn finish(mut self) -> Decisions {
        let removes = self.removes.into_iter().rev();
        let mut ops: Vec<Op> = removes.map(|(path, deed)| Op { path, deed }).collect();
        let dirs = self.dirs.into_iter();
        ops.extend(dirs.map(|(path, mode)| Op {
            path,
            deed: Deed::MakeDir { mode },
        }));
        ops.append(&mut self.puts);
        ops.append(&mut self.modes);
        self.done.ops = ops;
        self.done
    }
}

fn chmod(path: PathBuf, from: u32, to: u32) -> Op {
    Op {
        path,
        deed: Deed::Chmod { from, to },
    }
}

/// Puts content into a private file, as the source of an operation.
fn staged(stage: &Dir, index: usize, part: &[u8], view: &Stamp, before: Stamp) -> io::Result<Deed> {
    let name = format!("{index}.part");
    let place = Place {
        dir: stage.try_clone()?,
        name: name.clone().into(),
    };
    let (mode, mtime) = match view {
        Stamp::File { mode, mtime, .. } => (Some(*mode), Some(*mtime)),
        _ => (None, None),
    };
    let attributes = Attributes { mode, mtime };
    write_atomic(&place, OsStr::new(".part"), part, attributes)?;
    let meta = stage.stat(OsStr::new(&name))?;
    let meta = meta.ok_or(io::ErrorKind::NotFound)?;
    Ok(Deed::Write {
        before,
        after: Stamp::of(&meta, None),
        from: stage.path().join(name),
        ctime: meta.ctime,
    })
}
