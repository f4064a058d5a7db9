//! Three ways in, one out: what was generated last, what the operator made of it, and what
//! is generated now.
//!
//! A roster is taken apart into units of fields. For each field the side that changed it
//! wins; where both did, differently, that is a conflict and the operator's value stays.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::roster::{Roster, Seat};
use crate::base::map::{Map, Set};
use crate::base::record::{record, words};
use crate::base::sort::sort_by;

words! {
    /// Whose value counts where both changed it.
    pub enum Prefer {
        /// The operator's.
        Mine = "mine",
        /// The generator's.
        Theirs = "theirs",
    }
}

record! {
    /// How to merge.
    #[derive(Default)]
    pub struct Terms {
        /// Whose value counts in every conflict.
        pub prefer: Option<Prefer> => "prefer",
        /// Whether seats that the operator removed come back.
        pub restore: bool => "restore",
        /// Fields whose generated value counts, such as `code0.model_hint`.
        pub force: Vec<String> => "force",
    }
}

record! {
    /// A field that both sides changed.
    pub struct Conflict {
        /// The seat, or the section of the roster.
        pub unit: String => "unit",
        /// The field; `*` when one side took the whole seat away.
        pub field: String => "field",
        /// What was generated last.
        pub base: Option<String> => "base",
        /// What the operator made of it.
        pub mine: Option<String> => "mine",
        /// What is generated now.
        pub theirs: Option<String> => "theirs",
    }
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A text.
    Text(String),
    /// A flag.
    Flag(bool),
}

impl Field {
    /// The value for people.
    pub fn shown(&self) -> String {
        match self {
            Field::Text(text) => text.clone(),
            Field::Flag(flag) => flag.to_string(),
        }
    }
}

/// The fields of a unit.
pub type Fields = Map<&'static str, Field>;

/// A part of a roster that comes and goes as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `tmux` and `defaults`, which are always there.
    Top,
    /// An entry of `runtimes`.
    Runtime,
    /// A seat.
    Seat,
}

/// A roster in parts, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Units(pub Vec<(Kind, String, Fields)>);

impl Units {
    /// Takes a roster apart.
    pub fn of(roster: &Roster) -> Self {
        let text = |text: &str| Field::Text(text.to_string());
        let top = [
            ("socket_name", text(&roster.tmux.socket_name)),
            ("holder_session", text(&roster.tmux.holder_session)),
            ("working_directory", text(&roster.working_directory)),
        ];
        let mut units = Vec::with_capacity(1 + roster.runtimes.len() + roster.agents.len());
        units.push((Kind::Top, String::from("roster"), Fields::from(top)));
        for (name, reset) in &roster.runtimes {
            let fields = Fields::from([("reset_command", text(reset))]);
            units.push((Kind::Runtime, name.clone(), fields));
        }
        for seat in &roster.agents {
            units.push((Kind::Seat, seat.name.clone(), fields(seat)));
        }
        Self(units)
    }

    /// Puts a roster together.
    pub fn roster(&self) -> Roster {
        let mut roster = Roster::default();
        for (kind, name, fields) in &self.0 {
            let text = |key: &str| match fields.get(key) {
                Some(Field::Text(text)) => text.clone(),
                Some(Field::Flag(_)) | None => String::new(),
            };
            match kind {
                Kind::Top => {
                    roster.tmux.socket_name = text("socket_name");
                    roster.tmux.holder_session = text("holder_session");
                    roster.working_directory = text("working_directory");
                }
                Kind::Runtime => {
                    roster.runtimes.insert(name.clone(), text("reset_command"));
                }
                Kind::Seat => roster.agents.push(seat(name, fields)),
            }
        }
        roster
    }

    /// Finds the fields of a unit.
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Fields> {
        let mut units = self.0.iter();
        let found = units.find(|(other, other_name, _)| *other == kind && other_name == name);
        found.map(|(.., fields)| fields)
    }
}

