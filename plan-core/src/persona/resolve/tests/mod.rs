//! Every rule of a resolution, by tables.

mod cascade;
mod extends;
mod fields;
mod paths;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::base::code::Code;
use crate::base::diag::Path;
use crate::base::json::{print, read};

/// Stands in for the parser: settings, maps and modes, as far as tests need them.
fn validate(value: &Value<'_>, _edition: Edition) -> Result<(), Vec<Diagnostic>> {
    let root = Path::root("persona");
    let mut found = Vec::new();
    let settings = root.field("harnessSettings");
    let given = value.get("harnessSettings");
    let reasoning = given.and_then(|given| given.get_str("reasoning"));
    if !matches!(reasoning, Some("low" | "medium" | "high")) {
        let at = settings.field("reasoning");
        found.push(Diagnostic::at(
            Code::PERSONA_FIELD_INVALID,
            &at,
            "must be low|medium|high",
        ));
    }
    let sandboxed = given.is_some_and(|given| given.get("sandboxMode").is_some());
    let bypass =
        given.is_some_and(|given| given.get("dangerouslyBypassApprovalsAndSandbox").is_some());
    if sandboxed && bypass {
        let rest = "is mutually exclusive";
        found.push(Diagnostic::at(Code::PERSONA_FIELD_INVALID, &settings, rest));
    }
    // A rule across parts: a gate is a declared input.
    let gate = value
        .get("integrations")
        .and_then(|all| all.get("g")?.get_str("enabledByInput"));
    let declared = |gate| {
        value
            .get("inputs")
            .is_some_and(|inputs| inputs.get(gate).is_some())
    };
    if gate.is_some_and(|gate| !declared(gate)) {
        let at = root.field("integrations");
        let at = at.field("g");
        let at = at.field("enabledByInput");
        found.push(Diagnostic::at(
            Code::PERSONA_FIELD_INVALID,
            &at,
            "is not declared",
        ));
    }
    if value.get_str("intent") == Some("own") {
        let at = root.field("intent");
        found.push(Diagnostic::at(
            Code::PERSONA_FIELD_INVALID,
            &at,
            "is invalid",
        ));
    }
    for name in ["env", "memory"] {
        if value
            .get(name)
            .is_some_and(|member| member.as_str().is_some())
        {
            let at = root.field(name);
            found.push(Diagnostic::at(
                Code::PERSONA_FIELD_INVALID,
                &at,
                "must be an object",
            ));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn options(edition: Edition) -> ResolveOptions {
    ResolveOptions { edition, validate }
}

const BOTH: [Edition; 2] = [Edition::PersonaKit4, Edition::V2026];

/// Layers from `(source, [(path, text)])`.
fn facts(layers: &[(&str, &[(&str, &str)])]) -> Facts {
    let layers = layers.iter().map(|(source, files)| Layer {
        source: (*source).to_string(),
        files: files
            .iter()
            .map(|(path, text)| PersonaFile {
                path: (*path).to_string(),
                text: Ok((*text).to_string()),
            })
            .collect(),
    });
    Facts {
        cwd: String::from("/w"),
        layers: layers.collect(),
        ..Facts::default()
    }
}

/// A persona that stands alone, with `more` members.
fn standalone(id: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { "," };
    format!(
        "{{\"id\":\"{id}\",\"intent\":\"review\",\"description\":\"d\",\"harness\":\"claude\",\
         \"model\":\"m\",\"systemPrompt\":\"s\",\
         \"harnessSettings\":{{\"reasoning\":\"low\",\"timeoutSeconds\":1}}{comma}{more}}}"
    )
}

/// The members of a selection that has `id` and nothing but what is required.
fn plain_selection(id: &str) -> String {
    format!(
        "{{\"personaId\":\"{id}\",\"harness\":\"claude\",\"model\":\"m\",\"systemPrompt\":\"s\",\
         \"harnessSettings\":{{\"reasoning\":\"low\",\"timeoutSeconds\":1}},\"skills\":[],\
         \"rationale\":\"local-override: {id}\"}}"
    )
}

/// Resolves `p` made of a base in `user` and an overlay in `cwd`; returns a
/// member of the merged persona as text.
fn merged(base: &str, over: &str, member: &str, edition: Edition) -> String {
    let base = standalone("p", base);
    let over = format!("{{\"id\":\"p\",{over}}}");
    let facts = facts(&[
        ("cwd", &[("/w/p.json", &over)]),
        ("user", &[("/u/p.json", &base)]),
    ]);
    match resolve("p", &facts, &options(edition)) {
        Ok(found) => found
            .spec
            .get(member)
            .map_or_else(|| "absent".into(), print),
        Err(error) => format!("error: {error}"),
    }
}

/// The warnings of a resolution, one line each.
fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
