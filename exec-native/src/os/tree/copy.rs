//! Faithful copies of trees.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::super::dir::{Dir, File, Kind, Meta, file_meta, set_attributes};
use super::pool;

/// How much of a file is copied between two looks at whether to go on.
const PART: u64 = 32 << 20;
/// How much is held in memory where the system cannot copy by itself.
const BUFFER: u64 = 128 << 10;

/// What a copy does with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is copied.
    Copy,
    /// It is copied and may not be written, nor may what is in it.
    CopyReadOnly,
    /// It is left out, with everything in it.
    Skip,
}

/// An entry that was copied.
#[derive(Debug, Clone, Copy)]
pub struct Copied<'c> {
    /// Its path, relative to the copied directory.
    pub path: &'c Path,
    /// What is known about the copy.
    pub meta: &'c Meta,
    /// What it points to, if it is a link.
    pub target: Option<&'c OsStr>,
    /// Whether it may not be written because that was asked.
    pub read_only: bool,
}

/// Decides about the entries of a copy and hears about them, from several threads.
pub trait Guide: Sync {
    /// What one thread notes.
    type Log: Default + Send;

    /// Decides about an entry; the path is relative to the copied directory. Directories
    /// are asked about before what is in them.
    fn fate(&self, log: &mut Self::Log, path: &Path, kind: Kind) -> Fate;

    /// Hears that an entry was copied.
    fn copied(&self, log: &mut Self::Log, entry: &Copied<'_>);

    /// Hears that an entry was left out although it was to be copied.
    fn skipped(&self, log: &mut Self::Log, path: &Path, why: &'static str);

    /// Tells whether the copy is still wanted.
    fn goes_on(&self) -> bool {
        true
    }
}

/// Copies what is in a directory into another, empty one: files with mode and time,
/// links as links, directories with their mode and time even when they are empty.
/// What vanishes meanwhile is left out; what may not be read and what is no file,
/// directory or link is left out and reported. Nothing is durable when it returns.
/// Answers what each thread noted.
///
/// # Errors
/// The target may not be written or its storage is full, or the guide stopped the copy.
pub fn copy<G: Guide>(from: &Dir, to: &Dir, guide: &G) -> io::Result<Vec<G::Log>> {
    let copy = Copy {
        guide,
        origin: to.meta()?.identity,
        by_hand: AtomicBool::new(false),
    };
    let root = Node {
        // Opened anew, since it is listed through this handle.
        from: from.child(OsStr::new("."))?,
        to: to.try_clone()?,
        path: PathBuf::new(),
        source: from.meta()?,
        read_only: false,
    };
    let hands = pool::run(Job::Fill(root), |job, hand: &mut Hand<G::Log>, more| {
        copy.perform(job, hand, more)
    })?;
    Ok(hands.into_iter().map(|hand| hand.log).collect())
}

/// Copies what is in a directory into another, empty one, and leaves nothing out.
///
/// # Errors
/// As [`copy`], and when something cannot be copied.
pub fn copy_whole(from: &Dir, to: &Dir) -> io::Result<()> {
    let logs = copy(from, to, &Whole)?;
    match logs.into_iter().flatten().next() {
        Some(problem) => Err(io::Error::other(problem)),
        None => Ok(()),
    }
}

struct Whole;

impl Guide for Whole {
    type Log = Option<String>;

    fn fate(&self, _log: &mut Self::Log, _path: &Path, _kind: Kind) -> Fate {
        Fate::Copy
    }

    fn copied(&self, _log: &mut Self::Log, _entry: &Copied<'_>) {}

    fn skipped(&self, log: &mut Self::Log, path: &Path, why: &'static str) {
        *log = Some(format!("{} {why}", path.display()));
    }
}

struct Copy<'g, G> {
    guide: &'g G,
    /// The target, which may lie in the source.
    origin: (u64, u64),
    /// Whether the system cannot copy between the two file systems.
    by_hand: AtomicBool,
}

/// What one thread works with.
#[derive(Default)]
struct Hand<L> {
    log: L,
    /// Memory for the names of a directory.
    room: Vec<u8>,
}

/// A directory and its copy, both open.
struct Node {
    from: Dir,
    to: Dir,
    path: PathBuf,
    source: Meta,
    read_only: bool,
}

enum Job {
    Fill(Node),
    Enter {
        above: Arc<Node>,
        name: OsString,
        read_only: bool,
    },
}

/// An entry of a directory that is copied.
struct Entry<'e> {
    node: &'e Node,
    name: &'e OsStr,
    path: &'e Path,
    read_only: bool,
}

impl<G: Guide> Copy<'_, G> {
    fn perform(&self, job: Job, hand: &mut Hand<G::Log>, more: &mut Vec<Job>) -> io::Result<()> {
        let Hand { log, room } = hand;
        let node = match job {
            Job::Fill(node) => Some(node),
            Job::Enter {
                above,
                name,
                read_only,
            } => {
                let node = self.enter(&above, &name, read_only, log)?;
                self.close(above, log)?;
                node
            }
        };
        let Some(mut node) = node else {
            return Ok(());
        };
        let entries = match node.from.entries_once(room) {
            Ok(entries) => entries,
            Err(error) => {
                self.unreadable(&node.path, error, log)?;
                Vec::new()
            }
        };
        self.fill(Arc::new(node), entries, log, more)
    }

