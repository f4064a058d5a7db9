//! Creating symbolic links.

use std::ffi::OsStr;
use std::path::Path;

use plan_core::effect::{PutBack, Undo, Written};

use super::write_file::parents_to_make;
use super::{Bench, Prepared};
use crate::apply::restore::{capture, temp_name};
use crate::error::{ExecError, IoResultExt as _};
use crate::os::fs::{link_atomic, resolve, resolve_making};

pub(super) struct Symlink {
    target: String,
    undo: PutBack,
}

pub(super) fn prepare(
    bench: &Bench<'_>,
    [path, below, target]: [&String; 3],
) -> Result<Symlink, ExecError> {
    let place = resolve(Path::new(below), Path::new(path)).at(path)?;
    let original = capture(bench.run, bench.id, place.as_ref()).at(path)?;
    let undo = PutBack {
        path: path.clone(),
        below: below.clone(),
        dirs: parents_to_make(below, path)?,
        original,
        written: Written::symlink(target.clone()),
        block: None,
    };
    Ok(Symlink {
        target: target.clone(),
        undo,
    })
}

impl Prepared for Symlink {
    fn undo(&self) -> Undo {
        Undo::PutBack(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let PutBack { path, below, .. } = &self.undo;
        let temp = temp_name(bench.run, bench.id);
        resolve_making(Path::new(below), Path::new(path), 0o777)
            .and_then(|place| link_atomic(&place, &temp, OsStr::new(&self.target)))
            .at(path)?;
        Ok(None)
    }
}
