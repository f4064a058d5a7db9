//! Lints of the paths that integrations mirror.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::diag::Severity;
use crate::base::edition::Edition;
use crate::base::json::{Object, Text, Value};
use crate::base::record::record;
use crate::base::text::{is_blank, js_trim};

record! {
    /// A scope that looks like a mistake.
    pub struct ScopeIssue<'a> {
        /// How bad it is.
        pub level: Severity => "level",
        /// The stable name of the kind of issue.
        pub code: Text<'a> => "code",
        /// The integration.
        pub provider: Text<'a> => "provider",
        /// The key of the scope.
        pub resource: Text<'a> => "resource",
        /// Where it is in the persona.
        pub path: String => "path",
        /// What is wrong, in one line.
        pub message: String => "message",
    }
}

/// The roots that grow with what happens in a workspace.
const GROWING_ROOTS: &[(&str, &str)] = &[
    ("slack", "channels"),
    ("google-mail", "messages"),
    ("google-mail", "threads"),
    ("gmail", "messages"),
    ("gmail", "threads"),
];

/// Reports scopes that mirror nothing or too much, at most one issue a scope.
pub fn lint_scopes<'a>(persona: &'a Value<'a>, edition: Edition) -> Vec<ScopeIssue<'a>> {
    let mut issues = Vec::new();
    let integrations = persona.get("integrations").and_then(Value::as_object);
    for (provider, integration) in integrations.into_iter().flat_map(Object::iter) {
        let picked = picked_resource(persona, provider, integration);
        let scope = integration.get("scope").and_then(Value::as_object);
        for (resource, value) in scope.into_iter().flat_map(Object::iter) {
            let Some(value) = value.as_str() else {
                continue;
            };
            let path = format!("integrations.{provider}.scope.{resource}");
            let found = unusable(value, &path)
                .or_else(|| too_large(value, &path, provider, picked))
                .or_else(|| everything(value, &path, edition));
            issues.extend(found.map(|(code, message)| ScopeIssue {
                level: Severity::Warning,
                code: Cow::Borrowed(code),
                provider: Cow::Borrowed(provider),
                resource: Cow::Borrowed(resource),
                path,
                message,
            }));
        }
    }
    issues
}

type Found = Option<(&'static str, String)>;

/// Finds why a scope mirrors nothing.
fn unusable(value: &str, path: &str) -> Found {
    if is_blank(value) {
        let message = format!(
            "{path} is empty, which mirrors nothing and filters nothing. Reads come back empty and writebacks are silent no-ops. Give it the concrete path or filter this agent needs, or drop the key."
        );
        return Some(("scope_empty_value", message));
    }
    let (code, problem) = if js_trim(value) != value {
        (
            "scope_untrimmed",
            "has leading or trailing whitespace, which is stored and forwarded verbatim — the mount sees the padded string and will not match.",
        )
    } else if !value.starts_with('/') {
        return None;
    } else if value.len() > 1 && value.ends_with('/') {
        (
            "scope_trailing_slash",
            "has a trailing slash, which the mount rejects.",
        )
    } else if body(value).contains(['*', '?', '{', '}', '[', ']']) {
        (
            "scope_mid_path_wildcard",
            "uses a wildcard outside a terminal \"/**\". The mount accepts only a terminal \"/**\", so this scope mirrors nothing and the agent will read an empty tree without error.",
        )
    } else if segments(value).any(|segment| matches!(segment, "" | "." | "..")) {
        (
            "scope_traversal_segment",
            "contains an empty or traversal (\".\"/\"..\") segment, which the mount rejects.",
        )
    } else {
        return None;
    };
    Some((code, format!("{path}: \"{value}\" {problem}")))
}

/// Finds why a scope mirrors more than fits.
fn too_large(value: &str, path: &str, provider: &str, picked: Option<&str>) -> Found {
    if !value.starts_with('/') || !value.ends_with("/**") {
        return None;
    }
    let mut parts = segments(value);
    let first = parts.next()?;
    match (parts.next(), parts.next()) {
        (None, _) => {
            let problem = format!(
                "mirrors the whole {provider} tree. The mirror is traversed at sandbox boot, so this grows with workspace history and can outrun the mount budget. Scope the concrete subpaths the handler reads or writes back to instead."
            );
            let message = format!("{path}: \"{value}\" {problem}");
            Some(("scope_provider_root", message))
        }
        (Some(second), None)
            if GROWING_ROOTS.contains(&(first, second)) && picked != Some(second) =>
        {
            let problem = format!(
                "mirrors every entry under {first}/{second}, which grows with workspace history rather than with configuration. The mirror is traversed at sandbox boot, so this can outrun the mount budget and leave the agent reading an empty tree or failing to start. If the agent only WRITES here (posting a message, say), scope the single entry it targets instead — the mirror is not needed for the write, only the grant is."
            );
            let message = format!("{path}: \"{value}\" {problem}");
            Some(("scope_high_cardinality_root", message))
        }
        _ => None,
    }
}

/// Finds the scope of everything, on which persona-kit 4 is silent.
fn everything(value: &str, path: &str, edition: Edition) -> Found {
    (edition.switches().strict_parse && value == "/**").then(|| {
        let problem = "mirrors the trees of all providers. The mirror is traversed at sandbox boot, so this grows with workspace history and can outrun the mount budget. Scope the concrete subpaths the handler reads or writes back to instead.";
        ("scope_provider_root", format!("{path}: \"{value}\" {problem}"))
    })
}

/// Returns a scope without its terminal wildcard.
fn body(value: &str) -> &str {
    value.strip_suffix("/**").unwrap_or(value)
}

/// Walks the segments of an absolute scope before its terminal wildcard.
fn segments(value: &str) -> impl Iterator<Item = &str> {
    body(value).split('/').skip(1)
}

/// Returns the resource that the user picks for an optional integration.
fn picked_resource<'a>(
    persona: &'a Value<'a>,
    provider: &str,
    integration: &'a Value<'a>,
) -> Option<&'a str> {
    let gate = js_trim(integration.get_str("enabledByInput")?);
    let picker = persona.get("inputs")?.get(gate)?.get("picker")?;
    // ASCII, as the names of providers are: the tables for the rest of Unicode would be a
    // thirtieth of the module.
    let picks_from = js_trim(picker.get_str("provider")?);
    let same = picks_from.eq_ignore_ascii_case(js_trim(provider));
    let resource = js_trim(picker.get_str("resource")?).trim_matches('/');
    same.then_some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    #[test]
    fn reports_everything_in_the_new_edition_only() {
        let persona = read(r#"{"integrations":{"slack":{"scope":{"k":"/**"}}}}"#).expect("JSON");
        assert!(lint_scopes(&persona, Edition::PersonaKit4).is_empty());
        assert_eq!(lint_scopes(&persona, Edition::V2026).len(), 1);
    }
}
