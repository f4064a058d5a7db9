//! Vectors of the recorded provisioning, and the problems of profiles and rosters.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::library::{LayerIndex, Library, RoleFile};
use super::profile::{self, Profile, ProfileSeat};
use super::provision::{Provisioned, Staffing, provision, roster, summary};
use super::roster as rosters;

pub(super) const STAFFING: Staffing<'_> = Staffing {
    runtime: "claude",
    runtimes: &[("claude", "/clear"), ("pi", "/new")],
    known: &[("claude", "/clear"), ("codex", "/new")],
};

fn seat(entry: &str) -> ProfileSeat {
    let (entry, multiplicity) = match entry.split_once(" x") {
        Some((entry, number)) => (entry, number.parse().expect("a number")),
        None => (entry, 1.0),
    };
    let (class, manager) = match entry.split_once("->") {
        Some((class, manager)) => (class, Some(manager.to_string())),
        None => (entry, None),
    };
    ProfileSeat {
        class: class.into(),
        reports_to: manager,
        multiplicity,
        runtime: None,
        model: None,
    }
}

fn made(lead: &str, floor: &[&str], seats: &[&str]) -> Profile {
    Profile {
        id: "p".into(),
        title: String::new(),
        description: String::new(),
        lead: lead.into(),
        floor: floor
            .iter()
            .map(alloc::string::ToString::to_string)
            .collect(),
        roster: seats.iter().map(|entry| seat(entry)).collect(),
        notes: None,
    }
}

/// A library that has every class; `enhancer` is the operator's, `ghost` has no file.
fn library(profile: &Profile) -> Library {
    let file = |name: String, text: &str| RoleFile {
        name,
        text: text.into(),
    };
    let classes = profile.roster.iter().filter(|seat| seat.class != "ghost");
    let mut base: Vec<_> = classes
        .map(|seat| file(format!("{}.md", seat.class), "text"))
        .collect();
    base.push(file(
        "LIBRARY.md".into(),
        "| Persona |\n| --- |\n| ghost |\n",
    ));
    Library {
        base: LayerIndex::scan(&base),
        over: LayerIndex::scan(&[file("enhancer.md".into(), "mine")]),
    }
}

fn seats(profile: &Profile, full: bool) -> Vec<Provisioned> {
    provision(profile, &library(profile), (STAFFING, full)).expect("seats")
}

/// Name and flag of each seat: `p` stays, `r` is reset.
fn names(profile: &Profile, full: bool) -> Vec<String> {
    let flag = |seat: &Provisioned| match seat.seat.persistent_persona {
        Some(_) => "p",
        None => "r",
    };
    let seats = seats(profile, full);
    seats
        .iter()
        .map(|seat| format!("{}({})", seat.seat.name, flag(seat)))
        .collect()
}

fn delivery() -> Profile {
    made(
        "orchestrator",
        &["orchestrator", "enhancer"],
        &[
            "orchestrator",
            "board->orchestrator",
            "code->board x2",
            "enhancer->orchestrator",
        ],
    )
}

#[test]
fn v1_the_floor_byte_for_byte() {
    let seats = seats(&delivery(), false);
    let text = "version: 1
transport: tmux
tmux:
  socket_name: mosaic-fleet
  holder_session: _holder
defaults:
  working_directory: \"~\"
runtimes:
  claude:
    reset_command: /clear
  pi:
    reset_command: /new
agents:
  - name: orchestrator
    runtime: claude
    class: orchestrator
    persistent_persona: true
  - name: enhancer
    runtime: claude
    class: enhancer
    persistent_persona: true
";
    assert_eq!(roster(&seats, STAFFING).emit(), text);
    assert_eq!(
        summary(&seats),
        "Topology (2 seat(s)):
  - orchestrator\tclass=orchestrator\truntime=claude\treports_to=- (lead)\tpersona=baseline
  - enhancer\tclass=enhancer\truntime=claude\treports_to=orchestrator\tpersona=override"
    );
}

#[test]
fn v2_all_seats() {
    let expected = [
        "orchestrator(p)",
        "board(r)",
        "code0(r)",
        "code1(r)",
        "enhancer(p)",
    ];
    assert_eq!(names(&delivery(), true), expected);
}

