//! Following `extends` down the layers, and putting the persona together.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::base::text::nearest;

use super::catalog::{Catalog, Entry};
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
    // Each file was checked alone; only settings can contradict across files.
    if chain.len() > 1 {
        check_settings(&spec, catalog).map_err(|found| {
            found
                .into_iter()
                .map(|one| top.problem(one))
                .collect::<Vec<_>>()
        })?;
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
            let mut problem = extends_problem(
                at,
                format!("extends \"{wanted}\" was not found below {}", at.source),
            );
            if let Some(near) = nearest(wanted, ids_below(at, catalog)) {
                problem.diagnostic = problem.diagnostic.help(format!("did you mean `{near}`?"));
            } else if *wanted == at.id {
                problem.diagnostic = problem.diagnostic.help(
                    "a file without `intent` extends the persona of the same id; add `intent` if it stands alone",
                );
            }
            return Err(vec![problem]);
        };
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

/// The layers that a file of `entry`'s layer may extend: those strictly below,
/// and the built-in one whatever the file's own.
fn layers_below(entry: &Entry<'_>, catalog: &Catalog<'_>) -> Vec<usize> {
    let layer = entry.layer;
    let layers = catalog.facts.layers.iter().enumerate();
    let below = layers.filter(move |(place, other)| *place > layer || other.source == BUILT_IN);
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
    wanted: &str,
    catalog: &'c Catalog<'a>,
) -> Result<Option<&'c Entry<'a>>, String> {
    for layer in layers_below(entry, catalog) {
        // A directory can be reached as two layers; a file never extends itself
        // through another name of its own directory.
        let other = |below: &&Entry<'a>| below.source == BUILT_IN || below.path != entry.path;
        if let Some(found) = catalog
            .sound(layer)
            .filter(other)
            .find(|below| below.id == wanted)
        {
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

/// Checks the merged settings with the check of whole personas.
fn check_settings(spec: &Object<'_>, catalog: &Catalog<'_>) -> Result<(), Vec<Diagnostic>> {
    let mut probe = Object::new();
    for (name, text) in [
        ("id", "p"),
        ("intent", "review"),
        ("description", "d"),
        ("harness", "claude"),
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
