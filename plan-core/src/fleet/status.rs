//! What is, beside what should be: one row a seat, and the sessions that are nobody's.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::observed::{Beat, Exit, Observed, Session};
use super::plan::{FleetPlan, PlannedSeat, ours, shown};
use crate::base::record::{record, words};

words! {
    /// How a seat stands.
    pub enum State {
        /// It runs as it should.
        InSync = "in_sync",
        /// It does not run.
        Missing = "missing",
        /// Its process ended.
        Dead = "dead",
        /// It runs, but its heartbeat stopped.
        StaleHeartbeat = "stale_heartbeat",
        /// It has been quiet.
        Idle = "idle",
        /// It has been quiet for so long that something is wrong.
        Stuck = "stuck",
        /// It runs with another configuration.
        ConfigDrift = "config_drift",
        /// Another program runs in its session.
        RuntimeDrift = "runtime_drift",
        /// A session of this fleet whose seat is not in the roster.
        Orphan = "orphan",
        /// A session of somebody else.
        Foreign = "foreign",
        /// It does not run because the fleet is paused.
        Paused = "paused",
    }
}

words! {
    /// What the agent of a seat is doing.
    pub enum Readiness {
        /// It printed something lately.
        Working = "working",
        /// It has been quiet.
        Idle = "idle",
        /// It has been quiet for long.
        Stuck = "stuck",
        /// It gives no sign.
        Stale = "stale",
        /// It ended.
        Dead = "dead",
        /// There is nothing to judge by.
        Unknown = "unknown",
    }
}

record! {
    /// A seat or a session.
    pub struct Row {
        /// Its name.
        pub name: String => "name",
        /// The class of its persona.
        pub class: Option<String> => "class",
        /// Its harness.
        pub runtime: Option<String> => "runtime",
        /// Its model.
        pub model: Option<String> => "model",
        /// How it stands.
        pub state: State => "state",
        /// What its agent is doing.
        pub readiness: Readiness => "readiness",
        /// More about it.
        pub detail: Option<String> => "detail",
        /// The seat that it reports to.
        pub reports_to: Option<String> => "reports_to",
        /// What the transport calls its session.
        pub session: Option<String> => "session",
        /// Its process.
        pub pid: Option<u64> => "pid",
        /// How often its agent was started again.
        pub restarts: Option<u64> => "restarts",
        /// Seconds since it printed something.
        pub quiet: Option<u64> => "quiet",
        /// How it ended.
        pub exit: Option<Exit> => "exit",
        /// The configuration that it should have.
        pub desired: Option<String> => "desired",
        /// The one that it was started with.
        pub observed: Option<String> => "observed",
    }
}

record! {
    /// The state of a fleet.
    pub struct Status {
        /// The fleet.
        pub fleet: String => "fleet",
        /// Whether it is paused.
        pub paused: bool => "paused",
        /// Whether every seat is as it should be and nothing of ours is left over.
        pub in_sync: bool => "in_sync",
        /// The seats in the order of the roster, then orphans, then sessions of others.
        pub rows: Vec<Row> => "rows",
    }
}

/// The program that holds a seat.
const HOLDER: &str = "callsheet";

/// Compares a plan's seats with what runs.
pub fn status(plan: &FleetPlan, observed: &Observed) -> Status {
    let mut rows: Vec<Row> = plan
        .seats
        .iter()
        .map(|seat| seated(seat, plan, observed))
        .collect();
    for session in &observed.sessions {
        let seat = session.seat.as_deref();
        let own = session.fleet.as_deref() == Some(&*plan.fleet);
        let named = seat.filter(|_| own).unwrap_or(&session.name);
        if plan.seat(named).is_none() && session.name != plan.tmux.holder_session {
            let state = if own { State::Orphan } else { State::Foreign };
            rows.push(other(named, session, state));
        }
    }
    // Idle is no fault, and neither is what others run.
    let good = [State::InSync, State::Idle, State::Foreign];
    Status {
        fleet: plan.fleet.clone(),
        paused: observed.paused,
        in_sync: rows.iter().all(|row| good.contains(&row.state)),
        rows,
    }
}

