//! From how the fleet is to how it should be.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{Action, ActionKind, Changed, Desired, FileWrite, FleetPlan, Goal, Input, PlannedSeat};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::digest::of_bytes;
use crate::base::map::Set;
use crate::base::sort::sort_by;
use crate::base::text::nearest;
use crate::fleet::lock;
use crate::fleet::merge::{Field, Fields, Kind, Units};
use crate::fleet::observed::{Exit, Observed, Session};
use crate::fleet::roster;

/// Adds the files that must be written.
pub(super) fn write(desired: &Desired, input: &Input, plan: &mut FleetPlan) {
    if input.aim.goal == Goal::Down && input.edits.is_empty() {
        return;
    }
    let before = input.roster.as_deref();
    let changed = before != Some(&*desired.text);
    if changed {
        let reason = if before.is_some() { "changed" } else { "new" };
        let changes = differences(desired, input);
        plan.actions.push(Action {
            kind: ActionKind::RosterWrite,
            seat: None,
            path: Some(roster::FILE.into()),
            reason: reason.into(),
            changes,
            wave: 0,
        });
        plan.files
            .push(file(roster::FILE, before, desired.text.clone()));
    }
    for write in &desired.env {
        let name = write.path.strip_prefix("agents/").unwrap_or_default();
        let seat = name.strip_suffix(".env").unwrap_or_default();
        plan.actions.push(Action {
            kind: ActionKind::EnvWrite,
            seat: Some(seat.to_string()),
            path: Some(write.path.clone()),
            reason: if write.before.is_some() {
                "changed"
            } else {
                "new"
            }
            .into(),
            changes: Vec::new(),
            wave: 0,
        });
        plan.env.push(write.clone());
    }
    let mut next = desired.lock.clone();
    let worth = next.base.is_some() || !next.managers.is_empty();
    if worth && (changed || input.lock.as_deref() != Some(&*next.text())) {
        next.generation += 1;
        plan.actions.push(Action {
            kind: ActionKind::LockWrite,
            seat: None,
            path: Some(lock::FILE.into()),
            reason: format!("generation {}", next.generation),
            changes: Vec::new(),
            wave: 0,
        });
        plan.files
            .push(file(lock::FILE, input.lock.as_deref(), next.text()));
    }
}

fn file(path: &str, before: Option<&str>, content: String) -> FileWrite {
    FileWrite {
        path: path.into(),
        before: before.map(|text| of_bytes(text.as_bytes())),
        content,
    }
}

/// The fields of the roster that change.
fn differences(desired: &Desired, input: &Input) -> Vec<Changed> {
    let before = input
        .roster
        .as_deref()
        .and_then(|text| roster::parse(text).ok());
    let before = before.as_ref().map(Units::of).unwrap_or_default();
    let after = Units::of(&desired.roster);
    let empty = Fields::new();
    let mut found = Vec::new();
    let mut compare = |kind: Kind, name: &str, was: &Fields, is: &Fields| {
        let keys: Set<&str> = was.keys().chain(is.keys()).copied().collect();
        for key in keys.into_iter().filter(|key| was.get(key) != is.get(key)) {
            found.push(Changed {
                field: match kind {
                    Kind::Top => key.to_string(),
                    Kind::Runtime => format!("runtimes.{name}.{key}"),
                    Kind::Seat => format!("{name}.{key}"),
                },
                before: was.get(key).map(Field::shown),
                after: is.get(key).map(Field::shown),
            });
        }
    };
    for (kind, name, was) in &before.0 {
        compare(*kind, name, was, after.get(*kind, name).unwrap_or(&empty));
    }
    for (kind, name, is) in &after.0 {
        if before.get(*kind, name).is_none() {
            compare(*kind, name, &empty, is);
        }
    }
    found
}

