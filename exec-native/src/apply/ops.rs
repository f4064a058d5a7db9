//! Lists of what a transfer does to a project, one line each: what the executor is given,
//! and what its undo needs.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::manifest::{escape, unescape};
use super::stamp::{Stamp, parse_time, print_time};
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Mtime};
use crate::os::fs::{Attributes, Place, read, read_at, write_atomic};

const HEAD: &str = "callsheet-transfer 1";
/// Up to so many paths are claimed one by one; a longer list claims the whole project.
const CLAIMS: usize = 1024;

/// One change of a project; the path is relative to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    pub(crate) path: PathBuf,
    pub(crate) deed: Deed,
}

/// What is done at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A file or link goes.
    Remove { before: Stamp },
    /// A directory goes if it is empty.
    RemoveDir { mode: u32, mtime: Mtime },
    /// A directory comes.
    MakeDir { mode: u32 },
    /// A file comes, or replaces what stands there.
    Write {
        before: Stamp,
        after: Stamp,
        /// Where its content is.
        from: PathBuf,
        /// When anything about the source changed last.
        ctime: Mtime,
    },
    /// A link comes, or replaces what stands there.
    Link { before: Stamp, after: Stamp },
    /// Permission bits change.
    Chmod { from: u32, to: u32 },
}

impl Op {
    /// Returns what must stand at the path before, when a backup of it is needed.
    pub(crate) const fn before(&self) -> Option<&Stamp> {
        match &self.deed {
            Deed::Remove { before } | Deed::Write { before, .. } | Deed::Link { before, .. } => {
                Some(before)
            }
            Deed::RemoveDir { .. } | Deed::MakeDir { .. } | Deed::Chmod { .. } => None,
        }
    }

    fn print(&self) -> String {
        let path = word(self.path.as_os_str());
        match &self.deed {
            Deed::Remove { before } => format!("remove {path} {}", before.print()),
            Deed::RemoveDir { mode, mtime } => {
                format!("rmdir {path} {mode:o} {}", print_time(*mtime))
            }
            Deed::MakeDir { mode } => format!("mkdir {path} {mode:o}"),
            Deed::Write {
                before,
                after,
                from,
                ctime,
            } => format!(
                "write {path} {} {} {} {}",
                before.print(),
                after.print(),
                word(from.as_os_str()),
                print_time(*ctime)
            ),
            Deed::Link { before, after } => {
                format!("link {path} {} {}", before.print(), after.print())
            }
            Deed::Chmod { from, to } => format!("chmod {path} {from:o} {to:o}"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let verb = words.next()?;
        let path = PathBuf::from(unescape(words.next()?)?);
        let octal = |word: Option<&str>| u32::from_str_radix(word?, 8).ok();
        let deed = match verb {
            "remove" => Deed::Remove {
                before: Stamp::parse(words.next()?)?,
            },
            "rmdir" => Deed::RemoveDir {
                mode: octal(words.next())?,
                mtime: parse_time(words.next()?)?,
            },
            "mkdir" => Deed::MakeDir {
                mode: octal(words.next())?,
            },
            "write" => Deed::Write {
                before: Stamp::parse(words.next()?)?,
                after: Stamp::parse(words.next()?)?,
                from: PathBuf::from(unescape(words.next()?)?),
                ctime: parse_time(words.next()?)?,
            },
            "link" => Deed::Link {
                before: Stamp::parse(words.next()?)?,
                after: Stamp::parse(words.next()?)?,
            },
            "chmod" => Deed::Chmod {
                from: octal(words.next())?,
                to: octal(words.next())?,
            },
            _ => return None,
        };
        words.next().is_none().then_some(Self { path, deed })
    }
}

/// Writes a name without spaces and line ends.
pub(crate) fn word(name: &OsStr) -> String {
    let mut text = String::new();
    escape(name, &mut text);
    text
}

/// Writes a list, durably.
pub(crate) fn save(ops: &[Op], store: &Dir, name: &str) -> Result<(), ExecError> {
    let mut text = format!("{HEAD}\n");
    for op in ops {
        text += &op.print();
        text.push('\n');
    }
    let path = store.path().join(name);
    let place = Place {
        dir: store.try_clone().at(&path)?,
        name: name.into(),
    };
    let attributes = Attributes {
        mode: Some(0o600),
        mtime: None,
    };
    let temp = OsString::from(format!("{name}.tmp"));
    write_atomic(&place, &temp, text.as_bytes(), attributes)
        .and_then(|()| store.sync())
        .at(path)
}

/// Reads a list that a caller names.
pub(crate) fn load(path: &Path) -> Result<Vec<Op>, ExecError> {
    read(path).and_then(|bytes| parse(&bytes)).at(path)
}

/// Reads a list in a store; `None` when it was never written.
pub(crate) fn load_at(store: &Dir, name: &str) -> Result<Option<Vec<Op>>, ExecError> {
    let read = match read_at(store, OsStr::new(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read,
    };
    read.and_then(|bytes| parse(&bytes))
        .at(store.path().join(name))
        .map(Some)
}

fn parse(bytes: &[u8]) -> io::Result<Vec<Op>> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "is no list of a transfer");
    let text = std::str::from_utf8(bytes).map_err(|_| broken())?;
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(broken());
    }
    let ops: Option<Vec<Op>> = lines.map(Op::parse).collect();
    ops.ok_or_else(broken)
}

/// Lists the paths that a transfer claims. What is no text cannot be in another run's
/// claims either.
pub(crate) fn claims(list: &str, to: &str) -> Vec<String> {
    let Ok(ops) = load(Path::new(list)) else {
        return vec![to.to_owned()];
    };
    if ops.len() > CLAIMS {
        return vec![to.to_owned()];
    }
    let paths = ops.iter().map(|op| Path::new(to).join(&op.path));
    paths
        .filter_map(|path| path.into_os_string().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_survive_being_written() {
        use std::os::unix::ffi::OsStrExt as _;
        let time = Mtime {
            seconds: 1,
            nanos: 2,
        };
        let file = |size| Stamp::File {
            mode: 0o600,
            size,
            mtime: time,
        };
        let deeds = [
            Deed::Remove { before: file(1) },
            Deed::RemoveDir {
                mode: 0o755,
                mtime: time,
            },
            Deed::MakeDir { mode: 0o700 },
            Deed::Write {
                before: Stamp::Absent,
                after: file(2),
                from: "/x y".into(),
                ctime: time,
            },
            Deed::Link {
                before: file(3),
                after: Stamp::Link("t".into()),
            },
            Deed::Chmod {
                from: 0o644,
                to: 0o755,
            },
        ];
        let path = PathBuf::from(OsStr::from_bytes(b"a \xff\n%/b"));
        let ops: Vec<Op> = deeds
            .into_iter()
            .map(|deed| Op {
                path: path.clone(),
                deed,
            })
            .collect();
        let temp = tempfile::tempdir().expect("a directory");
        let store = Dir::open(temp.path()).expect("a directory");
        save(&ops, &store, "x.list").expect("a list");
        assert_eq!(load_at(&store, "x.list").expect("a list"), Some(ops));
        assert_eq!(load_at(&store, "y.list").expect("no list"), None);
    }
}
