//! Grok Build.
//!
//! Source of the 2026 launch: measured with grok 1.0.41, and its user guide.

use alloc::format;
use alloc::string::String;

use super::compat::{
    Compat, ConfigFile, InteractiveSpec, NonInteractiveSpec, OneShot, Prompt, SpecInput,
    compose_task,
};
use super::launch::{
    CommandStyle, Draft, Inheritance, Launch, LaunchInput, PrivateLink, ServerStyle,
    approves_server, enabled, patterns, tool_name,
};
use super::outcome::{Tally, Watch, error_text};
use super::{HarnessDef, SidecarFile, SkillTarget, StopSignal};
use crate::base::diag::Diagnostic;
use crate::base::json::{Object, Text, Value};
use crate::effect::{Document, Format};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "grok",
    install: "npm install -g @xai-official/grok",
    sidecar: SidecarFile::AgentsMd,
    skills: SkillTarget {
        as_flag: "grok",
        dir: ".grok/skills",
        session_root: false,
    },
    compat: Some(Compat {
        rank: 3,
        interactive,
        one_shot,
    }),
    private_skills: "{{stage}}/grok",
    reserved_env: &["GROK_CONFIG", "GROK_CONFIG_PATH", "GROK_HOME"],
    launch,
    watch: Watch::new(observe, observe_log),
    stop: StopSignal::Terminate,
    tested: "1.0",
    clear: "/new",
    usual_model: "grok-code-fast-1",
};

const APPROVE: &str = "--always-approve";

fn interactive<'i>(input: &SpecInput<'i>) -> InteractiveSpec<'i> {
    let mut spec = InteractiveSpec::new("grok", input);
    let bypass = input.permissions.mode == Some("bypassPermissions");
    spec.args(["--no-auto-update", "--model", input.model]);
    if bypass {
        spec.args([APPROVE]);
    }
    for dir in &input.plugin_dirs {
        spec.args([Text::from("--plugin-dir"), dir.clone()]);
    }
    if input.settings.on("dangerouslyBypassApprovalsAndSandbox") && !bypass {
        spec.args([APPROVE]);
    }
    if !input.system_prompt.is_empty() {
        let contents = ended(&input.system_prompt);
        spec.config_files.push(ConfigFile {
            path: "AGENTS.md".into(),
            contents: contents.into(),
        });
    }
    warn_servers(&mut spec, input);
    warn_permissions(&mut spec, input);
    warn_settings(&mut spec, input);
    spec
}

/// The part of grok's log that tells of servers.
const SERVER_LOG: &str = "xai_grok_mcp=warn";

/// Writes an agent's file.
fn agent(prompt: &str) -> String {
    format!("---\nname: persona\ndescription: The persona of this run\n---\n{prompt}\n")
}

/// Ends a text with a line break.
fn ended(text: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}

fn warn_servers<'i>(spec: &mut InteractiveSpec<'i>, input: &SpecInput<'i>) {
    let own = input.mcp_servers.is_some_and(|servers| !servers.is_empty());
    let rest = "the grok harness is not yet wired for runtime MCP injection; proceeding without \
                MCP.";
    let requested = "broker requested relaycast MCP injection";
    match (own, spec.mcp_servers.relay) {
        (true, true) => spec.warn(format!(
            "persona declares mcpServers and {requested}, but {rest}"
        )),
        (true, false) => spec.warn(format!("persona declares mcpServers but {rest}")),
        (false, true) => spec.warn(format!("{requested} but {rest}")),
        (false, false) => {}
    }
}

fn warn_permissions<'i>(spec: &mut InteractiveSpec<'i>, input: &SpecInput<'i>) {
    let permissions = &input.permissions;
    if !permissions.allow.is_empty() || !permissions.deny.is_empty() {
        spec.warn(
            "persona declares permission allow/deny lists but the grok harness is not wired for \
             allow/deny injection; proceeding without allow/deny rules.",
        );
    }
    if let Some(mode) = permissions.mode
        && !matches!(mode, "default" | "bypassPermissions")
    {
        spec.warn(format!(
            "persona declares permissions.mode \"{mode}\" but the grok harness only supports \
             bypassPermissions via --always-approve; proceeding with Grok defaults."
        ));
    }
}

