//! Parsers of persona and agent files: from any JSON value to the normal form, or
//! to diagnostics that name the field.
//!
//! One set of rules serves both editions. `persona-kit-4` stops at the first
//! problem and takes what the recorded parser took, holes included. `2026` goes on,
//! reports every problem in document order, and closes the holes. Each section of
//! the file has a file here; unknown fields are kept in front of the known ones.

mod access;
mod agent;
mod capabilities;
mod cx;
mod files;
mod form;
mod helpers;
mod inputs;
mod integrations;
mod leaf;
mod links;
mod mcp;
mod memory;
mod persona;
mod relay;
mod schedules;
mod section;
mod selection;
mod settings;
mod skills;
mod spec;
mod tags;
#[cfg(test)]
mod tests;
mod watch;

use alloc::vec::Vec;

use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::{Object, Value};

pub use form::forms;
pub use helpers::*;
pub use integrations::{effective_source, is_implicit_integration_source};
pub use selection::check_selection;
pub use spec::PersonaSpec;

use cx::Cx;

/// Parses a persona file that is meant to serve `expected_intent`. Messages call it
/// `persona[<expected intent>]`.
///
/// # Errors
/// The first problem, or every problem in document order, as the edition has it.
pub fn parse_persona<'a>(
    value: &Value<'a>,
    expected_intent: &str,
    edition: Edition,
) -> Result<PersonaSpec<'a>, Vec<Diagnostic>> {
    let mut cx = Cx::new(edition);
    let parsed = persona::parse(&mut cx, value, expected_intent);
    cx.finish(parsed, value).map(PersonaSpec::new)
}

/// Parses an agent file, which messages call `context`.
///
/// # Errors
/// The first problem, or every problem in document order, as the edition has it.
pub fn parse_agent<'a>(
    value: &Value<'a>,
    context: &str,
    edition: Edition,
) -> Result<Object<'a>, Vec<Diagnostic>> {
    let mut cx = Cx::new(edition);
    let at = Path::root(context);
    let parsed = agent_file(&mut cx, value, &at);
    cx.finish(parsed, value)
}

fn agent_file<'a>(
    cx: &mut Cx,
    value: &Value<'a>,
    at: &Path<'_>,
) -> Result<Option<Object<'a>>, cx::Stop> {
    if cx.strict {
        cx.refuse_prototypes(value, at)?;
    }
    Ok(match agent::parse(cx, Some(value), at)? {
        Some(Value::Object(agent)) => Some(agent),
        _ => None,
    })
}

/// Tells whether JavaScript calls a value an object: arrays are objects too.
pub fn is_object(value: &Value<'_>) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

/// Tells whether a value is an object and no array.
pub fn is_plain_object(value: &Value<'_>) -> bool {
    matches!(value, Value::Object(_))
}
