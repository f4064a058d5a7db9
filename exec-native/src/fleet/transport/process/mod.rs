//! Seats as processes with terminals of their own, for machines without tmux. Each has a
//! host, a process of our own program that holds the terminal, writes a log, types what
//! is sent, and notes how the seat ended. A host lives as long as its seat, whoever
//! started it; that its lock is held is the only sign of life.

mod host;
mod log;
mod record;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::base::json::{self, Writer};
use plan_core::fleet::observed::{Exit, Session};

use super::{
    Start, Started, Stopped, Tags, Transport, check_adoptable, check_ours, check_start,
    end_processes, gone, make_room, message, taken,
};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::{Deadline, rest};
use crate::os::proc::Cancel;
use crate::os::{env, own, pty, spawn, threads};
use record::Room;

pub use host::{HOST_COMMAND, host};

/// How long a host may take to note the end of its seat.
const NOTING: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
/// How many hosts are started at the same time.
const AT_ONCE: usize = 4;
/// What a host says when another one holds the seat.
const TAKEN: &str = "taken";
const READY: &str = "ready";
/// The kinds of what is sent to a host.
const TEXT: u8 = b'T';
const KEYS: u8 = b'K';

/// Processes with terminals of their own.
#[derive(Debug)]
pub struct Process {
    room: Room,
    program: Option<PathBuf>,
}

impl Process {
    /// Keeps what belongs to seats in a directory.
    pub fn new(run: &Path) -> Self {
        Self {
            room: Room::new(run),
            program: own::program(),
        }
    }

    /// Takes another path of the callsheet program, which is the host of every seat.
    #[must_use]
    pub fn by(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    fn program(&self) -> Result<&Path, ExecError> {
        self.program.as_deref().ok_or_else(|| {
            let message = "the callsheet program cannot be found";
            let error = ExecError::new(ExecErrorKind::Missing, message);
            error.hint(format!("set {} to its path", own::VARIABLE))
        })
    }

    fn begin(&self, start: &Start, again: bool) -> Result<Started, ExecError> {
        check_start(start)?;
        make_room(self.room.dir())?;
        let program = self.program()?;
        let run = self.room.dir().display().to_string();
        let mut arguments = vec![HOST_COMMAND.to_owned(), run, start.seat.clone()];
        if again {
            arguments.push("--again".to_owned());
        }
        let failed = |why: String| {
            let message = format!("seat `{}` cannot be started", start.seat);
            ExecError::new(ExecErrorKind::Failed, message).because(why)
        };
        let said = spawn::detach_fed(program, &arguments, &env::safe_vars(), &write(start))
            .map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&said.output).into_owned();
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(READY), Some(id), Some(pid)) => Ok(Started {
                id: id.to_owned(),
                pid: pid.parse().unwrap_or_default(),
            }),
            (Some(TAKEN), ..) => Err(taken(&start.seat)),
            _ => Err(failed(String::from_utf8_lossy(&said.log).trim().to_owned())),
        }
    }

    /// Looks at a session once more before it is changed.
    fn look(&self, session: &Session) -> Result<Option<Session>, ExecError> {
        let fleet = check_ours(session)?;
        let Some(now) = self.room.session(&session.name)? else {
            return Ok(None);
        };
        if now.id != session.id {
            let message = format!("session `{}` runs something else by now", session.name);
            return Err(ExecError::new(ExecErrorKind::Busy, message));
        }
        if now.fleet.as_deref() != Some(fleet) {
            let message = format!("session `{}` is not ours any more", session.name);
            return Err(ExecError::new(ExecErrorKind::Refused, message));
        }
        Ok(Some(now))
    }

    fn exists(&self, session: &Session) -> Result<Session, ExecError> {
        let now = self.room.session(&session.name)?;
        now.filter(|now| now.id == session.id)
            .ok_or_else(|| gone(session))
    }
}

impl Transport for Process {
    fn check(&self) -> Result<(), ExecError> {
        self.program().map(drop)
    }

    fn observe(&self) -> Result<Vec<Session>, ExecError> {
        self.room.sessions()
    }