fn business() -> Profile {
    made(
        "ceo",
        &["ceo"],
        &[
            "ceo",
            "coo->ceo",
            "cfo->ceo",
            "product-manager->coo",
            "marketing-lead->coo",
            "sales-lead->coo",
            "operations-manager->coo",
            "customer-success-manager->coo",
            "code->product-manager",
            "review->product-manager",
        ],
    )
}

#[test]
fn v3_and_v4_business() {
    let text = roster(&seats(&business(), true), STAFFING).emit();
    assert_eq!(text.len(), 1135);
    assert_eq!(text.matches("persistent_persona: true").count(), 1);
    assert_eq!(names(&business(), false), ["ceo(p)"]);
}

#[test]
fn v5_and_v6_names_that_need_quotes() {
    let profile = made(
        "lead",
        &["w", "null", "1"],
        &[
            "lead",
            "w x2",
            "w->lead",
            "null->lead",
            "1->lead x0",
            "z x-3",
            "y x1.5",
            "x x2.7",
        ],
    );
    assert_eq!(
        names(&profile, false),
        ["w0(p)", "w1(p)", "w(p)", "null(p)", "1(p)"]
    );
    let text = roster(&seats(&profile, false), STAFFING).emit();
    assert!(text.contains("  - name: \"null\"\n    runtime: claude\n    class: \"null\"\n"));
    assert!(text.contains("  - name: \"1\"\n"));
    assert_eq!(
        names(&profile, true),
        [
            "lead(p)", "w0(p)", "w1(p)", "w(p)", "null(p)", "1(p)", "z(r)", "y0(r)", "x0(r)",
            "x1(r)"
        ]
    );
}

#[test]
fn a_profile_can_be_read_as_mosaic_reads_it() {
    let text = "id: p\ntitle: P\ndescription: P\nlead: a\nwhatever: 1\nroster:\n  - class: a\n    multiplicity: 1.5\n    colour: red\n  - class: b\n    multiplicity: -3\n";
    assert!(profile::parse(text, Some("p")).is_err());
    let parsed = profile::parse_as(profile::Form::Mosaic, text, Some("p")).expect("a profile");
    assert_eq!(names(&parsed.profile, true), ["a0(p)", "b(r)"]);
    assert_eq!(parsed.profile.seats(), 2);
}

#[test]
fn v7_to_v9_the_errors() {
    let error = |profile: Profile, full| {
        let error =
            provision(&profile, &library(&profile), (STAFFING, full)).expect_err("no seats");
        error.to_string()
    };
    let floor = "Profile \"p\" produced no seats. No floor seats are defined — try --full.";
    assert_eq!(error(made("a", &[], &["a"]), false), floor);
    assert_eq!(error(made("a", &[], &[]), false), floor);
    let empty = "Profile \"p\" produced no seats. Its roster is empty.";
    assert_eq!(error(made("a", &[], &[]), true), empty);
    let ghost = "Cannot provision: roster class \"ghost\" does not resolve to a readable persona.";
    assert_eq!(error(made("a", &["ghost"], &["ghost"]), false), ghost);
}

/// The problems of a profile: code, line, column.
fn problems(text: &str) -> Vec<(&'static str, u64, u64)> {
    let classes = ["lead", "code", "review"];
    let files: Vec<_> = classes
        .iter()
        .map(|class| RoleFile {
            name: format!("{class}.md"),
            text: String::new(),
        })
        .collect();
    let library = Library {
        base: LayerIndex::scan(&files),
        over: LayerIndex::default(),
    };
    let found = match profile::parse(text, Some("p")) {
        Ok(parsed) => parsed.check(&library),
        Err(problems) => problems,
    };
    let found = found.iter().map(|problem| {
        let place = problem.place.as_deref().expect("a place");
        (problem.code.as_str(), place.line, place.column)
    });
    found.collect()
}

const HEAD: &str = "id: p\ntitle: T\ndescription: D\nlead: lead\n";

#[test]
fn a_good_profile_has_no_problems() {
    let text = format!(
        "{HEAD}floor: [lead]\nroster:\n  - class: lead\n  - class: code\n    reports_to: lead\n    multiplicity: 2\n"
    );
    assert_eq!(problems(&text), []);
    let parsed = profile::parse(&text, Some("p")).expect("a profile");
    assert_eq!(parsed.profile.seats(), 3);
}

