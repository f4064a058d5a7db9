//! Plays Grok Build 1.0.41. A prompt file makes it a one-shot run.

use std::path::PathBuf;

use plan_core::base::json::Value;
use toml::{Table, Value as Toml};

use super::args::{Bad, Grammar, Options};
use super::host::Host;
use super::json::{self, number, object, texts};
use super::script::Outcome;
use super::sight::{self, Sight};
use super::{Cli, Ending, Gate, Refusal, Session};

/// The agent.
pub const CLI: Cli = Cli {
    version: "grok 1.0.41 (4220f3b224a6)",
    look,
    begin,
    end,
};

const GRAMMAR: Grammar = Grammar {
    flags: &[
        "--no-auto-update",
        "--always-approve",
        "--disable-web-search",
        "--no-plan",
        "--no-subagents",
        "-c|--continue",
    ],
    values: &[
        "-m|--model",
        "--agent",
        "--prompt-file",
        "--cwd",
        "--rules",
        "--system-prompt|--system-prompt-override",
        "--permission-mode",
        "--allowedTools|--allow",
        "--disallowedTools|--deny",
        "--reasoning-effort|--effort",
        "--sandbox",
        "--output-format",
        "--max-turns",
        "-s|--session-id",
    ],
    lists: &[],
    dashed_values: false,
};

const MODES: [&str; 6] = [
    "default",
    "acceptEdits",
    "auto",
    "dontAsk",
    "bypassPermissions",
    "plan",
];
const FORMATS: [&str; 3] = ["plain", "json", "streaming-json"];
const SANDBOXES: [&str; 4] = ["off", "workspace", "read-only", "strict"];

fn look(host: &Host) -> Result<Session, Refusal> {
    let options = GRAMMAR.read(&host.args).map_err(|bad| match bad {
        Bad::Unknown(name) => Refusal::new(2, format!("error: unexpected argument '{name}' found")),
        Bad::NoValue(name) => Refusal::new(2, format!("error: a value is required for '{name}'")),
    })?;
    check(&options)?;
    if let Some(path) = options.value("--agent")
        && host.read(path).is_none()
    {
        return Err(Refusal::new(1, format!("Error: agent '{path}' not found")));
    }
    let mut host = host.clone();
    if let Some(dir) = options.value("--cwd") {
        host.cwd.push(dir);
        if !host.cwd.is_dir() {
            let message = format!("grok: Failed to set working directory to \"{dir}\"");
            return Err(Refusal::new(1, message));
        }
    }
    let task = prompt(&host, &options)?;
    let sight = sight(&host, &options, task.as_deref())?;
    Ok(Session {
        interactive: task.is_none(),
        gate: gate(&options, task.is_none()),
        task: task
            .or_else(|| options.positionals.first().cloned())
            .unwrap_or_default(),
        sight,
        format: options
            .value("--output-format")
            .unwrap_or("plain")
            .to_owned(),
        id: host.session_id(),
        warnings: Vec::new(),
    })
}

/// What the command line refuses before it looks at anything else.
fn check(options: &Options) -> Result<(), Refusal> {
    for (name, known) in [
        ("--permission-mode", &MODES[..]),
        ("--output-format", &FORMATS),
    ] {
        if let Some(value) = options.value(name).filter(|value| !known.contains(value)) {
            let message = format!("error: invalid value '{value}' for '{name}'");
            return Err(Refusal::new(2, message));
        }
    }
    if let Some(extra) = options.positionals.get(1) {
        let message = format!("error: unexpected argument '{extra}' found");
        return Err(Refusal::new(2, message));
    }
    match options.value("--sandbox") {
        Some(profile) if !SANDBOXES.contains(&profile) => Err(Refusal::new(
            1,
            format!("error: Custom sandbox profile '{profile}' not found."),
        )),
        _ => Ok(()),
    }
}

fn home(host: &Host) -> PathBuf {
    host.var("GROK_HOME")
        .map_or_else(|| host.home().join(".grok"), PathBuf::from)
}

