//! Plays OpenCode 1.18.33.

use plan_core::base::json::{Object, Value};

use super::args::{Bad, Grammar, Options};
use super::host::Host;
use super::json::{self, number, object};
use super::script::Outcome;
use super::sight::{Server, Sight};
use super::{Cli, Ending, Gate, Refusal, Session};

/// The agent.
pub const CLI: Cli = Cli {
    version: "1.18.33",
    look,
    begin,
    end,
};

/// Options of `opencode run`.
const RUN: Grammar = Grammar {
    flags: &[
        "-c|--continue",
        "--auto",
        "--share",
        "--pure",
        "--print-logs",
        "--thinking",
        "--fork",
    ],
    values: &[
        "--agent",
        "--format",
        "--title",
        "-m|--model",
        "--dir",
        "-s|--session",
        "--command",
        "--attach",
        "--port",
        "--log-level",
        "--variant",
    ],
    lists: &["-f|--file"],
    dashed_values: true,
};

/// Options of the interactive `opencode`.
const CHAT: Grammar = Grammar {
    flags: &[
        "-c|--continue",
        "--auto",
        "--pure",
        "--print-logs",
        "--fork",
    ],
    values: &[
        "--agent",
        "-m|--model",
        "--prompt",
        "-s|--session",
        "--port",
        "--hostname",
        "--log-level",
    ],
    lists: &[],
    dashed_values: true,
};

/// Agents that need no configuration.
const BUILT_IN: [&str; 4] = ["build", "plan", "general", "explore"];

/// The reason that ends a run: somebody should have answered.
const REJECTED: &str = "The user rejected permission to use this specific tool call";

fn look(host: &Host) -> Result<Session, Refusal> {
    let run = host.args.first().is_some_and(|first| first == "run");
    let rest = host.args.get(usize::from(run)..).unwrap_or_default();
    let grammar = if run { &RUN } else { &CHAT };
    let options = grammar.read(rest).map_err(|bad| match bad {
        Bad::Unknown(name) => Refusal::new(1, format!("Unknown argument: {name}")),
        Bad::NoValue(name) => Refusal::new(1, format!("Not enough arguments following: {name}")),
    })?;
    let format = options.value("--format").unwrap_or("default").to_owned();
    if !["default", "json"].contains(&format.as_str()) {
        return Err(Refusal::new(1, "Invalid values:\n  Argument: format"));
    }
    let layers = layers(host)?;
    let wanted = options.value("--agent").unwrap_or("build");
    let agent = agent(&layers, wanted);
    let mut warnings = Vec::new();
    if agent.is_none() && !BUILT_IN.contains(&wanted) {
        warnings.push(format!(
            "! agent \"{wanted}\" not found. Falling back to default agent"
        ));
    }
    Ok(Session {
        interactive: !run,
        task: task(host, &options, run)?,
        gate: gate(host, &options, agent, run),
        sight: sight(host, &options, &layers, agent)?,
        format,
        id: format!("ses_{}", host.session_id().replace('-', "")),
        warnings,
    })
}

/// The configurations, the strongest first.
fn layers(host: &Host) -> Result<Vec<Value<'static>>, Refusal> {
    let named = host.var("OPENCODE_CONFIG").and_then(|path| host.read(path));
    let texts = [
        host.var("OPENCODE_CONFIG_CONTENT").map(str::to_owned),
        host.read("opencode.json"),
        named,
        host.read(host.home().join(".config/opencode/opencode.json")),
    ];
    let invalid = |why| Refusal::new(1, format!("Error: Configuration is not valid JSON: {why}"));
    let read = |text: String| json::read(&substitute(host, &text)?).map_err(invalid);
    texts.into_iter().flatten().map(read).collect()
}

