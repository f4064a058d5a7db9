//! Programs: each in a process group of its own, without input, its output in a
//! log file, ended with everything it started when it fails or takes too long.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::clock::{Deadline, rest};

/// How much of a program's output is kept in memory.
pub const TAIL_BYTES: u64 = 1 << 20;

const GRACE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

/// A flag by which another thread or a signal handler asks a run to stop. It is the
/// number of the signal that asked, or 0.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicUsize>);

impl Cancel {
    /// Creates a flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop, as an interrupt from the terminal does.
    pub fn raise(&self) {
        self.0.store(2, Ordering::SeqCst);
    }

    /// Tells whether somebody asked to stop.
    pub fn is_raised(&self) -> bool {
        self.signal() != 0
    }

    /// Returns the number of the signal that asked, or 0.
    pub fn signal(&self) -> u8 {
        u8::try_from(self.0.load(Ordering::SeqCst)).unwrap_or(u8::MAX)
    }

    /// Returns the number of the signal that asked.
    pub fn asked(&self) -> Option<i32> {
        Some(i32::from(self.signal())).filter(|signal| *signal != 0)
    }

    /// Returns the flag, for signal handlers.
    pub fn flag(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.0)
    }
}

/// A program to run to its end.
#[derive(Debug, Clone, Copy)]
pub struct Job<'j> {
    /// Program and arguments.
    pub argv: &'j [String],
    /// Its working directory.
    pub cwd: &'j Path,
    /// Its whole environment; `None` passes ours on.
    pub env: Option<&'j BTreeMap<String, String>>,
    /// The file that gets its output; it is created and must be private.
    pub log: &'j Path,
    /// The file that names the process group while it runs.
    pub mark: &'j Path,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// The flag that ends it.
    pub cancel: &'j Cancel,
}

/// Why a program was ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It took too long.
    Limit,
    /// Somebody asked to stop.
    Cancelled(u8),
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub code: i32,
    /// The last part of its output.
    pub tail: Vec<u8>,
    /// Why it was ended by us.
    pub stopped: Option<Stopped>,
}

/// Runs a program to its end. If we are killed meanwhile the program goes on; the
/// mark lets [`end_leftover`] find it.
///
/// # Errors
/// The program cannot be started, or its log cannot be written.
pub fn run(job: &Job<'_>) -> io::Result<Ended> {
    let (program, arguments) = job
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
    let log = private_file(job.log)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(job.cwd)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .process_group(0);
    if let Some(env) = job.env {
        command.env_clear().envs(env);
    }
    let mut child = command.spawn()?;
    let marked = write_mark(job.mark, child.id());
    let waited = marked.and_then(|()| wait(&mut child, job));
    let (status, stopped) = match waited {
        Ok(waited) => waited,
        Err(error) => {
            end_group(child.id());
            child.wait()?;
            return Err(error);
        }
    };
    if !status.success() {
        // What it left running must not write after the undo.
        end_group(child.id());
    }
    std::fs::remove_file(job.mark)?;
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(1));
    Ok(Ended {
        code,
        tail: tail(log)?,
        stopped,
    })
}

fn wait(child: &mut Child, job: &Job<'_>) -> io::Result<(ExitStatus, Option<Stopped>)> {
    let deadline = Deadline::after(job.limit);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, None));
        }
        let stopped = if job.cancel.is_raised() {
            Stopped::Cancelled(job.cancel.signal())
        } else if deadline.is_over() {
            Stopped::Limit
        } else {
            rest(POLL);
            continue;
        };
        return Ok((stop(child)?, Some(stopped)));
    }
}

/// Asks a program to end, and ends it when it does not.
fn stop(child: &mut Child) -> io::Result<ExitStatus> {
    signal_group(child.id(), Signal::TERM);
    let deadline = Deadline::after(Some(GRACE));
    while !deadline.is_over() {
        if let Some(status) = child.try_wait()? {
            end_group(child.id());
            return Ok(status);
        }
        rest(POLL);
    }
    end_group(child.id());
    child.wait()
}

fn end_group(id: u32) {
    signal_group(id, Signal::KILL);
}

fn signal_group(id: u32, signal: Signal) {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // A group that is gone already is what we want.
        let _ = kill_process_group(pid, signal);
    }
}

/// Ends the program that a dead run left running; `false` when there is none. The
/// mark tells it from a later process with the same number.
///
/// # Errors
/// The mark cannot be read or removed.
pub fn end_leftover(mark: &Path) -> io::Result<bool> {
    let Some(found) = Mark::read(mark)? else {
        return Ok(false);
    };
    let lives = found.living().is_some().then_some(found.id);
    if let Some(id) = lives {
        end_group(id);
        // One that shared our terminal leads no group of its own.
        if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::KILL).ok();
        }
        // A killed process still holds its files for a moment.
        let deadline = Deadline::after(Some(GRACE));
        while birth(id).is_some() && !deadline.is_over() {
            rest(POLL);
        }
    }
    std::fs::remove_file(mark)?;
    Ok(lives.is_some())
}

/// A process that a file names: its number and when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    id: u32,
    birth: String,
}

impl Mark {
    /// Describes a process that runs; `None` when there is none.
    pub fn of(id: u32) -> Option<Self> {
        Some(Self {
            id,
            birth: birth(id)?,
        })
    }

    /// Reads a mark; `None` when there is no file. Half of one names nobody.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(file: &Path) -> io::Result<Option<Self>> {
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let mut words = text.split_whitespace();
        let id = words.next().and_then(|word| word.parse().ok());
        let mark = id.zip(words.next());
        Ok(Some(mark.map_or(
            Self {
                id: 0,
                birth: String::new(),
            },
            |(id, birth)| Self {
                id,
                birth: birth.to_owned(),
            },
        )))
    }

    /// Returns the process if it still runs, and not a later one with the same number.
    pub fn living(&self) -> Option<Pid> {
        let lives = birth(self.id).is_some_and(|birth| birth == self.birth);
        let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        pid.filter(|_| lives)
    }
}

pub(super) fn write_mark(mark: &Path, id: u32) -> io::Result<()> {
    use std::io::Write as _;
    let birth = birth(id).unwrap_or_default();
    writeln!(private_file(mark)?, "{id} {birth}")
}

/// When a process started, as the kernel counts; `None` when there is no such
/// process that runs.
fn birth(id: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in parentheses may hold spaces; fields are counted behind it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then_some(())?;
    fields.nth(18).map(String::from)
}

fn private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path)
}

fn tail(mut log: std::fs::File) -> io::Result<Vec<u8>> {
    let length = log.seek(SeekFrom::End(0))?;
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    log.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(tail)
}

/// Ends this process at once, as a power cut would.
pub fn kill_self() {
    // If the signal cannot be sent, the test that asked for it fails.
    let _ = kill_process(rustix::process::getpid(), Signal::KILL);
}

/// Tells whether we run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
