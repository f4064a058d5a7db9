//! Harness settings.

use alloc::format;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::Value;
use crate::persona::vocabulary::{APPROVAL_POLICIES, REASONING_LEVELS, SANDBOX_MODES};

use super::cx::{Cx, Parsed, suggest};
use super::leaf::{coerced, is_bool, is_positive, optional, required, word};
use super::section::{Section, Shape};

pub(super) const SHAPE: Shape = Shape {
    problem: "must be an object",
    fields: &[
        "reasoning",
        "timeoutSeconds",
        "sandboxMode",
        "approvalPolicy",
        "workspaceWriteNetworkAccess",
        "webSearch",
        BYPASS,
    ],
};

const BYPASS: &str = "dangerouslyBypassApprovalsAndSandbox";

/// What the bypass leaves no meaning to.
const BYPASSED: &[&str] = &[
    "sandboxMode",
    "approvalPolicy",
    "workspaceWriteNetworkAccess",
];

/// The settings of a persona's harness; a persona must have them.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut settings) = Section::open(cx, value, at, &SHAPE)? else {
        return Ok(None);
    };
    let boolean = || optional(is_bool, "must be a boolean");
    settings.field("reasoning", reasoning)?;
    settings.field(
        "timeoutSeconds",
        required(is_positive, "must be a positive number"),
    )?;
    settings.field("sandboxMode", word(SANDBOX_MODES))?;
    settings.field("approvalPolicy", word(APPROVAL_POLICIES))?;
    settings.field("workspaceWriteNetworkAccess", boolean())?;
    settings.field("webSearch", boolean())?;
    settings.field(BYPASS, boolean())?;
    if settings.get(BYPASS).is_some() {
        let present: Vec<&str> = BYPASSED
            .iter()
            .copied()
            .filter(|field| settings.get(field).is_some())
            .collect();
        if !present.is_empty() {
            let present = present.join(", ");
            settings.fail(BYPASS, &format!("is mutually exclusive with: {present}"))?;
        }
    }
    Ok(Some(settings.done()))
}

fn reasoning<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    // persona-kit 4 looks the level up by its JavaScript text.
    let read = if cx.strict { Value::as_str } else { coerced };
    let level = value.and_then(read);
    if level.is_some_and(|level| REASONING_LEVELS.contains(&level)) {
        return Ok(value.cloned());
    }
    let problem = Diagnostic::at(Code::PERSONA_FIELD_INVALID, at, "must be low|medium|high");
    cx.report(suggest(
        problem,
        value.and_then(Value::as_str),
        REASONING_LEVELS,
    ))?;
    Ok(None)
}
