//! Moving what is the user's into a run's directory and back. On one file system that is
//! one step. Between two, the thing first leaves its path, so that nobody writes to it by
//! that, and goes only when a copy of it is durable and nobody has changed it since.
//!
//! A crash leaves the thing itself below `moving` beside its path; it is whole, and counts
//! more than any copy. Only what is below `gone` may be a part of it, and then the copy
//! is whole and durable.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::apply::publish::temp_name;
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{Place, back_up, have_same_content};
use crate::os::tree;
use crate::state::RunDir;

/// How often something is copied that changes meanwhile.
const TRIES: u32 = 3;

/// The names that a move uses on its way, and what hears of its steps.
pub(super) struct Mover<'m> {
    /// A copy that is not complete.
    temp: OsString,
    /// What is moved, out of reach and whole.
    moving: OsString,
    /// What was moved and is being removed.
    gone: OsString,
    /// Is called before each step, and may stop the move.
    step: &'m dyn Fn() -> io::Result<()>,
}

impl<'m> Mover<'m> {
    /// Prepares a move of an action; `key` tells it from the action's other moves.
    pub(super) fn new(
        run: &RunDir,
        action: u64,
        key: &str,
        step: &'m dyn Fn() -> io::Result<()>,
    ) -> Self {
        let name = |end| OsString::from(format!(".callsheet-{}-{key}.{end}", run.id));
        Self {
            temp: temp_name(run, action),
            moving: name("moving"),
            gone: name("gone"),
            step,
        }
    }

    /// Moves what stands at a place to a free one that is ours alone. After a crash or a
    /// failure this goes on where it was.
    pub(super) fn take_away(&self, from: &Place, to: &Place) -> io::Result<()> {
        if self.underway(from)?.is_none() {
            if at_once(from, to)? {
                return Ok(());
            }
            (self.step)()?;
            from.dir.rename_new(&from.name, &from.dir, &self.moving)?;
            from.dir.sync()?;
        }
        let source = at(&from.dir, &self.moving)?;
        for _ in 0..TRIES {
            // What an earlier try left is a copy of what is still whole.
            tree::remove(&to.dir, &to.name)?;
            (self.step)()?;
            let seen = stamp(&source)?;
            self.publish_copy(&source, to)?;
            (self.step)()?;
            if stamp(&source)? == seen {
                return self.discard(&source);
            }
        }
        let message = "a program keeps changing it; end the program first";
        Err(io::Error::other(message))
    }

    /// Moves something that is ours alone to a free place of the user's.
    pub(super) fn bring_back(&self, from: &Place, to: &Place) -> io::Result<()> {
        if at_once(from, to)? {
            return Ok(());
        }
        (self.step)()?;
        let seen = stamp(from)?;
        self.publish_copy(from, to)?;
        (self.step)()?;
        if stamp(from)? != seen {
            return Err(io::Error::other("its backup was changed meanwhile"));
        }
        self.discard(from)
    }

    /// Gives a place a durable copy, at once when it is whole.
    fn publish_copy(&self, from: &Place, to: &Place) -> io::Result<()> {
        tree::remove(&to.dir, &self.temp)?;
        duplicate(from, &to.dir, &self.temp)?;
        (self.step)()?;
        to.dir.sync_all()?;
        to.dir.rename_new(&self.temp, &to.dir, &to.name)?;
        to.dir.sync()
    }

    /// Removes something of which there is a better one. A part of it never has a name
    /// by which it could be taken for the whole.
    pub(super) fn discard(&self, place: &Place) -> io::Result<()> {
        tree::remove(&place.dir, &self.gone)?;
        place.dir.rename(&place.name, &place.dir, &self.gone)?;
        place.dir.sync()?;
        (self.step)()?;
        tree::remove(&place.dir, &self.gone)?;
        place.dir.sync()
    }

