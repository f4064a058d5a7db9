//! Taking a share in what a live run did: its undo data is copied, and nothing else
//! happens.

use std::ffi::OsStr;
use std::io;

use plan_core::effect::{Undo, describe_undo};

use super::copy_tree::manifest_name;
use super::remove;
use super::{Bench, Prepared};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::journal;
use crate::os::dir::Dir;
use crate::os::fs::{Place, back_up};
use crate::state::BLOBS;

pub(super) struct Share(Undo);

pub(super) fn prepare(bench: &Bench<'_>, run: &str, action: u64) -> Result<Share, ExecError> {
    let dir = bench.run.neighbour(OsStr::new(run))?;
    let state = journal::read(&dir)?.map(|journal| journal.state);
    let theirs = state.as_ref().and_then(|state| {
        let mut actions = state.actions().iter();
        actions.find(|theirs| theirs.announced.id == action)
    });
    let Some(theirs) = theirs else {
        let message = format!("run {run} has nothing to share");
        return Err(ExecError::new(ExecErrorKind::Busy, message));
    };
    let mut undo = theirs.announced.undo.clone();
    let blobs = dir.child(OsStr::new(BLOBS)).at(dir.path())?;
    let copy = |name: &mut String, own: String| {
        take_over(&blobs, name, &bench.run.blobs, &own).at(blobs.path().join(&*name))?;
        *name = own;
        Ok::<_, ExecError>(())
    };
    match &mut undo {
        Undo::PutBack(undo) => {
            if let Some(blob) = &mut undo.original.blob {
                copy(blob, format!("{}.original", bench.id))?;
            }
        }
        Undo::RemoveTrees(undo) => {
            copy(&mut undo.manifest, manifest_name(bench.id))?;
            let asides = undo.aside.iter_mut().flatten().enumerate();
            for (number, original) in asides {
                let own = remove::aside_name(bench.id, number);
                let (from, name) = (&blobs, OsStr::new(&original.blob));
                let copied = remove::copy_away(from, name, &bench.run.blobs, OsStr::new(&own));
                copied.at(from.path().join(name))?;
                original.blob = own;
            }
        }
        other => {
            let message = format!("`{}` cannot be shared", describe_undo(other));
            return Err(ExecError::new(ExecErrorKind::Internal, message));
        }
    }
    Ok(Share(undo))
}

/// Gives one run's backup a second name in another's: the very file can return then,
/// whoever is last.
fn take_over(from: &Dir, name: &str, to: &Dir, own: &str) -> io::Result<()> {
    let place = Place {
        dir: from.try_clone()?,
        name: name.into(),
    };
    back_up(&place, to, OsStr::new(own))
}

impl Prepared for Share {
    fn undo(&self) -> Undo {
        self.0.clone()
    }

    fn perform(&self, _bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        Ok(None)
    }
}
