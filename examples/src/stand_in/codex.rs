//! Plays Codex 0.169.0.

use std::path::PathBuf;

use plan_core::base::json::Value;
use toml::{Table, Value as Toml};

use super::args::{Bad, Grammar, Options};
use super::host::Host;
use super::json::{self, number, object};
use super::script::Outcome;
use super::sight::{self, Sight};
use super::{Cli, Ending, Gate, Refusal, Session};

/// The agent.
pub const CLI: Cli = Cli {
    version: "codex-cli 0.169.0",
    look,
    begin,
    end,
};

/// Options of `codex exec`.
const EXEC: Grammar = Grammar {
    flags: &[
        "--json",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
        "--approve-for-me",
        "--ephemeral",
        "--ignore-user-config",
        "--ignore-rules",
        "--strict-config",
    ],
    values: &[
        "-m|--model",
        "-c|--config",
        "-s|--sandbox",
        "-p|--profile",
        "-C|--cd",
        "-o|--output-last-message",
        "--output-schema",
        "--color",
        "--enable",
        "--disable",
        "--add-dir",
        "-i|--image",
    ],
    lists: &[],
    dashed_values: false,
};

/// Options of the interactive `codex`.
const CHAT: Grammar = Grammar {
    flags: &[
        "--dangerously-bypass-approvals-and-sandbox",
        "--approve-for-me",
        "--search",
        "--trust",
        "--no-daemon",
        "--strict-config",
    ],
    values: &[
        "-m|--model",
        "-c|--config",
        "-s|--sandbox",
        "-p|--profile",
        "-C|--cd",
        "-a|--ask-for-approval",
        "--enable",
        "--disable",
        "--add-dir",
        "-i|--image",
    ],
    lists: &[],
    dashed_values: false,
};

const SANDBOXES: [&str; 3] = ["read-only", "workspace-write", "danger-full-access"];

fn look(host: &Host) -> Result<Session, Refusal> {
    let exec = host.args.first().is_some_and(|first| first == "exec");
    let rest = host.args.get(usize::from(exec)..).unwrap_or_default();
    let grammar = if exec { &EXEC } else { &CHAT };
    let options = grammar.read(rest).map_err(|bad| match bad {
        Bad::Unknown(name) => Refusal::new(2, format!("error: unexpected argument '{name}' found")),
        Bad::NoValue(name) => Refusal::new(2, format!("error: a value is required for '{name}'")),
    })?;
    let config = config(host, &options)?;
    if exec && !host.is_repository() && !options.has("--skip-git-repo-check") {
        return Err(Refusal::new(
            1,
            "Not inside a trusted directory and --skip-git-repo-check was not specified.",
        ));
    }
    let sight = sight(host, &options, &config);
    let broken = sight
        .servers
        .iter()
        .find(|server| server.required && !server.works);
    if let Some(server) = broken {
        let name = &server.name;
        return Err(Refusal::new(
            1,
            format!("Error: required MCP server `{name}` failed to start"),
        ));
    }
    Ok(Session {
        interactive: !exec,
        task: task(host, &options, exec)?,
        gate: gate(&options, &config, exec)?,
        sight,
        format: if options.has("--json") {
            "json"
        } else {
            "text"
        }
        .to_owned(),
        id: host.session_id(),
        warnings: Vec::new(),
    })
}

fn home(host: &Host) -> PathBuf {
    host.var("CODEX_HOME")
        .map_or_else(|| host.home().join(".codex"), PathBuf::from)
}

fn broken(why: &str) -> Refusal {
    Refusal::new(1, format!("Error loading configuration: {why}"))
}

