//! Claude Code.
//!
//! Source of the 2026 launch: measured with claude 2.1.329.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::compat::{Compat, InteractiveSpec, NonInteractiveSpec, OneShot, Prompt, SpecInput};
use super::launch::{
    CommandStyle, Draft, Launch, LaunchInput, ServerStyle, approves_server, object, patterns,
    refused, tool_name, warn_codex_only,
};
use super::outcome::{Tally, Watch, count, ignore_log};
use super::{HarnessDef, SidecarFile, SkillTarget, StopSignal};
use crate::base::diag::Diagnostic;
use crate::base::json::{Object, Text, Value};
use crate::effect::{Document, Format};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "claude",
    install: "npm install -g @anthropic-ai/claude-code",
    sidecar: SidecarFile::ClaudeMd,
    skills: SkillTarget {
        as_flag: "claude",
        dir: ".claude/skills",
        session_root: true,
    },
    compat: Some(Compat {
        rank: 2,
        interactive,
        one_shot,
    }),
    private_skills: "{{stage}}/plugin",
    reserved_env: &["IS_SANDBOX"],
    launch,
    watch: Watch::new(observe, ignore_log),
    stop: StopSignal::Terminate,
    tested: "2.1",
    clear: "/clear",
    usual_model: "sonnet",
};

fn interactive<'i>(input: &SpecInput<'i>) -> InteractiveSpec<'i> {
    let mut spec = InteractiveSpec::new("claude", input);
    spec.args(["--model", input.model]);
    if !input.system_prompt.is_empty() {
        spec.args([
            Cow::Borrowed("--append-system-prompt"),
            input.system_prompt.clone(),
        ]);
    }
    let servers = spec.mcp_config();
    spec.args([
        Text::from("--mcp-config"),
        servers.into(),
        "--strict-mcp-config".into(),
    ]);
    for dir in &input.plugin_dirs {
        spec.args([Text::from("--plugin-dir"), dir.clone()]);
    }
    variadic(&mut spec, "--allowedTools", input.permissions.allow);
    variadic(&mut spec, "--disallowedTools", input.permissions.deny);
    if let Some(mode) = input.permissions.mode {
        spec.args(["--permission-mode", mode]);
    }
    spec.warn_codex_only(input);
    spec
}

fn variadic<'i>(spec: &mut InteractiveSpec<'i>, flag: &'static str, patterns: &'i [Value<'i>]) {
    if !patterns.is_empty() {
        spec.args([flag]);
        spec.args(patterns.iter().filter_map(Value::as_str));
    }
}

fn one_shot<'i>(
    mut spec: InteractiveSpec<'i>,
    _input: &SpecInput<'i>,
    run: &OneShot<'i>,
) -> NonInteractiveSpec<'i> {
    spec.args(["--print", "--output-format", "text"]);
    NonInteractiveSpec {
        bin: spec.bin,
        args: spec.args,
        prompt: Prompt::Stdin(run.task.clone()),
        config_files: spec.config_files,
        warnings: spec.warnings,
    }
}

fn launch<'i>(input: &LaunchInput<'i>) -> Result<Launch<'i>, Diagnostic> {
    let mut launch = Launch::default();
    if let Some(run) = &input.run {
        launch.args(["-p", "--output-format", "stream-json", "--verbose"]);
        launch.args(["--permission-prompts", "none"]);
        launch
            .env
            .push(("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into()));
        launch.env.push(("CLAUDE_CODE_MAX_RETRIES", "3".into()));
        launch.stdin = Some(run.task.clone());
    }
    launch.args(["--model", input.model]);
    if let Some(effort) = input.settings.text("reasoning") {
        launch.args(["--effort", effort]);
    }
    if !input.system_prompt.is_empty() {
        launch.args(["--append-system-prompt-file", "{{stage}}/system.md"]);
        launch.text_file("system.md", input.system_prompt.clone());
    }
    launch.args(["--mcp-config", "{{stage}}/mcp.json", "--strict-mcp-config"]);
    launch.file("mcp.json", servers(&input.servers));
    if input.has_skills {
        launch.args(["--plugin-dir", "{{stage}}/plugin"]);
    }
    permissions(&mut launch, input)?;
    warn_codex_only(&mut launch, input, "claude");
    Ok(launch)
}

fn permissions<'i>(launch: &mut Launch<'i>, input: &LaunchInput<'i>) -> Result<(), Diagnostic> {
    let mut allow: Vec<Text<'i>> = Vec::new();
    for pattern in patterns(input.permissions.allow) {
        allow.push(whole("permissions.allow", pattern)?.into());
    }
    // Nobody is there to approve the calls of a one-shot run.
    let unlisted = input.run.is_some() && input.permissions.allow.is_empty();
    for (server, _) in input.servers.iter().filter(|_| unlisted) {
        if approves_server(input, server) {
            allow.push(format!("mcp__{}", tool_name(server)).into());
        }
    }
    if !allow.is_empty() {
        launch.args([format!("--allowedTools={}", allow.join(","))]);
    }
    let mut deny = Vec::new();
    for pattern in patterns(input.permissions.deny) {
        deny.push(whole("permissions.deny", pattern)?);
    }
    if !deny.is_empty() {
        launch.args([format!("--disallowedTools={}", deny.join(","))]);
    }
    // Without the flag an interactive session starts in auto mode, which asks less
    // than a persona that speaks of permissions expects.
    let mode = input
        .permissions
        .mode
        .or(input.permissions.exist().then_some("default"));
    if let Some(mode) = mode {
        launch.args(["--permission-mode", mode]);
    }
    if input.permissions.mode == Some("bypassPermissions") && input.host_is_root {
        launch.env.push(("IS_SANDBOX", "1".into()));
        launch.notice(
            "permissions.mode",
            "claude refuses bypassPermissions as root, so IS_SANDBOX=1 is set for it; run it as \
             another user unless this machine is a sandbox",
        );
    }
    Ok(())
}

