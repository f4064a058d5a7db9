//! Watch rules.

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::persona::vocabulary::WATCH_EVENTS;

use super::cx::{Cx, Parsed};
use super::leaf::{
    OPTIONAL_TEXT, dedupe, is_not_negative, is_text, optional, path_list, required_word,
};
use super::section::{Section, Shape};

pub(super) const SHAPE: Shape = Shape {
    problem: "must be an object",
    fields: &["paths", "events", "debounceMs", "match"],
};

/// The watch rules of an agent; an empty list is no list.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let Some(items) = value.as_array() else {
        return cx.fail(at, "must be an array if provided");
    };
    let rules = cx.items(items, at, &rule)?;
    Ok((!rules.is_empty()).then_some(Value::Array(rules)))
}

fn rule<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut rule) = Section::open(cx, value, at, &SHAPE)? else {
        return Ok(None);
    };
    rule.field("paths", path_list)?;
    rule.field("events", events)?;
    rule.field(
        "debounceMs",
        optional(is_not_negative, "must be a non-negative number if provided"),
    )?;
    rule.field("match", optional(is_text, OPTIONAL_TEXT))?;
    Ok(Some(rule.done()))
}

fn events<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let items = value.and_then(Value::as_array).unwrap_or_default();
    if items.is_empty() {
        return cx.fail(at, "must be a non-empty array");
    }
    let events = cx.items(items, at, &required_word(WATCH_EVENTS))?;
    Ok(Some(Value::Array(dedupe(events))))
}