    fn start_all(&self, starts: &[Start]) -> Vec<Result<Started, ExecError>> {
        let mut answers = Vec::new();
        for some in starts.chunks(AT_ONCE) {
            threads::scope(|scope| {
                let begin = |start| scope.spawn(move || self.begin(start, false));
                let threads: Vec<_> = some.iter().map(begin).collect();
                let lost = || ExecError::new(ExecErrorKind::Internal, "a thread has failed");
                let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                    thread.join().unwrap_or_else(|_| Err(lost()))
                };
                answers.extend(threads.into_iter().map(join));
            });
        }
        answers
    }

    fn restart(&self, session: &Session, start: &Start) -> Result<Started, ExecError> {
        let now = self.look(session)?.ok_or_else(|| gone(session))?;
        if now.dead.is_none() {
            let message = format!("session `{}` still runs", session.name);
            return Err(ExecError::new(ExecErrorKind::Busy, message));
        }
        self.begin(start, true)
    }

    fn stop(&self, session: &Session, grace: Duration) -> Result<Stopped, ExecError> {
        let Some(now) = self.look(session)? else {
            return Ok(Stopped::Gone);
        };
        // A host that was killed notes nothing, and its seat may still be about to end.
        let stopped = match &now.dead {
            Some(Exit {
                status: Some(_), ..
            }) => Stopped::Dead,
            Some(_) if !self.room.is_same(&now)? => Stopped::Dead,
            _ => end_processes(&session.name, now.pid, grace)?,
        };
        let deadline = Deadline::after(Some(NOTING));
        while !self.room.clear(&session.name)? {
            if deadline.is_over() {
                let message = format!("the host of session `{}` does not end", session.name);
                return Err(ExecError::new(ExecErrorKind::Failed, message));
            }
            rest(POLL);
        }
        Ok(stopped)
    }

    fn send(&self, session: &Session, text: &str) -> Result<(), ExecError> {
        let text = message(text)?;
        match self.look(session)? {
            Some(now) if now.dead.is_none() => {}
            _ => return Err(gone(session)),
        }
        let mut bytes = frame(TEXT, text.as_bytes());
        bytes.extend(frame(KEYS, b"\r"));
        let _turn = self.room.turn(&session.name)?;
        let pipe = self.room.pipe(&session.name);
        pty::write_to_pipe(&pipe, &bytes).map_err(|error| gone(session).because(error))
    }

    fn adopt(&self, session: &Session, tags: Tags<'_>) -> Result<(), ExecError> {
        check_adoptable(session, tags)?;
        let now = self.exists(session)?;
        check_adoptable(&now, tags)?;
        self.room.change(&session.name, &|session| {
            session.fleet = Some(tags.fleet.to_owned());
            session.seat = Some(tags.seat.to_owned());
            session.hash = Some(tags.hash.to_owned());
        })
    }

    fn forget(&self, session: &Session) -> Result<(), ExecError> {
        if self.look(session)?.is_none() {
            return Err(gone(session));
        }
        self.room.change(&session.name, &|session| {
            session.fleet = None;
            session.seat = None;
            session.hash = None;
        })
    }

    fn capture(&self, session: &Session, lines: usize) -> Result<String, ExecError> {
        self.exists(session)?;
        log::last_lines(&self.room, &session.name, lines)
    }

    fn watch(&self, session: &Session, cancel: &Cancel) -> Result<(), ExecError> {
        self.exists(session)?;
        log::follow(&self.room, session, cancel)
    }

    fn hold(&self, _fleet: &str, _name: &str) -> Result<(), ExecError> {
        // Nothing has to be kept for seats that stand alone.
        Ok(())
    }

    fn clear(&self, seat: &str) -> Result<(), ExecError> {
        let deadline = Deadline::after(Some(NOTING));
        while !self.room.erase(seat)? {
            // One that begins right now, for a command that was killed, stays.
            if self.room.has(seat) || deadline.is_over() {
                break;
            }
            rest(POLL);
        }
        Ok(())
    }

    fn shut(&self, _fleet: &str) -> Result<bool, ExecError> {
        Ok(self.observe()?.is_empty())
    }
}

/// One piece of what is sent: its kind, its length, its bytes.
fn frame(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut frame = vec![kind];
    frame.extend(length.to_be_bytes());
    frame.extend(bytes);
    frame
}

/// Writes what a host reads on its input: no list of processes shows variables.
fn write(start: &Start) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("fleet", &start.fleet);
    out.field("hash", &start.hash);
    out.field("cwd", &*start.cwd.display().to_string());
    out.field("argv", &start.argv);
    out.field("env", &start.env);
    out.end_object();
    out.finish()
}

/// Reads what [`write`] wrote.
fn read(text: &str, seat: &str) -> Option<Start> {
    let value = json::read(text).ok()?;
    let text = |name: &str| value.get_str(name).map(String::from);
    let argv = value.get("argv")?.as_array()?.iter();
    let env = value.get("env")?.as_object()?.iter();
    let env = env.map(|(name, value)| Some((name.to_owned(), value.as_str()?.to_owned())));
    Some(Start {
        fleet: text("fleet")?,
        seat: seat.to_owned(),
        hash: text("hash")?,
        cwd: text("cwd")?.into(),
        argv: argv
            .map(|word| word.as_str().map(String::from))
            .collect::<Option<_>>()?,
        env: env.collect::<Option<BTreeMap<_, _>>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_survives_its_way() {
        let start = Start {
            fleet: "f".into(),
            seat: "s".into(),
            hash: "h".into(),
            cwd: "/a b".into(),
            argv: vec!["x".into(), "ü\n".into()],
            env: BTreeMap::from([("K".into(), "v\"".into())]),
        };
        assert_eq!(read(&write(&start), "s"), Some(start));
    }

    #[test]
    fn frames_say_how_long_they_are() {
        assert_eq!(frame(TEXT, b"ab"), b"T\x00\x00\x00\x02ab");
    }
}
