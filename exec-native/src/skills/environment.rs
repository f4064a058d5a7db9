//! What installers get of the environment: what they need to run, what the persona's
//! author wrote for them, and what the user names. Secrets of the host are not in it.

use std::collections::BTreeMap;

use plan_core::effect::is_hook;

use super::SkillUse;
use crate::os::env::{safe_vars, vars};
use crate::os::walk::text_of;

/// What npm would do besides installing.
const QUIET: [(&str, &str); 3] = [
    ("npm_config_update_notifier", "false"),
    ("npm_config_fund", "false"),
    ("npm_config_audit", "false"),
];

/// Puts the environment of installers together. `plain` are variables that a plan sets in
/// plain words; those that decide what a program loads are left out.
pub(crate) fn environment(plain: &[(&str, &str)], how: &SkillUse) -> BTreeMap<String, String> {
    let mut env = safe_vars();
    let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    env.extend(QUIET.map(owned));
    if let Some(cache) = &how.cache {
        // Its own cache: what an installer does to it is not the user's trouble.
        let npm = text_of(&cache.root().join("npm"));
        env.entry("npm_config_cache".into()).or_insert(npm);
    }
    let plain = plain.iter().filter(|(name, _)| !is_hook(name));
    env.extend(plain.copied().map(owned));
    let allowed = vars().into_iter();
    env.extend(allowed.filter(|(name, _)| how.allow_env.contains(name)));
    env
}
