//! The parsers, predicates and checks of persona-kit 4, called by their names.

use std::borrow::Cow;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Value, print};
use plan_core::persona::parse;
use plan_core::persona::vocabulary;

use super::{Answer, Failure, is_undefined, undefined};

type Helper = for<'a> fn(Option<&Value<'a>>, &str) -> Result<Option<Value<'a>>, Diagnostic>;

/// Calls a parser, predicate or check by its name in persona-kit; `None` when the
/// name is none of these.
pub fn call(name: &str, args: &[Value<'_>]) -> Option<Answer> {
    let value = args.first().filter(|value| !is_undefined(value));
    let context = args.get(1).and_then(Value::as_str);
    let given = value.unwrap_or(&Value::Null);
    let edition = Edition::PersonaKit4;
    Some(match name {
        "parsePersonaSpec" => parse::parse_persona(given, context.unwrap_or("undefined"), edition)
            .map(|persona| Value::Object(persona.into_object()).to_owned_value())
            .map_err(|problems| failure(&problems)),
        "parseAgentSpec" => parse::parse_agent(given, context.unwrap_or("agent"), edition)
            .map(|agent| Value::Object(agent).to_owned_value())
            .map_err(|problems| failure(&problems)),
        _ => {
            if let Some(answer) = predicate(name, value) {
                return Some(Ok(answer.into()));
            }
            helper(name)?(value, context.unwrap_or("undefined"))
                .map(|parsed| parsed.map_or_else(undefined, |parsed| parsed.to_owned_value()))
                .map_err(|problem| failure(&[problem]))
        }
    })
}

fn predicate(name: &str, value: Option<&Value<'_>>) -> Option<bool> {
    let test = match name {
        "isObject" => parse::is_object,
        "isPlainObject" => parse::is_plain_object,
        "isHarness" => vocabulary::is_harness,
        "isIntent" => vocabulary::is_intent,
        "isSidecarMode" => vocabulary::is_sidecar_mode,
        "isTag" => vocabulary::is_tag,
        "isImplicitIntegrationSource" => parse::is_implicit_integration_source,
        _ => return None,
    };
    Some(value.is_some_and(test))
}

fn helper(name: &str) -> Option<Helper> {
    Some(match name {
        "parseTags" => parse::parse_tags,
        "parseHarnessSettings" => parse::parse_harness_settings,
        "parseSkills" => parse::parse_skills,
        "parseStringList" => parse::parse_string_list,
        "parseStringMap" => parse::parse_string_map,
        "parseMount" => parse::parse_mount,
        "parsePermissions" => parse::parse_permissions,
        "parseInputs" => parse::parse_inputs,
        "parseMcpServers" => parse::parse_mcp_servers,
        "parseOnEvent" => parse::parse_on_event,
        "parseIntegrationSource" => parse::parse_integration_source,
        "parseIntegrationConfig" => parse::parse_integration_config,
        "parseIntegrations" => parse::parse_integrations,
        "parseIntegrationTrigger" => parse::parse_integration_trigger,
        "parseSchedules" => parse::parse_schedules,
        "parseWatch" => parse::parse_watch,
        "parseMemory" => parse::parse_memory,
        "parseRelay" => parse::parse_relay,
        "parseCapabilities" => parse::parse_capabilities,
        "assertInputName" => parse::assert_input_name,
        "assertSidecarPath" => parse::assert_sidecar_path,
        _ => return None,
    })
}

fn failure(problems: &[Diagnostic]) -> Failure {
    Failure::error(
        problems
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    )
}

/// Sets or deletes the value at the path of a case.
pub fn mutate<'a>(arguments: &mut [Value<'a>], case: &Value<'a>) {
    let Some(input) = arguments.first_mut() else {
        return;
    };
    let path = case.get("path").and_then(Value::as_array);
    let path = path.unwrap_or_default();
    let Some((last, parents)) = path.split_last() else {
        if let Some(value) = case.get("set") {
            *input = value.clone();
        }
        return;
    };
    let tokens = parents
        .iter()
        .map(|token| format!("/{}", text(token).replace('~', "~0").replace('/', "~1")));
    match (
        input.pointer_mut(&tokens.collect::<String>()),
        case.get("set"),
    ) {
        (Some(Value::Object(object)), Some(value)) => {
            object.insert(text(last).into_owned(), value.clone());
        }
        (Some(Value::Object(object)), None) => {
            object.remove(&text(last));
        }
        (Some(Value::Array(items)), Some(value)) => {
            let place = text(last).parse().unwrap_or(usize::MAX);
            if let Some(item) = items.get_mut(place) {
                *item = value.clone();
            } else if place == items.len() {
                items.push(value.clone());
            }
        }
        (Some(Value::Array(items)), None) => {
            let place = text(last).parse().unwrap_or(usize::MAX);
            if place < items.len() {
                items.remove(place);
            }
        }
        _ => {}
    }
}

fn text<'v>(token: &'v Value<'_>) -> Cow<'v, str> {
    match token.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(print(token)),
    }
}