/// Puts values and files in the place of `{env:NAME}` and `{file:PATH}`, in the raw
/// text, as the agent does.
fn substitute(host: &Host, text: &str) -> Result<String, Refusal> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest
        .find("{env:")
        .into_iter()
        .chain(rest.find("{file:"))
        .min()
    {
        let (before, token) = rest.split_at(start);
        out.push_str(before);
        let Some((token, after)) = token.split_once('}') else {
            rest = token;
            break;
        };
        if let Some(name) = token.strip_prefix("{env:") {
            out.push_str(host.var(name).unwrap_or_default());
        } else {
            let path = token.trim_start_matches("{file:");
            let missing = || Refusal::new(1, format!("Error: bad file reference: \"{token}}}\""));
            let contents = host.read(path).ok_or_else(missing)?;
            let quoted = json::line(&Value::from(contents.trim().to_owned()));
            out.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn agent<'l>(layers: &'l [Value<'static>], id: &str) -> Option<&'l Value<'static>> {
    layers.iter().find_map(|layer| layer.get("agent")?.get(id))
}

fn sight(
    host: &Host,
    options: &Options,
    layers: &[Value<'static>],
    agent: Option<&Value<'static>>,
) -> Result<Sight, Refusal> {
    let mut sight = Sight::new("opencode", host);
    let chosen = agent.and_then(|agent| agent.get_str("model"));
    let model = options
        .value("--model")
        .or(chosen)
        .unwrap_or("opencode/default");
    if !model.contains('/') {
        return Err(Refusal::new(1, "UnknownError: Unexpected server error"));
    }
    model.clone_into(&mut sight.model);
    let prompt = agent.and_then(|agent| agent.get_str("prompt"));
    prompt
        .unwrap_or_default()
        .clone_into(&mut sight.system_prompt);
    sight.options = options.names();
    sight.read_context(host, &[&["AGENTS.md", "CLAUDE.md"]]);
    let home = host.home();
    let private = host
        .var("XDG_CONFIG_HOME")
        .map_or_else(|| home.join(".config"), Into::into);
    let mut dirs = vec![
        host.cwd.join(".opencode/skills"),
        host.cwd.join(".opencode/skill"),
        private.join("opencode/skills"),
    ];
    if host.var("OPENCODE_DISABLE_EXTERNAL_SKILLS") != Some("1") {
        for place in [&host.cwd, &home] {
            dirs.extend([place.join(".claude/skills"), place.join(".agents/skills")]);
        }
    }
    for layer in layers {
        if let Some(skills) = layer.get("skills") {
            let paths = json::strings(skills, "paths");
            dirs.extend(paths.into_iter().map(|path| host.cwd.join(path)));
        }
    }
    sight.read_skills(host, &dirs);
    for layer in layers {
        let named = layer.get("mcp").and_then(Value::as_object);
        let named = named.into_iter().flat_map(Object::entries);
        sight
            .servers
            .extend(named.filter_map(|(name, server)| self::server(host, name, server)));
    }
    Ok(sight)
}

fn server(host: &Host, name: &str, settings: &Value<'_>) -> Option<Server> {
    match settings.get_str("type")? {
        "local" => {
            let command = json::strings(settings, "command");
            let environment = json::pairs(settings, "environment");
            command.first()?;
            Some(Server::local(host, name, &command, &environment))
        }
        "remote" => {
            let headers = json::pairs(settings, "headers");
            Some(Server::remote(name, settings.get_str("url")?, &headers))
        }
        _ => None,
    }
}

fn task(host: &Host, options: &Options, run: bool) -> Result<String, Refusal> {
    if !run {
        return Ok(options.value("--prompt").unwrap_or_default().to_owned());
    }
    let task = match options.positionals.as_slice() {
        [] => host.stdin(),
        given => given.join(" "),
    };
    if task.trim().is_empty() {
        return Err(Refusal::new(1, "You must provide a message or a command"));
    }
    Ok(task)
}

/// The rule for changing files: the last that says anything about them, else allowed.
fn gate(host: &Host, options: &Options, agent: Option<&Value<'_>>, run: bool) -> Gate {
    let own = agent.and_then(|agent| agent.get("permission"));
    let forced = host
        .var("OPENCODE_PERMISSION")
        .and_then(|text| json::read(text).ok());
    let rules = forced.as_ref().or(own);
    match rules.and_then(editing) {
        Some("deny") => Gate::Closed("there is no tool that edits".to_owned()),
        Some("ask") if run && !options.has("--auto") => Gate::Closed(REJECTED.to_owned()),
        _ => Gate::Open,
    }
}

/// Reads the answer for files in general from a permission, or a map of them, where
/// later rules win.
fn editing<'v>(rules: &'v Value<'_>) -> Option<&'v str> {
    let Some(map) = rules.as_object() else {
        return rules.as_str();
    };
    let said = map
        .iter()
        .filter(|(name, _)| ["*", "edit"].contains(name))
        .filter_map(|(_, answer)| answer.as_str().or_else(|| answer.get_str("*")));
    said.last()
}

/// One event with what every event has.
fn event(session: &Session, kind: &str, field: &'static str, value: Value<'static>) -> String {
    json::line(&object([
        ("type", kind.to_owned().into()),
        ("timestamp", number(1_790_000_000_000.0)),
        ("sessionID", session.id.clone().into()),
        (field, value),
    ]))
}

fn begin(_: &Host, session: &Session) -> Vec<String> {
    if session.format != "json" {
        return Vec::new();
    }
    let part = object([("type", "step-start".into())]);
    vec![event(session, "step_start", "part", part)]
}

fn finish(session: &Session, reason: &'static str) -> String {
    let cache = object([("read", number(300.0)), ("write", number(0.0))]);
    let tokens = object([
        ("total", number(1540.0)),
        ("input", number(1200.0)),
        ("output", number(40.0)),
        ("reasoning", number(0.0)),
        ("cache", cache),
    ]);
    let part = object([
        ("type", "step-finish".into()),
        ("reason", reason.into()),
        ("cost", number(0.0021)),
        ("tokens", tokens),
    ]);
    event(session, "step_finish", "part", part)
}

fn tool(session: &Session, file: &str, error: Option<&str>) -> String {
    let (status, field, text) = match error {
        Some(why) => ("error", "error", why.to_owned()),
        None => ("completed", "output", "Wrote file successfully.".to_owned()),
    };
    let input = object([("filePath", file.to_owned().into())]);
    let state = object([
        ("status", status.into()),
        ("input", input),
        (field, text.into()),
    ]);
    let part = object([
        ("type", "tool".into()),
        ("tool", "write".into()),
        ("state", state),
    ]);
    event(session, "tool_use", "part", part)
}

fn end(session: &Session, outcome: &Outcome) -> Ending {
    let mut ending = Ending::default();
    let rejected = match outcome {
        Outcome::Denied { why, .. } => session.gate == Gate::Open || why == REJECTED,
        Outcome::Done(..) | Outcome::ApiError(_) => false,
    };
    if rejected {
        ending
            .err
            .push("! permission requested: edit; auto-rejecting".to_owned());
    }
    ending.code = u8::from(matches!(outcome, Outcome::ApiError(_)));
    if session.format != "json" {
        ending.out.push(outcome.text());
        return ending;
    }
    match outcome {
        Outcome::ApiError(_) => {
            let data = object([
                ("message", outcome.text().into()),
                ("statusCode", number(400.0)),
                ("isRetryable", false.into()),
            ]);
            let error = object([("name", "APIError".into()), ("data", data)]);
            ending.out.push(event(session, "error", "error", error));
            return ending;
        }
        Outcome::Denied { file, .. } if rejected => {
            ending.out.push(tool(session, file, Some(REJECTED)));
            ending.out.push(finish(session, "tool-calls"));
            return ending;
        }
        Outcome::Done(files, _) => {
            ending
                .out
                .extend(files.iter().map(|file| tool(session, file, None)));
        }
        Outcome::Denied { .. } => {}
    }
    let part = object([("type", "text".into()), ("text", outcome.text().into())]);
    ending.out.push(event(session, "text", "part", part));
    ending.out.push(finish(session, "stop"));
    ending
}
