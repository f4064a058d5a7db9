//! Resolving a persona: from a name or a file to one selection that can be planned.
//!
//! Files come in as [`Facts`]: the host reads every layer of persona files, asks
//! [`probe_paths`] which other paths matter, and reports those that exist. The
//! first layer that has the persona wins; an overlay is merged over what it
//! extends, which is searched in the layers below.

mod catalog;
mod chain;
mod error;
mod facts;
mod field;
mod listing;
mod merge;
mod reference;
mod relative;
mod select;

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::diag::Diagnostic;
use crate::base::edition::Edition;
use crate::base::json::{Object, Value};

pub use error::{PersonaResolutionError, Problem, ResolutionErrorCode};
pub use facts::{
    BUILT_IN, Facts, FactsDocument, FileDocument, Layer, LayerDocument, PATH, PersonaFile, Unread,
};
pub use listing::{Listed, resolve_listing};
pub use reference::{DocumentKind, document_kind, looks_like_path};
pub use relative::probe_paths;

use catalog::{Catalog, Entry};

/// Checks a whole persona document; `persona::parse` is the one that is used.
pub type Validate = fn(&Value<'_>, Edition) -> Result<(), Vec<Diagnostic>>;

/// How to resolve.
#[derive(Debug, Clone, Copy)]
pub struct ResolveOptions {
    /// The dialect.
    pub edition: Edition,
    /// The check that every file passes before it is used.
    pub validate: Validate,
}

impl ResolveOptions {
    const fn complete(&self) -> bool {
        self.edition.switches().complete_resolution
    }
}

/// A persona that was found and put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution<'a> {
    /// The persona with everything that it extends merged in.
    pub spec: Object<'a>,
    /// What the planner plans.
    pub selection: Object<'a>,
    /// The name of the layer that has the persona.
    pub source: String,
    /// The file that has the persona; built-ins have none.
    pub path: Option<String>,
    /// What went wrong on the way without stopping it.
    pub warnings: Vec<Problem>,
}

/// Resolves a reference: a persona's id, or the path of a persona file that the
/// facts hold as their layer [`PATH`].
///
/// # Errors
/// The reference is malformed, no layer has the persona, or it cannot be run.
pub fn resolve<'a>(
    reference: &str,
    facts: &'a Facts,
    options: &ResolveOptions,
) -> Result<Resolution<'a>, PersonaResolutionError> {
    let id = reference::resolve_id(reference, facts)?;
    let catalog = Catalog::new(facts, options);
    let mut warnings = catalog.warnings();
    let (entry, spec) = find(&id, &catalog, &mut warnings)?;
    let selection = select::resolve_selection(&spec, entry, &catalog)?;
    Ok(Resolution {
        spec,
        selection,
        source: String::from(entry.source),
        path: (entry.source != BUILT_IN).then(|| String::from(entry.path)),
        warnings,
    })
}

/// Finds the first layer that yields the persona. A broken file stops the search
/// in a complete resolution, or else a layer below would silently stand in for it.
fn find<'c, 'a>(
    id: &'c str,
    catalog: &'c Catalog<'a>,
    warnings: &mut Vec<Problem>,
) -> Result<(&'c Entry<'a>, Object<'a>), PersonaResolutionError> {
    for layer in 0..catalog.facts.layers.len() {
        let problems = match catalog.in_layer(layer, id) {
            Some(entry) if !entry.problems.is_empty() => entry.problems.clone(),
            Some(entry) => match chain::resolve_spec(entry, catalog, warnings) {
                Ok(spec) => return Ok((entry, spec)),
                Err(problems) => {
                    if !catalog.options.complete() {
                        warnings.extend(problems.iter().cloned().map(Problem::softened));
                    }
                    problems
                }
            },
            None => continue,
        };
        if catalog.options.complete() {
            return Err(PersonaResolutionError::broken(id, problems));
        }
    }
    Err(PersonaResolutionError::unknown(id, &catalog.known_ids()))
}

#[cfg(test)]
mod tests;
