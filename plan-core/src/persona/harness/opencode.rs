//! OpenCode.
//!
//! Source of the 2026 launch: measured with opencode 1.18.33.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::compat::{
    Compat, ConfigFile, InteractiveSpec, NonInteractiveSpec, OneShot, Prompt, SpecInput,
};
use super::launch::{
    CommandStyle, Draft, Launch, LaunchInput, Rule, ServerStyle, approves_server, enabled, object,
    patterns, refused, tool_name, warn_codex_only,
};
use super::outcome::{Tally, Watch, count, error_text};
use super::{HarnessDef, SidecarFile, SkillTarget, StopSignal};
use crate::base::diag::Diagnostic;
use crate::base::json::{Object, Text, Value, Writer};
use crate::effect::{Document, Format};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "opencode",
    install: "npm install -g opencode-ai",
    sidecar: SidecarFile::AgentsMd,
    skills: SkillTarget {
        as_flag: "opencode",
        dir: ".skills",
        session_root: false,
    },
    compat: Some(Compat {
        rank: 0,
        interactive,
        one_shot,
    }),
    private_skills: "{{stage}}/opencode",
    reserved_env: &[
        "OPENCODE_CONFIG",
        "OPENCODE_CONFIG_CONTENT",
        "OPENCODE_CONFIG_DIR",
        "OPENCODE_PERMISSION",
    ],
    launch,
    watch: Watch::new(observe, observe_log),
    stop: StopSignal::Terminate,
    tested: "1.18",
    clear: "/new",
    usual_model: "opencode/gpt-5-nano",
};

fn interactive<'i>(input: &SpecInput<'i>) -> InteractiveSpec<'i> {
    let mut spec = InteractiveSpec::new("opencode", input);
    spec.args(["--agent", input.persona_id]);
    warn_servers(&mut spec, input);
    spec.warn_permissions(input);
    spec.warn_plugin_dirs(input);
    spec.warn_codex_only(input);
    spec.config_files.push(ConfigFile {
        path: "opencode.json".into(),
        contents: config(input).into(),
    });
    spec
}

fn config(input: &SpecInput<'_>) -> String {
    let mut out = Writer::indented();
    out.begin_object();
    out.key("agent");
    out.begin_object();
    out.key(input.persona_id);
    out.begin_object();
    out.field("model", &provider_model(input.model));
    if !input.system_prompt.is_empty() {
        out.field("prompt", &input.system_prompt);
    }
    out.field("mode", "primary");
    out.key("permission");
    out.begin_object();
    out.field("*", "allow");
    out.end_object();
    out.end_object();
    out.end_object();
    out.end_object();
    let mut contents = out.finish();
    contents.push('\n');
    contents
}

/// Prefixes the provider that a model without one belongs to.
fn provider_model(model: &str) -> Text<'_> {
    if model.contains('/') {
        Cow::Borrowed(model)
    } else {
        format!("opencode/{model}").into()
    }
}

fn one<'i>(key: &'i str, value: Value<'i>) -> Object<'i> {
    let mut object = Object::new();
    object.insert(key, value);
    object
}

fn warn_servers<'i>(spec: &mut InteractiveSpec<'i>, input: &SpecInput<'i>) {
    let mut injected = Vec::new();
    if spec.mcp_servers.relay {
        injected.push("relaycast");
    }
    if spec.mcp_servers.ai_hist {
        injected.push("ai-hist");
    }
    let own = input.mcp_servers.is_some_and(|servers| !servers.is_empty());
    if !own && injected.is_empty() {
        return;
    }
    let names = injected.join("/");
    let rest = "the opencode harness is not yet wired for runtime MCP injection; proceeding \
                without MCP.";
    let requested = format!("default {names} MCP injection was requested");
    match (own, injected.is_empty()) {
        (true, false) => spec.warn(format!(
            "persona declares mcpServers and {requested}, but {rest}"
        )),
        (true, true) => spec.warn(format!("persona declares mcpServers but {rest}")),
        (false, _) => spec.warn(format!("{requested} but {rest}")),
    }
}

