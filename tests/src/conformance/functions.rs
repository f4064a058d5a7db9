//! The pure functions of persona-kit 4, called by their JavaScript names.

use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Print, Value, print, read};
use plan_core::base::record::Scan;
use plan_core::persona::skills::cache::{self, CheckInterval, SkillCacheMarker};
use plan_core::persona::skills::{self, SkillMaterializationPlan, SkillOptions};
use plan_core::persona::{agent_card, env, inputs, lint, mcp, memory, relay, sidecar};

use super::{Answer, Failure, argument, is_undefined, undefined};

/// Calls one of the functions of this module.
pub fn call(name: &str, arguments: &[Value<'_>]) -> Option<Answer> {
    let arguments: Vec<_> = arguments.iter().map(without_undefined).collect();
    call_skill(name, &arguments)
        .or_else(|| call_environment(name, &arguments))
        .or_else(|| call_other(name, &arguments))
}

/// Drops the members that are `undefined`, as JSON does.
fn without_undefined<'a>(value: &Value<'a>) -> Value<'a> {
    match value {
        Value::Object(object) if !is_undefined(value) => {
            let entries = object.entries().iter();
            let kept = entries.filter(|(_, member)| !is_undefined(member));
            let kept = kept.map(|(key, member)| (key.clone(), without_undefined(member)));
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_undefined).collect()),
        _ => value.clone(),
    }
}

fn value_of(printed: &(impl Print + ?Sized)) -> Value<'static> {
    let text = print(printed);
    read(&text).map_or(Value::Null, |value| value.to_owned_value())
}

/// Returns an object argument; an empty one for `undefined` and `null`.
fn object<'v>(arguments: &'v [Value<'v>], place: usize, none: &'v Object<'v>) -> &'v Object<'v> {
    argument(arguments, place)
        .and_then(Value::as_object)
        .unwrap_or(none)
}

fn call_skill(name: &str, arguments: &[Value<'_>]) -> Option<Answer> {
    Some(match name {
        "resolveSkillSource" => {
            let source = argument(arguments, 0)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let resolved = skills::resolve_skill_source(source);
            resolved
                .map(|source| value_of(&source))
                .map_err(|error| Failure::error(&error))
        }
        "materializeSkills" => {
            let harness = argument(arguments, 1)
                .and_then(Value::as_str)
                .unwrap_or_default();
            materialize(argument(arguments, 0), harness, argument(arguments, 2))
        }
        "materializeSkillsFor" => {
            let selection = argument(arguments, 0);
            let harness = selection.and_then(|selection| selection.get_str("harness"));
            let skills = selection.and_then(|selection| selection.get("skills"));
            materialize(skills, harness.unwrap_or_default(), argument(arguments, 1))
        }
        "buildInstallArtifacts" => skill_plan(arguments).and_then(|plan| {
            let artifacts = skills::install_artifacts(&plan);
            artifacts
                .map(|built| value_of(&built))
                .map_err(|error| Failure::error(&error))
        }),
        "buildCleanupArtifacts" => {
            skill_plan(arguments).map(|plan| value_of(&skills::cleanup_artifacts(&plan)))
        }
        "parseCheckInterval" => {
            let text = argument(arguments, 0).and_then(Value::as_str);
            Ok(match text.and_then(cache::parse_check_interval) {
                None => undefined(),
                Some(CheckInterval::Never) => Value::Null,
                Some(CheckInterval::Every(millis)) => Value::Number(millis),
            })
        }
        "isUpstreamCheckDue" => is_check_due(arguments),
        _ => return None,
    })
}

fn materialize(list: Option<&Value<'_>>, harness: &str, options: Option<&Value<'_>>) -> Answer {
    let option = |name| options.and_then(|options| options.get_str(name));
    let options = SkillOptions {
        install_root: option("installRoot"),
        repo_root: option("repoRoot"),
    };
    let list = list.and_then(Value::as_array).unwrap_or_default();
    let plan = skills::materialize_skills(list, harness, options);
    plan.map(|plan| value_of(&plan))
        .map_err(|error| Failure::error(&error))
}

fn skill_plan<'a>(arguments: &[Value<'a>]) -> Result<SkillMaterializationPlan<'a>, Failure> {
    let plan = argument(arguments, 0).unwrap_or(&Value::Null);
    let path = plan_core::base::diag::Path::root("plan");
    SkillMaterializationPlan::scan(plan, &path).map_err(|error| Failure::error(&error))
}

