//! Seats as sessions of a tmux server. A fleet has a server of its own, by the name of its
//! socket; without a name seats live in the user's server, whose settings are left alone.

mod client;
mod script;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::fleet::observed::Session;

use super::{
    Start, Started, Stopped, Tags, Transport, check_adoptable, check_ours, check_start,
    end_processes, gone, message, taken,
};
use crate::error::{ExecError, ExecErrorKind};
use crate::os::proc::Cancel;
use crate::os::spawn::{self, Spawn};
use crate::os::{clock, env, owner, rng, session};
use client::Client;
use script::Script;
use table::Row;

/// The tags of sessions.
const FLEET: &str = "@callsheet_fleet";
const SEAT: &str = "@callsheet_seat";
const HASH: &str = "@callsheet_hash";
/// The mark of sessions that are only for looking on.
const VIEWER: &str = "@callsheet_viewer";
/// How often tmux is made to look after its children in one look.
const NUDGES: usize = 3;
/// How the line begins by which tmux says that a program has ended.
const DEAD: &str = "Pane is dead";
const WIDTH: &str = "200";
const HEIGHT: &str = "50";

/// tmux.
#[derive(Debug)]
pub struct Tmux {
    client: Client,
}

impl Tmux {
    /// Uses the server of a socket, by its name; without a name it is the user's own. The
    /// directory holds the lock of the server.
    pub fn new(socket: &str, run: &Path) -> Self {
        Self {
            client: Client::new(socket, run),
        }
    }

    /// Looks for the server's socket in another directory than `TMUX_TMPDIR`.
    #[must_use]
    pub fn with_sockets_in(mut self, dir: &Path) -> Self {
        self.client.set_socket_dir(dir);
        self
    }

    /// Tells whether a session is one of tmux.
    pub fn owns(session: &Session) -> bool {
        parts(session).is_ok()
    }

    /// Starts seats whose programs are looked for on the same path, in one call.
    fn start_some(&self, starts: &[&Start]) -> Vec<Result<Started, ExecError>> {
        let mut script = Script::default();
        for start in starts {
            script.new_session(start);
        }
        let path = starts.first().and_then(|start| start.env.get("PATH"));
        let reply = match self.client.run_script(&script, path.map(String::as_str)) {
            Ok(reply) => reply,
            Err(error) => {
                let text = error.chain();
                let failed = |_: &&Start| Err(ExecError::new(error.kind(), text.clone()));
                return starts.iter().map(failed).collect();
            }
        };
        let answer = |start: &&Start| {
            let line = reply.stdout.lines().find_map(|line| {
                let (name, rest) = line.split_once(' ')?;
                (name == start.seat).then_some(rest)
            });
            if let Some(started) = line.and_then(started) {
                return Ok(started);
            }
            let lost = format!("duplicate session: {}", start.seat);
            if reply.stderr.lines().any(|line| line.ends_with(&lost)) {
                return Err(taken(&start.seat));
            }
            let message = format!("seat `{}` cannot be started", start.seat);
            Err(ExecError::new(ExecErrorKind::Failed, message).because(reply.stderr.trim()))
        };
        starts.iter().map(answer).collect()
    }

