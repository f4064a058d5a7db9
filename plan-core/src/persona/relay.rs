//! The relay server: whether a persona gets it, and with which credentials.

use alloc::borrow::Cow;

use crate::base::json::{Object, Print, Text, Value, Writer};
use crate::base::record::record;
use crate::base::text::js_trim;

record! {
    /// What the relay server is told.
    pub struct RelayMcp<'a> {
        /// The key of the workspace.
        pub api_key: Text<'a> => "apiKey",
        /// The name that the agent has on the relay.
        pub agent_name: Text<'a> => "agentName",
        /// Another address than the public one.
        pub base_url: Option<Text<'a>> => "baseUrl",
        /// The workspace to use when none is named.
        pub default_workspace: Option<Text<'a>> => "defaultWorkspace",
    }
}

/// The answer to whether a persona gets the relay server.
#[derive(Debug, Clone, PartialEq)]
pub enum RelayResolution<'a> {
    /// The persona does not ask for it.
    Disabled,
    /// It asks, and something that is needed is not known.
    MissingSecret {
        /// What is not known.
        reason: &'static str,
    },
    /// It gets the server.
    Ready(RelayMcp<'a>),
}

impl Print for RelayResolution<'_> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        match self {
            RelayResolution::Disabled => out.field("kind", "disabled"),
            RelayResolution::MissingSecret { reason } => {
                out.field("kind", "missing-secret");
                out.field("reason", *reason);
            }
            RelayResolution::Ready(config) => {
                out.field("kind", "ready");
                out.field("config", config);
            }
        }
        out.end_object();
    }
}

/// Resolves a persona's `relay` field against the environment; `fallback` names
/// the agent when neither the persona nor the environment does.
pub fn resolve_relay<'a>(
    relay: Option<&'a Value<'a>>,
    env: &'a Object<'a>,
    fallback: Option<&'a str>,
) -> RelayResolution<'a> {
    let asks = |relay: &&Value<'_>| {
        !matches!(relay, Value::Null | Value::Bool(false))
            && relay.get("enabled") != Some(&Value::Bool(false))
    };
    let Some(relay) = relay.filter(asks) else {
        return RelayResolution::Disabled;
    };
    let declared = |field| relay.get(field).and_then(trimmed);
    let variable = |name| env.get(name).and_then(trimmed);
    let Some(api_key) = variable("RELAY_API_KEY") else {
        let reason = "RELAY_API_KEY is not set in the deploy environment";
        return RelayResolution::MissingSecret { reason };
    };
    let agent_name = declared("agentName")
        .or_else(|| variable("RELAY_AGENT_NAME"))
        .or_else(|| fallback.map(js_trim).filter(|name| !name.is_empty()));
    let Some(agent_name) = agent_name else {
        let reason =
            "no relay agent name (set relay.agentName, RELAY_AGENT_NAME, or pass the persona id)";
        return RelayResolution::MissingSecret { reason };
    };
    let workspace = declared("defaultWorkspace").or_else(|| variable("RELAY_DEFAULT_WORKSPACE"));
    RelayResolution::Ready(RelayMcp {
        api_key: Cow::Borrowed(api_key),
        agent_name: Cow::Borrowed(agent_name),
        base_url: variable("RELAY_BASE_URL").map(Cow::Borrowed),
        default_workspace: workspace.map(Cow::Borrowed),
    })
}

/// Returns the trimmed text of a string that is not blank.
pub(super) fn trimmed<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value.as_str().map(js_trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_a_key_before_a_name() {
        let env = Object::new();
        let relay = Value::Bool(true);
        let resolution = resolve_relay(Some(&relay), &env, Some("id"));
        assert!(
            matches!(resolution, RelayResolution::MissingSecret { reason } if reason.starts_with("RELAY_API_KEY"))
        );
        assert_eq!(resolve_relay(None, &env, None), RelayResolution::Disabled);
    }
}
