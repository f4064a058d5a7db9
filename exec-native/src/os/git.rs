//! Asking git: none of the caller's `GIT_*` variables reach it, and it runs no hooks and
//! asks no questions.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Settings that keep git from running anything and from changing more than it is asked.
const SETTINGS: [&str; 7] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "protocol.file.allow=always",
];

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

/// Runs git in a directory to its end.
///
/// # Errors
/// Git is not installed or cannot be talked to.
pub fn ask(dir: &Path, args: &[&OsStr], stdin: &str) -> io::Result<Answer> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("LC_ALL", "C")
        .current_dir(dir);
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    let mut child = command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let writer = child.stdin.take().map(|mut pipe| {
        let text = stdin.to_owned();
        // Git may end before it has read everything; its answer tells.
        std::thread::spawn(move || pipe.write_all(text.as_bytes()).ok())
    });
    let output = child.wait_with_output()?;
    drop(writer.map(std::thread::JoinHandle::join));
    Ok(Answer {
        ok: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
