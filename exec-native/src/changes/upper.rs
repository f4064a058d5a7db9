//! What an overlay's upper directory says was done in a layer. Deletions are whiteouts and
//! opaque directories; what they hide is looked up in the project.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::scan::{Before, Blocked, Touched, is_git};
use super::view::View;
use crate::apply::stamp::Stamp;
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::layer::came_from_below;

/// Reads a layer.
pub(super) fn layer(view: &View) -> io::Result<Vec<Touched>> {
    let mut scan = Scan {
        view,
        found: Vec::new(),
    };
    let project = match Dir::open(&view.project) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        project => Some(project?),
    };
    scan.dir(&view.files, project.as_ref(), Path::new(""))?;
    Ok(scan.found)
}

struct Scan<'s> {
    view: &'s View,
    found: Vec<Touched>,
}

impl Scan<'_> {
    /// Looks at a directory of the layer and the one that it lies over.
    fn dir(&mut self, dir: &Dir, below: Option<&Dir>, at: &Path) -> io::Result<()> {
        let names = dir.names()?;
        for name in &names {
            let path = at.join(name);
            if is_git(name) {
                self.git(dir, name, path)?;
                continue;
            }
            if dir.is_whiteout(name)? {
                if let Some(below) = below {
                    self.deleted(below, name, &path)?;
                }
                continue;
            }
            let Some(meta) = dir.stat(name)? else {
                continue;
            };
            self.entry(dir, name, (path, &meta), below)?;
        }
        let shows = at.as_os_str().is_empty() || !dir.is_opaque()?;
        let Some(below) = below.filter(|_| !shows) else {
            return Ok(());
        };
        for name in below.names()? {
            if names.binary_search(&name).is_err() {
                self.deleted(below, &name, &at.join(&name))?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        dir: &Dir,
        name: &OsStr,
        (path, meta): (PathBuf, &Meta),
        below: Option<&Dir>,
    ) -> io::Result<()> {
        let is_dir = meta.kind == Kind::Dir;
        let lower = match below {
            Some(below) => Stamp::at(below, name)?,
            None => Stamp::Absent,
        };
        let hidden = self.view.rules.hides(&path, is_dir);
        let mut blocked = match meta.kind {
            _ if hidden => Some(Blocked::Hidden),
            Kind::Other => Some(Blocked::Special),
            _ if self.view.rules.protects(&path, is_dir) => Some(Blocked::ReadOnly),
            _ => None,
        };
        if is_dir && !hidden {
            let count = self.found.len();
            let inner = match (&lower, below) {
                (Stamp::Dir { .. }, Some(below)) => Some(below.child(name)?),
                _ => None,
            };
            let walked = dir
                .child(name)
                .and_then(|dir| self.dir(&dir, inner.as_ref(), &path));
            match walked {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    blocked = Some(Blocked::Unreadable);
                }
                walked => walked?,
            }
            let holds = self.found.len() > count;
            let implied = lower == Stamp::Absent && blocked.is_none();
            if implied && (holds || self.view.generated.made(&path)) {
                return Ok(());
            }
            if blocked.is_none() && same_dir(meta.mode, &lower) {
                return Ok(());
            }
        }
        if let (false, Stamp::Dir { .. }, Some(below)) = (is_dir || hidden, &lower, below) {
            let dir = below.child(name)?;
            for inner in dir.names()? {
                self.deleted(&dir, &inner, &path.join(&inner))?;
            }
        }
        let existed = meta.kind == Kind::File && came_from_below(&dir.open_file(name)?)?;
        let view = Stamp::at(dir, name)?;
        self.found.push(Touched {
            path,
            view,
            ctime: Some(meta.ctime),
            before: Before::Since { existed },
            blocked,
        });
        Ok(())
    }

    /// A repository inside the project is never brought back. The project's own is read
    /// for its commits alone.
    fn git(&mut self, dir: &Dir, name: &OsStr, path: PathBuf) -> io::Result<()> {
        let is_own = path.components().count() == 1;
        if (is_own && self.view.has_repository()) || dir.is_whiteout(name)? {
            return Ok(());
        }
        let view = Stamp::at(dir, name)?;
        self.found.push(Touched {
            path,
            view,
            ctime: None,
            before: Before::Since { existed: false },
            blocked: Some(Blocked::Git),
        });
        Ok(())
    }

    /// Lists what goes with a deleted name. What is hidden was never seen.
    fn deleted(&mut self, below: &Dir, name: &OsStr, path: &Path) -> io::Result<()> {
        let stamp = Stamp::at(below, name)?;
        let is_dir = stamp.is_dir();
        let unseen = is_git(name) || self.view.rules.hides(path, is_dir);
        if unseen || matches!(stamp, Stamp::Absent | Stamp::Other) {
            return Ok(());
        }
        if is_dir {
            let dir = below.child(name)?;
            for inner in dir.names()? {
                self.deleted(&dir, &inner, &path.join(&inner))?;
            }
        }
        let protects = self.view.rules.protects(path, is_dir);
        self.found.push(Touched {
            path: path.to_owned(),
            view: Stamp::Absent,
            ctime: None,
            before: Before::Since { existed: true },
            blocked: protects.then_some(Blocked::ReadOnly),
        });
        Ok(())
    }
}

/// Tells whether a directory of a layer is as the one below. Its owner can always use it,
/// whatever the one below says.
fn same_dir(mode: u32, lower: &Stamp) -> bool {
    match lower {
        Stamp::Dir { mode: below } => mode & 0o777 == *below || mode & 0o777 == below | 0o700,
        _ => false,
    }
}
