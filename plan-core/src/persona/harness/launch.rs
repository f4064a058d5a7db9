//! What edition 2026 asks of a harness: one launch, interactive or one-shot, that
//! today's command line accepts and that leaves nothing secret or long in argv.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::compat::{ConfigFile, OneShot, Permissions, Settings};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Text, Value};
use crate::base::record::{owned, record};
use crate::effect::{Document, Escape, Format, Reference};
use crate::persona::env;

record! {
    /// A file below the run's private directory; only its owner may read it.
    pub struct PrivateFile<'a> {
        /// The path below the private directory.
        pub path: Text<'a> => "path",
        /// What it holds.
        pub document: Document<'a> => "document",
        /// What it takes over from a file that the user has.
        pub inherits: Option<Inheritance<'a>> => "inherits",
    }
}

record! {
    /// Members of a file of the user's, such as model providers, that a private file takes
    /// over when it is written. A missing file, and members that are there already, change
    /// nothing.
    pub struct Inheritance<'a> {
        /// The variable that names the directory of the file.
        pub home_env: Text<'a> => "homeEnv",
        /// The directory below the home directory when the variable is not set.
        pub home_default: Text<'a> => "homeDefault",
        /// The file below that directory.
        pub target: Text<'a> => "target",
        /// The names of the members.
        pub members: Vec<Text<'a>> => "members",
    }
}

record! {
    /// A symbolic link below the run's private directory, such as to credentials
    /// that the user has already. It is left out when its target does not exist.
    pub struct PrivateLink<'a> {
        /// The path below the private directory.
        pub path: Text<'a> => "path",
        /// The variable that names the directory of the target.
        pub home_env: Text<'a> => "homeEnv",
        /// The directory below the home directory when the variable is not set.
        pub home_default: Text<'a> => "homeDefault",
        /// The target below that directory.
        pub target: Text<'a> => "target",
    }
}

record! {
    /// A variable whose value holds references.
    pub struct EnvDocument<'a> {
        /// The variable.
        pub name: Text<'a> => "name",
        /// Its value.
        pub document: Document<'a> => "document",
    }
}

/// What a launch is built from.
#[derive(Debug)]
pub struct LaunchInput<'i> {
    /// The persona's id.
    pub persona_id: &'i str,
    /// The model as the persona names it.
    pub model: &'i str,
    /// The rendered system prompt.
    pub system_prompt: Text<'i>,
    /// The servers, after injection.
    pub servers: Cow<'i, Object<'i>>,
    /// The persona's permissions.
    pub permissions: Permissions<'i>,
    /// The persona's harness settings.
    pub settings: Settings<'i>,
    /// Whether the persona has skills.
    pub has_skills: bool,
    /// The one-shot run; `None` for an interactive one.
    pub run: Option<OneShot<'i>>,
    /// Whether the harness will run as root.
    pub host_is_root: bool,
}

/// How a harness is started.
#[derive(Debug, Default)]
pub struct Launch<'i> {
    /// The arguments.
    pub args: Vec<Text<'i>>,
    /// What the program reads from standard input.
    pub stdin: Option<Text<'i>>,
    /// Variables to set.
    pub env: Vec<(&'static str, Text<'i>)>,
    /// Variables whose values hold references.
    pub env_documents: Vec<EnvDocument<'i>>,
    /// Files below the private directory.
    pub files: Vec<PrivateFile<'i>>,
    /// Links below the private directory.
    pub links: Vec<PrivateLink<'i>>,
    /// Files in the working directory.
    pub config_files: Vec<ConfigFile<'i>>,
    /// What could not be honoured, or has a consequence.
    pub warnings: Vec<Diagnostic>,
}

