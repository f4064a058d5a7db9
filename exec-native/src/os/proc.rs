//! Programs: each in a process group of its own, without input, its output in a
//! log file, ended with everything it started when it fails, takes too long or we die.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::clock::{Deadline, rest};
use super::guard;
use super::output::Output;
use super::spawn::find_program;

/// The word by which a mark says that a guard ends the program.
const GUARDED: &str = "guarded";

const GRACE: Duration = Duration::from_secs(2);
/// How long one may take that ends what it guards, and takes back what was done for it.
const GUARD_GRACE: Duration = Duration::from_secs(15);
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

    /// Forgets who asked to stop.
    pub fn lower(&self) {
        self.0.store(0, Ordering::SeqCst);
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
#[derive(Clone, Copy)]
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
    /// Our own binary, which ends the program when we die; `None` leaves that to
    /// [`end_leftover`].
    pub guard: Option<&'j Path>,
    /// Hears the lines of its output; when there are too many, the latest.
    pub line: &'j dyn Fn(&str),
}

impl fmt::Debug for Job<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment may hold secrets.
        out.debug_struct("Job")
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("log", &self.log)
            .field("limit", &self.limit)
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
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

/// Runs a program to its end. If we are killed meanwhile its guard ends it; without one
/// the program goes on, and the mark lets [`end_leftover`] find it.
///
/// # Errors
/// The program cannot be started, or its log cannot be created.
pub fn run(job: &Job<'_>) -> io::Result<Ended> {
    let (pipe, input) = io::pipe()?;
    let log = private_file(job.log)?;
    let mut command = command(job)?;
    command
        .current_dir(job.cwd)
        .stdout(input.try_clone()?)
        .stderr(input)
        .process_group(0);
    if let Some(env) = job.env {
        command.env_clear().envs(env);
    }
    let mut child = command.spawn()?;
    // It holds the pipe as well.
    drop(command);
    let output = Output::follow(pipe, log);
    let mut leash = child.stdin.take();
    let marked = write_mark_of(job.mark, child.id(), job.guard.is_some());
    let waited = marked.and_then(|()| wait(&mut child, &mut leash, job, &output));
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
    output.lines(job.line);
    Ok(Ended {
        code,
        tail: output.end(GRACE),
        stopped,
    })
}

fn command(job: &Job<'_>) -> io::Result<Command> {
    let (program, arguments) = job
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
    let mut command = match job.guard {
        Some(own) => {
            // The guard cannot tell us that there is no such program.
            find(job, program)?;
            let mut command = guard::command(own, job.argv);
            command.stdin(Stdio::piped());
            return Ok(command);
        }
        None => Command::new(program),
    };
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// Fails when the program of a job does not exist.
fn find(job: &Job<'_>, program: &str) -> io::Result<()> {
    let given = job.env.map(|env| env.get("PATH").cloned());
    let path = given.unwrap_or_else(|| std::env::var("PATH").ok());
    let found = if program.contains('/') {
        job.cwd.join(program).try_exists()?
    } else {
        find_program(program, path.as_deref()).is_some()
    };
    let missing = || io::Error::new(io::ErrorKind::NotFound, "there is no such program");
    found.then_some(()).ok_or_else(missing)
}

fn wait(
    child: &mut Child,
    leash: &mut Option<ChildStdin>,
    job: &Job<'_>,
    output: &Output,
) -> io::Result<(ExitStatus, Option<Stopped>)> {
    let deadline = Deadline::after(job.limit);
    loop {
        output.lines(job.line);
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
        return Ok((stop(child, leash)?, Some(stopped)));
    }
}

/// Asks a program to end, and ends it when it does not.
fn stop(child: &mut Child, leash: &mut Option<ChildStdin>) -> io::Result<ExitStatus> {
    signal_group(child.id(), Signal::TERM);
    if let Some(status) = wait_a_while(child)? {
        end_group(child.id());
        return Ok(status);
    }
    // A guard ends everything, also what has left the group.
    if leash.take().is_some()
        && let Some(status) = wait_a_while(child)?
    {
        return Ok(status);
    }
    end_group(child.id());
    child.wait()
}

fn wait_a_while(child: &mut Child) -> io::Result<Option<ExitStatus>> {
    let deadline = Deadline::after(Some(GRACE));
    while !deadline.is_over() {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        rest(POLL);
    }
    Ok(None)
}

pub(super) fn end_group(id: u32) {
    signal_group(id, Signal::KILL);
}

pub(super) fn signal_group(id: u32, signal: Signal) {
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
        if found.guarded {
            // Its guard is at it, and knows more of them than the group.
            wait_for_end(id, GUARD_GRACE);
        }
        // One that shared our terminal leads no group of its own, and neither does what it
        // has started.
        let started = descendants(id);
        end_group(id);
        for pid in started.into_iter().filter_map(Pid::from_raw) {
            kill_process(pid, Signal::KILL).ok();
        }
        if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::KILL).ok();
        }
        // A killed process still holds its files for a moment.
        wait_for_end(id, GRACE);
    }
    std::fs::remove_file(mark)?;
    Ok(lives.is_some())
}

/// Lists what a process has started, and what that has started in turn.
fn descendants(id: u32) -> Vec<i32> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let own = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok());
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may hold spaces; the parent is the second field behind it.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| {
            let parent = rest.split_whitespace().nth(1)?;
            parent.parse::<i32>().ok()
        });
        parents.extend(own.zip(parent));
    }
    let mut found: Vec<i32> = i32::try_from(id).into_iter().collect();
    let mut next = 0;
    while let Some(above) = found.get(next).copied() {
        let children = parents.iter().filter(|(_, parent)| *parent == above);
        found.extend(children.map(|(own, _)| *own));
        next += 1;
    }
    found.split_off(found.len().min(1))
}

fn wait_for_end(id: u32, grace: Duration) {
    let deadline = Deadline::after(Some(grace));
    while birth(id).is_some() && !deadline.is_over() {
        rest(POLL);
    }
}

/// A process that a file names: its number and when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    id: u32,
    birth: String,
    /// Whether it ends the program that it stands for by itself.
    guarded: bool,
}

impl Mark {
    /// Describes a process that runs; `None` when there is none.
    pub fn of(id: u32) -> Option<Self> {
        Some(Self {
            id,
            birth: birth(id)?,
            guarded: false,
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
        let guarded = words.next() == Some(GUARDED);
        Ok(Some(mark.map_or(
            Self {
                id: 0,
                birth: String::new(),
                guarded: false,
            },
            |(id, birth)| Self {
                id,
                birth: birth.to_owned(),
                guarded,
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
    write_mark_of(mark, id, false)
}

/// Writes the mark of a program that may end by itself when we do.
pub(super) fn write_mark_of(mark: &Path, id: u32, guarded: bool) -> io::Result<()> {
    use std::io::Write as _;
    let birth = birth(id).unwrap_or_default();
    let guarded = if guarded { GUARDED } else { "" };
    writeln!(private_file(mark)?, "{id} {birth} {guarded}")
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

/// Opens a file of ours to add to it.
pub(super) fn private_file(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    options.open(path)
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
