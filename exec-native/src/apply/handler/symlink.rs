//! Creating symbolic links.

use std::ffi::OsStr;
use std::path::Path;

use plan_core::effect::{PutBack, Undo, Written};

use super::write_file::parents_to_make;
use super::{Bench, Prepared};
use crate::apply::publish::{Seen, Slot, out_name, temp_name};
use crate::apply::restore::{capture, is_written};
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs::{resolve, resolve_making};

pub(super) struct Symlink {
    target: String,
    seen: Seen,
    undo: PutBack,
}

pub(super) fn prepare(
    bench: &Bench<'_>,
    [path, below, target]: [&String; 3],
) -> Result<Symlink, ExecError> {
    let place = resolve(Path::new(below), Path::new(path)).at(path)?;
    let (original, seen) = capture(bench.run, bench.id, place.as_ref()).at(path)?;
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
        seen,
        undo,
    })
}

impl Prepared for Symlink {
    fn undo(&self) -> Undo {
        Undo::PutBack(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let PutBack { path, below, .. } = &self.undo;
        let (temp, out) = (
            temp_name(bench.run, bench.id),
            out_name(bench.run, bench.id),
        );
        let is_ours = |dir: &Dir, name: &OsStr| is_written(&self.undo.written, dir, name);
        let place = resolve_making(Path::new(below), Path::new(path), 0o777).at(path)?;
        place
            .dir
            .remove_file(&temp)
            .and_then(|_| place.dir.make_link(&temp, OsStr::new(&self.target)))
            .and_then(|()| {
                let slot = Slot::new(bench.run, &place, out);
                slot.publish_over((&place.dir, &temp), &self.seen, &is_ours)
            })
            .at(path)?
            .finish(bench.run, &self.undo)?;
        Ok(None)
    }
}
