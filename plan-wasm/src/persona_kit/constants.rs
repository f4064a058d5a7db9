//! The constants of persona-kit 4, as one document.

use alloc::format;

use plan_core::base::json::{Object, Value};
use plan_core::persona::lint::catalog;
use plan_core::persona::{harness, vocabulary};

use crate::document::give;
use crate::door::Answer;

/// Gives every constant by its name; patterns are the sources of regular expressions.
pub(super) fn constants() -> Answer {
    let mut all = Object::new();
    let names = harness::compat_names();
    all.insert("HARNESS_VALUES", list(names.iter().copied()));
    let lists = [
        ("PERSONA_TAGS", vocabulary::TAGS),
        ("PERSONA_INTENTS", vocabulary::INTENTS),
        ("BUILT_IN_PERSONA_INTENTS", vocabulary::BUILT_IN_INTENTS),
        ("CODEX_SANDBOX_MODES", vocabulary::SANDBOX_MODES),
        ("CODEX_APPROVAL_POLICIES", vocabulary::APPROVAL_POLICIES),
        ("SIDECAR_MD_MODES", vocabulary::SIDECAR_MODES),
        ("PERMISSION_MODES", vocabulary::PERMISSION_MODES),
        ("SKILL_SOURCE_KINDS", vocabulary::SKILL_SOURCE_KINDS),
    ];
    for (name, words) in lists {
        all.insert(name, list(words.iter().copied()));
    }
    all.insert("HARNESS_SKILL_TARGETS", skill_targets());
    all.insert("INPUT_NAME_RE", vocabulary::INPUT_NAME_PATTERN);
    all.insert(
        "INTEGRATION_SOURCE_NAME_RE",
        vocabulary::SOURCE_NAME_PATTERN,
    );
    add_catalogs(&mut all);
    give(&all)
}

fn list(words: impl Iterator<Item = &'static str>) -> Value<'static> {
    Value::Array(words.map(Value::from).collect())
}

/// Where each harness has its skills.
fn skill_targets() -> Object<'static> {
    let order = harness::compat::SKILL_TARGET_ORDER.iter();
    let known = order.filter_map(|id| harness::find(id));
    let target = |def: &'static harness::HarnessDef| {
        let mut target = Object::new();
        target.insert("asFlag", def.skills.as_flag);
        target.insert("dir", def.skills.dir);
        (def.id.into(), target.into())
    };
    known.map(target).collect()
}

fn add_catalogs(all: &mut Object<'static>) {
    let events = |provider| list(catalog::events(provider).into_iter().flatten());
    let aliases = catalog::PROVIDER_ALIASES;
    let is_alias = |provider: &str| aliases.iter().any(|(alias, _)| *alias == provider);
    let own = catalog::providers().filter(|provider| !is_alias(provider));
    let own = own.map(|provider| (provider.into(), events(provider)));
    all.insert("KNOWN_TRIGGER_CATALOG", own.collect::<Object<'_>>());
    let names = aliases.iter();
    let names = names.map(|(alias, provider)| ((*alias).into(), Value::from(*provider)));
    all.insert(
        "KNOWN_TRIGGER_PROVIDER_ALIASES",
        names.collect::<Object<'_>>(),
    );
    let every = catalog::providers().map(|provider| (provider.into(), events(provider)));
    all.insert("KNOWN_TRIGGERS", every.collect::<Object<'_>>());
    let silent = catalog::PROVIDERS_WITHOUT_EVENTS.iter().copied();
    let why = "the adapter declares no trigger events";
    all.insert("ADAPTERS_WITHOUT_KNOWN_TRIGGERS", adapters(silent, why));
    let keys = catalog::SCOPE_KEYS.iter();
    let keys = keys.map(|(provider, keys)| ((*provider).into(), list(keys.iter().copied())));
    all.insert("KNOWN_SCOPE_KEY_CATALOG", keys.collect::<Object<'_>>());
    let silent = catalog::providers_without_scope_keys();
    let why = "the adapter declares no scope keys";
    all.insert("ADAPTERS_WITHOUT_KNOWN_SCOPE_KEYS", adapters(silent, why));
}

fn adapters(providers: impl Iterator<Item = &'static str>, reason: &'static str) -> Value<'static> {
    let row = |provider: &'static str| {
        let mut row = Object::new();
        row.insert("packageName", format!("@relayfile/adapter-{provider}"));
        row.insert("packagePath", format!("packages/{provider}"));
        row.insert("provider", provider);
        row.insert("reason", reason);
        Value::Object(row)
    };
    Value::Array(providers.map(row).collect())
}
