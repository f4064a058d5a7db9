//! What differs between a copy and the list of what was copied.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::view::View;
use crate::apply::manifest::{Manifest, Verdict, is_as_origin};
use crate::apply::stamp::Stamp;
use crate::os::dir::{Dir, Kind, Meta, Mtime};

/// Why an entry is not brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocked {
    /// The view hides the path.
    Hidden,
    /// The view protects the path.
    ReadOnly,
    /// The run itself wrote the file, and the agent edited it.
    Generated,
    /// It belongs to a repository inside the project.
    Git,
    /// It may not be read.
    Unreadable,
    /// It is a pipe, socket or device.
    Special,
}

impl Blocked {
    /// Returns the reason as programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Blocked::Hidden => "hidden",
            Blocked::ReadOnly => "read-only",
            Blocked::Generated => "generated",
            Blocked::Git => "git",
            Blocked::Unreadable => "unreadable",
            Blocked::Special => "special",
        }
    }
}

/// What is known about an entry's base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Before {
    /// It was this.
    Was(Stamp),
    /// It was what the project has, if nobody has touched that since the run began.
    Since {
        /// Whether it certainly was there.
        existed: bool,
    },
}

/// An entry of a view that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) path: PathBuf,
    pub(super) view: Stamp,
    pub(super) ctime: Option<Mtime>,
    pub(super) before: Before,
    pub(super) blocked: Option<Blocked>,
}

/// Tells whether a name is git's own.
pub(super) fn is_git(name: &OsStr) -> bool {
    name.eq_ignore_ascii_case(".git")
}

/// Tells whether a path lies in git's own directory, or is it.
pub(super) fn in_git(path: &Path) -> bool {
    path.iter().any(is_git)
}

/// Compares a copy with its list.
pub(super) fn copy(view: &View, base: &Manifest) -> io::Result<Vec<Touched>> {
    let mut scan = Scan {
        view,
        base,
        // Without the project nothing can be compared, and all doubtful files count.
        project: Dir::open(&view.project).ok(),
        seen: BTreeSet::new(),
        blind: Vec::new(),
        found: Vec::new(),
    };
    scan.dir(&view.files, Path::new(""))?;
    scan.deleted();
    Ok(scan.found)
}

struct Scan<'s> {
    view: &'s View,
    base: &'s Manifest,
    project: Option<Dir>,
    seen: BTreeSet<PathBuf>,
    /// Directories that were not looked into: what is missing in them is not deleted.
    blind: Vec<PathBuf>,
    found: Vec<Touched>,
}

