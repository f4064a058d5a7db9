//! Rosters as people write them: with comments, in either spelling, in any quotes.

use plan_core::base::yaml::emit_scalar;
use plan_core::fleet::merge::{Field, Fields, Kind, SEAT_FIELDS, Units};
use plan_core::fleet::roster::Roster;

use super::Draw;

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Nothing that a plan changes.
    Nothing,
    /// A seat as a whole: it goes when the seat goes.
    Seat(String),
    /// A comment on a key of a seat: it goes when the key goes.
    Key(String, &'static str),
    /// A key of a unit with its value.
    Value(Kind, String, &'static str),
    /// A whole seat in braces.
    Braces(String),
    /// The heading of a harness.
    Runtime(String),
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its bytes, without its end.
    pub text: String,
    /// What it is about.
    pub about: About,
    /// The number of the comment on it.
    pub note: Option<String>,
}

/// A roster that somebody wrote.
#[derive(Debug)]
pub struct Hand {
    /// Its lines.
    pub lines: Vec<Line>,
    /// Its text.
    pub text: String,
    /// Whether its seats are in brackets, which cannot be changed in place.
    pub flow: bool,
    /// Whether some seat does not begin with its name.
    pub turned: bool,
}

struct Pen {
    lines: Vec<Line>,
    notes: usize,
    camel: bool,
    flow: bool,
    turned: bool,
}

/// Writes a roster by hand.
pub fn write(draw: &mut Draw<'_>, roster: &Roster) -> Hand {
    let mut pen = Pen {
        lines: Vec::new(),
        notes: 0,
        camel: draw.once_in(3),
        flow: false,
        turned: false,
    };
    pen.remark(draw, 0, About::Nothing);
    if draw.once_in(6) {
        pen.put(draw, "---".into(), About::Nothing);
    }
    pen.put(draw, "version: 1".into(), About::Nothing);
    pen.put(draw, "transport: tmux".into(), About::Nothing);
    let units = Units::of(roster);
    let agents_first = draw.once_in(4);
    if agents_first {
        pen.agents(draw, &units);
    }
    pen.top(draw, &units);
    pen.runtimes(draw, &units);
    if !agents_first {
        pen.agents(draw, &units);
    }
    pen.remark(draw, 0, About::Nothing);
    let end = if draw.once_in(4) { "\r\n" } else { "\n" };
    let lines: Vec<&str> = pen.lines.iter().map(|line| &*line.text).collect();
    let mut text = lines.join(end);
    if !draw.once_in(6) {
        text.push_str(end);
    }
    Hand {
        text,
        lines: pen.lines,
        flow: pen.flow,
        turned: pen.turned,
    }
}

/// The key in the other spelling.
fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

fn value(draw: &mut Draw<'_>, field: &Field) -> String {
    let Field::Text(text) = field else {
        return field.shown();
    };
    let plain = text.chars().all(|letter| !letter.is_control());
    match draw.below(6) {
        4 if plain => format!("'{}'", text.replace('\'', "''")),
        5 if plain => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => emit_scalar(text),
    }
}

impl Pen {
    fn note(&mut self) -> String {
        self.notes += 1;
        format!("# note {};", self.notes)
    }

    fn put(&mut self, draw: &mut Draw<'_>, mut text: String, about: About) {
        let note = draw.once_in(4).then(|| self.note());
        if let Some(note) = &note {
            text.push_str(draw.pick(" ", &["   "]));
            text.push_str(note);
        }
        self.lines.push(Line { text, about, note });
    }

    /// A comment of its own line.
    fn comment(&mut self, draw: &mut Draw<'_>, indent: usize, about: About) {
        if draw.once_in(5) {
            let note = self.note();
            self.lines.push(Line {
                text: " ".repeat(indent) + &note,
                about,
                note: Some(note),
            });
        }
    }

    /// A comment or a blank line that belongs to nothing.
    fn remark(&mut self, draw: &mut Draw<'_>, indent: usize, about: About) {
        self.comment(draw, indent, about.clone());
        if self.lines.last().is_some_and(|line| line.note.is_some()) || draw.once_in(5) {
            self.lines.push(Line {
                text: String::new(),
                about,
                note: None,
            });
        }
    }

    fn key(&self, key: &str) -> String {
        if self.camel {
            camel(key)
        } else {
            key.to_owned()
        }
    }

    fn top(&mut self, draw: &mut Draw<'_>, units: &Units) {
        let Some(fields) = units.get(Kind::Top, "roster") else {
            return;
        };
        self.put(draw, "tmux:".into(), About::Nothing);
        for key in ["socket_name", "holder_session", "working_directory"] {
            if key == "working_directory" {
                self.put(draw, "defaults:".into(), About::Nothing);
            }
            let Some(field) = fields.get(key) else {
                continue;
            };
            self.comment(draw, 2, About::Nothing);
            let line = format!("  {}: {}", self.key(key), value(draw, field));
            self.put(draw, line, About::Value(Kind::Top, "roster".into(), key));
        }
        self.remark(draw, 0, About::Nothing);
    }

    fn runtimes(&mut self, draw: &mut Draw<'_>, units: &Units) {
        let all = units.0.iter().filter(|(kind, ..)| *kind == Kind::Runtime);
        for (place, (_, name, fields)) in all.enumerate() {
            if place == 0 {
                self.put(draw, "runtimes:".into(), About::Nothing);
            }
            let Some(reset) = fields.get("reset_command") else {
                continue;
            };
            let key = self.key("reset_command");
            let reset = value(draw, reset);
            let about = About::Value(Kind::Runtime, name.clone(), "reset_command");
            if draw.once_in(8) {
                let line = format!("  {name}: {{ {key}: {} }}", quoted(&reset));
                self.put(draw, line, about);
                continue;
            }
            let heading = format!("  {}:", emit_scalar(name));
            self.put(draw, heading, About::Runtime(name.clone()));
            self.put(draw, format!("    {key}: {reset}"), about);
        }
    }

    fn agents(&mut self, draw: &mut Draw<'_>, units: &Units) {
        if draw.once_in(16) {
            self.brackets(draw, units);
            return;
        }
        self.put(draw, "agents:".into(), About::Nothing);
        let indent = draw.pick(2, &[0, 4]);
        let behind = draw.pick(2, &[3]);
        let all = units.0.iter().filter(|(kind, ..)| *kind == Kind::Seat);
        for (_, name, fields) in all {
            self.remark(draw, indent, About::Nothing);
            self.comment(draw, indent, About::Seat(name.clone()));
            let mut keys = vec!["name"];
            keys.extend(SEAT_FIELDS.iter().filter(|key| fields.contains_key(*key)));
            if draw.once_in(3) {
                let turn = draw.below(keys.len());
                keys.rotate_left(turn);
                self.turned |= turn > 0;
            }
            if draw.once_in(16) {
                self.braces(draw, indent, (name, fields), &keys);
                continue;
            }
            let alone = draw.once_in(8);
            if alone {
                self.put(draw, " ".repeat(indent) + "-", About::Seat(name.clone()));
            }
            for (place, key) in keys.into_iter().enumerate() {
                let own = Field::Text(name.clone());
                let Some(field) = fields.get(key).or(Some(&own).filter(|_| key == "name")) else {
                    continue;
                };
                let before = if place == 0 && !alone {
                    " ".repeat(indent) + "-" + &" ".repeat(behind - 1)
                } else {
                    let about = About::Key(name.clone(), key);
                    self.comment(draw, indent + behind, about);
                    " ".repeat(indent + behind)
                };
                let line = format!("{before}{}: {}", self.key(key), value(draw, field));
                self.put(draw, line, About::Value(Kind::Seat, name.clone(), key));
            }
            self.comment(draw, indent + behind, About::Seat(name.clone()));
        }
    }

    fn braces(
        &mut self,
        draw: &mut Draw<'_>,
        indent: usize,
        (name, fields): (&str, &Fields),
        keys: &[&'static str],
    ) {
        let seat = self.seat((name, fields), keys);
        let line = format!("{}- {seat}", " ".repeat(indent));
        self.put(draw, line, About::Braces(name.to_owned()));
    }

    fn brackets(&mut self, draw: &mut Draw<'_>, units: &Units) {
        self.flow = true;
        self.put(draw, "agents: [".into(), About::Nothing);
        let all = units.0.iter().filter(|(kind, ..)| *kind == Kind::Seat);
        for (_, name, fields) in all {
            let mut keys = vec!["name"];
            keys.extend(SEAT_FIELDS.iter().filter(|key| fields.contains_key(*key)));
            let line = format!("  {},", self.seat((name, fields), &keys));
            self.put(draw, line, About::Braces(name.clone()));
        }
        self.put(draw, "]".into(), About::Nothing);
    }

    fn seat(&self, (name, fields): (&str, &Fields), keys: &[&'static str]) -> String {
        let own = Field::Text(name.to_owned());
        let parts = keys.iter().filter_map(|key| {
            let field = fields.get(key).or(Some(&own).filter(|_| *key == "name"))?;
            let value = match field {
                Field::Text(text) => quoted(&emit_scalar(text)),
                Field::Flag(flag) => flag.to_string(),
            };
            Some(format!("{}: {value}", self.key(key)))
        });
        let parts: Vec<String> = parts.collect();
        format!("{{{}}}", parts.join(", "))
    }
}

/// A scalar that may stand between braces.
fn quoted(scalar: &str) -> String {
    if scalar.starts_with(['"', '\'']) {
        return scalar.to_owned();
    }
    format!("'{}'", scalar.replace('\'', "''"))
}
