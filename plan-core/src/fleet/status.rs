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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::observed::Heartbeat;
    use crate::fleet::plan::Input;
    use crate::fleet::plan::tests::{applied, input, made, session};

    /// A fleet that runs, looked at after something happened to the session of `test`.
    fn looked(change: fn(&mut Session)) -> (FleetPlan, Observed) {
        let next: Input = applied(&input());
        let plan = made(&next);
        let mut look = next.observed.expect("a look");
        let mut sessions = look.sessions.iter_mut();
        change(sessions.find(|one| one.name == "test").expect("a session"));
        (plan, look)
    }

    fn row(plan: &FleetPlan, look: &Observed, name: &str) -> Row {
        let mut rows = status(plan, look).rows.into_iter();
        rows.rfind(|row| row.name == name).expect("a row")
    }

    fn beat(age: u64, status: Beat) -> Heartbeat {
        Heartbeat {
            age,
            pid: 8,
            status,
            restarts: 2,
        }
    }

    fn dead(status: Option<u64>, signal: Option<u64>) -> Exit {
        Exit { status, signal }
    }

    type Case = (
        fn(&mut Session),
        &'static str,
        &'static str,
        Option<&'static str>,
    );

    #[test]
    fn each_state_of_a_seat_that_has_a_session() {
        let cases: [Case; 14] = [
            (|_| {}, "in_sync", "unknown", None),
            (
                |one| one.heartbeat = Some(beat(45, Beat::Running)),
                "in_sync",
                "working",
                None,
            ),
            (
                |one| one.heartbeat = Some(beat(1, Beat::Waiting)),
                "in_sync",
                "working",
                Some("its agent ended and is started again soon"),
            ),
            (
                |one| one.heartbeat = Some(beat(46, Beat::Running)),
                "stale_heartbeat",
                "stale",
                Some("no heartbeat for 46 s"),
            ),
            (
                |one| (one.heartbeat, one.quiet) = (Some(beat(1, Beat::Running)), 299),
                "in_sync",
                "working",
                None,
            ),
            (
                |one| (one.heartbeat, one.quiet) = (Some(beat(1, Beat::Running)), 300),
                "idle",
                "idle",
                Some("quiet for 300 s"),
            ),
            (
                |one| (one.heartbeat, one.quiet) = (Some(beat(1, Beat::Running)), 900),
                "stuck",
                "stuck",
                Some("quiet for 900 s"),
            ),
            (|one| one.quiet = 9_000, "in_sync", "unknown", None),
            (
                |one| one.command = "vim".into(),
                "runtime_drift",
                "unknown",
                Some("`vim` runs instead of claude"),
            ),
            (
                |one| one.command = "claude".into(),
                "in_sync",
                "unknown",
                None,
            ),
            (
                |one| one.dead = Some(dead(Some(3), None)),
                "dead",
                "dead",
                Some("ended with status 3"),
            ),
            // Silence counts more than quiet, another configuration more than silence, and
            // the end more than anything.
            (
                |one| (one.heartbeat, one.quiet) = (Some(beat(99, Beat::Running)), 900),
                "stale_heartbeat",
                "stale",
                Some("no heartbeat for 99 s"),
            ),
            (
                |one| {
                    (one.heartbeat, one.hash) = (Some(beat(99, Beat::Running)), Some("x".into()));
                },
                "config_drift",
                "stale",
                Some("it was started with another configuration"),
            ),
            (
                |one| (one.dead, one.hash) = (Some(dead(None, Some(9))), None),
                "dead",
                "dead",
                Some("ended by signal 9"),
            ),
        ];
        for (place, (change, state, readiness, detail)) in cases.into_iter().enumerate() {
            let (plan, look) = looked(change);
            let row = row(&plan, &look, "test");
            let found = (
                row.state.as_str(),
                row.readiness.as_str(),
                row.detail.as_deref(),
            );
            assert_eq!(found, (state, readiness, detail), "case {place}");
            let good = ["in_sync", "idle"].contains(&state);
            assert_eq!(status(&plan, &look).in_sync, good, "case {place}");
        }
    }

    #[test]
    fn a_row_says_what_is_known_of_the_session() {
        let (plan, look) = looked(|one| one.heartbeat = Some(beat(1, Beat::Running)));
        let running = row(&plan, &look, "test");
        assert_eq!(
            (running.pid, running.restarts, running.quiet),
            (Some(7), Some(2), Some(0))
        );
        assert_eq!(
            (running.session.as_deref(), running.exit),
            (Some("$test"), None)
        );
        assert_eq!(running.desired, running.observed);
        assert_eq!(running.reports_to.as_deref(), Some("code1"));
        let (plan, look) = looked(|one| one.dead = Some(dead(Some(1), None)));
        let ended = row(&plan, &look, "test");
        assert_eq!(
            (ended.pid, ended.quiet, ended.exit),
            (None, None, Some(dead(Some(1), None)))
        );
    }

    #[test]
    fn seats_without_a_session_and_sessions_without_a_seat() {
        let (plan, mut look) = looked(|one| one.seat = None);
        let state = |look: &Observed, name: &str| {
            let row = row(&plan, look, name);
            (row.state.as_str(), row.detail)
        };
        // Its tag is lost: nobody knows whose it is.
        let foreign = Some("a session of somebody else has its name".into());
        assert_eq!(state(&look, "test"), ("foreign", foreign.clone()));
        look.sessions.retain(|one| one.name != "test");
        assert_eq!(state(&look, "test"), ("missing", None));
        look.paused = true;
        assert_eq!(state(&look, "test"), ("paused", None));
        assert_eq!(state(&look, "code0"), ("in_sync", None), "it may go on");
        assert!(!status(&plan, &look).in_sync);
        let strange = |fleet: Option<&str>, name: &str| Session {
            fleet: fleet.map(String::from),
            command: "vim".into(),
            ..session(name, "x")
        };
        look.sessions.push(strange(None, "test"));
        assert_eq!(state(&look, "test"), ("foreign", foreign));
        look.sessions.push(strange(Some("f2"), "far"));
        assert_eq!(state(&look, "far"), ("foreign", Some("vim".into())));
        look.sessions.push(strange(None, "_holder"));
        assert!(
            status(&plan, &look)
                .rows
                .iter()
                .all(|row| row.name != "_holder")
        );
        look.sessions.push(strange(Some("f1"), "old"));
        assert_eq!(state(&look, "old"), ("orphan", Some("vim".into())));
    }
}
