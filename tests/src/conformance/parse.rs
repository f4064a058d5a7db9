//! Replays the recorded parses: whole persona files, their mutations, and the
//! field parsers, predicates and checks by themselves.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Value, print, read};
use plan_core::persona::parse;
use plan_core::persona::vocabulary;

/// How a call failed: the error's class and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class of the error.
    pub name: String,
    /// The text of the error.
    pub message: String,
}

/// What a replay found.
#[derive(Debug, Default)]
pub struct Replay {
    /// How many cases gave the recorded answer.
    pub passed: usize,
    /// The cases that did not, with both answers.
    pub failures: Vec<String>,
}

/// What a call gives, if the function is one of ours.
pub type Answer<'a> = Option<Result<Value<'a>, Failure>>;

type Helper = for<'a> fn(Option<&Value<'a>>, &str) -> Result<Option<Value<'a>>, Diagnostic>;

/// Replays `parse.jsonl` and `parse-mutations.jsonl` of a directory.
///
/// # Errors
/// Files that cannot be read or are not what they should be.
pub fn replay(directory: &Path) -> io::Result<Replay> {
    let mut found = Replay::default();
    let text = fs::read_to_string(directory.join("parse.jsonl"))?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let case = json(line)?;
        let input = case.get("input").unwrap_or(&Value::Null);
        let intent = case.get("expectedIntent").cloned().unwrap_or_default();
        let answer = call("parsePersonaSpec", &[input.clone(), intent]);
        found.compare(line, &case, answer);
    }
    let bases = fs::read_to_string(directory.join("parse-mutations.bases.json"))?;
    let bases = json(&bases)?;
    let text = fs::read_to_string(directory.join("parse-mutations.jsonl"))?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let case = json(line)?;
        let name = case.get_str("fn").unwrap_or_default();
        let mut input = bases.get(name).cloned().unwrap_or_default();
        mutate(&mut input, &case);
        let mut args = vec![input];
        if name == "parsePersonaSpec" {
            args.push("review".into());
        }
        let answer = call(name, &args);
        found.compare(line, &case, answer);
    }
    Ok(found)
}

/// Replays the calls of a file whose functions are ours; others are passed over.
///
/// # Errors
/// A file that cannot be read or is not what it should be.
pub fn replay_calls(file: &Path) -> io::Result<Replay> {
    let mut found = Replay::default();
    let text = fs::read_to_string(file)?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let case = json(line)?;
        let args = case.get("args").and_then(Value::as_array);
        let answer = call(
            case.get_str("fn").unwrap_or_default(),
            args.unwrap_or_default(),
        );
        if answer.is_some() {
            found.compare(line, &case, answer);
        }
    }
    Ok(found)
}

/// Calls a parser, predicate or check by its name in persona-kit; `None` when the
/// name is none of these.
pub fn call<'a>(name: &str, args: &[Value<'a>]) -> Answer<'a> {
    let value = args.first().filter(|value| !is_undefined(value));
    let context = args.get(1).and_then(Value::as_str);
    let given = value.unwrap_or(&Value::Null);
    let edition = Edition::PersonaKit4;
    Some(match name {
        "parsePersonaSpec" => parse::parse_persona(given, context.unwrap_or("undefined"), edition)
            .map(|persona| persona.into_object().into())
            .map_err(|problems| failure(&problems)),
        "parseAgentSpec" => parse::parse_agent(given, context.unwrap_or("agent"), edition)
            .map(Value::Object)
            .map_err(|problems| failure(&problems)),
        _ => {
            if let Some(answer) = predicate(name, value) {
                return Some(Ok(answer.into()));
            }
            helper(name)?(value, context.unwrap_or("undefined"))
                .map(|parsed| parsed.unwrap_or_else(undefined))
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
    Failure {
        name: "Error".into(),
        message: problems
            .first()
            .map(|problem| problem.message.clone())
            .unwrap_or_default(),
    }
}

/// The value that stands for `undefined` in recorded cases.
fn undefined<'a>() -> Value<'a> {
    let mut value = Object::new();
    value.append("$undefined", true);
    value.into()
}

fn is_undefined(value: &Value<'_>) -> bool {
    *value == undefined()
}

impl Replay {
    fn compare(&mut self, line: &str, case: &Value<'_>, answer: Answer<'_>) {
        let given = match answer {
            None => "no such function".into(),
            Some(Ok(value)) => print(&value),
            Some(Err(failure)) => format!("{}: {}", failure.name, failure.message),
        };
        let recorded = recorded(case);
        if given == recorded {
            self.passed += 1;
        } else {
            let common = given.bytes().zip(recorded.bytes());
            let common = common.take_while(|(one, other)| one == other).count();
            let part = |text: &str| {
                let text =
                    String::from_utf8_lossy(text.as_bytes().get(common..).unwrap_or_default());
                text.chars().take(200).collect::<String>()
            };
            let case: String = line.chars().take(300).collect();
            self.failures.push(format!(
                "case     {case}\nfrom byte {common}: recorded {}\n  given {}",
                part(&recorded),
                part(&given)
            ));
        }
    }
}

fn recorded(case: &Value<'_>) -> String {
    if case.get("ok") == Some(&Value::Bool(true)) {
        return match case.get("value") {
            Some(value) => print(value),
            None => print(&undefined()),
        };
    }
    let error = case.get("error").cloned().unwrap_or_default();
    let part = |key| error.get_str(key).unwrap_or_default();
    format!("{}: {}", part("name"), part("message"))
}

/// Sets or deletes the value at the path of a case.
fn mutate<'a>(input: &mut Value<'a>, case: &Value<'a>) {
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

fn json(text: &str) -> io::Result<Value<'_>> {
    read(text).map_err(|error| io::Error::other(format!("{error} at {}", error.offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_clean(replay: &Replay, expected: usize) {
        let shown: Vec<_> = replay.failures.iter().take(20).collect();
        let failed = replay.failures.len();
        println!("{} passed, {failed} failed", replay.passed);
        for failure in shown {
            println!("{failure}\n");
        }
        assert_eq!(failed, 0);
        assert!(replay.passed >= expected, "only {}", replay.passed);
    }

    /// Where the recorded cases are; without them there is nothing to replay.
    fn recorded() -> Option<std::path::PathBuf> {
        let root = std::env::var_os("CALLSHEET_CONFORMANCE")?;
        Some(Path::new(&root).join("persona"))
    }

    #[test]
    fn recorded_parses_are_reproduced() {
        if let Some(directory) = recorded() {
            assert_clean(&replay(&directory).unwrap(), 955);
            assert_clean(
                &replay_calls(&directory.join("functions.jsonl")).unwrap(),
                9,
            );
        }
    }

    #[test]
    fn more_calls_are_reproduced() {
        if let Some(file) = std::env::var_os("CALLSHEET_MORE_CALLS") {
            assert_clean(&replay_calls(Path::new(&file)).unwrap(), 1);
        }
    }
}
