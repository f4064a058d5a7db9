//! MCP servers: resolving their references, and the servers that a plan adds.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::env::{DroppedField, resolve_string_map_lenient, substitute_value};
use super::relay::RelayMcp;
use crate::base::json::{Object, Text, Value};
use crate::base::record::record;

record! {
    /// A server that was left out whole: what it cannot start without is not known.
    pub struct DroppedServer<'a> {
        /// The server.
        pub name: Text<'a> => "name",
        /// The variables that are not set.
        pub references: Vec<Text<'a>> => "refs",
    }
}

record! {
    /// A persona's servers as far as they could be resolved.
    pub struct ResolvedServers<'a> {
        /// The servers that are left; nothing when there is none.
        pub servers: Option<Object<'a>> => "servers",
        /// The headers and variables that were left out.
        pub dropped: Vec<DroppedField<'a>> => "dropped",
        /// The servers that were left out.
        pub dropped_servers: Vec<DroppedServer<'a>> => "droppedServers",
    }
}

record! {
    /// What the history server is told.
    pub struct AiHist<'a> {
        /// Where trajectories are.
        pub trajectory_root: Option<Text<'a>> => "trajectoryRoot",
        /// The database to read.
        pub db_path: Option<Text<'a>> => "dbPath",
    }
}

/// The servers of a run: the persona's and those that the plan adds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MergedServers<'a> {
    /// The servers, added ones first; nothing when the persona has no map and
    /// nothing is added.
    pub servers: Option<Cow<'a, Object<'a>>>,
    /// Whether `relaycast` was added.
    pub relay: bool,
    /// Whether `ai-hist` was added.
    pub ai_hist: bool,
}

/// Resolves the references of servers. Command, arguments and address decide
/// whether a server stays; variables and headers are left out one by one. Only the
/// fields of the server's type are kept.
pub fn resolve_mcp_servers_lenient<'a>(
    servers: Option<&'a Object<'a>>,
    env: &'a Object<'a>,
) -> ResolvedServers<'a> {
    let mut resolved = Object::new();
    let mut dropped = Vec::new();
    let mut dropped_servers = Vec::new();
    for (name, server) in servers.into_iter().flat_map(Object::iter) {
        let mut parts = Parts {
            server,
            env,
            fields: Object::with_capacity(4),
            missing: Vec::new(),
        };
        if !parts.structure() {
            dropped_servers.push(DroppedServer {
                name: Cow::Borrowed(name),
                references: parts.missing,
            });
            continue;
        }
        dropped.append(&mut parts.map(name));
        // Assignment in JavaScript cannot create this member.
        if name != "__proto__" {
            resolved.append(name, parts.fields);
        }
    }
    ResolvedServers {
        servers: Some(resolved).filter(|resolved| !resolved.is_empty()),
        dropped,
        dropped_servers,
    }
}

/// A server while it is resolved.
struct Parts<'a> {
    server: &'a Value<'a>,
    env: &'a Object<'a>,
    fields: Object<'a>,
    missing: Vec<Text<'a>>,
}

impl<'a> Parts<'a> {
    fn is_stdio(&self) -> bool {
        self.server.get_str("type") == Some("stdio")
    }

    /// Resolves what the server cannot do without; tells whether all is known.
    fn structure(&mut self) -> bool {
        if let Some(kind) = self.server.get("type") {
            self.fields.append("type", kind.clone());
        }
        let key = if self.is_stdio() { "command" } else { "url" };
        let text = self.server.get_str(key).unwrap_or_default();
        let target = self.resolve(text);
        let known = target.as_ref().is_some_and(Value::is_truthy);
        self.fields.append(key, target.unwrap_or_default());
        if self.is_stdio() {
            self.arguments();
        }
        known && self.missing.is_empty()
    }

    fn arguments(&mut self) {
        let Some(arguments) = self.server.get("args").and_then(Value::as_array) else {
            return;
        };
        let texts = arguments.iter().filter_map(Value::as_str);
        let resolved: Vec<_> = texts.filter_map(|text| self.resolve(text)).collect();
        self.fields.append("args", resolved);
    }

    fn resolve(&mut self, text: &'a str) -> Option<Value<'a>> {
        substitute_value(text, self.env)
            .map_err(|name| self.missing.push(Cow::Borrowed(name)))
            .ok()
    }

    /// Resolves the map of the server's type; returns what was left out.
    fn map(&mut self, name: &str) -> Vec<DroppedField<'a>> {
        let key = if self.is_stdio() { "env" } else { "headers" };
        let Some(map) = self.server.get(key).and_then(Value::as_object) else {
            return Vec::new();
        };
        let prefix = format!("mcpServers.{name}.{key}");
        let lenient = resolve_string_map_lenient(map, self.env, &prefix);
        if let Some(map) = lenient.value {
            self.fields.append(key, map);
        }
        lenient.dropped
    }
}

