//! Terminals of our own: a program gets one, with a session of its own, and we sit at the
//! other end.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::spawn::Signals;

/// The hidden command that becomes a program in a terminal.
pub const TERMINAL_COMMAND: &str = "__seat-terminal";
const COLUMNS: u16 = 200;
const ROWS: u16 = 50;
const CHUNK_BYTES: usize = 64 << 10;

/// Something that happened at a terminal.
#[derive(Debug)]
pub enum Happened {
    /// The program printed something.
    Output(Vec<u8>),
    /// Somebody wrote into the pipe beside the terminal.
    Input(Vec<u8>),
    /// The program ended: with a status, or by a signal.
    Ended(Option<i32>, Option<i32>),
    /// Somebody asked us to end.
    Asked(i32),
}

/// A program in a terminal that we hold.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    master: File,
    /// What is to be typed into it.
    typed: VecDeque<u8>,
    woken: UnixStream,
    signals: Signals,
    /// Whether the other end is still open.
    open: bool,
}

impl Terminal {
    /// Starts a program in a new terminal, with exactly the environment given.
    ///
    /// # Errors
    /// The system has no terminals left, or the program cannot be started.
    pub fn start(argv: &[String], cwd: &Path, env: &BTreeMap<String, String>) -> io::Result<Self> {
        let (woken, waker) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        // Nothing that happens from now on is missed.
        for signal in [SIGCHLD, SIGHUP, SIGINT, SIGTERM] {
            pipe::register(signal, waker.try_clone()?)?;
        }
        let signals = Signals::listen()?;
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ptsname(&master, Vec::new())?;
        tcsetwinsize(&master, size())?;
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC)?;
        rustix::fs::fcntl_setfl(&master, rustix::fs::OFlags::NONBLOCK)?;
        let child = Command::new(std::env::current_exe()?)
            .arg(TERMINAL_COMMAND)
            .arg(OsString::from_vec(slave.into_bytes()))
            .arg("--")
            .args(argv)
            .current_dir(cwd)
            .env_clear()
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            child,
            master: master.into(),
            typed: VecDeque::new(),
            woken,
            signals,
            open: true,
        })
    }

    /// Returns the number of the program's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Types bytes into the terminal, as fast as the program reads them.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.typed.extend(bytes);
    }

    /// Returns how much was typed that is not read yet.
    pub fn backlog(&self) -> usize {
        self.typed.len()
    }

    /// Waits until something happens at the terminal or in a pipe beside it.
    ///
    /// # Errors
    /// The system refuses to wait.
    pub fn wait(&mut self, beside: &mut File) -> io::Result<Happened> {
        loop {
            self.type_more();
            let mut at_master = PollFlags::IN;
            if !self.typed.is_empty() {
                at_master |= PollFlags::OUT;
            }
            let mut fds = vec![
                PollFd::new(&self.woken, PollFlags::IN),
                PollFd::new(beside, PollFlags::IN),
            ];
            if self.open {
                fds.push(PollFd::new(&self.master, at_master));
            }
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            drop(fds);
            if let Some(bytes) = self.read_output() {
                return Ok(Happened::Output(bytes));
            }
            let mut sink = [0; 64];
            while self.woken.read(&mut sink).is_ok_and(|count| count > 0) {}
            if let Some(status) = self.child.try_wait()? {
                // What it printed last may have come after the look above.
                if let Some(bytes) = self.read_output() {
                    return Ok(Happened::Output(bytes));
                }
                return Ok(Happened::Ended(status.code(), status.signal()));
            }
            if let Some(signal) = self.signals.take() {
                return Ok(Happened::Asked(signal));
            }
            if let Some(bytes) = read_some(beside) {
                return Ok(Happened::Input(bytes));
            }
        }
    }

    fn read_output(&mut self) -> Option<Vec<u8>> {
        let mut chunk = vec![0; CHUNK_BYTES];
        match self.master.read(&mut chunk) {
            Ok(count @ 1..) => {
                chunk.truncate(count);
                Some(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            // Nobody has the other end open any more: the program is ending.
            Ok(_) | Err(_) => {
                self.open = false;
                None
            }
        }
    }

    fn type_more(&mut self) {
        while let (bytes @ [_, ..], _) = self.typed.as_slices() {
            match self.master.write(bytes) {
                Ok(count @ 1..) => drop(self.typed.drain(..count)),
                // It goes on when the program has read some, or never.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

fn read_some(file: &mut File) -> Option<Vec<u8>> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let count = file.read(&mut chunk).ok().filter(|count| *count > 0)?;
    chunk.truncate(count);
    Some(chunk)
}

const fn size() -> Winsize {
    Winsize {
        ws_col: COLUMNS,
        ws_row: ROWS,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Becomes a program in a terminal: the body of the hidden command. Returns only why it
/// cannot.
pub fn become_program(terminal: &Path, argv: &[String]) -> io::Error {
    let error = match prepare(terminal, argv) {
        Ok(mut command) => command.exec(),
        Err(error) => error,
    };
    if let Ok(mut file) = File::options().write(true).open(terminal) {
        let program = argv.first().map_or("", String::as_str);
        // Where nobody sees it, the exit code has to do.
        writeln!(file, "`{program}` cannot be started: {error}\r").ok();
    }
    error
}

fn prepare(terminal: &Path, argv: &[String]) -> io::Result<Command> {
    rustix::process::setsid()?;
    let file = File::options().read(true).write(true).open(terminal)?;
    // On Linux the first terminal that a leader opens is its own already.
    rustix::process::ioctl_tiocsctty(&file).ok();
    let missing = || io::Error::new(io::ErrorKind::InvalidInput, "no program");
    let (program, args) = argv.split_first().ok_or_else(missing)?;
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(file.try_clone()?)
        .stdout(file.try_clone()?)
        .stderr(file);
    Ok(command)
}

/// Opens a pipe of a directory for whoever reads it: it never ends, whoever writes.
///
/// # Errors
/// There is no such pipe.
pub fn open_pipe_to_read(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(path)
}

/// Writes bytes into a pipe that somebody reads.
///
/// # Errors
/// There is no such pipe, or nobody reads it.
pub fn write_to_pipe(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    // Without a reader this fails at once.
    let mut pipe = options.write(true).custom_flags(flags).open(path)?;
    rustix::fs::fcntl_setfl(&pipe, rustix::fs::OFlags::empty())?;
    pipe.write_all(bytes)
}
