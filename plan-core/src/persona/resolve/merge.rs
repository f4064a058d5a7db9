//! Merging an overlay over what it extends.

use alloc::vec::Vec;

use crate::base::json::{Object, Text, Value};
use crate::base::sort::sort_by;
use crate::base::text::{is_blank, js_trim, utf16_cmp};

use super::catalog::{Catalog, Entry, fallback_prompt};
use super::error::Problem;
use super::field::{FIELDS, Rule, find};
use super::relative::resolve_paths;

/// Makes one file ready for merging: only the fields that the edition carries,
/// in their long forms, with absolute paths.
pub(super) fn resolve_layer_spec<'a>(
    entry: &Entry<'a>,
    catalog: &Catalog<'a>,
    warnings: &mut Vec<Problem>,
) -> Object<'a> {
    warnings.extend(entry.remarks.iter().cloned());
    let complete = catalog.options.complete();
    let carried = |name: &str| match find(name) {
        Some(field) => complete || field.recorded,
        None => complete && name != "extends",
    };
    let fields = entry.object.entries().iter();
    let mut spec: Object<'a> = fields.filter(|(name, _)| carried(name)).cloned().collect();
    if entry.extends.is_none()
        && let Some(prompt) = fallback_prompt(&spec)
    {
        spec.insert("systemPrompt", prompt);
    }
    lengthen_inputs(&mut spec);
    sort_tags(&mut spec);
    resolve_paths(&mut spec, entry, catalog, warnings);
    spec
}

/// An input that is only a string is its default.
fn lengthen_inputs(spec: &mut Object<'_>) {
    let Some(Value::Object(inputs)) = spec.get("inputs") else {
        return;
    };
    let long = inputs.entries().iter().map(|(name, input)| {
        let input = match input {
            Value::String(_) => {
                let mut long = Object::new();
                long.append("default", input.clone());
                Value::Object(long)
            }
            _ => input.clone(),
        };
        (name.clone(), input)
    });
    let long: Object<'_> = long.collect();
    spec.insert("inputs", long);
}

/// Tags are a set: trimmed, each once, sorted.
fn sort_tags(spec: &mut Object<'_>) {
    let Some(tags) = spec.get("tags") else { return };
    let tags = tags.as_array().unwrap_or_default();
    let mut tags: Vec<Text<'_>> = tags
        .iter()
        .filter_map(Value::as_str)
        .map(|tag| Text::Owned(js_trim(tag).into()))
        .collect();
    sort_by(&mut tags, &|left, right| utf16_cmp(left, right));
    tags.dedup();
    if tags.is_empty() {
        spec.remove("tags");
    } else {
        spec.insert(
            "tags",
            tags.into_iter().map(Value::from).collect::<Vec<_>>(),
        );
    }
}

/// Merges `over` over `base`.
pub(super) fn merge<'a>(mut base: Object<'a>, over: &Object<'a>) -> Object<'a> {
    // First, because a form that is given in `over` must survive its own twin.
    for (name, _) in over.iter() {
        if let Some(Rule::Sidecar { twin }) = find(name).map(|field| field.rule) {
            base.remove(name);
            base.remove(twin);
        }
    }
    for (name, value) in over.entries() {
        let rule = find(name).map_or(Rule::Replace, |field| field.rule);
        let merged = match (rule, base.get(name), value) {
            (Rule::Keys, Some(Value::Object(below)), Value::Object(above)) => {
                merge_keys(below, above).into()
            }
            (Rule::Permissions, Some(Value::Object(below)), Value::Object(above)) => {
                merge_lists(below, above, &Lists::PERMISSIONS).into()
            }
            (Rule::Mount, Some(Value::Object(below)), Value::Object(above)) => {
                merge_lists(below, above, &Lists::MOUNT).into()
            }
            _ => value.clone(),
        };
        base.insert(name.clone(), merged);
    }
    base
}

fn merge_keys<'a>(below: &Object<'a>, above: &Object<'a>) -> Object<'a> {
    let mut merged = below.clone();
    for (key, value) in above.entries() {
        merged.insert(key.clone(), value.clone());
    }
    merged
}

/// The members of a block that grow when blocks are merged.
struct Lists {
    names: [&'static str; 2],
    dedupe: bool,
}

impl Lists {
    const PERMISSIONS: Self = Self {
        names: ["allow", "deny"],
        dedupe: true,
    };
    const MOUNT: Self = Self {
        names: ["ignoredPatterns", "readonlyPatterns"],
        dedupe: false,
    };
}

fn merge_lists<'a>(below: &Object<'a>, above: &Object<'a>, lists: &Lists) -> Object<'a> {
    let mut merged = merge_keys(below, above);
    for name in lists.names {
        let both = [below.get(name), above.get(name)].into_iter().flatten();
        let mut items: Vec<Value<'a>> = Vec::new();
        for item in both.filter_map(Value::as_array).flatten() {
            if !(lists.dedupe && items.contains(item)) {
                items.push(item.clone());
            }
        }
        if merged.contains(name) {
            merged.insert(name, items);
        }
    }
    merged
}

/// Puts a merged persona into the form that a parsed one has: unknown fields
/// first, then the known ones in order, without empty blocks.
pub(super) fn tidy<'a>(spec: &Object<'a>) -> Object<'a> {
    let unknown = spec
        .entries()
        .iter()
        .filter(|(name, _)| find(name).is_none());
    let mut tidy: Object<'a> = unknown.cloned().collect();
    for field in FIELDS {
        let value = match (field.name, spec.get(field.name)) {
            ("mount", Some(Value::Object(mount))) => tidy_mount(mount),
            ("inputs" | "permissions", Some(Value::Object(block))) if block.is_empty() => None,
            ("skills", None) => Some(Value::Array(Vec::new())),
            (_, value) => value.cloned(),
        };
        if let Some(value) = value {
            tidy.insert(field.name, value);
        }
    }
    tidy
}

/// A mount without a pattern is kept only when it says that it is enabled; one
/// with a pattern is enabled unless it says otherwise.
fn tidy_mount<'a>(mount: &Object<'a>) -> Option<Value<'a>> {
    let mut tidy = mount.clone();
    let mut patterns = false;
    for name in Lists::MOUNT.names {
        let any = mount
            .get(name)
            .and_then(Value::as_array)
            .is_some_and(|list| !list.is_empty());
        patterns |= any;
        if !any {
            tidy.remove(name);
        }
    }
    let enabled = mount.get("enabled").and_then(Value::as_bool);
    if !patterns && enabled != Some(true) {
        return None;
    }
    if enabled.is_none() {
        tidy.insert("enabled", true);
    }
    let order = ["enabled", "ignoredPatterns", "readonlyPatterns"];
    let unknown = tidy
        .entries()
        .iter()
        .filter(|(name, _)| !order.contains(&&**name));
    let mut arranged: Object<'a> = unknown.cloned().collect();
    for name in order {
        if let Some(value) = tidy.get(name) {
            arranged.append(name, value.clone());
        }
    }
    Some(Value::Object(arranged))
}

/// Tells whether a field has a value that a run can use.
pub(super) fn has_text(spec: &Object<'_>, name: &str) -> bool {
    spec.get(name)
        .and_then(Value::as_str)
        .is_some_and(|text| !is_blank(text))
}