/// The keys of a seat besides its name, in the order of the wire form.
pub const SEAT_FIELDS: &[&str] = &[
    "runtime",
    "class",
    "persistent_persona",
    "model_hint",
    "reset_between_tasks",
    "working_directory",
    "host",
    "ssh",
    "socket",
];

/// The fields of a seat.
pub fn fields(seat: &Seat) -> Fields {
    let text = |text: &Option<String>| text.clone().map(Field::Text);
    let all = [
        Some(Field::Text(seat.runtime.clone())),
        Some(Field::Text(seat.class.clone())),
        seat.persistent_persona.map(Field::Flag),
        text(&seat.model_hint),
        seat.reset_between_tasks.map(Field::Flag),
        text(&seat.working_directory),
        text(&seat.host),
        text(&seat.ssh),
        text(&seat.socket),
    ];
    let keyed = SEAT_FIELDS.iter().zip(all);
    keyed
        .filter_map(|(key, value)| Some((*key, value?)))
        .collect()
}

fn seat(name: &str, fields: &Fields) -> Seat {
    let text = |key: &str| match fields.get(key) {
        Some(Field::Text(text)) => Some(text.clone()),
        Some(Field::Flag(_)) | None => None,
    };
    let flag = |key: &str| match fields.get(key) {
        Some(Field::Flag(flag)) => Some(*flag),
        Some(Field::Text(_)) | None => None,
    };
    Seat {
        name: name.to_string(),
        runtime: text("runtime").unwrap_or_default(),
        class: text("class").unwrap_or_default(),
        persistent_persona: flag("persistent_persona"),
        model_hint: text("model_hint"),
        reset_between_tasks: flag("reset_between_tasks"),
        working_directory: text("working_directory"),
        host: text("host"),
        ssh: text("ssh"),
        socket: text("socket"),
    }
}

/// What merging gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Merged {
    /// The result: the operator's order, then what is new.
    pub units: Units,
    /// Where both sides changed something, and nobody said whose value counts.
    pub conflicts: Vec<Conflict>,
}

/// Merges; without a base everything that the two sides do not agree on is a conflict.
pub fn merge(base: &Units, mine: &Units, theirs: &Units, terms: &Terms) -> Merged {
    let mut merged = Merged::default();
    let mut seen = Set::new();
    for (kind, name, _) in mine.0.iter().chain(&theirs.0) {
        if !seen.insert((*kind, name)) {
            continue;
        }
        let sides = Sides {
            base: base.get(*kind, name),
            mine: mine.get(*kind, name),
            theirs: theirs.get(*kind, name),
        };
        if let Some(fields) = sides.unit(name, terms, &mut merged.conflicts) {
            merged.units.0.push((*kind, name.clone(), fields));
        }
    }
    // New harnesses come behind the others, not behind the seats.
    sort_by(&mut merged.units.0, &|(kind, ..), (other, ..)| {
        kind.cmp(other)
    });
    merged
}

struct Sides<'s> {
    base: Option<&'s Fields>,
    mine: Option<&'s Fields>,
    theirs: Option<&'s Fields>,
}

impl Sides<'_> {
    fn unit(&self, name: &str, terms: &Terms, conflicts: &mut Vec<Conflict>) -> Option<Fields> {
        match (self.base, self.mine, self.theirs) {
            (_, None, None) => None,
            (_, Some(mine), Some(theirs)) => {
                let empty = Fields::new();
                let base = self.base.unwrap_or(&empty);
                Some(both(name, [base, mine, theirs], terms, conflicts))
            }
            // The operator added it.
            (None, Some(mine), None) => Some(mine.clone()),
            // It is new.
            (None, None, Some(theirs)) => Some(theirs.clone()),
            // The operator took it away.
            (Some(_), None, Some(theirs)) => terms.restore.then(|| theirs.clone()),
            // It is no longer generated; an operator who changed it may still want it.
            (Some(base), Some(mine), None) if base == mine => None,
            (Some(_), Some(mine), None) => {
                let forced = terms.force.iter().any(|forced| forced == name);
                match terms.prefer.filter(|_| !forced) {
                    Some(Prefer::Mine) => return Some(mine.clone()),
                    Some(Prefer::Theirs) => return None,
                    None if forced => return None,
                    None => {}
                }
                conflicts.push(Conflict {
                    unit: name.to_string(),
                    field: String::from("*"),
                    base: Some(String::from("present")),
                    mine: Some(String::from("edited")),
                    theirs: None,
                });
                Some(mine.clone())
            }
        }
    }
}

