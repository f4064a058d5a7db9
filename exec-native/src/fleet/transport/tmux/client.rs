//! Calls of tmux: a clean environment, one server, and what its coming and going needs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::make_room;
use super::script::Script;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::ask::{Question, Reply, ask};
use crate::os::clock::{Deadline, rest};
use crate::os::dir::Dir;
use crate::os::lock::Lock;
use crate::os::{env, spawn};

const PROGRAM: &str = "tmux";
/// The name by which tmux knows the user's own server.
const USERS: &str = "default";
/// The oldest version that can do what is needed.
const OLDEST: (u32, u32) = (3, 2);
/// The file whose lock is held while a server comes or goes. It is never removed.
const LOCK: &str = "tmux.lock";
/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How long a server may take to go.
const GOING: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(5);
/// How often a call is made again that met a server on its way out.
const TRIES: usize = 50;
/// What a server keeps of each pane.
const HISTORY: &str = "50000";

/// The way to one server.
#[derive(Debug)]
pub(super) struct Client {
    socket: String,
    run: PathBuf,
    program: Option<PathBuf>,
    env: BTreeMap<String, String>,
}

impl Client {
    /// Looks for tmux, and takes of our environment what its server may have.
    pub(super) fn new(socket: &str, run: &Path) -> Self {
        let mut env = env::safe_vars();
        for name in ["TMUX_TMPDIR", "CALLSHEET_BIN"] {
            env.extend(env::var(name).map(|value| (name.to_owned(), value)));
        }
        let path = env.get("PATH").map(String::as_str);
        Self {
            socket: socket.to_owned(),
            run: run.to_owned(),
            program: spawn::find_program(PROGRAM, path),
            env,
        }
    }

    /// Looks for the socket in a directory.
    pub(super) fn set_socket_dir(&mut self, dir: &Path) {
        let dir = dir.display().to_string();
        self.env.insert("TMUX_TMPDIR".to_owned(), dir);
    }

    /// Returns the directory of the socket, when it is not the usual one.
    pub(super) fn socket_dir(&self) -> Option<&str> {
        self.env.get("TMUX_TMPDIR").map(String::as_str)
    }

    /// Tells whether the server is the fleet's own.
    pub(super) fn is_own(&self) -> bool {
        !self.socket.is_empty() && self.socket != USERS
    }

    fn program(&self) -> Result<&Path, ExecError> {
        self.program.as_deref().ok_or_else(|| {
            let message = "tmux is not installed, or not on PATH";
            ExecError::new(ExecErrorKind::Missing, message).hint(
                "install tmux 3.2 or newer, for example with `apt-get install tmux` or \
                 `brew install tmux`; or use the transport `process`",
            )
        })
    }

    /// Returns the words that begin every call.
    pub(super) fn argv(&self) -> Result<Vec<String>, ExecError> {
        let program = self.program()?.display().to_string();
        let mut argv = vec![program];
        argv.extend(self.options(true).map(String::from));
        Ok(argv)
    }

    /// The options of a call. A server is only started on purpose.
    fn options(&self, is_late: bool) -> impl Iterator<Item = &str> {
        let socket = if self.socket.is_empty() {
            USERS
        } else {
            &self.socket
        };
        // Its own server gets nobody's configuration.
        let config = self.is_own().then_some(["-f", "/dev/null"]);
        let late = is_late.then_some("-N");
        ["-u", "-L", socket]
            .into_iter()
            .chain(config.into_iter().flatten())
            .chain(late)
    }

    /// Fails when tmux is missing or too old.
    pub(super) fn check(&self) -> Result<(), ExecError> {
        let reply = self.call(&["-V"], "", None)?;
        let text = reply.stdout.trim();
        if is_old(text) {
            let message = format!("{text} is too old");
            let error = ExecError::new(ExecErrorKind::Missing, message);
            return Err(error.hint("install tmux 3.2 or newer, or use the transport `process`"));
        }
        Ok(())
    }

    fn call(&self, args: &[&str], input: &str, path: Option<&str>) -> Result<Reply, ExecError> {
        let mut env = self.env.clone();
        env.extend(path.map(|path| ("PATH".to_owned(), path.to_owned())));
        let question = Question {
            program: self.program()?,
            args,
            env: &env,
            input,
            limit: LIMIT,
        };
        ask(&question).map_err(|error| {
            ExecError::new(ExecErrorKind::Failed, "tmux does not answer").because(error)
        })
    }

