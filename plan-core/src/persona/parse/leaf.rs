//! Rules for single values: texts, words, truth values, numbers, plain lists.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Text, Value};
use crate::base::text::{is_blank, js_trim};

use super::cx::{Cx, Parsed, suggest};

/// What is said about a truth value that is none.
pub(super) const BOOLEAN: &str = "must be a boolean if provided";

/// What is said about a text that is blank or none.
pub(super) const TEXT: &str = "must be a non-empty string";

/// What is said about an optional text that is blank or none.
pub(super) const OPTIONAL_TEXT: &str = "must be a non-empty string if provided";

pub(super) fn is_bool(value: &Value<'_>) -> bool {
    value.as_bool().is_some()
}

/// Tells whether a value is text that is not blank.
pub(super) fn is_text(value: &Value<'_>) -> bool {
    value.as_str().is_some_and(|text| !is_blank(text))
}

/// Tells whether a value is text with any character, be it a space.
pub(super) fn is_filled(value: &Value<'_>) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

pub(super) fn is_positive(value: &Value<'_>) -> bool {
    let number = value.as_number();
    number.is_some_and(|number| number.is_finite() && number > 0.0)
}

pub(super) fn is_not_negative(value: &Value<'_>) -> bool {
    let number = value.as_number();
    number.is_some_and(|number| number.is_finite() && number >= 0.0)
}

/// The text that JavaScript makes of a value, where that can be a word or a name:
/// a list of one text is that text.
pub(super) fn coerced<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) => match items.as_slice() {
            [only] => coerced(only),
            _ => None,
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

/// Keeps a value that passes the test; it may be absent.
pub(super) fn optional<'a>(
    test: fn(&Value<'_>) -> bool,
    problem: &str,
) -> impl Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {
    move |cx, value, at| match value {
        None => Ok(None),
        Some(value) if test(value) => Ok(Some(value.clone())),
        Some(_) => cx.fail(at, problem),
    }
}

/// Keeps a value that passes the test; it must be there.
pub(super) fn required<'a>(
    test: fn(&Value<'_>) -> bool,
    problem: &str,
) -> impl Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {
    move |cx, value, at| match value {
        Some(value) if test(value) => Ok(Some(value.clone())),
        _ => cx.fail(at, problem),
    }
}

/// Trims the text that another rule keeps.
pub(super) fn trimmed<'a>(
    rule: impl Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a>,
) -> impl Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {
    move |cx, value, at| {
        Ok(rule(cx, value, at)?.map(|value| match value {
            Value::String(text) => Value::String(trim(text)),
            other => other,
        }))
    }
}

/// Keeps one of a closed set of words; it may be absent.
pub(super) fn word<'a>(
    words: &[&str],
) -> impl Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {
    move |cx, value, at| match value {
        None => Ok(None),
        Some(value) => required_word(words)(cx, Some(value), at),
    }
}

/// Keeps one of a closed set of words; it must be there.
pub(super) fn required_word<'a>(
    words: &[&str],
) -> impl Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {
    move |cx, value, at| {
        let known = value.filter(|value| value.as_str().is_some_and(|word| words.contains(&word)));
        if let Some(value) = known {
            return Ok(Some(value.clone()));
        }
        let problem = format!("must be one of: {}", words.join(", "));
        let problem = Diagnostic::at(Code::PERSONA_FIELD_INVALID, at, &problem);
        cx.report(suggest(problem, value.and_then(Value::as_str), words))?;
        Ok(None)
    }
}

/// Trims text, borrowed text without a copy.
pub(super) fn trim(text: Text<'_>) -> Text<'_> {
    match text {
        Text::Borrowed(text) => Text::Borrowed(js_trim(text)),
        Text::Owned(text) => Text::Owned(String::from(js_trim(&text))),
    }
}

/// Keeps the first of equal values.
pub(super) fn dedupe(items: Vec<Value<'_>>) -> Vec<Value<'_>> {
    let mut kept: Vec<Value<'_>> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// A list of texts that are not blank; an empty list is no list.
pub(super) fn string_list<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let Some(items) = value.as_array() else {
        return cx.fail(at, "must be an array if provided");
    };
    let items = cx.items(items, at, &required(is_text, TEXT))?;
    Ok((!items.is_empty()).then_some(Value::Array(items)))
}

/// A map of texts; it may be empty.
pub(super) fn string_map<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(members) = cx.members(value, at, "must be an object if provided")? else {
        return Ok(None);
    };
    let map = cx.entries(members, at, &|cx, (_, value), at| match value {
        Value::String(_) => Ok(Some(value.clone())),
        _ => cx.fail(at, "must be a string"),
    })?;
    Ok(Some(map.into()))
}

/// Absolute paths that select files of a remote tree; the list must not be empty.
pub(super) fn path_list<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let items = value.and_then(Value::as_array).unwrap_or_default();
    if items.is_empty() {
        return cx.fail(at, "must be a non-empty array");
    }
    Ok(Some(Value::Array(cx.items(items, at, &remote_path)?)))
}

fn remote_path<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let problem = if is_blank(text) {
        TEXT
    } else if js_trim(text) != text {
        "must not have leading or trailing whitespace"
    } else if text.contains(['\r', '\n', '\u{2028}', '\u{2029}']) {
        "must not contain line separators"
    } else if !text.starts_with('/') {
        "must start with /"
    } else {
        return Ok(value.cloned());
    };
    cx.fail(at, problem)
}
