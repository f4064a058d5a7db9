//! Paths of files beside the persona: sidecars and the event handler.

use alloc::format;

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::base::path::{has_parent_segment, is_absolute};
use crate::base::text::is_blank;
use crate::persona::vocabulary::HANDLER_EXTENSIONS;

use super::cx::{Cx, Parsed};
use super::leaf::TEXT;

/// The path of a sidecar; it may be absent.
pub(super) fn sidecar<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    match value {
        None => Ok(None),
        Some(_) => required_sidecar(cx, value, at),
    }
}

/// The check of a sidecar path as a rule of its own; it keeps nothing.
pub(super) fn assert_sidecar<'a>(
    cx: &mut Cx,
    value: Option<&Value<'a>>,
    at: &Path<'_>,
) -> Parsed<'a> {
    required_sidecar(cx, value, at).map(|_| None)
}

fn required_sidecar<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let path = value.and_then(Value::as_str).unwrap_or_default();
    // persona-kit 4 overlooks the absolute paths of Windows here.
    if !relative(cx, path, at, |path| path.starts_with('/'))? {
        return Ok(None);
    }
    if extension(path).is_none_or(|extension| !extension.eq_ignore_ascii_case("md")) {
        return cx.fail(at, "must end with .md");
    }
    Ok(value.cloned())
}

/// The path of an event handler; it may be absent.
pub(super) fn on_event<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let path = value.as_str().unwrap_or_default();
    if !relative(cx, path, at, is_rooted)? {
        return Ok(None);
    }
    let known = extension(path).is_some_and(|extension| {
        let mut known = HANDLER_EXTENSIONS.iter();
        known.any(|known| known.eq_ignore_ascii_case(extension))
    });
    if !known {
        let names = HANDLER_EXTENSIONS.join("/.");
        let problem = format!("must point at a .{names} file; got \"{path}\"");
        return cx.fail(at, &problem);
    }
    Ok(Some(value.clone()))
}

/// Checks what all paths in a persona have in common.
fn relative(
    cx: &mut Cx,
    path: &str,
    at: &Path<'_>,
    is_rooted: fn(&str) -> bool,
) -> Result<bool, super::cx::Stop> {
    let rooted = if cx.strict { is_absolute } else { is_rooted };
    if is_blank(path) {
        cx.fail::<()>(at, TEXT)?;
    } else if rooted(path) {
        let problem = format!("must be a relative POSIX path; got absolute \"{path}\"");
        cx.fail::<()>(at, &problem)?;
    } else if has_parent_segment(path) {
        cx.fail::<()>(at, "must not contain \"..\" segments")?;
    } else {
        return Ok(true);
    }
    Ok(false)
}

/// Tells whether a handler path begins at a root; one backslash is a file name.
fn is_rooted(path: &str) -> bool {
    match path.as_bytes() {
        [b'\\', second, ..] => matches!(second, b'/' | b'\\'),
        [b'\\'] => false,
        _ => is_absolute(path),
    }
}

fn extension(path: &str) -> Option<&str> {
    path.rsplit_once('.').map(|(_, extension)| extension)
}
