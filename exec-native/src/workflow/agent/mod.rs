//! Who works on the calls of a script.

mod command;
mod one_shot;
mod persona;
mod probe;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::base::json::{self, Value};
use plan_core::workflow::identity::{AgentContent, Effect, content_key};
use plan_core::workflow::ledger::Usage;
use plan_core::workflow::machine::{Event, Lost, Settled};
use plan_core::workflow::policy::{
    AGENT_TIMEOUT, ISOLATION_FAILED, SCHEMA_NONCOMPLIANCE, SCRIPT_VALIDATION_ERROR,
};
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::{CallKind, JsonText, Level, LogLine};

use super::gather::Gather;
use super::isolation::{Left, Room, Rooms, Wanted};
use super::simple::whole;
use super::thread::Turn;
use crate::os::clock::Deadline;
use crate::os::proc::{Cancel, Stopped};
pub use command::AgentCommand;
pub use persona::{Personas, Usual, builtin, read_models};
use schema::Schema;

/// The variable with what tells an effect from all others.
const KEY: &str = "CALLSHEET_KEY";

/// A call before anybody works on it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// What the script gave: `prompt` and `options`.
    pub payload: &'r Value<'r>,
    /// The phase that it belongs to.
    pub phase: Option<&'r str>,
    /// The conversation that it goes on with, and all that was said there.
    pub thread: Option<&'r str>,
}

impl Request<'_> {
    fn text(&self, name: &str) -> Option<String> {
        option(self.payload, name).map(String::from)
    }
}

/// What is known of a call before anybody works on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The key of its content.
    pub content: String,
    /// What it may change.
    pub effect: Effect,
    /// How often it is tried again.
    pub retries: Option<u64>,
    /// Whether the script says how to look if it has happened.
    pub has_probe: bool,
    /// Why nobody can work on it.
    pub refused: Option<Outcome>,
}

/// Work on a call.
#[derive(Debug, Clone)]
pub struct Work {
    /// The execution.
    pub epoch: u64,
    /// The call.
    pub call: u64,
    /// The attempt, from 1.
    pub attempt: u64,
    /// What people call it.
    pub label: Option<String>,
    /// Where it stands in the script.
    pub path: String,
    /// The phase that it belongs to.
    pub phase: Option<String>,
    /// What the script gave: `prompt` and `options`.
    pub payload: Value<'static>,
    /// What was said before in its conversation.
    pub turns: Vec<Turn>,
    /// What tells its effect from all others, the same in every attempt.
    pub key: Option<String>,
    /// The workspace.
    pub cwd: PathBuf,
    /// How long it may take, in milliseconds, when the call does not say.
    pub limit: Option<u64>,
    /// The run's directory.
    pub run: PathBuf,
    /// The flag that ends it.
    pub cancel: Cancel,
}

impl Work {
    /// A name for files that belong to the attempt, unlike those of all others in the run.
    pub(super) fn name(&self) -> String {
        format!("{}-{}-{}", self.epoch, self.call, self.attempt)
    }
}

/// Somebody who works on calls.
pub trait Agents: Sync {
    /// Looks at a call before anybody works on it.
    fn prepare(&self, request: &Request<'_>) -> Prepared;

    /// Works on a call to its end. The last event is [`Event::Settled`], or [`Event::Lost`]
    /// when it was broken off; before it stands what there is to note.
    fn work(&self, work: &Work) -> Vec<Event>;

    /// Looks whether what a call changes outside has happened, by the probe that the script
    /// gave; [`Event::Probed`] or [`Event::Lost`].
    fn probe(&self, work: &Work) -> Event {
        Event::Probed {
            call: work.call,
            attempt: work.attempt,
            found: Some(refuse("nobody can look whether it has happened")),
        }
    }

    /// Merges the work of calls that were kept apart; as [`Agents::work`].
    fn gather(&self, gather: &Gather) -> Vec<Event> {
        let refused = refuse("nobody here can merge");
        vec![settled(&gather.work, refused, None, Left::default())]
    }
}

/// What identifies somebody who would work on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What it is: a command, the digest of a plan.
    pub plan: Option<String>,
    /// The model that was chosen.
    pub model: Option<String>,
    /// How hard it thinks.
    pub thinking: Option<String>,
    /// What it may change when it works in the workspace.
    pub effect: Effect,
}

