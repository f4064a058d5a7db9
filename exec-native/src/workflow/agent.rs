//! Who works on the calls of a script.

use std::path::{Path, PathBuf};

use plan_core::base::json::{self, Object, Value};
use plan_core::workflow::identity::{AgentContent, Effect, content_key};
use plan_core::workflow::ledger::{Cost, Usage};
use plan_core::workflow::machine::{Event, Lost, Settled};
use plan_core::workflow::policy::{
    AGENT_EMPTY_OUTPUT, AGENT_EXECUTION_ERROR, AGENT_TIMEOUT, ISOLATION_FAILED,
    SCHEMA_NONCOMPLIANCE,
};
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::{CallKind, JsonText};

use super::isolation::{Left, Room, Rooms, wanted};
use super::simple::whole;
use super::store::MARKS;
use crate::os::ask::{self, Done, Task};
use crate::os::proc::{Cancel, Stopped};

/// The end of an error output that a message shows.
const SHOWN: usize = 400;

/// What is known of a call before anybody works on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The key of its content.
    pub content: String,
    /// What it may change.
    pub effect: Effect,
    /// How often it is tried again.
    pub retries: Option<u64>,
    /// Why nobody can work on it.
    pub refused: Option<Outcome>,
}

/// Work on a call.
#[derive(Debug, Clone)]
pub struct Work {
    /// The call.
    pub call: u64,
    /// The attempt, from 1.
    pub attempt: u64,
    /// What people call it.
    pub label: Option<String>,
    /// Where it stands in the script.
    pub path: String,
    /// What the script gave: `prompt` and `options`.
    pub payload: Value<'static>,
    /// The workspace.
    pub cwd: PathBuf,
    /// How long it may take, in milliseconds, when the call does not say.
    pub limit: Option<u64>,
    /// The run's directory.
    pub run: PathBuf,
    /// The flag that ends it.
    pub cancel: Cancel,
}

/// Somebody who works on calls.
pub trait Agents: Sync {
    /// Looks at a call before anybody works on it.
    fn prepare(&self, payload: &Value<'_>) -> Prepared;

    /// Works on a call to its end: [`Event::Settled`], or [`Event::Lost`] when it was broken
    /// off.
    fn work(&self, work: &Work) -> Event;
}

/// A command of the shell that works on every call: it reads one JSON object and says the
/// result.
#[derive(Debug)]
pub struct AgentCommand {
    /// The command.
    pub command: String,
    /// Where calls can be kept apart.
    pub rooms: Rooms,
    /// What its calls may change, as far as nobody says otherwise.
    pub effect: Effect,
}

/// What options of a call say, as texts and numbers.
fn option<'p>(payload: &'p Value<'_>, name: &str) -> Option<&'p str> {
    payload.get("options")?.get_str(name)
}

fn number(payload: &Value<'_>, name: &str) -> Option<u64> {
    whole(payload.get("options")?.get(name))
}

impl Agents for AgentCommand {
    fn prepare(&self, payload: &Value<'_>) -> Prepared {
        let text = |name: &str| option(payload, name).map(String::from);
        let apart = wanted(option(payload, "isolation"));
        let schema = payload
            .get("options")
            .and_then(|options| options.get("schema"));
        let content = AgentContent {
            prompt: payload.get_str("prompt").unwrap_or_default().to_owned(),
            plan: Some(self.command.clone()),
            model: text("model").or_else(|| text("tier")),
            thinking: text("thinking"),
            schema: schema.map(JsonText::new),
            isolation: text("isolation"),
            base: apart.and_then(|_| self.rooms.base().map(String::from)),
            cwd: text("cwd"),
            thread: text("thread"),
        };
        let content = json::print(&content);
        let content = json::read(&content).unwrap_or_default();
        let said = option(payload, "effect").and_then(Effect::from_word);
        Prepared {
            content: content_key(CallKind::Agent, &content),
            effect: said.unwrap_or(if apart.is_some() {
                Effect::Isolated
            } else {
                self.effect
            }),
            retries: number(payload, "retries"),
            refused: apart.and_then(|_| self.rooms.refusal()),
        }
    }

