//! From a resolved persona to the selection that is planned.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::json::{Object, Value};

use super::catalog::{Catalog, Entry};
use super::error::PersonaResolutionError;
use super::facts::BUILT_IN;
use super::merge::has_text;

/// Maps a persona to its selection.
pub(super) fn resolve_selection<'a>(
    spec: &Object<'a>,
    entry: &Entry<'a>,
    catalog: &Catalog<'a>,
) -> Result<Object<'a>, PersonaResolutionError> {
    let needed = ["harness", "model", "systemPrompt"];
    let omitted: Vec<&str> = needed
        .into_iter()
        .filter(|name| !has_text(spec, name))
        .collect();
    if !omitted.is_empty() {
        return Err(PersonaResolutionError::not_interactive(&entry.id, &omitted));
    }
    let mut selection = Object::with_capacity(24);
    for name in REQUIRED {
        let from = if name == "personaId" { "id" } else { name };
        copy(spec.get(from), name, &mut selection);
    }
    selection.insert("systemPrompt", prompt(spec));
    selection.append("rationale", rationale(spec, entry, catalog));
    for name in ["inputs", "env", "mcpServers", "permissions", "mount"] {
        copy(
            spec.get(name).filter(|value| value.is_truthy()),
            name,
            &mut selection,
        );
    }
    for name in ["memory", "relay"] {
        let carried = spec.get(name).filter(|_| catalog.options.complete());
        copy(carried, name, &mut selection);
    }
    append_sidecar(
        &mut selection,
        spec,
        ["claudeMd", "claudeMdContent", "claudeMdMode"],
    );
    append_sidecar(
        &mut selection,
        spec,
        ["agentsMd", "agentsMdContent", "agentsMdMode"],
    );
    Ok(selection)
}

/// What every selection has, before its rationale.
const REQUIRED: [&str; 6] = [
    "personaId",
    "harness",
    "model",
    "systemPrompt",
    "harnessSettings",
    "skills",
];

fn copy<'a>(value: Option<&Value<'a>>, name: &'static str, selection: &mut Object<'a>) {
    if let Some(value) = value {
        selection.append(name, value.clone());
    }
}

fn prompt(spec: &Object<'_>) -> String {
    let text = |name| spec.get(name).and_then(Value::as_str).unwrap_or_default();
    text("systemPrompt").replace("<harness>", text("harness"))
}

/// Says where the persona came from, and for a built-in why it was chosen.
fn rationale(spec: &Object<'_>, entry: &Entry<'_>, catalog: &Catalog<'_>) -> String {
    if entry.source != BUILT_IN {
        return format!("local-override: {}", entry.id);
    }
    let intent = spec
        .get("intent")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let routed = catalog.facts.routing.get(intent).cloned();
    routed.unwrap_or_else(|| format!("registry: {}", entry.id))
}

/// A sidecar's mode means something only beside its path or its content.
fn append_sidecar<'a>(selection: &mut Object<'a>, spec: &Object<'a>, names: [&'static str; 3]) {
    let [path, content, mode] = names;
    let mut any = false;
    for name in [path, content] {
        if let Some(value) = spec.get(name).filter(|value| value.is_truthy()) {
            selection.append(name, value.clone());
            any = true;
        }
    }
    if any {
        let given = spec.get(mode).cloned();
        selection.append(mode, given.unwrap_or_else(|| Value::from("overwrite")));
    }
}
