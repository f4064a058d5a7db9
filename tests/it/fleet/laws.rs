//! Laws of fleet planning that hold for every fleet.

use std::cell::Cell;

use plan_core::base::code::Code;
use plan_core::base::json::{Value, print, read};
use plan_core::fleet::envfile;
use plan_core::fleet::library::RoleFile;
use plan_core::fleet::merge::{Conflict, Kind, Merged, Prefer, Terms, Units, merge};
use plan_core::fleet::observed::Observed;
use plan_core::fleet::plan::{ActionKind, Aim, EditKind, FleetPlan, Goal, Input, plan, stale};
use plan_core::fleet::roster::{self, Roster};
use plan_core::fleet::status::status;
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;
use tests::generate::Draw;
use tests::generate::fleet::{self, STAFFING, session};
use tests::generate::hand::{self, About, Hand};

use crate::properties::{failed, for_all};

/// Three rosters: a base and what two sides made of it.
fn sides(words: &[u32]) -> [Units; 3] {
    let mut draw = Draw::new(words);
    let base = fleet::roster(&mut draw);
    let (mut mine, mut theirs) = (base.clone(), base.clone());
    fleet::meddle(&mut draw, &mut mine);
    fleet::meddle(&mut draw, &mut theirs);
    [base, mine, theirs].map(|roster| Units::of(&roster))
}

/// The units without their order.
fn sorted(units: &Units) -> Units {
    let mut sorted = units.clone();
    sorted
        .0
        .sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    sorted
}

fn merged(base: &Units, mine: &Units, theirs: &Units) -> Merged {
    merge(base, mine, theirs, &Terms::default())
}

#[test]
fn merging_with_what_did_not_change_gives_what_did() {
    for_all(1000, |words| {
        let [base, mine, _] = sides(words);
        let kept = merged(&base, &mine, &base);
        prop_assert_eq!((&kept.units, kept.conflicts.len()), (&mine, 0));
        let taken = merged(&base, &base, &mine);
        prop_assert_eq!(sorted(&taken.units), sorted(&mine));
        prop_assert_eq!(taken.conflicts.len(), 0);
        let same = merged(&base, &mine, &mine);
        prop_assert_eq!((&same.units, same.conflicts.len()), (&mine, 0));
        Ok(())
    });
}

/// Tells whether one side took a unit away that the other one changed: the operator's
/// wish stands then, so that the sides are not alike.
fn is_torn([base, mine, theirs]: &[Units; 3]) -> bool {
    let mut units = base.0.iter();
    units.any(|(kind, name, was)| {
        let of = |side: &Units| side.get(*kind, name).cloned();
        match (of(mine), of(theirs)) {
            (None, Some(other)) | (Some(other), None) => other != *was,
            _ => false,
        }
    })
}

fn turned(conflict: &Conflict) -> Conflict {
    Conflict {
        mine: conflict.theirs.clone(),
        theirs: conflict.mine.clone(),
        ..conflict.clone()
    }
}

#[test]
fn the_sides_of_a_merge_are_alike() {
    let agreed = Cell::new(0);
    for_all(2000, |words| {
        let all = sides(words);
        if is_torn(&all) {
            return Ok(());
        }
        let [base, mine, theirs] = &all;
        let (one, other) = (merged(base, mine, theirs), merged(base, theirs, mine));
        let mut found = one.conflicts.clone();
        let mut opposite: Vec<Conflict> = other.conflicts.iter().map(turned).collect();
        for conflicts in [&mut found, &mut opposite] {
            conflicts
                .sort_by(|one, other| (&one.unit, &one.field).cmp(&(&other.unit, &other.field)));
        }
        prop_assert_eq!(found, opposite);
        if one.conflicts.is_empty() {
            agreed.set(agreed.get() + 1);
            prop_assert_eq!(sorted(&one.units), sorted(&other.units));
        }
        Ok(())
    });
    assert!(
        agreed.get() > 500,
        "{} merges without conflict",
        agreed.get()
    );
}

