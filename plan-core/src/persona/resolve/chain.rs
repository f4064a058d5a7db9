//! Following `extends` down the layers, and putting the persona together.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::base::text::nearest;

use super::catalog::{Catalog, Entry, fallback_prompt};
use super::error::Problem;
use super::facts::BUILT_IN;
use super::merge::{merge, resolve_layer_spec, tidy};

/// Puts a persona together from its file and everything that it extends.
/// `warnings` receives what was left out.
pub(super) fn resolve_spec<'a>(
    top: &Entry<'a>,
    catalog: &Catalog<'a>,
    warnings: &mut Vec<Problem>,
) -> Result<Object<'a>, Vec<Problem>> {
    let chain = resolve_chain(top, catalog)?;
    let mut spec = Object::new();
    for entry in chain.iter().rev() {
        let layer = resolve_layer_spec(entry, catalog, warnings);
        spec = if entry.extends.is_none() {
            layer
        } else {
            merge(spec, &layer)
        };
    }
    let spec = tidy(&spec);
    if chain.len() > 1 {
        if catalog.options.complete() {
            check_merged(&chain, catalog)?;
        } else {
            // Each file was checked alone; only settings can contradict.
            check_settings(&spec, catalog).map_err(|found| attribute(found, &[top]))?;
        }
    }
    Ok(spec)
}

/// Lists the file and what it extends, down to one that stands alone.
fn resolve_chain<'c, 'a>(
    top: &'c Entry<'a>,
    catalog: &'c Catalog<'a>,
) -> Result<Vec<&'c Entry<'a>>, Vec<Problem>> {
    let mut chain = vec![top];
    let mut at = top;
    while let Some(wanted) = &at.extends {
        let below = find_below(at, wanted, catalog)
            .map_err(|message| vec![extends_problem(at, message)])?;
        let Some(below) = below else {
            return Err(vec![not_found(at, wanted, catalog)]);
        };
        if !below.is_sound() {
            return Err(below.problems.clone());
        }
        if chain.iter().any(|seen| core::ptr::eq(*seen, below)) {
            let ids: Vec<&str> = chain
                .iter()
                .chain([&below])
                .map(|entry| &*entry.id)
                .collect();
            let message = format!("extends cycle detected through {}", ids.join(" -> "));
            return Err(vec![extends_problem(at, message)]);
        }
        chain.push(below);
        at = below;
    }
    Ok(chain)
}

fn not_found(entry: &Entry<'_>, wanted: &str, catalog: &Catalog<'_>) -> Problem {
    let place = if catalog.options.complete() {
        format!("in {} or below", entry.source)
    } else {
        format!("below {}", entry.source)
    };
    let message = format!("extends \"{wanted}\" was not found {place}");
    let mut problem = extends_problem(entry, message);
    let help = if let Some(near) = nearest(wanted, ids_below(entry, catalog)) {
        format!("did you mean `{near}`?")
    } else if *wanted == entry.id {
        "a file without `intent` extends the persona of the same id; add `intent` if it \
         stands alone"
            .into()
    } else {
        return problem;
    };
    problem.diagnostic = problem.diagnostic.help(help);
    problem
}

/// The layers that a file of `entry`'s layer may extend: those strictly below, in
/// complete resolution its own too, and the built-in one whatever the file's own.
fn layers_below(entry: &Entry<'_>, catalog: &Catalog<'_>) -> Vec<usize> {
    let layer = entry.layer;
    let layers = catalog.facts.layers.iter().enumerate();
    let siblings = catalog.options.complete();
    let below = layers.filter(move |(place, other)| {
        *place > layer || (siblings && *place == layer) || other.source == BUILT_IN
    });
    below.map(|(place, _)| place).collect()
}

fn ids_below<'c>(entry: &Entry<'_>, catalog: &'c Catalog<'_>) -> Vec<&'c str> {
    let layers = layers_below(entry, catalog).into_iter();
    let entries = layers.flat_map(|layer| catalog.sound(layer));
    let others = entries.filter(|other| other.id != entry.id);
    others.map(|other| &*other.id).collect()
}

