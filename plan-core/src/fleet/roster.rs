//! The live roster: version 1 of its wire form, which Mosaic's parser accepts.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::fields::{Codes, Fields, find};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::map::Map;
use crate::base::record::record;
use crate::base::yaml::{Block, Entry, Limits, Node, Scalar, Span, emit, read};

/// The name of the file, below `fleet/`.
pub const FILE: &str = "roster.yaml";

const CODES: Codes = Codes {
    field_type: Code::ROSTER_FIELD_INVALID,
    field_missing: Code::ROSTER_FIELD_MISSING,
    key_unknown: Code::ROSTER_KEY_UNKNOWN,
};

record! {
    /// Where the sessions of a fleet live.
    pub struct Tmux {
        /// The name of the server's socket; empty for the user's own server.
        pub socket_name: String => "socket_name",
        /// The session that keeps the server alive.
        pub holder_session: String => "holder_session",
    }
}

record! {
    /// One seat.
    pub struct Seat {
        /// Its name, which is its session's.
        pub name: String => "name",
        /// Its harness.
        pub runtime: String => "runtime",
        /// The class of its persona.
        pub class: String => "class",
        /// Whether its agent stays between tasks.
        pub persistent_persona: Option<bool> => "persistent_persona",
        /// Its model.
        pub model_hint: Option<String> => "model_hint",
        /// Whether its context is cleared between tasks.
        pub reset_between_tasks: Option<bool> => "reset_between_tasks",
        /// Where it works, unless where all do.
        pub working_directory: Option<String> => "working_directory",
        /// The machine that it is on, for the addresses of peers.
        pub host: Option<String> => "host",
        /// How that machine is reached.
        pub ssh: Option<String> => "ssh",
        /// The socket there.
        pub socket: Option<String> => "socket",
    }
}

record! {
    /// A roster.
    pub struct Roster {
        /// Where the sessions live.
        pub tmux: Tmux => "tmux",
        /// Where seats work.
        pub working_directory: String => "working_directory",
        /// The command that clears a context, by runtime.
        pub runtimes: Map<String, String> => "runtimes",
        /// The seats, in order.
        pub agents: Vec<Seat> => "agents",
    }
}

/// The socket that provisioned rosters name.
pub const SOCKET: &str = "mosaic-fleet";
/// The session that keeps the server alive.
pub const HOLDER: &str = "_holder";

impl Default for Roster {
    fn default() -> Self {
        Self {
            tmux: Tmux {
                socket_name: SOCKET.into(),
                holder_session: HOLDER.into(),
            },
            working_directory: String::from("~"),
            runtimes: Map::new(),
            agents: Vec::new(),
        }
    }
}

/// Tells whether a name can be that of a session: tmux renames others, or takes them for
/// something else.
pub fn is_safe_name(name: &str) -> bool {
    let mut letters = name.bytes();
    let starts = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric());
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    starts && name.len() <= 63 && letters.all(word)
}

impl Roster {
    /// Prints the roster as a document.
    pub fn emit(&self) -> String {
        emit(&self.block())
    }

    fn block(&self) -> Block {
        let map = |entries: Vec<(&str, Block)>| {
            let entries = entries.into_iter();
            Block::Map(
                entries
                    .map(|(key, value)| (key.to_string(), value))
                    .collect(),
            )
        };
        let runtimes = self.runtimes.iter().map(|(name, reset)| {
            let reset = map(alloc::vec![("reset_command", Block::text(&**reset))]);
            (name.clone(), reset)
        });
        map(alloc::vec![
            ("version", Block::Number(1)),
            ("transport", Block::text("tmux")),
            (
                "tmux",
                map(alloc::vec![
                    ("socket_name", Block::text(&*self.tmux.socket_name)),
                    ("holder_session", Block::text(&*self.tmux.holder_session)),
                ])
            ),
            (
                "defaults",
                map(alloc::vec![(
                    "working_directory",
                    Block::text(&*self.working_directory)
                )])
            ),
            ("runtimes", Block::Map(runtimes.collect())),
            (
                "agents",
                Block::List(self.agents.iter().map(Seat::block).collect())
            ),
        ])
    }
}

