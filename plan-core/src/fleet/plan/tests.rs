//! Plans of small fleets, and what applying them leaves.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::*;
use crate::fleet::merge::Prefer;
use crate::fleet::observed::{Exit, Session};
use crate::fleet::status::{State, status};
use crate::fleet::tests::STAFFING;

const PROFILE: &str = "id: team\ntitle: Team\ndescription: A team\nlead: orchestrator\nfloor: [orchestrator]\nroster:\n  - class: orchestrator\n  - class: code\n    reports_to: orchestrator\n    multiplicity: 2\n  - class: review\n    reports_to: code\n  - class: test\n    reports_to: code\n";

fn file(name: &str, text: &str) -> RoleFile {
    RoleFile {
        name: name.into(),
        text: text.into(),
    }
}

fn input() -> Input {
    Input {
        fleet: "f1".into(),
        profile: Some(file("team.yaml", PROFILE)),
        full: Some(true),
        roles: vec![
            file("orchestrator.md", "leads"),
            file("code.md", "writes"),
            file("review.md", "reads (`model: sonnet-5`)"),
            file("test.md", "tries"),
        ],
        roles_local: Vec::new(),
        personas: Vec::new(),
        policy: None,
        roster: None,
        lock: None,
        env: Vec::new(),
        observed: Some(Observed {
            paused: false,
            sessions: Vec::new(),
        }),
        edits: Vec::new(),
        terms: Terms::default(),
        aim: Aim::at(Goal::Up),
    }
}

fn made(input: &Input) -> FleetPlan {
    plan(input, STAFFING).expect("a plan")
}

/// What there would be after a plan was carried out.
fn applied(input: &Input) -> Input {
    let plan = made(input);
    assert_eq!(plan.conflicts, [], "a plan with conflicts is not applied");
    let mut next = input.clone();
    for file in plan.files {
        match &*file.path {
            "roster.yaml" => next.roster = Some(file.content),
            "roster.lock.json" => next.lock = Some(file.content),
            path => panic!("{path}"),
        }
    }
    for write in plan.env {
        let name = write
            .path
            .strip_prefix("agents/")
            .expect("an environment file");
        let old = next.env.iter().find(|file| file.name == name);
        let variables: Vec<(&str, &str)> = write
            .variables
            .iter()
            .map(|one| (&*one.name, &*one.value))
            .collect();
        let text = crate::fleet::envfile::merge(old.map_or("", |file| &*file.text), &variables);
        next.env.retain(|file| file.name != name);
        next.env.push(file(name, &text.expect("a text")));
    }
    let mut sessions = next.observed.take().expect("a look").sessions;
    for action in &plan.actions {
        let seat = action.seat.clone().unwrap_or_default();
        match action.kind {
            ActionKind::RosterWrite | ActionKind::LockWrite | ActionKind::EnvWrite => {}
            ActionKind::SeatStop => sessions.retain(|session| session.name != seat),
            ActionKind::SeatStart | ActionKind::SeatRestart | ActionKind::SeatAdopt => {
                sessions.retain(|session| session.name != seat);
                let hash = plan.seats.iter().find(|planned| planned.name == seat);
                sessions.push(session(&seat, &hash.expect("a seat").hash));
            }
        }
    }
    next.observed = Some(Observed {
        paused: false,
        sessions,
    });
    next.edits.clear();
    next.full = None;
    next.terms = Terms::default();
    next.aim = Aim::at(Goal::Up);
    next
}

fn session(seat: &str, hash: &str) -> Session {
    Session {
        name: seat.into(),
        id: format!("${seat}"),
        fleet: Some("f1".into()),
        seat: Some(seat.into()),
        hash: Some(hash.into()),
        command: "callsheet".into(),
        pid: 7,
        quiet: 0,
        dead: None,
        heartbeat: None,
    }
}

fn lines(plan: &FleetPlan) -> Vec<String> {
    let actions = plan.actions.iter().map(|action| {
        let target = action.seat.clone().or_else(|| action.path.clone());
        format!(
            "{} {} {}: {}",
            action.wave,
            action.kind.as_str(),
            target.unwrap_or_default(),
            action.reason
        )
    });
    actions.collect()
}

fn seat_actions(input: &Input) -> Vec<String> {
    let plan = made(input);
    let seats = plan.actions.iter().filter(|action| action.seat.is_some());
    let seats = seats.filter(|action| action.kind != ActionKind::EnvWrite);
    let named = seats.map(|action| {
        format!(
            "{} {}",
            action.kind.as_str(),
            action.seat.clone().unwrap_or_default()
        )
    });
    named.collect()
}