/// Adds what must happen to sessions.
pub(super) fn run(desired: &Desired, input: &Input, plan: &mut FleetPlan) {
    let Some(observed) = &input.observed else {
        return;
    };
    if input.aim.goal == Goal::Files {
        return;
    }
    let names = desired.seats.iter().map(|seat| &*seat.name);
    let known: Vec<&str> = names
        .chain(ours(observed, &input.fleet).map(|(seat, _)| seat))
        // One that is taken out need not run.
        .chain(input.edits.iter().map(|edit| &*edit.name))
        .collect();
    for name in input.aim.seats.iter().chain(&input.aim.adopt) {
        if !known.contains(&&**name) {
            let message = format!("there is no seat `{name}`");
            let mut unknown = Diagnostic::error(Code::FLEET_EDIT_INVALID, message);
            if let Some(near) = nearest(name, known.iter().copied()) {
                unknown = unknown.help(format!("did you mean `{near}`?"));
            }
            plan.diagnostics.push(unknown);
        }
    }
    let wanted = |name: &str| {
        let seats = &input.aim.seats;
        seats.is_empty() || seats.iter().any(|seat| seat == name)
    };
    let mut stops: Vec<Action> = ours(observed, &input.fleet)
        .filter(|(seat, _)| wanted(seat))
        .filter_map(|(seat, session)| stop(desired, input, seat, session))
        .collect();
    // Those who take orders stop before those who give them; sessions come in any order.
    let place = |seat: &str| desired.seats.iter().position(|other| other.name == seat);
    let key = |action: &Action| {
        let seat = action.seat.clone().unwrap_or_default();
        let place = place(&seat).unwrap_or(usize::MAX);
        (core::cmp::Reverse(action.wave), place, seat)
    };
    sort_by(&mut stops, &|one, other| key(one).cmp(&key(other)));
    plan.actions.extend(stops);
    if input.aim.goal == Goal::Down {
        return;
    }
    let mut starts = Vec::new();
    for seat in desired.seats.iter().filter(|seat| wanted(&seat.name)) {
        starts.extend(start(seat, observed, input, &mut plan.diagnostics));
    }
    if observed.paused && !starts.is_empty() {
        let message = format!(
            "the fleet is paused: {} seats are not started",
            starts.len()
        );
        let warning = Diagnostic::warning(Code::FLEET_PAUSED, message)
            .help("`callsheet fleet resume` ends the pause");
        plan.diagnostics.push(warning);
        return;
    }
    sort_by(&mut starts, &|one: &Action, other| {
        one.wave.cmp(&other.wave)
    });
    plan.actions.extend(starts);
}

/// The sessions of a fleet, with their seats.
pub(in crate::fleet) fn ours<'o>(
    observed: &'o Observed,
    fleet: &'o str,
) -> impl Iterator<Item = (&'o str, &'o Session)> {
    let own = observed.sessions.iter();
    own.filter(move |session| session.fleet.as_deref() == Some(fleet))
        .filter_map(|session| Some((session.seat.as_deref()?, session)))
}

fn stop(desired: &Desired, input: &Input, seat: &str, session: &Session) -> Option<Action> {
    let planned = desired.seats.iter().find(|planned| planned.name == seat);
    let down = input.aim.goal == Goal::Down;
    if planned.is_some() && !down {
        return None;
    }
    Some(Action {
        kind: ActionKind::SeatStop,
        seat: Some(seat.to_string()),
        path: None,
        reason: match &session.dead {
            Some(exit) => format!("its session is left over: {}", shown(exit)),
            None if down => String::from("the fleet goes down"),
            None => String::from("it is not in the roster"),
        },
        changes: Vec::new(),
        wave: planned.map_or(0, |planned| planned.wave),
    })
}

/// An exit for people.
pub(in crate::fleet) fn shown(exit: &Exit) -> String {
    match (exit.signal, exit.status) {
        (Some(signal), _) => format!("ended by signal {signal}"),
        (None, Some(status)) => format!("ended with status {status}"),
        (None, None) => String::from("ended"),
    }
}

fn start(
    seat: &PlannedSeat,
    observed: &Observed,
    input: &Input,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Action> {
    let action = |kind, reason: String| Action {
        kind,
        seat: Some(seat.name.clone()),
        path: None,
        reason,
        changes: Vec::new(),
        wave: seat.wave,
    };
    let own = ours(observed, &input.fleet).find(|(name, _)| *name == seat.name);
    let Some((_, session)) = own else {
        let foreign = observed
            .sessions
            .iter()
            .find(|session| session.name == seat.name);
        if foreign.is_none() {
            let start = action(ActionKind::SeatStart, String::from("it does not run"));
            return seat.startable.then_some(start);
        }
        if input.aim.adopt.contains(&seat.name) {
            return Some(action(
                ActionKind::SeatAdopt,
                String::from("it was asked for"),
            ));
        }
        let message = format!(
            "a session `{}` that is not this fleet's is in the way",
            seat.name
        );
        let help = format!(
            "take it over with `callsheet fleet adopt {}`, or end it",
            seat.name
        );
        diagnostics.push(Diagnostic::error(Code::FLEET_SESSION_FOREIGN, message).help(help));
        return None;
    };
    let mut changes = Vec::new();
    let reason = match &session.dead {
        Some(exit) => shown(exit),
        None if session.hash.as_deref() != Some(&*seat.hash) => {
            changes.push(Changed {
                field: String::from("hash"),
                before: session.hash.clone(),
                after: Some(seat.hash.clone()),
            });
            String::from("its configuration changed")
        }
        None if input.aim.again => String::from("it was asked for"),
        None => return None,
    };
    let mut restart = action(ActionKind::SeatRestart, reason);
    restart.changes = changes;
    seat.startable.then_some(restart)
}
