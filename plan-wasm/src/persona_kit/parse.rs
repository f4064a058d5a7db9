//! The parsers, predicates and checks of persona-kit 4, called by their names.

use alloc::string::ToString;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::Value;
use plan_core::persona::parse;
use plan_core::persona::vocabulary;

use super::{Arguments, text};
use crate::document::give;
use crate::door::Answer;
use crate::failure::Failure;

type Helper = for<'a> fn(Option<&Value<'a>>, &str) -> Result<Option<Value<'a>>, Diagnostic>;

/// Calls a parser, predicate or check by its name in persona-kit; `None` when the
/// name is none of these.
pub(super) fn call(name: &str, args: Arguments<'_>) -> Option<Answer> {
    let value = args.first().and_then(Option::as_ref);
    let context = text(args, 1);
    let given = value.unwrap_or(&Value::Null);
    let edition = Edition::PersonaKit4;
    Some(match name {
        "parsePersonaSpec" => parse::parse_persona(given, context.unwrap_or("undefined"), edition)
            .map_err(|problems| plain(&problems))
            .and_then(|persona| give(persona.as_object())),
        "parseAgentSpec" => parse::parse_agent(given, context.unwrap_or("agent"), edition)
            .map_err(|problems| plain(&problems))
            .and_then(|agent| give(&agent)),
        _ => {
            if let Some(answer) = predicate(name, value) {
                return Some(give(&answer));
            }
            let parsed = helper(name)?(value, context.unwrap_or("undefined"));
            match parsed {
                Ok(parsed) => parsed.map_or(Ok(None), |parsed| give(&parsed)),
                Err(problem) => Err(plain(&[problem])),
            }
        }
    })
}

/// The first problem, as the plain `Error` that persona-kit throws.
fn plain(problems: &[Diagnostic]) -> Failure {
    let first = problems.first();
    Failure::error(first.map(ToString::to_string).unwrap_or_default())
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