#[test]
fn a_new_fleet_starts_from_its_lead_down() {
    let plan = made(&input());
    let starts: Vec<String> = lines(&plan)
        .into_iter()
        .filter(|line| line.contains("seat."))
        .collect();
    assert_eq!(
        starts,
        [
            "0 seat.start orchestrator: it does not run",
            "1 seat.start code0: it does not run",
            "1 seat.start code1: it does not run",
            "2 seat.start review: it does not run",
            "2 seat.start test: it does not run",
        ]
    );
    assert_eq!(
        plan.seat("review")
            .and_then(|seat| seat.reports_to.clone())
            .as_deref(),
        Some("code0")
    );
    assert_eq!(
        plan.seat("test")
            .and_then(|seat| seat.reports_to.clone())
            .as_deref(),
        Some("code1")
    );
    assert_eq!(
        plan.seat("review")
            .and_then(|seat| seat.model.clone())
            .as_deref(),
        Some("sonnet-5")
    );
    assert_eq!(plan.summary.start, 5);
}

#[test]
fn what_was_applied_needs_nothing_more() {
    let next = applied(&input());
    assert_eq!(lines(&made(&next)), Vec::<String>::new());
    let look = next.observed.as_ref().expect("a look");
    assert!(status(&made(&next), look).in_sync);
}

#[test]
fn only_what_changed_is_started_again() {
    let mut next = applied(&input());
    next.roles_local.push(file("review.md", "reads twice"));
    assert_eq!(seat_actions(&next), ["seat.restart review"]);
    let look = next.observed.clone().expect("a look");
    let states = status(&made(&next), &look);
    let drifted: Vec<_> = states
        .rows
        .iter()
        .filter(|row| row.state != State::InSync)
        .collect();
    assert_eq!(drifted.len(), 1);
    assert_eq!(drifted[0].state, State::ConfigDrift);
    next = applied(&next);
    assert_eq!(seat_actions(&next), Vec::<String>::new());
}

#[test]
fn a_dead_seat_is_started_again_and_only_that_one() {
    let mut next = applied(&input());
    let look = next.observed.as_mut().expect("a look");
    look.sessions[1].dead = Some(Exit {
        status: None,
        signal: Some(9),
    });
    let name = look.sessions[1].name.clone();
    let look = look.clone();
    let plan = made(&next);
    assert_eq!(seat_actions(&next), [format!("seat.restart {name}")]);
    let row = status(&plan, &look)
        .rows
        .into_iter()
        .find(|row| row.name == name);
    let row = row.expect("a row");
    assert_eq!(
        (row.state, row.detail.as_deref()),
        (State::Dead, Some("ended by signal 9"))
    );
}

#[test]
fn the_operators_edits_stay_and_are_the_reason() {
    let mut next = applied(&input());
    let text = next.roster.take().expect("a roster");
    let text = text.replace(
        "  - name: code0\n    runtime: claude\n",
        "  # the one that Ada watches\n  - name: code0\n    runtime: codex # on trial\n",
    );
    next.roster = Some(text.clone());
    next.profile = Some(file(
        "team.yaml",
        &PROFILE.replace("class: test\n", "class: test\n    model: haiku\n"),
    ));
    let plan = made(&next);
    let file = plan
        .files
        .iter()
        .find(|file| file.path == "roster.yaml")
        .expect("a roster");
    assert!(file.content.contains(
        "  # the one that Ada watches\n  - name: code0\n    runtime: codex # on trial\n"
    ));
    assert!(file.content.contains("model_hint: haiku"));
    assert!(
        file.content.contains("  codex:\n    reset_command: /new\n"),
        "{}",
        file.content
    );
    let why = &plan.seat("code0").expect("a seat").why;
    let chain: Vec<_> = why
        .iter()
        .map(|why| (why.source.as_str(), why.value.as_deref(), why.used))
        .collect();
    assert_eq!(
        chain,
        [
            ("roster", Some("codex"), true),
            ("default", Some("claude"), false)
        ]
    );
    assert_eq!(
        seat_actions(&next),
        ["seat.restart code0", "seat.restart test"]
    );
}

#[test]
fn both_changing_one_field_is_a_conflict_until_somebody_decides() {
    let mut next = applied(&input());
    next.roster = next
        .roster
        .map(|text| text.replace("model_hint: sonnet-5", "model_hint: opus"));
    next.roles_local.push(file("review.md", "`model: haiku`"));
    let plan = made(&next);
    let found: Vec<_> = plan
        .conflicts
        .iter()
        .map(|conflict| {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            [
                conflict.unit.clone(),
                conflict.field.clone(),
                part(&conflict.base),
                part(&conflict.mine),
                part(&conflict.theirs),
            ]
            .join(" ")
        })
        .collect();
    assert_eq!(found, ["review model_hint sonnet-5 opus haiku"]);
    assert_eq!(
        lines(&plan),
        Vec::<String>::new(),
        "nothing happens before that"
    );
    let model = |input: &Input| {
        made(input)
            .seat("review")
            .and_then(|seat| seat.model.clone())
    };
    next.terms.prefer = Some(Prefer::Mine);
    assert_eq!(model(&next).as_deref(), Some("opus"));
    let kept = applied(&next);
    assert_eq!(
        (model(&kept).as_deref(), made(&kept).actions.len()),
        (Some("opus"), 0)
    );
    next.terms = Terms {
        force: vec!["review.model_hint".into()],
        ..Terms::default()
    };
    assert_eq!(model(&next).as_deref(), Some("haiku"));
}

