//! Environment references, inputs, and the functions that belong to no larger part.

use alloc::vec::Vec;

use plan_core::base::diag::Path;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Value, Writer};
use plan_core::base::record::Scan as _;
use plan_core::effect::MissingReference;
use plan_core::persona::detect::{VersionProbe, detection_record};
use plan_core::persona::{agent_card, env, inputs, lint, mcp, memory, relay, sidecar};

use super::{Arguments, argument, object, text};
use crate::document::give;
use crate::door::Answer;
use crate::failure::Failure;

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    call_environment(name, arguments).or_else(|| call_other(name, arguments))
}

fn missing(missing: &MissingReference) -> Failure {
    Failure::named(env::MISSING_REFERENCE_NAME, missing)
        .with("ref", &missing.name)
        .with("referencedBy", &missing.field)
}

fn call_environment(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    let none = Object::new();
    let env = object(arguments, 1, &none);
    let first = argument(arguments, 0);
    let text = |place| text(arguments, place);
    Some(match name {
        "resolveReference" => {
            let field = text(2).unwrap_or_default();
            let resolved = env::resolve_references(text(0).unwrap_or_default(), env, field);
            resolved
                .map_err(|error| missing(&error))
                .and_then(|text| give(&*text))
        }
        "resolveStringMap" => match first.and_then(Value::as_object) {
            None => Ok(None),
            Some(map) => env::resolve_string_map(map, env, text(2).unwrap_or_default())
                .map_err(|error| missing(&error))
                .and_then(|map| give(&map)),
        },
        "resolveStringMapLenient" => {
            let map = object(arguments, 0, &none);
            let prefix = text(2).unwrap_or_default();
            give(&env::resolve_string_map_lenient(map, env, prefix))
        }
        "resolveMcpServersLenient" => {
            let servers = first.and_then(Value::as_object);
            give(&mcp::resolve_mcp_servers_lenient(servers, env))
        }
        "formatDropWarnings" => format_drop_warnings(arguments),
        "renderPersonaInputs" => {
            let rendered = inputs::render(text(0).unwrap_or_default(), env);
            give(&*rendered)
        }
        "resolvePersonaInputs" => resolve_inputs(arguments),
        "resolvePersonaRelayMcp" => give(&relay::resolve_relay(first, env, text(2))),
        _ => return None,
    })
}

fn format_drop_warnings(arguments: Arguments<'_>) -> Answer {
    let path = Path::root("drops");
    let list = |place| argument(arguments, place).unwrap_or(&Value::Null);
    let lists = || {
        Ok((
            Vec::scan(list(0), &path)?,
            Vec::scan(list(1), &path)?,
            Vec::scan(list(2), &path)?,
        ))
    };
    let lists: Result<_, plan_core::base::diag::Diagnostic> = lists();
    let (fields, settings, servers) = lists.map_err(Failure::error)?;
    give(&mcp::format_drop_warnings(&fields, &settings, &servers))
}

fn resolve_inputs(arguments: Arguments<'_>) -> Answer {
    let none = Object::new();
    let declared = argument(arguments, 0).and_then(Value::as_object);
    let env = object(arguments, 2, &none);
    let values = inputs::resolve_inputs(declared, argument(arguments, 1), env)?;
    let mut out = Writer::compact();
    out.begin_object();
    out.field("values", &values);
    out.end_object();
    Ok(Some(out.finish()))
}

fn call_other(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    let none = Object::new();
    let first = argument(arguments, 0);
    let value = first.unwrap_or(&Value::Null);
    Some(match name {
        "resolveAiMemory" => give(&memory::resolve_ai_memory(first)),
        "resolveTrajectoryRecording" => give(&memory::resolve_trajectory_recording(first)),
        "resolveSidecar" => give(&sidecar::resolve_sidecar(object(arguments, 0, &none))),
        "sidecarSelectionFields" => {
            let fields = sidecar::Sidecar::scan(value, &Path::root("sidecar"));
            let fields = fields.map(sidecar::selection_fields);
            fields
                .map_err(Failure::error)
                .and_then(|fields| give(&fields))
        }
        "assertSafeRelativePath" => {
            let checked = sidecar::check_config_path(value.as_str().unwrap_or_default());
            checked.map(|()| None).map_err(Failure::error)
        }
        "lintTriggers" => lint::lint_triggers(value, Edition::PersonaKit4)
            .map_err(|error| Failure::named(lint::TriggerLintError::NAME, &error))
            .and_then(|issues| give(&issues)),
        "lintScopes" => give(&lint::lint_scopes(value, Edition::PersonaKit4)),
        "deriveAgentCard" => {
            let options = argument(arguments, 1).unwrap_or(&Value::Null);
            agent_card::derive_agent_card(value, options)
                .map_err(|problem| Failure::named("ZodError", &problem))
                .and_then(|card| give(&card))
        }
        "detectionRecord" => detection(arguments),
        _ => return None,
    })
}

/// The record of a harness from its name, its program's path, and what happened when that
/// ran: `{error}` or `{status, stdout, stderr}`.
fn detection(arguments: Arguments<'_>) -> Answer {
    let probe = argument(arguments, 2).unwrap_or(&Value::Null);
    let part = |name| probe.get_str(name).unwrap_or_default();
    let status = probe.get("status").and_then(Value::as_number);
    // Exit statuses are bytes, on Windows 32 bits; `null` stands for a signal.
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let status = status.map(|status| status as i32);
    let outcome = match probe.get_str("error") {
        Some(error) => VersionProbe::Failed { error },
        None => VersionProbe::Exited {
            status,
            stdout: part("stdout"),
            stderr: part("stderr"),
        },
    };
    let found = text(arguments, 1).map(|path| (path, outcome));
    let harness = text(arguments, 0).unwrap_or_default();
    give(&detection_record(harness, found))
}
