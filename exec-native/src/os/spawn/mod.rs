//! Harness processes: attached to the terminal, or piped for a one-shot run.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

mod detached;

use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::adopt::Adoption;
use super::clock::{Deadline, rest};
use super::lines::Lines;
use super::proc::{Cancel, write_mark};

pub use detached::{Detached, detach, detach_fed};

const POLL: Duration = Duration::from_millis(15);
const GRACE: Duration = Duration::from_secs(5);
/// How much of each stream is kept of a program that is only asked something.
const CAPTURE_BYTES: usize = 64 << 10;

/// A program to start.
#[derive(Debug, Clone, Copy)]
pub struct Spawn<'s> {
    /// The program.
    pub program: &'s Path,
    /// Its arguments.
    pub args: &'s [String],
    /// Its working directory.
    pub cwd: &'s Path,
    /// Variables that it gets besides ours.
    pub env: &'s [(String, String)],
    /// The file that names the program while it runs, so that whoever finds our work
    /// after a crash can end it.
    pub mark: Option<&'s Path>,
    /// The flag by which somebody may have asked to stop before the program starts.
    pub cancel: Option<&'s Cancel>,
}

impl Spawn<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        let env = self.env.iter().map(|(name, value)| (name, value));
        command.args(self.args).current_dir(self.cwd).envs(env);
        command
    }

    /// Starts a program and leaves its mark.
    fn start(&self, command: &mut Command) -> io::Result<Child> {
        let mut child = command.spawn()?;
        let marked = self.mark.map(|mark| write_mark(mark, child.id()));
        if let Some(Err(error)) = marked {
            child.kill()?;
            child.wait()?;
            return Err(error);
        }
        Ok(child)
    }

    /// Removes the mark of a program that has ended.
    fn unmark(&self) {
        if let Some(mark) = self.mark {
            // One that stays names a process that is gone, which is noticed.
            std::fs::remove_file(mark).ok();
        }
    }

    /// Tells how the program ends that is not to be started. Whoever asks later is heard
    /// by the signals that we listen for by now.
    fn stopped(&self) -> Option<Exit> {
        let asked = self.cancel?.asked()?;
        Some(Exit {
            code: 128 + asked,
            asked: Some(asked),
            late: None,
        })
    }
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub code: i32,
    /// The signal by which somebody asked us to stop meanwhile.
    pub asked: Option<i32>,
    /// The limit that it was ended for.
    pub late: Option<Late>,
}

/// A limit that a program passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It took too long.
    Limit,
    /// It was silent for too long.
    Silence,
}

/// Signals that arrived since the last look. While it lives they do not end us.
#[derive(Debug)]
pub struct Signals {
    last: Arc<AtomicUsize>,
    ids: Vec<signal_hook::SigId>,
}

impl Signals {
    /// Starts to listen for the signals that ask a program to end.
    ///
    /// # Errors
    /// A handler cannot be installed.
    pub fn listen() -> io::Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        let mut ids = Vec::new();
        for signal in [SIGINT, SIGQUIT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal).unwrap_or_default();
            ids.push(signal_hook::flag::register_usize(
                signal,
                Arc::clone(&last),
                number,
            )?);
        }
        Ok(Self { last, ids })
    }

    /// Takes the signal that arrived last.
    pub fn take(&self) -> Option<i32> {
        let number = self.last.swap(0, Ordering::SeqCst);
        i32::try_from(number).ok().filter(|number| *number != 0)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Finds a program: by its path, or on the search path.
pub fn find_program(name: &str, search_path: Option<&str>) -> Option<PathBuf> {
    let runs = |path: &Path| {
        rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| runs(path));
    }
    std::env::split_paths(search_path?)
        .map(|dir| dir.join(name))
        .find(|path| runs(path))
}

/// Runs a program in the terminal that we are in, to its end. Keys reach it from the
/// terminal; other requests to stop are passed on. The terminal's settings are put
/// back.
///
/// # Errors
/// The program cannot be started or waited for.
pub fn run_attached(spawn: &Spawn<'_>) -> io::Result<Exit> {
    run_in_terminal(spawn, None, &|_| {})
}

