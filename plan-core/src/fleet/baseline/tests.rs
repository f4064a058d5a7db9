//! The baseline holds together: profiles, role files, index and hand-offs say the same.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use alloc::{format, vec};

use super::super::library::{INDEX, LayerIndex, Library, RoleFile, is_class, marker};
use super::super::profile::{self, ParsedProfile, check_ids};
use super::super::provision::{provision, roster};
use super::{PROFILES, ROLES};
use crate::fleet::tests::STAFFING;

/// The headings of a role, in order.
const HEADINGS: [&str; 7] = [
    "You own",
    "In and out",
    "How you work",
    "Hand-offs",
    "Done",
    "Never",
    "Blocked, idle, paused",
];

/// The lines of the hand-offs, in order. The halves of a pair mirror each other.
const RELATIONS: [&str; 6] = [
    "Reports to",
    "Reports from",
    "Takes work from",
    "Gives work to",
    "Asks",
    "Answers",
];

/// A class and another that its text names.
type Edges = BTreeSet<(String, String)>;

fn library() -> Library {
    let files = ROLES.iter().map(|(name, text)| RoleFile {
        name: name.to_string(),
        text: text.to_string(),
    });
    let files: Vec<_> = files.collect();
    Library {
        base: LayerIndex::scan(&files),
        over: LayerIndex::default(),
    }
}

fn profiles() -> Vec<(&'static str, ParsedProfile)> {
    let parsed = PROFILES.iter().map(|(name, text)| {
        let stem = name.strip_suffix(".yaml").expect("a profile");
        (*name, profile::parse(text, Some(stem)).expect("a profile"))
    });
    parsed.collect()
}

/// Every role: class by file name, and text.
fn roles() -> impl Iterator<Item = (&'static str, &'static str)> {
    let roles = ROLES.iter().filter(|(name, _)| *name != INDEX);
    roles.map(|(name, text)| (name.strip_suffix(".md").expect("a role"), *text))
}

/// The text below a heading, up to the next one.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let below = text.split_once(&format!("\n## {heading}\n"));
    let (_, below) = below.unwrap_or_else(|| panic!("no `{heading}` in: {text}"));
    below.split("\n## ").next().unwrap_or(below)
}

/// The classes between back quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| is_class(word))
}

/// The classes of one line of the hand-offs, with the lines that continue it.
fn related(text: &str, relation: &str) -> Vec<String> {
    let below = section(text, "Hand-offs").split_once(&format!("- **{relation}:**"));
    let (_, below) = below.unwrap_or_else(|| panic!("no `{relation}` in: {text}"));
    let line = below.split("\n- ").next().unwrap_or(below);
    quoted(line).map(String::from).collect()
}

/// Every edge of a relation, from the class that names it.
fn edges(relation: &str) -> Edges {
    let named = roles().flat_map(|(class, text)| {
        let others = related(text, relation).into_iter();
        others.map(move |other| (class.to_string(), other))
    });
    named.collect()
}

fn turned(edges: Edges) -> Edges {
    edges.into_iter().map(|(one, other)| (other, one)).collect()
}

#[test]
fn the_profiles_are_sound() {
    let library = library();
    assert_eq!(library.base.warnings, []);
    let profiles = profiles();
    for (name, parsed) in &profiles {
        assert_eq!(parsed.check(&library), [], "{name}");
    }
    let ids = check_ids(profiles.iter().map(|(name, it)| (*name, &it.profile)));
    assert_eq!(ids, []);
    let sizes: Vec<_> = profiles
        .iter()
        .map(|(_, parsed)| {
            let profile = &parsed.profile;
            (&*profile.id, profile.roster.len(), profile.seats())
        })
        .collect();
    assert_eq!(
        sizes,
        [
            ("business", 10, 10),
            ("marketing", 8, 8),
            ("personal-assistant", 5, 5),
            ("research", 6, 8),
            ("software-delivery", 14, 15),
        ]
    );
}

#[test]
fn the_floors_are_the_leads_and_one_enhancer() {
    let floors: Vec<_> = profiles()
        .into_iter()
        .map(|(_, parsed)| (parsed.profile.lead, parsed.profile.floor.join(" ")))
        .collect();
    let pair = |lead: &str, floor: &str| (lead.to_string(), floor.to_string());
    assert_eq!(
        floors,
        [
            pair("ceo", "ceo"),
            pair("marketing-lead", "marketing-lead"),
            pair("personal-assistant", "personal-assistant"),
            pair("lead-researcher", "lead-researcher"),
            pair("orchestrator", "orchestrator enhancer"),
        ]
    );
}

