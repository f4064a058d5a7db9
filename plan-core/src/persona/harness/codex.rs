//! OpenAI Codex.
//!
//! Source of the 2026 launch: measured with codex 0.169.0.

use alloc::format;
use alloc::vec::Vec;

use super::compat::{
    Compat, InteractiveSpec, NonInteractiveSpec, OneShot, Prompt, SpecInput, compose_task,
};
use super::launch::{
    CommandStyle, Draft, Inheritance, Launch, LaunchInput, PrivateLink, Rule, ServerStyle,
    approves_server, may_edit, object, patterns, refused, server_tool,
};
use super::outcome::{Tally, Watch, error_text};
use super::{HarnessDef, SidecarFile, SkillTarget, StopSignal};
use crate::base::diag::Diagnostic;
use crate::base::json::{Object, Text, Value, Writer};
use crate::base::sort::sort_by;
use crate::base::text::collate;
use crate::effect::{Document, Format};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "codex",
    install: "npm install -g @openai/codex",
    sidecar: SidecarFile::AgentsMd,
    skills: SkillTarget {
        as_flag: "codex",
        dir: ".agents/skills",
        session_root: false,
    },
    compat: Some(Compat {
        rank: 1,
        interactive,
        one_shot,
    }),
    private_skills: "{{stage}}/codex",
    reserved_env: &["CODEX_HOME"],
    launch,
    watch: Watch::new(observe, observe_log),
    stop: StopSignal::Interrupt,
    tested: "0.169",
    clear: "/new",
    usual_model: "gpt-5.5",
};

fn interactive<'i>(input: &SpecInput<'i>) -> InteractiveSpec<'i> {
    let mut spec = InteractiveSpec::new("codex", input);
    spec.initial_prompt = Some(input.system_prompt.clone());
    let model = input
        .model
        .split_once('/')
        .map_or(input.model, |(_, model)| model);
    spec.args(["-m", model]);
    spec.warn_permissions(input);
    spec.warn_plugin_dirs(input);
    servers(&mut spec);
    sandbox(&mut spec, input);
    if input.settings.on("webSearch") {
        spec.args(["--search"]);
    }
    if let Some(policy) = input.settings.text("approvalPolicy") {
        spec.warn(format!(
            "codex harnessSettings.approvalPolicy (\"{policy}\") is not supported in codex \
             0.1.77+; the --ask-for-approval flag was removed. Use \
             dangerouslyBypassApprovalsAndSandbox: true for non-interactive execution, or \
             sandboxMode for filesystem access control."
        ));
    }
    spec
}

fn sandbox<'i>(spec: &mut InteractiveSpec<'i>, input: &SpecInput<'i>) {
    if input.settings.on("dangerouslyBypassApprovalsAndSandbox") {
        spec.args(["--dangerously-bypass-approvals-and-sandbox"]);
        return;
    }
    if let Some(mode) = input.settings.text("sandboxMode") {
        spec.args(["--sandbox", mode]);
    }
    if let Some(network) = input.settings.switch("workspaceWriteNetworkAccess") {
        let setting = if network {
            "sandbox_workspace_write.network_access=true"
        } else {
            "sandbox_workspace_write.network_access=false"
        };
        spec.args(["-c", setting]);
    }
}

fn servers(spec: &mut InteractiveSpec<'_>) {
    let Some(servers) = spec.mcp_servers.servers.take() else {
        return;
    };
    for (name, server) in sorted(&servers) {
        if server.get_str("type") == Some("stdio") {
            set(spec, name, "command", |out| {
                out.string(server.get_str("command").unwrap_or_default());
            });
            let args = server.get("args").and_then(Value::as_array);
            if let Some(args) = args.filter(|args| !args.is_empty()) {
                set(spec, name, "args", |out| list(out, args));
            }
            inline_table(spec, name, "env", server.get("env"));
        } else {
            set(spec, name, "url", |out| {
                out.string(server.get_str("url").unwrap_or_default());
            });
            inline_table(spec, name, "http_headers", server.get("headers"));
            if server.get_str("type") == Some("sse") {
                spec.warn(format!(
                    "persona declares mcpServers.{name} with type 'sse'; codex expects \
                     streamable-http MCP endpoints. Passing url through as-is."
                ));
            }
        }
    }
    spec.mcp_servers.servers = Some(servers);
}

