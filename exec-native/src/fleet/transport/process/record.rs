//! The files of a session below the run directory: `<seat>.session.json` says what it is
//! and how it ended, `<seat>.host` is locked while its host lives, `<seat>.in` is the pipe to
//! its terminal, `log/<seat>.log` is what it printed.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use plan_core::base::diag;
use plan_core::base::json;
use plan_core::base::record::Scan as _;
use plan_core::fleet::observed::{Exit, Session};

use super::super::make_room;
use super::log::older;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Mtime};
use crate::os::fs::{self, Attributes, Place};
use crate::os::lock::Lock;
use crate::os::proc::Mark;
use crate::os::{clock, owner};

const RECORD: &str = ".session.json";
const HOST: &str = ".host";
const PIPE: &str = ".in";
const TURN: &str = ".turn";
const EDIT: &str = ".edit";
/// The process of a seat, with the time of its birth.
const MARK: &str = ".process";
const LOGS: &str = "log";
const KILLED: u64 = 9;

/// The run directory.
#[derive(Debug, Clone)]
pub(super) struct Room {
    run: PathBuf,
}

impl Room {
    pub(super) fn new(run: &Path) -> Self {
        Self {
            run: run.to_owned(),
        }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.run
    }

    fn open(&self) -> Result<Dir, ExecError> {
        Dir::open(&self.run).at(&self.run)
    }

    /// Returns the pipe into a session's terminal.
    pub(super) fn pipe(&self, seat: &str) -> PathBuf {
        self.run.join(format!("{seat}{PIPE}"))
    }

    /// Returns the log of a session.
    pub(super) fn log(&self, seat: &str) -> PathBuf {
        self.run.join(LOGS).join(format!("{seat}.log"))
    }

    /// Makes the directory of the logs.
    pub(super) fn make_logs(&self) -> Result<(), ExecError> {
        make_room(&self.run.join(LOGS))
    }

    /// Claims a seat for a host; `None` when another one holds it.
    pub(super) fn claim(&self, seat: &str) -> Result<Option<Lock>, ExecError> {
        Lock::try_take(&self.open()?, &name(seat, HOST)).at(self.run.join(name(seat, HOST)))
    }

    /// Waits until nobody else types.
    pub(super) fn turn(&self, seat: &str) -> Result<Lock, ExecError> {
        Lock::take(&self.open()?, &name(seat, TURN)).at(self.run.join(name(seat, TURN)))
    }

    /// Makes a new pipe for a session.
    pub(super) fn make_pipe(&self, seat: &str) -> Result<(), ExecError> {
        let dir = self.open()?;
        let name = name(seat, PIPE);
        dir.remove_file(&name)
            .and_then(|_| dir.make_pipe(&name, 0o600))
            .at(self.pipe(seat))
    }

    /// Writes down what a session is.
    pub(super) fn write(&self, session: &Session) -> Result<(), ExecError> {
        let place = Place {
            dir: self.open()?,
            name: name(&session.name, RECORD),
        };
        let temp = OsString::from(format!(".{}{RECORD}.{}", session.name, owner::own_id()));
        let attributes = Attributes {
            mode: Some(0o600),
            mtime: None,
        };
        let text = json::pretty(session);
        fs::write_atomic(&place, &temp, text.as_bytes(), attributes).at(self.run.join(&place.name))
    }

    /// Notes the process of a session, so that it is never taken for another one.
    pub(super) fn note(&self, seat: &str, pid: u32) -> Result<(), ExecError> {
        let mark = self.run.join(name(seat, MARK));
        owner::note_process(&mark, pid).at(&mark)
    }

    /// Tells whether the process of a session still is the one that was noted.
    pub(super) fn is_same(&self, session: &Session) -> Result<bool, ExecError> {
        let mark = self.run.join(name(&session.name, MARK));
        let pid = Mark::read(&mark).at(&mark)?.and_then(|mark| mark.living());
        let pid = pid.map(|pid| pid.as_raw_nonzero().get());
        Ok(pid.and_then(|pid| u64::try_from(pid).ok()) == Some(session.pid))
    }

    /// Changes what is written down of a session.
    pub(super) fn change(
        &self,
        seat: &str,
        change: &dyn Fn(&mut Session),
    ) -> Result<(), ExecError> {
        let _lock = Lock::take(&self.open()?, &name(seat, EDIT)).at(&self.run)?;
        let Some(mut session) = self.read(seat)? else {
            return Ok(());
        };
        change(&mut session);
        self.write(&session)
    }