#[test]
fn the_business_has_the_recorded_size() {
    let (_, parsed) = profiles().into_iter().next().expect("business");
    let seats = provision(&parsed.profile, &library(), (STAFFING, true)).expect("seats");
    assert_eq!(roster(&seats, STAFFING).emit().len(), 1135, "as recorded");
}

#[test]
fn names_are_in_order() {
    for list in [PROFILES, ROLES] {
        assert!(list.is_sorted_by(|(one, _), (next, _)| one < next));
    }
}

#[test]
fn a_role_says_what_its_file_is_called() {
    let leads: BTreeSet<_> = profiles()
        .into_iter()
        .flat_map(|(_, parsed)| parsed.profile.floor)
        .collect();
    for (class, text) in roles() {
        assert_eq!(marker(text, "class"), Some(class));
        assert!(marker(text, "domain").is_some(), "{class}");
        let stays = if leads.contains(class) {
            "true"
        } else {
            "false"
        };
        assert_eq!(marker(text, "persistent_persona"), Some(stays), "{class}");
    }
}

#[test]
fn a_role_has_every_part() {
    for (class, text) in roles() {
        let headings: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(headings, HEADINGS, "{class}");
        let handed = section(text, "Hand-offs").split("\n- **").skip(1);
        let relations: Vec<_> = handed.filter_map(|line| line.split(":**").next()).collect();
        assert_eq!(relations, RELATIONS, "{class}");
        let lines = text.lines().count();
        assert!((25..=60).contains(&lines), "{class}: {lines} lines");
        let last = section(text, "Blocked, idle, paused");
        for part in ["- Blocked: ", "- Idle: ", "- Paused: ", "`run/PAUSED`"] {
            assert!(last.contains(part), "{class}: no `{part}`");
        }
    }
}

#[test]
fn the_index_lists_every_role_once_under_its_domain() {
    let (_, index) = ROLES
        .iter()
        .find(|(name, _)| *name == INDEX)
        .expect("an index");
    let mut listed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut domain = "";
    for line in index.lines() {
        domain = line.strip_prefix("## ").unwrap_or(domain);
        let cell = line
            .strip_prefix("| ")
            .and_then(|rest| rest.split(" | ").next());
        if let Some(class) = cell.filter(|cell| is_class(cell)) {
            listed.entry(class).or_default().push(domain);
        }
    }
    let own: BTreeMap<_, _> = roles()
        .map(|(class, text)| (class, vec![marker(text, "domain").expect("a domain")]))
        .collect();
    assert_eq!(listed, own);
}

#[test]
fn engineering_is_listed_in_its_order() {
    let (_, index) = ROLES
        .iter()
        .find(|(name, _)| *name == INDEX)
        .expect("an index");
    let rows = section(index, "engineering").lines().skip(3);
    let classes: Vec<_> = rows.filter_map(|row| row.split(' ').nth(1)).collect();
    let (_, delivery) = profiles().into_iter().next_back().expect("a profile");
    let seats: Vec<_> = delivery
        .profile
        .roster
        .iter()
        .map(|seat| &*seat.class)
        .collect();
    assert_eq!(classes, seats);
}

#[test]
fn roles_mention_only_classes_that_exist() {
    let known: BTreeSet<_> = roles().map(|(class, _)| class).collect();
    for (class, text) in roles() {
        let handed: BTreeSet<_> = quoted(section(text, "Hand-offs")).collect();
        assert!(!handed.contains(class), "{class} hands over to itself");
        for other in quoted(text) {
            assert!(known.contains(other), "{class} mentions `{other}`");
            assert!(
                handed.contains(other),
                "`{other}` is no hand-off of {class}"
            );
        }
    }
}

#[test]
fn hand_offs_are_the_same_on_both_sides() {
    for pair in RELATIONS.chunks(2) {
        let (one, other) = (edges(pair[0]), turned(edges(pair[1])));
        let alone: Vec<_> = one.symmetric_difference(&other).collect();
        assert!(alone.is_empty(), "{pair:?}: {alone:?}");
    }
}

#[test]
fn roles_report_to_whom_the_profiles_say() {
    let mut seated = Edges::new();
    for (_, parsed) in profiles() {
        for seat in parsed.profile.roster {
            seated.extend(seat.reports_to.map(|manager| (seat.class, manager)));
        }
    }
    // No profile seats it; the customers' manager may be given one.
    seated.insert(("support-agent".into(), "customer-success-manager".into()));
    assert_eq!(edges("Reports to"), seated);
}
