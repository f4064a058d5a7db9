//! Conformance: recorded cases of persona-kit 4.1.59, replayed in process.

pub mod functions;
pub mod parse;
pub mod plan;
pub mod specs;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::{Object, Value, print, read};

/// Every function that can be called by its JavaScript name.
pub const DISPATCHERS: &[Dispatcher] = &[parse::call, functions::call, specs::call];

/// An error as JavaScript would see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The name of the error's class.
    pub name: String,
    /// Its message.
    pub message: String,
    /// Its other fields, in order.
    pub fields: Vec<(String, String)>,
}

impl Failure {
    /// Creates a plain `Error`.
    pub fn error(message: impl std::fmt::Display) -> Self {
        Self::named("Error", message)
    }

    /// Creates an error of a class.
    pub fn named(name: &str, message: impl std::fmt::Display) -> Self {
        Self {
            name: name.to_owned(),
            message: message.to_string(),
            fields: Vec::new(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, field: &str, value: &str) -> Self {
        self.fields.push((field.to_owned(), value.to_owned()));
        self
    }

    /// Returns the error as the recordings hold it.
    pub fn to_value(&self) -> Value<'static> {
        let mut object = Object::new();
        object.insert("name", self.name.clone());
        object.insert("message", self.message.clone());
        for (field, value) in &self.fields {
            object.insert(field.clone(), value.clone());
        }
        Value::Object(object)
    }
}

/// What a function answered.
pub type Answer = Result<Value<'static>, Failure>;

/// Calls a function by its JavaScript name; `None` when it is not one of the
/// dispatcher's. [`undefined`] stands for `undefined`, in arguments and answers.
pub type Dispatcher = fn(&str, &[Value<'_>]) -> Option<Answer>;

/// The value that stands for `undefined`.
pub fn undefined() -> Value<'static> {
    let mut object = Object::new();
    object.insert("$undefined", true);
    Value::Object(object)
}

/// Tells whether a value stands for `undefined`.
pub fn is_undefined(value: &Value<'_>) -> bool {
    value.get("$undefined") == Some(&Value::Bool(true))
}

/// Returns an argument; `None` when it is missing or `undefined`.
pub fn argument<'v, 'a>(arguments: &'v [Value<'a>], place: usize) -> Option<&'v Value<'a>> {
    arguments.get(place).filter(|value| !is_undefined(value))
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
            Ok(value) if is_undefined(value) => "undefined".to_owned(),
            Ok(value) => print(value),
            Err(failure) => print(&failure.to_value()),
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
        match DISPATCHERS.iter().find_map(|call| call(name, arguments)) {
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
                    parse::mutate(&mut arguments, &line);
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
