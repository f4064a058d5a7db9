//! A fleet of stand-ins that really runs, brought up by the real binary in a home of its
//! own, with a tmux server of its own.
#![expect(clippy::print_stdout, reason = "says what is skipped")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use plan_core::base::json::Value;

use crate::program::{Call, Ended, Stage, stand_in};
use crate::repo::Answer;
use crate::scene::expect;
use crate::seats::Kind;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);
/// The socket that rosters name by default.
const SOCKET: &str = "mosaic-fleet";
/// Those who answer to `PROFILE`.
pub const SEATS: [&str; 4] = ["code0", "code1", "planner", "review"];

/// A profile with a lead and three who report to it.
const PROFILE: &str = "\
id: team
title: A team
description: Four seats.
lead: planner
floor:
  - planner
roster:
  - class: planner
  - class: code
    reports_to: planner
    multiplicity: 2
  - class: review
    reports_to: planner
";

/// A row of `fleet status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// How the seat stands.
    pub state: String,
    /// More about it.
    pub detail: String,
    /// The process of its session.
    pub pid: Option<u32>,
}

/// A fleet.
#[derive(Debug)]
pub struct Fleet {
    /// Where everything lies; seats work in its home.
    pub stage: Stage,
    /// What seats run in.
    pub kind: Kind,
}

impl Fleet {
    /// Makes a home with the profile `team`; nothing is up. None without tmux.
    pub fn new(kind: Kind) -> Answer<Option<Self>> {
        if kind == Kind::Tmux && !Stage::can(&["tmux", "-V"]) {
            println!("skipped: tmux is not installed");
            return Ok(None);
        }
        let stage = Stage::new()?;
        fs::create_dir(stage.path("sockets"))?;
        std::os::unix::fs::symlink(stand_in()?, stage.path("bin/claude"))?;
        let [home, sockets] = ["fleet-home", "sockets"].map(|path| stage.path(path));
        let stage = stage
            .env("CALLSHEET_HOME", home)
            .env("TMUX_TMPDIR", sockets)
            .env("IS_SANDBOX", "1");
        let fleet = Self { stage, kind };
        fleet.write("profiles/team.yaml", PROFILE)?;
        for class in ["planner", "code", "review"] {
            fleet.script(class, "SIGN signed\nHANG")?;
        }
        Ok(Some(fleet))
    }

    /// Returns a path below `fleet/` of the home.
    pub fn path(&self, path: &str) -> PathBuf {
        self.stage.path("fleet-home/fleet").join(path)
    }

