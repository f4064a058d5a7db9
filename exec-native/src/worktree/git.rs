//! Calls of git for worktrees: what they are told, and what their complaints mean.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::rest;
use crate::os::git::Asked;
use crate::os::lock::Lock;
use crate::os::rng;

/// How often something is tried again that failed because others were at work.
pub(super) const RETRIES: u32 = 5;

/// Who commits what nobody else committed.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "callsheet"),
    ("GIT_AUTHOR_EMAIL", "callsheet@localhost"),
    ("GIT_COMMITTER_NAME", "callsheet"),
    ("GIT_COMMITTER_EMAIL", "callsheet@localhost"),
];

/// Settings of every call: nothing is signed, and submodules are left alone.
const SETTINGS: [&str; 10] = [
    "-c",
    "commit.gpgSign=false",
    "-c",
    "tag.gpgSign=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "protocol.version=2",
    "-c",
    "core.quotePath=false",
];

/// Settings by which what is written survives a power cut.
const DURABLE: [&str; 4] = [
    "-c",
    "core.fsync=committed,loose-object",
    "-c",
    "core.fsyncMethod=batch",
];

/// The git data of a tree and its files. Git is always told both: in a directory whose
/// `.git` was removed it would look further up and find somebody else's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) git_dir: PathBuf,
    pub(super) path: PathBuf,
}

/// A call of git.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    dir: &'a Path,
    files: Option<&'a Files>,
    index: Option<&'a Path>,
    lock: Option<&'a Lock>,
    input: &'a [u8],
    fetches: bool,
}

impl<'a> Call<'a> {
    /// Git in a repository's directory.
    pub(super) fn new(dir: &'a Path) -> Self {
        Self {
            dir,
            files: None,
            index: None,
            lock: None,
            input: b"",
            fetches: false,
        }
    }

    /// Git in a tree.
    pub(super) fn within(files: &'a Files) -> Self {
        Self {
            files: Some(files),
            ..Self::new(&files.path)
        }
    }

    /// With an index of our own.
    pub(super) fn index(self, index: &'a Path) -> Self {
        Self {
            index: Some(index),
            ..self
        }
    }

    /// With a lock that git holds with us.
    pub(super) fn holding(self, lock: &'a Lock) -> Self {
        Self {
            lock: Some(lock),
            ..self
        }
    }

    /// With a text to read.
    pub(super) fn told(self, input: &'a [u8]) -> Self {
        Self { input, ..self }
    }

    /// Where a partial clone may fetch what it lacks.
    pub(super) fn fetching(self) -> Self {
        Self {
            fetches: true,
            ..self
        }
    }

    /// Runs git; returns what it printed.
    pub(super) fn run(self, args: &[&str]) -> Result<Vec<u8>, Refusal> {
        self.run_on(args, &[])
    }

    /// As [`Call::run`], with paths and the like behind the arguments.
    pub(super) fn run_on(self, args: &[&str], paths: &[&OsStr]) -> Result<Vec<u8>, Refusal> {
        let mut asked = Asked::new(self.dir).with("GIT_ADVICE", OsStr::new("0"));
        for (name, value) in IDENTITY {
            asked = asked.with(name, OsStr::new(value));
        }
        if let Some(files) = self.files {
            asked = asked.with("GIT_DIR", files.git_dir.as_os_str());
            asked = asked.with("GIT_WORK_TREE", files.path.as_os_str());
        }
        if let Some(index) = self.index {
            asked = asked.with("GIT_INDEX_FILE", index.as_os_str());
        }
        if self.fetches {
            asked = asked.with("GIT_NO_LAZY_FETCH", OsStr::new("0"));
        }
        asked = match self.lock {
            Some(lock) => asked.holding(lock),
            None => asked.told(self.input),
        };
        let words = SETTINGS.iter().chain(&DURABLE).chain(args);
        let words: Vec<&OsStr> = words.map(OsStr::new).chain(paths.iter().copied()).collect();
        let what = args.iter().copied().find(|word| !word.starts_with('-'));
        let what = what.unwrap_or_default().to_owned();
        match asked.run(&words) {
            Ok(output) if output.status.success() => Ok(output.stdout),
            Ok(output) => Err(Refusal {
                what,
                code: output.status.code(),
                stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                missing: None,
            }),
            Err(error) => Err(Refusal {
                what,
                code: None,
                stderr: String::new(),
                missing: Some(error),
            }),
        }
    }