    /// Asks for something of a session's terminal; `None` when there is none. The format must
    /// never be empty.
    fn ask(&self, session: &Session, format: &str) -> Result<Option<String>, ExecError> {
        let (_, pane) = parts(session)?;
        let arguments = ["display-message", "-p", "-t", pane, format];
        let reply = self.client.run(&arguments)?;
        // Without a pane tmux prints formats without values, and is content.
        let reply = reply.filter(|reply| reply.code == 0);
        let text = reply.map(|reply| reply.stdout.trim_end_matches('\n').to_owned());
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    /// Looks at a session once more before it is changed. `None` when it is gone; whether it
    /// is dead otherwise.
    fn look(&self, session: &Session) -> Result<Option<bool>, ExecError> {
        let fleet = check_ours(session)?;
        let format = format!("#{{pane_pid}} #{{pane_dead}} #{{{FLEET}}}");
        let Some(text) = self.ask(session, &format)? else {
            return Ok(None);
        };
        let mut words = text.splitn(3, ' ');
        let (pid, dead, tag) = (words.next(), words.next(), words.next());
        let runs = pid
            .and_then(|pid| pid.parse().ok())
            .is_some_and(session::runs);
        // A program that has closed its terminal may still run.
        let dead = dead == Some("1") && !runs;
        if tag != Some(fleet) {
            let message = format!("session `{}` is not ours any more", session.name);
            return Err(ExecError::new(ExecErrorKind::Refused, message));
        }
        if pid != Some(&*session.pid.to_string()) && !dead {
            let message = format!("session `{}` runs something else by now", session.name);
            return Err(ExecError::new(ExecErrorKind::Busy, message));
        }
        Ok(Some(dead))
    }

    /// Runs commands about a session of ours.
    fn change(&self, session: &Session, script: &Script) -> Result<String, ExecError> {
        let reply = self.client.run_script(script, None)?;
        if reply.code == 0 {
            return Ok(reply.stdout);
        }
        let message = format!("tmux refuses session `{}`", session.name);
        Err(ExecError::new(ExecErrorKind::Failed, message).because(reply.stderr.trim()))
    }

    /// As [`Tmux::rows`], with the ends of programs known. tmux can miss that a child of
    /// its has ended until another one does: so it gets another one.
    fn known_rows(&self) -> Result<Vec<Row>, ExecError> {
        let is_missed = |row: &Row| row.unknown_end().is_some_and(|pid| !session::runs(pid));
        let mut rows = self.rows()?;
        for _ in 0..NUDGES {
            if !rows.iter().any(is_missed) {
                break;
            }
            self.client.run(&["run-shell", "true"])?;
            rows = self.rows()?;
        }
        Ok(rows)
    }

    fn rows(&self) -> Result<Vec<Row>, ExecError> {
        let format = table::format();
        match self.client.run(&["list-panes", "-a", "-F", &format])? {
            None => Ok(Vec::new()),
            // A server without sessions says that there is none.
            Some(reply) => Ok(table::rows(&reply.stdout)),
        }
    }
}

impl Transport for Tmux {
    fn check(&self) -> Result<(), ExecError> {
        self.client.check()
    }

    fn observe(&self) -> Result<Vec<Session>, ExecError> {
        let now = clock::now_ms() / 1000;
        let rows = self.known_rows()?.into_iter();
        let rows = rows.filter(|row| !row.is_viewer);
        Ok(rows.map(|row| row.session(now, session::runs)).collect())
    }

    fn start_all(&self, starts: &[Start]) -> Vec<Result<Started, ExecError>> {
        let mut answers: Vec<Option<Result<Started, ExecError>>> = starts
            .iter()
            .map(|start| check_start(start).err().map(Err))
            .collect();
        // The path of the caller counts, whatever the session's variables say.
        while let Some(path) = starts
            .iter()
            .zip(&answers)
            .find_map(|(start, answer)| answer.is_none().then(|| start.env.get("PATH")))
        {
            let same = |place: &usize| {
                let open = answers.get(*place).is_some_and(Option::is_none);
                open && starts.get(*place).map(|start| start.env.get("PATH")) == Some(path)
            };
            let places: Vec<usize> = (0..starts.len()).filter(same).collect();
            let some: Vec<&Start> = places
                .iter()
                .filter_map(|place| starts.get(*place))
                .collect();
            for (place, answer) in places.iter().zip(self.start_some(&some)) {
                if let Some(slot) = answers.get_mut(*place) {
                    *slot = Some(answer);
                }
            }
        }
        answers.into_iter().flatten().collect()
    }

    fn restart(&self, session: &Session, start: &Start) -> Result<Started, ExecError> {
        check_start(start)?;
        let (id, pane) = parts(session)?;
        match self.look(session)? {
            None => return Err(gone(session)),
            Some(false) => {
                let message = format!("session `{}` still runs", session.name);
                return Err(ExecError::new(ExecErrorKind::Busy, message));
            }
            Some(true) => {}
        }
        let mut script = Script::default();
        script.respawn(start, (id, pane));
        let path = start.env.get("PATH").map(String::as_str);
        let reply = self.client.run_script(&script, path)?;
        let line = reply.stdout.lines().find_map(started);
        line.ok_or_else(|| {
            let message = format!("seat `{}` cannot be started again", start.seat);
            ExecError::new(ExecErrorKind::Failed, message).because(reply.stderr.trim())
        })
    }

