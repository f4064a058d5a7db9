//! What tmux says of its panes, one line each.

use std::collections::BTreeMap;

use plan_core::fleet::observed::{Exit, Session};

use super::{FLEET, HASH, SEAT, VIEWER};

/// What is asked of every pane. Programs choose their name; so it comes last.
const FIELDS: [&str; 8] = [
    "session_id",
    "pane_id",
    "pane_pid",
    "pane_dead",
    "pane_dead_status",
    "pane_dead_signal",
    "window_activity",
    "session_name",
];

/// Returns the format of a line.
pub(super) fn format() -> String {
    let fields = FIELDS.iter().chain(&[VIEWER, FLEET, SEAT, HASH]);
    let fields = fields.chain(&["pane_current_command"]);
    let fields: Vec<String> = fields.map(|field| format!("#{{{field}}}")).collect();
    fields.join("\t")
}

/// The first pane of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// What tmux calls the session.
    pub(super) id: String,
    pane: u64,
    pid: u64,
    dead: Option<(Option<u64>, Option<u64>)>,
    active: u64,
    /// The name of the session.
    pub(super) name: String,
    /// Whether the session is for looking on.
    pub(super) is_viewer: bool,
    /// The fleet's tag.
    pub(super) fleet: Option<String>,
    /// The seat's tag.
    pub(super) seat: Option<String>,
    hash: Option<String>,
    command: String,
}

/// Reads the lines: one row a session, that of its oldest pane.
pub(super) fn rows(text: &str) -> Vec<Row> {
    let mut rows: BTreeMap<u64, Row> = BTreeMap::new();
    for row in text.lines().filter_map(row) {
        let number = row.id.trim_start_matches('$').parse().unwrap_or(u64::MAX);
        let known = rows.get(&number).map(|known| known.pane);
        if known.is_none_or(|known| row.pane < known) {
            rows.insert(number, row);
        }
    }
    rows.into_values().collect()
}

fn row(line: &str) -> Option<Row> {
    let mut fields = line.splitn(FIELDS.len() + 5, '\t');
    let id = fields.next()?.to_owned();
    let pane = fields.next()?.strip_prefix('%')?.parse().ok()?;
    let pid = fields.next()?.parse().ok()?;
    let dead = fields.next()? == "1";
    let status = fields.next()?.parse().ok();
    let signal = fields.next()?.parse().ok();
    let active = fields.next()?.parse().unwrap_or_default();
    let name = fields.next()?.to_owned();
    let is_viewer = !fields.next()?.is_empty();
    let mut tag = || {
        let tag = fields.next()?;
        Some((!tag.is_empty()).then(|| tag.to_owned()))
    };
    Some(Row {
        id,
        pane,
        pid,
        dead: dead.then_some((status, signal)),
        active,
        name,
        is_viewer,
        fleet: tag()?,
        seat: tag()?,
        hash: tag()?,
        command: fields.next()?.to_owned(),
    })
}

impl Row {
    /// Tells whether tmux has closed the terminal and does not know yet how the program
    /// ended; returns the program's process then.
    pub(super) fn unknown_end(&self) -> Option<u64> {
        (self.dead == Some((None, None))).then_some(self.pid)
    }

    /// Returns the session, seen at a time in seconds. A program that has closed its
    /// terminal may still run, which `runs` tells.
    pub(super) fn session(self, now: u64, runs: impl FnOnce(u64) -> bool) -> Session {
        let closed = self.unknown_end().is_some_and(runs);
        let dead = self.dead.filter(|_| !closed);
        let dead = dead.map(|(status, signal)| Exit {
            // tmux names both when it names a signal.
            status: status.filter(|_| signal.is_none()),
            signal,
        });
        Session {
            id: format!("{}/%{}", self.id, self.pane),
            name: self.name,
            fleet: self.fleet,
            seat: self.seat,
            hash: self.hash,
            command: self.command,
            pid: self.pid,
            quiet: now.saturating_sub(self.active),
            dead,
            heartbeat: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pane_speaks_for_a_session() {
        let text = "$1\t%7\t70\t0\t\t\t100\tb\t\t\t\t\tvim\n\
            $0\t%0\t10\t1\t9\t\t90\ta\t\tf\ta\th\tcallsheet\n\
            $1\t%3\t30\t1\t\t9\t95\tb\t\t\t\t\tsh\tx\nnonsense\n\
            $2\t%0\t10\t1\t9\t\t90\ta-watch-1\t1\t\t\t\tcallsheet\n";
        let rows = rows(text);
        assert_eq!(rows.len(), 3);
        let first = rows[0].clone().session(100, |_| true);
        assert_eq!((&*first.id, &*first.name, first.quiet), ("$0/%0", "a", 10));
        assert_eq!(first.fleet.as_deref(), Some("f"));
        assert_eq!(first.hash.as_deref(), Some("h"));
        let exit = first.dead.map(|exit| (exit.status, exit.signal));
        assert_eq!(exit, Some((Some(9), None)));
        let second = rows[1].clone().session(100, |_| true);
        assert_eq!((&*second.id, &*second.command), ("$1/%3", "sh\tx"));
        let exit = second.dead.map(|exit| (exit.status, exit.signal));
        assert_eq!((exit, second.fleet), (Some((None, Some(9))), None));
        assert!(rows[2].is_viewer);
        let mut closed = rows[0].clone();
        closed.dead = Some((None, None));
        assert_eq!(closed.clone().session(100, |pid| pid == 10).dead, None);
        let dead = closed.session(100, |_| false).dead;
        assert_eq!(
            dead.map(|exit| (exit.status, exit.signal)),
            Some((None, None))
        );
    }
}
