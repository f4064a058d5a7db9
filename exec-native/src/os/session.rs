//! Sessions of processes: a leader and everything that it has started, however that tried
//! to get away. A session is ended as a whole, and its end is looked at.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::clock::{Deadline, rest};
use super::proc::Mark;

const POLL: Duration = Duration::from_millis(5);
/// How long killed processes may take to go.
const KILLED: Duration = Duration::from_secs(5);
/// How long what outlives its leader may take to go by itself.
const ORPHANS: Duration = Duration::from_millis(500);

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Everything ended when it was asked to.
    Orderly,
    /// Something had to be killed.
    Killed,
}

/// What is known of a process from the system's table.
#[derive(Debug, Clone, Copy)]
struct Row {
    parent: u32,
    group: u32,
    session: u32,
}

/// Ends a session: asks its leader's group, waits, kills whatever is left. When this
/// returns nothing of it runs. A leader that has ended already may have left something.
///
/// # Errors
/// Something does not end, not even when it is killed.
pub fn end_session(leader: u32, grace: Duration) -> io::Result<Ending> {
    let mark = Mark::of(leader);
    let leads = || mark.as_ref().is_some_and(|mark| mark.living().is_some());
    let mut members = Members::default();
    members.look(leader);
    if leads() {
        ask_to_end(leader);
    } else {
        members.signal(Signal::TERM);
    }
    let patience = Deadline::after(Some(grace));
    while leads() && !patience.is_over() {
        rest(POLL);
    }
    members.look(leader);
    if !leads() {
        let orphans = Deadline::after(Some(ORPHANS.min(grace)));
        while members.any() && !orphans.is_over() {
            rest(POLL);
        }
        if !members.any() {
            return Ok(Ending::Orderly);
        }
    }
    let end = Deadline::after(Some(KILLED));
    while leads() || members.any() {
        if end.is_over() {
            let message = format!("process {leader} or something that it started does not end");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        members.look(leader);
        members.signal(Signal::KILL);
        rest(POLL);
    }
    Ok(Ending::Killed)
}

/// Asks the group of a session's leader to end.
pub fn ask_to_end(leader: u32) {
    let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) else {
        return;
    };
    if kill_process_group(pid, Signal::TERM).is_err() {
        // It does not lead a group yet. If it is gone, that is what we want.
        kill_process(pid, Signal::TERM).ok();
    }
}

/// Tells whether a process runs. One that has ended and is not collected yet does not.
pub fn runs(id: u64) -> bool {
    u32::try_from(id).ok().and_then(Mark::of).is_some()
}

/// The processes of a session that were ever seen.
#[derive(Debug, Default)]
struct Members(BTreeMap<u32, Mark>);

impl Members {
    /// Adds what belongs to the session now: by its number, its group, or its parents.
    fn look(&mut self, leader: u32) {
        let table = table();
        let mut known: Vec<u32> = self.0.keys().copied().chain([leader]).collect();
        let direct = table
            .iter()
            .filter(|(_, row)| row.session == leader || row.group == leader);
        known.extend(direct.map(|(id, _)| *id));
        let mut next = 0;
        while let Some(above) = known.get(next).copied() {
            let children = table.iter().filter(|(_, row)| row.parent == above);
            let new: Vec<u32> = children
                .map(|(id, _)| *id)
                .filter(|id| !known.contains(id))
                .collect();
            known.extend(new);
            next += 1;
        }
        for id in known {
            // A number that somebody else has by now is not ours, and not its children.
            if let Some(mark) = Mark::of(id) {
                self.0.entry(id).or_insert(mark);
            }
        }
    }

    fn any(&self) -> bool {
        self.0.values().any(|mark| mark.living().is_some())
    }

    fn signal(&self, signal: Signal) {
        for pid in self.0.values().filter_map(Mark::living) {
            // One that has gone meanwhile is what we want.
            kill_process(pid, signal).ok();
        }
    }
}

fn table() -> BTreeMap<u32, Row> {
    let mut rows = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name in parentheses may hold spaces; fields are counted behind it.
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest);
        let mut numbers = fields
            .unwrap_or_default()
            .split_whitespace()
            .skip(1)
            .map_while(|word| word.parse().ok());
        if let (Some(parent), Some(group), Some(session)) =
            (numbers.next(), numbers.next(), numbers.next())
        {
            rows.insert(
                id,
                Row {
                    parent,
                    group,
                    session,
                },
            );
        }
    }
    rows
}