    fn stop(&self, session: &Session, grace: Duration) -> Result<Stopped, ExecError> {
        let (id, _) = parts(session)?;
        let stopped = match self.look(session)? {
            None => return Ok(Stopped::Gone),
            // What its program has left in the session goes too.
            Some(true) => {
                end_processes(&session.name, session.pid, grace)?;
                Stopped::Dead
            }
            Some(false) => end_processes(&session.name, session.pid, grace)?,
        };
        let reply = self.client.run(&["kill-session", "-t", id])?;
        let failed = reply.filter(|reply| reply.code != 0);
        match failed {
            Some(reply) if !reply.stderr.contains("can't find session") => {
                let message = format!("session `{}` cannot be removed", session.name);
                Err(ExecError::new(ExecErrorKind::Failed, message).because(reply.stderr.trim()))
            }
            _ => Ok(stopped),
        }
    }

    fn send(&self, session: &Session, text: &str) -> Result<(), ExecError> {
        let text = message(text)?;
        let (_, pane) = parts(session)?;
        match self.look(session)? {
            Some(false) => {}
            _ => return Err(gone(session)),
        }
        let nonce = rng::bytes::<8>()
            .map(u64::from_ne_bytes)
            .unwrap_or_default();
        let buffer = format!("cs-{nonce:x}");
        let paste = [
            "load-buffer",
            "-b",
            &buffer,
            "-",
            ";",
            "paste-buffer",
            "-p",
            "-r",
            "-d",
            "-b",
            &buffer,
            "-t",
            pane,
        ];
        let enter = [
            "copy-mode",
            "-q",
            "-t",
            pane,
            ";",
            "send-keys",
            "-t",
            pane,
            "Enter",
        ];
        for (arguments, input) in [(&paste[..], &*text), (&enter[..], "")] {
            let reply = self.client.run_with(arguments, input)?;
            if reply.as_ref().is_none_or(|reply| reply.code != 0) {
                let why = reply.map(|reply| reply.stderr).unwrap_or_default();
                let message = format!("session `{}` does not take the message", session.name);
                let error = ExecError::new(ExecErrorKind::Failed, message);
                return Err(error.because(why.trim()));
            }
        }
        Ok(())
    }

    fn adopt(&self, session: &Session, tags: Tags<'_>) -> Result<(), ExecError> {
        check_adoptable(session, tags)?;
        let (id, _) = parts(session)?;
        // Without a pane there is no pid either.
        let format = format!("#{{pane_pid}} #{{{FLEET}}}");
        let now = self.ask(session, &format)?.ok_or_else(|| gone(session))?;
        let tag = now.split_once(' ').map_or("", |(_, tag)| tag);
        if !["", tags.fleet].contains(&tag) {
            let message = format!("session `{}` belongs to another fleet", session.name);
            return Err(ExecError::new(ExecErrorKind::Refused, message));
        }
        let mut script = Script::default();
        script.tag(id, tags);
        self.change(session, &script).map(drop)
    }

    fn forget(&self, session: &Session) -> Result<(), ExecError> {
        let (id, _) = parts(session)?;
        if self.look(session)?.is_none() {
            return Err(gone(session));
        }
        let mut script = Script::default();
        script.untag(id);
        self.change(session, &script).map(drop)
    }

    fn capture(&self, session: &Session, lines: usize) -> Result<String, ExecError> {
        let (_, pane) = parts(session)?;
        let first = format!("-{lines}");
        let arguments = ["capture-pane", "-p", "-J", "-S", &first, "-t", pane];
        let reply = self.client.run(&arguments)?;
        let reply = reply.filter(|reply| reply.code == 0);
        let text = reply.ok_or_else(|| gone(session))?.stdout;
        // Below what was printed a terminal is empty, but for what tmux says of its end.
        let text = text.trim_end();
        let (above, last) = text.rsplit_once('\n').unwrap_or(("", text));
        let text = if last.starts_with(DEAD) {
            above.trim_end()
        } else {
            text
        };
        let shown: Vec<&str> = text.lines().map(str::trim_end).collect();
        let first = shown.len().saturating_sub(lines);
        Ok(shown.get(first..).unwrap_or_default().join("\n"))
    }

