//! Conformance: recorded cases of persona-kit 4.1.59, replayed in process.

pub mod mutate;
pub mod plan;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::{Object, Value, print, read};
use plan_wasm::{Answer, Failure, persona_kit};

/// Tells whether a value stands for `undefined` in a recording.
fn is_undefined(value: &Value<'_>) -> bool {
    value.get("$undefined") == Some(&Value::Bool(true))
}

/// Drops the members that are `undefined`, as JSON does.
fn without_undefined<'a>(value: &Value<'a>) -> Value<'a> {
    match value {
        Value::Object(object) => {
            let entries = object.entries().iter();
            let kept = entries.filter(|(_, member)| !is_undefined(member));
            let kept = kept.map(|(key, member)| (key.clone(), without_undefined(member)));
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_undefined).collect()),
        _ => value.clone(),
    }
}

/// Prints a failure as recordings hold it.
fn as_recorded(failure: &Failure) -> String {
    let mut object = Object::new();
    object.insert("name", failure.name.clone());
    object.insert("message", failure.message.clone());
    for (field, value) in &failure.fields {
        object.insert(*field, value.clone());
    }
    print(&object)
}

/// The result of a replay.
#[derive(Debug, Default)]
pub struct Report {
    /// How many cases gave the recorded answer.
    pub passed: usize,
    /// How many cases no dispatcher knows, by function.
    pub unknown: BTreeMap<String, usize>,
    /// The cases that gave another answer: the line, what is recorded, what came.
    pub differences: Vec<String>,
}

impl Report {
    /// Compares an answer with a recorded line, by its exact text.
    pub fn compare(&mut self, line: &Value<'_>, answer: &Answer) {
        let recorded = if line.get("ok") == Some(&Value::Bool(true)) {
            line.get("value")
                .map_or_else(|| "undefined".to_owned(), print)
        } else {
            line.get("error").map(print).unwrap_or_default()
        };
        let came = match answer {
            Ok(None) => "undefined".to_owned(),
            Ok(Some(text)) => text.clone(),
            Err(failure) => as_recorded(failure),
        };
        let name = ["fn", "case", "persona"]
            .into_iter()
            .find_map(|key| line.get_str(key));
        let case = line.get("args").or_else(|| line.get("path")).map(print);
        self.note(
            &format!("{} {}", name.unwrap_or_default(), case.unwrap_or_default()),
            &came,
            &recorded,
        );
    }

    /// Notes what came beside what is recorded.
    pub fn note(&mut self, case: &str, came: &str, recorded: &str) {
        if came == recorded {
            self.passed += 1;
            return;
        }
        let same = came
            .bytes()
            .zip(recorded.bytes())
            .take_while(|(one, other)| one == other)
            .count();
        let part = |text: &str| {
            let rest = text
                .as_bytes()
                .get(same.saturating_sub(40)..)
                .unwrap_or_default();
            String::from_utf8_lossy(rest)
                .chars()
                .take(240)
                .collect::<String>()
        };
        let case: String = case.chars().take(240).collect();
        self.differences.push(format!(
            "{case}\n  from byte {same}: recorded …{}\n      came …{}",
            part(recorded),
            part(came)
        ));
    }

    /// Calls the function of a line and compares.
    fn call(&mut self, line: &Value<'_>, name: &str, arguments: &[Value<'_>]) {
        let given = arguments
            .iter()
            .map(|value| (!is_undefined(value)).then(|| without_undefined(value)));
        let given: Vec<_> = given.collect();
        match persona_kit::call(name, &given) {
            Some(answer) => self.compare(line, &answer),
            None => *self.unknown.entry(name.to_owned()).or_default() += 1,
        }
    }
}

/// Replays every file of a folder of recordings; the names are the files'.
///
/// # Errors
/// A file that cannot be read or is no JSON Lines file.
pub fn replay(folder: &Path) -> io::Result<Vec<(&'static str, Report)>> {
    let bases = fs::read_to_string(folder.join("parse-mutations.bases.json"))?;
    let bases = json(&bases)?;
    let mut reports = Vec::new();
    for file in [
        "parse",
        "plan",
        "functions",
        "harness-specs",
        "parse-mutations",
    ] {
        let mut report = Report::default();
        let text = fs::read_to_string(folder.join(format!("{file}.jsonl")))?;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let line = json(line)?;
            match file {
                "plan" => plan::compare(&mut report, &line),
                "parse" => {
                    let input = line.get("input").cloned().unwrap_or_default();
                    let intent = line.get("expectedIntent").cloned().unwrap_or_default();
                    report.call(&line, "parsePersonaSpec", &[input, intent]);
                }
                "parse-mutations" => {
                    let name = line.get_str("fn").unwrap_or_default();
                    let mut arguments = vec![bases.get(name).cloned().unwrap_or_default()];
                    mutate::mutate(&mut arguments, &line);
                    if name == "parsePersonaSpec" {
                        arguments.push("review".into());
                    }
                    report.call(&line, name, &arguments);
                }
                _ => {
                    let arguments = line.get("args").and_then(Value::as_array);
                    let name = line.get_str("fn").unwrap_or_default();
                    report.call(&line, name, arguments.unwrap_or_default());
                }
            }
        }
        reports.push((file, report));
    }
    Ok(reports)
}

fn json(text: &str) -> io::Result<Value<'_>> {
    read(text).map_err(|error| io::Error::other(format!("{error} at byte {}", error.offset)))
}

/// Returns the digest that recordings name.
pub fn digest(text: &str) -> String {
    sha256_hex(text.as_bytes())
}