/// Words what was left out as warnings, one line each.
pub fn format_drop_warnings(
    env: &[DroppedField<'_>],
    servers: &[DroppedField<'_>],
    dropped_servers: &[DroppedServer<'_>],
) -> Vec<String> {
    let fields = env.iter().chain(servers).map(|dropped| {
        let DroppedField { field, reference } = dropped;
        format!("{field} dropped (env var {reference} is not set).")
    });
    let servers = dropped_servers.iter().map(|dropped| {
        let names = dropped.references.join(", ");
        let name = &dropped.name;
        format!(
            "mcpServers.{name} dropped entirely (required fields referenced unset env vars: {names})."
        )
    });
    fields.chain(servers).collect()
}

/// Adds the relay and history servers, unless the persona has servers of these
/// names; its map is not copied when nothing is added.
pub fn merge_servers<'a>(
    persona: Option<&'a Object<'a>>,
    relay: Option<RelayMcp<'a>>,
    ai_hist: Option<AiHist<'a>>,
) -> MergedServers<'a> {
    let free = |name| persona.is_none_or(|servers| !servers.contains(name));
    let relay = relay.filter(|_| free("relaycast"));
    let ai_hist = ai_hist.filter(|_| free("ai-hist"));
    if relay.is_none() && ai_hist.is_none() {
        return MergedServers {
            servers: persona.map(Cow::Borrowed),
            ..MergedServers::default()
        };
    }
    let (has_relay, has_ai_hist) = (relay.is_some(), ai_hist.is_some());
    let mut merged = Object::with_capacity(2 + persona.map_or(0, Object::len));
    if let Some(relay) = relay {
        merged.append("relaycast", npx_server("@relaycast/mcp", relay_env(relay)));
    }
    if let Some(ai_hist) = ai_hist {
        merged.append("ai-hist", npx_server("ai-hist-mcp", ai_hist_env(ai_hist)));
    }
    for (name, server) in persona.map_or(&[][..], Object::entries) {
        merged.append(name.clone(), server.clone());
    }
    MergedServers {
        servers: Some(Cow::Owned(merged)),
        relay: has_relay,
        ai_hist: has_ai_hist,
    }
}

fn npx_server<'a>(package: &'a str, env: Object<'a>) -> Object<'a> {
    let mut server = Object::with_capacity(4);
    server.append("type", "stdio");
    server.append("command", "npx");
    server.append("args", [Value::from("-y"), Value::from(package)].to_vec());
    server.append("env", env);
    server
}

fn relay_env(relay: RelayMcp<'_>) -> Object<'_> {
    let mut env = Object::with_capacity(6);
    env.append("RELAY_API_KEY", relay.api_key);
    env.append("RELAY_AGENT_NAME", relay.agent_name);
    env.append("RELAY_AGENT_TYPE", "agent");
    env.append("RELAY_STRICT_AGENT_NAME", "1");
    append_text(&mut env, "RELAY_BASE_URL", relay.base_url);
    append_text(&mut env, "RELAY_DEFAULT_WORKSPACE", relay.default_workspace);
    env
}

fn ai_hist_env(ai_hist: AiHist<'_>) -> Object<'_> {
    let mut env = Object::with_capacity(2);
    append_text(&mut env, "TRAJECTORY_ROOT", ai_hist.trajectory_root);
    append_text(&mut env, "AI_HIST_DB", ai_hist.db_path);
    env
}

fn append_text<'a>(env: &mut Object<'a>, name: &'static str, text: Option<Text<'a>>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        env.append(name, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::{print, read};

    #[test]
    fn adds_servers_in_front() {
        let persona = read(r#"{"ai-hist":{},"z":{}}"#).expect("JSON");
        let relay = RelayMcp {
            api_key: Cow::Borrowed("k"),
            agent_name: Cow::Borrowed("a"),
            base_url: None,
            default_workspace: None,
        };
        let ai_hist = AiHist {
            trajectory_root: None,
            db_path: None,
        };
        let merged = merge_servers(persona.as_object(), Some(relay), Some(ai_hist.clone()));
        assert!(merged.relay && !merged.ai_hist);
        let text = print(&*merged.servers.expect("servers"));
        assert!(text.starts_with(r#"{"relaycast":{"type":"stdio","command":"npx""#));
        assert!(text.ends_with(r#""ai-hist":{},"z":{}}"#));
        let alone = merge_servers(persona.as_object(), None, Some(ai_hist));
        assert!(matches!(alone.servers, Some(Cow::Borrowed(_))));
    }
}
