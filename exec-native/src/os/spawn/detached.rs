//! Processes that outlive us.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// What a process said before it was left alone.
#[derive(Debug)]
pub struct Detached {
    /// The first line of its standard output; empty when it ended without one.
    pub output: Vec<u8>,
    /// Its standard error so far.
    pub log: Vec<u8>,
    /// Its exit code, when it ended without a line; else 0.
    pub code: u8,
}

/// Starts a program, waits until it prints a line, and leaves it alone. Whatever it prints
/// later is lost.
///
/// # Errors
/// The program cannot be started or waited for.
pub fn detach(program: &Path, arguments: &[String]) -> io::Result<Detached> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    leave(&mut command, "")
}

/// As [`detach`], with exactly the environment given and a text to read.
///
/// # Errors
/// The program cannot be started or waited for.
pub fn detach_fed(
    program: &Path,
    arguments: &[String],
    env: &BTreeMap<String, String>,
    input: &str,
) -> io::Result<Detached> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(env);
    command.stdin(Stdio::piped());
    leave(&mut command, input)
}

fn leave(command: &mut Command, input: &str) -> io::Result<Detached> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends early says why.
        stdin.write_all(input.as_bytes()).ok();
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let reader = child.stderr.take().map(|mut stream| {
        let log = Arc::clone(&log);
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut part) {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.extend(part.iter().take(count));
            }
        })
    });
    let mut output = Vec::new();
    if let Some(stream) = child.stdout.take() {
        BufReader::new(stream).read_until(b'\n', &mut output)?;
    }
    let mut code = 0;
    if output.is_empty() {
        let ended = child.wait()?.code();
        code = ended.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        // Its end closes the stream.
        drop(reader.map(thread::JoinHandle::join));
    } else {
        // Where we live on, somebody has to collect it.
        thread::spawn(move || child.wait());
    }
    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(Detached { output, log, code })
}
