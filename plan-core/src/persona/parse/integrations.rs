//! Integrations and whose account they act for.

use alloc::format;
use alloc::string::ToString;

use crate::base::diag::Path;
use crate::base::json::{Object, Value};
use crate::base::text::{is_blank, utf16_len};
use crate::persona::vocabulary::{INTEGRATION_SOURCE_KINDS, MAX_NAME_LENGTH, is_source_name};

use super::cx::{Cx, Parsed};
use super::inputs::name;
use super::leaf::{BOOLEAN, is_bool, optional, required_word, string_map};
use super::section::{Section, Shape};

pub(super) const INTEGRATION: Shape = Shape {
    problem: "must be an object",
    fields: &[
        "source",
        "scope",
        "config",
        "optional",
        "enabledByInput",
        "triggers",
        // The mark of persona-kit 4 for an implicit source; never taken from a file.
        "__agentworkforceImplicitSource",
    ],
};

pub(super) const SOURCE: Shape = Shape {
    problem: "must be an object",
    fields: &["kind", "name"],
};

const SERVICE_ACCOUNT: &str = "workspace_service_account";

/// Returns the source that a parsed integration acts for. A source that the author
/// left out is not printed: it is the account of whoever deploys the persona.
pub fn effective_source<'a>(integration: &Value<'a>) -> Value<'a> {
    if let Some(source) = integration.get("source") {
        return source.clone();
    }
    let mut source = Object::new();
    source.append("kind", "deployer_user");
    source.into()
}

/// Tells whether an integration leaves its source to [`effective_source`].
pub fn is_implicit_integration_source(integration: &Value<'_>) -> bool {
    integration
        .as_object()
        .is_some_and(|integration| !integration.contains("source"))
}

/// The integrations of a persona by provider; an empty map is no map.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    if value.is_none() {
        return Ok(None);
    }
    let Some(members) = cx.members(value, at, "must be an object if provided")? else {
        return Ok(None);
    };
    let integrations = cx.entries(members, at, &|cx, (provider, value), entry| {
        if is_blank(provider) {
            return cx.fail(at, "integration keys must be non-empty strings");
        }
        integration(cx, Some(value), entry)
    })?;
    Ok((!integrations.is_empty()).then_some(Value::Object(integrations)))
}

/// One integration; it must be there.
pub(super) fn integration<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut integration) = Section::open(cx, value, at, &INTEGRATION)? else {
        return Ok(None);
    };
    if integration.get("triggers").is_some() {
        let at = integration.at().to_string();
        let provider = at.rsplit('.').next().unwrap_or_default();
        let problem = format!(
            "is no longer allowed — event triggers moved to the agent. Declare them in \
             agent.ts via defineAgent({{ triggers: {{ {provider}: [...] }} }})."
        );
        integration.fail("triggers", &problem)?;
    }
    // Only an object may leave its source out; an array may not even here.
    let explicit = integration.get("source").is_some() || !integration.is_object();
    if explicit {
        integration.field("source", source)?;
    }
    integration.field("scope", scope)?;
    integration.field(
        "config",
        optional(is_plain_object, "must be a plain object if provided"),
    )?;
    integration.field("optional", optional(is_bool, BOOLEAN))?;
    integration.field("enabledByInput", name)?;
    check_gate(&mut integration)?;
    let mut integration = integration.finish();
    if !explicit && !cx.strict {
        // What prints a bare integration in persona-kit 4 hides this name as well.
        integration.remove("toJSON");
    }
    Ok(Some(integration.into()))
}

/// An integration is optional exactly when an input switches it on.
fn check_gate(integration: &mut Section<'_, '_>) -> Result<(), super::cx::Stop> {
    let optional = integration.get("optional") == Some(&Value::Bool(true));
    let gated = integration.get("enabledByInput").is_some();
    if optional && !gated {
        return integration.fail("enabledByInput", "is required when optional is true");
    }
    if gated && !optional {
        return integration.fail("optional", "must be true when enabledByInput is set");
    }
    Ok(())
}

fn is_plain_object(value: &Value<'_>) -> bool {
    value.as_object().is_some()
}

fn scope<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let scope = string_map(cx, value, at)?;
    Ok(scope.filter(|scope| *scope != Value::Object(Object::new())))
}

/// Whose account an integration acts for; it must be there.
pub(super) fn source<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut source) = Section::open(cx, value, at, &SOURCE)? else {
        return Ok(None);
    };
    source.field("kind", required_word(INTEGRATION_SOURCE_KINDS))?;
    let kind = source.get("kind").and_then(Value::as_str);
    if kind == Some(SERVICE_ACCOUNT) {
        source.field("name", account_name)?;
    } else if kind.is_some_and(|kind| INTEGRATION_SOURCE_KINDS.contains(&kind))
        && source.get("name").is_some()
    {
        let problem = format!("is only allowed when kind=\"{SERVICE_ACCOUNT}\"");
        source.fail("name", &problem)?;
    }
    Ok(Some(source.done()))
}

fn account_name<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let name = value.and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        let problem = format!("must be a non-empty string when kind=\"{SERVICE_ACCOUNT}\"");
        return cx.fail(at, &problem);
    }
    if utf16_len(name) > MAX_NAME_LENGTH {
        return cx.fail(at, "must be ≤64 characters");
    }
    if !is_source_name(name) {
        return cx.fail(at, "must be kebab-case matching ^[a-z0-9]+(?:-[a-z0-9]+)*$");
    }
    Ok(value.cloned())
}
