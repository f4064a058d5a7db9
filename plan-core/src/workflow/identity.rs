//! What makes a call the same call: everything that can change its result, and nothing else.

use alloc::string::String;

use super::vm::CallKind;
use crate::base::canonical::canonical;
use crate::base::digest::sha256_hex;
use crate::base::json::{Object, Value};
use crate::base::record::{JsonText, record, words};

words! {
    /// What a call may change.
    pub enum Effect {
        /// Nothing.
        Pure = "pure",
        /// A tree of its own.
        Isolated = "isolated",
        /// The tree that it shares with others.
        Workspace = "workspace",
        /// Something outside, such as a pull request.
        External = "external",
    }
}

impl Effect {
    /// Tells whether later calls may see what the call did other than through its result.
    pub const fn is_seen(self) -> bool {
        matches!(self, Effect::Workspace | Effect::External)
    }
}

record! {
    /// Everything that can change what an agent answers. Labels, phases, time limits and
    /// retries are not among it, nor is the script's text.
    #[derive(Default)]
    pub struct AgentContent {
        /// The task.
        pub prompt: String => "prompt",
        /// The digest of the plan of its persona: instructions, tools, permissions, servers.
        pub plan: Option<String> => "plan",
        /// The model that was chosen for it.
        pub model: Option<String> => "model",
        /// How hard it thinks.
        pub thinking: Option<String> => "thinking",
        /// The schema of its answer.
        pub schema: Option<JsonText> => "schema",
        /// How it is kept apart.
        pub isolation: Option<String> => "isolation",
        /// The tree that an isolated call begins with.
        pub base: Option<String> => "base",
        /// Its directory, below the workspace.
        pub cwd: Option<String> => "cwd",
        /// The conversation that it goes on with, and the call before it there.
        pub thread: Option<String> => "thread",
        /// What the script tells calls apart by that are the same otherwise.
        pub key: Option<String> => "key",
    }
}

/// Returns the key of a call's content: equal keys mean that a result can stand for another,
/// as far as the call itself tells.
pub fn content_key(kind: CallKind, content: &Value<'_>) -> String {
    let mut whole = Object::with_capacity(2);
    whole.insert("kind", kind.as_str());
    whole.insert("content", content.clone());
    let text = canonical(&Value::Object(whole));
    keyed("callsheet/content/1", &[&text])
}

/// Names what a call changes outside, the same in every execution of a run: after the name
/// that the script gave, else after the call's place and content.
pub fn effect_key(run: &str, named: Option<&str>, (path, content): (&str, &str)) -> String {
    match named {
        Some(named) => keyed("callsheet/effect/named/1", &[run, named]),
        None => keyed("callsheet/effect/1", &[run, path, content]),
    }
}

/// Returns a digest of parts under a domain, so that digests of different things never meet.
pub(crate) fn keyed(domain: &str, parts: &[&str]) -> String {
    let mut text = String::from(domain);
    for part in parts {
        text.push('\n');
        text.push_str(part);
    }
    sha256_hex(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    fn key(text: &str) -> String {
        content_key(CallKind::Agent, &read(text).expect("JSON"))
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_content_does() {
        let one = key(r#"{"prompt": "a", "schema": {"b": 1, "a": 2}}"#);
        assert_eq!(one, key(r#"{"schema":{"a":2.0,"b":1},"prompt":"a"}"#));
        assert_ne!(one, key(r#"{"prompt":"a","schema":{"a":2,"b":2}}"#));
        let content = read(r#"{"prompt":"a"}"#).expect("JSON");
        assert_ne!(
            content_key(CallKind::Agent, &content),
            content_key(CallKind::Task, &content)
        );
        // The key of version 1 never changes: journals are matched by it.
        assert_eq!(
            content_key(CallKind::Agent, &content),
            "54208ce92b3b7a08c3a6d6eb080ef9e04d8c913026d27d282382a3192a4231eb"
        );
    }
}