/// Passes a setting of a server. A text is encoded as persona-kit 4 encodes a TOML string:
/// as a JSON string.
fn set(spec: &mut InteractiveSpec<'_>, server: &str, key: &str, value: impl FnOnce(&mut Writer)) {
    let mut out = Writer::with_capacity(128);
    out.raw("mcp_servers.");
    if is_bare(server) {
        out.raw(server);
    } else {
        out.string(server);
    }
    for part in [".", key, "="] {
        out.raw(part);
    }
    value(&mut out);
    spec.args([Text::from("--config"), out.finish().into()]);
}

fn list(out: &mut Writer, items: &[Value<'_>]) {
    out.raw("[");
    for (place, item) in items.iter().filter_map(Value::as_str).enumerate() {
        out.raw(if place > 0 { ", " } else { "" });
        out.string(item);
    }
    out.raw("]");
}

fn sorted<'o, 'a>(object: &'o Object<'a>) -> Vec<(&'o str, &'o Value<'a>)> {
    let mut entries: Vec<_> = object.iter().collect();
    if !entries.is_sorted_by(|(left, _), (right, _)| collate(left, right).is_le()) {
        sort_by(&mut entries, &|(left, _), (right, _)| collate(left, right));
    }
    entries
}

fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn inline_table(spec: &mut InteractiveSpec<'_>, server: &str, key: &str, map: Option<&Value<'_>>) {
    let map = map.and_then(Value::as_object);
    let Some(map) = map.filter(|map| !map.is_empty()) else {
        return;
    };
    set(spec, server, key, |out| {
        out.raw("{ ");
        for (place, (key, value)) in sorted(map).into_iter().enumerate() {
            out.raw(if place > 0 { ", " } else { "" });
            out.string(key);
            out.raw(" = ");
            out.string(value.as_str().unwrap_or_default());
        }
        out.raw(" }");
    });
}

fn one_shot<'i>(
    spec: InteractiveSpec<'i>,
    _input: &SpecInput<'i>,
    run: &OneShot<'i>,
) -> NonInteractiveSpec<'i> {
    let mut args = Vec::with_capacity(spec.args.len() + 3);
    args.push(Text::from("exec"));
    args.extend(spec.args);
    args.extend([Text::from("--skip-git-repo-check"), "-".into()]);
    let prompt = spec.initial_prompt.unwrap_or_default();
    NonInteractiveSpec {
        bin: spec.bin,
        args,
        prompt: Prompt::Stdin(compose_task(&prompt, &run.task)),
        config_files: spec.config_files,
        warnings: spec.warnings,
    }
}

/// Where the user's own configuration and login are.
const HOME_ENV: &str = "CODEX_HOME";
const HOME_DEFAULT: &str = ".codex";

fn launch<'i>(input: &LaunchInput<'i>) -> Result<Launch<'i>, Diagnostic> {
    let mut launch = Launch::default();
    refuse_unenforceable(input)?;
    if let Some(run) = &input.run {
        launch.args(["exec", "--json", "--skip-git-repo-check", "-"]);
        launch.stdin = Some(run.task.clone());
    }
    launch.env.push((HOME_ENV, "{{stage}}/codex".into()));
    let config = config(&mut launch, input);
    let inherits = Inheritance {
        home_env: HOME_ENV.into(),
        home_default: HOME_DEFAULT.into(),
        target: "config.toml".into(),
        members: ["model_provider", "model_providers"].map(Text::from).into(),
    };
    launch.inheriting_file("codex/config.toml", config, inherits);
    // The user's login; codex writes refreshed tokens through the link.
    launch.links.push(PrivateLink {
        path: "codex/auth.json".into(),
        home_env: HOME_ENV.into(),
        home_default: HOME_DEFAULT.into(),
        target: "auth.json".into(),
    });
    if !input.permissions.allow.is_empty() {
        launch.unsupported(
            "permissions.allow",
            "codex has no list of allowed tools; the sandbox is read-only unless the list names a \
             tool that edits or runs commands",
        );
    }
    Ok(launch)
}

/// Tools that the sandbox, or the setting for web search, denies.
const ENFORCED_DENIALS: &[&str] = &[
    "Edit",
    "MultiEdit",
    "NotebookEdit",
    "WebFetch",
    "WebSearch",
    "Write",
];

