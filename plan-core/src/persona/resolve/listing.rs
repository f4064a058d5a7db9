//! Listing the personas that a reference could name.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::json::{Object, Value};
use crate::base::record::record;

use super::ResolveOptions;
use super::catalog::{Catalog, Entry};
use super::chain::resolve_spec;
use super::error::Problem;
use super::facts::{BUILT_IN, Facts};

record! {
    /// One persona of a listing.
    pub struct Listed {
        /// The id; for a file without one, the file's name.
        pub id: String => "id",
        /// The intent, inherited or its own.
        pub intent: Option<String> => "intent",
        /// The harness.
        pub harness: Option<String> => "harness",
        /// The model.
        pub model: Option<String> => "model",
        /// The layer that has the persona.
        pub source: String => "source",
        /// The file; built-ins have none.
        pub path: Option<String> => "path",
        /// What the persona is for.
        pub description: Option<String> => "description",
        /// What is wrong with it.
        pub problems: Vec<Problem> => "problems",
    }
}

/// Lists every persona that a reference can name, and every broken file; the
/// strongest layer comes first.
pub fn resolve_listing(facts: &Facts, options: &ResolveOptions) -> Vec<Listed> {
    let catalog = Catalog::new(facts, options);
    let mut taken = BTreeSet::new();
    let mut listed = Vec::with_capacity(catalog.entries.len());
    for entry in &catalog.entries {
        let shadowed = entry.is_sound() && taken.contains(&entry.id);
        if shadowed {
            continue;
        }
        let (one, resolved) = describe_entry(entry, &catalog);
        // In a complete resolution a broken file keeps its id from those below.
        if resolved || options.complete() {
            taken.insert(entry.id.clone());
        }
        listed.push(one);
    }
    listed
}

fn describe_entry(entry: &Entry<'_>, catalog: &Catalog<'_>) -> (Listed, bool) {
    let mut problems = entry.problems.clone();
    let spec = if entry.is_sound() {
        resolve_spec(entry, catalog, &mut problems).map_err(|found| problems.extend(found))
    } else {
        Err(())
    };
    let resolved = spec.is_ok();
    let spec = spec.unwrap_or_else(|()| entry.object.clone());
    let listed = Listed {
        id: display_id(entry),
        intent: text(&spec, "intent"),
        harness: text(&spec, "harness"),
        model: text(&spec, "model"),
        source: entry.source.to_owned(),
        path: (entry.source != BUILT_IN).then(|| entry.path.to_owned()),
        description: text(&spec, "description"),
        problems,
    };
    (listed, resolved)
}

fn display_id(entry: &Entry<'_>) -> String {
    if !entry.id.is_empty() {
        return entry.id.clone();
    }
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".json").unwrap_or(name).to_owned()
}

fn text(spec: &Object<'_>, name: &str) -> Option<String> {
    spec.get(name)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
}
