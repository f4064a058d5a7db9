//! What stands at a path, as far as it can be told without reading contents.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io;

use super::manifest::{Entry, escape, unescape};
use crate::os::dir::{Dir, Kind, Meta, Mtime};

/// The permission bits that are compared and carried over; the others are never given to
/// a file that comes from a view.
pub(crate) const BITS: u32 = 0o777;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Nothing.
    Absent,
    /// A directory.
    Dir {
        /// Its permission bits.
        mode: u32,
    },
    /// A regular file.
    File {
        /// Its permission bits.
        mode: u32,
        /// Its size.
        size: u64,
        /// When it was changed last.
        mtime: Mtime,
    },
    /// A symbolic link and what it points to.
    Link(OsString),
    /// A pipe, socket or device.
    Other,
}

impl Stamp {
    /// Describes what was looked at.
    pub(crate) fn of(meta: &Meta, target: Option<OsString>) -> Self {
        match (meta.kind, target) {
            (Kind::Dir, _) => Self::Dir {
                mode: meta.mode & BITS,
            },
            (Kind::File, _) => Self::File {
                mode: meta.mode & BITS,
                size: meta.size,
                mtime: meta.mtime,
            },
            (Kind::Symlink, Some(target)) => Self::Link(target),
            (Kind::Symlink | Kind::Other, _) => Self::Other,
        }
    }

    /// Describes what a list says.
    pub(crate) fn listed(entry: &Entry<'_>) -> Self {
        let mode = entry.mode & BITS;
        match entry.kind {
            Kind::Dir => Self::Dir { mode },
            Kind::File => Self::File {
                mode,
                size: entry.size,
                mtime: entry.mtime,
            },
            Kind::Symlink => entry
                .target
                .map_or(Self::Other, |target| Self::Link(target.to_owned())),
            Kind::Other => Self::Other,
        }
    }

    /// Looks at a name.
    pub(crate) fn at(dir: &Dir, name: &OsStr) -> io::Result<Self> {
        let Some(meta) = dir.stat(name)? else {
            return Ok(Self::Absent);
        };
        let target = (meta.kind == Kind::Symlink).then(|| dir.read_link(name));
        Ok(Self::of(&meta, target.transpose()?))
    }

    /// Tells whether it is a file or link.
    pub(crate) const fn is_leaf(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Link(_))
    }

    /// Tells whether it is a directory.
    pub(crate) const fn is_dir(&self) -> bool {
        matches!(self, Self::Dir { .. })
    }

    /// Returns the size of a file.
    pub(crate) const fn size(&self) -> Option<u64> {
        match self {
            Self::File { size, .. } => Some(*size),
            _ => None,
        }
    }

    /// Writes it as one word.
    pub(crate) fn print(&self) -> String {
        match self {
            Self::Absent => "-".into(),
            Self::Dir { mode } => format!("d,{mode:o}"),
            Self::File { mode, size, mtime } => {
                format!("f,{mode:o},{size},{}", print_time(*mtime))
            }
            Self::Link(target) => {
                let mut text = String::from("l,");
                escape(target, &mut text);
                text
            }
            Self::Other => "o".into(),
        }
    }

    /// Reads what [`Stamp::print`] or a list of a tree wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once([',', ' ']).unwrap_or((text, ""));
        let mut words = rest.split([',', ' ']);
        let mut octal = || u32::from_str_radix(words.next()?, 8).ok();
        Some(match kind {
            "-" => Self::Absent,
            "o" => Self::Other,
            "l" => Self::Link(unescape(rest)?),
            "d" => Self::Dir {
                mode: octal()? & BITS,
            },
            "f" => Self::File {
                mode: octal()? & BITS,
                size: words.next()?.parse().ok()?,
                mtime: parse_time(words.next()?)?,
            },
            _ => return None,
        })
    }
}

/// Writes a time as one word.
pub(crate) fn print_time(time: Mtime) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(text, "{}.{:09}", time.seconds, time.nanos);
    text
}

/// Reads what [`print_time`] wrote.
pub(crate) fn parse_time(text: &str) -> Option<Mtime> {
    let (seconds, nanos) = text.split_once('.')?;
    Some(Mtime {
        seconds: seconds.parse().ok()?,
        nanos: nanos.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_survive_being_written() {
        let mtime = Mtime {
            seconds: -5,
            nanos: 7,
        };
        let file = Stamp::File {
            mode: 0o644,
            size: 12,
            mtime,
        };
        let link = Stamp::Link("a, b/%".into());
        for stamp in [
            Stamp::Absent,
            Stamp::Dir { mode: 0o755 },
            file.clone(),
            link,
            Stamp::Other,
        ] {
            let text = stamp.print();
            assert!(!text.contains(' '), "{text}");
            assert_eq!(Stamp::parse(&text), Some(stamp));
        }
        assert_eq!(Stamp::parse("f 100644 12 -5.000000007"), Some(file));
        assert_eq!(Stamp::parse("f,644"), None);
    }
}
