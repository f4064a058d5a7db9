//! A command of the shell as the agent of every call.

use plan_core::base::json::{self, Object, Value};
use plan_core::workflow::identity::Effect;
use plan_core::workflow::ledger::{Cost, Usage};
use plan_core::workflow::policy::{AGENT_EMPTY_OUTPUT, AGENT_EXECUTION_ERROR};
use plan_core::workflow::record::Outcome;

use super::{Identity, Question, Request, Said, Worker, tail, variables};
use crate::os::ask::{self, Done, Task};
use crate::workflow::simple::whole;
use crate::workflow::store::{LOGS, MARKS};

/// A command of the shell that works on every call: it reads one JSON object and says the
/// result.
#[derive(Debug)]
pub struct AgentCommand {
    /// The command.
    pub command: String,
    /// What its calls may change, as far as nobody says otherwise.
    pub effect: Effect,
}

impl Worker for AgentCommand {
    fn identify(&self, request: &Request<'_>) -> Result<Identity, Outcome> {
        Ok(Identity {
            plan: Some(self.command.clone()),
            model: request.text("model").or_else(|| request.text("tier")),
            thinking: request.text("thinking"),
            effect: self.effect,
        })
    }

    fn ask(&self, question: &Question<'_>) -> Said {
        let (work, name) = (question.work, question.name());
        let done = ask::work(&Task {
            argv: &["sh".to_owned(), "-c".to_owned(), self.command.clone()],
            cwd: question.cwd,
            env: &variables(work),
            input: &input(question),
            limit: question.limit,
            grace: None,
            guarded: false,
            cancel: &work.cancel,
            mark: &work.run.join(MARKS).join(&name),
            log: Some(&work.run.join(LOGS).join(name)),
        });
        judge(done, question.prompt)
    }
}

/// The one object that the command reads.
fn input(question: &Question<'_>) -> String {
    let work = question.work;
    let options = work.payload.get("options");
    let given = |name: &str| {
        let value = options.and_then(|options| options.get(name));
        value.cloned().unwrap_or(Value::Null)
    };
    let mut input = Object::new();
    input.insert("prompt", question.prompt.to_owned());
    input.insert("label", work.label.clone().map_or(Value::Null, Value::from));
    input.insert("model", given("model"));
    input.insert("schema", given("schema"));
    input.insert("cwd", question.cwd.display().to_string());
    input.insert("callId", work.path.clone());
    #[expect(clippy::cast_precision_loss, reason = "attempts are few")]
    input.insert("attempt", Value::Number(work.attempt as f64));
    json::print(&Value::Object(input)) + "\n"
}

/// Makes a result of how the command ended.
fn judge(done: std::io::Result<Done>, prompt: &str) -> Said {
    let failed = |message: String| Said {
        answer: Err(Outcome::error(AGENT_EXECUTION_ERROR, message, true)),
        usage: None,
        stopped: None,
        notes: Vec::new(),
    };
    let done = match done {
        Ok(done) => done,
        Err(error) => return failed(format!("the agent cannot be started: {error}")),
    };
    let reply = done.reply;
    if done.stopped.is_none() && reply.code != 0 {
        return failed(match &*tail(&reply.stderr) {
            "" => format!("the agent ended with {}", reply.code),
            said => format!("the agent ended with {}: {said}", reply.code),
        });
    }
    let (answer, usage) = understand(&reply.stdout, prompt);
    Said {
        answer,
        usage,
        stopped: done.stopped,
        notes: Vec::new(),
    }
}

/// Makes a result of what a command said: an object with `result` says more, another text is
/// the result itself.
fn understand(said: &str, prompt: &str) -> (Result<Value<'static>, Outcome>, Option<Usage>) {
    let text = said.trim();
    let read = json::read(text).ok().map(|value| value.to_owned_value());
    if let Some(object) = read.as_ref().and_then(Value::as_object)
        && let Some(result) = object.get("result")
    {
        return (value(result.clone()), object.get("usage").map(usage));
    }
    let guess = Some(Usage::guess(prompt.len(), text.len()));
    let answer = match read {
        Some(data @ (Value::Object(_) | Value::Array(_))) => data,
        _ => Value::from(text.to_owned()),
    };
    (value(answer), guess)
}

fn value(answer: Value<'static>) -> Result<Value<'static>, Outcome> {
    if answer.as_str().is_some_and(|text| text.trim().is_empty()) {
        let message = "the agent said nothing";
        return Err(Outcome::error(AGENT_EMPTY_OUTPUT, message, true));
    }
    Ok(answer)
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

    fn told(said: &str) -> String {
        let (answer, usage) = understand(said, "12345678");
        let usage = usage.unwrap_or_default();
        let answer = match answer {
            Ok(answer) => json::print(&answer),
            Err(outcome) => outcome.code.unwrap_or_default(),
        };
        format!("{answer} {} {}", usage.tokens(), usage.cost.0)
    }

    #[test]
    fn results_are_texts_or_data() {
        assert_eq!(told(" done\n"), "\"done\" 3 0");
        assert_eq!(told("17"), "\"17\" 3 0");
        assert_eq!(told("[1]"), "[1] 3 0");
        assert_eq!(told("  "), "AGENT_EMPTY_OUTPUT 2 0");
        let usage = r#"{"result":"r","usage":{"input":3,"output":4,"cost":0.25}}"#;
        assert_eq!(told(usage), "\"r\" 7 250000");
        assert_eq!(told(r#"{"result":"{\"a\":1}"}"#), "\"{\\\"a\\\":1}\" 0 0");
    }

    #[test]
    fn the_end_of_an_error_output_is_told() {
        assert_eq!(tail("  \n"), "");
        assert_eq!(tail(&"x".repeat(1_000)).len(), 400);
    }
}