impl PrivateFile<'_> {
    /// Returns the document with the members of `given`, the user's own file, that the
    /// file takes over.
    pub fn completed(&self, given: Option<&Object<'_>>) -> Document<'static> {
        let mut document = self.document.to_owned_document();
        if let (Some(inherits), Some(given), Value::Object(own)) =
            (&self.inherits, given, &mut document.value)
        {
            for name in &inherits.members {
                if let Some(value) = given.get(name).filter(|_| !own.contains(name)) {
                    own.append(owned(name), value.to_owned_value());
                }
            }
        }
        document
    }
}

impl<'i> Launch<'i> {
    /// Appends arguments.
    pub(super) fn args(&mut self, args: impl IntoIterator<Item = impl Into<Text<'i>>>) {
        self.args.extend(args.into_iter().map(Into::into));
    }

    /// Adds a private file.
    pub(super) fn file(&mut self, path: &'static str, document: Document<'i>) {
        self.files.push(PrivateFile {
            path: path.into(),
            document,
            inherits: None,
        });
    }

    /// Adds a private file that takes members over from one that the user has: a harness
    /// with a private home must still know the user's model providers.
    pub(super) fn inheriting_file(
        &mut self,
        path: &'static str,
        document: Document<'i>,
        inherits: Inheritance<'i>,
    ) {
        self.files.push(PrivateFile {
            path: path.into(),
            document,
            inherits: Some(inherits),
        });
    }

    /// Adds a private file of plain text.
    pub(super) fn text_file(&mut self, path: &'static str, text: Text<'i>) {
        self.file(path, Document::text(text));
    }

    /// Warns that a setting cannot be honoured.
    pub(super) fn unsupported(&mut self, field: &str, message: impl Into<String>) {
        let warning = Diagnostic::warning(Code::PERSONA_SETTING_UNSUPPORTED, message);
        self.warnings.push(point(warning, field));
    }

    /// Warns of a consequence.
    pub(super) fn notice(&mut self, field: &str, message: impl Into<String>) {
        let warning = Diagnostic::warning(Code::PERSONA_SETTING_WARNING, message);
        self.warnings.push(point(warning, field));
    }

    /// Sets a variable to a document: at once when it holds no reference.
    pub(super) fn env_document(&mut self, name: &'static str, document: Document<'i>) {
        if document.references().is_empty() {
            self.env.push((name, document.template().into()));
        } else {
            self.env_documents.push(EnvDocument {
                name: name.into(),
                document,
            });
        }
    }
}

/// Creates the error for a setting that cannot be honoured and must not be widened.
pub(super) fn refused(field: &str, message: impl Into<String>) -> Diagnostic {
    point(
        Diagnostic::error(Code::PERSONA_SETTING_UNSUPPORTED, message),
        field,
    )
}

fn point(mut diagnostic: Diagnostic, field: &str) -> Diagnostic {
    diagnostic.pointer = Some(format!("/{}", field.replace('.', "/")));
    diagnostic
}

/// Walks the patterns of a list.
pub(super) fn patterns<'i>(list: &'i [Value<'i>]) -> impl Iterator<Item = &'i str> {
    list.iter().filter_map(Value::as_str)
}

/// A tool rule of a persona: `Tool` or `Tool(argument)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule<'i> {
    /// The tool.
    pub(super) tool: &'i str,
    /// What is in the parentheses.
    pub(super) argument: Option<&'i str>,
}

impl<'i> Rule<'i> {
    /// Splits a pattern.
    pub(super) fn of(pattern: &'i str) -> Self {
        let inner = pattern
            .strip_suffix(')')
            .and_then(|open| open.split_once('('));
        match inner {
            Some((tool, argument)) => Self {
                tool,
                argument: Some(argument),
            },
            None => Self {
                tool: pattern,
                argument: None,
            },
        }
    }
}