/// A question to a worker.
#[derive(Debug)]
pub struct Question<'q> {
    /// The work that it belongs to.
    pub work: &'q Work,
    /// Where the worker works.
    pub cwd: &'q Path,
    /// What is asked.
    pub prompt: &'q str,
    /// The schema of the answer.
    pub schema: Option<&'q Value<'q>>,
    /// How long the answer may take.
    pub limit: Option<Duration>,
    /// 1, and 2 when an answer did not fit and is asked for again.
    pub round: u64,
}

impl Question<'_> {
    /// A name for files that belong to the question, unlike those of all others.
    fn name(&self) -> String {
        match self.round {
            1 => self.work.name(),
            round => format!("{}-{round}", self.work.name()),
        }
    }
}

/// What a worker said.
#[derive(Debug)]
pub struct Said {
    /// The answer, a text or data.
    pub answer: Result<Value<'static>, Outcome>,
    /// What it took.
    pub usage: Option<Usage>,
    /// Why it was ended by us.
    pub stopped: Option<Stopped>,
    /// What there is to note.
    pub notes: Vec<String>,
}

/// Something that answers questions; [`Staff`] makes agents of it.
pub trait Worker: Sync {
    /// Says who would work on a call.
    ///
    /// # Errors
    /// Nobody can.
    fn identify(&self, request: &Request<'_>) -> Result<Identity, Outcome>;

    /// Asks and waits for the answer.
    fn ask(&self, question: &Question<'_>) -> Said;
}

/// A worker, and everything that all workers have in common: trees of their own, schemas,
/// conversations, time limits.
#[derive(Debug)]
pub struct Staff<W> {
    /// Who answers.
    pub worker: W,
    /// Where calls can be kept apart.
    pub rooms: Rooms,
}

/// What an option of a call says.
fn option<'p>(payload: &'p Value<'_>, name: &str) -> Option<&'p str> {
    payload.get("options")?.get_str(name)
}

fn number(payload: &Value<'_>, name: &str) -> Option<u64> {
    whole(payload.get("options")?.get(name))
}

fn schema_of<'p, 'a>(payload: &'p Value<'a>) -> Option<&'p Value<'a>> {
    payload.get("options")?.get("schema")
}

fn refuse(message: impl Into<String>) -> Outcome {
    Outcome::error(SCRIPT_VALIDATION_ERROR, message, false)
}

impl<W: Worker> Agents for Staff<W> {
    fn prepare(&self, request: &Request<'_>) -> Prepared {
        let payload = request.payload;
        let wanted = Wanted::of(option(payload, "isolation"));
        let apart = wanted.filter(|wanted| !wanted.gives_way(&self.rooms));
        let identity = self.worker.identify(request);
        let schema = schema_of(payload);
        let problem = schema.map(Schema::read).and_then(Result::err);
        let base = option(payload, "base");
        let refused = match &identity {
            Err(refused) => Some(refused.clone()),
            Ok(_) => None,
        }
        .or_else(|| problem.map(|problem| refuse(format!("agent() option schema: {problem}"))))
        .or_else(|| apart.and_then(|_| self.rooms.refusal()))
        .or_else(|| base.and_then(|base| self.rooms.commit(base).err()));
        let identity = identity.ok();
        let known = identity.as_ref();
        let base = base.and_then(|base| self.rooms.commit(base).ok());
        let content = AgentContent {
            prompt: payload.get_str("prompt").unwrap_or_default().to_owned(),
            plan: known.and_then(|identity| identity.plan.clone()),
            model: known.and_then(|identity| identity.model.clone()),
            thinking: known.and_then(|identity| identity.thinking.clone()),
            schema: schema.map(JsonText::new),
            isolation: request.text("isolation"),
            base: apart.and_then(|_| base.or_else(|| self.rooms.base().map(String::from))),
            cwd: request.text("cwd"),
            thread: request.thread.map(String::from),
            key: request.text("key"),
        };
        let content = json::print(&content);
        let content = json::read(&content).unwrap_or_default();
        let said = option(payload, "effect").and_then(Effect::from_word);
        let own = known.map_or(Effect::Workspace, |identity| identity.effect);
        Prepared {
            content: content_key(CallKind::Agent, &content),
            effect: said.unwrap_or(if apart.is_some() {
                Effect::Isolated
            } else {
                own
            }),
            retries: number(payload, "retries"),
            has_probe: option(payload, "probe").is_some(),
            refused,
        }
    }

    fn work(&self, work: &Work) -> Vec<Event> {
        let label = work.label.as_deref().unwrap_or(&work.path);
        let mut notes = Vec::new();
        let (room, cwd) = match self.room(work, label, &mut notes) {
            Ok(room) => room,
            Err(outcome) => return told(notes, settled(work, outcome, None, Left::default())),
        };
        let (answer, usage) = self.answer(work, &cwd, &mut notes);
        let Some(outcome) = answer else {
            return told(notes, Event::Lost(lost(work, room, usage)));
        };
        let stays = work
            .payload
            .get("options")
            .and_then(|options| options.get("keepWorktree"));
        let stays = stays.and_then(Value::as_bool).unwrap_or(true);
        let left = match room {
            None => Ok(Left::default()),
            Some(room) if outcome.is_value() => room.keep(label, &work.path, stays),
            Some(room) => room.give_up().map(|salvage| Left {
                tree: None,
                refs: salvage.into_iter().collect(),
            }),
        };
        let event = match left {
            Ok(left) => settled(work, outcome, usage, left),
            Err(error) => {
                let message = format!("its tree cannot be kept: {}", error.chain());
                let outcome = Outcome::error(ISOLATION_FAILED, message, false);
                settled(work, outcome, usage, Left::default())
            }
        };
        told(notes, event)
    }

    fn probe(&self, work: &Work) -> Event {
        probe::look(work)
    }

    fn gather(&self, gather: &Gather) -> Vec<Event> {
        gather.merge(&self.rooms)
    }
}

impl<W: Worker> Staff<W> {
    /// Finds the place to work in: a tree of the call's own, or a shared one.
    fn room(
        &self,
        work: &Work,
        label: &str,
        notes: &mut Vec<String>,
    ) -> Result<(Option<Room>, PathBuf), Outcome> {
        let shared = || {
            let named = option(&work.payload, "cwd").map(PathBuf::from);
            named.unwrap_or_else(|| work.cwd.clone())
        };
        let Some(wanted) = Wanted::of(option(&work.payload, "isolation")) else {
            return Ok((None, shared()));
        };
        let base = option(&work.payload, "base");
        match self.rooms.take(&work.path, label, wanted.how, base) {
            Ok(room) => {
                let cwd = room.cwd.clone();
                Ok((Some(room), cwd))
            }
            Err(outcome) if wanted.prefers => {
                let why = outcome.message.unwrap_or_default();
                notes.push(format!("{label} works in the shared tree: {why}"));
                Ok((None, shared()))
            }
            Err(outcome) => Err(outcome),
        }
    }

    /// Asks, and asks once more when the answer does not fit its schema. `None` when it was
    /// broken off.
    fn answer(
        &self,
        work: &Work,
        cwd: &Path,
        notes: &mut Vec<String>,
    ) -> (Option<Outcome>, Option<Usage>) {
        let payload = &work.payload;
        let limit = number(payload, "timeoutMs").or(work.limit);
        let deadline = Deadline::after(limit.map(Duration::from_millis));
        let given = schema_of(payload);
        // It was read before the call was issued.
        let schema = given.and_then(|schema| Schema::read(schema).ok());
        let mut prompt = conversation(work);
        let mut usage: Option<Usage> = None;
        let mut problems = Vec::new();
        for round in 1..=2 {
            let said = self.worker.ask(&Question {
                work,
                cwd,
                prompt: &prompt,
                schema: given,
                limit: deadline.left(),
                round,
            });
            notes.extend(said.notes);
            if let Some(more) = said.usage {
                usage.get_or_insert_default().add(&more);
            }
            match said.stopped {
                Some(Stopped::Cancelled(_)) => return (None, usage),
                Some(_) => {
                    let message = format!("no result after {} ms", limit.unwrap_or_default());
                    let outcome = Outcome::error(AGENT_TIMEOUT, message, true);
                    return (Some(outcome), usage);
                }
                None => {}
            }
            let answer = match said.answer {
                Ok(answer) => answer,
                Err(outcome) => return (Some(outcome), usage),
            };
            let Some(schema) = &schema else {
                return (Some(Outcome::value(JsonText::new(&answer))), usage);
            };
            match schema.fit(&answer) {
                Ok(value) => return (Some(Outcome::value(JsonText::new(&value))), usage),
                Err(found) => {
                    prompt = schema::again(&conversation(work), &answer, &found);
                    problems = found;
                }
            }
        }
        let message = format!(
            "the agent's answer does not fit the schema, twice: {}",
            problems.join("; ")
        );
        let outcome = Outcome::error(SCHEMA_NONCOMPLIANCE, message, false);
        (Some(outcome), usage)
    }
}

/// What is asked, behind what was said before.
fn conversation(work: &Work) -> String {
    let prompt = work.payload.get_str("prompt").unwrap_or_default();
    if work.turns.is_empty() {
        return prompt.to_owned();
    }
    let mut text = String::from("This goes on with a conversation. What was said so far:\n");
    for turn in &work.turns {
        for (who, said) in [("user", &*turn.prompt), ("you", &*turn.answer)] {
            for part in ["\n<said by=\"", who, "\">\n", said, "\n</said>\n"] {
                text.push_str(part);
            }
        }
    }
    text.push_str("\nNow:\n\n");
    text.push_str(prompt);
    text
}

fn told(notes: Vec<String>, last: Event) -> Vec<Event> {
    let note = |message| {
        Event::Noted(LogLine {
            level: Level::Warn,
            message,
        })
    };
    notes.into_iter().map(note).chain([last]).collect()
}

/// What is known of work that was broken off.
fn lost(work: &Work, room: Option<Room>, usage: Option<Usage>) -> Lost {
    let salvage = room.map(Room::give_up).transpose();
    Lost {
        call: work.call,
        attempt: work.attempt,
        reason: match &salvage {
            Ok(_) => "stop".to_owned(),
            Err(error) => format!("stop; its tree stays: {error}"),
        },
        usage,
        salvage: salvage.ok().flatten().flatten(),
    }
}

fn settled(work: &Work, outcome: Outcome, usage: Option<Usage>, left: Left) -> Event {
    Event::Settled(Settled {
        call: work.call,
        attempt: work.attempt,
        outcome,
        usage,
        tree: left.tree,
        refs: left.refs,
    })
}

/// The variables that programs get which work on a call.
fn variables(work: &Work) -> Vec<(String, String)> {
    let key = work.key.clone();
    key.into_iter().map(|key| (KEY.to_owned(), key)).collect()
}

/// The end of an error output, as a message shows it.
pub(super) fn tail(stderr: &str) -> String {
    /// How much of it is shown.
    const SHOWN: usize = 400;
    let said = stderr.trim();
    let count = said.chars().count();
    said.chars().skip(count.saturating_sub(SHOWN)).collect()
}
