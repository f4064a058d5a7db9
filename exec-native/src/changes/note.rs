//! What a run's directory says about its view: which directory it is, so that another one
//! in its place is not taken for it, and what it hides and protects.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use plan_core::base::json::{self, Value, Writer};

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::mount::patterns::{Patterns, Said, is_made_again};
use crate::os::dir::Dir;
use crate::os::durable::sync_file;
use crate::os::fs::{read, read_at};

const FILE: &str = "view.json";
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The note about a view.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ViewNote {
    /// Device and inode of the view's directory.
    identity: (u64, u64),
    /// Which start of the system the device's number is from.
    boot: String,
    /// What the view hides, in gitignore syntax.
    pub(super) ignored: Vec<String>,
    /// What it protects.
    pub(super) readonly: Vec<String>,
}

impl ViewNote {
    /// Describes a view that is there.
    pub(crate) fn about(
        root: &Path,
        ignored: &[String],
        readonly: &[String],
    ) -> Result<Self, ExecError> {
        let meta = Dir::open(root).and_then(|dir| dir.meta()).at(root)?;
        Ok(Self {
            identity: meta.identity,
            boot: boot(),
            ignored: ignored.to_vec(),
            readonly: readonly.to_vec(),
        })
    }

    /// Leaves the note in a run's directory.
    pub(crate) fn save(&self, dir: &Dir) -> Result<(), ExecError> {
        let mut out = Writer::compact();
        out.begin_object();
        out.field("device", &self.identity.0.to_string());
        out.field("inode", &self.identity.1.to_string());
        out.field("boot", &self.boot);
        out.field("ignored", &self.ignored);
        out.field("readonly", &self.readonly);
        out.end_object();
        let text = out.finish();
        let (name, temp) = (OsStr::new(FILE), OsStr::new("view.json.tmp"));
        let write = || {
            dir.remove_file(temp)?;
            let mut file = dir.create(temp, 0o600)?;
            file.write_all(text.as_bytes())?;
            if !self.ignored.is_empty() || !self.readonly.is_empty() {
                // Without its patterns a view would bring back what it must not.
                sync_file(&file)?;
            }
            dir.rename(temp, dir, name)
        };
        write().at(dir.path().join(FILE))
    }

    /// Reads the note of a run; `None` when it left none.
    pub(super) fn load(dir: &Dir) -> Result<Option<Self>, ExecError> {
        let path = dir.path().join(FILE);
        let bytes = match read_at(dir, OsStr::new(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.at(&path)?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let note = json::read(&text).ok().and_then(|value| Self::of(&value));
        note.map(Some).ok_or_else(|| {
            let message = "the note about the view is damaged";
            ExecError::new(ExecErrorKind::Failed, message).at(path)
        })
    }

    fn of(value: &Value<'_>) -> Option<Self> {
        let number = |key| value.get_str(key)?.parse().ok();
        let lines = |key| {
            let items = value.get(key)?.as_array()?.iter();
            items
                .map(|item| item.as_str().map(String::from))
                .collect::<Option<Vec<_>>>()
        };
        Some(Self {
            identity: (number("device")?, number("inode")?),
            boot: value.get_str("boot")?.to_owned(),
            ignored: lines("ignored")?,
            readonly: lines("readonly")?,
        })
    }

    /// Tells whether a directory is the one of the note. Devices may get other numbers
    /// when the system starts again.
    pub(super) fn names(&self, root: &Dir) -> io::Result<bool> {
        let (device, inode) = root.meta()?.identity;
        Ok(inode == self.identity.1 && (device == self.identity.0 || self.boot != boot()))
    }
}

fn boot() -> String {
    let text = read(Path::new(BOOT)).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// What a view hides and protects.
#[derive(Debug)]
pub(super) struct Rules {
    ignored: Patterns,
    readonly: Patterns,
}

impl Rules {
    pub(super) fn of(note: &ViewNote) -> Result<Self, ExecError> {
        Ok(Self {
            ignored: Patterns::read(&note.ignored)?,
            readonly: Patterns::read(&note.readonly)?,
        })
    }

    /// Tells whether a path is hidden, by itself or by a directory above it.
    pub(super) fn hides(&self, path: &Path, is_dir: bool) -> bool {
        applies(&self.ignored, path, is_dir)
    }

    /// Tells whether a copy leaves a path out because it can be made again.
    pub(super) fn leaves_out(&self, path: &Path, is_dir: bool) -> bool {
        is_made_again(path, is_dir) && self.ignored.say(path, is_dir) != Said::Excepted
    }

    /// Tells whether a path is protected.
    pub(super) fn protects(&self, path: &Path, is_dir: bool) -> bool {
        applies(&self.readonly, path, is_dir)
    }
}

fn applies(rules: &Patterns, path: &Path, is_dir: bool) -> bool {
    let mut walked = PathBuf::new();
    let mut segments = path.components().peekable();
    while let Some(segment) = segments.next() {
        walked.push(segment);
        let is_dir = is_dir || segments.peek().is_some();
        if rules.say(&walked, is_dir) == Said::Meant {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_survive_and_know_their_directory() {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = Dir::open(temp.path()).expect("a directory");
        assert_eq!(ViewNote::load(&dir).expect("a look"), None);
        let lines = ["/secrets/".to_owned(), "*.pem".to_owned()];
        let note = ViewNote::about(temp.path(), &lines, &["docs".to_owned()]).expect("a note");
        note.save(&dir).expect("a file");
        let read = ViewNote::load(&dir).expect("a look").expect("a note");
        assert_eq!(read, note);
        assert!(read.names(&dir).expect("a look"));
        let other = tempfile::tempdir().expect("a directory");
        let other = Dir::open(other.path()).expect("a directory");
        assert!(!read.names(&other).expect("a look"));
        let rules = Rules::of(&read).expect("patterns");
        assert!(rules.hides(Path::new("secrets/deep/key"), false));
        assert!(rules.hides(Path::new("a/x.pem"), false));
        assert!(!rules.hides(Path::new("secrets"), false));
        assert!(rules.protects(Path::new("docs/a"), false));
    }
}