    fn read(&self, seat: &str) -> Result<Option<Session>, ExecError> {
        let path = self.run.join(name(seat, RECORD));
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.at(&path)?,
        };
        let broken = |why: String| {
            ExecError::new(ExecErrorKind::Failed, "this is not what a host writes")
                .at(&path)
                .because(why)
        };
        let text = String::from_utf8(bytes).map_err(|error| broken(error.to_string()))?;
        let value = json::read(&text).map_err(|error| broken(error.to_string()))?;
        let session = Session::scan(&value, &diag::Path::root("session"));
        session
            .map(Some)
            .map_err(|problem| broken(problem.to_string()))
    }

    /// Tells whether a session is written down, running or dead.
    pub(super) fn has(&self, seat: &str) -> bool {
        fs::is_file(&self.run.join(name(seat, RECORD)))
    }

    /// Returns a session as it is now.
    pub(super) fn session(&self, seat: &str) -> Result<Option<Session>, ExecError> {
        let Some(mut session) = self.read(seat)? else {
            return Ok(None);
        };
        // Its host may note the end at this very moment: so look at the lock first.
        let is_free = session.dead.is_none() && self.claim(seat)?.is_some();
        if is_free {
            let Some(again) = self.read(seat)? else {
                return Ok(None);
            };
            session = again;
            session.dead.get_or_insert(Exit {
                status: None,
                signal: Some(KILLED),
            });
        }
        session.quiet = self.quiet(seat);
        Ok(Some(session))
    }

    /// Returns the seconds since a session printed something.
    fn quiet(&self, seat: &str) -> u64 {
        let log = self.log(seat);
        let dir = Dir::open(log.parent().unwrap_or(&self.run));
        let meta = dir.and_then(|dir| dir.stat(&OsString::from(format!("{seat}.log"))));
        let Ok(Some(meta)) = meta else { return 0 };
        let Mtime { seconds, .. } = meta.mtime;
        let then = u64::try_from(seconds).unwrap_or_default();
        (clock::now_ms() / 1000).saturating_sub(then)
    }

    /// Returns every session, by name.
    pub(super) fn sessions(&self) -> Result<Vec<Session>, ExecError> {
        if !fs::is_dir(&self.run) {
            return Ok(Vec::new());
        }
        let names = self.open()?.names().at(&self.run)?;
        let mut seats: Vec<String> = names
            .iter()
            .filter_map(|name| name.to_str()?.strip_suffix(RECORD))
            .filter(|seat| !seat.starts_with('.'))
            .map(String::from)
            .collect();
        seats.sort();
        let mut sessions = Vec::new();
        for seat in seats {
            // One that goes meanwhile is none.
            sessions.extend(self.session(&seat)?);
        }
        Ok(sessions)
    }

    /// Removes what belongs to a session that has ended; `false` while its host lives. The
    /// log stays, and so do the locks.
    pub(super) fn clear(&self, seat: &str) -> Result<bool, ExecError> {
        let Some(_claim) = self.claim(seat)? else {
            return Ok(false);
        };
        let dir = self.open()?;
        for end in [RECORD, PIPE, MARK] {
            dir.remove_file(&name(seat, end))
                .at(self.run.join(name(seat, end)))?;
        }
        Ok(true)
    }

    /// Removes what stays of a session that was cleared away: its log and its locks.
    /// `false` while a host holds it.
    pub(super) fn erase(&self, seat: &str) -> Result<bool, ExecError> {
        if !fs::is_dir(&self.run) {
            return Ok(true);
        }
        let Some(_claim) = self.claim(seat)? else {
            return Ok(false);
        };
        let dir = self.open()?;
        if self.has(seat) {
            // One that has just died is looked at first.
            return Ok(false);
        }
        // A host may have been killed while it wrote.
        let draft = format!(".{seat}{RECORD}.");
        let names = dir.names().at(&self.run)?;
        let drafts = names
            .into_iter()
            .filter(|name| name.to_str().is_some_and(|name| name.starts_with(&draft)));
        let ends = [PIPE, MARK, TURN, EDIT, HOST].map(|end| name(seat, end));
        for name in drafts.chain(ends) {
            dir.remove_file(&name).at(self.run.join(&name))?;
        }
        let log = self.log(seat);
        for path in [log.clone(), older(&log)] {
            fs::remove_if_there(&path).at(path)?;
        }
        // It stays as long as other seats have logs.
        dir.remove_dir(OsStr::new(LOGS)).ok();
        Ok(true)
    }
}

fn name(seat: &str, end: &str) -> OsString {
    OsString::from(format!("{seat}{end}"))
}
