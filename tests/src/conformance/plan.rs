//! Replays `plan.jsonl` and `harness-specs.jsonl`.

use plan_core::base::digest::sha256_hex;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Value, print, read};
use plan_core::persona::build::{PlanError, build_persona_spawn_plan};
use plan_core::persona::harness::compat::{self, OneShot, Permissions, Settings, SpecInput};
use plan_core::persona::mcp::AiHist;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::relay::RelayMcp;

/// Runs one case of `plan.jsonl`; an error says how it differs.
pub fn plan_case(line: &Value<'_>) -> Result<(), String> {
    let nothing = Object::new();
    let selection = line.get("selection").ok_or("no selection")?;
    let options = PlanOptions::lenient(line.get("options").unwrap_or(&Value::Null), &nothing);
    match build_persona_spawn_plan(selection, &options, Edition::PersonaKit4) {
        Ok(plan) => {
            let text = print(&plan);
            let expected = line.get_str("planJsonSha256").unwrap_or_default();
            if sha256_hex(text.as_bytes()) == expected {
                return Ok(());
            }
            let want = line.get("plan").map(print).unwrap_or_default();
            Err(difference(&text, &want))
        }
        Err(error) => same_error(&error, line.get("error").unwrap_or(&Value::Null)),
    }
}

fn same_error(error: &PlanError, expected: &Value<'_>) -> Result<(), String> {
    let message = error.to_string();
    if expected.get_str("message") == Some(&*message)
        && expected.get_str("name") == Some(error.class())
    {
        return Ok(());
    }
    Err(format!("error {}: {message}, expected {}", error.class(), print(expected)))
}

/// Shows where two texts part.
pub fn difference(got: &str, want: &str) -> String {
    let same = got.bytes().zip(want.bytes()).take_while(|(got, want)| got == want).count();
    let from = |text: &str| {
        let start = same.saturating_sub(60);
        String::from_utf8_lossy(text.as_bytes().get(start..).unwrap_or_default())
            .chars()
            .take(200)
            .collect::<String>()
    };
    format!("at byte {same}\n   got …{}\n  want …{}", from(got), from(want))
}

/// Calls a spec builder by its JavaScript name.
pub fn spec(name: &str, input: &Value<'_>) -> Option<Result<String, String>> {
    let text = |key| input.get_str(key).unwrap_or_default();
    let optional = |key: &str, field: &str| {
        input.get(key).and_then(|value| value.get_str(field)).map(Into::into)
    };
    let plugin_dirs = input.get("pluginDirs").and_then(Value::as_array).unwrap_or_default();
    let spec_input = SpecInput {
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
        plugin_dirs: plugin_dirs.iter().filter_map(Value::as_str).map(Into::into).collect(),
    };
    match name {
        "buildInteractiveSpec" => {
            Some(compat::interactive(&spec_input).map(|spec| print(&spec)).map_err(|error| error.to_string()))
        }
        "buildNonInteractiveSpec" => {
            let run = OneShot {
                task: text("task").into(),
                name: input.get_str("name"),
                working_directory: input.get_str("workingDirectory"),
                windows: false,
            };
            Some(
                compat::one_shot(&spec_input, &run)
                    .map(|spec| print(&spec))
                    .map_err(|error| error.to_string()),
            )
        }
        _ => None,
    }
}

/// Runs one case of `harness-specs.jsonl`.
pub fn spec_case(line: &Value<'_>) -> Result<(), String> {
    let name = line.get_str("fn").unwrap_or_default();
    let args = line.get("args").and_then(Value::as_array).unwrap_or_default();
    let input = args.first().unwrap_or(&Value::Null);
    let got = spec(name, input).ok_or_else(|| format!("no function {name}"))?;
    match got {
        Ok(text) => {
            let want = line.get("value").map(print).unwrap_or_default();
            if text == want { Ok(()) } else { Err(difference(&text, &want)) }
        }
        Err(message) => {
            let want = line.get("error").and_then(|error| error.get_str("message"));
            if want == Some(&*message) { Ok(()) } else { Err(format!("{message} ≠ {want:?}")) }
        }
    }
}

/// Reads a JSON Lines text and runs a case function over it.
pub fn replay(text: &str, case: fn(&Value<'_>) -> Result<(), String>) -> (usize, Vec<String>) {
    let mut passed = 0;
    let mut failures = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let outcome = read(line).map_err(|error| error.to_string()).and_then(|line| case(&line));
        match outcome {
            Ok(()) => passed += 1,
            Err(failure) => failures.push(format!("line {}: {failure}", number + 1)),
        }
    }
    (passed, failures)
}