/// A server of a persona.
#[derive(Debug, Clone, Copy)]
enum Server<'i> {
    /// A program that speaks on its standard streams.
    Stdio {
        /// The program.
        command: &'i str,
        /// Its arguments.
        args: &'i [Value<'i>],
        /// Its variables.
        env: Option<&'i Object<'i>>,
    },
    /// An address.
    Remote {
        /// Whether it speaks server-sent events instead of streamable HTTP.
        sse: bool,
        /// The address.
        url: &'i str,
        /// Its headers.
        headers: Option<&'i Object<'i>>,
    },
}

impl<'i> Server<'i> {
    /// Reads a declared server.
    fn of(value: &'i Value<'i>) -> Self {
        let object = |key| value.get(key).and_then(Value::as_object);
        if value.get_str("type") == Some("stdio") {
            return Server::Stdio {
                command: value.get_str("command").unwrap_or_default(),
                args: value
                    .get("args")
                    .and_then(Value::as_array)
                    .unwrap_or_default(),
                env: object("env"),
            };
        }
        Server::Remote {
            sse: value.get_str("type") == Some("sse"),
            url: value.get_str("url").unwrap_or_default(),
            headers: object("headers"),
        }
    }
}

/// Lists a server's command and arguments with the fields that they come from.
fn command_line<'w>(
    field: &str,
    command: &'w str,
    args: &'w [Value<'_>],
) -> Vec<(String, &'w str)> {
    let mut line = Vec::with_capacity(args.len() + 1);
    line.push((format!("{field}.command"), command));
    for (place, word) in args.iter().enumerate() {
        let text = word.as_str().unwrap_or_default();
        line.push((format!("{field}.args[{place}]"), text));
    }
    line
}

/// How a harness writes the servers of its configuration.
#[derive(Debug)]
pub(super) struct ServerStyle {
    /// The member that holds all of them.
    pub(super) list: &'static str,
    /// Its words for a program, streamable HTTP and server-sent events.
    pub(super) types: Option<[&'static str; 3]>,
    /// How it takes a program.
    pub(super) command: CommandStyle,
    /// Its name of a program's variables.
    pub(super) env: &'static str,
    /// Its name of an address's headers.
    pub(super) headers: &'static str,
}

/// How a harness takes the program of a server.
#[derive(Debug, Clone, Copy)]
pub(super) enum CommandStyle {
    /// Program and arguments apart; the harness keeps its environment to itself.
    Plain,
    /// Program and arguments apart, isolated by us.
    Isolated,
    /// Program and arguments in one list, isolated by us.
    OneList,
}

/// A document under construction: strings with references are noted as they are
/// added.
#[derive(Debug, Default)]
pub(super) struct Draft<'i> {
    references: Vec<Reference<'i>>,
    escapes: Vec<Escape<'i>>,
}

impl<'i> Draft<'i> {
    /// Notes a string that will stand at `path` and comes from the persona's `field`.
    pub(super) fn text(&mut self, path: &Path<'_>, field: &str, text: &str) -> Value<'i> {
        if env::is_reference(text) {
            let (pointer, template) = (path.pointer(), owned(text));
            self.references.push(Reference {
                pointer,
                template,
                field: field.into(),
            });
        }
        Value::String(owned(text))
    }

    /// Notes the texts of a map.
    pub(super) fn map(&mut self, path: &Path<'_>, field: &str, map: &Object<'_>) -> Value<'i> {
        let mut texts = Object::with_capacity(map.len());
        for (key, value) in map.iter() {
            let text = value.as_str().unwrap_or_default();
            let noted = self.text(&path.field(key), &format!("{field}.{key}"), text);
            texts.append(owned(key), noted);
        }
        texts.into()
    }

    /// Notes words that will stand in the list at `path` behind `first`.
    fn words(
        &mut self,
        path: &Path<'_>,
        first: &[Value<'i>],
        words: &[(String, &str)],
    ) -> Vec<Value<'i>> {
        let mut list = first.to_vec();
        for (field, word) in words {
            list.push(self.text(&path.index(list.len()), field, word));
        }
        list
    }