fn one_shot<'i>(
    spec: InteractiveSpec<'i>,
    _input: &SpecInput<'i>,
    run: &OneShot<'i>,
) -> NonInteractiveSpec<'i> {
    let mut args: Vec<Text<'i>> = Vec::with_capacity(spec.args.len() + 8);
    let mut bin = spec.bin;
    if !run.windows {
        args.extend(["-c", "exec \"$0\" \"$@\""].map(Text::from));
        args.push(core::mem::replace(&mut bin, "/bin/sh".into()));
    }
    args.push("run".into());
    args.extend(spec.args);
    args.extend(["--format", "default"].map(Text::from));
    if let Some(name) = run.name.filter(|name| !name.is_empty()) {
        args.extend(["--title", name].map(Text::from));
    }
    NonInteractiveSpec {
        bin,
        args,
        prompt: Prompt::Stdin(run.task.clone()),
        config_files: spec.config_files,
        warnings: spec.warnings,
    }
}

/// What keeps opencode from calling home and from changing itself during a run.
const QUIET: [(&str, &str); 4] = [
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
];

fn launch<'i>(input: &LaunchInput<'i>) -> Result<Launch<'i>, Diagnostic> {
    let mut launch = Launch::default();
    if !input.model.contains('/') {
        launch.notice(
            "model",
            format!(
                "the model names no provider, so opencode/{0} is used; without credentials that \
                 provider has free models only (see `opencode models`)",
                input.model
            ),
        );
    }
    if let Some(run) = &input.run {
        launch.args(["run"]);
        launch.stdin = Some(run.task.clone());
    }
    launch.args(["--agent", input.persona_id]);
    if let Some(run) = &input.run {
        // Without a title opencode makes one more model call, which no event reports.
        let title = run.name.unwrap_or(input.persona_id);
        launch.args(["--format", "json", "--title", title]);
        // A server that does not start is only in the log.
        launch.args(["--print-logs", "--log-level", "WARN"]);
    }
    for (name, value) in QUIET {
        launch.env.push((name, value.into()));
    }
    let config = private_config(&mut launch, input)?;
    launch.env_document("OPENCODE_CONFIG_CONTENT", config);
    warn_codex_only(&mut launch, input, "opencode");
    Ok(launch)
}

fn private_config<'i>(
    launch: &mut Launch<'i>,
    input: &LaunchInput<'i>,
) -> Result<Document<'i>, Diagnostic> {
    let mut draft = Draft::default();
    // opencode substitutes {env:…} and {file:…} in the raw text before it parses it.
    draft.escape("{env:", "\\u007benv:");
    draft.escape("{file:", "\\u007bfile:");
    let mut agent = object([("model", provider_model(input.model).into())]);
    if !input.system_prompt.is_empty() {
        // By file, because a variable holds at most 128 KiB and literal text would be
        // substituted; the contents of a file are not.
        draft.escape("\\u007bfile:{{stage}}", "{file:{{stage}}");
        agent.insert("prompt", "{file:{{stage}}/prompt.md}");
        launch.text_file("prompt.md", input.system_prompt.clone());
    }
    agent.insert("mode", "primary");
    if let Some(effort) = input.settings.text("reasoning") {
        agent.insert("reasoningEffort", effort);
    }
    agent.insert("permission", permission(launch, input)?);
    let mut config = object([("share", "disabled".into()), ("autoupdate", false.into())]);
    if input.has_skills {
        let paths = alloc::vec![Value::from("{{stage}}/opencode/skills")];
        config.insert("skills", object([("paths", paths.into())]));
    }
    if !input.servers.is_empty() {
        let list = draft.servers(&input.servers, &SERVERS);
        config.insert(SERVERS.list, enabled(&list));
    }
    config.insert("agent", one(input.persona_id, agent.into()));
    Ok(draft.finish(Format::CompactJson, config.into()))
}