    fn watch(&self, session: &Session, cancel: &Cancel) -> Result<(), ExecError> {
        let (id, _) = parts(session)?;
        let viewer = format!("{}-watch-{}", session.name, owner::own_id());
        let mut script = Script::default();
        script.viewer(id, &viewer);
        self.change(session, &script)?;
        let shown = self.show(&viewer, cancel);
        let target = format!("={viewer}");
        // It may have gone with its last client.
        self.client.run(&["kill-session", "-t", &target])?;
        shown
    }

    fn hold(&self, fleet: &str, name: &str) -> Result<(), ExecError> {
        let named = |row: &Row| row.name == name;
        if self.rows()?.iter().any(named) {
            return Ok(());
        }
        let mut script = Script::default();
        script.holder(fleet, name);
        let reply = self.client.run_script(&script, None)?;
        if reply.code == 0 || self.rows()?.iter().any(named) {
            return Ok(());
        }
        Err(taken(name).because(reply.stderr.trim()))
    }

    fn clear(&self, _seat: &str) -> Result<(), ExecError> {
        // A seat has no files here.
        Ok(())
    }

    fn shut(&self, fleet: &str) -> Result<bool, ExecError> {
        let ours = |row: &Row| row.fleet.as_deref() == Some(fleet);
        let needless = |row: &Row| ours(row) && row.seat.is_none() || row.is_viewer;
        let rows = self.rows()?;
        if rows.iter().any(|row| ours(row) && row.seat.is_some()) {
            return Ok(false);
        }
        if self.client.is_own() && rows.iter().all(needless) {
            return self
                .client
                .kill_server(&|| Ok(self.rows()?.iter().all(needless)));
        }
        // The server is others' too; what we kept there is not.
        for row in rows.iter().filter(|row| ours(row)) {
            let id = &row.id;
            self.client.run(&["kill-session", "-t", id])?;
        }
        Ok(false)
    }
}

impl Tmux {
    /// Attaches our terminal to a viewer, which ends with it.
    fn show(&self, viewer: &str, cancel: &Cancel) -> Result<(), ExecError> {
        let target = format!("={viewer}:");
        let mut args: Vec<String> = ["-u", "TMUX"].map(String::from).to_vec();
        args.extend(
            self.client
                .socket_dir()
                .map(|dir| format!("TMUX_TMPDIR={dir}")),
        );
        args.extend(self.client.argv()?);
        let attach = [
            "attach-session",
            "-r",
            "-t",
            &target,
            ";",
            "set-option",
            "-t",
            &target,
            "destroy-unattached",
            "on",
        ];
        args.extend(attach.map(String::from));
        let cwd = PathBuf::from("/");
        let spawn = Spawn {
            program: Path::new("/usr/bin/env"),
            args: &args,
            cwd: &cwd,
            env: &[],
            mark: None,
            cancel: Some(cancel),
        };
        let failed = |why: String| {
            let message = "the session cannot be shown";
            ExecError::new(ExecErrorKind::Failed, message).because(why)
        };
        if !env::stdin_is_terminal() {
            return Err(failed("there is no terminal".into()));
        }
        let exit = spawn::run_attached(&spawn).map_err(|error| failed(error.to_string()))?;
        match exit.code {
            0 => Ok(()),
            _ if exit.asked.is_some() => Ok(()),
            code => Err(failed(format!("tmux ended with {code}"))),
        }
    }
}

/// Reads what a started session is called.
fn started(line: &str) -> Option<Started> {
    let (id, pid) = line.rsplit_once(' ')?;
    let pid = pid.parse().ok()?;
    let id = id.to_owned();
    id.starts_with('$').then_some(Started { id, pid })
}

/// Takes the name of a session apart: that of tmux, and of its first pane.
fn parts(session: &Session) -> Result<(&str, &str), ExecError> {
    let number = |text: &str, sigil| {
        let rest = text.strip_prefix(sigil);
        rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    };
    let parts = session.id.split_once('/');
    parts
        .filter(|(id, pane)| number(id, '$') && number(pane, '%'))
        .ok_or_else(|| {
            let message = format!("`{}` is not a session of tmux", session.id);
            ExecError::new(ExecErrorKind::Internal, message)
        })
}
