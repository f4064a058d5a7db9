//! One call as a one-shot run of `callsheet run`, in a process of its own.

use std::path::Path;
use std::time::Duration;

use plan_core::base::json::{self, Value};
use plan_core::workflow::ledger::{Cost, Usage};
use plan_core::workflow::policy::{
    AGENT_EMPTY_OUTPUT, AGENT_EXECUTION_ERROR, PROVIDER_USAGE_LIMIT,
};
use plan_core::workflow::record::Outcome;

use super::persona::Planned;
use super::{Question, Said, schema, tail, variables, whole};
use crate::launch::own_program;
use crate::os::ask::{self, Done, Task};
use crate::os::owner;
use crate::workflow::store::{LOGS, MARKS};

/// How long a run may take to end its agent and take everything back.
const GRACE: Duration = Duration::from_secs(30);

/// Starts the run, gives it its task and waits for its end.
pub(super) fn run(
    planned: &Planned,
    question: &Question<'_>,
    silence: Option<u64>,
) -> std::io::Result<Done> {
    let work = question.work;
    let program = own_program().map_err(std::io::Error::other)?;
    let text = |path: &Path| path.display().to_string();
    let mut argv = vec![text(&program), "run".to_owned(), text(&planned.file)];
    let title = work.label.as_deref().unwrap_or(&work.path);
    let more = [
        ("--options", text(&planned.options)),
        ("--task", "-".to_owned()),
        ("--title", title.chars().take(80).collect()),
        ("--cwd", text(question.cwd)),
        // Whatever happens to us: it takes back what it did, and ends.
        ("--until-exit", owner::own_id().to_string()),
    ];
    for (flag, value) in more {
        argv.push(format!("{flag}={value}"));
    }
    argv.extend(silence.map(|seconds| format!("--idle-timeout={seconds}")));
    argv.extend(["--json", "--verbose", "--wait"].map(String::from));
    let prompt = match question.schema {
        Some(schema) => schema::instructed(question.prompt, schema),
        None => question.prompt.to_owned(),
    };
    let name = question.name();
    ask::work(&Task {
        argv: &argv,
        cwd: question.cwd,
        env: &variables(work),
        input: &prompt,
        limit: question.limit,
        grace: Some(GRACE),
        guarded: true,
        cancel: &work.cancel,
        mark: &work.run.join(MARKS).join(&name),
        log: Some(&work.run.join(LOGS).join(name)),
    })
}

/// Says that there is no answer.
pub(super) fn failed(outcome: Outcome) -> Said {
    Said {
        answer: Err(outcome),
        usage: None,
        stopped: None,
        notes: Vec::new(),
    }
}

/// Makes a result of how `callsheet run --json` ended.
pub(super) fn judge(done: std::io::Result<Done>, prompt: &str) -> Said {
    let wrong = |message: String, passes: bool| {
        failed(Outcome::error(AGENT_EXECUTION_ERROR, message, passes))
    };
    let done = match done {
        Ok(done) => done,
        Err(error) => return wrong(format!("the agent cannot be started: {error}"), false),
    };
    let stopped = done.stopped;
    let envelope = json::read(done.reply.stdout.trim()).unwrap_or_default();
    let outcome = envelope.get("data").and_then(|data| data.get("outcome"));
    let Some(outcome) = outcome else {
        // It has not come as far as an agent: every other call would fail in the same way.
        let problem = envelope.get("diagnostics").and_then(Value::as_array);
        let problem = problem.and_then(|list| list.first()?.get_str("message"));
        let ended = format!("`callsheet run` ended with {}", done.reply.code);
        let stderr = tail(&done.reply.stderr);
        let why = problem.unwrap_or(&stderr);
        let mut said = wrong(format!("{ended}: {why}"), false);
        said.stopped = stopped;
        return said;
    };
    let text = outcome.get_str("text").unwrap_or_default();
    Said {
        answer: answer(outcome, text),
        usage: Some(usage(outcome, prompt, text)),
        stopped,
        notes: notes(&envelope, outcome),
    }
}

fn answer(outcome: &Value<'_>, text: &str) -> Result<Value<'static>, Outcome> {
    if outcome.get_str("verdict") == Some("failed") {
        let reason = outcome.get_str("reason").unwrap_or("the agent failed");
        let status = outcome.get("apiStatus").and_then(Value::as_number);
        let code = match status {
            Some(429.0) => PROVIDER_USAGE_LIMIT,
            _ => AGENT_EXECUTION_ERROR,
        };
        // Who may not ask at all will not be answered by asking again.
        let passes = !matches!(status, Some(400.0 | 401.0 | 403.0 | 404.0 | 429.0));
        return Err(Outcome::error(code, reason, passes));
    }
    if text.trim().is_empty() {
        let message = "the agent said nothing";
        return Err(Outcome::error(AGENT_EMPTY_OUTPUT, message, true));
    }
    Ok(Value::from(text.to_owned()))
}

fn usage(outcome: &Value<'_>, prompt: &str, text: &str) -> Usage {
    let Some(usage) = outcome.get("usage") else {
        return Usage::guess(prompt.len(), text.len());
    };
    let number = |name: &str| whole(usage.get(name)).unwrap_or(0);
    let cost = outcome.get("costUsd").and_then(Value::as_number);
    Usage {
        input: number("input"),
        output: number("output"),
        cache_read: number("cached"),
        cache_write: 0,
        cost: cost.and_then(Cost::of).unwrap_or_default(),
        estimated: None,
    }
}

/// What a person should know although the agent answered.
fn notes(envelope: &Value<'_>, outcome: &Value<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let denials = outcome.get("denials").and_then(Value::as_array);
    for denial in denials.unwrap_or_default().iter().filter_map(Value::as_str) {
        notes.push(format!("denied: {denial}"));
    }
    let data = envelope.get("data");
    let kept = data.and_then(|data| data.get("kept")?.as_array());
    for entry in kept.unwrap_or_default() {
        let path = entry.get_str("path").unwrap_or("something");
        let reason = entry.get_str("reason").unwrap_or_default();
        notes.push(format!("kept: {path}: {reason}"));
    }
    notes
}
