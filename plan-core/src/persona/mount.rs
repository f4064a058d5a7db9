//! The mount policy: which files of the project the agent does not see or change.

use alloc::vec::Vec;

use crate::base::json::{Text, Value};
use crate::base::record::record;
use crate::effect::View;

record! {
    /// What a mirrored project leaves out and protects, in gitignore syntax.
    pub struct MountPolicy<'a> {
        /// The files that are left out.
        pub ignored_patterns: Vec<Text<'a>> => "ignoredPatterns",
        /// The files that cannot be changed.
        pub readonly_patterns: Vec<Text<'a>> => "readonlyPatterns",
    }
}

/// Returns the view that a policy needs where every program must find its directory by
/// path alone: a copy, or none without a policy.
pub fn plain_view(policy: Option<&MountPolicy<'_>>) -> View {
    policy.map_or(View::InPlace, |_| View::Copy)
}

/// Resolves a persona's `mount` field. Without patterns there is nothing to hide or
/// to protect, hence no mount, even for `enabled: true`.
pub fn resolve_policy<'a>(mount: Option<&Value<'a>>) -> Option<MountPolicy<'a>> {
    let mount = mount.filter(|mount| mount.get("enabled") != Some(&Value::Bool(false)))?;
    let policy = MountPolicy {
        ignored_patterns: patterns(mount, "ignoredPatterns"),
        readonly_patterns: patterns(mount, "readonlyPatterns"),
    };
    let empty = policy.ignored_patterns.is_empty() && policy.readonly_patterns.is_empty();
    (!empty).then_some(policy)
}

fn patterns<'a>(mount: &Value<'a>, field: &str) -> Vec<Text<'a>> {
    let list = mount.get(field).and_then(Value::as_array);
    let texts = list
        .unwrap_or_default()
        .iter()
        .filter_map(|item| match item {
            Value::String(text) => Some(text.clone()),
            _ => None,
        });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    #[test]
    fn wants_patterns() {
        for (mount, mounted) in [
            (r#"{"enabled":true}"#, false),
            (r#"{"ignoredPatterns":["a"]}"#, true),
            (r#"{"enabled":false,"ignoredPatterns":["a"]}"#, false),
            (r#"{"readonlyPatterns":[]}"#, false),
        ] {
            let value = read(mount).expect("JSON");
            assert_eq!(resolve_policy(Some(&value)).is_some(), mounted, "{mount}");
        }
    }
}
