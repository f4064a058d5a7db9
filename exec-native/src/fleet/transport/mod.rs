//! What seats run in: sessions of tmux, or processes with terminals of their own. A
//! session that carries no fleet's tag is somebody else's and is never touched.

mod process;
mod tmux;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::fleet::observed::Session;

pub use process::{HOST_COMMAND, Process, host};
pub use tmux::Tmux;

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::proc::Cancel;
use crate::os::session::Ending;
use crate::os::{fs, session};

/// The longest name of a seat.
const NAME_BYTES: usize = 63;
/// The longest message.
const MESSAGE_BYTES: usize = 4 << 20;

/// A seat to start.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// The fleet.
    pub fleet: String,
    /// The seat, which is the name of its session too.
    pub seat: String,
    /// The digest of its configuration.
    pub hash: String,
    /// Where its program works: absolute.
    pub cwd: PathBuf,
    /// The program and its arguments. No shell reads them.
    pub argv: Vec<String>,
    /// The variables of the program. tmux adds those of its server, the other transport
    /// nothing.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for Start {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of variables may be secrets.
        out.debug_struct("Start")
            .field("fleet", &self.fleet)
            .field("seat", &self.seat)
            .field("hash", &self.hash)
            .field("cwd", &self.cwd)
            .field("argv", &self.argv)
            .finish_non_exhaustive()
    }
}

/// The tags of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags<'t> {
    /// The fleet.
    pub fleet: &'t str,
    /// The seat.
    pub seat: &'t str,
    /// The digest of the seat's configuration.
    pub hash: &'t str,
}

/// A session that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// What the transport calls it.
    pub id: String,
    /// Its process.
    pub pid: u64,
}

/// How a session was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// There was none any more.
    Gone,
    /// It had ended by itself, and was only cleared away.
    Dead,
    /// Everything in it ended when it was asked to.
    Ended,
    /// Something in it had to be killed.
    Killed,
}

/// A way to run seats.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Fails when it does not work here; the error says what to install.
    ///
    /// # Errors
    /// What it needs is missing or too old.
    fn check(&self) -> Result<(), ExecError>;

    /// Looks at every session, foreign ones too, in one go. Heartbeats are left to the
    /// caller.
    ///
    /// # Errors
    /// The transport does not answer.
    fn observe(&self) -> Result<Vec<Session>, ExecError>;

    /// Starts a seat. The session's name is its claim: of several starts of one seat exactly
    /// one succeeds.
    ///
    /// # Errors
    /// [`ExecErrorKind::Busy`] when there is a session of that name, running or dead; or the
    /// session cannot be made.
    fn start(&self, start: &Start) -> Result<Started, ExecError> {
        let answers = self.start_all(std::slice::from_ref(start));
        let answer = answers.into_iter().next();
        answer.unwrap_or_else(|| Err(ExecError::new(ExecErrorKind::Internal, "nothing started")))
    }

    /// Starts several seats, each with an answer of its own, in order.
    fn start_all(&self, starts: &[Start]) -> Vec<Result<Started, ExecError>>;

    /// Starts a seat again in its session, whose program has ended.
    ///
    /// # Errors
    /// [`ExecErrorKind::Busy`] when it still runs, [`ExecErrorKind::Refused`] when the session
    /// is not ours.
    fn restart(&self, session: &Session, start: &Start) -> Result<Started, ExecError>;

    /// Ends what runs in a session of ours, and the session: asks, waits as long as `grace`,
    /// kills, and looks whether everything is gone. A supervisor of ours needs as long as
    /// its agent may take, and some time to take its run back.
    ///
    /// # Errors
    /// [`ExecErrorKind::Refused`] when the session is not ours; or something does not end.
    fn stop(&self, session: &Session, grace: Duration) -> Result<Stopped, ExecError>;

    /// Types a message into a session as one paste, and enters it.
    ///
    /// # Errors
    /// The session is not ours or not running, or the message holds keys instead of text.
    fn send(&self, session: &Session, text: &str) -> Result<(), ExecError>;

    /// Tags a session, so that it counts as a seat's from now on.
    ///
    /// # Errors
    /// It belongs to another fleet, or is gone.
    fn adopt(&self, session: &Session, tags: Tags<'_>) -> Result<(), ExecError>;

    /// Takes the tags of a session of ours away, and leaves it running.
    ///
    /// # Errors
    /// It is not ours.
    fn forget(&self, session: &Session) -> Result<(), ExecError>;

    /// Returns the last lines that a session shows.
    ///
    /// # Errors
    /// The session is gone.
    fn capture(&self, session: &Session, lines: usize) -> Result<String, ExecError>;

    /// Shows a session in our own terminal until somebody leaves it, without touching it.
    ///
    /// # Errors
    /// The session is gone, or there is no terminal.
    fn watch(&self, session: &Session, cancel: &Cancel) -> Result<(), ExecError>;

    /// Keeps a session that does nothing, for rosters that name one. Somebody else's of that
    /// name does as well.
    ///
    /// # Errors
    /// It cannot be made.
    fn hold(&self, fleet: &str, name: &str) -> Result<(), ExecError>;

    /// Removes the files that stay when a seat has been stopped, such as its log.
    ///
    /// # Errors
    /// A file cannot be removed.
    fn clear(&self, seat: &str) -> Result<(), ExecError>;

    /// Ends what the transport itself runs for a fleet, unless somebody else's session, or a
    /// seat, still needs it; tells whether it did.
    ///
    /// # Errors
    /// It does not end.
    fn shut(&self, fleet: &str) -> Result<bool, ExecError>;
}