    /// Opens a directory and creates its copy; `None` when it is left out.
    fn enter(
        &self,
        above: &Node,
        name: &OsStr,
        read_only: bool,
        log: &mut G::Log,
    ) -> io::Result<Option<Node>> {
        let path = above.path.join(name);
        let opened = above.from.child(name);
        let opened = opened.and_then(|from| from.meta().map(|meta| (from, meta)));
        let (from, source) = match opened {
            Ok((_, meta)) if meta.identity == self.origin => return Ok(None),
            Ok(opened) => opened,
            Err(error) => return self.unreadable(&path, error, log).map(|()| None),
        };
        above.to.make_dir(name, 0o700)?;
        Ok(Some(Node {
            from,
            to: above.to.child(name)?,
            path,
            source,
            read_only,
        }))
    }

    fn fill(
        &self,
        node: Arc<Node>,
        entries: Vec<(OsString, Kind)>,
        log: &mut G::Log,
        more: &mut Vec<Job>,
    ) -> io::Result<()> {
        let mut path = node.path.clone();
        for (name, kind) in entries {
            if !self.guide.goes_on() {
                return Err(io::Error::other("the copy was stopped"));
            }
            path.push(&name);
            let fate = self.guide.fate(log, &path, kind);
            let read_only = node.read_only || fate == Fate::CopyReadOnly;
            let entry = Entry {
                node: &node,
                name: &name,
                path: &path,
                read_only,
            };
            match kind {
                _ if fate == Fate::Skip => {}
                Kind::File => self.file(&entry, log)?,
                Kind::Symlink => self.link(&entry, log)?,
                Kind::Other => self.pipe(&entry, log)?,
                Kind::Dir => more.push(Job::Enter {
                    above: Arc::clone(&node),
                    name,
                    read_only,
                }),
            }
            path.pop();
        }
        self.close(node, log)
    }

    /// Gives a directory its mode and time once everything in it has been created.
    fn close(&self, node: Arc<Node>, log: &mut G::Log) -> io::Result<()> {
        let Some(node) = Arc::into_inner(node) else {
            return Ok(());
        };
        if node.path.as_os_str().is_empty() {
            // The target itself belongs to the caller.
            return Ok(());
        }
        node.to.set_own_mode(node.source.mode)?;
        node.to.set_own_mtime(node.source.mtime)?;
        let copied = Copied {
            path: &node.path,
            meta: &node.to.meta()?,
            target: None,
            read_only: node.read_only,
        };
        self.guide.copied(log, &copied);
        Ok(())
    }

    fn file(&self, entry: &Entry<'_>, log: &mut G::Log) -> io::Result<()> {
        let opened = entry.node.from.open_file(entry.name);
        let opened = opened.and_then(|file| file_meta(&file).map(|meta| (file, meta)));
        let (mut source, meta) = match opened {
            Ok((file, meta)) if meta.kind == Kind::File => (file, meta),
            Ok(_) => return Ok(()),
            Err(error) => return self.unreadable(entry.path, error, log),
        };
        let barred = if entry.read_only { 0o222 } else { 0 };
        let mode = meta.mode & !barred;
        let mut copy = entry.node.to.create(entry.name, mode & 0o777)?;
        self.content(&mut source, &mut copy, meta.size)?;
        set_attributes(&copy, None, Some(meta.mtime))?;
        let mut made = file_meta(&copy)?;
        if made.mode != mode {
            // Creation is subject to a mask, and to what the directory hands down.
            set_attributes(&copy, Some(mode), None)?;
            made = file_meta(&copy)?;
        }
        let copied = Copied {
            path: entry.path,
            meta: &made,
            target: None,
            read_only: entry.read_only,
        };
        self.guide.copied(log, &copied);
        Ok(())
    }

