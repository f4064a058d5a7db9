//! The forms of a reference, and of the document that a path leads to.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::json::{Value, position, read};
use crate::base::text::{is_blank, js_trim};

use super::error::{PersonaResolutionError, Problem};
use super::facts::{Facts, PATH, PersonaFile, Unread};

/// What a JSON document is, for a command that takes either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// It has a `personaId`: a selection, to be planned as it is.
    Selection,
    /// It has an `id`: a persona file, to be resolved.
    Persona,
    /// It has neither.
    Neither,
}

/// Tells a selection from a persona.
pub fn document_kind(value: &Value<'_>) -> DocumentKind {
    let has = |key| value.get_str(key).is_some_and(|text| !is_blank(text));
    if has("personaId") {
        DocumentKind::Selection
    } else if has("id") {
        DocumentKind::Persona
    } else {
        DocumentKind::Neither
    }
}

/// Tells whether a reference is a path: it ends in `.json` or has a separator.
pub fn looks_like_path(reference: &str) -> bool {
    is_json(reference) || reference.contains(['/', '\\'])
}

/// Reads the id out of a reference.
pub(super) fn resolve_id(reference: &str, facts: &Facts) -> Result<String, PersonaResolutionError> {
    let reference = js_trim(reference);
    if reference.is_empty() {
        return Err(PersonaResolutionError::invalid(
            "persona reference must be non-empty",
        ));
    }
    if looks_like_path(reference) {
        return resolve_file_id(reference, facts);
    }
    if reference.contains('@') {
        return Err(PersonaResolutionError::invalid(
            "@<tier> selectors were removed; pass the persona id without a tier suffix",
        ));
    }
    Ok(reference.to_owned())
}

fn resolve_file_id(reference: &str, facts: &Facts) -> Result<String, PersonaResolutionError> {
    let missing =
        || PersonaResolutionError::invalid(format!("persona file not found: {reference}"));
    let layer = facts.layers.iter().find(|layer| layer.source == PATH);
    let file: &PersonaFile = layer
        .and_then(|layer| layer.files.first())
        .ok_or_else(missing)?;
    if file.text == Err(Unread::Missing) {
        return Err(missing());
    }
    if !is_json(reference) {
        return Err(PersonaResolutionError::invalid(
            "interactive persona paths must point to a JSON persona file",
        ));
    }
    let unreadable = |code, why: &str| {
        let message = format!("could not read persona file: {why}");
        let problem = Diagnostic::error(code, &*message);
        let problem = Problem::new(PATH, &file.path, problem);
        PersonaResolutionError::invalid(message).because(problem)
    };
    let text = file
        .text
        .as_ref()
        .map_err(|why| unreadable(why.code(), &why.to_string()))?;
    let value = read(text).map_err(|error| {
        let at = position(text, error.offset);
        let why = format!("{error} (line {}, column {})", at.line, at.column);
        unreadable(Code::DOCUMENT_MALFORMED, &why)
    })?;
    let id = value.get_str("id").filter(|id| !is_blank(id));
    id.map(ToOwned::to_owned).ok_or_else(|| {
        let message = format!("persona file {reference} is missing a non-empty id");
        PersonaResolutionError::invalid(message)
            .helped("a persona file has an `id`, a selection has a `personaId`")
    })
}

fn is_json(reference: &str) -> bool {
    reference.strip_suffix(".json").is_some()
}
