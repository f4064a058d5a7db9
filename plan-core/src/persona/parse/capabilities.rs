//! Capabilities, and the one whose every field is known.

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::persona::vocabulary::HTTP_READ_METHODS;

use super::cx::{Cx, Parsed, Stop, suggest};
use super::leaf::{BOOLEAN, TEXT, is_bool, is_text, optional, required};

const HTTP_READ: &str = "httpRead";

/// The capabilities of a persona by name; an empty map is no map.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let Value::Object(_) = value else {
        return cx.fail(at, "must be an object if provided");
    };
    let Some(members) = cx.members(Some(value), at, "")? else {
        return Ok(None);
    };
    let capabilities = cx.entries(members, at, &|cx, (name, value), at| {
        if name == HTTP_READ {
            http_read(cx, value, at)
        } else {
            capability(cx, value, at)
        }
    })?;
    Ok((!capabilities.is_empty()).then_some(Value::Object(capabilities)))
}

fn capability<'a>(cx: &mut Cx, value: &Value<'a>, at: &Path<'_>) -> Parsed<'a> {
    match value {
        Value::Bool(_) => {}
        Value::Object(object) => {
            optional(is_bool, BOOLEAN)(cx, object.get("enabled"), &at.field("enabled"))?;
        }
        _ => return cx.fail(at, "must be a boolean or object if provided"),
    }
    Ok(Some(value.clone()))
}

fn http_read<'a>(cx: &mut Cx, value: &Value<'a>, at: &Path<'_>) -> Parsed<'a> {
    let Value::Object(object) = value else {
        return cx.fail(at, "must be an object if provided");
    };
    refuse_foreign(cx, object, at, &["enabled", "allow"])?;
    optional(is_bool, BOOLEAN)(cx, object.get("enabled"), &at.field("enabled"))?;
    let allow = at.field("allow");
    match object.get("allow") {
        None => {}
        Some(Value::Array(rules)) => {
            cx.items(rules, &allow, &http_rule)?;
        }
        Some(_) => {
            cx.fail::<()>(&allow, "must be an array if provided")?;
        }
    }
    Ok(Some(value.clone()))
}

fn http_rule<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(Value::Object(rule)) = value else {
        return cx.fail(at, "must be an object");
    };
    refuse_foreign(cx, rule, at, &["method", "urlGlob"])?;
    let is_method = |value: &Value<'_>| {
        let method = value.as_str();
        method.is_some_and(|method| HTTP_READ_METHODS.contains(&method))
    };
    let method = required(is_method, "must be \"GET\" or \"HEAD\"");
    method(cx, rule.get("method"), &at.field("method"))?;
    required(is_text, TEXT)(cx, rule.get("urlGlob"), &at.field("urlGlob"))?;
    Ok(value.cloned())
}

fn refuse_foreign(
    cx: &mut Cx,
    object: &Object<'_>,
    at: &Path<'_>,
    known: &[&str],
) -> Result<(), Stop> {
    for (key, _) in object.iter().filter(|(key, _)| !known.contains(key)) {
        let at = at.field(key);
        let problem = Diagnostic::at(Code::PERSONA_FIELD_INVALID, &at, "is not allowed");
        cx.report(suggest(problem, Some(key), known))?;
    }
    Ok(())
}
