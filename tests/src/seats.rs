//! Seats of a fleet that really run: a transport of each kind, in a place of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use exec_native::fleet::transport::{Process, Start, Tmux, Transport};
use plan_core::base::json;
use plan_core::base::map::Map;
use plan_core::fleet::observed::{Exit, Restart, SEAT_SPEC, SeatSpec, Session};

use crate::program::{Stage, callsheet, stand_in};
use crate::repo::Answer;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(15);
/// The name of the fleet's socket.
const SOCKET: &str = "callsheet-it";

/// What seats run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A tmux server of their own.
    Tmux,
    /// Processes with terminals of their own.
    Process,
}

/// A transport with everything that belongs to it.
#[derive(Debug)]
pub struct Ground {
    /// Where everything lies.
    pub stage: Stage,
    /// What seats run in.
    pub transport: Box<dyn Transport>,
    /// Whether agents get views of their own.
    pub own_view: bool,
    kind: Kind,
}

impl Ground {
    /// Makes a place with the stand-in agent on its path.
    pub fn new(kind: Kind) -> Answer<Self> {
        let stage = Stage::new()?;
        let run = stage.path("run");
        let sockets = stage.path("sockets");
        fs::create_dir(&run)?;
        fs::create_dir(&sockets)?;
        std::os::unix::fs::symlink(stand_in()?, stage.path("bin/claude"))?;
        let transport: Box<dyn Transport> = match kind {
            Kind::Tmux => Box::new(Tmux::new(SOCKET, &run).with_sockets_in(&sockets)),
            Kind::Process => Box::new(Process::new(&run).by(callsheet()?)),
        };
        transport.check()?;
        Ok(Self {
            stage,
            transport,
            own_view: false,
            kind,
        })
    }

    /// Runs tmux itself on the server.
    pub fn tmux(&self, arguments: &[&str]) -> Answer<Output> {
        let sockets = self.stage.path("sockets");
        let mut command = Command::new("tmux");
        command
            .args(["-L", SOCKET, "-f", "/dev/null"])
            .args(arguments);
        Ok(command
            .env("TMUX_TMPDIR", sockets)
            .env_remove("TMUX")
            .output()?)
    }

    /// Returns the variables that programs of seats get.
    pub fn env(&self) -> BTreeMap<String, String> {
        let text = |path: &str| self.stage.path(path).display().to_string();
        let path = format!("{}:/usr/bin:/bin", text("bin"));
        let pairs = [
            ("PATH", path),
            ("HOME", text("home")),
            ("CALLSHEET_STATE_HOME", text("state")),
        ];
        let owned = pairs.map(|(name, value)| (name.to_owned(), value));
        BTreeMap::from(owned)
    }

    /// A seat with a program of its own.
    pub fn seat(&self, name: &str, argv: &[&str]) -> Start {
        Start {
            fleet: "fleet".to_owned(),
            seat: name.to_owned(),
            hash: format!("hash-of-{name}"),
            cwd: self.stage.project(),
            argv: argv.iter().copied().map(String::from).collect(),
            env: self.env(),
        }
    }

    /// A seat that plays an agent with a script, without a supervisor.
    pub fn player(&self, name: &str, script: &str) -> Start {
        let mut start = self.seat(name, &["claude", "--model", "m"]);
        let script = ("STAND_IN_SCRIPT".to_owned(), script.to_owned());
        start.env.extend([script]);
        start
    }

    /// A seat with a supervisor, whose agent has a script.
    pub fn supervised(&self, name: &str, persona: &str, script: &str) -> Answer<Start> {
        let script = ("STAND_IN_SCRIPT".to_owned(), script.to_owned());
        let restart = Restart {
            limit: 2,
            delay: 10,
            longest: 1_000,
            settled: 60_000,
        };
        let spec = SeatSpec {
            schema: SEAT_SPEC.to_owned(),
            fleet: "fleet".to_owned(),
            seat: name.to_owned(),
            class: "worker".to_owned(),
            runtime: "claude".to_owned(),
            hash: format!("hash-of-{name}"),
            cwd: self.stage.project().display().to_string(),
            persona: persona.to_owned(),
            env: Map::from([script]),
            env_file: None,
            base: None,
            own_view: self.own_view.then_some(true),
            restart,
            interval: 15,
            grace: Some(300),
        };
        let file = self.run(&format!("{name}.seat.json"));
        fs::write(&file, json::pretty(&spec))?;
        let program = callsheet()?.display().to_string();
        let file = file.display().to_string();
        Ok(self.seat(name, &[&program, "__seat", &file]))
    }

    /// Returns a path of the run directory.
    pub fn run(&self, name: &str) -> PathBuf {
        self.stage.path("run").join(name)
    }

    /// Looks at one session.
    pub fn session(&self, name: &str) -> Answer<Session> {
        let sessions = self.transport.observe()?;
        let found = sessions.into_iter().find(|session| session.name == name);
        found.ok_or_else(|| format!("there is no session `{name}`").into())
    }

    /// Waits until a session has ended; returns how.
    pub fn dead(&self, name: &str) -> Answer<Exit> {
        self.until(&format!("the end of `{name}`"), || {
            Ok(self.session(name)?.dead)
        })
    }

    /// Waits for a file of the project and returns its whole lines.
    pub fn lines(&self, file: &str, count: usize) -> Answer<Vec<String>> {
        let path = self.stage.project().join(file);
        self.until(&format!("{count} lines in {file}"), || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(String::from).collect();
            Ok((lines.len() >= count && text.ends_with('\n')).then_some(lines))
        })
    }

    /// Asks again and again until there is an answer.
    pub fn until<T>(&self, what: &str, question: impl Fn() -> Answer<Option<T>>) -> Answer<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = question()? {
                return Ok(answer);
            }
            if Instant::now() > end {
                let sessions = self.transport.observe()?;
                let shown = sessions
                    .iter()
                    .map(|session| self.transport.capture(session, 20));
                let shown: Vec<String> = shown.filter_map(Result::ok).collect();
                return Err(format!("no {what}: {sessions:?}\n{}", shown.join("\n")).into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lists the processes that work in the project.
    pub fn processes(&self) -> Answer<Vec<String>> {
        let project = fs::canonicalize(self.stage.project())?;
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            if fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == project) {
                let line = fs::read(path.join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                // One that has ended and was not collected has no words.
                if !line.is_empty() {
                    found.push(format!("{} {line}", path.display()));
                }
            }
        }
        Ok(found)
    }

    /// Kills a process at once.
    pub fn kill(&self, pid: u64) -> Answer<()> {
        let status = Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| "no such process".into())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // A test that failed may have left something running.
        for session in self.transport.observe().unwrap_or_default() {
            self.transport.stop(&session, Duration::ZERO).ok();
        }
        if self.kind == Kind::Tmux {
            self.tmux(&["kill-server"]).ok();
        }
    }
}
