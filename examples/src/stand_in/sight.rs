//! What an agent finds when it starts.

use toml::Value as Toml;

use super::host::Host;

/// A tool server that the agent was told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its name.
    pub name: String,
    /// How it is reached: a program or an address without its query.
    pub at: String,
    /// Whether it can be started; remote ones are believed.
    pub works: bool,
    /// Its variables or headers, values hidden.
    pub secrets: Vec<String>,
    /// Whether the agent must not start without it.
    pub required: bool,
}

/// How a hidden value is shown.
fn hide(value: &str) -> &'static str {
    match value {
        "" => "<empty>",
        _ if value.starts_with('$') || value.contains("${") => "<unresolved reference>",
        _ => "<set>",
    }
}

/// Shows names with their values hidden.
fn hidden(pairs: &[(String, String)]) -> Vec<String> {
    let show = |(name, value): &(String, String)| format!("{name}={}", hide(value));
    pairs.iter().map(show).collect()
}

impl Server {
    /// A server that is a program. A shell that only prepares its environment and then
    /// becomes the program is looked through.
    pub fn local(host: &Host, name: &str, argv: &[String], env: &[(String, String)]) -> Self {
        let command = match argv {
            [shell, flag, script, _, program, ..]
                if shell == "sh" && flag == "-c" && script.ends_with("exec \"$@\"") =>
            {
                program
            }
            [program, ..] => program,
            [] => "",
        };
        Self {
            name: name.to_owned(),
            at: command.to_owned(),
            works: host.has_program(command),
            secrets: hidden(env),
            required: false,
        }
    }

    /// A server behind an address.
    pub fn remote(name: &str, url: &str, headers: &[(String, String)]) -> Self {
        Self {
            name: name.to_owned(),
            at: url.split(['?', '#']).next().unwrap_or_default().to_owned(),
            works: true,
            secrets: hidden(headers),
            required: false,
        }
    }
}

/// A server as a table of TOML describes it; one that is switched off does not count.
pub fn server_of_toml(host: &Host, name: &str, settings: &Toml, headers: &str) -> Option<Server> {
    let settings = settings.as_table()?;
    let text = |key: &str| settings.get(key).and_then(Toml::as_str);
    let switch = |key: &str| settings.get(key).and_then(Toml::as_bool);
    let pairs = |key: &str| -> Vec<(String, String)> {
        let table = settings.get(key).and_then(Toml::as_table);
        let texts = table.into_iter().flatten();
        texts
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    };
    if switch("enabled") == Some(false) {
        return None;
    }
    let mut server = match text("command") {
        Some(command) => {
            let args = settings.get("args").and_then(Toml::as_array);
            let args = args.into_iter().flatten().filter_map(Toml::as_str);
            let words: Vec<String> = [command]
                .into_iter()
                .chain(args)
                .map(str::to_owned)
                .collect();
            Server::local(host, name, &words, &pairs("env"))
        }
        None => Server::remote(name, text("url")?, &pairs(headers)),
    };
    server.required = switch("required").unwrap_or(false);
    Some(server)
}

/// Tells whether a rule such as `Write` or `Write(*)` names a tool.
pub fn covers(rule: &str, tool: &str) -> bool {
    let rest = rule.strip_prefix(tool);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
}

/// Everything that an agent found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// The agent that is played.
    pub agent: &'static str,
    /// The model that was asked for.
    pub model: String,
    /// The permission mode or sandbox, as the agent calls it.
    pub mode: String,
    /// The system prompt, however it arrived.
    pub system_prompt: String,
    /// The context files, each with its first line.
    pub context: Vec<(String, String)>,
    /// The names of the skills.
    pub skills: Vec<String>,
    /// The tool servers.
    pub servers: Vec<Server>,
    /// The names of the variables that are not the system's.
    pub env: Vec<String>,
    /// The names of the options.
    pub options: Vec<String>,
}

/// Variables that every process of a session has.
const ORDINARY: [&str; 22] = [
    "COLORTERM",
    "DISPLAY",
    "EDITOR",
    "HOME",
    "HOSTNAME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "LS_COLORS",
    "MAIL",
    "OLDPWD",
    "PAGER",
    "PATH",
    "PWD",
    "SHELL",
    "SHLVL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "XPC_SERVICE_NAME",
    "_",
];

/// Prefixes of variables that belong to the session or to the build.
const ORDINARY_PREFIXES: [&str; 9] = [
    "CARGO", "DBUS_", "LC_", "LD_", "NEXTEST", "RUST", "SSH_", "SYSTEMD_", "XDG_",
];

impl Sight {
    /// Starts with what every agent sees.
    pub fn new(agent: &'static str, host: &Host) -> Self {
        let ordinary = |name: &str| {
            ORDINARY.contains(&name)
                || ORDINARY_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
        };
        let env = host.env.keys().filter(|name| !ordinary(name));
        Self {
            agent,
            env: env.cloned().collect(),
            ..Self::default()
        }
    }

    /// Returns the first line of the system prompt.
    pub fn system_prompt_line(&self) -> &str {
        let line = self
            .system_prompt
            .lines()
            .find(|line| !line.trim().is_empty());
        line.unwrap_or("(nothing)")
    }

    /// Looks for context files in the working directory: the first that exists of each
    /// group, as agents do.
    pub fn read_context(&mut self, host: &Host, groups: &[&[&str]]) {
        for group in groups {
            let found = group
                .iter()
                .find_map(|name| Some((*name, host.read(name)?)));
            if let Some((name, text)) = found {
                let line = text.lines().next().unwrap_or_default();
                self.context.push((name.to_owned(), line.to_owned()));
            }
        }
    }

    /// Looks for skills in the directories given.
    pub fn read_skills(&mut self, host: &Host, dirs: &[std::path::PathBuf]) {
        for dir in dirs {
            self.skills.extend(host.skills_in(dir));
        }
        self.skills.sort_unstable();
        self.skills.dedup();
    }
}
