//! Tags.

use alloc::vec::Vec;

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::base::sort::sort_by;
use crate::base::text::{js_trim, utf16_cmp, utf16_len};
use crate::persona::vocabulary::MAX_NAME_LENGTH;

use super::cx::{Cx, Parsed};
use super::leaf::{dedupe, trim};

/// Trimmed tags without repetition, sorted as JavaScript sorts.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let items = match value {
        None => return Ok(None),
        // Only here does persona-kit 4 take `null` for absent.
        Some(Value::Null) if !cx.strict => return Ok(None),
        Some(Value::Array(items)) => items,
        Some(_) => return cx.fail(at, "must be an array of strings if provided"),
    };
    let mut tags: Vec<Value<'a>> = dedupe(cx.items(items, at, &tag)?);
    if tags.is_empty() {
        return Ok(None);
    }
    sort_by(&mut tags, &|left, right| {
        utf16_cmp(
            left.as_str().unwrap_or_default(),
            right.as_str().unwrap_or_default(),
        )
    });
    Ok(Some(Value::Array(tags)))
}

fn tag<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(Value::String(text)) = value else {
        return cx.fail(at, "must be a string");
    };
    let length = utf16_len(js_trim(text));
    if length == 0 {
        return cx.fail(at, "must be a non-empty string");
    }
    if length > MAX_NAME_LENGTH {
        return cx.fail(at, "must be ≤64 characters");
    }
    Ok(Some(Value::String(trim(text.clone()))))
}