fn warn_settings<'i>(spec: &mut InteractiveSpec<'i>, input: &SpecInput<'i>) {
    let settings = &input.settings;
    if settings.text("sandboxMode").is_some() {
        spec.warn(
            "grok harnessSettings.sandboxMode is not yet wired; proceeding with Grok defaults.",
        );
    }
    if settings.text("approvalPolicy").is_some() {
        spec.warn(
            "grok harnessSettings.approvalPolicy is not supported; use permissions.mode \
             \"bypassPermissions\" or dangerouslyBypassApprovalsAndSandbox for --always-approve.",
        );
    }
    if settings.switch("workspaceWriteNetworkAccess").is_some() {
        spec.warn(
            "grok harnessSettings.workspaceWriteNetworkAccess is not yet wired; proceeding with \
             Grok defaults.",
        );
    }
    if settings.on("webSearch") {
        spec.warn(
            "grok harnessSettings.webSearch is not wired to a Grok CLI flag; proceeding with Grok \
             defaults.",
        );
    }
}

fn one_shot<'i>(
    mut spec: InteractiveSpec<'i>,
    input: &SpecInput<'i>,
    run: &OneShot<'i>,
) -> NonInteractiveSpec<'i> {
    spec.args(["--output-format", "plain"]);
    if let Some(directory) = run
        .working_directory
        .filter(|directory| !directory.is_empty())
    {
        spec.args(["--cwd", directory]);
    }
    if !spec.args.iter().any(|arg| arg == APPROVE) {
        spec.args([APPROVE]);
    }
    let task = compose_task(&input.system_prompt, &run.task);
    NonInteractiveSpec {
        bin: spec.bin,
        args: spec.args,
        prompt: Prompt::File(task, "--prompt-file"),
        config_files: spec.config_files,
        warnings: spec.warnings,
    }
}

/// Where the user's own configuration and login are.
const HOME_ENV: &str = "GROK_HOME";
const HOME_DEFAULT: &str = ".grok";

#[expect(
    clippy::unnecessary_wraps,
    reason = "the signature of every harness's launch"
)]
fn launch<'i>(input: &LaunchInput<'i>) -> Result<Launch<'i>, Diagnostic> {
    let mut launch = Launch::default();
    launch.args(["--no-auto-update", "--model", input.model]);
    if let Some(run) = &input.run {
        launch.args([
            "--prompt-file",
            "{{stage}}/task.md",
            "--output-format",
            "streaming-json",
        ]);
        launch.text_file("task.md", run.task.clone());
        launch.env.push(("GROK_TURN_SUMMARY", "0".into()));
    }
    if let Some(effort) = input.settings.text("reasoning") {
        launch.args(["--effort", effort]);
    }
    approvals(&mut launch, input);
    launch.env.push((HOME_ENV, "{{stage}}/grok".into()));
    if !input.system_prompt.is_empty() {
        // The body of an agent's file comes at the end of grok's own system prompt; a
        // rule would arrive as the user's words.
        launch.args(["--agent", "{{stage}}/agent.md"]);
        launch.text_file("agent.md", agent(&input.system_prompt).into());
    }
    let inherits = Inheritance {
        home_env: HOME_ENV.into(),
        home_default: HOME_DEFAULT.into(),
        target: "config.toml".into(),
        members: ["model", "models"].map(Text::from).into(),
    };
    launch.inheriting_file("grok/config.toml", servers(&input.servers), inherits);
    if !input.servers.is_empty() && input.run.is_some() {
        // A server that does not start is only in the log.
        launch.env.push(("RUST_LOG", SERVER_LOG.into()));
    }
    launch.links.push(PrivateLink {
        path: "grok/auth.json".into(),
        home_env: HOME_ENV.into(),
        home_default: HOME_DEFAULT.into(),
        target: "auth.json".into(),
    });
    Ok(launch)
}