/// Refuses deny rules that neither the sandbox nor a setting of codex enforces.
fn refuse_unenforceable(input: &LaunchInput<'_>) -> Result<(), Diagnostic> {
    for pattern in patterns(input.permissions.deny) {
        let Rule { tool, argument } = Rule::of(pattern);
        let servers = &input.servers;
        let enforced = (argument.is_none() && ENFORCED_DENIALS.contains(&tool))
            || servers
                .iter()
                .any(|(server, _)| server_tool(pattern, server).is_some());
        if !enforced {
            let message = format!(
                "codex cannot deny `{pattern}`, and ignoring it would widen what the agent may do"
            );
            return Err(refused("permissions.deny", message)
                .help("remove the rule, restrict sandboxMode, or use another harness"));
        }
    }
    if bypasses(input) && (input.permissions.mode == Some("plan") || denies_edits(input)) {
        let message = "the persona's permissions forbid changes, but \
                       dangerouslyBypassApprovalsAndSandbox lifts every limit";
        return Err(refused(
            "harnessSettings.dangerouslyBypassApprovalsAndSandbox",
            message,
        ));
    }
    Ok(())
}

fn denies_edits(input: &LaunchInput<'_>) -> bool {
    let edits = ["Edit", "MultiEdit", "NotebookEdit", "Write"];
    patterns(input.permissions.deny).any(|pattern| edits.contains(&Rule::of(pattern).tool))
}

fn bypasses(input: &LaunchInput<'_>) -> bool {
    input.settings.on("dangerouslyBypassApprovalsAndSandbox")
}

/// Returns the sandbox: the persona's, unless its permissions ask for less.
fn sandbox_mode<'i>(input: &LaunchInput<'i>) -> &'i str {
    if bypasses(input) {
        return "danger-full-access";
    }
    if denies_edits(input) || input.permissions.mode == Some("plan") {
        return "read-only";
    }
    if !may_edit(&input.permissions) {
        return "read-only";
    }
    if let Some(mode) = input.settings.text("sandboxMode") {
        return mode;
    }
    match input.permissions.mode {
        Some("bypassPermissions") => "danger-full-access",
        _ => "workspace-write",
    }
}

/// Returns who is asked before codex leaves its sandbox: nobody is there in a
/// one-shot run.
fn approval_policy<'i>(launch: &mut Launch<'i>, input: &LaunchInput<'i>) -> &'i str {
    let free = bypasses(input) || input.permissions.mode == Some("bypassPermissions");
    if input.run.is_some() || free {
        return "never";
    }
    match input.settings.text("approvalPolicy") {
        None => "on-request",
        Some("untrusted") => {
            let message = "codex no longer knows approvalPolicy untrusted; on-request is used";
            launch.unsupported("harnessSettings.approvalPolicy", message);
            "on-request"
        }
        Some(policy) => policy,
    }
}

fn config<'i>(launch: &mut Launch<'i>, input: &LaunchInput<'i>) -> Document<'i> {
    let mut draft = Draft::default();
    let model = input
        .model
        .split_once('/')
        .map_or(input.model, |(_, model)| model);
    let sandbox = sandbox_mode(input);
    let web_denied = patterns(input.permissions.deny).any(|rule| rule.starts_with("Web"));
    let web = input.settings.on("webSearch") && !web_denied;
    let mut config = object([
        ("model", model.into()),
        ("check_for_update_on_startup", false.into()),
        ("approval_policy", approval_policy(launch, input).into()),
        ("sandbox_mode", sandbox.into()),
        ("web_search", if web { "live" } else { "disabled" }.into()),
    ]);
    if let Some(effort) = input.settings.text("reasoning") {
        config.insert("model_reasoning_effort", effort);
    }
    if !input.system_prompt.is_empty() {
        config.insert("developer_instructions", input.system_prompt.clone());
    }
    config.insert("analytics", object([("enabled", false.into())]));
    let features = [
        ("plugins", false.into()),
        ("apps", false.into()),
        ("daemon_auto_start", false.into()),
    ];
    config.insert("features", object(features));
    if sandbox == "workspace-write" {
        let network = input.settings.on("workspaceWriteNetworkAccess");
        let limits = object([
            ("network_access", network.into()),
            ("exclude_slash_tmp", true.into()),
            ("exclude_tmpdir_env_var", true.into()),
        ]);
        config.insert("sandbox_workspace_write", limits);
    }
    if !input.servers.is_empty() {
        config.insert("mcp_servers", servers_table(&mut draft, input));
    }
    draft.finish(Format::Toml, config.into())
}

const SERVERS: ServerStyle = ServerStyle {
    list: "mcp_servers",
    types: None,
    command: CommandStyle::Plain,
    env: "env",
    headers: "http_headers",
};