impl Seat {
    /// Creates a seat with what every one has.
    pub fn new(name: impl Into<String>, runtime: &str, class: &str) -> Self {
        Self {
            name: name.into(),
            runtime: runtime.into(),
            class: class.into(),
            persistent_persona: None,
            model_hint: None,
            reset_between_tasks: None,
            working_directory: None,
            host: None,
            ssh: None,
            socket: None,
        }
    }

    /// The seat as a block, with the keys that it has.
    pub fn block(&self) -> Block {
        let text = |text: &Option<String>| text.as_ref().map(|text| Block::text(&**text));
        let truth = |truth: Option<bool>| truth.map(Block::Bool);
        let fields = [
            ("name", Some(Block::text(&*self.name))),
            ("runtime", Some(Block::text(&*self.runtime))),
            ("class", Some(Block::text(&*self.class))),
            ("persistent_persona", truth(self.persistent_persona)),
            ("model_hint", text(&self.model_hint)),
            ("reset_between_tasks", truth(self.reset_between_tasks)),
            ("working_directory", text(&self.working_directory)),
            ("host", text(&self.host)),
            ("ssh", text(&self.ssh)),
            ("socket", text(&self.socket)),
        ];
        let fields = fields.into_iter();
        Block::Map(
            fields
                .filter_map(|(key, value)| Some((key.to_string(), value?)))
                .collect(),
        )
    }
}

const KEYS: &[&str] = &[
    "version",
    "transport",
    "tmux",
    "defaults",
    "runtimes",
    "connector",
    "agents",
];
const SEAT_KEYS: &[&str] = &[
    "name",
    "runtime",
    "class",
    "persistent_persona",
    "persistentPersona",
    "model_hint",
    "modelHint",
    "reset_between_tasks",
    "resetBetweenTasks",
    "working_directory",
    "workingDirectory",
    "host",
    "ssh",
    "socket",
];

/// Finds a key in either of its spellings.
fn either<'n, 'a>(entries: &'n [Entry<'a>], snake: &str) -> Option<&'n Entry<'a>> {
    let camel = camel(snake);
    entries
        .iter()
        .find(|entry| entry.key == snake || *entry.key == camel)
}

pub(super) fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut name = String::from(words.next().unwrap_or_default());
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// Reads a roster.
///
/// # Errors
/// Every problem, each with its place.
pub fn parse(text: &str) -> Result<Roster, Vec<Diagnostic>> {
    let root = read(text, Limits::default()).map_err(|problem| [problem])?;
    let mut fields = Fields::new(CODES);
    let entries = fields.map(&root, "a roster");
    fields.refuse_unknown(entries, KEYS, "a roster");
    constants(entries, root.span, &mut fields);
    let tmux = find(entries, "tmux").map(|entry| &entry.value);
    let tmux = section(
        tmux,
        &["socket_name", "holder_session"],
        "tmux",
        &mut fields,
    );
    let defaults = find(entries, "defaults").map(|entry| &entry.value);
    let defaults = section(defaults, &["working_directory"], "defaults", &mut fields);
    let part = |section: &[Option<String>], place: usize| section.get(place).cloned().flatten();
    let roster = Roster {
        tmux: Tmux {
            // A roster that names none means the user's own server.
            socket_name: part(&tmux, 0).unwrap_or_default(),
            holder_session: part(&tmux, 1).unwrap_or_else(|| HOLDER.into()),
        },
        working_directory: part(&defaults, 0).unwrap_or_else(|| "~".into()),
        runtimes: runtimes(entries, &mut fields),
        agents: agents(entries, root.span, &mut fields),
    };
    if fields.problems.is_empty() {
        Ok(roster)
    } else {
        Err(fields.problems)
    }
}