/// Builds the permission map. Rules later in the map win.
fn permission<'i>(
    launch: &mut Launch<'i>,
    input: &LaunchInput<'i>,
) -> Result<Object<'i>, Diagnostic> {
    let permissions = &input.permissions;
    // Asking nobody ends a one-shot run without an answer, so what is not allowed is
    // denied there, and the agent can say what it could not do.
    let unlisted = if input.run.is_some() { "deny" } else { "ask" };
    let limited = !permissions.allow.is_empty()
        || matches!(permissions.mode, Some("default" | "acceptEdits"));
    let mut map = object([("*", if limited { unlisted } else { "allow" }.into())]);
    if limited {
        for tool in [
            "read",
            "glob",
            "grep",
            "list",
            "todowrite",
            "todoread",
            "skill",
        ] {
            map.insert(tool, "allow");
        }
    }
    if permissions.mode == Some("acceptEdits") {
        map.insert("edit", "allow");
    }
    for pattern in patterns(permissions.allow) {
        if !rule(&mut map, pattern, "allow", input) {
            let message = format!(
                "opencode has no permission for `{pattern}`; it stays as it is for all tools"
            );
            launch.unsupported("permissions.allow", message);
        }
    }
    if permissions.mode == Some("plan") {
        set_last(&mut map, "edit".into(), "deny");
        set_last(&mut map, "bash".into(), "deny");
        for (server, _) in input.servers.iter() {
            if !approves_server(input, server) {
                set_last(
                    &mut map,
                    format!("{}_*", tool_name(server)).into(),
                    unlisted,
                );
            }
        }
    }
    for pattern in patterns(permissions.deny) {
        if !rule(&mut map, pattern, "deny", input) {
            let message = format!(
                "opencode cannot deny `{pattern}`, and ignoring it would widen what the agent may do"
            );
            return Err(refused("permissions.deny", message));
        }
    }
    if permissions.mode != Some("bypassPermissions") {
        map.remove("external_directory");
        let mut outside = object([("*", "deny".into())]);
        if input.has_skills {
            outside.insert("{{stage}}/opencode/skills/*", "allow");
        }
        map.insert("external_directory", outside);
    }
    Ok(map)
}

/// Sets a rule behind all others, where it wins.
fn set_last<'i>(map: &mut Object<'i>, key: Text<'i>, answer: impl Into<Value<'i>>) {
    map.remove(&key);
    map.append(key, answer);
}

/// Adds one rule of a persona behind the others; false when opencode has no such
/// permission. Denials come last, so that no earlier rule lifts them.
fn rule<'i>(
    map: &mut Object<'i>,
    pattern: &'i str,
    answer: &'static str,
    input: &LaunchInput<'i>,
) -> bool {
    let Rule { tool, argument } = Rule::of(pattern);
    if let Some(rest) = tool.strip_prefix("mcp__") {
        return server_rule(map, rest, answer, input);
    }
    let Some(key) = permission_key(tool) else {
        return false;
    };
    let Some(argument) = argument else {
        if key == "*" && answer == "deny" {
            *map = Object::new();
        }
        set_last(map, key.into(), answer);
        return true;
    };
    // `git:*` is the older spelling of `git *`.
    let argument = argument
        .strip_suffix(":*")
        .map_or(Cow::Borrowed(argument), |head| {
            Cow::Owned(format!("{head} *"))
        });
    let mut arguments = match map.remove(key) {
        Some(Value::Object(arguments)) => arguments,
        Some(before) => object([("*", before)]),
        None => object([("*", map.get("*").cloned().unwrap_or_else(|| "ask".into()))]),
    };
    set_last(&mut arguments, argument, answer);
    map.append(key, arguments);
    true
}

/// Adds a rule about a server, or one of its tools; false when it is of no declared one.
fn server_rule<'i>(
    map: &mut Object<'i>,
    rest: &str,
    answer: &'static str,
    input: &LaunchInput<'i>,
) -> bool {
    let mut servers = input.servers.iter().map(|(server, _)| tool_name(server));
    let name = match rest.split_once("__").filter(|(_, tool)| *tool != "*") {
        Some((server, tool)) => format!("{}_{tool}", tool_name(server)),
        None => format!("{}_*", tool_name(rest.strip_suffix("__*").unwrap_or(rest))),
    };
    let known = servers.any(|server| name.starts_with(&format!("{server}_")));
    set_last(map, name.into(), answer);
    known
}