fn servers_table<'i>(draft: &mut Draft<'i>, input: &LaunchInput<'i>) -> Object<'i> {
    let mut list = Object::with_capacity(input.servers.len());
    for (name, value) in draft.servers(&input.servers, &SERVERS).entries() {
        let mut table = value.as_object().cloned().unwrap_or_default();
        table.insert("required", true);
        let approval = if approves_server(input, name) {
            "approve"
        } else {
            "prompt"
        };
        table.insert("default_tools_approval_mode", approval);
        limit_tools(&mut table, input, name);
        list.append(name.clone(), table);
    }
    list
}

/// Names the tools of a server that the persona's rules single out.
fn limit_tools<'i>(table: &mut Object<'i>, input: &LaunchInput<'i>, server: &str) {
    let named = |list: &'i [Value<'i>]| -> Vec<&'i str> {
        patterns(list)
            .filter_map(|pattern| server_tool(pattern, server))
            .collect()
    };
    let (allowed, denied) = (
        named(input.permissions.allow),
        named(input.permissions.deny),
    );
    let texts = |tools: Vec<&'i str>| tools.into_iter().map(Value::from).collect::<Vec<_>>();
    if denied.contains(&"") {
        table.insert("enabled", false);
        table.insert("required", false);
    } else if !denied.is_empty() {
        table.insert("disabled_tools", texts(denied));
    }
    if !allowed.is_empty() && !allowed.contains(&"") {
        table.insert("enabled_tools", texts(allowed));
    }
}

/// Folds one event of `codex exec --json`.
fn observe(tally: &mut Tally, event: &Value<'_>) {
    match event.get_str("type") {
        Some("thread.started") => tally.session(event.get_str("thread_id")),
        Some("item.completed") => item(tally, event.get("item").unwrap_or(&Value::Null)),
        Some("turn.completed") => {
            tally.finished = true;
            if let Some(usage) = event.get("usage") {
                tokens(tally, usage);
            }
        }
        Some("turn.failed") => {
            status(tally, event);
            tally.fail(error_text(event));
        }
        // A broken connection is reported like this too, and then tried again.
        Some("error") => {
            status(tally, event);
            tally.complain(error_text(event));
        }
        _ => {}
    }
}

/// Takes over the tokens of a turn; codex counts what came from the cache among the input.
fn tokens(tally: &mut Tally, usage: &Value<'_>) {
    let names = ["input_tokens", "output_tokens", "cached_input_tokens"];
    tally.set_usage(usage, names);
    if let Some(usage) = &mut tally.usage {
        usage.input = usage.input.saturating_sub(usage.cached);
    }
}

/// Codex says the status in its message alone. For 400 that is what the server answered.
fn status(tally: &mut Tally, event: &Value<'_>) {
    let message = event.get("error").unwrap_or(event).get_str("message");
    let message = message.unwrap_or_default();
    let mut fronts = ["unexpected status ", "last status: "].into_iter();
    let rest = fronts.find_map(|front| message.split_once(front));
    let number = match rest {
        None if message.starts_with('{') => Some(400),
        _ => rest.and_then(|(_, rest)| rest.get(..3)?.parse::<u16>().ok()),
    };
    tally.refused(number.map(|number| Value::Number(number.into())).as_ref());
}

/// Finds what is on the standard error only: what ends codex before its first turn, and the
/// calls that it refused itself. A command that fails in the sandbox is not among them.
fn observe_log(tally: &mut Tally, line: &str) {
    if let Some(reason) = line.strip_prefix("Error: ") {
        tally.complain(reason);
    } else if let Some((_, refused)) = line.split_once("codex_core::tools::router: error=")
        && REFUSALS.iter().any(|word| refused.contains(word))
    {
        tally.denied(refused);
    }
}

/// Words of codex's own about a call that it does not let through; other errors of calls are
/// the agent's.
const REFUSALS: &[&str] = &["rejected", "reject command", "unsupported call"];

fn item(tally: &mut Tally, item: &Value<'_>) {
    match item.get_str("type") {
        Some("agent_message") => tally.text = item.get_str("text").unwrap_or_default().into(),
        Some("mcp_tool_call") if item.get_str("status") == Some("failed") => {
            let name = |key| item.get_str(key).unwrap_or("?");
            tally.denied(&format!(
                "{}.{}: {}",
                name("server"),
                name("tool"),
                error_text(item)
            ));
        }
        _ => {}
    }
}