    /// Writes servers in a harness's style, below the member that the style names.
    pub(super) fn servers(&mut self, servers: &Object<'_>, style: &ServerStyle) -> Object<'i> {
        let root = Path::root("");
        let list_at = root.field(style.list);
        let mut list = Object::with_capacity(servers.len());
        for (name, value) in servers.iter() {
            let server = self.server(&list_at.field(name), name, &Server::of(value), style);
            list.append(owned(name), server);
        }
        list
    }

    fn server(
        &mut self,
        at: &Path<'_>,
        name: &str,
        server: &Server<'_>,
        style: &ServerStyle,
    ) -> Object<'i> {
        let field = format!("mcpServers.{name}");
        let mut out = Object::new();
        if let Some([program, http, sse]) = style.types {
            out.insert(
                "type",
                match server {
                    Server::Stdio { .. } => program,
                    Server::Remote { sse: false, .. } => http,
                    Server::Remote { sse: true, .. } => sse,
                },
            );
        }
        match server {
            Server::Stdio { command, args, env } => {
                self.program(
                    &mut out,
                    at,
                    &command_line(&field, command, args),
                    (*env, style),
                );
                if let Some(env) = env {
                    let texts = self.map(&at.field(style.env), &format!("{field}.env"), env);
                    out.insert(style.env, texts);
                }
            }
            Server::Remote { url, headers, .. } => {
                out.insert(
                    "url",
                    self.text(&at.field("url"), &format!("{field}.url"), url),
                );
                if let Some(headers) = headers {
                    let at = at.field(style.headers);
                    let texts = self.map(&at, &format!("{field}.headers"), headers);
                    out.insert(style.headers, texts);
                }
            }
        }
        out
    }

    /// Writes a server's program and arguments, behind the words that keep our
    /// environment from it where the harness does not.
    fn program(
        &mut self,
        out: &mut Object<'i>,
        at: &Path<'_>,
        line: &[(String, &str)],
        (env, style): (Option<&Object<'_>>, &ServerStyle),
    ) {
        let (command_at, args_at) = (at.field("command"), at.field("args"));
        let isolation = isolation(env);
        match (style.command, &isolation) {
            (CommandStyle::OneList, all) => {
                out.insert("command", self.words(&command_at, all, line));
            }
            (CommandStyle::Isolated, [shell, first @ ..]) => {
                out.insert("command", shell.clone());
                out.insert("args", self.words(&args_at, first, line));
            }
            (CommandStyle::Plain, _) => {
                if let [(field, command), args @ ..] = line {
                    out.insert("command", self.text(&command_at, field, command));
                    out.insert("args", self.words(&args_at, &[], args));
                }
            }
        }
    }

    /// Notes a text that the reading program would substitute.
    pub(super) fn escape(&mut self, from: &'static str, to: &'static str) {
        self.escapes.push(Escape {
            from: from.into(),
            to: to.into(),
        });
    }

    /// Finishes the document.
    pub(super) fn finish(self, format: Format, value: Value<'i>) -> Document<'i> {
        let references = Some(self.references).filter(|references| !references.is_empty());
        let escapes = Some(self.escapes).filter(|escapes| !escapes.is_empty());
        Document {
            format,
            value,
            references,
            escapes,
        }
    }
}

/// Starts a program with the variables named in its first word and no others. Claude
/// Code and OpenCode hand their whole environment, API keys included, to every
/// server; this keeps it from them without a value in an argument.
const ISOLATE: &str = "for n in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do \
                       case \"$0\" in *\" $n \"*) ;; *) unset \"$n\" ;; esac; done; exec \"$@\"";

/// Variables that programs need to work at all.
const BASE_ENV: &[&str] = &[
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ",
    "USER",
];

/// Returns the words that go in front of a server's command so that it gets only the
/// base variables and those that it declares.
fn isolation<'i>(env: Option<&Object<'_>>) -> [Value<'i>; 4] {
    let mut keep = String::from(" ");
    let declared = env.into_iter().flat_map(Object::iter).map(|(name, _)| name);
    for name in BASE_ENV.iter().copied().chain(declared) {
        keep.push_str(name);
        keep.push(' ');
    }
    [
        Value::from("sh"),
        Value::from("-c"),
        Value::from(ISOLATE),
        Value::from(keep),
    ]
}

/// Builds an object from pairs.
pub(super) fn object<'i, const N: usize>(pairs: [(&'i str, Value<'i>); N]) -> Object<'i> {
    pairs
        .into_iter()
        .map(|(key, value)| (Cow::Borrowed(key), value))
        .collect()
}

/// Tells whether the persona's rules approve the tools of a server that it declares:
/// a persona without a list of allowed tools approves its own servers, one with a
/// list approves those it names.
pub(super) fn approves_server(input: &LaunchInput<'_>, server: &str) -> bool {
    if input.permissions.mode == Some("plan") {
        return false;
    }
    if input.permissions.allow.is_empty() {
        return true;
    }
    patterns(input.permissions.allow).any(|pattern| server_tool(pattern, server).is_some())
}

/// Reads a rule about a server: `Some("")` for all of its tools, `Some(tool)` for one.
pub(super) fn server_tool<'i>(pattern: &'i str, server: &str) -> Option<&'i str> {
    let rest = pattern.strip_prefix("mcp__")?;
    let name = tool_name(server);
    let rest = rest
        .strip_prefix(&*name)
        .or_else(|| rest.strip_prefix(server))?;
    match rest {
        "" | "__*" => Some(""),
        _ => rest.strip_prefix("__"),
    }
}

