//! What one part of a persona says about another. persona-kit 4 does not look.

use alloc::format;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::base::text::js_trim;
use crate::persona::vocabulary::is_input_name;

use super::cx::{Cx, Stop, suggest};
use super::persona::is_handler;

/// Checks that names refer to something the persona declares.
pub(super) fn check(cx: &mut Cx, persona: &Value<'_>, at: &Path<'_>) -> Result<(), Stop> {
    let nothing = Object::new();
    let part = |key: &str| match persona.get(key) {
        None => Some(&nothing),
        Some(part) => part.as_object(),
    };
    // A part of the wrong type was reported, and says nothing about names.
    if let (Some(inputs), Some(integrations)) = (part("inputs"), part("integrations")) {
        gates(cx, (inputs, integrations), at)?;
        pickers(cx, (inputs, integrations), at)?;
    }
    if persona.get("cloud") == Some(&Value::Bool(true)) && !is_handler(persona.get("onEvent")) {
        cx.fail::<()>(&at.field("onEvent"), "is required when cloud is true")?;
    }
    Ok(())
}

/// An integration is switched on by an input of the persona.
fn gates(
    cx: &mut Cx,
    (inputs, integrations): (&Object<'_>, &Object<'_>),
    at: &Path<'_>,
) -> Result<(), Stop> {
    for (provider, integration) in integrations.iter() {
        let gate = integration.get_str("enabledByInput");
        let Some(gate) = gate.filter(|gate| is_input_name(gate) && !inputs.contains(gate)) else {
            continue;
        };
        let at = at.field("integrations");
        let at = at.field(provider);
        let at = at.field("enabledByInput");
        let problem = format!("names the input {gate}, which is not declared");
        report(cx, (&problem, gate, inputs), &at)?;
    }
    Ok(())
}

/// A picker offers what an integration of the persona has.
fn pickers(
    cx: &mut Cx,
    (inputs, integrations): (&Object<'_>, &Object<'_>),
    at: &Path<'_>,
) -> Result<(), Stop> {
    let declared = |provider: &str| {
        let mut names = integrations.iter();
        names.any(|(name, _)| js_trim(name).eq_ignore_ascii_case(js_trim(provider)))
    };
    for (name, input) in inputs.iter() {
        let picker = input.get("picker");
        let provider = picker.and_then(|picker| picker.get_str("provider"));
        let provider = provider.filter(|provider| !js_trim(provider).is_empty());
        let Some(provider) = provider.filter(|provider| !declared(provider)) else {
            continue;
        };
        let at = at.field("inputs");
        let at = at.field(name);
        let at = at.field("picker");
        let at = at.field("provider");
        let problem = format!("names the integration {provider}, which is not declared");
        report(cx, (&problem, provider, integrations), &at)?;
    }
    Ok(())
}

fn report(
    cx: &mut Cx,
    (problem, name, declared): (&str, &str, &Object<'_>),
    at: &Path<'_>,
) -> Result<(), Stop> {
    let names: alloc::vec::Vec<&str> = declared.iter().map(|(name, _)| name).collect();
    let problem = Diagnostic::at(Code::PERSONA_FIELD_INVALID, at, problem);
    cx.report(suggest(problem, Some(name), &names))
}
