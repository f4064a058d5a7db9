//! Selections: what is planned, by the rules of the persona file that it came from.

use alloc::vec::Vec;

use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::{Object, Value};
use crate::base::path::{has_parent_segment, is_absolute};
use crate::persona::vocabulary::SIDECAR_MODES;

use super::cx::{Cx, Parsed, Stop};
use super::leaf::{OPTIONAL_TEXT, TEXT, is_filled, is_text, optional, required, string_map, word};
use super::persona::harness_name;
use super::section::{Section, Shape};
use super::{access, files, inputs, mcp, memory, relay, settings, skills};

const SHAPE: Shape = Shape {
    problem: "must be an object",
    fields: &[],
};

/// Checks a selection field by field; messages call it `selection`.
///
/// # Errors
/// The first problem, or every problem in document order, as the edition has it.
pub fn check_selection(value: &Value<'_>, edition: Edition) -> Result<(), Vec<Diagnostic>> {
    let mut cx = Cx::new(edition);
    let parsed = parse(&mut cx, value, &Path::root("selection"));
    cx.finish(parsed, value).map(drop)
}

fn parse<'a>(cx: &mut Cx, value: &Value<'a>, at: &Path<'_>) -> Result<Option<Object<'a>>, Stop> {
    if cx.strict {
        cx.refuse_prototypes(value, at)?;
    }
    let Some(mut selection) = Section::open(cx, Some(value), at, &SHAPE)? else {
        return Ok(None);
    };
    selection.field("personaId", required(is_text, TEXT))?;
    selection.field("harness", harness_name)?;
    selection.field("model", required(is_text, TEXT))?;
    selection.field("systemPrompt", required(is_text, TEXT))?;
    selection.field("harnessSettings", settings::parse)?;
    selection.field("skills", skills::parse)?;
    selection.field("rationale", optional(is_text, OPTIONAL_TEXT))?;
    selection.field("inputs", declarations)?;
    selection.field("inputValues", values)?;
    selection.field("env", string_map)?;
    selection.field("mcpServers", mcp::parse)?;
    selection.field("permissions", access::permissions)?;
    selection.field("mount", access::mount)?;
    selection.field("memory", memory::parse)?;
    selection.field("relay", relay::parse)?;
    for [path, contents, mode] in [
        ["claudeMd", "claudeMdContent", "claudeMdMode"],
        ["agentsMd", "agentsMdContent", "agentsMdMode"],
    ] {
        selection.field(path, sidecar)?;
        selection.field(contents, optional(is_filled, TEXT))?;
        selection.field(mode, word(SIDECAR_MODES))?;
    }
    Ok(Some(selection.finish()))
}

/// The inputs, each an object: the planner reads no shorthand.
fn declarations<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    for (name, input) in value
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Object::iter)
    {
        if input.as_str().is_some() {
            cx.fail::<()>(&at.field(name), "must be an object with a `default`")?;
        }
    }
    inputs::parse(cx, value, at)
}

/// Values that were chosen for inputs; what an input takes is decided where it is used.
fn values<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    optional(
        |value| value.as_object().is_some(),
        "must be an object if provided",
    )(cx, value, at)
}

/// The path of a sidecar. Resolving a persona makes it absolute.
fn sidecar<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    match value
        .and_then(Value::as_str)
        .filter(|path| is_absolute(path))
    {
        None => files::sidecar(cx, value, at),
        Some(path) if has_parent_segment(path) => cx.fail(at, "must not contain \"..\" segments"),
        Some(path) if path.contains('\0') => cx.fail(at, "must not contain a NUL character"),
        Some(_) => Ok(value.cloned()),
    }
}