    /// Writes a file below `fleet/` of the home.
    pub fn write(&self, path: &str, text: &str) -> Answer<()> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        Ok(fs::write(path, text)?)
    }

    /// Reads a file below `fleet/` of the home.
    pub fn read(&self, path: &str) -> Answer<String> {
        let path = self.path(path);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Changes the text of a file below `fleet/` of the home.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> Answer<()> {
        let text = self.read(path)?;
        if !text.contains(from) {
            return Err(format!("{path} lacks {from}: {text}").into());
        }
        self.write(path, &text.replacen(from, to, 1))
    }

    /// Says what the agents of a class do.
    pub fn script(&self, class: &str, script: &str) -> Answer<()> {
        self.persona(class, script, "")
    }

    /// As [`Fleet::script`], with further members of the persona file.
    pub fn persona(&self, class: &str, script: &str, more: &str) -> Answer<()> {
        let script = script.replace('\n', "\\n");
        let text = format!(r#"{{"env": {{"STAND_IN_SCRIPT": "{script}"}}{more}}}"#);
        self.write(&format!("personas/{class}.json"), &text)
    }

    /// Puts a call together, of a command that looks at the fleet.
    pub fn look(&self, arguments: &[&str]) -> Answer<Call> {
        self.stage.call(&[&["fleet"], arguments].concat())
    }

    /// Puts a call together, of a command that changes what runs.
    pub fn change(&self, arguments: &[&str]) -> Answer<Call> {
        let transport = match self.kind {
            Kind::Tmux => "tmux",
            Kind::Process => "process",
        };
        self.look(&[arguments, &["--transport", transport]].concat())
    }

    /// Looks, and expects an exit code.
    pub fn ask(&self, arguments: &[&str], code: i32) -> Answer<Ended> {
        let ended = self.look(arguments)?.run()?;
        expect(&ended, code).map_err(|error| format!("{arguments:?} {error}"))?;
        Ok(ended)
    }

    /// Changes, and expects an exit code.
    pub fn tell(&self, arguments: &[&str], code: i32) -> Answer<Ended> {
        let ended = self.change(arguments)?.run()?;
        expect(&ended, code).map_err(|error| format!("{arguments:?} {error}"))?;
        Ok(ended)
    }

    /// Brings all seats up and waits for them.
    pub fn up(&self) -> Answer<()> {
        self.tell(&["up", "--profile", "team", "--full", "--wait"], 0)?;
        Ok(())
    }

    /// Returns the data of a command's envelope.
    pub fn data(&self, arguments: &[&str]) -> Answer<Value<'static>> {
        let envelope = self.ask(arguments, 0)?.envelope()?;
        let data = envelope.get("data").cloned();
        data.ok_or_else(|| "no data".into())
    }

    /// Returns every row of the status, by name.
    pub fn rows(&self) -> Answer<BTreeMap<String, Row>> {
        let data = self.data(&["status", "--json"])?;
        let rows = data.get("rows").and_then(Value::as_array);
        let row = |row: &Value<'static>| {
            let text = |name: &str| row.get_str(name).unwrap_or_default().to_owned();
            let pid = row.get("pid").and_then(Value::as_number);
            let read = Row {
                state: text("state"),
                detail: text("detail"),
                pid: pid.and_then(|pid| format!("{pid}").parse().ok()),
            };
            (text("name"), read)
        };
        Ok(rows.ok_or("no rows")?.iter().map(row).collect())
    }

    /// Returns the row of a seat.
    pub fn row(&self, seat: &str) -> Answer<Row> {
        let mut rows = self.rows()?;
        rows.remove(seat)
            .ok_or_else(|| format!("no row `{seat}`").into())
    }

    /// Returns the processes of all seats that run as they should.
    pub fn pids(&self) -> Answer<BTreeMap<String, u32>> {
        let rows = self.rows()?.into_iter();
        let rows = rows.filter(|(_, row)| row.state == "in_sync");
        Ok(rows
            .filter_map(|(name, row)| Some((name, row.pid?)))
            .collect())
    }

    /// Kills the process of a seat, and waits until that is seen.
    pub fn kill(&self, seat: &str) -> Answer<Row> {
        let pid = self.row(seat)?.pid.ok_or("it does not run")?;
        let ended = Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()?;
        if !ended.success() {
            return Err("no such process".into());
        }
        self.until("end of the seat", || {
            let row = self.row(seat)?;
            Ok((row.state == "dead").then_some(row))
        })
    }

    /// Runs tmux itself on the fleet's server.
    pub fn tmux(&self, arguments: &[&str]) -> Answer<Output> {
        let mut command = Command::new("tmux");
        command
            .args(["-L", SOCKET, "-f", "/dev/null"])
            .args(arguments);
        let command = command.env("TMUX_TMPDIR", self.stage.path("sockets"));
        Ok(command.env_remove("TMUX").output()?)
    }

    /// Lists the sessions of the fleet's server.
    pub fn sessions(&self) -> Answer<Vec<String>> {
        let listed = self.tmux(&["list-sessions", "-F", "#{session_name}"])?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        Ok(text.lines().map(String::from).collect())
    }

    /// Asks again and again until there is an answer.
    pub fn until<T>(&self, what: &str, question: impl Fn() -> Answer<Option<T>>) -> Answer<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = question()? {
                return Ok(answer);
            }
            if Instant::now() > end {
                let rows = self.rows()?;
                let shown = self
                    .ask(&["tail", "planner"], 0)
                    .map(|ended| ended.stdout());
                return Err(format!("no {what}: {rows:?}\n{shown:?}").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a text of the seats' directory says something.
    pub fn says(&self, file: &str, words: &str) -> Answer<String> {
        let path = self.stage.path("home").join(file);
        self.until(&format!("{words:?} in {file}"), || {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            Ok(text.contains(words).then_some(text))
        })
    }

    /// Lists every process that was started for this fleet, by whomever.
    pub fn processes(&self) -> Answer<Vec<String>> {
        left_over(&self.stage.path("").display().to_string())
    }

    /// Lists the files that a fleet that is down has left in its run directory.
    pub fn left(&self) -> Answer<Vec<String>> {
        let mut left = Vec::new();
        files(&self.path("run"), &mut left)?;
        let run = self.path("run").display().to_string();
        let names = left.iter().map(|path| path.display().to_string());
        let names = names.map(|path| {
            path.trim_start_matches(&*run)
                .trim_start_matches('/')
                .to_owned()
        });
        let locks = ["fleet.lock", "tmux.lock"];
        let mut names: Vec<String> = names.filter(|name| !locks.contains(&&**name)).collect();
        names.sort();
        Ok(names)
    }

    /// Expects that nothing of the fleet runs and nothing lies around.
    pub fn expect_gone(&self) -> Answer<()> {
        // The server's own process ends a moment after it has gone.
        let gone = self.until("end of all processes", || {
            Ok(self.processes()?.is_empty().then_some(()))
        });
        gone.map_err(|error| format!("{error}\n{:#?}", self.processes()))?;
        let left = self.left()?;
        if left.is_empty() {
            return Ok(());
        }
        Err(format!("the fleet left {left:?}").into())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // A test that failed may have left something running.
        if let Ok(call) = self.change(&["down", "--grace", "1"]) {
            call.run().ok();
        }
        if self.kind == Kind::Tmux {
            self.tmux(&["kill-server"]).ok();
        }
        for line in self.processes().unwrap_or_default() {
            let pid = line.trim_start_matches("/proc/").split(' ').next();
            Command::new("kill").arg("-9").args(pid).output().ok();
        }
    }
}

/// Lists every process whose environment holds a text: a directory of a test's own, for
/// example.
pub fn left_over(mark: &str) -> Answer<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        // One that goes meanwhile is none.
        let environ = fs::read(path.join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environ).contains(mark) {
            let line = fs::read(path.join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            found.push(format!("{} {line}", path.display()));
        }
    }
    Ok(found)
}

fn files(dir: &std::path::Path, found: &mut Vec<PathBuf>) -> Answer<()> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}
