//! What an agent does that stays: it notes who it is, does not want to end, leaves
//! processes behind, or takes what somebody types.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::host::Host;

/// What a program prints that wants to know what was pasted.
const PASTES: &str = "\x1b[?2004h";

/// What is to stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stay {
    /// The file to note the process in.
    pub sign: Option<String>,
    /// Whether requests to end are ignored.
    pub ignore: bool,
    /// Whether a process is left running.
    pub leave: bool,
    /// The file that gets what is typed.
    pub listen: Option<String>,
}

/// Does what comes before the work. Returns when there is work to do.
///
/// # Errors
/// A file cannot be written, or there is no terminal to listen to.
pub fn begin(host: &Host, stay: &Stay) -> io::Result<()> {
    if stay.ignore {
        for signal in [SIGTERM, SIGHUP, SIGINT] {
            signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
        }
    }
    if stay.leave {
        Command::new("setsid").args(["sleep", "300"]).spawn()?;
    }
    if let Some(file) = &stay.sign {
        writeln!(append(host, file)?, "{}", std::process::id())?;
    }
    match &stay.listen {
        Some(file) => listen(append(host, file)?),
        None => Ok(()),
    }
}

fn append(host: &Host, file: &str) -> io::Result<File> {
    let path = host.cwd.join(file);
    OpenOptions::new().create(true).append(true).open(path)
}

/// Writes down what is typed, as it comes.
fn listen(mut file: File) -> io::Result<()> {
    let mut input = io::stdin().lock();
    let mut settings = tcgetattr(&input)?;
    settings.make_raw();
    tcsetattr(&input, OptionalActions::Now, &settings)?;
    let mut out = io::stdout();
    out.write_all(PASTES.as_bytes())?;
    out.write_all(b"I am listening.\r\n")?;
    out.flush()?;
    let mut chunk = [0; 4096];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => file.write_all(chunk.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
