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

pub(in crate::fleet) fn input() -> Input {
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

pub(in crate::fleet) fn made(input: &Input) -> FleetPlan {
    plan(input, STAFFING).expect("a plan")
}

/// What there would be after a plan was carried out.
pub(in crate::fleet) fn applied(input: &Input) -> Input {
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

pub(in crate::fleet) fn session(seat: &str, hash: &str) -> Session {
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

fn edit(kind: EditKind, name: &str) -> Edit {
    Edit {
        kind,
        name: name.into(),
        class: None,
        runtime: None,
        model: None,
        working_directory: None,
        reports_to: None,
        count: None,
    }
}

/// The links of the chain that decided a field, the strongest first.
fn chain(input: &Input, seat: &str, field: &str) -> Vec<String> {
    let plan = made(input);
    let why = plan.seat(seat).expect("a seat").why.iter();
    let links = why.filter(|why| why.field == field).map(|why| {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let used = if why.used { "*" } else { "" };
        let link = format!(
            "{}{used} {} {}",
            why.source.as_str(),
            part(&why.value),
            part(&why.at)
        );
        link.trim_end().to_string()
    });
    links.collect()
}

#[test]
fn every_step_of_the_precedence_beats_those_below_it() {
    let mut next = input();
    assert_eq!(chain(&next, "test", "runtime"), ["default* claude"]);
    assert_eq!(chain(&next, "test", "model_hint"), Vec::<String>::new());
    next.roles[3].text = "`runtime: codex` `model: m1`".into();
    assert_eq!(
        chain(&next, "test", "runtime"),
        ["persona* codex test.md", "default claude"]
    );
    next.policy = Some(
        "version: 1\nrules:\n  - lead: true\n    model: m0\n  - class: t*t\n    model: m2\n  - domain: engineering\n    model: m9\n    runtime: claude\n    working_directory: w\n"
            .into(),
    );
    assert_eq!(
        chain(&next, "test", "model_hint"),
        ["policy* m2 policy.yaml:5", "persona m1 test.md"]
    );
    assert_eq!(
        chain(&next, "test", "runtime"),
        [
            "policy* claude policy.yaml:7",
            "persona codex test.md",
            "default claude"
        ]
    );
    assert_eq!(
        chain(&next, "test", "working_directory"),
        ["policy* w policy.yaml:7"]
    );
    let entry = "class: test\n    model: m3\n    runtime: codex\n";
    next.profile = Some(file("team.yaml", &PROFILE.replace("class: test\n", entry)));
    assert_eq!(
        chain(&next, "test", "runtime"),
        [
            "profile* codex team, class test",
            "policy claude policy.yaml:7",
            "persona codex test.md",
            "default claude"
        ]
    );
    next = applied(&next);
    next.roster = next
        .roster
        .map(|text| text.replace("model_hint: m3", "model_hint: m4"));
    let below = [
        "profile m3 team, class test",
        "policy m2 policy.yaml:5",
        "persona m1 test.md",
    ];
    let mut expected = vec!["roster* m4 roster.yaml"];
    expected.extend(below);
    assert_eq!(chain(&next, "test", "model_hint"), expected);
    next.edits = vec![Edit {
        model: Some("m5".into()),
        ..edit(EditKind::Set, "test")
    }];
    expected[0] = "command line* m5";
    assert_eq!(chain(&next, "test", "model_hint"), expected);
    next.edits.clear();
    next.roster = next
        .roster
        .map(|text| text.replace("    model_hint: m4\n", ""));
    expected[0] = "roster*  roster.yaml";
    assert_eq!(chain(&next, "test", "model_hint"), expected, "taken away");
}

#[test]
fn entries_of_one_class_have_their_own_wishes() {
    let mut next = input();
    let entries = "    multiplicity: 2\n    model: m1\n  - class: code\n    reports_to: orchestrator\n    model: m2\n";
    let text = PROFILE.replace("    multiplicity: 2\n", entries);
    next.profile = Some(file("team.yaml", &text));
    let plan = made(&next);
    let models = ["code0", "code1", "code"].map(|name| plan.seat(name)?.model.clone());
    assert_eq!(models, ["m1", "m1", "m2"].map(|model| Some(model.into())));
}

#[test]
fn a_floor_alone_has_a_topology_too() {
    let mut next = input();
    next.full = Some(false);
    assert_eq!(made(&next).topology().text(), "orchestrator (claude)\n");
    let text = PROFILE.replace("floor: [orchestrator]", "floor: [orchestrator, review]");
    next.profile = Some(file("team.yaml", &text));
    let plan = made(&next);
    // Its manager is not staffed.
    assert_eq!(
        plan.topology().text(),
        "orchestrator (claude)\nreview (claude)\n"
    );
    assert_eq!(plan.seat("review").map(|seat| seat.wave), Some(0));
    next.edits = vec![Edit {
        count: Some(1),
        ..edit(EditKind::Scale, "code")
    }];
    assert_eq!(
        made(&next).topology().text(),
        "orchestrator (claude)\n└─ code (claude)\n   └─ review (claude)\n"
    );
}

#[test]
fn a_command_decides_over_both_sides() {
    let mut next = applied(&input());
    next.roster = next
        .roster
        .map(|text| text.replace("model_hint: sonnet-5", "model_hint: opus"));
    next.roles_local.push(file("review.md", "`model: haiku`"));
    assert_eq!(made(&next).conflicts.len(), 1);
    let mut set = next.clone();
    set.edits = vec![Edit {
        model: Some("mine".into()),
        ..edit(EditKind::Set, "review")
    }];
    let kept = applied(&set);
    assert_eq!(
        made(&kept)
            .seat("review")
            .and_then(|seat| seat.model.clone()),
        Some("mine".into())
    );
    assert_eq!(lines(&made(&kept)), Vec::<String>::new());
    let mut gone = next.clone();
    gone.edits = vec![edit(EditKind::Remove, "review")];
    let gone = applied(&gone);
    assert!(made(&gone).seat("review").is_none());
    assert_eq!(lines(&made(&gone)), Vec::<String>::new());
    // What was never applied can be changed as well.
    let mut first = input();
    first.edits = vec![edit(EditKind::Remove, "test")];
    assert!(made(&first).seat("test").is_none());
    assert!(made(&applied(&first)).seat("test").is_none());
}

#[test]
fn a_fleet_that_is_staffed_by_hand_obeys_commands() {
    let mut next = input();
    next.profile = None;
    next.roster = Some("version: 1\ntransport: tmux\nruntimes:\n  claude:\n    reset_command: /clear\nagents:\n  - name: a\n    runtime: claude # x\n    class: code\n  - name: b\n    runtime: claude\n    class: code\n".into());
    let mut commands = next.clone();
    commands.edits = vec![
        edit(EditKind::Remove, "b"),
        Edit {
            runtime: Some("codex".into()),
            ..edit(EditKind::Set, "a")
        },
    ];
    let left = applied(&commands);
    let text = left.roster.clone().expect("a roster");
    assert!(
        text.ends_with("  - name: a\n    runtime: codex # x\n    class: code\n"),
        "{text}"
    );
    assert!(
        text.contains("  codex:\n    reset_command: /new\n"),
        "{text}"
    );
    assert_eq!(lines(&made(&left)), Vec::<String>::new());
    // What a profile left behind has no say any more.
    let mut left = applied(&input());
    left.profile = None;
    left.roster = left
        .roster
        .map(|text| text.replace("model_hint: sonnet-5", "model_hint: opus"));
    left.edits = vec![Edit {
        model: Some("haiku".into()),
        ..edit(EditKind::Set, "review")
    }];
    assert_eq!(made(&left).conflicts, []);
    assert_eq!(
        made(&left)
            .seat("review")
            .and_then(|seat| seat.model.clone()),
        Some("haiku".into())
    );
}

#[test]
fn a_harness_that_only_an_operators_seat_uses_is_named_at_once() {
    let profile = |runtime: &str| {
        let entry = format!("class: test\n    runtime: {runtime}\n");
        Some(file("team.yaml", &PROFILE.replace("class: test\n", &entry)))
    };
    let mut next = input();
    next.profile = profile("codex");
    next = applied(&next);
    let text = next.roster.take().expect("a roster");
    assert!(text.contains("  codex:\n"), "{text}");
    next.roster = Some(text.replace(
        "- name: code0\n    runtime: claude",
        "- name: code0\n    runtime: codex",
    ));
    next.profile = profile("claude");
    next = applied(&next);
    assert_eq!(lines(&made(&next)), Vec::<String>::new());
}

#[test]
fn sessions_come_in_any_order() {
    let mut next = applied(&input());
    next.observed
        .as_mut()
        .expect("a look")
        .sessions
        .extend([session("old2", "x"), session("old1", "x")]);
    next.aim.goal = Goal::Down;
    let first = seat_actions(&next);
    assert_eq!(first[5..], ["seat.stop old1", "seat.stop old2"]);
    next.observed.as_mut().expect("a look").sessions.reverse();
    assert_eq!(seat_actions(&next), first);
}

#[test]
fn what_a_command_cannot_do_is_said_with_a_way_out() {
    let with = |edit: Edit| {
        let mut next = applied(&input());
        next.edits = vec![edit];
        plan_error(&next)
    };
    let add = |name: &str| edit(EditKind::Add, name);
    for (edit, message) in [
        (
            add("code0"),
            "there is a seat `code0` already; choose another name",
        ),
        (
            add("a.b"),
            "`a.b` cannot be the name of a session; use letters, digits, `-` and `_`, at most 63, a letter or digit first",
        ),
        (
            Edit {
                reports_to: Some("cod0".into()),
                ..add("x")
            },
            "`x` cannot report to `cod0`: there is no such seat; did you mean `code0`?",
        ),
        (
            Edit {
                reports_to: Some("x".into()),
                ..add("x")
            },
            "`x` cannot report to `x`: there is no such seat; `callsheet fleet status` lists the seats",
        ),
        (
            Edit {
                model: Some(String::new()),
                ..edit(EditKind::Set, "code0")
            },
            "the model of `code0` must be a text of one line; edit the roster to take a value out",
        ),
        (
            Edit {
                runtime: Some("a\nb".into()),
                ..add("x")
            },
            "the runtime of `x` must be a text of one line; edit the roster to take a value out",
        ),
        (
            edit(EditKind::Set, "elsewhere"),
            "there is no seat `elsewhere`; `callsheet fleet status` lists the seats",
        ),
        (
            Edit {
                count: Some(101),
                ..edit(EditKind::Scale, "code")
            },
            "101 seats of `code` are more than 100; scale to fewer",
        ),
    ] {
        assert_eq!(with(edit), message);
    }
    let mut next = applied(&input());
    next.edits = ["orchestrator", "code0", "code1", "review", "test"]
        .map(|name| edit(EditKind::Remove, name))
        .to_vec();
    assert_eq!(
        plan_error(&next),
        "no seat would be left in the roster; keep one; `callsheet fleet down` stops them all"
    );
    next = input();
    next.profile = None;
    assert_eq!(
        plan_error(&next),
        "there is neither a roster nor a profile; name one: `callsheet fleet plan --profile ID`; `callsheet fleet profile list` shows them"
    );
}

/// The problems that stop a plan, or the diagnostics that it comes with.
fn told(change: fn(&mut Input)) -> Vec<String> {
    let mut next = input();
    change(&mut next);
    let found = plan(&next, STAFFING).map_or_else(|found| found, |plan| plan.diagnostics);
    let lines = found.into_iter().map(|one| {
        let place = one.place.as_ref();
        let file = place
            .and_then(|place| place.file.clone())
            .unwrap_or_default();
        let help = one.help.clone().unwrap_or_default();
        format!("{file} {}: {}; {help}", one.code.as_str(), one.message)
    });
    lines.collect()
}

#[test]
fn every_problem_of_a_plan_says_what_and_what_next() {
    type Case = (fn(&mut Input), &'static str);
    let cases: [Case; 9] = [
        (
            |input| input.edits = vec![edit(EditKind::Remove, "tset")],
            " fleet.edit-invalid: there is no seat `tset`; did you mean `test`?",
        ),
        (
            |input| input.aim.seats = vec!["tset".into()],
            " fleet.edit-invalid: there is no seat `tset`; did you mean `test`?",
        ),
        (
            |input| input.lock = Some("{}".into()),
            "roster.lock.json fleet.lock-invalid: lock.schema is missing; restore it from `fleet/history`, or remove it: the roster then counts as edited by hand",
        ),
        (
            |input| {
                if let Some(look) = &mut input.observed {
                    look.paused = true;
                }
            },
            " fleet.paused: the fleet is paused: 5 seats are not started; `callsheet fleet resume` ends the pause",
        ),
        (
            |input| {
                input.roster =
                    Some("version: 1\ntransport: tmux\nagents: [{name: a, runtime: pi}]\n".into());
                input.full = Some(false);
            },
            " fleet.roster-rewritten: the roster cannot be changed in place (line 3: it is written in braces or brackets) and is written anew, without its comments; the old text is kept in the history of the fleet",
        ),
        (
            |input| {
                if let Some(look) = &mut input.observed {
                    look.sessions.push(Session {
                        fleet: None,
                        ..session("test", "x")
                    });
                }
            },
            " fleet.session-foreign: a session `test` that is not this fleet's is in the way; take it over with `callsheet fleet adopt test`, or end it",
        ),
        (
            |input| input.policy = Some("version: 2\n".into()),
            "policy.yaml policy.field-invalid: version must be 1; ",
        ),
        (
            |input| input.policy = Some("rules: []\n".into()),
            "policy.yaml policy.field-missing: version is missing; ",
        ),
        (
            |input| input.policy = Some("version: 1\nrule: []\n".into()),
            "policy.yaml policy.key-unknown: a policy has no key `rule`; did you mean `rules`?",
        ),
    ];
    for (change, line) in cases {
        let told = told(change);
        assert!(told.iter().any(|one| one == line), "{line}\n{told:#?}");
    }
}

#[test]
fn a_seat_that_goes_and_comes_back_keeps_its_place() {
    let mut next = applied(&input());
    next.roster = next
        .roster
        .map(|text| text.replace("  - name: code0", "  # first\n  - name: code0"));
    next.edits = vec![
        edit(EditKind::Remove, "code0"),
        Edit {
            class: Some("review".into()),
            ..edit(EditKind::Add, "code0")
        },
    ];
    let plan = made(&next);
    assert_eq!(
        plan.seats.iter().position(|seat| seat.name == "code0"),
        Some(1)
    );
    assert!(
        plan.files[0]
            .content
            .contains("  # first\n  - name: code0\n    runtime: claude\n    class: review\n")
    );
    assert_eq!(plan.diagnostics, []);
}
