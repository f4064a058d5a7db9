//! Plays Claude Code 2.1.329.

use plan_core::base::json::Value;

use super::args::{Bad, Grammar, Options};
use super::host::Host;
use super::json::{self, number, object, texts};
use super::script::Outcome;
use super::sight::{Server, Sight, covers};
use super::{Cli, Ending, Gate, Refusal, Session};

/// The agent.
pub const CLI: Cli = Cli {
    version: "2.1.329 (Claude Code)",
    look,
    begin,
    end,
};

const GRAMMAR: Grammar = Grammar {
    flags: &[
        "-p|--print",
        "--verbose",
        "--strict-mcp-config",
        "--dangerously-skip-permissions",
        "-c|--continue",
        "--bare",
        "--safe-mode",
        "--restricted",
        "--include-partial-messages",
        "--fork-session",
        "--no-session-persistence",
    ],
    values: &[
        "--model",
        "--append-system-prompt",
        "--append-system-prompt-file",
        "--system-prompt",
        "--system-prompt-file",
        "--plugin-dir",
        "--settings",
        "--setting-sources",
        "--permission-mode",
        "--permission-prompts",
        "--output-format",
        "--input-format",
        "--session-id",
        "-r|--resume",
        "--max-turns",
        "--max-budget-usd",
        "--json-schema",
        "--agent",
        "--agents",
        "--fallback-model",
        "--effort",
        "-n|--name",
    ],
    lists: &[
        "--mcp-config",
        "--allowed-tools|--allowedTools",
        "--disallowed-tools|--disallowedTools",
        "--tools",
        "--add-dir",
    ],
    dashed_values: true,
};

const MODES: [&str; 7] = [
    "acceptEdits",
    "auto",
    "bypassPermissions",
    "default",
    "dontAsk",
    "manual",
    "plan",
];

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(1, message))
}

fn look(host: &Host) -> Result<Session, Refusal> {
    let options = GRAMMAR.read(&host.args).map_err(|bad| match bad {
        Bad::Unknown(name) => Refusal::new(1, format!("error: unknown option '{name}'")),
        Bad::NoValue(name) => Refusal::new(1, format!("error: option '{name}' argument missing")),
    })?;
    let interactive = !options.has("--print");
    let format = options
        .value("--output-format")
        .unwrap_or("text")
        .to_owned();
    check(host, &options, &format)?;
    let mut sight = Sight::new("claude", host);
    options
        .value("--model")
        .unwrap_or("default")
        .clone_into(&mut sight.model);
    sight.system_prompt = system_prompt(host, &options)?;
    sight.servers = servers(host, &options)?;
    sight.options = options.names();
    let mode = options.value("--permission-mode").unwrap_or("default");
    mode.clone_into(&mut sight.mode);
    if !options.has("--bare") {
        context(host, &options, &mut sight);
    }
    Ok(Session {
        interactive,
        task: task(host, &options, interactive)?,
        gate: gate(host, &options, interactive)?,
        sight,
        format,
        id: options
            .value("--session-id")
            .map_or_else(|| host.session_id(), str::to_owned),
        warnings: effort_warning(&options).into_iter().collect(),
    })
}

/// What is said about a level that does not exist; it is ignored.
fn effort_warning(options: &Options) -> Option<String> {
    let level = options.value("--effort")?;
    let known = ["low", "medium", "high", "xhigh", "max"].contains(&level);
    (!known).then(|| format!("Warning: Unknown --effort value '{level}' — ignoring it"))
}

/// What the command line refuses before it looks at anything else.
fn check(host: &Host, options: &Options, format: &str) -> Result<(), Refusal> {
    if !["text", "json", "stream-json"].contains(&format) {
        return refuse(format!(
            "error: option '--output-format <format>' argument '{format}' is invalid"
        ));
    }
    if format == "stream-json" && options.has("--print") && !options.has("--verbose") {
        return refuse("Error: When using --print, --output-format=stream-json requires --verbose");
    }
    let mode = options.value("--permission-mode").unwrap_or("default");
    if !MODES.contains(&mode) {
        return refuse(format!(
            "error: option '--permission-mode <mode>' argument '{mode}' is invalid"
        ));
    }
    if let Some(target) = options
        .value("--permission-prompts")
        .filter(|target| !["host", "none"].contains(target))
    {
        return refuse(format!(
            "error: option '--permission-prompts <target>' argument '{target}' is invalid"
        ));
    }
    let bypass = mode == "bypassPermissions" || options.has("--dangerously-skip-permissions");
    if bypass && host.is_root() && host.var("IS_SANDBOX") != Some("1") {
        return refuse("--dangerously-skip-permissions cannot be used with root/sudo privileges");
    }
    Ok(())
}

