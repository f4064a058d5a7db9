//! A merged roster back into the operator's text, whose other lines stay as they are.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::merge::{Field, Fields, Kind, SEAT_FIELDS, Units};
use super::roster::{self, camel};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::yaml::{Block, Limits, Node, Patch, PatchError, read};

/// Writes what changed into a text.
///
/// A text in which lines cannot be told apart, such as one in braces, is written anew; the
/// warning says so, since its comments are lost.
pub fn amend(text: &str, before: &Units, after: &Units) -> (String, Option<Diagnostic>) {
    if before == after {
        return (text.to_string(), None);
    }
    let why = match patched(text, before, after) {
        // The text must say what was meant, whatever it looked like before.
        Ok(new) if roster::parse(&new).is_ok_and(|read| read == after.roster()) => {
            return (new, None);
        }
        Ok(_) => String::from("its parts depend on one another"),
        Err(why) => why.to_string(),
    };
    let mut message = String::from("the roster cannot be changed in place (");
    message.push_str(&why);
    message.push_str(") and is written anew, without its comments");
    let warning = Diagnostic::warning(Code::FLEET_ROSTER_REWRITTEN, message)
        .help("the old text is kept in the history of the fleet");
    (after.roster().emit(), Some(warning))
}

/// Why a text cannot be edited.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error("{0}")]
    Patch(#[from] PatchError),
    #[error("it cannot be read")]
    Unreadable,
}

fn patched(text: &str, before: &Units, after: &Units) -> Result<String, Stuck> {
    let root = read(text, Limits::default()).map_err(|_| Stuck::Unreadable)?;
    let mut patch = Patch::new(text);
    let empty = Fields::new();
    let units = || [before, after].map(|units| units.get(Kind::Top, "roster").unwrap_or(&empty));
    let [was, is] = units();
    for (section, key) in [
        ("tmux", "socket_name"),
        ("tmux", "holder_session"),
        ("defaults", "working_directory"),
    ] {
        if was.get(key) != is.get(key) {
            let value = is.get(key).map_or_else(|| Block::text(""), block);
            top(&mut patch, &root, section, (key, value))?;
        }
    }
    runtimes(&mut patch, &root, before, after)?;
    seats(&mut patch, &root, before, after)?;
    Ok(patch.finish())
}

fn block(field: &Field) -> Block {
    match field {
        Field::Text(text) => Block::text(&**text),
        Field::Flag(flag) => Block::Bool(*flag),
    }
}

fn top(
    patch: &mut Patch<'_>,
    root: &Node<'_>,
    section: &str,
    (key, value): (&str, Block),
) -> Result<(), PatchError> {
    match root.get(section) {
        Some(map) => patch.set(map, spelled(map, key), &value),
        None => patch.set(
            root,
            section,
            &Block::Map(alloc::vec![(key.to_string(), value)]),
        ),
    }
}

/// The spelling of a key that a map uses.
fn spelled<'n>(map: &'n Node<'_>, key: &'n str) -> &'n str {
    let other = camel(key);
    let mut entries = map.as_map().unwrap_or_default().iter();
    entries
        .find(|entry| *entry.key == other)
        .map_or(key, |entry| &*entry.key)
}

fn changed<'u>(
    kind: Kind,
    before: &'u Units,
    after: &'u Units,
) -> impl Iterator<Item = (&'u str, Option<&'u Fields>, Option<&'u Fields>)> {
    let gone = before
        .0
        .iter()
        .filter(move |(other, name, _)| *other == kind && after.get(kind, name).is_none());
    let gone = gone.map(|(_, name, was)| (&**name, Some(was), None));
    let left = after.0.iter().filter(move |(other, ..)| *other == kind);
    let left = left.map(move |(_, name, is)| (&**name, before.get(kind, name), Some(is)));
    gone.chain(left.filter(|(_, was, is)| was != is))
}

fn runtimes(
    patch: &mut Patch<'_>,
    root: &Node<'_>,
    before: &Units,
    after: &Units,
) -> Result<(), PatchError> {
    let map = root
        .get("runtimes")
        .filter(|map| map.as_map().is_some_and(|map| !map.is_empty()));
    let mut new: Vec<(String, Block)> = Vec::new();
    for (name, _, is) in changed(Kind::Runtime, before, after) {
        let Some(fields) = is else {
            if let Some(map) = map {
                patch.remove(map, name)?;
            }
            continue;
        };
        let reset = fields
            .get("reset_command")
            .map_or_else(|| Block::text(""), block);
        match map.and_then(|map| map.get(name)) {
            Some(runtime) => patch.set(runtime, spelled(runtime, "reset_command"), &reset)?,
            None => new.push((
                name.to_string(),
                Block::Map(alloc::vec![("reset_command".to_string(), reset)]),
            )),
        }
    }
    match map {
        Some(map) => new
            .iter()
            .try_for_each(|(name, value)| patch.set(map, name, value)),
        None if new.is_empty() => Ok(()),
        None => patch.set(root, "runtimes", &Block::Map(new)),
    }
}