fn constants(entries: &[Entry<'_>], root: Span, fields: &mut Fields) {
    match find(entries, "version") {
        None => fields.missing(root, "version"),
        Some(entry) if entry.value.as_scalar() == Some(&Scalar::Number(1.0)) => {}
        Some(entry) => fields.note(
            Code::ROSTER_FIELD_INVALID,
            entry.value.span,
            "version must be 1",
        ),
    }
    match find(entries, "transport") {
        None => fields.missing(root, "transport"),
        Some(entry) if entry.value.as_str() == Some("tmux") => {}
        Some(entry) => {
            let message = "transport must be tmux";
            fields.note(Code::ROSTER_FIELD_INVALID, entry.value.span, message);
        }
    }
}

/// Reads the texts of a section, in the order of their keys.
fn section(
    node: Option<&Node<'_>>,
    keys: &[&str],
    what: &str,
    fields: &mut Fields,
) -> Vec<Option<String>> {
    let Some(node) = node else {
        return Vec::new();
    };
    let entries = fields.map(node, what);
    let camels: Vec<String> = keys.iter().map(|key| camel(key)).collect();
    let known: Vec<&str> = keys
        .iter()
        .copied()
        .chain(camels.iter().map(String::as_str))
        .collect();
    fields.refuse_unknown(entries, &known, what);
    let values = keys.iter().map(|key| {
        let entry = either(entries, key)?;
        // An empty socket is the user's own server.
        let text = entry.value.as_str().map(String::from);
        text.or_else(|| fields.text(&entry.value, key))
    });
    values.collect()
}

fn runtimes(entries: &[Entry<'_>], fields: &mut Fields) -> Map<String, String> {
    let Some(entry) = find(entries, "runtimes") else {
        return Map::new();
    };
    let mut runtimes = Map::new();
    for runtime in fields.map(&entry.value, "runtimes") {
        let values = section(
            Some(&runtime.value),
            &["reset_command"],
            "a runtime",
            fields,
        );
        let reset = values.into_iter().next().flatten();
        runtimes.insert(String::from(&*runtime.key), reset.unwrap_or_default());
    }
    runtimes
}

fn agents(entries: &[Entry<'_>], root: Span, fields: &mut Fields) -> Vec<Seat> {
    let Some(entry) = find(entries, "agents") else {
        fields.missing(root, "agents");
        return Vec::new();
    };
    let items = fields.list(&entry.value, "agents");
    if items.is_empty() {
        let message = "agents must have at least one seat";
        fields.note(Code::ROSTER_FIELD_INVALID, entry.value.span, message);
    }
    let mut seats: Vec<Seat> = Vec::new();
    for item in items {
        let Some((seat, span)) = seat(item, fields) else {
            continue;
        };
        if !is_safe_name(&seat.name) {
            let message = format!("`{}` cannot be the name of a session", seat.name);
            fields.note(Code::ROSTER_NAME_UNSAFE, span, message);
        }
        if seats.iter().any(|other| other.name == seat.name) {
            let message = format!("there is a seat `{}` already", seat.name);
            fields.note(Code::ROSTER_SEAT_DUPLICATE, span, message);
        }
        seats.push(seat);
    }
    seats
}

fn seat(item: &Node<'_>, fields: &mut Fields) -> Option<(Seat, Span)> {
    let entries = fields.map(item, "a seat");
    fields.refuse_unknown(entries, SEAT_KEYS, "a seat");
    let (Some(name), Some(runtime)) = (find(entries, "name"), find(entries, "runtime")) else {
        fields.missing(item.span, "a seat's name or runtime");
        return None;
    };
    let span = name.value.span;
    let name = fields.text(&name.value, "name")?;
    let runtime = fields.text(&runtime.value, "runtime")?;
    let mut seat = Seat::new(name, &runtime, "worker");
    let mut text =
        |key: &str| either(entries, key).and_then(|entry| fields.text(&entry.value, key));
    seat.class = text("class").unwrap_or(seat.class);
    seat.model_hint = text("model_hint");
    seat.working_directory = text("working_directory");
    seat.host = text("host");
    seat.ssh = text("ssh");
    seat.socket = text("socket");
    let mut truth =
        |key: &str| either(entries, key).and_then(|entry| fields.truth(&entry.value, key));
    seat.persistent_persona = truth("persistent_persona");
    seat.reset_between_tasks = truth("reset_between_tasks");
    Some((seat, span))
}