/// The configuration file with the `-c` settings on top.
fn config(host: &Host, options: &Options) -> Result<Table, Refusal> {
    let text = host
        .read(home(host).join("config.toml"))
        .unwrap_or_default();
    let mut config: Table = text
        .parse()
        .map_err(|why: toml::de::Error| broken(why.message()))?;
    for setting in options.all("--config") {
        let (key, value) = setting
            .split_once('=')
            .ok_or_else(|| broken("no `=` in -c"))?;
        let parsed = format!("value = {value}").parse::<Table>().ok();
        let parsed = parsed.and_then(|mut table| table.remove("value"));
        let value = parsed.unwrap_or_else(|| Toml::String(value.to_owned()));
        set(&mut config, key.trim(), value)?;
    }
    check(&config)?;
    Ok(config)
}

/// The settings that take one of a few words; others are not looked at.
const WORDS: [(&str, &[&str]); 3] = [
    ("approval_policy", &["on-failure", "on-request", "never"]),
    ("sandbox_mode", &SANDBOXES),
    ("web_search", &["disabled", "cached", "indexed", "live"]),
];

/// How a server's tools may be approved.
const APPROVALS: [&str; 4] = ["auto", "prompt", "writes", "approve"];

/// Refuses a word that a setting does not know.
fn check(config: &Table) -> Result<(), Refusal> {
    let servers = config.get("mcp_servers").and_then(Toml::as_table);
    let approvals = servers.into_iter().flatten().filter_map(|(_, server)| {
        let mode = server.get("default_tools_approval_mode")?.as_str()?;
        Some(("default_tools_approval_mode", &APPROVALS[..], mode))
    });
    let settings = WORDS
        .iter()
        .filter_map(|(key, known)| Some((*key, *known, text(config, key)?)));
    for (key, known, word) in settings.chain(approvals) {
        if !known.contains(&word) {
            return Err(broken(&format!("unknown variant `{word}` in `{key}`")));
        }
    }
    Ok(())
}