fn seats(
    patch: &mut Patch<'_>,
    root: &Node<'_>,
    before: &Units,
    after: &Units,
) -> Result<(), Stuck> {
    let list = root.get("agents").ok_or(Stuck::Unreadable)?;
    let items = list.as_list().unwrap_or_default();
    let place = |name: &str| {
        let named = |item: &Node<'_>| item.get("name").and_then(Node::as_str) == Some(name);
        items.iter().position(named)
    };
    for (name, was, is) in changed(Kind::Seat, before, after) {
        let Some(is) = is else {
            patch.take(list, place(name).ok_or(Stuck::Unreadable)?)?;
            continue;
        };
        let Some(was) = was else {
            patch.push(list, new_seat(name, is))?;
            continue;
        };
        let item = place(name).and_then(|place| items.get(place));
        let item = item.ok_or(Stuck::Unreadable)?;
        for key in SEAT_FIELDS {
            match (was.get(key), is.get(key)) {
                (was, is) if was == is => {}
                (_, Some(value)) => patch.set(item, spelled(item, key), &block(value))?,
                (_, None) => patch.remove(item, spelled(item, key))?,
            }
        }
    }
    Ok(())
}

fn new_seat(name: &str, fields: &Fields) -> Block {
    let mut entries = alloc::vec![("name".to_string(), Block::text(name))];
    for key in SEAT_FIELDS {
        entries.extend(
            fields
                .get(key)
                .map(|value| ((*key).to_string(), block(value))),
        );
    }
    Block::Map(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version: 1\ntransport: tmux # as ever\n";

    /// Gives the model of `a` another value; returns the text and why it was written anew.
    fn with_model(agents: &str, model: Option<&str>) -> (String, Option<String>) {
        let text = String::from(HEAD) + agents;
        let mut roster = roster::parse(&text).expect("a roster");
        let before = Units::of(&roster);
        roster.agents[0].model_hint = model.map(String::from);
        let after = Units::of(&roster);
        let (new, warning) = amend(&text, &before, &after);
        assert_eq!(roster::parse(&new), Ok(roster), "{new}");
        (
            new,
            warning.map(|warning| {
                assert_eq!(warning.code, Code::FLEET_ROSTER_REWRITTEN);
                assert_eq!(
                    warning.help.as_deref(),
                    Some("the old text is kept in the history of the fleet")
                );
                warning.message.clone()
            }),
        )
    }

    #[test]
    fn what_can_stay_stays() {
        for (agents, expected) in [
            (
                "agents:\n- name: a\n  runtime: pi # x\n# end",
                "agents:\n- name: a\n  runtime: pi # x\n  model_hint: opus\n# end",
            ),
            (
                "agents:\n  - modelHint: 'old' # x\n    name: a\n    runtime: pi\n",
                "agents:\n  - modelHint: opus # x\n    name: a\n    runtime: pi\n",
            ),
            (
                "agents:\n  - # of its own\n    name: a\n    runtime: pi\n  - {name: b, runtime: pi}\n",
                "agents:\n  - # of its own\n    name: a\n    runtime: pi\n    model_hint: opus\n  - {name: b, runtime: pi}\n",
            ),
            (
                "runtimes: {}\nagents:\n  - {name: a, runtime: pi} # x\n",
                "runtimes: {}\nagents:\n  - {name: a, runtime: pi, model_hint: opus} # x\n",
            ),
        ] {
            let (new, warning) = with_model(agents, Some("opus"));
            assert_eq!((new, warning), (String::from(HEAD) + expected, None));
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_written_anew_and_said() {
        for (agents, model, why) in [
            (
                "agents:\n  - name: a # x\n    runtime: pi\n    model_hint: |-\n      old\n",
                Some("new"),
                "line 6: the value is more than one line",
            ),
            (
                "agents:\n  - name: a\n    runtime: pi\n    model_hint: old\n    modelHint: older\n",
                Some("new"),
                "its parts depend on one another",
            ),
        ] {
            let (new, warning) = with_model(agents, model);
            assert!(!new.contains("as ever"), "{new}");
            let expected = alloc::format!(
                "the roster cannot be changed in place ({why}) and is written anew, without its comments"
            );
            assert_eq!(warning, Some(expected));
        }
    }

    #[test]
    fn sections_and_harnesses_come_and_go() {
        let text = "version: 1\ntransport: tmux\n# who\nagents:\n  - name: a\n    runtime: pi";
        let mut roster = roster::parse(text).expect("a roster");
        let before = Units::of(&roster);
        roster.tmux.socket_name = "s".into();
        roster.working_directory = "w".into();
        roster.runtimes.insert("pi".into(), "/new".into());
        roster.agents.push(roster::Seat::new("b", "pi", "code"));
        let after = Units::of(&roster);
        let (new, warning) = amend(text, &before, &after);
        assert_eq!(warning, None);
        assert_eq!(roster::parse(&new), Ok(roster.clone()));
        assert!(new.starts_with(text), "{new}");
        roster.runtimes = crate::base::map::Map::new();
        let (new, warning) = amend(&new, &after, &Units::of(&roster));
        assert_eq!(roster::parse(&new), Ok(roster), "{new}");
        assert!(
            warning.is_some(),
            "an empty section cannot be said in place"
        );
    }
}
