//! The other way round, for live results in a copy: what the user changes in the project
//! comes into the copy where the agent has not touched it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::applied::{Applied, How, Pair};
use super::scan::is_git;
use super::view::{Base, View};
use crate::apply::manifest::Manifest;
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, File};
use crate::os::fs::{Attributes, Place, copy_to, resolve_making, resolve_strictly};
use crate::state::StateHome;

/// Copies the user's changes into a copy; tells whether there were any. A layer shows them
/// by itself.
pub(super) fn copy(state: &StateHome, view: &View) -> Result<bool, ExecError> {
    let Base::List(base) = &view.base else {
        return Ok(false);
    };
    let mut walk = Walk {
        view,
        base,
        own: [state.root(), &view.root],
        came: Vec::new(),
    };
    let project = Dir::open(&view.project).at(&view.project)?;
    walk.dir(&project, Path::new("")).at(&view.project)?;
    let came = !walk.came.is_empty();
    Applied::add(&view.dir, walk.came)?;
    Ok(came)
}

struct Walk<'w> {
    view: &'w View,
    base: &'w Manifest,
    /// Directories of our own, which may lie in the project.
    own: [&'w Path; 2],
    came: Vec<(PathBuf, Pair)>,
}

impl Walk<'_> {
    fn dir(&mut self, dir: &Dir, below: &Path) -> io::Result<()> {
        for name in dir.names()? {
            let path = below.join(&name);
            let is_own = self.own.contains(&&*self.view.project.join(&path));
            if is_git(&name) || is_own || is_ours(&name) {
                continue;
            }
            let now = Stamp::at(dir, &name)?;
            if self.view.rules.hides(&path, now.is_dir()) {
                continue;
            }
            match &now {
                Stamp::Dir { .. } => match dir.child(&name) {
                    Ok(inner) => self.dir(&inner, &path)?,
                    Err(error) if is_passable(&error) => {}
                    Err(error) => return Err(error),
                },
                Stamp::File { .. } => self.file(dir, &name, path, now)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Copies a file that the user changed and the agent did not.
    fn file(&mut self, dir: &Dir, name: &OsStr, path: PathBuf, now: Stamp) -> io::Result<()> {
        let kept = self.view.rules.protects(&path, false) || self.view.generated.knows(&path);
        let (was, ours) = if let Some(pair) = self.view.applied.get(&path) {
            (pair.project.clone(), pair.view.clone())
        } else {
            let was = self.base.get(&path);
            let was = was.as_ref().map_or(Stamp::Absent, Stamp::listed);
            (was.clone(), was)
        };
        if kept || was == now {
            return Ok(());
        }
        let root = self.view.files.path();
        let view = match resolve_strictly(root, &root.join(&path)) {
            Ok(Some(place)) => Stamp::at(&place.dir, &place.name)?,
            Ok(None) => Stamp::Absent,
            // The agent has put something else there.
            Err(_) => return Ok(()),
        };
        if view != ours {
            return Ok(());
        }
        let Stamp::File { mode, mtime, .. } = &now else {
            return Ok(());
        };
        let attributes = Attributes {
            mode: Some(*mode),
            mtime: Some(*mtime),
        };
        let place = resolve_making(root, &root.join(&path), 0o777)?;
        let copied = dir
            .open_file(name)
            .and_then(|mut source| self.put(&mut source, &place, attributes));
        match copied {
            Err(error) if is_passable(&error) => return Ok(()),
            copied => copied?,
        }
        let view = Stamp::at(&place.dir, &place.name)?;
        self.came.push((
            path,
            Pair {
                view,
                project: now,
                how: How::Inward,
            },
        ));
        Ok(())
    }

    /// Replaces a file of the copy at once. Until then it is where no agent sees it.
    fn put(&self, source: &mut File, place: &Place, attributes: Attributes) -> io::Result<()> {
        let draft = Place {
            dir: self.view.dir.try_clone()?,
            name: OsString::from("inward.tmp"),
        };
        draft.dir.remove_file(&draft.name)?;
        copy_to(source, &draft, attributes)?;
        draft.dir.rename(&draft.name, &place.dir, &place.name)
    }
}

/// Tells whether a name is one that we give.
fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy().contains(".callsheet-")
}

/// What vanishes or may not be read stays as it is in the copy.
fn is_passable(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}
