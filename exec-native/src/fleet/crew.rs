//! The sessions of one fleet, whatever they run in: new seats go to one transport, and
//! what runs in the other is seen, spoken to and stopped all the same.

use std::path::PathBuf;
use std::time::Duration;

use plan_core::fleet::observed::{Observed, Session};
use plan_core::fleet::roster::Tmux as Server;

use super::home::Home;
use super::seat::{heartbeat_path, read_heartbeat};
use super::transport::{Process, Start, Started, Stopped, Tags, Tmux, Transport};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock;
use crate::os::dir::Kind;
use crate::os::proc::Cancel;

/// What runs, below the home.
pub const RUN: &str = "fleet/run";
/// The operator's switch: while it is there nothing is started or sent.
pub const PAUSED: &str = "fleet/run/PAUSED";

/// Which transport new seats get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// tmux where it is installed, else processes.
    #[default]
    Auto,
    /// Sessions of tmux.
    Tmux,
    /// Processes with terminals of their own.
    Process,
}

impl Choice {
    /// Reads the word for it.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "auto" => Choice::Auto,
            "tmux" => Choice::Tmux,
            "process" => Choice::Process,
            _ => return None,
        })
    }
}

/// The sessions of a fleet.
#[derive(Debug)]
pub struct Crew {
    fleet: String,
    run: PathBuf,
    holder: String,
    tmux: Option<Tmux>,
    process: Process,
    use_tmux: bool,
    paused: bool,
}

impl Crew {
    /// Finds the transports of a fleet.
    ///
    /// # Errors
    /// tmux was asked for and does not work here.
    pub fn open(
        home: &Home,
        fleet: &str,
        server: &Server,
        choice: Choice,
    ) -> Result<Self, ExecError> {
        let run = home.path(RUN);
        let tmux = Tmux::new(&server.socket_name, &run);
        let works = tmux.check();
        let works = match choice {
            Choice::Tmux => works.map(|()| true)?,
            // A fleet that chose processes may still have sessions of before.
            Choice::Auto | Choice::Process => works.is_ok(),
        };
        Ok(Self {
            fleet: fleet.to_owned(),
            holder: server.holder_session.clone(),
            tmux: works.then_some(tmux),
            process: Process::new(&run),
            use_tmux: works && choice != Choice::Process,
            paused: home.kind(PAUSED)? == Some(Kind::File),
            run,
        })
    }

    /// Returns the directory of what runs.
    pub const fn run(&self) -> &PathBuf {
        &self.run
    }

    /// Returns the name of the transport that new seats get.
    pub const fn transport(&self) -> &'static str {
        if self.use_tmux { "tmux" } else { "process" }
    }

    fn chosen(&self) -> &dyn Transport {
        match &self.tmux {
            Some(tmux) if self.use_tmux => tmux,
            _ => &self.process,
        }
    }

    /// The transport that a session runs in.
    fn of(&self, session: &Session) -> &dyn Transport {
        match &self.tmux {
            Some(tmux) if Tmux::owns(session) => tmux,
            _ => &self.process,
        }
    }

    /// Looks at every session of the fleet's server, and at heartbeats.
    ///
    /// # Errors
    /// A transport does not answer.
    pub fn observe(&self) -> Result<Observed, ExecError> {
        let mut sessions = match &self.tmux {
            Some(tmux) => tmux.observe()?,
            None => Vec::new(),
        };
        sessions.extend(self.process.observe()?);
        let now = clock::now_ms() / 1000;
        for session in &mut sessions {
            let seat = session.seat.as_deref().unwrap_or(&session.name);
            session.heartbeat = read_heartbeat(&heartbeat_path(&self.run, seat), now);
        }
        Ok(Observed {
            paused: self.paused,
            sessions,
        })
    }

    /// Finds the session of a seat.
    ///
    /// # Errors
    /// A transport does not answer, or the seat has no session.
    pub fn session(&self, seat: &str) -> Result<Session, ExecError> {
        let observed = self.observe()?;
        let ours = |session: &&Session| {
            session.fleet.as_deref() == Some(&self.fleet) && session.seat.as_deref() == Some(seat)
        };
        let found = observed.sessions.iter().find(ours);
        found.cloned().ok_or_else(|| {
            let message = format!("seat `{seat}` does not run");
            let error = ExecError::new(ExecErrorKind::Failed, message);
            error.hint(format!("`callsheet fleet start {seat}` starts it"))
        })
    }

    /// Starts seats at the same time, each with an answer of its own.
    pub fn start_all(&self, starts: &[Start]) -> Vec<Result<Started, ExecError>> {
        self.chosen().start_all(starts)
    }

    /// Keeps the session that the roster names for it, beside seats in tmux.
    ///
    /// # Errors
    /// It cannot be made, or a foreign session has its name.
    pub fn hold(&self) -> Result<(), ExecError> {
        if self.holder.is_empty() {
            return Ok(());
        }
        self.chosen().hold(&self.fleet, &self.holder)
    }

    /// Starts a seat again whose program has ended.
    ///
    /// # Errors
    /// As [`Transport::restart`].
    pub fn restart(&self, session: &Session, start: &Start) -> Result<Started, ExecError> {
        let own = self.of(session);
        if Tmux::owns(session) == self.use_tmux {
            return own.restart(session, start);
        }
        // It moves to the other transport.
        own.stop(session, Duration::ZERO)?;
        self.chosen().start(start)
    }

    /// Ends a seat.
    ///
    /// # Errors
    /// As [`Transport::stop`].
    pub fn stop(&self, session: &Session, grace: Duration) -> Result<Stopped, ExecError> {
        self.of(session).stop(session, grace)
    }

    /// Types a message into a seat.
    ///
    /// # Errors
    /// The fleet is paused, or as [`Transport::send`].
    pub fn send(&self, session: &Session, text: &str) -> Result<(), ExecError> {
        if self.paused {
            let error = ExecError::new(ExecErrorKind::Failed, "the fleet is paused");
            return Err(error.hint("`callsheet fleet resume` ends the pause"));
        }
        self.of(session).send(session, text)
    }

    /// Makes a session a seat.
    ///
    /// # Errors
    /// As [`Transport::adopt`].
    pub fn adopt(&self, session: &Session, seat: &str, hash: &str) -> Result<(), ExecError> {
        let tags = Tags {
            fleet: &self.fleet,
            seat,
            hash,
        };
        self.of(session).adopt(session, tags)
    }

    /// Returns the last lines of a seat.
    ///
    /// # Errors
    /// As [`Transport::capture`].
    pub fn capture(&self, session: &Session, lines: usize) -> Result<String, ExecError> {
        self.of(session).capture(session, lines)
    }

    /// Shows a seat in our terminal.
    ///
    /// # Errors
    /// As [`Transport::watch`].
    pub fn watch(&self, session: &Session, cancel: &Cancel) -> Result<(), ExecError> {
        self.of(session).watch(session, cancel)
    }

    /// Removes the files that stay when a seat has been stopped.
    ///
    /// # Errors
    /// As [`Transport::clear`].
    pub fn clear(&self, seat: &str) -> Result<(), ExecError> {
        if let Some(tmux) = &self.tmux {
            tmux.clear(seat)?;
        }
        self.process.clear(seat)
    }

    /// Ends what the transports run themselves, unless somebody still needs it.
    ///
    /// # Errors
    /// As [`Transport::shut`].
    pub fn shut(&self) -> Result<bool, ExecError> {
        let processes = self.process.shut(&self.fleet)?;
        match &self.tmux {
            Some(tmux) => Ok(tmux.shut(&self.fleet)? && processes),
            None => Ok(processes),
        }
    }
}