#[test]
fn whoever_is_preferred_decides_every_conflict() {
    let decided = Cell::new(0);
    for_all(3000, |words| {
        let [base, mine, theirs] = sides(words);
        let open = merged(&base, &mine, &theirs);
        for (prefer, side) in [(Prefer::Mine, &mine), (Prefer::Theirs, &theirs)] {
            let terms = Terms {
                prefer: Some(prefer),
                ..Terms::default()
            };
            let closed = merge(&base, &mine, &theirs, &terms);
            prop_assert_eq!(&closed.conflicts, &[]);
            for conflict in &open.conflicts {
                decided.set(decided.get() + 1);
                let value = |units: &Units| {
                    let mut units = units.0.iter().filter(|(_, name, _)| *name == conflict.unit);
                    let with = units.find(|(.., fields)| {
                        conflict.field == "*" || fields.contains_key(&*conflict.field)
                    });
                    with.map(|(.., fields)| fields.get(&*conflict.field).cloned())
                };
                prop_assert_eq!(value(&closed.units), value(side));
            }
        }
        let name = |conflict: &Conflict| match &*conflict.field {
            "*" => conflict.unit.clone(),
            field => format!("{}.{field}", conflict.unit),
        };
        let forced = Terms {
            force: open.conflicts.iter().map(name).collect(),
            ..Terms::default()
        };
        let preferred = Terms {
            prefer: Some(Prefer::Theirs),
            ..Terms::default()
        };
        prop_assert_eq!(
            merge(&base, &mine, &theirs, &forced),
            merge(&base, &mine, &theirs, &preferred)
        );
        Ok(())
    });
    assert!(decided.get() > 200, "{} conflicts", decided.get());
}

#[test]
fn what_the_operator_removed_stays_away_until_it_is_asked_for() {
    for_all(500, |words| {
        let [base, mine, theirs] = sides(words);
        let kept = merged(&base, &mine, &theirs).units;
        let restore = Terms {
            restore: true,
            ..Terms::default()
        };
        let restored = merge(&base, &mine, &theirs, &restore).units;
        for (kind, name, _) in &base.0 {
            if mine.get(*kind, name).is_none() {
                prop_assert_eq!(kept.get(*kind, name), None);
                prop_assert_eq!(restored.get(*kind, name), theirs.get(*kind, name));
            }
        }
        Ok(())
    });
}

