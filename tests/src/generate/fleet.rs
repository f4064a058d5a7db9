//! Fleets: what decides them, rosters, and what operators and commands change.

use plan_core::base::yaml::{Block, emit};
use plan_core::fleet::library::RoleFile;
use plan_core::fleet::merge::{Prefer, Terms};
use plan_core::fleet::observed::{Observed, Session};
use plan_core::fleet::plan::{Aim, Edit, EditKind, Goal, Input};
use plan_core::fleet::provision::Staffing;
use plan_core::fleet::roster::{Roster, Seat};

use super::Draw;

/// What these fleets are staffed with; `aider` can only be said, not started.
pub const STAFFING: Staffing<'static> = Staffing {
    runtime: "claude",
    runtimes: &[("claude", "/clear"), ("pi", "/new")],
    known: &[
        ("claude", "/clear"),
        ("codex", "/new"),
        ("opencode", "/new"),
    ],
};

/// The fleet that is made here.
pub const FLEET: &str = "f1";

const CLASSES: [&str; 5] = ["code", "review", "test", "docs-writer", "x1"];
const RUNTIMES: [&str; 3] = ["codex", "pi", "aider"];

/// Texts of one line that YAML has an opinion about.
const AWKWARD: [&str; 30] = [
    "opus",
    "12",
    "yes",
    "null",
    "~",
    "true",
    "a: b",
    "x # y",
    "it's",
    "\"q\"",
    "\"it's\"",
    "-",
    "- a",
    "?",
    "é😀",
    "~/w",
    "a, b",
    "[x]",
    "{y}",
    "tab\tx",
    "\u{85}",
    "\u{7f}",
    "\u{2028}",
    "%x",
    "@y",
    " lead",
    "trail ",
    "---",
    "back\\slash",
    "a:",
];

fn awkward(draw: &mut Draw<'_>) -> String {
    draw.pick("sonnet", &AWKWARD).to_owned()
}

