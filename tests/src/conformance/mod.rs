//! Conformance: recorded cases of the original packages, replayed in process.

pub mod functions;

use plan_core::base::json::{Object, Value, print};

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
    pub fn error(message: &(impl ToString + ?Sized)) -> Self {
        Self::named("Error", message)
    }

    /// Creates an error of a class.
    pub fn named(name: &str, message: &(impl ToString + ?Sized)) -> Self {
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
    pub unknown: std::collections::BTreeMap<String, usize>,
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
            line.get("error").map_or_else(String::new, print)
        };
        let came = match answer {
            Ok(value) if is_undefined(value) => "undefined".to_owned(),
            Ok(value) => print(value),
            Err(failure) => print(&failure.to_value()),
        };
        if recorded == came {
            self.passed += 1;
        } else {
            let name = line.get_str("fn").unwrap_or_default();
            let arguments = line.get("args").map_or_else(String::new, print);
            let difference =
                format!("{name} {arguments}\n  recorded {recorded}\n  came     {came}");
            self.differences.push(difference);
        }
    }
}