/// Returns opencode's name of a permission.
fn permission_key(tool: &str) -> Option<&'static str> {
    Some(match tool {
        "Bash" => "bash",
        "Edit" | "Write" | "MultiEdit" | "NotebookEdit" => "edit",
        "Read" => "read",
        "Glob" => "glob",
        "Grep" => "grep",
        "LS" => "list",
        "WebFetch" => "webfetch",
        "WebSearch" => "websearch",
        "Task" => "task",
        "Skill" => "skill",
        "*" => "*",
        _ => return None,
    })
}

const SERVERS: ServerStyle = ServerStyle {
    list: "mcp",
    types: Some(["local", "remote", "remote"]),
    command: CommandStyle::OneList,
    env: "environment",
    headers: "headers",
};

/// Folds one event of `opencode run --format json`.
fn observe(tally: &mut Tally, event: &Value<'_>) {
    tally.session(event.get_str("sessionID"));
    let part = event.get("part").unwrap_or(&Value::Null);
    match event.get_str("type") {
        Some("text") => tally.text = part.get_str("text").unwrap_or_default().into(),
        Some("tool_use") => refusal(tally, part),
        Some("step_finish") => step(tally, part),
        Some("error") => {
            let error = event.get("error").and_then(|error| error.get("data"));
            tally.refused(error.and_then(|error| error.get("statusCode")));
            tally.fail(explained(&error_text(event)));
        }
        _ => {}
    }
}

/// Notes a call that a rule refused. A rule without an argument removes its tool, and
/// opencode then turns the call into one of its tool `invalid`.
fn refusal(tally: &mut Tally, part: &Value<'_>) {
    let state = part.get("state").unwrap_or(&Value::Null);
    let input = state.get("input").unwrap_or(&Value::Null);
    let error = state.get_str("error").or_else(|| input.get_str("error"));
    let error = error.unwrap_or_default();
    let mut refusals = [
        "rejected permission",
        "prevents you from",
        "call unavailable tool",
    ]
    .into_iter();
    if refusals.any(|refusal| error.contains(refusal)) {
        let called = match part.get_str("tool") {
            Some("invalid") => input.get_str("tool"),
            tool => tool,
        };
        tally.denied(called.unwrap_or("a tool"));
    }
}

/// Finds in the log what no event says: a server that did not start, an agent that opencode
/// did not find and replaced by its own, and why it asks the model again, maybe for ever.
fn observe_log(tally: &mut Tally, line: &str) {
    let word = |key: &str| {
        let rest = line.split_once(key)?.1;
        rest.split_whitespace().next()
    };
    if line.contains("message=\"server unavailable\"") {
        tally.broken_server(word(" key=").unwrap_or("?").trim_matches('"'));
    } else if line.contains("Falling back to default agent") {
        tally.fail("opencode did not find the persona's agent and used its own");
    } else if line.contains("message=\"stream error\"")
        && let Some((_, error)) = line.split_once(" error.error=\"")
    {
        tally.complain(error.strip_suffix('"').unwrap_or(error));
    }
}

/// Adds up a step: opencode reports tokens and cost a step, and the reason of the last
/// one tells whether the run came to its end.
fn step(tally: &mut Tally, part: &Value<'_>) {
    tally.finished = part.get_str("reason") == Some("stop");
    let cost = part
        .get("cost")
        .and_then(Value::as_number)
        .unwrap_or_default();
    tally.cost_usd = Some(tally.cost_usd.unwrap_or_default() + cost);
    if let Some(tokens) = part.get("tokens") {
        let cached = count(tokens.get("cache").and_then(|cache| cache.get("read")));
        tally.add_usage(
            count(tokens.get("input")),
            count(tokens.get("output")),
            cached,
        );
    }
}

/// Adds what opencode leaves out: an unknown model ends in an error that says nothing.
fn explained(error: &str) -> String {
    if error.contains("Unexpected server error") {
        return format!(
            "{error} (opencode says this of a model or provider that it does not know; see \
             `opencode models`)"
        );
    }
    error.into()
}