    /// Copies a file's bytes as far as it was when it was opened, in parts so that it
    /// can be stopped.
    fn content(&self, source: &mut File, copy: &mut File, size: u64) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            if !self.guide.goes_on() {
                return Err(io::Error::other("the copy was stopped"));
            }
            let wanted = left.min(PART);
            let count = if self.by_hand.load(Ordering::Relaxed) {
                by_hand(source, copy, wanted)?
            } else {
                match by_system(source, copy, wanted) {
                    Err(
                        Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM,
                    ) => {
                        self.by_hand.store(true, Ordering::Relaxed);
                        continue;
                    }
                    copied => copied?,
                }
            };
            if count == 0 {
                // It became shorter meanwhile.
                break;
            }
            left = left.saturating_sub(count);
        }
        Ok(())
    }

    fn link(&self, entry: &Entry<'_>, log: &mut G::Log) -> io::Result<()> {
        let from = &entry.node.from;
        let found = from.stat(entry.name).and_then(|meta| {
            let meta = meta.ok_or(Errno::NOENT)?;
            Ok((meta, from.read_link(entry.name)?))
        });
        let (meta, target) = match found {
            Ok(found) => found,
            Err(error) => return self.unreadable(entry.path, error, log),
        };
        entry.node.to.make_link(entry.name, &target)?;
        entry.node.to.set_mtime(entry.name, meta.mtime)?;
        let copied = Copied {
            path: entry.path,
            meta: &meta,
            target: Some(&target),
            read_only: entry.read_only,
        };
        self.guide.copied(log, &copied);
        Ok(())
    }

    /// Makes a pipe again. Sockets and devices are more than a name, and are left out.
    fn pipe(&self, entry: &Entry<'_>, log: &mut G::Log) -> io::Result<()> {
        let found = entry.node.from.stat(entry.name);
        let meta = match found.and_then(|meta| meta.ok_or_else(|| Errno::NOENT.into())) {
            Ok(meta) => meta,
            Err(error) => return self.unreadable(entry.path, error, log),
        };
        if !entry.node.from.is_pipe(entry.name)? {
            let why = "is no file, directory, link or pipe";
            self.guide.skipped(log, entry.path, why);
            return Ok(());
        }
        let mode = if entry.read_only { 0o444 } else { meta.mode };
        entry.node.to.make_pipe(entry.name, mode)?;
        entry.node.to.set_mtime(entry.name, meta.mtime)?;
        let copied = Copied {
            path: entry.path,
            meta: &meta,
            target: None,
            read_only: entry.read_only,
        };
        self.guide.copied(log, &copied);
        Ok(())
    }

    fn unreadable(&self, path: &Path, error: io::Error, log: &mut G::Log) -> io::Result<()> {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            // Somebody else changed the tree meanwhile.
            Some(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::NXIO
                | Errno::STALE
                | Errno::INVAL,
            ) => Ok(()),
            Some(Errno::ACCESS | Errno::PERM) => {
                self.guide.skipped(log, path, "may not be read");
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// Lets the system copy: without a detour through memory, and where the file system can,
/// by sharing the storage.
#[cfg(target_os = "linux")]
fn by_system(source: &File, copy: &File, wanted: u64) -> Result<u64, Errno> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let count = rustix::fs::copy_file_range(source, None, copy, None, wanted)?;
    Ok(count as u64)
}

#[cfg(not(target_os = "linux"))]
fn by_system(_source: &File, _copy: &File, _wanted: u64) -> Result<u64, Errno> {
    Err(Errno::NOSYS)
}

fn by_hand(source: &mut File, copy: &mut File, wanted: u64) -> io::Result<u64> {
    let mut buffer = Vec::new();
    source.take(wanted.min(BUFFER)).read_to_end(&mut buffer)?;
    copy.write_all(&buffer)?;
    Ok(buffer.len() as u64)
}