fn both(
    name: &str,
    [base, mine, theirs]: [&Fields; 3],
    terms: &Terms,
    conflicts: &mut Vec<Conflict>,
) -> Fields {
    let mut merged = Fields::new();
    let keys: Set<&'static str> = mine.keys().chain(theirs.keys()).copied().collect();
    for key in keys {
        let (was, own, new) = (base.get(key), mine.get(key), theirs.get(key));
        let value = if own == new || new == was {
            own
        } else if own == was {
            new
        } else {
            let forced = terms.force.contains(&format!("{name}.{key}"));
            match terms.prefer {
                _ if forced => new,
                Some(Prefer::Theirs) => new,
                Some(Prefer::Mine) => own,
                None => {
                    let shown = |field: Option<&Field>| field.map(Field::shown);
                    conflicts.push(Conflict {
                        unit: name.to_string(),
                        field: key.to_string(),
                        base: shown(was),
                        mine: shown(own),
                        theirs: shown(new),
                    });
                    own
                }
            }
        };
        if let Some(value) = value {
            merged.insert(key, value.clone());
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn units(seats: &[(&str, Option<&str>)]) -> Units {
        let mut roster = Roster::default();
        for (name, model) in seats {
            let mut seat = Seat::new(*name, "claude", name);
            seat.model_hint = model.map(String::from);
            roster.agents.push(seat);
        }
        Units::of(&roster)
    }

    fn names(merged: &Merged) -> Vec<&str> {
        let units = merged.units.0.iter();
        let seats = units.filter(|(kind, ..)| *kind == Kind::Seat);
        seats.map(|(_, name, _)| &**name).collect()
    }

    #[test]
    fn a_seat_that_was_edited_and_is_no_longer_generated_is_a_question() {
        let base = units(&[("lead", None), ("code", None)]);
        let mine = units(&[("code", Some("opus")), ("lead", None)]);
        let theirs = units(&[("lead", None)]);
        let open = merge(&base, &mine, &theirs, &Terms::default());
        assert_eq!(
            open.conflicts,
            [Conflict {
                unit: "code".into(),
                field: "*".into(),
                base: Some("present".into()),
                mine: Some("edited".into()),
                theirs: None,
            }]
        );
        assert_eq!(names(&open), ["code", "lead"]);
        for (prefer, force, left) in [
            (Some(Prefer::Mine), vec![], &["code", "lead"][..]),
            (Some(Prefer::Theirs), vec![], &["lead"]),
            (None, vec!["code".into()], &["lead"]),
            // What is named counts more than what holds for all.
            (Some(Prefer::Mine), vec!["code".into()], &["lead"]),
        ] {
            let terms = Terms {
                prefer,
                force,
                restore: false,
            };
            let merged = merge(&base, &mine, &theirs, &terms);
            assert_eq!((names(&merged), merged.conflicts.len()), (left.to_vec(), 0));
        }
    }

    #[test]
    fn a_removed_seat_stays_away_even_if_it_changed_since() {
        let base = units(&[("lead", None), ("code", None)]);
        let mine = units(&[("lead", None)]);
        let theirs = units(&[("lead", None), ("code", Some("opus"))]);
        let mut terms = Terms::default();
        assert_eq!(names(&merge(&base, &mine, &theirs, &terms)), ["lead"]);
        terms.restore = true;
        assert_eq!(
            names(&merge(&base, &mine, &theirs, &terms)),
            ["lead", "code"]
        );
    }
}