/// Sets a value at a dotted key; the real agent knows no quotes there.
fn set(config: &mut Table, key: &str, value: Toml) -> Result<(), Refusal> {
    if key.contains(['"', '\'']) {
        return Err(broken("quoted keys are not understood in -c"));
    }
    let (parents, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table = config;
    for name in parents.split('.').filter(|name| !name.is_empty()) {
        let inner = table
            .entry(name)
            .or_insert_with(|| Toml::Table(Table::new()));
        table = inner.as_table_mut().ok_or_else(|| broken("not a table"))?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

fn text<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Toml::as_str)
}

fn sight(host: &Host, options: &Options, config: &Table) -> Sight {
    let mut sight = Sight::new("codex", host);
    let model = options.value("--model").or_else(|| text(config, "model"));
    model.unwrap_or("default").clone_into(&mut sight.model);
    let prompt = text(config, "developer_instructions").or_else(|| text(config, "instructions"));
    prompt
        .unwrap_or_default()
        .clone_into(&mut sight.system_prompt);
    sight.options = options.names();
    let mode = options
        .value("--sandbox")
        .or_else(|| text(config, "sandbox_mode"));
    mode.unwrap_or("default").clone_into(&mut sight.mode);
    sight.read_context(host, &[&["AGENTS.override.md", "AGENTS.md"]]);
    let dirs = [
        host.cwd.join(".agents/skills"),
        host.cwd.join(".codex/skills"),
        home(host).join("skills"),
        host.home().join(".agents/skills"),
    ];
    sight.read_skills(host, &dirs);
    let servers = config.get("mcp_servers").and_then(Toml::as_table);
    let named = servers.into_iter().flatten();
    sight.servers = named
        .filter_map(|(name, server)| sight::server_of_toml(host, name, server, "http_headers"))
        .collect();
    sight
}

fn task(host: &Host, options: &Options, exec: bool) -> Result<String, Refusal> {
    let given = options.positionals.first().map(String::as_str);
    let task = match given {
        Some("-") | None if exec => host.stdin(),
        given => given.unwrap_or_default().to_owned(),
    };
    if exec && task.trim().is_empty() {
        return Err(Refusal::new(1, "No prompt provided via stdin."));
    }
    Ok(task)
}

fn gate(options: &Options, config: &Table, exec: bool) -> Result<Gate, Refusal> {
    if options.has("--dangerously-bypass-approvals-and-sandbox") {
        return Ok(Gate::Open);
    }
    let given = options
        .value("--sandbox")
        .or_else(|| text(config, "sandbox_mode"));
    let sandbox = given.unwrap_or(if exec { "read-only" } else { "workspace-write" });
    if !SANDBOXES.contains(&sandbox) {
        return Err(Refusal::new(
            2,
            format!("error: invalid value '{sandbox}' for '--sandbox'"),
        ));
    }
    let closed = sandbox == "read-only";
    let why = || Gate::Closed("Read-only file system".to_owned());
    Ok(if closed { why() } else { Gate::Open })
}

fn begin(_: &Host, session: &Session) -> Vec<String> {
    if session.format != "json" {
        return Vec::new();
    }
    let thread = object([
        ("type", "thread.started".into()),
        ("thread_id", session.id.as_str().into()),
    ]);
    vec![
        json::line(&thread),
        json::line(&object([("type", "turn.started".into())])),
    ]
}

fn item(id: f64, fields: Value<'static>) -> String {
    let mut item = object([("id", format!("item_{id}").into())]);
    if let (Value::Object(item), Value::Object(fields)) = (&mut item, fields) {
        for (key, value) in fields.entries() {
            item.append(key.clone(), value.clone());
        }
    }
    json::line(&object([("type", "item.completed".into()), ("item", item)]))
}

/// What the work looks like in the stream. A write that the sandbox stops leaves no
/// trace there; only a refused tool of a server does.
fn work(session: &Session, outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Done(files, _) => {
            let changes = files
                .iter()
                .map(|file| object([("path", file.clone().into()), ("kind", "add".into())]));
            Some(item(
                0.0,
                object([
                    ("type", "file_change".into()),
                    ("changes", Value::Array(changes.collect())),
                    ("status", "completed".into()),
                ]),
            ))
        }
        Outcome::Denied { .. } if session.gate == Gate::Open => {
            let server = session.sight.servers.first();
            let server = server
                .map_or("tools", |server| server.name.as_str())
                .to_owned();
            let why = "requires approval, but approval policy is never";
            Some(item(
                0.0,
                object([
                    ("type", "mcp_tool_call".into()),
                    ("server", server.into()),
                    ("tool", "write".into()),
                    ("arguments", object([])),
                    ("result", Value::Null),
                    ("error", object([("message", why.into())])),
                    ("status", "failed".into()),
                ]),
            ))
        }
        Outcome::Denied { .. } | Outcome::ApiError(_) => None,
    }
}

fn end(session: &Session, outcome: &Outcome) -> Ending {
    let failed = matches!(outcome, Outcome::ApiError(_));
    let mut ending = Ending {
        code: u8::from(failed),
        ..Ending::default()
    };
    if session.format != "json" {
        let to = if failed {
            &mut ending.err
        } else {
            &mut ending.out
        };
        to.push(outcome.text());
        return ending;
    }
    if failed {
        let message = || Value::from(outcome.text());
        let error = object([("type", "error".into()), ("message", message())]);
        let cause = object([("message", message())]);
        let turn = object([("type", "turn.failed".into()), ("error", cause)]);
        ending.out = vec![json::line(&error), json::line(&turn)];
        return ending;
    }
    ending.out.extend(work(session, outcome));
    let said = object([
        ("type", "agent_message".into()),
        ("text", outcome.text().into()),
    ]);
    ending.out.push(item(1.0, said));
    let usage = object([
        ("input_tokens", number(1200.0)),
        ("cached_input_tokens", number(300.0)),
        ("cache_write_input_tokens", number(0.0)),
        ("output_tokens", number(40.0)),
        ("reasoning_output_tokens", number(10.0)),
    ]);
    let turn = object([("type", "turn.completed".into()), ("usage", usage)]);
    ending.out.push(json::line(&turn));
    ending
}