    /// Removes what an interrupted move left beside the place that it went away from, and
    /// what one that came back left there: copies, and what there is a whole copy of.
    pub(super) fn tidy(&self, from: &Place, to: &Place) -> io::Result<()> {
        tree::remove(&from.dir, &self.temp)?;
        if to.dir.stat(&to.name)?.is_some() {
            tree::remove(&from.dir, &self.gone)?;
        }
        Ok(())
    }

    /// Returns what is on its way from a place.
    pub(super) fn underway(&self, from: &Place) -> io::Result<Option<Place>> {
        let source = at(&from.dir, &self.moving)?;
        let there = source.dir.stat(&source.name)?;
        Ok(there.map(|_| source))
    }
}

/// Moves something in one step, which only works on one file system; tells whether it did.
fn at_once(from: &Place, to: &Place) -> io::Result<bool> {
    match from.dir.rename_new(&from.name, &to.dir, &to.name) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Ok(false),
        moved => {
            moved?;
            to.dir.sync()?;
            from.dir.sync()?;
            Ok(true)
        }
    }
}

fn at(dir: &Dir, name: &OsStr) -> io::Result<Place> {
    Ok(Place {
        dir: dir.try_clone()?,
        name: name.to_owned(),
    })
}

/// What is known about a thing and everything in it: nobody changes it without a trace here.
fn stamp(place: &Place) -> io::Result<Vec<(PathBuf, Meta)>> {
    let meta = place.dir.stat(&place.name)?;
    let meta = meta.ok_or(io::ErrorKind::NotFound)?;
    let mut found = vec![(PathBuf::new(), meta)];
    if meta.kind == Kind::Dir {
        let dir = place.dir.child(&place.name)?;
        tree::walk(&dir, Path::new(""), &mut |_, _, path, meta| {
            found.push((path.to_owned(), *meta));
            Ok(())
        })?;
    }
    Ok(found)
}

/// Copies a thing to a free name and leaves nothing out. Only a file is durable then.
pub(super) fn duplicate(from: &Place, to: &Dir, name: &OsStr) -> io::Result<()> {
    let meta = from.dir.stat(&from.name)?.ok_or(io::ErrorKind::NotFound)?;
    match meta.kind {
        Kind::Symlink => to.make_link(name, &from.dir.read_link(&from.name)?)?,
        Kind::File => return back_up(from, to, name),
        Kind::Other if from.dir.is_pipe(&from.name)? => to.make_pipe(name, meta.mode)?,
        Kind::Other => {
            let message = "a socket or device cannot go to another file system";
            return Err(io::Error::other(message));
        }
        Kind::Dir => {
            to.make_dir(name, 0o700)?;
            let copy = to.child(name)?;
            tree::copy_whole(&from.dir.child(&from.name)?, &copy)?;
            copy.set_own_mode(meta.mode)?;
        }
    }
    to.set_mtime(name, meta.mtime)
}

/// Tells whether two things have the same content, names and rights.
pub(super) fn are_alike(one: &Place, other: &Place) -> io::Result<bool> {
    let (left, right) = (one.dir.stat(&one.name)?, other.dir.stat(&other.name)?);
    let (Some(left), Some(right)) = (left, right) else {
        return Ok(false);
    };
    if left.kind != right.kind {
        return Ok(false);
    }
    match left.kind {
        Kind::Symlink => Ok(one.dir.read_link(&one.name)? == other.dir.read_link(&other.name)?),
        Kind::File => Ok((left.mode, left.size) == (right.mode, right.size)
            && have_same_content((&one.dir, &one.name), (&other.dir, &other.name))?),
        Kind::Other => Ok(left.mode == right.mode),
        Kind::Dir => {
            let (one, other) = (one.dir.child(&one.name)?, other.dir.child(&other.name)?);
            let names = one.names()?;
            if left.mode != right.mode || names != other.names()? {
                return Ok(false);
            }
            for name in names {
                if !are_alike(&at(&one, &name)?, &at(&other, &name)?)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

#[cfg(test)]
#[path = "relocate_tests.rs"]
mod tests;
