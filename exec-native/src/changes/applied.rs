//! What was brought back from a view already: from then on that is the base of later
//! changes. A list that only grows; what a crash leaves at its end is ignored.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::apply::manifest::unescape;
use crate::apply::ops::word;
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::durable::sync_file;
use crate::os::fs::read_at;

const FILE: &str = "applied.list";

/// What stood in the view and in the project when a path was dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) view: Stamp,
    pub(super) project: Stamp,
    pub(super) how: How,
}

/// How a path was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// The view's version came to the project.
    Brought,
    /// The project's version, which is the user's, stayed.
    Settled,
    /// The user's version came to the view.
    Inward,
}

impl How {
    const fn word(self) -> &'static str {
        match self {
            How::Brought => "brought",
            How::Settled => "settled",
            How::Inward => "inward",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let all = [How::Brought, How::Settled, How::Inward];
        all.into_iter().find(|how| how.word() == word)
    }
}

impl Pair {
    /// Tells whether what stood in the project was the user's version, of which there may
    /// be no other.
    pub(super) fn is_users(&self) -> bool {
        self.how != How::Brought
    }
}

/// The paths that were dealt with.
#[derive(Debug, Clone, Default)]
pub(super) struct Applied(BTreeMap<PathBuf, Pair>);

impl Applied {
    /// Reads the list in a run's directory.
    pub(super) fn load(dir: &Dir) -> Result<Self, ExecError> {
        let bytes = match read_at(dir, OsStr::new(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            bytes => bytes.at(dir.path().join(FILE))?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut known = BTreeMap::new();
        for line in text.split_inclusive('\n') {
            // A line without its end is torn.
            let Some((path, pair)) = line.strip_suffix('\n').and_then(parse) else {
                continue;
            };
            known.insert(path, pair);
        }
        Ok(Self(known))
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Pair> {
        self.0.get(path)
    }

    /// Adds to the list in a run's directory, durably.
    pub(super) fn add(
        dir: &Dir,
        more: impl IntoIterator<Item = (PathBuf, Pair)>,
    ) -> Result<(), ExecError> {
        let lines = more.into_iter().map(|(path, pair)| {
            let (view, project) = (pair.view.print(), pair.project.print());
            format!(
                "{} {view} {project} {}\n",
                word(path.as_os_str()),
                pair.how.word()
            )
        });
        let text: String = lines.collect();
        if text.is_empty() {
            return Ok(());
        }
        let write = || {
            let mut file = dir.open_or_create(OsStr::new(FILE), 0o600)?;
            // What a crash tore is ended, so that it does not swallow the first new line.
            file.write_all(format!("\n{text}").as_bytes())?;
            sync_file(&file)
        };
        write().at(dir.path().join(FILE))
    }
}

fn parse(line: &str) -> Option<(PathBuf, Pair)> {
    let mut words = line.split(' ');
    let path = PathBuf::from(unescape(words.next()?)?);
    let view = Stamp::parse(words.next()?)?;
    let project = Stamp::parse(words.next()?)?;
    let how = How::parse(words.next()?)?;
    let pair = Pair { view, project, how };
    words.next().is_none().then_some((path, pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_a_torn_one_does_not() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = Dir::open(temp.path()).expect("a directory");
        let pair = |mode| Pair {
            view: Stamp::Dir { mode },
            project: Stamp::Absent,
            how: How::Settled,
        };
        let path = |text: &str| PathBuf::from(text);
        Applied::add(&dir, [(path("a b"), pair(0o700))]).expect("a list");
        let mut file = dir.open_or_create(OsStr::new(FILE), 0o600).expect("a file");
        file.write_all(b"torn d,7").expect("a torn line");
        Applied::add(&dir, [(path("a b"), pair(0o755)), (path("c"), pair(1))]).expect("a list");
        file.write_all(b"c d,2 -").expect("a torn line");
        let known = Applied::load(&dir).expect("a list");
        assert_eq!(known.get(Path::new("a b")), Some(&pair(0o755)));
        assert_eq!(known.get(Path::new("c")), Some(&pair(1)));
        assert_eq!(known.0.len(), 2);
    }
}
