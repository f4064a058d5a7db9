//! Memory and its two facets.

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::persona::vocabulary::MEMORY_SCOPES;

use super::cx::{Cx, Parsed};
use super::leaf::{
    BOOLEAN, OPTIONAL_TEXT, dedupe, is_bool, is_not_negative, is_positive, is_text, optional,
    required_word,
};
use super::section::{Section, Shape};

const PROBLEM: &str = "must be a boolean or an object if provided";

pub(super) const MEMORY: Shape = Shape {
    problem: PROBLEM,
    fields: &[
        "enabled",
        "scopes",
        "ttlDays",
        "autoPromote",
        "dedupMs",
        "trajectories",
        "aiMemory",
    ],
};

pub(super) const TRAJECTORIES: Shape = Shape {
    problem: PROBLEM,
    fields: &["enabled", "autoCompact"],
};

pub(super) const AI_MEMORY: Shape = Shape {
    problem: PROBLEM,
    fields: &["enabled", "dbPath"],
};

/// The memory of a persona.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if matches!(value, None | Some(Value::Bool(_))) {
        return Ok(value.cloned());
    }
    let Some(mut memory) = Section::open(cx, value, at, &MEMORY)? else {
        return Ok(None);
    };
    memory.field("enabled", optional(is_bool, BOOLEAN))?;
    memory.field("scopes", scopes)?;
    memory.field(
        "ttlDays",
        optional(is_positive, "must be a positive number if provided"),
    )?;
    memory.field("autoPromote", optional(is_bool, BOOLEAN))?;
    memory.field(
        "dedupMs",
        optional(is_not_negative, "must be a non-negative number if provided"),
    )?;
    memory.field("trajectories", trajectories)?;
    memory.field("aiMemory", ai_memory)?;
    Ok(Some(memory.done()))
}

fn scopes<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let items = value.as_array().unwrap_or_default();
    if items.is_empty() {
        return cx.fail(at, "must be a non-empty array of memory scopes if provided");
    }
    let scopes = cx.items(items, at, &required_word(MEMORY_SCOPES))?;
    Ok(Some(Value::Array(dedupe(scopes))))
}

fn trajectories<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if matches!(value, None | Some(Value::Bool(_))) {
        return Ok(value.cloned());
    }
    let Some(mut facet) = Section::open(cx, value, at, &TRAJECTORIES)? else {
        return Ok(None);
    };
    facet.field("enabled", optional(is_bool, BOOLEAN))?;
    facet.field("autoCompact", optional(is_bool, BOOLEAN))?;
    Ok(Some(facet.done()))
}

fn ai_memory<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if matches!(value, None | Some(Value::Bool(_))) {
        return Ok(value.cloned());
    }
    let Some(mut facet) = Section::open(cx, value, at, &AI_MEMORY)? else {
        return Ok(None);
    };
    facet.field("enabled", optional(is_bool, BOOLEAN))?;
    facet.field("dbPath", optional(is_text, OPTIONAL_TEXT))?;
    Ok(Some(facet.done()))
}
