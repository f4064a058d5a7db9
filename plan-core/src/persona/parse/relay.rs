//! The relay: how the agent is reached by others.

use crate::base::diag::Path;
use crate::base::json::Value;

use super::cx::{Cx, Parsed};
use super::leaf::{
    BOOLEAN, OPTIONAL_TEXT, TEXT, dedupe, is_bool, is_text, optional, required, trimmed,
};
use super::section::{Section, Shape};

pub(super) const SHAPE: Shape = Shape {
    problem: "must be a boolean or an object if provided",
    fields: &[
        "enabled",
        "agentName",
        "channels",
        "inbox",
        "defaultWorkspace",
    ],
};

/// The relay settings of a persona.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if matches!(value, None | Some(Value::Bool(_))) {
        return Ok(value.cloned());
    }
    let Some(mut relay) = Section::open(cx, value, at, &SHAPE)? else {
        return Ok(None);
    };
    let text = || trimmed(optional(is_text, OPTIONAL_TEXT));
    relay.field("enabled", optional(is_bool, BOOLEAN))?;
    relay.field("agentName", text())?;
    relay.field("channels", names)?;
    relay.field("inbox", names)?;
    relay.field("defaultWorkspace", text())?;
    Ok(Some(relay.done()))
}

fn names<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let Some(items) = value.as_array() else {
        return cx.fail(at, "must be an array of strings if provided");
    };
    let names = cx.items(items, at, &trimmed(required(is_text, TEXT)))?;
    Ok(Some(Value::Array(dedupe(names))))
}