/// Finds the persona that `wanted` names for a file, or says why it names several.
fn find_below<'c, 'a>(
    entry: &Entry<'a>,
    wanted: &'c str,
    catalog: &'c Catalog<'a>,
) -> Result<Option<&'c Entry<'a>>, String> {
    for layer in layers_below(entry, catalog) {
        // A directory can be reached as two layers; a file never extends itself
        // through another name of its own directory.
        let other = |below: &&Entry<'a>| below.source == BUILT_IN || below.path != entry.path;
        let mut named = catalog.named(layer, wanted).filter(other);
        if let Some(found) = named.next() {
            return Ok(Some(found));
        }
        let of_intent = catalog.sound(layer).filter(other);
        let found: Vec<_> = of_intent
            .filter(|below| below.intent.as_deref() == Some(wanted))
            .collect();
        match found.as_slice() {
            [] => {}
            [one] => return Ok(Some(one)),
            [first, ..] => {
                let ids: Vec<&str> = found.iter().map(|below| &*below.id).collect();
                return Err(format!(
                    "extends \"{wanted}\" is ambiguous in {}; it is the intent of {}",
                    first.source,
                    ids.join(", ")
                ));
            }
        }
    }
    Ok(None)
}

fn extends_problem(entry: &Entry<'_>, message: String) -> Problem {
    let root = Path::root("persona");
    let at = if entry.object.contains("extends") {
        "extends"
    } else {
        "id"
    };
    let diagnostic = Diagnostic::error(Code::PERSONA_RESOLUTION_FAILED, message);
    entry.problem(diagnostic.pointing(&root.field(at)))
}

/// Checks the whole merged persona as it is written, before paths are resolved.
fn check_merged(chain: &[&Entry<'_>], catalog: &Catalog<'_>) -> Result<(), Vec<Problem>> {
    let mut merged = Object::new();
    for entry in chain.iter().rev() {
        let mut object = entry.object.clone();
        object.remove("extends");
        merged = merge(merged, &object);
        if let (None, Some(prompt)) = (&entry.extends, fallback_prompt(&merged)) {
            merged.insert("systemPrompt", prompt);
        }
    }
    let found = (catalog.options.validate)(&Value::Object(merged), catalog.options.edition);
    let mut found = found.err().unwrap_or_default();
    // Remarked on with the file that has it.
    found.retain(|problem| problem.pointer.as_deref() != Some("/intent"));
    if found.is_empty() {
        Ok(())
    } else {
        Err(attribute(found, chain))
    }
}

/// Says of each problem of a merged persona which file has it: the strongest one
/// that says anything about the place.
fn attribute(found: Vec<Diagnostic>, chain: &[&Entry<'_>]) -> Vec<Problem> {
    let attributed = found.into_iter().filter_map(|mut diagnostic| {
        let pointer = diagnostic.pointer.take().unwrap_or_default();
        let depths = chain.iter().map(|entry| depth(&entry.object, &pointer));
        // The first of equals, which `max_by_key` would not give.
        let (entry, depth) = chain
            .iter()
            .zip(depths)
            .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        diagnostic.pointer = Some(prefix(&pointer, depth));
        Some(entry.problem(diagnostic))
    });
    attributed.collect()
}

/// Counts the steps of a pointer that a document has.
fn depth(object: &Object<'_>, pointer: &str) -> usize {
    let document = Value::Object(object.clone());
    let steps = pointer.matches('/').count();
    let has = |steps: &usize| json_at(&document, &prefix(pointer, *steps)).is_some();
    (0..=steps).rev().find(has).unwrap_or_default()
}

/// Keeps the first `steps` steps of a pointer.
fn prefix(pointer: &str, steps: usize) -> String {
    let tokens: Vec<&str> = pointer.split('/').take(steps + 1).collect();
    tokens.join("/")
}

fn json_at<'v, 'a>(document: &'v Value<'a>, pointer: &str) -> Option<&'v Value<'a>> {
    pointer.split('/').skip(1).try_fold(document, |at, token| {
        let token = token.replace("~1", "/").replace("~0", "~");
        match at {
            Value::Object(object) => object.get(&token),
            Value::Array(items) => items.get(token.parse::<usize>().ok()?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    })
}

/// Checks the merged settings with the check of whole personas.
fn check_settings(spec: &Object<'_>, catalog: &Catalog<'_>) -> Result<(), Vec<Diagnostic>> {
    let mut probe = Object::new();
    for (name, text) in [
        ("id", "p"),
        ("intent", "review"),
        ("description", "d"),
        ("harness", crate::persona::harness::any()),
        ("model", "m"),
        ("systemPrompt", "s"),
    ] {
        probe.append(name, text);
    }
    if let Some(settings) = spec.get("harnessSettings") {
        probe.append("harnessSettings", settings.clone());
    }
    (catalog.options.validate)(&Value::Object(probe), catalog.options.edition)
}
