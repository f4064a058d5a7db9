//! Lists of what a tree held when an action left it: the base that later changes
//! are told from. Nothing is hashed; a file counts as unchanged while kind, size,
//! mode and modification time are, and in a list that knows it the time of the last
//! change of any kind, which nobody can set back.

mod text;

pub(crate) use text::{escape, unescape};

use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta, Mtime};
use crate::os::fs::{Attributes, Place, descend, have_same_content, read_at, write_atomic};
use crate::os::tree::{self, Copied};

/// What was in a tree, by path relative to its root.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manifest {
    /// Device and inode of the root, if it is known.
    root: Option<(u64, u64)>,
    /// Paths and link targets, end to end: there are many entries.
    text: Vec<u8>,
    rows: Vec<Row>,
    /// Whether the rows are in the order of their paths.
    is_sorted: bool,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    start: usize,
    path: u32,
    target: u32,
    kind: Kind,
    is_read_only: bool,
    mode: u16,
    size: u64,
    mtime: Mtime,
    ctime: Option<Mtime>,
    inode: u64,
}

/// An entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry<'m> {
    pub(crate) path: &'m Path,
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) size: u64,
    pub(crate) mtime: Mtime,
    /// When anything about the file changed last, with its inode; lists of old do not
    /// have it.
    pub(crate) ctime: Option<(Mtime, u64)>,
    pub(crate) target: Option<&'m OsStr>,
    /// Whether it was copied so that it may not be written.
    pub(crate) is_read_only: bool,
}

/// How an entry compares with what stands there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is the same.
    Same,
    /// It was changed.
    Changed,
    /// Somebody did something to the file, and what can be seen is as before.
    Doubtful,
}

impl Entry<'_> {
    /// Compares with what stands there now.
    pub(crate) fn judge(&self, meta: &Meta, target: Option<&OsStr>) -> Verdict {
        let same = |same| {
            if same {
                Verdict::Same
            } else {
                Verdict::Changed
            }
        };
        if self.kind != meta.kind {
            return Verdict::Changed;
        }
        match self.kind {
            Kind::Symlink => same(self.target == target),
            Kind::Dir => same(self.mode == meta.mode),
            Kind::Other => Verdict::Same,
            Kind::File => {
                let is_alike =
                    (self.mode, self.size, self.mtime) == (meta.mode, meta.size, meta.mtime);
                match self.ctime {
                    Some(known) if is_alike && known != (meta.ctime, meta.identity.1) => {
                        Verdict::Doubtful
                    }
                    _ => same(is_alike),
                }
            }
        }
    }
}

impl Manifest {
    /// Notes an entry.
    pub(crate) fn note(&mut self, path: &Path, meta: &Meta, target: Option<&OsStr>) {
        self.note_copied(&Copied {
            path,
            meta,
            target,
            read_only: false,
        });
    }

    /// Notes an entry of a copy.
    pub(crate) fn note_copied(&mut self, copied: &Copied<'_>) {
        let meta = copied.meta;
        self.push(&Entry {
            path: copied.path,
            kind: meta.kind,
            mode: meta.mode,
            size: meta.size,
            mtime: meta.mtime,
            ctime: (meta.kind == Kind::File).then_some((meta.ctime, meta.identity.1)),
            target: copied.target,
            is_read_only: copied.read_only,
        });
    }

    /// Notes which directory the list is about.
    pub(crate) fn note_root(&mut self, identity: (u64, u64)) {
        self.root = Some(identity);
    }

    /// Returns device and inode of the directory that the list is about.
    pub(crate) const fn root(&self) -> Option<(u64, u64)> {
        self.root
    }

    fn push(&mut self, entry: &Entry<'_>) {
        let path = entry.path.as_os_str().as_bytes();
        let target = entry.target.map_or(&[][..], OsStr::as_bytes);
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.rows.push(Row {
            start: self.text.len(),
            path: short(path.len()),
            target: short(target.len()),
            kind: entry.kind,
            is_read_only: entry.is_read_only,
            mode: u16::try_from(entry.mode & 0o7777).unwrap_or(0),
            size: entry.size,
            mtime: entry.mtime,
            ctime: entry.ctime.map(|(ctime, _)| ctime),
            inode: entry.ctime.map_or(0, |(_, inode)| inode),
        });
        self.text.extend_from_slice(path);
        self.text.extend_from_slice(target);
        self.is_sorted = false;
    }

    /// Takes over the entries of another list.
    pub(crate) fn append(&mut self, other: &Self) {
        let offset = self.text.len();
        self.text.extend_from_slice(&other.text);
        self.rows.extend(other.rows.iter().map(|row| Row {
            start: row.start + offset,
            ..*row
        }));
        self.is_sorted = false;
    }

    /// Drops a path with everything below it.
    pub(crate) fn forget(&mut self, path: &Path) {
        let Self { text, rows, .. } = self;
        rows.retain(|row| !Path::new(OsStr::from_bytes(row.path(text))).starts_with(path));
    }

    /// Brings the entries into order, so that they are found at once.
    pub(crate) fn sort(&mut self) {
        let text = &self.text;
        self.rows
            .sort_unstable_by(|one, other| one.path(text).cmp(other.path(text)));
        self.is_sorted = true;
    }

