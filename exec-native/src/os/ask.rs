//! Programs that get a text and answer: questions that end soon, and work that takes its time.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::Signal;

use super::clock::{Deadline, rest};
use super::proc::{Cancel, Stopped, end_group, private_file, signal_group, write_mark_of};

/// How long a program may take to end, and to let go of its output.
const GRACE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The program.
    pub program: &'q Path,
    /// Its arguments.
    pub args: &'q [&'q str],
    /// Its whole environment.
    pub env: &'q BTreeMap<String, String>,
    /// What it reads.
    pub input: &'q str,
    /// How long it may take.
    pub limit: Duration,
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Input and environment may hold secrets.
        out.debug_struct("Question")
            .field("program", &self.program)
            .field("args", &self.args)
            .finish_non_exhaustive()
    }
}

/// What was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The exit code, or 128 and the number of the signal that ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Starts a program, gives it its text and returns what it says.
///
/// # Errors
/// The program cannot be started, or takes too long.
pub fn ask(question: &Question<'_>) -> io::Result<Reply> {
    let mut command = Command::new(question.program);
    command.args(question.args).env_clear().envs(question.env);
    let terms = Terms {
        input: question.input,
        limit: Some(question.limit),
        grace: GRACE,
        cancel: None,
        mark: None,
        log: None,
    };
    let said = converse(command, terms)?;
    match said.stopped {
        Some(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer")),
        None => Ok(said.reply),
    }
}

/// Work for a program: it may take long, and somebody may want it to stop.
#[derive(Clone, Copy)]
pub struct Task<'t> {
    /// Program and arguments.
    pub argv: &'t [String],
    /// Its working directory.
    pub cwd: &'t Path,
    /// Variables that it gets besides ours.
    pub env: &'t [(String, String)],
    /// What it reads.
    pub input: &'t str,
    /// How long it may take.
    pub limit: Option<Duration>,
    /// How long it may take to end when it is asked to; two seconds by default.
    pub grace: Option<Duration>,
    /// Whether it ends by itself, with all that it has started, when we do.
    pub guarded: bool,
    /// The flag that ends it.
    pub cancel: &'t Cancel,
    /// The file that names its process group while it works.
    pub mark: &'t Path,
    /// The file that gets its standard error as it comes.
    pub log: Option<&'t Path>,
}

impl fmt::Debug for Task<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Input and environment may hold secrets.
        out.debug_struct("Task")
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// What work came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// What the program said.
    pub reply: Reply,
    /// Why it was ended by us.
    pub stopped: Option<Stopped>,
}

/// Lets a program work, in a process group of its own; whatever it leaves running is ended.
/// If we are killed meanwhile it goes on, and the mark lets
/// [`end_leftover`](super::proc::end_leftover) find it.
///
/// # Errors
/// The program cannot be started, or its mark cannot be written.
pub fn work(task: &Task<'_>) -> io::Result<Done> {
    let (program, args) = task
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no program"))?;
    let mut command = Command::new(program);
    command.args(args).current_dir(task.cwd);
    command.envs(task.env.iter().map(|(name, value)| (name, value)));
    let terms = Terms {
        input: task.input,
        limit: task.limit,
        grace: task.grace.unwrap_or(GRACE),
        cancel: Some(task.cancel),
        mark: Some((task.mark, task.guarded)),
        log: task.log.map(private_file).transpose()?,
    };
    converse(command, terms)
}

struct Terms<'t> {
    input: &'t str,
    limit: Option<Duration>,
    grace: Duration,
    cancel: Option<&'t Cancel>,
    mark: Option<(&'t Path, bool)>,
    log: Option<File>,
}

fn converse(mut command: Command, mut terms: Terms<'_>) -> io::Result<Done> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let Some((mark, guarded)) = terms.mark {
        write_mark_of(mark, child.id(), guarded).inspect_err(|_| end_group(child.id()))?;
    }
    let stdout = collect(child.stdout.take(), None);
    let stderr = collect(child.stderr.take(), terms.log.take());
    if let Some(mut stdin) = child.stdin.take() {
        let input = terms.input.as_bytes().to_owned();
        std::thread::spawn(move || {
            // A program that ends early closes its input; its exit code says more.
            stdin.write_all(&input).ok();
        });
    }
    let (said, stopped) = listen(&mut child, &stdout, &terms)?;
    let status = child.wait()?;
    if terms.mark.is_some() {
        end_group(child.id());
    }
    let stdout = said.or_else(|| stdout.recv_timeout(GRACE).ok());
    let code = status.code();
    let reply = Reply {
        code: code.unwrap_or_else(|| 128 + status.signal().unwrap_or(1)),
        stdout: stdout.unwrap_or_default(),
        // What it left running may hold the stream; what it said itself is here by now.
        stderr: stderr.recv_timeout(GRACE).unwrap_or_default(),
    };
    if let Some((mark, _)) = terms.mark {
        std::fs::remove_file(mark)?;
    }
    Ok(Done { reply, stopped })
}

/// Waits until a program has said everything and has ended, or must end.
fn listen(
    child: &mut Child,
    stdout: &Receiver<String>,
    terms: &Terms<'_>,
) -> io::Result<(Option<String>, Option<Stopped>)> {
    let deadline = Deadline::after(terms.limit);
    let mut said = None;
    loop {
        match stdout.recv_timeout(POLL) {
            Ok(text) => said = Some(text),
            Err(RecvTimeoutError::Disconnected) => rest(POLL),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let ended = match (&said, terms.mark) {
            // A question is answered when the program closes its output.
            (Some(_), None) => return Ok((said, None)),
            _ => child.try_wait()?.is_some(),
        };
        if ended {
            return Ok((said, None));
        }
        let cancelled = terms.cancel.filter(|cancel| cancel.is_raised());
        let stopped = match cancelled {
            Some(cancel) => Stopped::Cancelled(cancel.signal()),
            None if deadline.is_over() => Stopped::Limit,
            None => continue,
        };
        signal_group(child.id(), Signal::TERM);
        let grace = Deadline::after(Some(terms.grace));
        while child.try_wait()?.is_none() && !grace.is_over() {
            rest(POLL);
        }
        end_group(child.id());
        return Ok((said, Some(stopped)));
    }
}

/// Gathers what a program says; a log gets it as it comes.
fn collect(stream: Option<impl Read + Send + 'static>, log: Option<File>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What came before an error is what there is.
            match log {
                Some(log) => Tee { stream, log }.read_to_end(&mut bytes).ok(),
                None => { stream }.read_to_end(&mut bytes).ok(),
            };
        }
        // Whoever asked may have given up.
        sender
            .send(String::from_utf8_lossy(&bytes).into_owned())
            .ok();
    });
    receiver
}

/// Reads a stream and writes what it reads to a file.
struct Tee<R> {
    stream: R,
    log: File,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(room)?;
        // The log is for people who look on; without it the work goes on.
        self.log
            .write_all(room.get(..count).unwrap_or_default())
            .ok();
        Ok(count)
    }
}
