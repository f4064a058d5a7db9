//! The guard: a process of our own binary between us and a program that must not
//! outlive us.
//!
//! `callsheet __guard -- PROGRAM…` starts the program and waits for it. It holds one end
//! of a pipe whose other end is ours: when we die, however we die, the pipe closes, and
//! the guard ends the program with everything that it started. Orphans come to the
//! guard, so that nothing slips away by leaving its group.
//!
//! The guard can be killed too. So the program is started through a second step,
//! `callsheet __guarded PARENT -- PROGRAM…`, which asks the kernel to be killed when its
//! parent dies and then becomes the program. That request is about the *thread* that
//! started it: it is the guard's main thread, which lives as long as the guard. (We could
//! not ask the same for the guard: whichever of our threads started it may end before us.)
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, getpgrp, getpid, getppid, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

use super::adopt::end_children;

const GUARD: &str = "__guard";
const GUARDED: &str = "__guarded";
/// Who starts the second step: whatever stands at the path of our binary by now, it is
/// the guard itself that is started again.
const SELF: &str = "/proc/self/exe";
const POLL: Duration = Duration::from_millis(10);
/// The exit code of a program that cannot be started.
const NOT_STARTED: u8 = 126;

/// Builds the command that runs a program under the guard. Its standard input must be a
/// pipe that is held as long as the program may live.
pub(super) fn command(own: &Path, argv: &[String]) -> Command {
    let mut command = Command::new(own);
    command.arg(GUARD).arg("--").args(argv);
    command
}

/// Acts as the guard if the arguments of this process say so.
pub fn answer() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let done = match arguments.next()?.to_str()? {
        GUARD => keep(arguments.skip(1)),
        GUARDED => become_program(arguments),
        _ => return None,
    };
    Some(ExitCode::from(done.unwrap_or_else(|error| {
        // The log of the program is where this is looked for.
        writeln!(io::stderr(), "callsheet: {error}").ok();
        NOT_STARTED
    })))
}

/// Starts the program and waits for its end or for ours; ends what it leaves.
fn keep(argv: impl Iterator<Item = OsString>) -> io::Result<u8> {
    // A request to end goes to the whole group; the guard stays to see it done.
    let heard = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT] {
        signal_hook::flag::register(signal, Arc::clone(&heard))?;
    }
    set_child_subreaper(Some(getpid()))?;
    let held = held();
    let own = getpid().as_raw_nonzero().to_string();
    let mut command = Command::new(SELF);
    command.args([GUARDED, &own, "--"]).args(argv);
    let mut child = command.stdin(Stdio::null()).spawn()?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if held.recv_timeout(POLL) == Err(RecvTimeoutError::Disconnected) {
            break None;
        }
    };
    if !end_children() {
        // Only the group is known; it is ours as well.
        kill_process_group(getpgrp(), Signal::KILL)?;
    }
    let code = status.map_or(128 + 9, |status| {
        let signal = || 128 + status.signal().unwrap_or(1);
        status.code().unwrap_or_else(signal)
    });
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Returns what is disconnected when the pipe to whoever started us closes.
fn held() -> Receiver<()> {
    let (sender, held) = channel();
    std::thread::spawn(move || {
        // A pipe that cannot be read holds nothing.
        io::copy(&mut io::stdin().lock(), &mut io::sink()).ok();
        drop(sender);
    });
    held
}

/// Becomes the program, unless the guard is gone already.
fn become_program(mut arguments: impl Iterator<Item = OsString>) -> io::Result<u8> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = arguments
        .next()
        .and_then(|word| word.to_str()?.parse().ok());
    if parent.is_none() || getppid().map(Pid::as_raw_pid) != parent {
        return Ok(NOT_STARTED);
    }
    let mut argv = arguments.skip(1);
    let program = argv.next().unwrap_or_default();
    let error = Command::new(&program).args(argv).exec();
    let program = program.display();
    Err(io::Error::new(
        error.kind(),
        format!("`{program}` could not be run: {error}"),
    ))
}