#[test]
fn every_problem_of_a_profile_is_told_with_its_place() {
    for (rest, expected) in [
        ("roster: []\nx: 1\n", vec![("profile.key-unknown", 6, 1)]),
        ("", vec![("profile.field-missing", 1, 1)]),
        ("roster: 3\n", vec![("profile.field-type", 5, 9)]),
        (
            "roster: []\nfloor: [lead, lead]\n",
            vec![("profile.floor-duplicate", 6, 15)],
        ),
        (
            "roster:\n  - class: lead\nfloor: [lead, code]\n",
            vec![("profile.floor-absent", 7, 15)],
        ),
        (
            "roster:\n  - class: lead\nfloor: [cod]\n",
            vec![
                ("profile.floor-unknown", 7, 9),
                ("profile.floor-absent", 7, 9),
            ],
        ),
        (
            "roster:\n  - class: lead\n  - class: cods\n    reports_to: lead\n",
            vec![("profile.class-unknown", 7, 12)],
        ),
        (
            "roster:\n  - class: lead\n  - class: code\n    reports_to: review\n",
            vec![("profile.reports-to-absent", 8, 17)],
        ),
        (
            "roster:\n  - class: lead\n  - class: code\n    reports_to: x\n",
            vec![("profile.reports-to-unknown", 8, 17)],
        ),
        (
            "roster:\n  - class: lead\n  - class: code\n",
            vec![("profile.roots-several", 7, 12)],
        ),
        (
            "roster:\n  - class: code\n",
            vec![("profile.lead-absent", 4, 7)],
        ),
        (
            "roster:\n  - class: lead\n    multiplicity: 0\n",
            vec![("profile.multiplicity-invalid", 7, 19)],
        ),
        (
            "roster:\n  - class: lead\n    multiplicity: 1.5\n",
            vec![("profile.multiplicity-invalid", 7, 19)],
        ),
        (
            "roster:\n  - class: lead\n  - class: code\n    reports_to: review\n  - class: review\n    reports_to: code\n",
            vec![("profile.cycle", 8, 17)],
        ),
        (
            "roster:\n  - class: lead\n    reports_to: code\n  - class: code\n",
            vec![("profile.lead-reports", 7, 17)],
        ),
        (
            "roster:\n  - class: lead\n  - class: code\n    reports_to: lead\n  - class: code\n    reports_to: lead\n",
            vec![("profile.seat-duplicate", 9, 12)],
        ),
    ] {
        assert_eq!(problems(&format!("{HEAD}{rest}")), expected, "{rest}");
    }
    let other = HEAD.replace("id: p", "id: q") + "roster: []\n";
    assert_eq!(problems(&other), [("profile.id-mismatch", 1, 5)]);
}

#[test]
fn a_roster_reads_back_as_it_was_emitted() {
    for full in [false, true] {
        let made = roster(&seats(&delivery(), full), STAFFING);
        assert_eq!(rosters::parse(&made.emit()).expect("a roster"), made);
    }
}

#[test]
fn both_spellings_are_read_and_everything_else_is_refused() {
    let text = "version: 1\ntransport: tmux\nagents:\n  - name: a\n    runtime: pi\n    modelHint: m\n    persistentPersona: true\n";
    let roster = rosters::parse(text).expect("a roster");
    assert_eq!(roster.tmux.socket_name, "", "the user's own server");
    let seat = &roster.agents[0];
    assert_eq!(
        (&*seat.class, seat.model_hint.as_deref()),
        ("worker", Some("m"))
    );
    let codes = |text: &str| -> Vec<_> {
        let problems = rosters::parse(text).expect_err(text);
        problems
            .iter()
            .map(|problem| problem.code.as_str())
            .collect()
    };
    let bad = "version: 2\ntransport: tmux\nagents:\n  - name: a.b\n    runtime: pi\n    reports_to: x\n  - name: a.b\n    runtime: pi\n";
    assert_eq!(
        codes(bad),
        [
            "roster.field-invalid",
            "roster.key-unknown",
            "roster.name-unsafe",
            "roster.name-unsafe",
            "roster.seat-duplicate"
        ]
    );
}
