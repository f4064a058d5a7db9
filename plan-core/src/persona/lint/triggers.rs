//! Lints of an agent's triggers and watch rules.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::catalog;
use crate::base::diag::Severity;
use crate::base::edition::Edition;
use crate::base::json::{Object, Text, Value, js_string};
use crate::base::record::record;

record! {
    /// A trigger or watch rule that looks like a mistake.
    pub struct TriggerIssue<'a> {
        /// How bad it is.
        pub level: Severity => "level",
        /// The stable name of the kind of issue.
        pub code: Text<'a> => "code",
        /// The provider that it is about.
        pub provider: Text<'a> => "provider",
        /// The event that it is about, or `*`.
        pub trigger: Text<'a> => "trigger",
        /// Where it is in the agent.
        pub path: String => "path",
        /// What is wrong, in one line.
        pub message: String => "message",
    }
}

/// The recorded failure of persona-kit 4 for a provider that is called like a
/// member that every JavaScript object inherits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("known.includes is not a function")]
pub struct TriggerLintError;

impl TriggerLintError {
    /// The name of the error in JavaScript.
    pub const NAME: &'static str = "TypeError";
}

/// The members that every JavaScript object inherits.
const INHERITED: &[&str] = &[
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// Reports unknown providers and events, and watch rules that never fire.
///
/// # Errors
/// In the `persona-kit-4` edition, an event of a provider such as `toString`.
pub fn lint_triggers<'a>(
    agent: &'a Value<'a>,
    edition: Edition,
) -> Result<Vec<TriggerIssue<'a>>, TriggerLintError> {
    let mut issues = Vec::new();
    let triggers = agent.get("triggers").and_then(Value::as_object);
    for (provider, list) in triggers.into_iter().flat_map(Object::iter) {
        let list = list.as_array().unwrap_or_default();
        if !edition.switches().strict_parse && INHERITED.contains(&provider) {
            if list.is_empty() {
                continue;
            }
            return Err(TriggerLintError);
        }
        lint_provider(provider, list, &mut issues);
    }
    let rules = agent.get("watch").and_then(Value::as_array);
    for (place, rule) in rules.unwrap_or_default().iter().enumerate() {
        lint_watch(place, rule, &mut issues);
    }
    Ok(issues)
}

fn lint_provider<'a>(provider: &'a str, list: &'a [Value<'a>], out: &mut Vec<TriggerIssue<'a>>) {
    let Some(known) = catalog::events(provider) else {
        out.push(TriggerIssue {
            level: Severity::Warning,
            code: Cow::Borrowed("unknown_provider"),
            provider: Cow::Borrowed(provider),
            trigger: Cow::Borrowed("*"),
            path: format!("triggers.{provider}"),
            message: format!(
                "provider \"{provider}\" is not in the known-trigger registry; trigger names will not be linted"
            ),
        });
        return;
    };
    for (place, trigger) in list.iter().enumerate() {
        let event = trigger
            .get("on")
            .map_or(Cow::Borrowed("undefined"), js_string);
        if known.clone().any(|known| known == event) {
            continue;
        }
        let names: Vec<_> = known.clone().collect();
        let names = names.join(", ");
        out.push(TriggerIssue {
            level: Severity::Warning,
            code: Cow::Borrowed("unknown_trigger"),
            provider: Cow::Borrowed(provider),
            path: format!("triggers.{provider}[{place}].on"),
            message: format!(
                "trigger \"{event}\" is not in the known-trigger registry for {provider} (known: {names})"
            ),
            trigger: event,
        });
    }
}

fn lint_watch<'a>(place: usize, rule: &'a Value<'a>, out: &mut Vec<TriggerIssue<'a>>) {
    let list = |field| {
        rule.get(field)
            .and_then(Value::as_array)
            .unwrap_or_default()
    };
    let mut report = |code, path, message| {
        out.push(TriggerIssue {
            level: Severity::Warning,
            code: Cow::Borrowed(code),
            provider: Cow::Borrowed("relayfile"),
            trigger: Cow::Borrowed("*"),
            path,
            message,
        });
    };
    if list("events").is_empty() {
        let message = "watch rule must declare at least one relayfile event";
        let path = format!("watch[{place}].events");
        report("watch_empty_events", path, String::from(message));
    }
    for (index, path) in list("paths").iter().enumerate() {
        let path = js_string(path);
        if !path.starts_with('/') {
            let message = format!("watch path \"{path}\" must start with /");
            let path = format!("watch[{place}].paths[{index}]");
            report("watch_path_not_absolute", path, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    #[test]
    fn fails_for_inherited_names_only_as_recorded() {
        let agent = read(r#"{"triggers":{"toString":[{"on":"x"}]}}"#).expect("JSON");
        assert_eq!(
            lint_triggers(&agent, Edition::PersonaKit4),
            Err(TriggerLintError)
        );
        let issues = lint_triggers(&agent, Edition::V2026).expect("does not fail");
        assert_eq!(issues.len(), 1);
    }
}
