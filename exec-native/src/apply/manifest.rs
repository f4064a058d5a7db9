//! Lists of what a tree held when an action left it: the base that later changes
//! are told from. Nothing is hashed; a file counts as unchanged while kind, size,
//! mode and modification time are.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::stamp::Stamp;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Kind, Meta};
use crate::os::fs::{Attributes, Place, read_at, write_atomic};
use crate::os::tree;

const HEAD: &str = "callsheet-manifest 1";

/// What was in a tree, by path relative to its root.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Manifest(BTreeMap<PathBuf, String>);

impl Manifest {
    /// Notes an entry.
    pub(crate) fn note(&mut self, path: &Path, meta: &Meta, target: Option<&OsStr>) {
        self.0.insert(path.to_owned(), stamp(meta, target));
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

    /// Walks the entries, parents before what is in them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Path, Stamp)> {
        let entries = self.0.iter();
        entries.map(|(path, stamp)| (&**path, Stamp::parse(stamp).unwrap_or(Stamp::Other)))
    }

    /// Returns what an entry was.
    pub(crate) fn get(&self, path: &Path) -> Option<Stamp> {
        let stamp = self.0.get(path)?;
        Some(Stamp::parse(stamp).unwrap_or(Stamp::Other))
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
        if self.0.get(path) != Some(&stamp(meta, target.as_deref())) {
            return Ok(1);
        }
        dir.remove_file(name).map(|_| 0)
    }

    /// Writes the list, durably.
    pub(crate) fn save(&self, store: &Dir, name: &str) -> Result<(), ExecError> {
        let mut text = format!("{HEAD}\n");
        for (path, stamp) in &self.0 {
            text.push_str(stamp);
            text.push(' ');
            escape(path.as_os_str(), &mut text);
            text.push('\n');
        }
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
        write_atomic(&place, &temp, text.as_bytes(), attributes)
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
        let text = String::from_utf8(bytes).map_err(|_| broken()).at(&path)?;
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(broken()).at(&path);
        }
        let entries = lines.map(|line| {
            let (stamp, path) = line.rsplit_once(' ')?;
            Some((PathBuf::from(unescape(path)?), stamp.to_owned()))
        });
        let entries: Option<BTreeMap<_, _>> = entries.collect();
        entries
            .map(|entries| Some(Self(entries)))
            .ok_or_else(broken)
            .at(&path)
    }
}

fn link_target(dir: &Dir, name: &OsStr, meta: &Meta) -> io::Result<Option<OsString>> {
    (meta.kind == Kind::Symlink)
        .then(|| dir.read_link(name))
        .transpose()
}

/// What must stay the same about an entry.
fn stamp(meta: &Meta, target: Option<&OsStr>) -> String {
    let mut text = String::new();
    match (meta.kind, target) {
        (Kind::Symlink, Some(target)) => {
            text.push_str("l ");
            escape(target, &mut text);
        }
        (Kind::Dir, _) => text = format!("d {:o}", meta.mode),
        (Kind::File, _) => {
            let mtime = meta.mtime;
            let times = format!("{}.{:09}", mtime.seconds, mtime.nanos);
            text = format!("f {:o} {} {times}", meta.mode, meta.size);
        }
        (Kind::Other | Kind::Symlink, _) => text.push('o'),
    }
    text
}

/// Writes a name so that it has no space, newline or byte outside ASCII.
pub(crate) fn escape(name: &OsStr, out: &mut String) {
    for byte in name.as_bytes() {
        if byte.is_ascii_graphic() && *byte != b'%' {
            out.push(char::from(*byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02x}");
        }
    }
}

pub(crate) fn unescape(text: &str) -> Option<OsString> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escaped.get(..2)?, 16).ok()?);
        rest = escaped.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_bytes_survive() {
        for name in [&b"a b\n%"[..], b"\xff\xfe", "é".as_bytes(), b"plain"] {
            let name = OsStr::from_bytes(name);
            let mut text = String::new();
            escape(name, &mut text);
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
            assert_eq!(unescape(&text).as_deref(), Some(name));
        }
        assert_eq!(unescape("a%f"), None);
    }
}