fn system_prompt(host: &Host, options: &Options) -> Result<String, Refusal> {
    let mut parts = Vec::new();
    for name in ["--system-prompt", "--append-system-prompt"] {
        parts.extend(options.value(name).map(str::to_owned));
        if let Some(path) = options.value(&format!("{name}-file")) {
            let text = host.read(path);
            let missing =
                || Refusal::new(1, format!("Error: System prompt file not found: {path}"));
            parts.push(text.ok_or_else(missing)?);
        }
    }
    Ok(parts.join("\n"))
}

fn servers(host: &Host, options: &Options) -> Result<Vec<Server>, Refusal> {
    let mut found = Vec::new();
    for given in options.all("--mcp-config") {
        let text = host.text_or_file(given);
        let missing = || Refusal::new(1, format!("Error: MCP config file not found: {given}"));
        let config = json::read(&text.ok_or_else(missing)?);
        let invalid = |why| Refusal::new(1, format!("Error: Invalid MCP configuration: {why}"));
        let config = config.map_err(invalid)?;
        let named = config.get("mcpServers").and_then(Value::as_object);
        let Some(named) = named else {
            return refuse("Error: Invalid MCP configuration: mcpServers: expected a record");
        };
        for (name, server) in named.iter() {
            if let Some(command) = server.get_str("command") {
                found.push(Server::local(
                    host,
                    name,
                    &[vec![command.to_owned()], json::strings(server, "args")].concat(),
                    &json::pairs(server, "env"),
                ));
            } else if let Some(url) = server.get_str("url") {
                found.push(Server::remote(name, url, &json::pairs(server, "headers")));
            }
        }
    }
    Ok(found)
}

fn context(host: &Host, options: &Options, sight: &mut Sight) {
    sight.read_context(host, &[&["CLAUDE.md"], &[".claude/CLAUDE.md"]]);
    if sight.context.is_empty() {
        sight.read_context(host, &[&["AGENTS.md"]]);
    }
    let mut dirs = vec![
        host.cwd.join(".claude/skills"),
        host.home().join(".claude/skills"),
    ];
    for plugin in options.all("--plugin-dir") {
        dirs.push(host.cwd.join(plugin).join("skills"));
    }
    sight.read_skills(host, &dirs);
}

fn task(host: &Host, options: &Options, interactive: bool) -> Result<String, Refusal> {
    let task = match options.positionals.as_slice() {
        [] if interactive => String::new(),
        [] => host.stdin(),
        given => given.join(" "),
    };
    if task.trim().is_empty() && !interactive {
        return refuse(
            "Error: Input must be provided either through stdin or as a prompt argument when using --print",
        );
    }
    Ok(task)
}

/// Whether `Write` goes through: in print mode nobody answers a question.
fn gate(host: &Host, options: &Options, interactive: bool) -> Result<Gate, Refusal> {
    let mut allow: Vec<String> = Vec::new();
    let mut deny: Vec<String> = Vec::new();
    let mut mode = options.value("--permission-mode").map(str::to_owned);
    allow.extend(
        options
            .items("--allowedTools")
            .into_iter()
            .map(str::to_owned),
    );
    deny.extend(
        options
            .items("--disallowedTools")
            .into_iter()
            .map(str::to_owned),
    );
    if let Some(given) = options.value("--settings") {
        let text = host.text_or_file(given);
        let missing = || Refusal::new(1, format!("Error: Settings file not found: {given}"));
        let settings = json::read(&text.ok_or_else(missing)?);
        let settings =
            settings.map_err(|why| Refusal::new(1, format!("Error: Invalid settings: {why}")))?;
        if let Some(permissions) = settings.get("permissions") {
            allow.extend(json::strings(permissions, "allow"));
            deny.extend(json::strings(permissions, "deny"));
            mode = mode.or_else(|| permissions.get_str("defaultMode").map(str::to_owned));
        }
    }
    let names = |rules: &[String]| {
        let is_write = |rule: &String| ["Write", "Edit"].iter().any(|tool| covers(rule, tool));
        rules.iter().any(is_write)
    };
    let mode = mode.as_deref().unwrap_or("default");
    let bypass = mode == "bypassPermissions" || options.has("--dangerously-skip-permissions");
    let closed = |why: &str| Ok(Gate::Closed(why.to_owned()));
    if names(&deny) {
        closed("a rule denies Write")
    } else if mode == "plan" {
        closed("plan mode changes nothing")
    } else if interactive || bypass || mode == "acceptEdits" || names(&allow) {
        Ok(Gate::Open)
    } else {
        closed("nobody allowed Write")
    }
}

fn begin(host: &Host, session: &Session) -> Vec<String> {
    if session.format != "stream-json" {
        return Vec::new();
    }
    let sight = &session.sight;
    let servers = sight.servers.iter().map(|server| {
        let status = if server.works { "connected" } else { "failed" };
        object([
            ("name", server.name.as_str().into()),
            ("status", status.into()),
        ])
    });
    let cwd = host.cwd.to_string_lossy();
    let init = object([
        ("type", "system".into()),
        ("subtype", "init".into()),
        ("cwd", Value::String(cwd)),
        ("session_id", session.id.as_str().into()),
        ("tools", texts(["Bash", "Edit", "Read", "Write"])),
        ("mcp_servers", Value::Array(servers.collect())),
        ("model", sight.model.as_str().into()),
        ("permissionMode", sight.mode.as_str().into()),
        ("apiKeySource", "none".into()),
        ("claude_code_version", "2.1.329".into()),
        ("agents", texts([])),
        ("skills", texts(sight.skills.iter().map(String::as_str))),
        ("plugins", texts([])),
    ]);
    vec![json::line(&init)]
}

