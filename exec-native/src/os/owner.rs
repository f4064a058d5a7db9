//! The process that holds a run, and processes whose end somebody waits for. A number
//! alone never names a process: the time of its birth comes with it.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::clock::rest;
use super::proc::{Mark, write_mark};

const POLL: Duration = Duration::from_millis(100);

/// Notes in a file that this process can be asked to end by a signal.
///
/// # Errors
/// The file cannot be written.
pub fn note_owner(file: &Path) -> io::Result<()> {
    write_mark(file, std::process::id())
}

/// Asks the process that a file names to end; `false` when there is none.
///
/// # Errors
/// The file cannot be read, or the signal cannot be sent.
pub fn ask_owner(file: &Path) -> io::Result<bool> {
    let Some(pid) = Mark::read(file)?.and_then(|mark| mark.living()) else {
        return Ok(false);
    };
    kill_process(pid, Signal::TERM)?;
    Ok(true)
}

/// Returns the number of this process.
pub fn own_id() -> u32 {
    std::process::id()
}

/// Returns the process that started us.
pub fn parent() -> Option<u32> {
    let parent = rustix::process::getppid()?;
    u32::try_from(parent.as_raw_nonzero().get()).ok()
}

/// Notes another process in a file, in place of an earlier one.
///
/// # Errors
/// The file cannot be written.
pub fn note_process(file: &Path, id: u32) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => write_mark(file, id),
    }
}

/// Tells whether the process that a file names has ended; `false` when no file names one.
///
/// # Errors
/// The file cannot be read.
pub fn has_ended(file: &Path) -> io::Result<bool> {
    Ok(Mark::read(file)?.is_some_and(|mark| mark.living().is_none()))
}

/// Tells whether the process that a file names runs; `false` when no file names one.
///
/// # Errors
/// The file cannot be read.
pub fn is_running(file: &Path) -> io::Result<bool> {
    Ok(Mark::read(file)?.is_some_and(|mark| mark.living().is_some()))
}

/// Asks this process to end as soon as another one has ended.
///
/// # Errors
/// There is no such process.
pub fn end_with(id: u32) -> io::Result<()> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, format!("no process {id}"));
    let mark = Mark::of(id).ok_or_else(gone)?;
    std::thread::spawn(move || {
        while mark.living().is_some() {
            rest(POLL);
        }
        // If this fails we are ending already.
        kill_process(getpid(), Signal::TERM).ok();
    });
    Ok(())
}

/// Leaves the terminal's session, so that its end does not end us.
///
/// # Errors
/// We lead a group of processes.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}