/// Refuses names that tmux would change or take for something else, and directories that do
/// not exist.
fn check_start(start: &Start) -> Result<(), ExecError> {
    check_name(&start.seat)?;
    if start.argv.is_empty() {
        return Err(ExecError::new(
            ExecErrorKind::Usage,
            format!("seat `{}` has no program", start.seat),
        ));
    }
    if !start.cwd.is_absolute() || !fs::is_dir(&start.cwd) {
        let message = format!("the directory of seat `{}` does not exist", start.seat);
        return Err(ExecError::new(ExecErrorKind::Usage, message).at(&start.cwd));
    }
    Ok(())
}

/// Refuses names that cannot be those of seats.
fn check_name(name: &str) -> Result<(), ExecError> {
    let first = |byte: &u8| byte.is_ascii_alphanumeric();
    let other = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let fits = name.len() <= NAME_BYTES && name.bytes().all(other);
    if fits && name.as_bytes().first().is_some_and(first) {
        return Ok(());
    }
    let message = format!("`{name}` cannot be the name of a seat");
    let error = ExecError::new(ExecErrorKind::Usage, message);
    Err(error.hint("names are at most 63 letters, digits, `_` and `-`, a letter or digit first"))
}

/// Refuses to touch what is not ours.
fn check_ours(session: &Session) -> Result<&str, ExecError> {
    session.fleet.as_deref().ok_or_else(|| {
        let message = format!("session `{}` belongs to no fleet", session.name);
        ExecError::new(ExecErrorKind::Refused, message).hint("adopt it first")
    })
}

/// Refuses to take a session from another fleet.
fn check_adoptable(session: &Session, tags: Tags<'_>) -> Result<(), ExecError> {
    check_name(tags.seat)?;
    match session
        .fleet
        .as_deref()
        .filter(|fleet| *fleet != tags.fleet)
    {
        None => Ok(()),
        Some(fleet) => {
            let message = format!("session `{}` belongs to fleet `{fleet}`", session.name);
            Err(ExecError::new(ExecErrorKind::Refused, message))
        }
    }
}

/// Returns a message as it is pasted. Keys in it would do what nobody sees.
fn message(text: &str) -> Result<String, ExecError> {
    let text = text.replace("\r\n", "\n");
    let is_key = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if text.contains(is_key) {
        let message = "the message holds control characters";
        return Err(ExecError::new(ExecErrorKind::Usage, message));
    }
    if text.len() > MESSAGE_BYTES {
        let message = format!("the message has more than {MESSAGE_BYTES} bytes");
        return Err(ExecError::new(ExecErrorKind::Usage, message).hint("name a file in it"));
    }
    Ok(text)
}

/// The error for a name that is taken.
fn taken(seat: &str) -> ExecError {
    let message = format!("there is a session of the name `{seat}` already");
    ExecError::new(ExecErrorKind::Busy, message)
}

/// The error for a session that is no more.
fn gone(session: &Session) -> ExecError {
    let message = format!("session `{}` is gone", session.name);
    ExecError::new(ExecErrorKind::Failed, message)
}

/// Ends the processes of a session.
fn end_processes(name: &str, pid: u64, grace: Duration) -> Result<Stopped, ExecError> {
    let leader = u32::try_from(pid).unwrap_or_default();
    let ended = session::end_session(leader, grace).map_err(|error| {
        let message = format!("session `{name}` cannot be ended");
        ExecError::new(ExecErrorKind::Failed, message).because(error)
    });
    Ok(match ended? {
        Ending::Orderly => Stopped::Ended,
        Ending::Killed => Stopped::Killed,
    })
}

/// Makes the directory in which a transport keeps its files.
fn make_room(run: &Path) -> Result<(), ExecError> {
    fs::make_private_dirs(run).at(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tmux_reads_otherwise_are_refused() {
        for name in [
            "", "a.b", "a:b", "$1", "@1", "%1", "=a", "-a", "_a", "a b", "ä",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name(&"x".repeat(64)).is_err());
        for name in ["a", "code0", "9-lives_", &"x".repeat(63)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn messages_are_text() {
        assert_eq!(message("a\r\nb\tü;").ok().as_deref(), Some("a\nb\tü;"));
        for keys in ["\u{1b}[201~rm -rf", "a\rb", "\u{3}", "\u{9b}x"] {
            assert!(message(keys).is_err(), "{keys:?}");
        }
    }
}
