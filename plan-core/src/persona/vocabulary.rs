//! The closed vocabularies of persona files, in the order they are printed, and
//! the predicates over them.

use crate::base::json::Value;
use crate::base::text::is_blank;

use super::harness;

/// What a persona may be for; a persona file names one.
pub const INTENTS: &[&str] = &[
    "implement-frontend",
    "review",
    "architecture-plan",
    "requirements-analysis",
    "debugging",
    "security-review",
    "documentation",
    "verification",
    "test-strategy",
    "tdd-enforcement",
    "flake-investigation",
    "opencode-workflow-correctness",
    "npm-provenance",
    "cloud-sandbox-infra",
    "sage-slack-egress-migration",
    "sage-proactive-rewire",
    "cloud-slack-proxy-guard",
    "sage-cloud-e2e-conduction",
    "capability-discovery",
    "npm-package-compat",
    "posthog",
    "persona-authoring",
    "persona-improvement",
    "agent-relay-workflow",
    "slop-audit",
    "api-contract-review",
    "local-stack-orchestration",
    "e2e-validation",
    "write-integration-tests",
    "relay-orchestrator",
    "scaffold-proactive-agent",
];

/// The intents that personas shipped with the tool serve.
pub const BUILT_IN_INTENTS: &[&str] = &["persona-authoring", "persona-improvement"];

/// The tags that editors offer. The parser accepts any other tag as well.
pub const TAGS: &[&str] = &[
    "planning",
    "implementation",
    "review",
    "testing",
    "debugging",
    "documentation",
    "release",
    "discovery",
    "analytics",
];

/// The longest tag and the longest service account name, in UTF-16 units.
pub(crate) const MAX_NAME_LENGTH: usize = 64;

/// How much a model may think before it answers.
pub const REASONING_LEVELS: &[&str] = &["low", "medium", "high"];

/// What codex may write.
pub const SANDBOX_MODES: &[&str] = &["read-only", "workspace-write", "danger-full-access"];

/// When codex asks before it acts; current versions no longer take it.
pub const APPROVAL_POLICIES: &[&str] = &["untrusted", "on-failure", "on-request", "never"];

/// Whether a sidecar replaces the file of its name or is added to it.
pub const SIDECAR_MODES: &[&str] = &["overwrite", "extend"];

/// How an agent asks for permission.
pub const PERMISSION_MODES: &[&str] = &["default", "acceptEdits", "bypassPermissions", "plan"];

/// Where skills come from.
pub const SKILL_SOURCE_KINDS: &[&str] = &["prpm", "skill.sh", "local"];

/// How a server of the model context protocol is reached.
pub const MCP_TYPES: &[&str] = &["http", "sse", "stdio"];

/// Whose account an integration acts for.
pub const INTEGRATION_SOURCE_KINDS: &[&str] =
    &["deployer_user", "workspace", "workspace_service_account"];

/// Who may remember with whom.
pub const MEMORY_SCOPES: &[&str] = &["workspace", "user", "global"];

/// What may start an agent besides its triggers.
pub(crate) const AGENT_LAUNCHERS: &[&str] = &["team-dispatcher"];

/// What a watch rule listens for.
pub const WATCH_EVENTS: &[&str] = &["created", "updated", "deleted"];

/// The methods that the `httpRead` capability may be given.
pub(crate) const HTTP_READ_METHODS: &[&str] = &["GET", "HEAD"];

/// The extensions that a handler file may have, without their dot.
pub(crate) const HANDLER_EXTENSIONS: &[&str] = &["ts", "tsx", "mts", "cts", "js", "mjs", "cjs"];

/// The form of input names, as a regular expression.
pub const INPUT_NAME_PATTERN: &str = "^[A-Z_][A-Z0-9_]*$";

/// The form of service account names, as a regular expression.
pub const SOURCE_NAME_PATTERN: &str = "^[a-z0-9]+(?:-[a-z0-9]+)*$";

/// Tells whether a value is one of [`INTENTS`].
pub fn is_intent(value: &Value<'_>) -> bool {
    is_word(value, INTENTS)
}

/// Tells whether a value can be a tag: text that is not blank.
pub fn is_tag(value: &Value<'_>) -> bool {
    value.as_str().is_some_and(|text| !is_blank(text))
}

/// Tells whether a value is one of [`SIDECAR_MODES`].
pub fn is_sidecar_mode(value: &Value<'_>) -> bool {
    is_word(value, SIDECAR_MODES)
}

/// Tells whether a value names a harness that persona-kit 4 knows.
pub fn is_harness(value: &Value<'_>) -> bool {
    is_word(value, &harness::compat_names())
}

/// Tells whether text has the form [`INPUT_NAME_PATTERN`].
pub(crate) fn is_input_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_uppercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Tells whether text has the form [`SOURCE_NAME_PATTERN`].
pub(crate) fn is_source_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.split('-')
        .all(|part| !part.is_empty() && part.bytes().all(plain))
}

fn is_word(value: &Value<'_>, words: &[&str]) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_forms() {
        for (name, good) in [
            ("A", true),
            ("_X9", true),
            ("", false),
            ("9A", false),
            ("A\n", false),
        ] {
            assert_eq!(is_input_name(name), good, "{name:?}");
        }
        for (name, good) in [
            ("a-b1", true),
            ("", false),
            ("-a", false),
            ("a--b", false),
            ("A", false),
        ] {
            assert_eq!(is_source_name(name), good, "{name:?}");
        }
    }

    #[test]
    fn predicates_ask_for_text() {
        assert!(is_intent(&"review".into()) && !is_intent(&"Review".into()));
        assert!(is_tag(&"anything".into()) && !is_tag(&"\u{feff} ".into()));
        assert!(is_harness(&"grok".into()) && !is_harness(&Value::Null));
        assert!(is_sidecar_mode(&"extend".into()) && !is_sidecar_mode(&true.into()));
    }
}
