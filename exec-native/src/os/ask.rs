//! Programs that answer a question: they get a text and an environment of their own, and
//! end soon.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

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
    let mut child = Command::new(question.program)
        .args(question.args)
        .env_clear()
        .envs(question.env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    if let Some(mut stdin) = child.stdin.take() {
        let input = question.input.as_bytes().to_owned();
        std::thread::spawn(move || {
            // A program that ends early closes its input; its exit code says more.
            stdin.write_all(&input).ok();
        });
    }
    let text = stdout.recv_timeout(question.limit);
    let Ok(stdout) = text else {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer"));
    };
    let status = child.wait()?;
    let code = status.code();
    Ok(Reply {
        code: code.unwrap_or_else(|| 128 + status.signal().unwrap_or(1)),
        stdout,
        // What it left running may hold the stream; what it said itself is here by now.
        stderr: stderr.recv_timeout(question.limit).unwrap_or_default(),
    })
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What came before an error is what there is.
            stream.read_to_end(&mut bytes).ok();
        }
        // Whoever asked may have given up.
        sender
            .send(String::from_utf8_lossy(&bytes).into_owned())
            .ok();
    });
    receiver
}
