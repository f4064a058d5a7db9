//! A process of our own program that works for us and answers line by line. It ends
//! when its input does.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::clock::{Deadline, rest};
use super::proc::write_mark;

const GRACE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(1);
/// No answer is longer.
const LINE_BYTES: usize = 4096;

/// The process, and the pipes to it.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    mark: PathBuf,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Talk {
    /// Starts it, in a process group of its own so that keys in our terminal do not
    /// reach it. The mark names it until it is ended.
    ///
    /// # Errors
    /// The program cannot be started, or the mark cannot be written.
    pub fn start(program: &Path, args: &[&OsStr], mark: &Path) -> io::Result<Self> {
        // Whoever an old mark names has nothing to do with this.
        match std::fs::remove_file(mark) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let Some((input, output)) = pipes else {
            return Err(io::Error::other("a process without pipes"));
        };
        let talk = Self {
            child,
            mark: mark.to_owned(),
            input: Some(input),
            output,
        };
        // When this fails the drop ends the process.
        write_mark(mark, talk.id())?;
        Ok(talk)
    }

    /// Returns its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says a line.
    ///
    /// # Errors
    /// The process has ended.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        match &mut self.input {
            Some(input) => input.write_all(format!("{line}\n").as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Waits for a line.
    ///
    /// # Errors
    /// The process has ended, says nothing, or too much.
    pub fn hear(&mut self, limit: Duration) -> io::Result<String> {
        let wait = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: 0,
        };
        let mut line = Vec::new();
        while line.len() < LINE_BYTES {
            let ready = poll(&mut [PollFd::new(&self.output, PollFlags::IN)], Some(&wait));
            match ready {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Err(rustix::io::Errno::INTR) => continue,
                ready => ready?,
            };
            let mut byte = [0];
            if self.output.read(&mut byte)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if byte == *b"\n" {
                return String::from_utf8(line).map_err(io::Error::other);
            }
            line.extend(byte);
        }
        Err(io::Error::other("an answer without an end"))
    }

    fn end(&mut self) {
        drop(self.input.take());
        let deadline = Deadline::after(Some(GRACE));
        while matches!(self.child.try_wait(), Ok(None)) {
            if deadline.is_over() {
                // It is our own child, so the number is still its.
                self.child.kill().ok();
                self.child.wait().ok();
            }
            rest(POLL);
        }
        // A mark of nobody is harmless.
        std::fs::remove_file(&self.mark).ok();
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a line on our own standard input; `None` at its end.
///
/// # Errors
/// It cannot be read.
pub fn listen() -> io::Result<Option<String>> {
    let mut line = String::new();
    let count = io::stdin().read_line(&mut line)?;
    Ok((count > 0).then(|| line.trim_end().to_owned()))
}