impl Scan<'_> {
    fn dir(&mut self, dir: &Dir, below: &Path) -> io::Result<()> {
        for name in dir.names()? {
            let path = below.join(&name);
            if is_git(&name) {
                self.git(dir, &name, path)?;
                continue;
            }
            let Some(meta) = dir.stat(&name)? else {
                continue;
            };
            let listed = self.base.get(&path);
            let was = listed.as_ref().map(Stamp::listed);
            let is_dir = meta.kind == Kind::Dir;
            let rules = &self.view.rules;
            if was.is_none() && (rules.hides(&path, is_dir) || rules.leaves_out(&path, is_dir)) {
                let stamp = Stamp::at(dir, &name)?;
                self.push(path, (stamp, &meta), Stamp::Absent, Some(Blocked::Hidden));
                continue;
            }
            if was.is_some() {
                self.seen.insert(path.clone());
            }
            // Somebody set the time back: only the content tells.
            let doubtful = listed.filter(|listed| {
                listed.judge(&meta, None) == Verdict::Doubtful
                    && !is_as_origin(listed, (dir, &name), self.project.as_ref())
            });
            if doubtful.is_some() {
                let stamp = Stamp::of(&meta, None);
                self.push(path, (stamp, &meta), was.unwrap_or(Stamp::Absent), None);
                continue;
            }
            self.entry(dir, &name, (path, &meta), was.unwrap_or(Stamp::Absent))?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &Dir,
        name: &OsStr,
        (path, meta): (PathBuf, &Meta),
        was: Stamp,
    ) -> io::Result<()> {
        let mut blocked = match meta.kind {
            Kind::Other => Some(Blocked::Special),
            _ => None,
        };
        let mut holds = false;
        if meta.kind == Kind::Dir {
            let before = self.found.len();
            let walked = dir.child(name).and_then(|dir| self.dir(&dir, &path));
            match walked {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    blocked = Some(Blocked::Unreadable);
                    self.blind.push(path.clone());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                walked => walked?,
            }
            holds = self.found.len() > before;
        }
        let stamp = match meta.kind {
            Kind::Symlink => Stamp::at(dir, name)?,
            _ => Stamp::of(meta, None),
        };
        if stamp == was || stamp == Stamp::Absent {
            return Ok(());
        }
        // A new directory comes with what is in it.
        let implied = stamp.is_dir() && was == Stamp::Absent && blocked.is_none();
        if implied && (holds || self.view.generated.made(&path)) {
            return Ok(());
        }
        self.push(path, (stamp, meta), was, blocked);
        Ok(())
    }

    /// A repository of its own inside the project is told of and never brought back: git
    /// would run what its settings say.
    fn git(&mut self, dir: &Dir, name: &OsStr, path: PathBuf) -> io::Result<()> {
        let is_own = path.components().count() == 1 && self.view.has_repository();
        let Some(meta) = dir.stat(name)?.filter(|_| !is_own) else {
            return Ok(());
        };
        let Some(was) = self.base.get(&path).as_ref().map(Stamp::listed) else {
            let stamp = Stamp::at(dir, name)?;
            self.push(path, (stamp, &meta), Stamp::Absent, Some(Blocked::Git));
            return Ok(());
        };
        if meta.kind == Kind::Dir && self.differs(&dir.child(name)?, &path)? {
            let stamp = Stamp::at(dir, name)?;
            self.push(path, (stamp, &meta), was, Some(Blocked::Git));
        }
        Ok(())
    }

    /// Tells whether anything in a directory is new or changed, git's index apart.
    fn differs(&self, dir: &Dir, below: &Path) -> io::Result<bool> {
        for name in dir.names()? {
            let path = below.join(&name);
            let stamp = Stamp::at(dir, &name)?;
            let is_index = name == "index";
            let was = self.base.get(&path).as_ref().map(Stamp::listed);
            if !is_index && was != Some(stamp.clone()) {
                return Ok(true);
            }
            if stamp.is_dir() && self.differs(&dir.child(&name)?, &path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn push(
        &mut self,
        path: PathBuf,
        (view, meta): (Stamp, &Meta),
        was: Stamp,
        blocked: Option<Blocked>,
    ) {
        let is_dir = view.is_dir();
        let protected = || {
            let protects = self.view.rules.protects(&path, is_dir);
            protects.then_some(Blocked::ReadOnly)
        };
        self.found.push(Touched {
            blocked: blocked.or_else(protected),
            path,
            view,
            ctime: Some(meta.ctime),
            before: Before::Was(was),
        });
    }

    /// Lists what the base has and the copy has not.
    fn deleted(&mut self) {
        for entry in self.base.entries() {
            let (path, was) = (entry.path, Stamp::listed(&entry));
            let unseen = self.blind.iter().any(|dir| path.starts_with(dir));
            if in_git(path) || unseen || self.seen.contains(path) || was == Stamp::Other {
                continue;
            }
            let protects = self.view.rules.protects(path, was.is_dir());
            self.found.push(Touched {
                path: path.to_owned(),
                view: Stamp::Absent,
                ctime: None,
                blocked: protects.then_some(Blocked::ReadOnly),
                before: Before::Was(was),
            });
        }
    }
}