fn usage() -> Value<'static> {
    object([
        ("input_tokens", number(1200.0)),
        ("cache_creation_input_tokens", number(0.0)),
        ("cache_read_input_tokens", number(300.0)),
        ("output_tokens", number(40.0)),
    ])
}

/// One message of the conversation.
fn message(session: &Session, role: &str, content: Value<'static>) -> String {
    let message = object([
        ("role", role.to_owned().into()),
        ("model", session.sight.model.clone().into()),
        ("content", Value::Array(vec![content])),
        ("usage", usage()),
    ]);
    json::line(&object([
        ("type", role.to_owned().into()),
        ("message", message),
        ("parent_tool_use_id", Value::Null),
        ("session_id", session.id.clone().into()),
    ]))
}

/// The call of a tool and its answer.
fn tool(session: &Session, file: &str, refused: bool) -> [String; 2] {
    let input = object([("file_path", file.to_owned().into())]);
    let call = object([
        ("type", "tool_use".into()),
        ("id", "toolu_1".into()),
        ("name", "Write".into()),
        ("input", input),
    ]);
    let answer = if refused {
        "Permission to use Write has been denied."
    } else {
        "File written."
    };
    let result = object([
        ("type", "tool_result".into()),
        ("tool_use_id", "toolu_1".into()),
        ("content", answer.into()),
        ("is_error", refused.into()),
    ]);
    [
        message(session, "assistant", call),
        message(session, "user", result),
    ]
}

fn retry(session: &Session) -> String {
    json::line(&object([
        ("type", "system".into()),
        ("subtype", "api_retry".into()),
        ("attempt", number(1.0)),
        ("max_retries", number(1.0)),
        ("retry_delay_ms", number(600.0)),
        ("error_status", number(500.0)),
        ("error", "server_error".into()),
        ("session_id", session.id.clone().into()),
    ]))
}

fn result(session: &Session, outcome: &Outcome) -> Value<'static> {
    let failed = matches!(outcome, Outcome::ApiError(_));
    let denials = match outcome {
        Outcome::Denied { file, .. } => vec![object([
            ("tool_name", "Write".into()),
            ("tool_use_id", "toolu_1".into()),
            ("tool_input", object([("file_path", file.clone().into())])),
        ])],
        Outcome::Done(..) | Outcome::ApiError(_) => Vec::new(),
    };
    let costs = object([
        ("inputTokens", number(1200.0)),
        ("outputTokens", number(40.0)),
        ("cacheReadInputTokens", number(300.0)),
        ("cacheCreationInputTokens", number(0.0)),
        ("costUSD", number(0.0042)),
    ]);
    let models = [(session.sight.model.clone().into(), costs)]
        .into_iter()
        .collect();
    let (reason, status) = match outcome {
        Outcome::ApiError(None) => ("api_error", number(500.0)),
        Outcome::ApiError(Some(_)) => ("api_error", number(429.0)),
        _ => ("completed", Value::Null),
    };
    object([
        ("type", "result".into()),
        ("subtype", "success".into()),
        ("is_error", failed.into()),
        ("terminal_reason", reason.into()),
        ("api_error_status", status),
        ("duration_ms", number(20.0)),
        ("duration_api_ms", number(10.0)),
        ("num_turns", number(2.0)),
        ("result", outcome.text().into()),
        ("stop_reason", "end_turn".into()),
        ("session_id", session.id.clone().into()),
        ("total_cost_usd", number(if failed { 0.0 } else { 0.0042 })),
        ("usage", usage()),
        ("modelUsage", Value::Object(models)),
        ("permission_denials", Value::Array(denials)),
    ])
}

fn end(session: &Session, outcome: &Outcome) -> Ending {
    let code = u8::from(matches!(outcome, Outcome::ApiError(_)));
    let result = json::line(&result(session, outcome));
    let mut out = Vec::new();
    match session.format.as_str() {
        "text" => out.push(outcome.text()),
        "json" => out.push(result),
        _ => {
            match outcome {
                Outcome::Done(files, _) => {
                    out.extend(files.iter().flat_map(|file| tool(session, file, false)));
                }
                Outcome::Denied { file, .. } => out.extend(tool(session, file, true)),
                Outcome::ApiError(_) => out.push(retry(session)),
            }
            let text = object([("type", "text".into()), ("text", outcome.text().into())]);
            out.extend([message(session, "assistant", text), result]);
        }
    }
    Ending {
        out,
        err: Vec::new(),
        code,
    }
}