/// Writes a server's name as tool names have it.
pub(super) fn tool_name(server: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    server
        .chars()
        .map(|letter| if safe(letter) { letter } else { '_' })
        .collect()
}

/// Tells whether an agent of the selection changes no file, runs nothing and has no server.
pub fn is_read_only(selection: &Value<'_>) -> bool {
    let servers = selection.get("mcpServers").and_then(Value::as_object);
    servers.is_none_or(Object::is_empty)
        && !may_edit(&Permissions::of(selection.get("permissions")))
}

/// Tells whether the persona's rules let the agent change files: not under `plan`, and
/// not with a list of allowed tools that names no tool which can.
pub(super) fn may_edit(permissions: &Permissions<'_>) -> bool {
    match permissions.mode {
        Some("plan") => false,
        Some("acceptEdits" | "bypassPermissions") => true,
        _ => {
            let edits = |pattern| EDITING_TOOLS.contains(&Rule::of(pattern).tool);
            permissions.allow.is_empty() || patterns(permissions.allow).any(edits)
        }
    }
}

/// The tools that can change files, by the names that personas use.
const EDITING_TOOLS: &[&str] = &["Bash", "Edit", "MultiEdit", "NotebookEdit", "Write", "*"];

/// Warns of settings that only codex has.
pub(super) fn warn_codex_only(launch: &mut Launch<'_>, input: &LaunchInput<'_>, harness: &str) {
    const NAMES: [&str; 5] = [
        "sandboxMode",
        "approvalPolicy",
        "workspaceWriteNetworkAccess",
        "webSearch",
        "dangerouslyBypassApprovalsAndSandbox",
    ];
    for name in NAMES {
        if input.settings.text(name).is_some() || input.settings.on(name) {
            let message = format!("{harness} has no setting for harnessSettings.{name}; ignored");
            launch.unsupported(&format!("harnessSettings.{name}"), message);
        }
    }
}

/// Says of every server that it is switched on.
pub(super) fn enabled<'i>(servers: &Object<'i>) -> Object<'i> {
    let mut list = Object::with_capacity(servers.len());
    for (name, value) in servers.entries() {
        let mut table = value.as_object().cloned().unwrap_or_default();
        table.insert("enabled", true);
        list.append(name.clone(), table);
    }
    list
}
