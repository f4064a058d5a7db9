//! Trees: faithful copies and removal, through directory handles.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::dir::{Dir, File, Kind, Meta, file_meta, set_attributes};

/// How much of a file is copied between two looks at whether to go on.
const PART: u64 = 32 << 20;

/// What a copy does with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is copied.
    Copy,
    /// It is copied and may not be written.
    CopyReadOnly,
    /// It is left out, with everything in it.
    Skip,
}

/// Decides about the entries of a copy and hears about them.
pub trait Guide {
    /// Decides about an entry; the path is relative to the copied directory.
    fn fate(&mut self, path: &Path, meta: &Meta) -> Fate;

    /// Hears what became of an entry that was copied.
    fn copied(&mut self, path: &Path, meta: &Meta, target: Option<&OsStr>);

    /// Hears that an entry was left out although it was to be copied.
    fn skipped(&mut self, path: &Path, why: &str);

    /// Tells whether the copy is still wanted.
    fn goes_on(&self) -> bool {
        true
    }
}

/// Copies what is in a directory into another, empty one: files with mode and time,
/// links as links, directories with their mode and time even when they are empty.
/// What vanishes meanwhile is left out; what may not be read and what is no file,
/// directory or link is left out and reported. Nothing is durable when it returns.
///
/// # Errors
/// The target may not be written or its storage is full, or the guide stopped the copy.
pub fn copy(from: &Dir, to: &Dir, guide: &mut dyn Guide) -> io::Result<()> {
    let origin = to.meta()?.identity;
    Copy { guide, origin }.dir(from, to, Path::new(""))
}

struct Copy<'g> {
    guide: &'g mut dyn Guide,
    /// The target, which may lie in the source.
    origin: (u64, u64),
}

impl Copy<'_> {
    fn dir(&mut self, from: &Dir, to: &Dir, below: &Path) -> io::Result<()> {
        let names = match from.names() {
            Ok(names) => names,
            Err(error) => return self.unreadable(below, error),
        };
        for name in names {
            self.go_on()?;
            let path = below.join(&name);
            let meta = match from.stat(&name) {
                Ok(Some(meta)) => meta,
                Ok(None) => continue,
                Err(error) => {
                    self.unreadable(&path, error)?;
                    continue;
                }
            };
            if meta.identity == self.origin {
                continue;
            }
            let fate = self.guide.fate(&path, &meta);
            if fate == Fate::Skip {
                continue;
            }
            let entry = Entry {
                from,
                to,
                name: &name,
                path,
                meta,
            };
            match meta.kind {
                Kind::Dir => self.subdir(&entry)?,
                Kind::File => self.file(&entry, fate == Fate::CopyReadOnly)?,
                Kind::Symlink => self.link(&entry)?,
                Kind::Other => self
                    .guide
                    .skipped(&entry.path, "is no file, directory or link"),
            }
        }
        Ok(())
    }

    fn subdir(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let from = match entry.from.child(entry.name) {
            Ok(from) => from,
            Err(error) => return self.unreadable(&entry.path, error),
        };
        entry.to.make_dir(entry.name, 0o700)?;
        let to = entry.to.child(entry.name)?;
        self.dir(&from, &to, &entry.path)?;
        to.set_own_mode(entry.meta.mode)?;
        entry.to.set_mtime(entry.name, entry.meta.mtime)?;
        self.guide.copied(&entry.path, &entry.meta, None);
        Ok(())
    }

    fn file(&mut self, entry: &Entry<'_>, read_only: bool) -> io::Result<()> {
        let opened = entry.from.open_file(entry.name);
        let opened = opened.and_then(|file| file_meta(&file).map(|meta| (file, meta)));
        let (mut source, mut meta) = match opened {
            Ok((file, meta)) if meta.kind == Kind::File => (file, meta),
            Ok(_) => return Ok(()),
            Err(error) => return self.unreadable(&entry.path, error),
        };
        if read_only {
            meta.mode = 0o444;
        }
        let mut copy = entry.to.create(entry.name, 0o600)?;
        meta.size = self.content(&mut source, &mut copy)?;
        set_attributes(&copy, Some(meta.mode), Some(meta.mtime))?;
        self.guide.copied(&entry.path, &meta, None);
        Ok(())
    }

    /// Copies a file's bytes, in parts so that it can be stopped.
    fn content(&self, source: &mut File, copy: &mut File) -> io::Result<u64> {
        let mut size = 0;
        loop {
            self.go_on()?;
            match io::copy(&mut source.take(PART), copy)? {
                0 => return Ok(size),
                count => size += count,
            }
        }
    }

    fn go_on(&self) -> io::Result<()> {
        if self.guide.goes_on() {
            return Ok(());
        }
        Err(io::Error::other("the copy was stopped"))
    }

    fn link(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let target = match entry.from.read_link(entry.name) {
            Ok(target) => target,
            Err(error) => return self.unreadable(&entry.path, error),
        };
        entry.to.make_link(entry.name, &target)?;
        entry.to.set_mtime(entry.name, entry.meta.mtime)?;
        self.guide.copied(&entry.path, &entry.meta, Some(&target));
        Ok(())
    }

    fn unreadable(&mut self, path: &Path, error: io::Error) -> io::Result<()> {
        match error.kind() {
            // Somebody else changed the tree meanwhile.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(()),
            io::ErrorKind::PermissionDenied => {
                self.guide.skipped(path, "may not be read");
                Ok(())
            }
            _ => Err(error),
        }
    }
}

struct Entry<'e> {
    from: &'e Dir,
    to: &'e Dir,
    name: &'e OsStr,
    path: PathBuf,
    meta: Meta,
}

/// Walks a tree, directories behind what is in them, without following links.
///
/// # Errors
/// A directory may not be read, or the visitor's error.
pub fn walk(
    dir: &Dir,
    below: &Path,
    visit: &mut dyn FnMut(&Dir, &OsStr, &Path, &Meta) -> io::Result<()>,
) -> io::Result<()> {
    for name in dir.names()? {
        let Some(meta) = dir.stat(&name)? else {
            continue;
        };
        let path = below.join(&name);
        if meta.kind == Kind::Dir {
            walk(&dir.child(&name)?, &path, visit)?;
        }
        visit(dir, &name, &path, &meta)?;
    }
    Ok(())
}

/// Removes a name with everything in it; `false` when it is missing. Links are
/// removed, not followed. A crash leaves a part of the tree.
///
/// # Errors
/// Something may not be removed; the rest of the tree is left as it is.
pub fn remove(dir: &Dir, name: &OsStr) -> io::Result<bool> {
    let Some(meta) = dir.stat(name)? else {
        return Ok(false);
    };
    if meta.kind != Kind::Dir {
        return dir.remove_file(name);
    }
    // A directory that its owner may not change can be made changeable by its owner.
    if meta.mode & 0o700 != 0o700 {
        rustix::fs::chmodat(
            dir,
            name,
            rustix::fs::Mode::RWXU,
            rustix::fs::AtFlags::empty(),
        )?;
    }
    let child = match dir.child(name) {
        Ok(child) => child,
        // Somebody else removes it too.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    for inner in child.names()? {
        remove(&child, &inner)?;
    }
    dir.remove_dir(name)
}