fn seated(seat: &PlannedSeat, plan: &FleetPlan, observed: &Observed) -> Row {
    let mut row = Row {
        name: seat.name.clone(),
        class: Some(seat.class.clone()),
        runtime: Some(seat.runtime.clone()),
        model: seat.model.clone(),
        state: State::Missing,
        readiness: Readiness::Unknown,
        detail: None,
        reports_to: seat.reports_to.clone(),
        session: None,
        pid: None,
        restarts: None,
        quiet: None,
        exit: None,
        desired: Some(seat.hash.clone()),
        observed: None,
    };
    let mut own = ours(observed, &plan.fleet);
    if let Some((_, session)) = own.find(|(name, _)| *name == seat.name) {
        let readiness = readiness(session, plan);
        (row.state, row.detail) = judge(seat, session, readiness);
        row.readiness = readiness;
        fill(&mut row, session);
        return row;
    }
    let mut others = observed.sessions.iter();
    if let Some(session) = others.find(|session| session.name == seat.name) {
        row.state = State::Foreign;
        row.detail = Some(String::from("a session of somebody else has its name"));
        fill(&mut row, session);
    } else if observed.paused {
        row.state = State::Paused;
    }
    row
}

fn fill(row: &mut Row, session: &Session) {
    row.session = Some(session.id.clone());
    row.pid = session.dead.is_none().then_some(session.pid);
    row.restarts = session.heartbeat.as_ref().map(|beat| beat.restarts);
    row.quiet = session.dead.is_none().then_some(session.quiet);
    row.exit.clone_from(&session.dead);
    row.observed.clone_from(&session.hash);
}

fn other(name: &str, session: &Session, state: State) -> Row {
    let mut row = Row {
        name: name.to_string(),
        class: None,
        runtime: None,
        model: None,
        state,
        readiness: Readiness::Unknown,
        detail: Some(session.command.clone()),
        reports_to: None,
        session: None,
        pid: None,
        restarts: None,
        quiet: None,
        exit: None,
        desired: None,
        observed: None,
    };
    fill(&mut row, session);
    row
}

fn readiness(session: &Session, plan: &FleetPlan) -> Readiness {
    let pulse = &plan.pulse;
    if session.dead.is_some() {
        return Readiness::Dead;
    }
    match &session.heartbeat {
        None => Readiness::Unknown,
        Some(beat) if beat.age > pulse.interval.saturating_mul(3) => Readiness::Stale,
        Some(_) if session.quiet >= pulse.stuck => Readiness::Stuck,
        Some(_) if session.quiet >= pulse.idle => Readiness::Idle,
        Some(_) => Readiness::Working,
    }
}

fn judge(seat: &PlannedSeat, session: &Session, readiness: Readiness) -> (State, Option<String>) {
    if let Some(exit) = &session.dead {
        return (State::Dead, Some(shown(exit)));
    }
    if session.hash.as_deref() != Some(&*seat.hash) {
        let detail = "it was started with another configuration";
        return (State::ConfigDrift, Some(detail.to_string()));
    }
    let beat = session.heartbeat.as_ref();
    // A seat that was adopted runs its harness itself.
    let known = [HOLDER, &*seat.runtime, "node", "bun"];
    if !known.contains(&&*session.command) && beat.is_none() {
        let detail = format!("`{}` runs instead of {}", session.command, seat.runtime);
        return (State::RuntimeDrift, Some(detail));
    }
    let quiet = || Some(format!("quiet for {} s", session.quiet));
    match readiness {
        Readiness::Stale => {
            let age = beat.map_or(0, |beat| beat.age);
            (
                State::StaleHeartbeat,
                Some(format!("no heartbeat for {age} s")),
            )
        }
        Readiness::Stuck => (State::Stuck, quiet()),
        Readiness::Idle => (State::Idle, quiet()),
        Readiness::Working | Readiness::Dead | Readiness::Unknown => {
            let waits = beat.is_some_and(|beat| beat.status == Beat::Waiting);
            let detail = waits.then(|| String::from("its agent ended and is started again soon"));
            (State::InSync, detail)
        }
    }
}