#[test]
fn seats_come_and_go_by_hand() {
    let mut next = applied(&input());
    let edit = |kind, name: &str| Edit {
        kind,
        name: name.into(),
        class: None,
        runtime: None,
        model: None,
        working_directory: None,
        reports_to: None,
        count: None,
    };
    next.edits = vec![
        Edit {
            class: Some("code".into()),
            reports_to: Some("orchestrator".into()),
            ..edit(EditKind::Add, "extra")
        },
        edit(EditKind::Remove, "test"),
        Edit {
            count: Some(3),
            ..edit(EditKind::Scale, "code")
        },
    ];
    let mut wanted = seat_actions(&next);
    wanted.sort_unstable();
    assert_eq!(
        wanted,
        ["seat.start code2", "seat.start extra", "seat.stop test"]
    );
    next = applied(&next);
    let plan = made(&next);
    assert_eq!(lines(&plan), Vec::<String>::new());
    assert_eq!(
        plan.seat("extra")
            .and_then(|seat| seat.reports_to.clone())
            .as_deref(),
        Some("orchestrator")
    );
    assert!(plan.seat("test").is_none(), "it stays away");
    next.terms.restore = true;
    assert_eq!(seat_actions(&next), ["seat.start test"]);
    next.terms.restore = false;
    next.edits = vec![edit(EditKind::Remove, "cod2")];
    let problem = plan_error(&next);
    assert_eq!(problem, "there is no seat `cod2`; did you mean `code2`?");
    next.edits = vec![Edit {
        count: Some(2),
        ..edit(EditKind::Scale, "coder")
    }];
    assert_eq!(
        plan_error(&next),
        "no profile of this fleet has the class `coder`; did you mean `code`?"
    );
}

fn plan_error(input: &Input) -> String {
    let problems = plan(input, STAFFING).expect_err("problems");
    let first = problems.first().expect("a problem");
    format!(
        "{}; {}",
        first.message,
        first.help.clone().unwrap_or_default()
    )
}

#[test]
fn sessions_of_others_are_told_and_can_be_adopted() {
    let mut next = input();
    let look = next.observed.as_mut().expect("a look");
    look.sessions.push(Session {
        fleet: None,
        seat: None,
        hash: None,
        ..session("code1", "")
    });
    look.sessions.push(Session {
        fleet: Some("f2".into()),
        ..session("far", "x")
    });
    let look = look.clone();
    let plan = made(&next);
    assert!(plan.has_errors());
    assert!(
        !seat_actions(&next)
            .iter()
            .any(|line| line.ends_with("code1"))
    );
    let foreign: Vec<_> = status(&plan, &look)
        .rows
        .into_iter()
        .filter(|row| row.state == State::Foreign)
        .map(|row| row.name)
        .collect();
    assert_eq!(foreign, ["code1", "far"]);
    next.aim.adopt = vec!["code1".into()];
    assert!(seat_actions(&next).contains(&"seat.adopt code1".to_string()));
}

#[test]
fn going_down_stops_ours_from_below() {
    let mut next = applied(&input());
    next.observed
        .as_mut()
        .expect("a look")
        .sessions
        .push(Session {
            fleet: None,
            ..session("mine", "x")
        });
    next.aim.goal = Goal::Down;
    assert_eq!(
        seat_actions(&next),
        [
            "seat.stop review",
            "seat.stop test",
            "seat.stop code0",
            "seat.stop code1",
            "seat.stop orchestrator",
        ]
    );
}

#[test]
fn a_paused_fleet_starts_nothing_but_may_stop() {
    let mut next = input();
    next.observed.as_mut().expect("a look").paused = true;
    assert_eq!(seat_actions(&next), Vec::<String>::new());
    let told = made(&next).diagnostics;
    assert!(
        told.iter().any(|one| one.code.as_str() == "fleet.paused"),
        "{told:?}"
    );
}

#[test]
fn a_plan_is_stale_once_an_input_moved() {
    let first = input();
    let plan = made(&first);
    assert_eq!(stale(&plan, &first), Vec::<String>::new());
    let mut next = first.clone();
    next.policy = Some("version: 1\n".into());
    next.observed
        .as_mut()
        .expect("a look")
        .sessions
        .push(session("code0", "x"));
    assert_eq!(stale(&plan, &next), ["policy.yaml", "sessions"]);
}

#[test]
fn a_runtime_that_cannot_be_started_stops_that_seat_alone() {
    let mut next = input();
    next.policy = Some("version: 1\nrules:\n  - class: review\n    runtime: codexx\n".into());
    let plan = made(&next);
    assert_eq!(plan.summary.start, 4);
    let problem = plan
        .diagnostics
        .iter()
        .find(|one| one.code.as_str() == "roster.runtime-unknown");
    let problem = problem.expect("a problem");
    assert_eq!(
        problem.message,
        "seat `review`: runtime `codexx` cannot be started"
    );
    assert_eq!(problem.help.as_deref(), Some("did you mean `codex`?"));
}