    fn work(&self, work: &Work) -> Event {
        let (call, attempt) = (work.call, work.attempt);
        let label = work.label.as_deref().unwrap_or(&work.path);
        let room = wanted(option(&work.payload, "isolation"))
            .map(|how| self.rooms.take(&work.path, label, how));
        let (room, cwd) = match room {
            None => {
                let named = option(&work.payload, "cwd").map(PathBuf::from);
                (None, named.unwrap_or_else(|| work.cwd.clone()))
            }
            Some(Ok(room)) => {
                let cwd = room.cwd.clone();
                (Some(room), cwd)
            }
            Some(Err(outcome)) => return settled(work, outcome, None, Left::default()),
        };
        let limit = number(&work.payload, "timeoutMs").or(work.limit);
        let done = self.ask(work, &cwd, limit);
        let stopped = match &done {
            Ok(done) => done.stopped,
            Err(_) => None,
        };
        if let Some(Stopped::Cancelled(_)) = stopped {
            let salvage = room.map(Room::give_up).transpose();
            return Event::Lost(Lost {
                call,
                attempt,
                reason: match &salvage {
                    Ok(_) => "stop".to_owned(),
                    Err(error) => format!("stop; its tree stays: {error}"),
                },
                usage: None,
                salvage: salvage.ok().flatten().flatten(),
            });
        }
        let (outcome, usage) = judge(done, limit, &work.payload);
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
        match left {
            Ok(left) => settled(work, outcome, usage, left),
            Err(error) => {
                let message = format!("its tree cannot be kept: {}", error.chain());
                let outcome = Outcome::error(ISOLATION_FAILED, message, false);
                settled(work, outcome, usage, Left::default())
            }
        }
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

/// Makes a result of how the command ended.
fn judge(
    done: std::io::Result<Done>,
    limit: Option<u64>,
    payload: &Value<'_>,
) -> (Outcome, Option<Usage>) {
    let done = match done {
        Ok(done) => done,
        Err(error) => {
            let message = format!("the agent cannot be started: {error}");
            return (Outcome::error(AGENT_EXECUTION_ERROR, message, true), None);
        }
    };
    if done.stopped.is_some() {
        let message = format!("no result after {} ms", limit.unwrap_or_default());
        return (Outcome::error(AGENT_TIMEOUT, message, true), None);
    }
    if done.reply.code != 0 {
        let message = failed(done.reply.code, &done.reply.stderr);
        return (Outcome::error(AGENT_EXECUTION_ERROR, message, true), None);
    }
    understand(&done.reply.stdout, payload)
}

impl AgentCommand {
    fn ask(&self, work: &Work, cwd: &Path, limit: Option<u64>) -> std::io::Result<Done> {
        let name = format!("{}-{}", work.call, work.attempt);
        ask::work(&Task {
            argv: &["sh".to_owned(), "-c".to_owned(), self.command.clone()],
            cwd,
            env: &[],
            input: &Self::input(work, cwd),
            limit: limit.map(std::time::Duration::from_millis),
            cancel: &work.cancel,
            mark: &work.run.join(MARKS).join(name),
        })
    }

    /// The one object that the command reads.
    fn input(work: &Work, cwd: &Path) -> String {
        let options = work.payload.get("options");
        let given = |name: &str| {
            let value = options.and_then(|options| options.get(name));
            value.cloned().unwrap_or(Value::Null)
        };
        let mut input = Object::new();
        input.insert(
            "prompt",
            work.payload
                .get_str("prompt")
                .unwrap_or_default()
                .to_owned(),
        );
        input.insert("label", work.label.clone().map_or(Value::Null, Value::from));
        input.insert("model", given("model"));
        input.insert("schema", given("schema"));
        input.insert("cwd", cwd.display().to_string());
        input.insert("callId", work.path.clone());
        #[expect(clippy::cast_precision_loss, reason = "attempts are few")]
        input.insert("attempt", Value::Number(work.attempt as f64));
        json::print(&Value::Object(input)) + "\n"
    }
}

fn failed(code: i32, stderr: &str) -> String {
    let said = stderr.trim();
    let tail: String = {
        let count = said.chars().count();
        said.chars().skip(count.saturating_sub(SHOWN)).collect()
    };
    if tail.is_empty() {
        return format!("the agent ended with {code}");
    }
    format!("the agent ended with {code}: {tail}")
}

/// Makes a result of what a command said: an object with `result` says more, another text is
/// the result itself.
fn understand(said: &str, payload: &Value<'_>) -> (Outcome, Option<Usage>) {
    let text = said.trim();
    let wants_data = payload
        .get("options")
        .is_some_and(|options| options.get("schema").is_some());
    let read = json::read(text).ok();
    let wrapped = read.as_ref().and_then(Value::as_object);
    if let Some(object) = wrapped
        && let Some(result) = object.get("result")
    {
        return (value(result, wants_data), object.get("usage").map(usage));
    }
    let prompt = payload.get_str("prompt").unwrap_or_default();
    let guess = Some(Usage::guess(prompt.len(), text.len()));
    let outcome = match read {
        Some(data @ (Value::Object(_) | Value::Array(_))) => value(&data, wants_data),
        Some(data) if wants_data => value(&data, true),
        _ => value(&Value::from(text.to_owned()), wants_data),
    };
    (outcome, guess)
}

fn value(result: &Value<'_>, wants_data: bool) -> Outcome {
    if let Some(text) = result.as_str() {
        if text.trim().is_empty() {
            return Outcome::error(AGENT_EMPTY_OUTPUT, "the agent said nothing", true);
        }
        if wants_data {
            // An agent may say its data in words.
            let data = json::read(text).ok();
            let message = "the agent's answer is no JSON, and the call has a schema";
            return data.map_or_else(
                || Outcome::error(SCHEMA_NONCOMPLIANCE, message, false),
                |data| Outcome::value(JsonText::new(&data)),
            );
        }
    }
    Outcome::value(JsonText::new(result))
}

fn usage(value: &Value<'_>) -> Usage {
    let number = |name: &str| whole(value.get(name)).unwrap_or(0);
    let cost = value.get("cost").and_then(Value::as_number);
    Usage {
        input: number("input"),
        output: number("output"),
        cache_read: number("cacheRead"),
        cache_write: number("cacheWrite"),
        cost: cost.and_then(Cost::of).unwrap_or_default(),
        estimated: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(said: &str, options: &str) -> String {
        let payload = format!(r#"{{"prompt":"12345678","options":{options}}}"#);
        let payload = json::read(&payload).expect("JSON");
        let (outcome, usage) = understand(said, &payload);
        let usage = usage.unwrap_or_default();
        let value = outcome.value.map(|value| value.as_str().to_owned());
        let code = outcome.code.unwrap_or_default();
        format!(
            "{} {} {}",
            value.unwrap_or(code),
            usage.tokens(),
            usage.cost.0
        )
    }

    #[test]
    fn results_are_texts_or_data() {
        assert_eq!(told(" done\n", "{}"), "\"done\" 3 0");
        assert_eq!(told("17", "{}"), "\"17\" 3 0");
        assert_eq!(told("[1]", "{}"), "[1] 3 0");
        assert_eq!(told("17", r#"{"schema":{}}"#), "17 3 0");
        assert_eq!(
            told("words", r#"{"schema":{}}"#),
            "SCHEMA_NONCOMPLIANCE 4 0"
        );
        assert_eq!(told("  ", "{}"), "AGENT_EMPTY_OUTPUT 2 0");
        let usage = r#"{"result":"r","usage":{"input":3,"output":4,"cost":0.25}}"#;
        assert_eq!(told(usage, "{}"), "\"r\" 7 250000");
        assert_eq!(
            told(r#"{"result":"{\"a\":1}"}"#, r#"{"schema":{}}"#),
            "{\"a\":1} 0 0"
        );
    }

    #[test]
    fn the_end_of_an_error_output_is_told() {
        assert_eq!(failed(3, "  \n"), "the agent ended with 3");
        let long = "x".repeat(1_000);
        assert_eq!(
            failed(3, &long).len(),
            "the agent ended with 3: ".len() + SHOWN
        );
    }
}
