//! A process of our own program that goes on when we have ended.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Such a process.
#[derive(Debug)]
pub struct Detached(Child);

impl Detached {
    /// Starts it with our environment and directory, without input; what it says goes to the
    /// end of a file, for the user alone. It leaves our session by itself.
    ///
    /// # Errors
    /// The file cannot be opened, or the program cannot be started.
    pub fn start(program: &Path, arguments: &[OsString], log: &Path) -> io::Result<Self> {
        let mut options = std::fs::OpenOptions::new();
        let log = options.append(true).create(true).mode(0o600).open(log)?;
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map(Self)
    }

    /// Returns its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Returns its exit code, or 128 and the number of the signal that ended it; `None` while
    /// it runs.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn ended(&mut self) -> io::Result<Option<i32>> {
        let status = self.0.try_wait()?;
        Ok(status.map(|status| {
            let signal = || 128 + status.signal().unwrap_or(1);
            status.code().unwrap_or_else(signal)
        }))
    }
}

/// Returns the arguments of this process.
pub fn own_arguments() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
}