    /// Runs commands; `None` when there is no server.
    pub(super) fn run(&self, args: &[&str]) -> Result<Option<Reply>, ExecError> {
        self.run_with(args, "")
    }

    /// As [`Client::run`], with an input.
    pub(super) fn run_with(&self, args: &[&str], input: &str) -> Result<Option<Reply>, ExecError> {
        let args: Vec<&str> = self.options(true).chain(args.iter().copied()).collect();
        let reply = self.call(&args, input, None)?;
        Ok((!is_absent(&reply)).then_some(reply))
    }

    /// Runs a script on the server, which is started when there is none. One that is about
    /// to go is waited for.
    pub(super) fn run_script(
        &self,
        script: &Script,
        path: Option<&str>,
    ) -> Result<Reply, ExecError> {
        let mut args: Vec<&str> = self.options(self.is_own()).collect();
        if !self.is_own() {
            args.extend(["start-server", ";"]);
        }
        args.extend(["source-file", "-"]);
        let text = script.text();
        for _ in 0..TRIES {
            let reply = self.call(&args, &text, path)?;
            if !is_absent(&reply) {
                return Ok(reply);
            }
            if self.is_own() {
                self.start_server()?;
            }
            rest(POLL);
        }
        let message = "the tmux server ends as soon as it has started";
        Err(ExecError::new(ExecErrorKind::Failed, message))
    }

    fn lock(&self) -> Result<Lock, ExecError> {
        make_room(&self.run)?;
        let dir = Dir::open(&self.run).at(&self.run)?;
        Lock::take(&dir, OsStr::new(LOCK)).at(self.run.join(LOCK))
    }

    fn runs(&self) -> Result<bool, ExecError> {
        Ok(self.run(&["list-sessions"])?.is_some())
    }

    /// Starts the fleet's own server, one process at a time.
    fn start_server(&self) -> Result<(), ExecError> {
        let _lock = self.lock()?;
        if self.runs()? {
            return Ok(());
        }
        let mut args: Vec<&str> = self.options(false).collect();
        args.extend(["start-server", ";", "set-option", "-s", "exit-empty", "off"]);
        args.extend([";", "set-option", "-g", "history-limit", HISTORY]);
        let reply = self.call(&args, "", None)?;
        if reply.code == 0 || is_absent(&reply) {
            return Ok(());
        }
        let message = "the tmux server cannot be started";
        Err(ExecError::new(ExecErrorKind::Failed, message).because(reply.stderr.trim()))
    }

    /// Ends the fleet's own server when nobody needs it, and waits until it is gone: a new
    /// session right after would meet it on its way out.
    pub(super) fn kill_server(
        &self,
        is_needless: &dyn Fn() -> Result<bool, ExecError>,
    ) -> Result<bool, ExecError> {
        let _lock = self.lock()?;
        if !is_needless()? {
            return Ok(false);
        }
        self.run(&["kill-server"])?;
        let deadline = Deadline::after(Some(GOING));
        while self.runs()? {
            if deadline.is_over() {
                let message = "the tmux server does not end";
                return Err(ExecError::new(ExecErrorKind::Failed, message));
            }
            rest(POLL);
        }
        Ok(true)
    }
}

/// Tells whether a call met no server, or one that was ending.
fn is_absent(reply: &Reply) -> bool {
    let said = |words: &str| reply.stderr.contains(words);
    reply.code != 0
        && (said("no server running")
            || said("error connecting to")
            || said("server exited unexpectedly")
            || said("lost server"))
}

/// Tells whether a version is older than what is needed. Development versions are new.
fn is_old(text: &str) -> bool {
    let version = text.strip_prefix("tmux ").unwrap_or(text);
    let mut numbers = version
        .split(|letter: char| !letter.is_ascii_digit())
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared() {
        for old in ["tmux 1.8", "tmux 2.9a", "tmux 3.0a", "tmux 3.1c"] {
            assert!(is_old(old), "{old}");
        }
        for new in [
            "tmux 3.2",
            "tmux 3.3a",
            "tmux 3.10",
            "tmux 4.0",
            "tmux next-3.6",
            "tmux master",
        ] {
            assert!(!is_old(new), "{new}");
        }
    }
}