fn approvals<'i>(launch: &mut Launch<'i>, input: &LaunchInput<'i>) {
    let settings = &input.settings;
    let bypass = input.permissions.mode == Some("bypassPermissions")
        || settings.on("dangerouslyBypassApprovalsAndSandbox");
    match input.permissions.mode {
        Some("plan") => {
            launch.args(["--permission-mode", "plan"]);
            if input.run.is_some() {
                // A call that a rule denies is answered; one that nobody approves ends
                // the run.
                launch.args(["--deny", "Edit"]);
            }
        }
        _ if bypass => launch.args([APPROVE]),
        Some(mode) => launch.args(["--permission-mode", mode]),
        None => {}
    }
    if input.permissions.mode == Some("acceptEdits") {
        // Alone the mode still asks, and a one-shot run ends when nobody answers.
        launch.args(["--allow", "Edit(./**)"]);
    }
    for pattern in patterns(input.permissions.allow) {
        launch.args(["--allow", pattern]);
    }
    // Nobody is there to approve the calls of a one-shot run.
    let unlisted = input.run.is_some() && input.permissions.allow.is_empty();
    for (server, _) in input.servers.iter().filter(|_| unlisted) {
        if approves_server(input, server) {
            launch.args(["--allow".into(), format!("mcp__{}", tool_name(server))]);
        }
    }
    for pattern in patterns(input.permissions.deny) {
        launch.args(["--deny", pattern]);
    }
    let profile = settings.text("sandboxMode").and_then(|mode| match mode {
        "read-only" => Some("read-only"),
        "workspace-write" => Some("workspace"),
        "danger-full-access" => Some("off"),
        _ => None,
    });
    if let Some(profile) = profile {
        launch.args(["--sandbox", profile]);
    }
    if settings.switch("webSearch") == Some(false) {
        launch.args(["--disable-web-search"]);
    }
    for name in ["approvalPolicy", "workspaceWriteNetworkAccess"] {
        if settings.text(name).is_some() || settings.on(name) {
            let message = format!("grok has no setting for harnessSettings.{name}; ignored");
            launch.unsupported(&format!("harnessSettings.{name}"), message);
        }
    }
}

const SERVERS: ServerStyle = ServerStyle {
    list: "mcp_servers",
    types: None,
    command: CommandStyle::Isolated,
    env: "env",
    headers: "headers",
};

fn servers<'i>(servers: &Object<'_>) -> Document<'i> {
    let mut draft = Draft::default();
    let mut config = Object::new();
    if !servers.is_empty() {
        config.append(SERVERS.list, enabled(&draft.servers(servers, &SERVERS)));
    }
    draft.finish(Format::Toml, config.into())
}

/// Folds one event of `--output-format streaming-json`.
fn observe(tally: &mut Tally, event: &Value<'_>) {
    match event.get_str("type") {
        Some("text") => tally
            .text
            .push_str(event.get_str("data").unwrap_or_default()),
        Some("tool_call") => tally.text.clear(),
        Some("tool_call_update") if event.get_str("status") == Some("failed") => {
            let content = event
                .get("content")
                .and_then(Value::as_array)
                .unwrap_or_default();
            let text = content.first().and_then(|item| item.get("content"));
            tally.denied(
                text.and_then(|text| text.get_str("text"))
                    .unwrap_or("a tool call failed"),
            );
        }
        Some("end") => {
            tally.session(event.get_str("sessionId"));
            if let Some(usage) = event.get("usage") {
                tally.set_usage(
                    usage,
                    ["input_tokens", "output_tokens", "cache_read_input_tokens"],
                );
            }
            let reason = event.get_str("stopReason").unwrap_or_default();
            tally.finished = reason == "end_turn";
            if !tally.finished {
                tally.fail(format!("grok stopped: {reason}"));
            }
        }
        Some("error") => tally.fail(error_text(event)),
        _ => {}
    }
}

/// Finds in the log what no event says: a server that did not start.
fn observe_log(tally: &mut Tally, line: &str) {
    let line = without_colors(line);
    if let Some((_, rest)) = line.split_once("MCP server init failed server=") {
        let name = rest.split_once(" error=").map_or(rest, |(name, _)| name);
        tally.broken_server(name.trim_matches('"'));
    }
}

/// Removes the escape sequences that color a text.
fn without_colors(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = String::from(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, text)| text));
    }
    plain
}
