//! Persona files as a whole.

use alloc::format;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::base::text::is_blank;
use crate::persona::harness;
use crate::persona::vocabulary::{INTENTS, SIDECAR_MODES};

use super::cx::{Cx, Parsed, Stop, suggest};
use super::leaf::{
    BOOLEAN, TEXT, is_bool, is_filled, is_text, optional, required, string_map, trimmed, word,
};
use super::section::{Section, Shape};
use super::{
    access, capabilities, files, inputs, integrations, links, mcp, memory, relay, settings, skills,
    tags,
};

pub(super) const SHAPE: Shape = Shape {
    problem: "must be an object",
    fields: &[
        "id",
        "intent",
        "tags",
        "description",
        "skills",
        "inputs",
        "harness",
        "model",
        "systemPrompt",
        "harnessSettings",
        "env",
        "mcpServers",
        "permissions",
        "mount",
        "sandbox",
        "claudeMd",
        "claudeMdMode",
        "agentsMd",
        "agentsMdMode",
        "claudeMdContent",
        "agentsMdContent",
        "cloud",
        "useSubscription",
        "integrations",
        "capabilities",
        "memory",
        "relay",
        "onEvent",
    ],
};

/// Fields that earlier versions had. The first is named without its persona.
pub(super) const REMOVED: [(&str, &str); 3] = [
    (
        "traits",
        "traits was removed in v1; personality is handled by the persona-personality-builder \
         tool (out of scope for v1). See docs/plans/deploy-v1.md",
    ),
    (
        "schedules",
        "is no longer allowed — cron schedules moved to the agent. Declare them in agent.ts \
         via defineAgent({ schedules: [...] }).",
    ),
    (
        "watch",
        "is no longer allowed — relayfile watch rules moved to the agent. Declare them in \
         agent.ts via defineAgent({ watch: [...] }).",
    ),
];

/// Parses a persona file that is meant to serve `expected_intent`.
pub(super) fn parse<'a>(
    cx: &mut Cx,
    value: &Value<'a>,
    expected_intent: &str,
) -> Result<Option<Object<'a>>, Stop> {
    let name = format!("persona[{expected_intent}]");
    let at = Path::root(&name);
    if cx.strict {
        cx.refuse_prototypes(value, &at)?;
    }
    refuse_removed(cx, value, &at)?;
    let Some(mut persona) = Section::open(cx, Some(value), &at, &SHAPE)? else {
        return Ok(None);
    };
    persona.field("id", required(is_text, TEXT))?;
    persona.field("intent", |cx, value, at| {
        intent(cx, (value, expected_intent), at)
    })?;
    persona.field("tags", tags::parse)?;
    persona.field("description", required(is_text, TEXT))?;
    runtime(&mut persona)?;
    sidecars(&mut persona)?;
    services(&mut persona)?;
    let persona = persona.finish();
    if cx.strict {
        links::check(cx, value, &at)?;
    }
    Ok(Some(persona))
}

fn refuse_removed(cx: &mut Cx, value: &Value<'_>, at: &Path<'_>) -> Result<(), Stop> {
    for (place, (field, problem)) in REMOVED.into_iter().enumerate() {
        if value.get(field).is_some() {
            let at = at.field(field);
            let problem = if place == 0 {
                Diagnostic::error(Code::PERSONA_FIELD_INVALID, problem).pointing(&at)
            } else {
                Diagnostic::at(Code::PERSONA_FIELD_INVALID, &at, problem)
            };
            cx.report(problem)?;
        }
    }
    Ok(())
}

fn intent<'a>(
    cx: &mut Cx,
    (value, expected): (Option<&Value<'a>>, &str),
    at: &Path<'_>,
) -> Parsed<'a> {
    let written = value.and_then(Value::as_str);
    let Some(known) = written.filter(|word| INTENTS.contains(word)) else {
        let problem = Diagnostic::at(Code::PERSONA_FIELD_INVALID, at, "is invalid");
        cx.report(suggest(problem, written, INTENTS))?;
        return Ok(None);
    };
    if known != expected {
        // Told about the persona as a whole, pointing at the intent.
        let problem = format!("persona[{expected}] intent mismatch: got {known}");
        let problem = Diagnostic::error(Code::PERSONA_FIELD_INVALID, problem);
        cx.report(problem.pointing(at))?;
        return Ok(None);
    }
    Ok(value.cloned())
}

/// What the agent runs on, and with what.
fn runtime(persona: &mut Section<'_, '_>) -> Result<(), Stop> {
    let is_handler = is_handler(persona.get("onEvent"));
    let needed = |present: bool| present || !is_handler;
    if needed(persona.get("harness").is_some()) {
        persona.field("harness", harness_name)?;
    }
    if needed(persona.get("model").is_some()) {
        persona.field("model", trimmed(required(is_text, TEXT)))?;
    }
    if needed(persona.get("systemPrompt").is_some()) {
        persona.field("systemPrompt", required(is_text, TEXT))?;
    }
    persona.field("harnessSettings", settings::parse)?;
    persona.field("skills", skills::parse)?;
    persona.field("inputs", inputs::parse)?;
    persona.field("env", string_map)?;
    persona.field("mcpServers", mcp::parse)?;
    persona.field("permissions", access::permissions)?;
    persona.field("mount", access::mount)
}

/// Tells whether an `onEvent` makes a persona a handler, which needs no harness.
pub(super) fn is_handler(on_event: Option<&Value<'_>>) -> bool {
    let path = on_event.and_then(Value::as_str);
    path.is_some_and(|path| !is_blank(path))
}

/// The name of a harness.
pub(super) fn harness_name<'a>(
    cx: &mut Cx,
    value: Option<&Value<'a>>,
    at: &Path<'_>,
) -> Parsed<'a> {
    let known: Vec<&str> = if cx.strict {
        harness::ALL.iter().map(|def| def.id).collect()
    } else {
        harness::compat_names()
    };
    let written = value.and_then(Value::as_str);
    if written.is_some_and(|name| known.contains(&name)) {
        return Ok(value.cloned());
    }
    let code = if written.is_some() {
        Code::PERSONA_HARNESS_UNKNOWN
    } else {
        Code::PERSONA_FIELD_INVALID
    };
    let problem = format!("must be one of: {}", known.join(", "));
    let problem = Diagnostic::at(code, at, &problem);
    cx.report(suggest(problem, written, &known))?;
    Ok(None)
}

/// Both sidecar files: their paths first, then their modes, then their texts.
fn sidecars(persona: &mut Section<'_, '_>) -> Result<(), Stop> {
    persona.field("claudeMd", files::sidecar)?;
    persona.field("agentsMd", files::sidecar)?;
    persona.field("claudeMdMode", word(SIDECAR_MODES))?;
    persona.field("agentsMdMode", word(SIDECAR_MODES))?;
    persona.field("claudeMdContent", optional(is_filled, TEXT))?;
    persona.field("agentsMdContent", optional(is_filled, TEXT))
}

/// What surrounds the agent.
fn services(persona: &mut Section<'_, '_>) -> Result<(), Stop> {
    persona.field("cloud", optional(is_bool, BOOLEAN))?;
    persona.field("useSubscription", optional(is_bool, BOOLEAN))?;
    persona.field("integrations", integrations::parse)?;
    persona.field("capabilities", capabilities::parse)?;
    persona.field("memory", memory::parse)?;
    persona.field("relay", relay::parse)?;
    persona.field("onEvent", files::on_event)?;
    persona.field("sandbox", access::sandbox)
}