fn sight(host: &Host, options: &Options, task: Option<&str>) -> Result<Sight, Refusal> {
    let mut sight = Sight::new("grok", host);
    options
        .value("--model")
        .unwrap_or("default")
        .clone_into(&mut sight.model);
    let mode = options.value("--permission-mode").unwrap_or("default");
    mode.clone_into(&mut sight.mode);
    sight.options = options.names();
    sight.read_context(host, &[&["AGENTS.md"]]);
    let dirs = [
        host.cwd.join(".grok/skills"),
        host.cwd.join(".agents/skills"),
        home(host).join("skills"),
    ];
    sight.read_skills(host, &dirs);
    sight.system_prompt = system_prompt(host, options, task);
    let text = host
        .read(home(host).join("config.toml"))
        .unwrap_or_default();
    let config: Table = text.parse().map_err(|why: toml::de::Error| {
        let message = format!("Error: Failed to load config: {}", why.message());
        Refusal::new(1, message)
    })?;
    let servers = config.get("mcp_servers").and_then(Toml::as_table);
    let named = servers.into_iter().flatten();
    sight.servers = named
        .filter_map(|(name, server)| sight::server_of_toml(host, name, server, "headers"))
        .collect();
    Ok(sight)
}

/// The system prompt: an override, else the body of the agent's file and the private rules,
/// else what stands before the task, else the generated `AGENTS.md`.
fn system_prompt(host: &Host, options: &Options, task: Option<&str>) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(options.value("--system-prompt-override").map(str::to_owned));
    let agent = options.value("--agent").and_then(|path| host.read(path));
    parts.extend(agent.as_deref().map(body).map(str::to_owned));
    parts.extend(host.texts_in(home(host).join("rules"), "md"));
    parts.extend(options.value("--rules").map(str::to_owned));
    if !parts.is_empty() {
        return parts.join("\n");
    }
    let before = task.and_then(|task| task.split_once("\n\nUser task:\n"));
    match before {
        Some((prompt, _)) => prompt.to_owned(),
        None => host.read("AGENTS.md").unwrap_or_default(),
    }
}

/// What stands behind the front matter of an agent's file.
fn body(file: &str) -> &str {
    let rest = file.strip_prefix("---\n");
    rest.and_then(|rest| rest.split_once("\n---\n"))
        .map_or(file, |(_, body)| body)
}

/// The prompt of a one-shot run; `None` for an interactive start.
fn prompt(host: &Host, options: &Options) -> Result<Option<String>, Refusal> {
    let Some(path) = options.value("--prompt-file") else {
        return Ok(None);
    };
    let missing = || Refusal::new(1, format!("Error: Failed to read '{path}'"));
    let text = host.read(path).ok_or_else(missing)?;
    if text.trim().is_empty() {
        return Err(Refusal::new(1, format!("Error: '{path}': prompt is empty")));
    }
    Ok(Some(text))
}

/// Whether `write` goes through: without a person only approval of everything or a rule
/// opens it, whatever the other modes are called.
fn gate(options: &Options, interactive: bool) -> Gate {
    let named = |list: &str| {
        let rules = options.all(list);
        rules.iter().any(|rule| {
            ["Write", "Edit"]
                .iter()
                .any(|tool| sight::covers(rule, tool))
        })
    };
    let mode = options.value("--permission-mode");
    let closed = |why: &str| Gate::Closed(why.to_owned());
    let approved = options.has("--always-approve") || mode == Some("bypassPermissions");
    if named("--deny") {
        closed("a rule denies write")
    } else if mode == Some("plan") {
        closed("plan mode changes nothing")
    } else if options.value("--sandbox") == Some("read-only") {
        closed("the sandbox is read-only")
    } else if interactive || approved || named("--allow") {
        Gate::Open
    } else {
        closed("nobody approved the tool")
    }
}

fn begin(_: &Host, session: &Session) -> Vec<String> {
    if session.format != "streaming-json" {
        return Vec::new();
    }
    let commands = object([
        ("type", "available_commands".into()),
        (
            "tools",
            texts(["run_terminal_command", "read_file", "write"]),
        ),
        ("commands", texts(["compact", "always-approve", "context"])),
    ]);
    vec![json::line(&commands)]
}