    /// Returns how many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Lists the entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows.iter().map(|row| row.entry(&self.text))
    }

    /// Finds an entry.
    pub(crate) fn get(&self, path: &Path) -> Option<Entry<'_>> {
        self.find(path).map(|(_, entry)| entry)
    }

    fn find(&self, path: &Path) -> Option<(usize, Entry<'_>)> {
        let wanted = path.as_os_str().as_bytes();
        let order = |row: &Row| row.path(&self.text).cmp(wanted);
        let index = if self.is_sorted {
            self.rows.binary_search_by(order).ok()
        } else {
            self.rows
                .iter()
                .rposition(|row| order(row) == Ordering::Equal)
        };
        let index = index?;
        Some((index, self.rows.get(index)?.entry(&self.text)))
    }

    /// Notes what stands at a place now; `below` is its path in the list.
    pub(crate) fn capture(&mut self, place: &Place, below: &Path) -> io::Result<()> {
        let Some(meta) = place.dir.stat(&place.name)? else {
            return Ok(());
        };
        if meta.kind == Kind::Dir {
            let dir = place.dir.child(&place.name)?;
            tree::walk(&dir, below, &mut |dir, name, path, meta| {
                let target = link_target(dir, name, meta)?;
                self.note(path, meta, target.as_deref());
                Ok(())
            })?;
        }
        let target = link_target(&place.dir, &place.name, &meta)?;
        self.note(below, &meta, target.as_deref());
        Ok(())
    }

    /// Removes what stands at a place as far as it is as listed; returns how many
    /// entries were left because they are not.
    pub(crate) fn remove_unchanged(&self, place: &Place, below: &Path) -> io::Result<usize> {
        let Some(meta) = place.dir.stat(&place.name)? else {
            return Ok(0);
        };
        let mut left = 0;
        if meta.kind == Kind::Dir {
            let dir = place.dir.child(&place.name)?;
            tree::walk(&dir, below, &mut |dir, name, path, meta| {
                left += self.remove_entry(dir, name, path, meta)?;
                Ok(())
            })?;
        }
        left += self.remove_entry(&place.dir, &place.name, below, &meta)?;
        Ok(left)
    }

    fn remove_entry(&self, dir: &Dir, name: &OsStr, path: &Path, meta: &Meta) -> io::Result<usize> {
        if meta.kind == Kind::Dir {
            // What was left in a directory was counted already.
            return match dir.remove_dir(name) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(0),
                result => result.map(|_| 0),
            };
        }
        let target = link_target(dir, name, meta)?;
        let verdict = self
            .get(path)
            .map(|entry| entry.judge(meta, target.as_deref()));
        // Backups by hard links touch a file and do not change it.
        if !matches!(verdict, Some(Verdict::Same | Verdict::Doubtful)) {
            return Ok(1);
        }
        dir.remove_file(name).map(|_| 0)
    }

    /// Writes the list, durably.
    pub(crate) fn save(&self, store: &Dir, name: &str) -> Result<(), ExecError> {
        let dir = store.try_clone().at(store.path())?;
        let place = Place {
            dir,
            name: name.into(),
        };
        let attributes = Attributes {
            mode: Some(0o600),
            mtime: None,
        };
        let temp = OsString::from(format!("{name}.tmp"));
        write_atomic(&place, &temp, text::print(self).as_bytes(), attributes)
            .and_then(|()| store.sync())
            .at(store.path().join(name))
    }

    /// Reads a list; `None` when it was never written.
    pub(crate) fn load(store: &Dir, name: &str) -> Result<Option<Self>, ExecError> {
        let path = store.path().join(name);
        if store.stat(OsStr::new(name)).at(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = read_at(store, OsStr::new(name)).at(&path)?;
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "is no list of a tree");
        let manifest = text::read(&bytes).ok_or_else(broken).at(&path)?;
        Ok(Some(manifest))
    }
}

impl Row {
    fn path<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let end = self.start + self.path as usize;
        text.get(self.start..end).unwrap_or_default()
    }

    fn entry<'t>(&self, text: &'t [u8]) -> Entry<'t> {
        let start = self.start + self.path as usize;
        let target = text.get(start..start + self.target as usize);
        Entry {
            path: Path::new(OsStr::from_bytes(self.path(text))),
            kind: self.kind,
            mode: self.mode.into(),
            size: self.size,
            mtime: self.mtime,
            ctime: self.ctime.map(|ctime| (ctime, self.inode)),
            target: target
                .filter(|_| self.kind == Kind::Symlink)
                .map(OsStr::from_bytes),
            is_read_only: self.is_read_only,
        }
    }
}

/// Tells whether a file still has the content of what it was copied from, which has not
/// changed since.
pub(crate) fn is_as_origin(
    entry: &Entry<'_>,
    (dir, name): (&Dir, &OsStr),
    origin: Option<&Dir>,
) -> bool {
    let compare = |origin: &Dir| -> io::Result<bool> {
        let Some(above) = descend(origin, entry.path.parent().unwrap_or(Path::new("")))? else {
            return Ok(false);
        };
        let file = entry.path.file_name().unwrap_or_default();
        let Some(meta) = above.stat(file)? else {
            return Ok(false);
        };
        let is_as_then =
            (meta.kind, meta.size, meta.mtime) == (Kind::File, entry.size, entry.mtime);
        Ok(is_as_then && have_same_content((&above, file), (dir, name))?)
    };
    origin.is_some_and(|origin| compare(origin).unwrap_or(false))
}

fn link_target(dir: &Dir, name: &OsStr, meta: &Meta) -> io::Result<Option<OsString>> {
    (meta.kind == Kind::Symlink)
        .then(|| dir.read_link(name))
        .transpose()
}
