//! Git as a tool of ours: none of the caller's `GIT_*` variables reach it, it asks no
//! questions, and nothing that a repository configures is run.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::lock::Lock;

/// Which repository git works on.
#[derive(Debug, Clone)]
pub struct Git {
    /// The repository's directory: `.git`, or the private one of a worktree.
    pub dir: PathBuf,
    /// The directory of the files.
    pub tree: PathBuf,
    /// The index, if it is another one than the repository's.
    pub index: Option<PathBuf>,
}

impl Git {
    /// Runs git and returns what it printed.
    ///
    /// # Errors
    /// Git is not installed, or fails; the error is then its own message.
    pub fn run(&self, args: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
        let args: Vec<_> = args.iter().map(OsStr::new).collect();
        self.run_os(&args, input)
    }

    /// As [`Git::run`], with arguments of any bytes.
    ///
    /// # Errors
    /// As [`Git::run`].
    pub fn run_os(&self, args: &[&OsStr], input: &[u8]) -> io::Result<Vec<u8>> {
        let mut command = Command::new("git");
        command.env_clear();
        let path = std::env::var_os("PATH");
        command.envs(path.map(|path| (OsString::from("PATH"), path)));
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null");
        // Named like this, the directory is not asked who owns it.
        command.env("GIT_DIR", &self.dir);
        command.env("GIT_WORK_TREE", &self.tree);
        command.envs(VARIABLES);
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        let (output, written) = finish(command, &self.tree, args, Stdin::Text(input))?;
        if output.status.success() {
            return written.map(|()| output.stdout);
        }
        let message = String::from_utf8_lossy(&output.stderr);
        let line = message.lines().next().unwrap_or("git failed").trim();
        Err(io::Error::other(line.to_owned()))
    }
}

/// Variables with which git asks nothing, fetches nothing and speaks English.
const VARIABLES: [(&str, &str); 4] = [
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("LC_ALL", "C"),
];

/// Settings that keep git from running anything and from changing more than it is asked.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "protocol.file.allow=always",
];

/// What git gets as its standard input.
#[derive(Clone, Copy)]
enum Stdin<'s> {
    /// A text that it reads.
    Text(&'s [u8]),
    /// A lock that it holds with us; it reads nothing.
    Lock(&'s Lock),
}

/// Runs git in a directory to its end; answers whether it was told everything too.
fn finish(
    mut command: Command,
    dir: &Path,
    args: &[&OsStr],
    stdin: Stdin<'_>,
) -> io::Result<(Output, io::Result<()>)> {
    command.current_dir(dir);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    let (input, source) = match stdin {
        Stdin::Text(input) => (input, Stdio::piped()),
        Stdin::Lock(lock) => (&[][..], lock.share_with_child()?),
    };
    let pipes = command.args(args).stdin(source);
    let mut child = pipes
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let pipe = child.stdin.take().filter(|_| !input.is_empty());
    std::thread::scope(|scope| {
        // Git may answer before it has read everything.
        let writer = pipe.map(|mut pipe| scope.spawn(move || pipe.write_all(input)));
        let output = child.wait_with_output()?;
        let broken = || Err(io::Error::other("git could not be told everything"));
        let written = writer.map_or(Ok(()), |writer| writer.join().unwrap_or_else(|_| broken()));
        Ok((output, written))
    })
}

/// Where a directory's repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The directory is not the top of a repository's files.
    Nowhere,
    /// In its `.git`, which is a directory.
    Inside,
    /// Elsewhere: its `.git` only says where.
    Elsewhere {
        /// The repository's directory, or that of a linked worktree.
        dir: PathBuf,
        /// The directory that all worktrees share.
        common: PathBuf,
    },
}

/// Finds a directory's repository without running git.
///
/// # Errors
/// What `.git` says cannot be read or leads nowhere.
pub fn find(project: &Path) -> io::Result<Found> {
    let entry = project.join(".git");
    let meta = match std::fs::symlink_metadata(&entry) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nowhere),
        Err(error) => return Err(error),
    };
    if meta.is_dir() {
        return Ok(Found::Inside);
    }
    let dir = if entry.is_dir() {
        std::fs::canonicalize(&entry)?
    } else {
        let target = pointer(&std::fs::read(&entry)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "is no directory of git"))?;
        std::fs::canonicalize(project.join(target))?
    };
    let common = match std::fs::read(dir.join("commondir")) {
        Ok(bytes) => std::fs::canonicalize(dir.join(trimmed(&bytes)))?,
        Err(_) => dir.clone(),
    };
    Ok(Found::Elsewhere { dir, common })
}

/// Reads what a `.git` that is a file says.
pub fn pointer(bytes: &[u8]) -> Option<PathBuf> {
    Some(trimmed(bytes.strip_prefix(b"gitdir:")?))
}

fn trimmed(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(OsStr::from_bytes(bytes.trim_ascii()))
}

/// Tells whether one of the directories above has a repository.
pub fn is_inside_repository(project: &Path) -> bool {
    let mut above = project.ancestors().skip(1);
    above.any(|dir| std::fs::symlink_metadata(dir.join(".git")).is_ok())
}

/// What git answered.
#[derive(Debug)]
pub struct Answer {
    /// Whether it succeeded.
    pub ok: bool,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

/// Runs git on the repository that it finds at a directory, with the user's own
/// configuration: it says which directories of others are safe.
///
/// # Errors
/// Git is not installed or cannot be talked to.
pub fn ask(dir: &Path, args: &[&OsStr], stdin: &str) -> io::Result<Answer> {
    let output = Asked::new(dir).told(stdin.as_bytes()).run(args)?;
    Ok(Answer {
        ok: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A call of git with the user's own configuration, as [`ask`], that is told more.
pub struct Asked<'a> {
    dir: &'a Path,
    variables: Vec<(&'a str, &'a OsStr)>,
    stdin: Stdin<'a>,
}

impl<'a> Asked<'a> {
    /// Git in a directory.
    pub fn new(dir: &'a Path) -> Self {
        Self {
            dir,
            variables: Vec::new(),
            stdin: Stdin::Text(b""),
        }
    }

    /// Adds a variable; it counts more than what we set for every call.
    #[must_use]
    pub fn with(mut self, name: &'a str, value: &'a OsStr) -> Self {
        self.variables.push((name, value));
        self
    }

    /// Gives it a text to read.
    #[must_use]
    pub fn told(mut self, text: &'a [u8]) -> Self {
        self.stdin = Stdin::Text(text);
        self
    }

    /// Lets it hold a lock with us. A git that outlives us keeps others away until it has
    /// ended. It cannot be given a text then.
    #[must_use]
    pub fn holding(mut self, lock: &'a Lock) -> Self {
        self.stdin = Stdin::Lock(lock);
        self
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// Git is not installed or cannot be talked to.
    pub fn run(self, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command.envs(VARIABLES).envs(self.variables);
        // It may end before it has read everything; its answer tells.
        finish(command, self.dir, args, self.stdin).map(|(output, _)| output)
    }
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = out.debug_struct("Asked").field("dir", &self.dir).finish();
        shown.and_then(|()| write!(out, " {:?}", self.variables))
    }
}
