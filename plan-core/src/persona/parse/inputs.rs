//! Inputs and the pickers that fill them.

use crate::base::diag::Path;
use crate::base::json::{Object, Value};
use crate::persona::vocabulary::is_input_name;

use super::cx::{Cx, Parsed, Stop};
use super::leaf::{
    BOOLEAN, OPTIONAL_TEXT, TEXT, coerced, is_bool, is_filled, is_text, optional, required,
};
use super::section::{Section, Shape};

pub(super) const INPUT: Shape = Shape {
    problem: "must be a string default or an object",
    fields: &["description", "env", "default", "optional", "picker"],
};

pub(super) const PICKER: Shape = Shape {
    problem: "must be an object if provided",
    fields: &["provider", "resource"],
};

/// The inputs of a persona by name; an empty map is no map.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(members) = cx.members(value, at, "must be an object if provided")? else {
        return Ok(None);
    };
    let inputs = cx.entries(members, at, &|cx, (name, value), at| {
        check_name(cx, name, at)?;
        input(cx, value, at)
    })?;
    Ok((!inputs.is_empty()).then_some(Value::Object(inputs)))
}

/// Refuses a name that no environment variable can have.
pub(super) fn check_name(cx: &mut Cx, name: &str, at: &Path<'_>) -> Result<(), Stop> {
    if !is_input_name(name) {
        cx.fail::<()>(at, "must be an env-style name matching ^[A-Z_][A-Z0-9_]*$")?;
    }
    Ok(())
}

/// The check of a name as a rule of its own; it keeps nothing.
pub(super) fn assert_name<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let name = value.and_then(coerced).unwrap_or_default();
    check_name(cx, name, at)?;
    Ok(None)
}

/// The name of a variable or of an input; it may be absent.
pub(super) fn name<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let parsed = optional(is_text, OPTIONAL_TEXT)(cx, value, at)?;
    if let Some(name) = parsed.as_ref().and_then(Value::as_str) {
        check_name(cx, name, at)?;
    }
    Ok(parsed)
}

fn input<'a>(cx: &mut Cx, value: &Value<'a>, at: &Path<'_>) -> Parsed<'a> {
    if let Value::String(default) = value {
        if default.is_empty() {
            return cx.fail(at, "default must be non-empty");
        }
        let mut input = Object::new();
        input.append("default", value.clone());
        return Ok(Some(input.into()));
    }
    let Some(mut input) = Section::open(cx, Some(value), at, &INPUT)? else {
        return Ok(None);
    };
    input.field("description", optional(is_text, OPTIONAL_TEXT))?;
    input.field("env", name)?;
    input.field("default", optional(is_filled, OPTIONAL_TEXT))?;
    input.field("optional", optional(is_bool, BOOLEAN))?;
    if input.get("optional") == Some(&Value::Bool(true)) && input.get("default").is_some() {
        input.fail_here(
            "cannot set both 'optional: true' and 'default' — pick one \
             (defaults already make an input always-resolved)",
        )?;
    }
    input.field("picker", picker)?;
    Ok(Some(input.done()))
}

fn picker<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(mut picker) = Section::open(cx, value, at, &PICKER)? else {
        return Ok(None);
    };
    picker.field("provider", required(is_text, TEXT))?;
    picker.field("resource", required(is_text, TEXT))?;
    Ok(Some(picker.done()))
}
