//! What persona-kit 4 asks of a harness: interactive and one-shot specs.
//!
//! Source: recorded behaviour of persona-kit 4.1.59; the texts are exact because
//! callers match on them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::json::{Object, Print, Text, Value, Writer};
use crate::base::record::record;
use crate::persona::mcp::{self, AiHist, MergedServers};
use crate::persona::relay::RelayMcp;

/// The harnesses in the order in which persona-kit lists where they have their skills.
pub const SKILL_TARGET_ORDER: [&str; 4] = ["claude", "codex", "opencode", "grok"];

/// What a spec is built from.
#[derive(Debug, Clone)]
pub struct SpecInput<'i> {
    /// The wire name of the harness.
    pub harness: &'i str,
    /// The persona's id.
    pub persona_id: &'i str,
    /// The model as the persona names it.
    pub model: &'i str,
    /// The rendered system prompt.
    pub system_prompt: Text<'i>,
    /// The persona's servers, if it declares any.
    pub mcp_servers: Option<&'i Object<'i>>,
    /// The relay server to inject.
    pub relay: Option<RelayMcp<'i>>,
    /// The history server to inject.
    pub ai_hist: Option<AiHist<'i>>,
    /// The persona's permissions.
    pub permissions: Permissions<'i>,
    /// The persona's harness settings.
    pub settings: Settings<'i>,
    /// Directories of staged plugins.
    pub plugin_dirs: Vec<Text<'i>>,
}

/// The permission block, read leniently.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permissions<'i> {
    /// Patterns that are allowed.
    pub allow: &'i [Value<'i>],
    /// Patterns that are denied.
    pub deny: &'i [Value<'i>],
    /// The permission mode; never empty.
    pub mode: Option<&'i str>,
}

impl<'i> Permissions<'i> {
    /// Reads a persona's `permissions`.
    pub fn of(block: Option<&'i Value<'i>>) -> Self {
        let list = |key| {
            let list = block
                .and_then(|block| block.get(key))
                .and_then(Value::as_array);
            list.unwrap_or_default()
        };
        let mode = block.and_then(|block| block.get_str("mode"));
        Self {
            allow: list("allow"),
            deny: list("deny"),
            mode: mode.filter(|mode| !mode.is_empty()),
        }
    }

    /// Tells whether the persona says anything about permissions.
    pub const fn exist(&self) -> bool {
        !self.allow.is_empty() || !self.deny.is_empty() || self.mode.is_some()
    }
}

/// The harness settings, read leniently.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings<'i> {
    block: Option<&'i Value<'i>>,
}

impl<'i> Settings<'i> {
    /// Reads a persona's `harnessSettings`.
    pub const fn of(block: Option<&'i Value<'i>>) -> Self {
        Self { block }
    }

    /// Returns a setting that is a non-empty text.
    pub fn text(&self, key: &str) -> Option<&'i str> {
        let value = self.block.and_then(|block| block.get_str(key));
        value.filter(|text| !text.is_empty())
    }

    /// Returns a switch: whether it is present and whether it is on.
    pub fn switch(&self, key: &str) -> Option<bool> {
        self.block
            .and_then(|block| block.get(key))
            .map(Value::is_truthy)
    }

    /// Tells whether a switch is on.
    pub fn on(&self, key: &str) -> bool {
        self.switch(key) == Some(true)
    }

    /// Returns a number.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.block
            .and_then(|block| block.get(key))
            .and_then(Value::as_number)
    }

    /// Tells whether a setting is there that only codex has.
    pub fn has_codex_only(&self) -> bool {
        self.text("sandboxMode").is_some()
            || self.text("approvalPolicy").is_some()
            || self.on("webSearch")
            || self.switch("workspaceWriteNetworkAccess").is_some()
            || self
                .switch("dangerouslyBypassApprovalsAndSandbox")
                .is_some()
    }
}

record! {
    /// A file that the harness reads from its working directory.
    pub struct ConfigFile<'a> {
        /// The path below the working directory.
        pub path: Text<'a> => "path",
        /// The whole text.
        pub contents: Text<'a> => "contents",
    }
}

/// How to start a harness in a terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct InteractiveSpec<'i> {
    /// The program.
    pub bin: Text<'i>,
    /// Its arguments.
    pub args: Vec<Text<'i>>,
    /// Text that callers append as the last positional argument when not empty.
    pub initial_prompt: Option<Text<'i>>,
    /// What the harness cannot honour.
    pub warnings: Vec<Text<'i>>,
    /// Files to write before the start.
    pub config_files: Vec<ConfigFile<'i>>,
    /// The servers after injection.
    pub mcp_servers: MergedServers<'i>,
}

impl Print for InteractiveSpec<'_> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("bin", &self.bin);
        out.field("args", &self.args);
        out.key("initialPrompt");
        self.initial_prompt.print(out);
        out.field("warnings", &self.warnings);
        out.field("configFiles", &self.config_files);
        if let Some(servers) = &self.mcp_servers.servers {
            out.field("mcpServers", &**servers);
        }
        out.end_object();
    }
}

impl<'i> InteractiveSpec<'i> {
    /// Starts a spec with the servers that every harness would get.
    pub(super) fn new(bin: &'static str, input: &SpecInput<'i>) -> Self {
        Self {
            bin: bin.into(),
            args: Vec::with_capacity(16),
            initial_prompt: None,
            warnings: Vec::new(),
            config_files: Vec::new(),
            mcp_servers: mcp::merge_servers(
                input.mcp_servers,
                input.relay.clone(),
                input.ai_hist.clone(),
            ),
        }
    }