/// As [`run_attached`], for a program that must not outlive us: `started` gets its number,
/// it is killed when it does not end in time after a request to stop, and so is whatever
/// it leaves running.
///
/// # Errors
/// The program cannot be started or waited for.
pub fn run_supervised(
    spawn: &Spawn<'_>,
    grace: Duration,
    started: &dyn Fn(u32),
) -> io::Result<Exit> {
    let adoption = Adoption::begin();
    let exit = run_in_terminal(spawn, Some(grace), started);
    if let Some(adoption) = adoption {
        adoption.end();
    }
    exit
}

fn run_in_terminal(
    spawn: &Spawn<'_>,
    grace: Option<Duration>,
    started: &dyn Fn(u32),
) -> io::Result<Exit> {
    let signals = Signals::listen()?;
    if let Some(exit) = spawn.stopped() {
        return Ok(exit);
    }
    let terminal = io::stdin();
    let settings = tcgetattr(&terminal).ok();
    let mut child = spawn.start(&mut spawn.command())?;
    started(child.id());
    let mut asked = None;
    let mut end: Option<Deadline> = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if let Some(signal) = signals.take() {
            asked = Some(signal);
            // The terminal has sent its own signals to the program already.
            if !matches!(signal, SIGINT | SIGQUIT) || !isatty(&terminal) {
                send(child.id(), signal);
                end = end.or_else(|| grace.map(|grace| Deadline::after(Some(grace))));
            }
        }
        if end.is_some_and(Deadline::is_over) {
            child.kill()?;
        }
        rest(POLL);
    };
    spawn.unmark();
    if let Some(settings) = settings {
        // A terminal that is gone has no settings to put back.
        tcsetattr(&terminal, OptionalActions::Drain, &settings).ok();
    }
    Ok(Exit {
        code: code(status),
        asked,
        late: None,
    })
}

/// Replaces this process by a program that works in a directory; returns why it cannot.
pub fn replace(program: &str, args: &[String], cwd: &Path) -> io::Error {
    let mut command = Command::new(program);
    // Programs believe the variable more than the kernel.
    command.args(args).current_dir(cwd).env("PWD", cwd).exec()
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Captured {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a program with one argument to its end and keeps the first part of what it
/// prints.
///
/// # Errors
/// The program cannot be started or waited for.
pub fn capture(program: &Path, argument: &str, limit: Duration) -> io::Result<Captured> {
    let args = [argument.to_owned()];
    let spawn = Spawn {
        program,
        args: &args,
        cwd: Path::new("/"),
        env: &[],
        mark: None,
        cancel: None,
    };
    let pipe = Pipe {
        stdin: None,
        limit: Some(limit),
        silence: None,
        stop: SIGTERM,
    };
    let (mut stdout, mut stderr) = (String::new(), String::new());
    // Nobody whom we only ask for a version needs to lose what it started.
    let exit = run_grouped(&spawn, &pipe, None, &mut |stream, line| {
        let text = match stream {
            Stream::Output => &mut stdout,
            Stream::Log => &mut stderr,
        };
        keep(text, line);
    })?;
    Ok(Captured {
        exit,
        stdout,
        stderr,
    })
}

/// Appends a line to a text that stays short.
fn keep(text: &mut String, line: &str) {
    let room = CAPTURE_BYTES.saturating_sub(text.len());
    if room > 0 {
        let end = (0..room.min(line.len() + 1)).rfind(|end| line.is_char_boundary(*end));
        text.push_str(line.get(..end.unwrap_or(0)).unwrap_or_default());
        text.push('\n');
    }
}

/// What a piped run needs besides its program.
#[derive(Debug, Clone, Copy)]
pub struct Pipe<'p> {
    /// What the program reads; without it, its input is empty.
    pub stdin: Option<&'p str>,
    /// How long the run may take.
    pub limit: Option<Duration>,
    /// How long it may be silent.
    pub silence: Option<Duration>,
    /// The number of the signal that ends the program best.
    pub stop: i32,
}

/// Where a line of a program was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Its standard output.
    Output,
    /// Its standard error.
    Log,
}

