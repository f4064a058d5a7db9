//! Messages of any size between two processes of ours: four bytes of length, least first,
//! then so many bytes of text.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};

use super::clock::{Deadline, rest};

/// No message is longer.
const MOST_BYTES: usize = 256 << 20;
const CHUNK_BYTES: usize = 64 << 10;
/// How often a deadline is looked at; whatever can be read or written wakes us at once.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};
const GRACE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(1);

/// A process of our own program that answers each message with one.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// What was read and is no whole answer yet, and room to read into.
    read: Vec<u8>,
    room: Box<[u8]>,
}

impl Peer {
    /// Starts it: in a process group of its own, so that keys in our terminal do not reach
    /// it, and without our environment, so that it is the same on every machine.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(program: &Path, argument: &str) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(argument)
            .env_clear()
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let Some((input, output)) = pipes else {
            return Err(io::Error::other("a process without pipes"));
        };
        // A process that hangs must not hold us up.
        fcntl_setfl(&input, OFlags::NONBLOCK)?;
        fcntl_setfl(&output, OFlags::NONBLOCK)?;
        Ok(Self {
            child,
            input,
            output,
            read: Vec::new(),
            room: vec![0; CHUNK_BYTES].into_boxed_slice(),
        })
    }

    /// Returns its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says a message and waits for the answer.
    ///
    /// # Errors
    /// The process has ended, or the time is over.
    pub fn ask(&mut self, message: &str, limit: Duration) -> io::Result<String> {
        let deadline = Deadline::after(Some(limit));
        let mut left: &[u8] = &frame(message)?;
        loop {
            let count = again(self.input.write(left))?;
            left = left.get(count..).unwrap_or_default();
            if left.is_empty() {
                break;
            }
            wait(&self.input, PollFlags::OUT, deadline)?;
        }
        let length = loop {
            if let Some((length, _)) = self.read.split_first_chunk() {
                break 4 + length_of(*length)?;
            }
            self.fill(deadline)?;
        };
        while self.read.len() < length {
            self.fill(deadline)?;
        }
        let rest = self.read.split_off(length);
        let mut answer = std::mem::replace(&mut self.read, rest);
        answer.drain(..4);
        String::from_utf8(answer).map_err(io::Error::other)
    }

    /// Reads what there is; waits until there is something.
    fn fill(&mut self, deadline: Deadline) -> io::Result<()> {
        wait(&self.output, PollFlags::IN, deadline)?;
        match self.output.read(&mut self.room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                let count = again(read)?;
                self.read
                    .extend_from_slice(self.room.get(..count).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Waits until it has ended, or ends it, and says how it ended.
    pub fn farewell(&mut self) -> String {
        let deadline = Deadline::after(Some(GRACE));
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return ending(status),
                Ok(None) if !deadline.is_over() => rest(POLL),
                _ => {
                    self.kill();
                    return String::from("did not answer any more");
                }
            }
        }
    }

    /// Ends it.
    pub fn kill(&mut self) {
        // One that has ended already is as dead.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Says in words how a process ended.
fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => String::from("was killed by signal 9 (SIGKILL)"),
        (Some(6), _) => String::from("gave up by signal 6 (SIGABRT)"),
        (Some(11), _) => String::from("crashed by signal 11 (SIGSEGV)"),
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, code) => format!("ended with code {}", code.unwrap_or_default()),
    }
}

fn wait(pipe: &impl AsFd, flags: PollFlags, deadline: Deadline) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(pipe, flags)], Some(&LOOK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) if deadline.is_over() => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Counts nothing where the system asks to try again.
fn again(done: io::Result<usize>) -> io::Result<usize> {
    match done {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
        }
        done => done,
    }
}

fn frame(message: &str) -> io::Result<Vec<u8>> {
    let length = u32::try_from(message.len()).ok();
    let length = length.filter(|_| message.len() <= MOST_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    let mut bytes = Vec::with_capacity(4 + message.len());
    bytes.extend(length.to_le_bytes());
    bytes.extend(message.as_bytes());
    Ok(bytes)
}

fn length_of(bytes: [u8; 4]) -> io::Result<usize> {
    let length = usize::try_from(u32::from_le_bytes(bytes)).map_err(io::Error::other)?;
    if length > MOST_BYTES {
        return Err(io::Error::other("a message is too long"));
    }
    Ok(length)
}

/// Waits for a message on our standard input; `None` at its end.
///
/// # Errors
/// It cannot be read, or ends within a message.
pub fn hear() -> io::Result<Option<String>> {
    let mut input = io::stdin().lock();
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut message = vec![0; length_of(length)?];
    input.read_exact(&mut message)?;
    String::from_utf8(message)
        .map(Some)
        .map_err(io::Error::other)
}

/// Says a message on our standard output.
///
/// # Errors
/// Nobody listens.
pub fn say(message: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(&frame(message)?)?;
    output.flush()
}
