//! Creating directories.

use std::path::{Path, PathBuf};

use plan_core::effect::{Outcome, RemoveDirs, Undo};

use super::{Bench, Prepared};
use crate::apply::restore::remove_dirs;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::fs::{is_dir, resolve_making};

pub(super) struct MakeDir {
    path: PathBuf,
    mode: u32,
    /// The directories to create, outermost first.
    dirs: Vec<String>,
}

pub(super) fn prepare(path: &str, mode: u32) -> Result<MakeDir, ExecError> {
    let path = Path::new(path);
    let missing = path.ancestors().take_while(|above| !is_dir(above));
    let mut dirs = Vec::new();
    for dir in missing {
        let text = dir
            .to_str()
            .ok_or_else(|| ExecError::new(ExecErrorKind::Usage, "the path is not text").at(dir))?;
        dirs.push(text.to_owned());
    }
    dirs.reverse();
    Ok(MakeDir {
        path: path.to_owned(),
        mode,
        dirs,
    })
}

impl Prepared for MakeDir {
    fn undo(&self) -> Undo {
        if self.dirs.is_empty() {
            return Undo::nothing();
        }
        Undo::RemoveDirs(RemoveDirs {
            dirs: self.dirs.clone(),
        })
    }

    fn perform(&self, _bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let Some(below) = self
            .dirs
            .first()
            .and_then(|first| Path::new(first).parent())
        else {
            return Ok(None);
        };
        let make = || {
            let place = resolve_making(below, &self.path, self.mode)?;
            place.dir.make_dir(&place.name, self.mode)?;
            // Creation is masked; what the action says is meant.
            place.dir.child(&place.name)?.set_own_mode(self.mode)
        };
        make().at(&self.path)?;
        Ok(None)
    }
}

pub(super) fn undo(undo: &RemoveDirs) -> Result<Outcome, ExecError> {
    Ok(match remove_dirs(&undo.dirs)? {
        None => Outcome::removed(),
        Some(stayed) => Outcome::kept(stayed.into(), "it is not empty".into()),
    })
}