/// The home after a plan was carried out.
fn applied(input: &Input, plan: &FleetPlan) -> Result<Input, TestCaseError> {
    let mut next = input.clone();
    for file in &plan.files {
        match &*file.path {
            roster::FILE => next.roster = Some(file.content.clone()),
            path => {
                assert_eq!(path, "roster.lock.json");
                next.lock = Some(file.content.clone());
            }
        }
    }
    for write in &plan.env {
        let name = write
            .path
            .strip_prefix("agents/")
            .ok_or_else(|| failed(&write.path))?;
        let old = next.env.iter().find(|file| file.name == name);
        let variables = write.variables.iter();
        let variables: Vec<(&str, &str)> = variables.map(|one| (&*one.name, &*one.value)).collect();
        let text = envfile::merge(old.map_or("", |file| &*file.text), &variables);
        next.env.retain(|file| file.name != name);
        next.env.push(RoleFile {
            name: name.into(),
            text: text.map_err(failed)?,
        });
    }
    let mut sessions = input
        .observed
        .as_ref()
        .map(|look| look.sessions.clone())
        .unwrap_or_default();
    for action in &plan.actions {
        let Some(seat) = action.seat.as_ref() else {
            continue;
        };
        if action.kind == ActionKind::EnvWrite {
            continue;
        }
        sessions.retain(|session| session.name != *seat);
        if action.kind != ActionKind::SeatStop {
            let planned = plan.seat(seat).ok_or_else(|| failed(seat))?;
            sessions.push(session(seat, &planned.hash));
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
    Ok(next)
}

/// A fleet that was applied, then changed on every side; and the roster as it was written.
fn changed(draw: &mut Draw<'_>) -> Result<Option<(Input, Option<Hand>)>, TestCaseError> {
    let mut input = fleet::input(draw);
    let generations = draw.below(3);
    for _ in 0..generations {
        let Ok(first) = plan(&input, STAFFING) else {
            return Ok(None);
        };
        input = applied(&input, &first)?;
        fleet::elsewhere(draw, &mut input);
    }
    let mut hand = None;
    if let Some(text) = &input.roster {
        let (mut own, _) = units_of(text).map_err(failed)?;
        if draw.once_in(2) {
            fleet::meddle(draw, &mut own);
        }
        let written = hand::write(draw, &own);
        let read = roster::parse(&written.text);
        prop_assert_eq!(read.as_ref(), Ok(&own), "{}", written.text);
        input.roster = Some(written.text.clone());
        hand = Some(written);
    }
    if draw.once_in(3) {
        input.full = Some(draw.once_in(2));
    }
    if draw.once_in(6) {
        input.profile = None;
    }
    input.terms = fleet::terms(draw);
    Ok(Some((input, hand)))
}

#[test]
fn what_was_applied_needs_nothing_more() {
    let count = Cell::new(0);
    for_all(1500, |words| {
        let mut draw = Draw::new(words);
        let Some((mut input, _)) = changed(&mut draw)? else {
            return Ok(());
        };
        input.edits = fleet::edits(&mut draw);
        let Ok(first) = plan(&input, STAFFING) else {
            return Ok(());
        };
        if !first.conflicts.is_empty() {
            prop_assert_eq!(first.actions.len() + first.files.len(), 0);
            prop_assert!(input.terms.prefer.is_none());
            return Ok(());
        }
        count.set(count.get() + 1);
        let next = applied(&input, &first)?;
        let again = plan(&next, STAFFING).map_err(|found| failed(format!("{found:?}")))?;
        prop_assert_eq!(&again.actions, &[]);
        prop_assert!(again.is_empty());
        prop_assert_eq!(again.files.len() + again.env.len(), 0);
        prop_assert_eq!(&again.seats.len(), &first.seats.len());
        for edit in &input.edits {
            let mut later = input.edits.iter().rev();
            let last = later.find(|other| other.name == edit.name && other.kind != EditKind::Scale);
            if last != Some(edit) {
                continue;
            }
            let seat = first.seat(&edit.name);
            prop_assert_eq!(seat.is_none(), edit.kind == EditKind::Remove);
            if let (Some(seat), Some(_)) = (seat, &edit.model) {
                prop_assert_eq!(&seat.model, &edit.model);
            }
        }
        Ok(())
    });
    assert!(count.get() > 500, "{} plans", count.get());
}

#[test]
fn equal_homes_give_equal_bytes_in_whatever_order_files_come() {
    for_all(300, |words| {
        let mut draw = Draw::new(words);
        let Some((mut input, _)) = changed(&mut draw)? else {
            return Ok(());
        };
        input.edits = fleet::edits(&mut draw);
        let bytes = |input: &Input| plan(input, STAFFING).map(|plan| print(&plan));
        let first = bytes(&input);
        prop_assert_eq!(&bytes(&input), &first);
        let mut other = input.clone();
        for files in [
            &mut other.roles,
            &mut other.roles_local,
            &mut other.personas,
            &mut other.env,
        ] {
            let turn = draw.below(files.len());
            files.rotate_left(turn);
            files.reverse();
        }
        if let Some(look) = &mut other.observed {
            look.sessions.reverse();
        }
        prop_assert_eq!(&bytes(&other), &first);
        Ok(())
    });
}

fn units_of(text: &str) -> Result<(Roster, Units), String> {
    let roster = roster::parse(text).map_err(|found| format!("{found:?}\n{text}"))?;
    let units = Units::of(&roster);
    Ok((roster, units))
}

/// What of the operator's lines must still be there, and how many lines may be new.
struct Left {
    lines: Vec<String>,
    notes: Vec<String>,
    loose: usize,
}

fn left(hand: &Hand, before: &Units, after: &Units) -> Left {
    let mut left = Left {
        lines: Vec::new(),
        notes: Vec::new(),
        loose: 0,
    };
    let mut headless = None;
    for line in &hand.lines {
        let seat = |name: &str| after.get(Kind::Seat, name);
        // Whether the comment stays, and whether the line as a whole does.
        let (note, whole) = match &line.about {
            About::Nothing => (true, true),
            About::Seat(name) => (seat(name).is_some(), seat(name).is_some()),
            About::Key(name, key) => {
                let stays = seat(name).is_some_and(|fields| fields.contains_key(key));
                (stays, stays)
            }
            About::Braces(name) => {
                let (was, is) = (before.get(Kind::Seat, name), seat(name));
                (is.is_some(), is == was)
            }
            About::Runtime(name) => {
                let stays = after.get(Kind::Runtime, name).is_some();
                (stays, stays)
            }
            About::Value(kind, name, key) => {
                let (was, is) = (before.get(*kind, name), after.get(*kind, name));
                let named = *key == "name";
                let stays = is.is_some_and(|fields| named || fields.contains_key(key));
                let same =
                    stays && (named || was.map(|was| was.get(key)) == is.map(|is| is.get(key)));
                (stays, same)
            }
        };
        // What was the second key of a seat may stand behind its dash now.
        let moved = headless
            .take()
            .is_some_and(|name| matches!(&line.about, About::Value(_, own, _) if *own == name));
        let whole = whole && !moved;
        if let (About::Value(Kind::Seat, name, _), false) = (&line.about, note)
            && (moved || line.text.trim_start().starts_with("- "))
        {
            headless = Some(name.clone());
        }
        if note {
            left.notes.extend(line.note.clone());
        }
        if whole {
            left.lines.push(line.text.clone());
        } else {
            left.loose += 1;
        }
    }
    left
}

/// How many lines say what `after` has and `before` has not.
fn added(before: &Units, after: &Units) -> usize {
    let mut count = 0;
    for (kind, name, is) in &after.0 {
        let was = before.get(*kind, name);
        count += usize::from(was.is_none() && *kind != Kind::Top);
        let fresh = |key: &str| was.is_none_or(|was| !was.contains_key(key));
        count += is.keys().filter(|key| fresh(key)).count();
    }
    let runtimes = |units: &Units| units.0.iter().any(|(kind, ..)| *kind == Kind::Runtime);
    count + usize::from(!runtimes(before) && runtimes(after))
}

#[test]
fn every_comment_and_every_line_that_is_not_meant_survives() {
    let (amended, rewritten) = (Cell::new(0), Cell::new(0));
    for_all(1500, |words| {
        let mut draw = Draw::new(words);
        let Some((mut input, Some(hand))) = changed(&mut draw)? else {
            return Ok(());
        };
        input.edits = fleet::edits(&mut draw);
        input.terms.prefer = Some(draw.pick(Prefer::Theirs, &[Prefer::Mine]));
        let Ok(made) = plan(&input, STAFFING) else {
            return Ok(());
        };
        let Some(file) = made.files.iter().find(|file| file.path == roster::FILE) else {
            return Ok(());
        };
        let (_, before) = units_of(&hand.text).map_err(failed)?;
        let (read, after) = units_of(&file.content).map_err(failed)?;
        let seats: Vec<_> = read.agents.iter().map(|seat| &seat.name).collect();
        let planned: Vec<_> = made.seats.iter().map(|seat| &seat.name).collect();
        prop_assert_eq!(seats, planned);
        let warned = made.diagnostics.iter();
        if warned
            .clone()
            .any(|one| one.code == Code::FLEET_ROSTER_REWRITTEN)
        {
            rewritten.set(rewritten.get() + 1);
            let why = warned.map(|one| one.message.clone()).collect::<Vec<_>>();
            prop_assert!(
                hand.flow || hand.turned,
                "{why:?}\n{}\n---\n{}",
                hand.text,
                file.content
            );
            return Ok(());
        }
        amended.set(amended.get() + 1);
        let left = left(&hand, &before, &after);
        let shown = || format!("{}\n--- became\n{}", hand.text, file.content);
        for note in &left.notes {
            prop_assert!(file.content.contains(&**note), "{note} of\n{}", shown());
        }
        let end = if hand.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        prop_assert_eq!(file.content.contains('\r'), end == "\r\n");
        let mut now = file.content.split(end);
        for line in &left.lines {
            prop_assert!(now.any(|other| other == line), "`{line}` of\n{}", shown());
        }
        let most = left.lines.len() + left.loose + added(&before, &after) + 1;
        let lines = file.content.split(end).count();
        prop_assert!(lines <= most, "{lines} > {most} of\n{}", shown());
        Ok(())
    });
    let counts = (amended.get(), rewritten.get());
    assert!(counts.0 > 400 && counts.1 > 10, "{counts:?}");
}

#[test]
fn a_roster_that_says_the_same_is_left_alone() {
    let count = Cell::new(0);
    for_all(500, |words| {
        let mut draw = Draw::new(words);
        let input = fleet::input(&mut draw);
        let Ok(first) = plan(&input, STAFFING) else {
            return Ok(());
        };
        let mut next = applied(&input, &first)?;
        let text = next.roster.as_deref().ok_or_else(|| failed("no roster"))?;
        let (own, _) = units_of(text).map_err(failed)?;
        next.roster = Some(hand::write(&mut draw, &own).text);
        let again = plan(&next, STAFFING).map_err(|found| failed(format!("{found:?}")))?;
        prop_assert_eq!(&again.actions, &[]);
        count.set(count.get() + 1);
        Ok(())
    });
    assert!(count.get() > 250, "{} plans", count.get());
}

#[test]
fn whatever_moved_is_named() {
    type Move = fn(&mut Input);
    let moves: [(&str, Move); 12] = [
        ("profile", |input| input.profile = None),
        ("policy.yaml", |input| {
            let text = input.policy.take().unwrap_or_default();
            input.policy = Some(text + "\n");
        }),
        ("roster.yaml", |input| {
            let text = input.roster.take().unwrap_or_default();
            input.roster = Some(text + "\n");
        }),
        ("roster.lock.json", |input| {
            let text = input.lock.take().unwrap_or_default();
            input.lock = Some(text + "\n");
        }),
        ("roles", |input| drop(input.roles.pop())),
        ("roles", |input| {
            if let Some(file) = input.roles.first_mut() {
                file.text.push(' ');
            }
        }),
        ("roles.local", |input| input.roles_local.push(extra())),
        ("personas", |input| input.personas.push(extra())),
        ("agents", |input| input.env.push(extra())),
        ("sessions", |input| {
            if let Some(look) = &mut input.observed {
                look.sessions.push(session("extra", "x"));
            }
        }),
        ("sessions", |input| {
            if let Some(look) = &mut input.observed {
                look.paused = !look.paused;
            }
        }),
        ("sessions", |input| input.observed = None),
    ];
    for_all(100, |words| {
        let mut draw = Draw::new(words);
        let Some((input, _)) = changed(&mut draw)? else {
            return Ok(());
        };
        let Ok(made) = plan(&input, STAFFING) else {
            return Ok(());
        };
        prop_assert_eq!(stale(&made, &input), Vec::<String>::new());
        for (name, moved) in moves {
            let mut next = input.clone();
            moved(&mut next);
            let nothing = name == "profile" && input.profile.is_none();
            let expected: &[&str] = if nothing { &[] } else { &[name] };
            prop_assert_eq!(stale(&made, &next), expected);
        }
        Ok(())
    });
}

fn extra() -> RoleFile {
    RoleFile {
        name: "extra".into(),
        text: String::new(),
    }
}

/// Walks every text of a document.
fn texts(value: &Value<'_>, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(object) => {
            for (key, member) in object.entries() {
                found.push(key.to_string());
                texts(member, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn nothing_of_the_machine_is_in_a_plan() {
    let resets = ["/clear", "/new", "/compact"];
    let own: Vec<String> = std::env::vars().map(|(_, value)| value).collect();
    let own: Vec<&String> = own
        .iter()
        .filter(|value| value.len() > 4 && value.starts_with('/'))
        .collect();
    for_all(100, |words| {
        let mut draw = Draw::new(words);
        let Some((input, _)) = changed(&mut draw)? else {
            return Ok(());
        };
        let Ok(made) = plan(&input, STAFFING) else {
            return Ok(());
        };
        let look = input.observed.as_ref().ok_or_else(|| failed("no look"))?;
        for text in [print(&made), print(&status(&made, look))] {
            let mut found = Vec::new();
            texts(&read(&text).map_err(failed)?, &mut found);
            for part in found {
                let path = part.starts_with('/') && !resets.contains(&&*part);
                prop_assert!(!path, "{part}");
                prop_assert!(!own.iter().any(|value| part.contains(&***value)), "{part}");
            }
        }
        Ok(())
    });
}