fn usage() -> [(&'static str, Value<'static>); 5] {
    [
        ("input_tokens", number(1200.0)),
        ("cache_read_input_tokens", number(300.0)),
        ("cache_creation_input_tokens", number(0.0)),
        ("output_tokens", number(40.0)),
        ("reasoning_tokens", number(0.0)),
    ]
}

/// One state of a tool call.
fn update(call: &str, status: Value<'static>, content: Value<'static>) -> String {
    json::line(&object([
        ("type", "tool_call_update".into()),
        ("toolCallId", call.to_owned().into()),
        ("status", status),
        ("content", Value::Array(vec![content])),
        ("rawOutput", Value::Null),
        ("locations", Value::Array(Vec::new())),
    ]))
}

/// The call of `write` for one file, to its end.
fn tool(place: usize, file: &str, refused: bool) -> [String; 3] {
    let call = format!("call_{place}");
    let path = || Value::from(file.to_owned());
    let start = object([
        ("type", "tool_call".into()),
        ("toolCallId", call.clone().into()),
        ("title", "write".into()),
        ("kind", "write".into()),
        ("status", "pending".into()),
        ("toolName", "write".into()),
        ("rawInput", object([("file_path", path())])),
        ("content", Value::Array(Vec::new())),
        ("locations", Value::Array(Vec::new())),
    ]);
    let diff = object([("type", "diff".into()), ("path", path())]);
    let (status, said) = if refused {
        ("failed", "User cancelled the execution for tool `write`")
    } else {
        ("completed", "")
    };
    let text = object([("type", "text".into()), ("text", said.into())]);
    let content = object([("type", "content".into()), ("content", text)]);
    [
        json::line(&start),
        update(&call, Value::Null, diff),
        update(&call, status.into(), content),
    ]
}

/// The last event of a run that the service did not fail.
fn last(session: &Session, outcome: &Outcome) -> Value<'static> {
    let reason = match outcome {
        Outcome::Denied { .. } => "cancelled",
        Outcome::Done(..) | Outcome::ApiError(_) => "end_turn",
    };
    object([
        ("type", "end".into()),
        ("stopReason", reason.into()),
        ("sessionId", session.id.clone().into()),
        ("usage", object(usage())),
        ("num_turns", number(1.0)),
    ])
}

fn end(session: &Session, outcome: &Outcome) -> Ending {
    let failed = matches!(outcome, Outcome::ApiError(_));
    let mut ending = Ending {
        code: u8::from(failed),
        ..Ending::default()
    };
    let (stream, json) = (session.format == "streaming-json", session.format == "json");
    if failed && (stream || json) {
        let message = format!("Internal error: {}", outcome.text());
        let error = object([("type", "error".into()), ("message", message.into())]);
        ending.out.push(json::line(&error));
    } else if failed {
        ending.err.push(outcome.text());
    } else if stream {
        match outcome {
            Outcome::Done(files, _) => {
                let calls = files.iter().enumerate();
                ending
                    .out
                    .extend(calls.flat_map(|(place, file)| tool(place, file, false)));
                let said = object([("type", "text".into()), ("data", outcome.text().into())]);
                ending.out.push(json::line(&said));
            }
            // Nothing is said after a refused call: the turn is over.
            Outcome::Denied { file, .. } => ending.out.extend(tool(0, file, true)),
            Outcome::ApiError(_) => {}
        }
        let spent = object([("type", "usage".into()), ("usage", object(usage()))]);
        let last = last(session, outcome);
        ending.out.extend([json::line(&spent), json::line(&last)]);
    } else if json {
        let mut answer = last(session, outcome);
        if let Value::Object(answer) = &mut answer {
            answer.insert("text", outcome.text());
        }
        ending.out.push(json::line(&answer));
    } else {
        ending.out.push(outcome.text());
    }
    ending
}