/// What gets the lines of a program as they come.
pub type OnLine<'l> = dyn FnMut(Stream, &str) + 'l;

/// Runs a program to its end, each line that it prints given to `line`. It has a
/// process group of its own; whatever it leaves running is ended.
///
/// # Errors
/// The program cannot be started or waited for.
pub fn run_piped(spawn: &Spawn<'_>, pipe: &Pipe<'_>, line: &mut OnLine<'_>) -> io::Result<Exit> {
    run_grouped(spawn, pipe, Adoption::begin(), line)
}

fn run_grouped(
    spawn: &Spawn<'_>,
    pipe: &Pipe<'_>,
    adoption: Option<Adoption>,
    line: &mut OnLine<'_>,
) -> io::Result<Exit> {
    let signals = Signals::listen()?;
    if let Some(exit) = spawn.stopped() {
        return Ok(exit);
    }
    let mut command = spawn.command();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = spawn.start(&mut command)?;
    feed(&mut child, pipe.stdin);
    let mut lines = Lines::of(&mut child);
    let outcome = follow(&mut child, pipe, &signals, &mut |wait| {
        lines.receive(wait, line)
    });
    signal_group(child.id(), Signal::KILL);
    if outcome.is_err() {
        child.wait()?;
    }
    if let Some(adoption) = adoption {
        adoption.end();
    }
    lines.drain(line);
    spawn.unmark();
    outcome
}

/// Writes the input from a thread of its own: a program may answer before it has read
/// everything.
fn feed(child: &mut Child, text: Option<&str>) {
    let Some(mut stdin) = child.stdin.take() else {
        return;
    };
    let text = text.unwrap_or_default().to_owned();
    std::thread::spawn(move || {
        // A program that ends early closes its input; its exit code says more.
        stdin.write_all(text.as_bytes()).ok();
    });
}

fn follow(
    child: &mut Child,
    pipe: &Pipe<'_>,
    signals: &Signals,
    receive: &mut dyn FnMut(Duration) -> Option<Stream>,
) -> io::Result<Exit> {
    let mut exit = Exit {
        code: 0,
        asked: None,
        late: None,
    };
    let total = Deadline::after(pipe.limit);
    let mut silence = Deadline::after(pipe.silence);
    let mut end: Option<Deadline> = None;
    loop {
        // A program may log its attempts for ever; only events are progress.
        if receive(POLL) == Some(Stream::Output) {
            silence = Deadline::after(pipe.silence);
        }
        if let Some(status) = child.try_wait()? {
            exit.code = code(status);
            return Ok(exit);
        }
        let asked = signals.take();
        exit.asked = asked.or(exit.asked);
        let late = match (total.is_over(), silence.is_over()) {
            (true, _) => Some(Late::Limit),
            (false, true) => Some(Late::Silence),
            (false, false) => None,
        };
        match end {
            None if asked.is_some() || late.is_some() => {
                exit.late = late.filter(|_| asked.is_none());
                send_group(child.id(), pipe.stop);
                end = Some(Deadline::after(Some(GRACE)));
            }
            Some(deadline) if deadline.is_over() || asked.is_some() => {
                signal_group(child.id(), Signal::KILL);
            }
            _ => {}
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(1))
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn send(id: u32, signal: i32) {
    if let (Some(pid), Some(signal)) = (pid(id), Signal::from_named_raw(signal)) {
        // A program that is gone needs no signal.
        kill_process(pid, signal).ok();
    }
}

fn send_group(id: u32, signal: i32) {
    if let Some(signal) = Signal::from_named_raw(signal) {
        signal_group(id, signal);
    }
}

fn signal_group(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        // A group that is gone is what we want.
        kill_process_group(pid, signal).ok();
    }
}

#[cfg(test)]
mod tests;
