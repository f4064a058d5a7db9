//! What an agent may do and see: permissions, mount and sandbox.

use alloc::format;

use crate::base::diag::Path;
use crate::base::json::{Value, print};
use crate::persona::vocabulary::PERMISSION_MODES;

use super::cx::{Cx, Parsed};
use super::leaf::{BOOLEAN, is_bool, is_text, optional, string_list, word};
use super::section::{Section, Shape};

pub(super) const PERMISSIONS: Shape = Shape {
    problem: "must be an object if provided",
    fields: &["allow", "deny", "mode"],
};

pub(super) const MOUNT: Shape = Shape {
    problem: "must be an object if provided",
    fields: &["enabled", "ignoredPatterns", "readonlyPatterns"],
};

/// The permissions of a persona; none when they say nothing.
pub(super) fn permissions<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(mut permissions) = Section::open(cx, value, at, &PERMISSIONS)? else {
        return Ok(None);
    };
    let patterns = || optional(is_pattern_list, "must be an array of non-empty strings");
    permissions.field("allow", patterns())?;
    permissions.field("deny", patterns())?;
    permissions.field("mode", word(PERMISSION_MODES))?;
    Ok(permissions.done_unless_empty())
}

fn is_pattern_list(value: &Value<'_>) -> bool {
    value
        .as_array()
        .is_some_and(|patterns| patterns.iter().all(is_text))
}

/// The mount policy of a persona; patterns switch it on, and it is none when it
/// says nothing.
pub(super) fn mount<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(mut mount) = Section::open(cx, value, at, &MOUNT)? else {
        return Ok(None);
    };
    mount.field("ignoredPatterns", string_list)?;
    mount.field("readonlyPatterns", string_list)?;
    mount.field("enabled", optional(is_bool, BOOLEAN))?;
    let patterns = mount.has("ignoredPatterns") || mount.has("readonlyPatterns");
    if patterns && !mount.has("enabled") {
        mount.put("enabled", true);
    }
    Ok(mount.done_unless_empty())
}

/// Whether the agent runs in a sandbox.
pub(super) fn sandbox<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    match value {
        None | Some(Value::Bool(_)) => Ok(value.cloned()),
        Some(other) => {
            let problem = format!("must be true or false (got {})", print(other));
            cx.fail(at, &problem)
        }
    }
}
