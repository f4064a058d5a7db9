//! Skills.

use alloc::vec::Vec;

use crate::base::diag::Path;
use crate::base::json::Value;

use super::cx::{Cx, Parsed};
use super::leaf::{TEXT, is_text, required};
use super::section::{Section, Shape};

pub(super) const SHAPE: Shape = Shape {
    problem: "must be an object",
    fields: &["id", "source", "description"],
};

/// The skills of a persona; none when absent. Where a source leads is looked at
/// when the plan is built.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    match value {
        None => Ok(Some(Value::Array(Vec::new()))),
        Some(Value::Array(items)) => Ok(Some(Value::Array(cx.items(items, at, &skill)?))),
        Some(_) => cx.fail(at, "must be an array if provided"),
    }
}

fn skill<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut skill) = Section::open(cx, value, at, &SHAPE)? else {
        return Ok(None);
    };
    for field in SHAPE.fields {
        skill.field(field, required(is_text, TEXT))?;
    }
    Ok(Some(skill.done()))
}