fn is_check_due(arguments: &[Value<'_>]) -> Answer {
    let interval = match argument(arguments, 1) {
        Some(Value::Number(millis)) => CheckInterval::Every(*millis),
        _ => CheckInterval::Never,
    };
    let now = argument(arguments, 2).and_then(Value::as_number);
    let marker = argument(arguments, 0).and_then(SkillCacheMarker::read);
    match (marker, now) {
        (Some(marker), Some(now)) => Ok(Value::Bool(cache::is_upstream_check_due(
            &marker, interval, now,
        ))),
        _ => Err(Failure::named(
            "TypeError",
            "a marker and a time are needed",
        )),
    }
}

fn call_environment(name: &str, arguments: &[Value<'_>]) -> Option<Answer> {
    let none = Object::new();
    let first = argument(arguments, 0);
    let text = |place| argument(arguments, place).and_then(Value::as_str);
    Some(match name {
        "resolveStringMap" => match first.and_then(Value::as_object) {
            None => Ok(undefined()),
            Some(map) => {
                let env = object(arguments, 1, &none);
                let resolved = env::resolve_string_map(map, env, text(2).unwrap_or_default());
                resolved.map(|map| value_of(&map)).map_err(|missing| {
                    Failure::named(env::MISSING_REFERENCE_NAME, &missing)
                        .with("ref", &missing.name)
                        .with("referencedBy", &missing.field)
                })
            }
        },
        "resolveStringMapLenient" => {
            let map = object(arguments, 0, &none);
            let env = object(arguments, 1, &none);
            let prefix = text(2).unwrap_or_default();
            Ok(value_of(&env::resolve_string_map_lenient(map, env, prefix)))
        }
        "resolveMcpServersLenient" => {
            let servers = first.and_then(Value::as_object);
            let env = object(arguments, 1, &none);
            Ok(value_of(&mcp::resolve_mcp_servers_lenient(servers, env)))
        }
        "formatDropWarnings" => format_drop_warnings(arguments),
        "renderPersonaInputs" => {
            let values = object(arguments, 1, &none);
            Ok(Value::from(
                inputs::render(text(0).unwrap_or_default(), values).into_owned(),
            ))
        }
        "resolvePersonaInputs" => resolve_inputs(arguments),
        "resolvePersonaRelayMcp" => {
            let env = object(arguments, 1, &none);
            Ok(value_of(&relay::resolve_relay(first, env, text(2))))
        }
        _ => return None,
    })
}

fn format_drop_warnings(arguments: &[Value<'_>]) -> Answer {
    let path = plan_core::base::diag::Path::root("drops");
    let list = |place| argument(arguments, place).unwrap_or(&Value::Null);
    let warnings = || {
        Ok(mcp::format_drop_warnings(
            &Vec::scan(list(0), &path)?,
            &Vec::scan(list(1), &path)?,
            &Vec::scan(list(2), &path)?,
        ))
    };
    let warnings: Result<_, plan_core::base::diag::Diagnostic> = warnings();
    warnings
        .map(|lines| value_of(&lines))
        .map_err(|error| Failure::error(&error))
}

fn resolve_inputs(arguments: &[Value<'_>]) -> Answer {
    let none = Object::new();
    let declared = argument(arguments, 0).and_then(Value::as_object);
    let env = object(arguments, 2, &none);
    let values = inputs::resolve_inputs(declared, argument(arguments, 1), env);
    values
        .map(|values| {
            let mut resolved = Object::new();
            resolved.insert("values", value_of(&values));
            Value::Object(resolved)
        })
        .map_err(|missing| {
            Failure::named(inputs::MissingInput::NAME, &missing)
                .with("input", &missing.input)
                .with("env", &missing.env)
        })
}

fn call_other(name: &str, arguments: &[Value<'_>]) -> Option<Answer> {
    let none = Object::new();
    let first = argument(arguments, 0);
    let value = first.unwrap_or(&Value::Null);
    Some(match name {
        "resolveAiMemory" => Ok(value_of(&memory::resolve_ai_memory(first))),
        "resolveTrajectoryRecording" => Ok(value_of(&memory::resolve_trajectory_recording(first))),
        "resolveSidecar" => Ok(value_of(&sidecar::resolve_sidecar(object(
            arguments, 0, &none,
        )))),
        "sidecarSelectionFields" => {
            let path = plan_core::base::diag::Path::root("sidecar");
            let fields = sidecar::Sidecar::scan(value, &path).map(sidecar::selection_fields);
            fields
                .map(|fields| value_of(&fields))
                .map_err(|error| Failure::error(&error))
        }
        "assertSafeRelativePath" => {
            let path = value.as_str().unwrap_or_default();
            let checked = sidecar::check_config_path(path);
            checked
                .map(|()| undefined())
                .map_err(|error| Failure::error(&error))
        }
        "lintTriggers" => lint::lint_triggers(value, Edition::PersonaKit4)
            .map(|issues| value_of(&issues))
            .map_err(|error| Failure::named(lint::TriggerLintError::NAME, error)),
        "lintScopes" => Ok(value_of(&lint::lint_scopes(value, Edition::PersonaKit4))),
        "deriveAgentCard" => {
            let options = argument(arguments, 1).unwrap_or(&Value::Null);
            agent_card::derive_agent_card(value, options)
                .map(|card| value_of(&card))
                .map_err(|problem| Failure::named("ZodError", &problem))
        }
        "definePersona" | "deepFreeze" => Ok(arguments
            .first()
            .map_or_else(undefined, Value::to_owned_value)),
        _ => return None,
    })
}