/// Checks that a pattern stays one item of a comma-separated list: outside of
/// parentheses it has no comma and no space, and its parentheses match.
fn whole<'i>(field: &str, pattern: &'i str) -> Result<&'i str, Diagnostic> {
    let mut depth = 0_i32;
    for byte in pattern.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' | b' ' if depth == 0 => depth = i32::MIN / 2,
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    if depth == 0 {
        return Ok(pattern);
    }
    let message = format!("{field} has `{pattern}`, which claude would read as several rules");
    Err(refused(field, message).help("write one rule an entry, with matching parentheses"))
}

const SERVERS: ServerStyle = ServerStyle {
    list: "mcpServers",
    types: Some(["stdio", "http", "sse"]),
    command: CommandStyle::Isolated,
    env: "env",
    headers: "headers",
};

fn servers<'i>(servers: &Object<'_>) -> Document<'i> {
    let mut draft = Draft::default();
    // Claude expands ${NAME} itself; what is left after our own resolution is literal.
    draft.escape("${", "${CALLSHEET_LITERAL:-$}{");
    let list = draft.servers(servers, &SERVERS);
    draft.finish(Format::Json, object([(SERVERS.list, list.into())]).into())
}

/// Folds one event of the `stream-json` output.
fn observe(tally: &mut Tally, event: &Value<'_>) {
    match (event.get_str("type"), event.get_str("subtype")) {
        (Some("system"), Some("init")) => {
            let servers = event
                .get("mcp_servers")
                .and_then(Value::as_array)
                .unwrap_or_default();
            for server in servers
                .iter()
                .filter(|server| server.get_str("status") == Some("failed"))
            {
                tally.broken_server(server.get_str("name").unwrap_or_default());
            }
            tally.session(event.get_str("session_id"));
        }
        (Some("system"), Some("api_retry")) => tally.complain(retry(event)),
        (Some("user"), _) => missing_tools(tally, event),
        (Some("result"), subtype) => result(tally, event, subtype.unwrap_or_default()),
        _ => {}
    }
}

/// A tool that a deny rule removed is no denial to claude, only a failing call.
fn missing_tools(tally: &mut Tally, event: &Value<'_>) {
    let content = event
        .get("message")
        .and_then(|message| message.get("content"));
    for item in content.and_then(Value::as_array).unwrap_or_default() {
        let text = item.get_str("content").unwrap_or_default();
        if item.get("is_error").is_some_and(Value::is_truthy) && text.contains("No such tool") {
            tally.denied(text);
        }
    }
}

/// Says why claude asks the model again.
fn retry(event: &Value<'_>) -> String {
    let what = event.get_str("error").unwrap_or("an error");
    match count(event.get("error_status")) {
        0 => format!("{what}, tried again"),
        status => format!("{what} ({status}), tried again"),
    }
}

/// Adds what was spent since the last result, by whichever model. `total_cost_usd` is that of
/// the whole session, with the runs before when this one resumes it, and `usage` leaves out
/// the models besides the main one; older versions have nothing else.
fn spent(tally: &mut Tally, event: &Value<'_>) {
    let models = event
        .get("model_usage_since_last_result")
        .and_then(Value::as_object);
    let Some(models) = models else {
        tally.cost_usd = event.get("total_cost_usd").and_then(Value::as_number);
        if let Some(usage) = event.get("usage") {
            let number = |name| count(usage.get(name));
            let made = number("cache_creation_input_tokens");
            let read = number("input_tokens").saturating_add(made);
            let cached = number("cache_read_input_tokens");
            tally.add_usage(read, number("output_tokens"), cached);
        }
        return;
    };
    for (_, model) in models.iter() {
        let number = |name| count(model.get(name));
        let read = number("inputTokens").saturating_add(number("cacheCreationInputTokens"));
        tally.add_usage(read, number("outputTokens"), number("cacheReadInputTokens"));
        let cost = model.get("costUSD").and_then(Value::as_number);
        tally.cost_usd = Some(tally.cost_usd.unwrap_or_default() + cost.unwrap_or_default());
    }
}

fn result(tally: &mut Tally, event: &Value<'_>, subtype: &str) {
    tally.session(event.get_str("session_id"));
    spent(tally, event);
    if let Some(text) = event.get_str("result") {
        tally.text = text.into();
    }
    let denials = event.get("permission_denials").and_then(Value::as_array);
    for denial in denials.unwrap_or_default() {
        tally.denied(denial.get_str("tool_name").unwrap_or("a tool"));
    }
    if event.get("is_error").is_some_and(Value::is_truthy) {
        tally.refused(event.get("api_error_status"));
        let reason = event.get_str("terminal_reason").unwrap_or(subtype);
        tally.fail(format!("{reason}: {}", tally.text));
    } else {
        tally.finished = true;
    }
}
