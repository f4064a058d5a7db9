//! The harness spec builders of persona-kit 4, called by their names.

use plan_core::base::json::{Print, Value};
use plan_core::persona::harness::compat::{self, OneShot, Permissions, Settings, SpecInput};
use plan_core::persona::mcp::AiHist;
use plan_core::persona::relay::RelayMcp;

use super::Arguments;
use crate::document::give;
use crate::door::Answer;
use crate::failure::Failure;

/// Calls a spec builder; `None` when the name is of another function.
pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    let input = arguments.first()?.as_ref()?;
    let text = |key| input.get_str(key).unwrap_or_default();
    match name {
        "buildInteractiveSpec" => Some(answer(compat::interactive(&spec_input(input)))),
        "buildNonInteractiveSpec" => {
            let run = OneShot {
                task: text("task").into(),
                name: input.get_str("name"),
                working_directory: input.get_str("workingDirectory"),
                // The host says what it runs on: a one-shot opencode starts by a shell elsewhere.
                windows: input.get("windows") == Some(&Value::Bool(true)),
            };
            Some(answer(compat::one_shot(&spec_input(input), &run)))
        }
        _ => None,
    }
}

fn answer<T: Print>(spec: Result<T, compat::UnhandledHarness>) -> Answer {
    give(&spec.map_err(Failure::error)?)
}

fn spec_input<'v>(input: &'v Value<'v>) -> SpecInput<'v> {
    let text = |key| input.get_str(key).unwrap_or_default();
    let optional = |key: &str, field: &str| {
        input
            .get(key)
            .and_then(|value| value.get_str(field))
            .map(Into::into)
    };
    let plugin_dirs = input
        .get("pluginDirs")
        .and_then(Value::as_array)
        .unwrap_or_default();
    SpecInput {
        harness: text("harness"),
        persona_id: text("personaId"),
        model: text("model"),
        system_prompt: text("systemPrompt").into(),
        mcp_servers: input.get("mcpServers").and_then(Value::as_object),
        relay: input.get("relayMcp").map(|_| RelayMcp {
            api_key: optional("relayMcp", "apiKey").unwrap_or_default(),
            agent_name: optional("relayMcp", "agentName").unwrap_or_default(),
            base_url: optional("relayMcp", "baseUrl"),
            default_workspace: optional("relayMcp", "defaultWorkspace"),
        }),
        ai_hist: input.get("aiHist").map(|_| AiHist {
            trajectory_root: optional("aiHist", "trajectoryRoot"),
            db_path: optional("aiHist", "dbPath"),
        }),
        permissions: Permissions::of(input.get("permissions")),
        settings: Settings::of(input.get("harnessSettings")),
        plugin_dirs: plugin_dirs
            .iter()
            .filter_map(Value::as_str)
            .map(Into::into)
            .collect(),
    }
}