    /// Runs git and returns what it printed as one line.
    pub(super) fn line(self, args: &[&str]) -> Result<String, Refusal> {
        let text = String::from_utf8_lossy(&self.run(args)?).into_owned();
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// As [`Call::run`], again when it failed because others were at work. Only for what
    /// changes nothing.
    pub(super) fn look(self, args: &[&str]) -> Result<Vec<u8>, Refusal> {
        let mut tries = 0;
        loop {
            match self.run(args) {
                Err(refusal) if refusal.is_passing() && tries < RETRIES => wait_before(&mut tries),
                other => return other,
            }
        }
    }
}

/// Waits longer each time, and not as long as others do.
pub(super) fn wait_before(tries: &mut u32) {
    let base = 50_u64 << (*tries).min(8);
    let dice = rng::bytes().map_or(0, u16::from_le_bytes);
    rest(Duration::from_millis(base + u64::from(dice) % base));
    *tries += 1;
}

/// Git did not do what it was told.
#[derive(Debug)]
pub(super) struct Refusal {
    what: String,
    pub(super) code: Option<i32>,
    pub(super) stderr: String,
    missing: Option<io::Error>,
}

impl Refusal {
    /// Tells whether it failed because another git was at work at the same moment.
    pub(super) fn is_passing(&self) -> bool {
        is_passing(&self.stderr)
    }

    /// Tells whether git said this.
    pub(super) fn says(&self, words: &str) -> bool {
        self.stderr.contains(words)
    }

    /// Makes an error of it that says what could not be done.
    pub(super) fn into_error(self, kind: ExecErrorKind, what: &str) -> ExecError {
        if let Some(error) = self.missing {
            return ExecError::new(ExecErrorKind::Missing, "git cannot be run")
                .hint("install git 2.36 or a later version")
                .because(error);
        }
        let mut lines = self.stderr.lines().map(str::trim);
        let telling = |line: &&str| line.starts_with("fatal:") || line.starts_with("error:");
        let line = lines.clone().find(telling).or_else(|| lines.next());
        let line = line.filter(|line| !line.is_empty());
        let code = self
            .code
            .map_or("a signal".to_owned(), |code| format!("code {code}"));
        let ended = format!("git {} ended with {code}", self.what);
        let said = line.map_or(ended, str::to_owned);
        ExecError::new(kind, format!("{what}: {said}"))
    }
}

/// Adds to git's refusals what could not be done.
pub(super) trait RefusalExt<T> {
    /// Makes an error of the kind `Failed`.
    fn or_failed(self, what: &str) -> Result<T, ExecError>;
}

impl<T> RefusalExt<T> for Result<T, Refusal> {
    fn or_failed(self, what: &str) -> Result<T, ExecError> {
        self.map_err(|refusal| refusal.into_error(ExecErrorKind::Failed, what))
    }
}

/// Tells whether a complaint is one of those that others at work cause: it goes away when
/// the same is tried again.
fn is_passing(stderr: &str) -> bool {
    stderr.lines().any(|line| {
        let lock = line.contains(".lock") && line.contains("File exists");
        let reference = line.contains("cannot lock ref")
            // These stay as they are.
            && !line.contains("already exists")
            && !line.contains("exists; cannot create")
            && !line.contains("but expected");
        lock || reference
            || line.contains("commondir")
            || (line.contains("Invalid path") && line.contains("worktrees"))
            // A file of a worktree that went between two looks.
            || (line.contains("failed to read") && line.contains("worktrees/"))
            || line.contains("could not lock config file")
            // A branch of ours that went while git went through all of them.
            || line.contains("bad object refs/heads/callsheet/")
            || line.contains("index.lock")
    })
}

/// Splits what git printed with zero bytes.
pub(super) fn split_zero(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == 0)
        .filter(|part| !part.is_empty())
}

/// The path of bytes that git printed.
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStringExt as _;
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

#[cfg(test)]
mod unit {
    use super::is_passing;

    #[test]
    fn complaints_are_told_apart() {
        for passing in [
            "fatal: failed to read .git/worktrees/x/commondir: Success",
            "fatal: Invalid path '/r/.git/worktrees/x': No such file or directory",
            "fatal: failed to read '.git/worktrees/x/locked': No such file or directory",
            "error: could not lock config file .git/config: File exists",
            "fatal: cannot lock ref 'HEAD': Unable to create '/r/HEAD.lock': File exists.",
            "fatal: Unable to create '/r/.git/index.lock': File exists.",
            "fatal: bad object refs/heads/callsheet/9sjx7yz8nn/1nzgwcv1cr22-1",
        ] {
            assert!(is_passing(passing), "{passing}");
        }
        for lasting in [
            "fatal: a branch named 'a' already exists",
            "fatal: cannot lock ref 'refs/heads/a': reference already exists",
            "fatal: cannot lock ref 'refs/heads/a/1': 'refs/heads/a' exists; cannot create 'refs/heads/a/1'",
            "fatal: cannot lock ref 'refs/heads/a': is at 1 but expected 2",
            "fatal: invalid reference: HEAD",
            "fatal: bad object refs/heads/main",
            "fatal: '/p' already exists",
        ] {
            assert!(!is_passing(lasting), "{lasting}");
        }
    }
}