fn class(draw: &mut Draw<'_>) -> &'static str {
    draw.pick("lead", &CLASSES)
}

fn file(name: impl Into<String>, text: impl Into<String>) -> RoleFile {
    RoleFile {
        name: name.into(),
        text: text.into(),
    }
}

/// Everything that a plan follows from, of a fleet that was never applied.
pub fn input(draw: &mut Draw<'_>) -> Input {
    let mut input = Input {
        fleet: FLEET.into(),
        profile: Some(profile(draw)),
        full: Some(!draw.once_in(4)),
        roles: Vec::new(),
        roles_local: Vec::new(),
        personas: Vec::new(),
        policy: policy(draw),
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
    };
    input.roles = std::iter::once("lead")
        .chain(CLASSES)
        .map(|class| file(format!("{class}.md"), persona(draw)))
        .collect();
    let index = "## engineering\n\n| Persona |\n| --- |\n| code |\n\n## quality\n\n| review |\n";
    input.roles.push(file("LIBRARY.md", index));
    elsewhere(draw, &mut input);
    input
}

/// Changes what the operator decides besides the roster.
pub fn elsewhere(draw: &mut Draw<'_>, input: &mut Input) {
    if draw.once_in(2) {
        input.roles_local = vec![file(format!("{}.md", class(draw)), persona(draw))];
    }
    if draw.once_in(3) {
        input.personas = vec![
            file(format!("{}.json", class(draw)), "{}"),
            file("other.json", "{\"a\":1}"),
        ];
    }
    if draw.once_in(3) {
        input.env = vec![
            file("code0.env", format!("A={}\n", draw.below(3))),
            file("lead.env", "B=2\n"),
        ];
    }
    if draw.once_in(3) {
        input.policy = policy(draw);
    }
    if draw.once_in(2) {
        input.profile = Some(profile(draw));
    }
}

fn persona(draw: &mut Draw<'_>) -> String {
    let runtime = draw.pick("", &["`runtime: codex`", "`runtime: claude`"]);
    let model = draw.pick("", &["`model: opus-4`", "`model: haiku`"]);
    format!("Number {}. {runtime} {model}\n", draw.below(3))
}

fn text(value: impl Into<String>) -> Block {
    Block::text(value)
}

fn profile(draw: &mut Draw<'_>) -> RoleFile {
    let mut placed = vec!["lead"];
    let mut roster = vec![entry(draw, "lead", None)];
    for class in CLASSES {
        if draw.once_in(3) {
            continue;
        }
        let manager = placed.get(draw.below(placed.len())).copied();
        let manager = manager.filter(|_| !draw.once_in(8));
        roster.push(entry(draw, class, manager));
        placed.push(class);
    }
    let mut floor = vec![text("lead")];
    if draw.once_in(2) {
        let class = placed.get(draw.below(placed.len()));
        floor.extend(class.map(|class| text(*class)));
    }
    let profile = [
        ("id", text("team")),
        ("title", text(awkward(draw))),
        ("description", text("A team")),
        ("lead", text("lead")),
        ("floor", Block::List(floor)),
        ("roster", Block::List(roster)),
    ];
    file("team.yaml", emit(&map(profile)))
}

fn map<const N: usize>(entries: [(&str, Block); N]) -> Block {
    let entries = entries.into_iter();
    Block::Map(
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
    )
}

fn entry(draw: &mut Draw<'_>, class: &str, manager: Option<&str>) -> Block {
    let mut entries = vec![("class".to_owned(), text(class))];
    let mut add = |key: &str, value| entries.push((key.to_owned(), value));
    if let Some(manager) = manager {
        add("reports_to", text(manager));
    }
    if draw.once_in(3) {
        let count = u64::try_from(1 + draw.below(3)).unwrap_or(1);
        add("multiplicity", Block::Number(count));
    }
    if draw.once_in(4) {
        add("runtime", text(draw.pick("codex", &RUNTIMES)));
    }
    if draw.once_in(3) {
        add("model", text(awkward(draw)));
    }
    Block::Map(entries)
}

fn policy(draw: &mut Draw<'_>) -> Option<String> {
    if draw.once_in(2) {
        return None;
    }
    let mut rules = Vec::new();
    for _ in 0..draw.below(4) {
        let condition = match draw.below(4) {
            0 => ("class", text(draw.pick("*", &["code", "*e*", "none"]))),
            1 => ("domain", text(draw.pick("quality", &["engineering"]))),
            2 => ("floor", Block::Bool(draw.once_in(2))),
            _ => ("lead", Block::Bool(draw.once_in(2))),
        };
        let effect = match draw.below(3) {
            0 => ("runtime", text(draw.pick("codex", &RUNTIMES))),
            1 => ("model", text(awkward(draw))),
            _ => ("working_directory", text(awkward(draw))),
        };
        rules.push(map([condition, effect]));
    }
    Some(emit(&map([
        ("version", Block::Number(1)),
        ("rules", Block::List(rules)),
    ])))
}

/// What a command changes; not everything of it makes sense.
pub fn edits(draw: &mut Draw<'_>) -> Vec<Edit> {
    let count = draw.below(3);
    (0..count).map(|_| edit(draw)).collect()
}

fn edit(draw: &mut Draw<'_>) -> Edit {
    let kind = draw.pick(EditKind::Set, EditKind::ALL);
    let name = match kind {
        EditKind::Scale => class(draw),
        EditKind::Add => draw.pick("hand", &["hand-2", "code1"]),
        EditKind::Remove | EditKind::Set => {
            draw.pick("lead", &["code", "code0", "review", "hand", "test", "x10"])
        }
    };
    let fresh = kind == EditKind::Add;
    Edit {
        kind,
        name: name.to_owned(),
        class: fresh.then(|| class(draw).to_owned()),
        runtime: draw
            .once_in(3)
            .then(|| draw.pick("codex", &RUNTIMES).to_owned()),
        model: draw.once_in(2).then(|| awkward(draw)),
        working_directory: draw.once_in(4).then(|| awkward(draw)),
        reports_to: (fresh && draw.once_in(2)).then(|| "lead".to_owned()),
        count: (kind == EditKind::Scale).then(|| u64::try_from(draw.below(4)).unwrap_or_default()),
    }
}

/// How a command merges.
pub fn terms(draw: &mut Draw<'_>) -> Terms {
    Terms {
        prefer: draw
            .once_in(2)
            .then(|| draw.pick(Prefer::Mine, Prefer::ALL)),
        restore: draw.once_in(6),
        force: Vec::new(),
    }
}

/// A roster of a few seats.
pub fn roster(draw: &mut Draw<'_>) -> Roster {
    let mut roster = Roster::default();
    for (name, reset) in STAFFING.runtimes {
        roster
            .runtimes
            .insert((*name).to_owned(), (*reset).to_owned());
    }
    for name in ["lead", "code0", "code1", "review"] {
        if name == "lead" || !draw.once_in(4) {
            roster.agents.push(seat(draw, name));
        }
    }
    roster
}

fn seat(draw: &mut Draw<'_>, name: &str) -> Seat {
    let runtime = draw.pick("claude", &RUNTIMES);
    let mut seat = Seat::new(name, runtime, class(draw));
    seat.reset_between_tasks = draw.once_in(2).then_some(true);
    seat.model_hint = draw.once_in(2).then(|| awkward(draw));
    seat
}

/// Changes a roster as an operator may in an editor.
pub fn meddle(draw: &mut Draw<'_>, roster: &mut Roster) {
    for _ in 0..draw.below(5) {
        change(draw, roster);
    }
}

fn change(draw: &mut Draw<'_>, roster: &mut Roster) {
    let seats = roster.agents.len();
    let place = draw.below(seats);
    match draw.below(12) {
        0 if seats > 1 => drop(roster.agents.remove(place)),
        1 => {
            let name = draw.pick("mine", &["mine_2", "review", "hand"]);
            if roster.agents.iter().all(|seat| seat.name != name) {
                let new = seat(draw, name);
                roster.agents.insert(place, new);
            }
        }
        2 => roster.agents.swap(place, 0),
        3 => {
            let reset = draw.pick("/compact", &["/clear", ""]).to_owned();
            roster
                .runtimes
                .insert(draw.pick("claude", &RUNTIMES).to_owned(), reset);
        }
        4 if roster.runtimes.len() > 1 => drop(roster.runtimes.remove("pi")),
        5 => roster.working_directory = awkward(draw),
        6 => roster.tmux.socket_name = draw.pick("", &["other"]).to_owned(),
        _ => {
            if let Some(seat) = roster.agents.get_mut(place) {
                field(draw, seat);
            }
        }
    }
}

fn field(draw: &mut Draw<'_>, seat: &mut Seat) {
    let value = draw.once_in(2).then(|| awkward(draw));
    match draw.below(8) {
        0 => draw.pick("codex", &RUNTIMES).clone_into(&mut seat.runtime),
        1 | 2 => seat.model_hint = value,
        3 => seat.working_directory = value,
        4 => seat.host = value,
        5 => seat.persistent_persona = value.map(|_| draw.once_in(2)),
        6 => seat.reset_between_tasks = value.map(|_| draw.once_in(2)),
        _ => class(draw).clone_into(&mut seat.class),
    }
}

/// A session of a seat of the fleet.
pub fn session(seat: &str, hash: &str) -> Session {
    Session {
        name: seat.to_owned(),
        id: format!("${seat}"),
        fleet: Some(FLEET.into()),
        seat: Some(seat.to_owned()),
        hash: Some(hash.to_owned()),
        command: "callsheet".into(),
        pid: 7,
        quiet: 0,
        dead: None,
        heartbeat: None,
    }
}