    /// Appends arguments.
    pub(super) fn args(&mut self, args: impl IntoIterator<Item = impl Into<Text<'i>>>) {
        self.args.extend(args.into_iter().map(Into::into));
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, warning: impl Into<Text<'i>>) {
        self.warnings.push(warning.into());
    }

    /// Adds the warning about settings that only codex has.
    pub(super) fn warn_codex_only(&mut self, input: &SpecInput<'i>) {
        if input.settings.has_codex_only() {
            self.warn(format!(
                "persona declares codex-only harnessSettings but the {} harness ignores \
                 sandboxMode, approvalPolicy, workspaceWriteNetworkAccess, webSearch, and \
                 dangerouslyBypassApprovalsAndSandbox.",
                input.harness
            ));
        }
    }

    /// Adds the warning about plugin directories.
    pub(super) fn warn_plugin_dirs(&mut self, input: &SpecInput<'i>) {
        if !input.plugin_dirs.is_empty() {
            self.warn(format!(
                "pluginDirs is currently supported only for claude and grok; ignoring under the \
                 {0} harness. Skills must be staged via {0} conventions.",
                input.harness
            ));
        }
    }

    /// Adds the warning about permissions that are not passed on.
    pub(super) fn warn_permissions(&mut self, input: &SpecInput<'i>) {
        if input.permissions.exist() {
            self.warn(format!(
                "persona declares permissions but the {0} harness is not yet wired for runtime \
                 permission injection; proceeding with {0} defaults.",
                input.harness
            ));
        }
    }

    /// Prints the merged servers as the JSON that claude takes.
    pub(super) fn mcp_config(&self) -> String {
        let mut out = Writer::compact();
        out.begin_object();
        out.key("mcpServers");
        match &self.mcp_servers.servers {
            Some(servers) => servers.print(&mut out),
            None => Object::new().print(&mut out),
        }
        out.end_object();
        out.finish()
    }
}

/// What a one-shot run is asked to do.
#[derive(Debug, Clone, Default)]
pub struct OneShot<'i> {
    /// The task.
    pub task: Text<'i>,
    /// A title for the session.
    pub name: Option<&'i str>,
    /// The directory to work in.
    pub working_directory: Option<&'i str>,
    /// Whether the host is Windows, which has no `/bin/sh`.
    pub windows: bool,
}

/// How a one-shot run gets its prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt<'i> {
    /// On standard input.
    Stdin(Text<'i>),
    /// In a file that the flag names.
    File(Text<'i>, &'static str),
}

/// How to run a harness once.
#[derive(Debug, Clone, PartialEq)]
pub struct NonInteractiveSpec<'i> {
    /// The program.
    pub bin: Text<'i>,
    /// Its arguments.
    pub args: Vec<Text<'i>>,
    /// Its prompt.
    pub prompt: Prompt<'i>,
    /// Files to write before the start.
    pub config_files: Vec<ConfigFile<'i>>,
    /// What the harness cannot honour.
    pub warnings: Vec<Text<'i>>,
}

impl Print for NonInteractiveSpec<'_> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("bin", &self.bin);
        out.field("args", &self.args);
        out.key("prompt");
        out.begin_object();
        match &self.prompt {
            Prompt::Stdin(contents) => {
                out.field("mode", "stdin");
                out.field("contents", contents);
            }
            Prompt::File(contents, flag) => {
                out.field("mode", "file");
                out.field("contents", contents);
                out.field("flag", *flag);
            }
        }
        out.end_object();
        out.field("configFiles", &self.config_files);
        out.field("warnings", &self.warnings);
        out.end_object();
    }
}

/// Puts a system prompt in front of a task, for harnesses without a place for it.
pub fn compose_task<'i>(prompt: &str, task: &Text<'i>) -> Text<'i> {
    if prompt.is_empty() {
        return task.clone();
    }
    format!("{prompt}\n\nUser task:\n{task}").into()
}

/// The two builders of a harness that persona-kit 4 knows.
#[derive(Debug)]
pub struct Compat {
    /// The place in the list that persona-kit 4 prints.
    pub rank: u8,
    /// Builds the interactive spec.
    pub interactive: for<'i> fn(&SpecInput<'i>) -> InteractiveSpec<'i>,
    /// Turns an interactive spec into a one-shot spec.
    pub one_shot:
        for<'i> fn(InteractiveSpec<'i>, &SpecInput<'i>, &OneShot<'i>) -> NonInteractiveSpec<'i>,
}

/// The harness name is none that persona-kit 4 knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Unhandled harness: {0}")]
pub struct UnhandledHarness(pub String);

/// Builds the interactive spec of the harness that the input names.
///
/// # Errors
/// A harness that persona-kit 4 does not know.
pub fn interactive<'i>(input: &SpecInput<'i>) -> Result<InteractiveSpec<'i>, UnhandledHarness> {
    find(input).map(|compat| (compat.interactive)(input))
}

/// Builds the one-shot spec of the harness that the input names.
///
/// # Errors
/// A harness that persona-kit 4 does not know.
pub fn one_shot<'i>(
    input: &SpecInput<'i>,
    run: &OneShot<'i>,
) -> Result<NonInteractiveSpec<'i>, UnhandledHarness> {
    let compat = find(input)?;
    Ok((compat.one_shot)((compat.interactive)(input), input, run))
}

fn find(input: &SpecInput<'_>) -> Result<&'static Compat, UnhandledHarness> {
    let def = super::find(input.harness);
    def.and_then(|def| def.compat.as_ref())
        .ok_or_else(|| UnhandledHarness(input.harness.into()))
}
