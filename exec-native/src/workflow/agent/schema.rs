//! Answers that must fit a JSON Schema.

use plan_core::base::json::{self, Value};

/// How many problems of an answer are told.
const TOLD: usize = 5;

/// A schema that answers are held against.
#[derive(Debug)]
pub(super) struct Schema(jsonschema::Validator);

impl Schema {
    /// Reads a schema of any draft; one that says nothing is of draft 2020-12. References to
    /// other documents are refused: nothing is fetched.
    ///
    /// # Errors
    /// It is no schema; says why.
    pub(super) fn read(schema: &Value<'_>) -> Result<Self, String> {
        let schema = foreign(&json::print(schema))?;
        jsonschema::validator_for(&schema)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Finds the value in an answer that fits: data itself, or the JSON of a text, wherever in
    /// it it stands.
    ///
    /// # Errors
    /// What is wrong with the value that comes nearest.
    pub(super) fn fit(&self, answer: &Value<'static>) -> Result<Value<'static>, Vec<String>> {
        let Some(text) = answer.as_str() else {
            return self.check(answer).map(|()| answer.clone());
        };
        let mut problems = None;
        for found in candidates(text) {
            match self.check(&found) {
                Ok(()) => return Ok(found),
                Err(found) => {
                    problems.get_or_insert(found);
                }
            }
        }
        // A text may be all that was asked for.
        if self.check(answer).is_ok() {
            return Ok(answer.clone());
        }
        Err(problems.unwrap_or_else(|| vec!["the answer holds no JSON".to_owned()]))
    }

    fn check(&self, value: &Value<'_>) -> Result<(), Vec<String>> {
        let value = foreign(&json::print(value)).map_err(|problem| vec![problem])?;
        let problems: Vec<String> = self
            .0
            .iter_errors(&value)
            .take(TOLD)
            .map(|error| match error.instance_path().as_str() {
                "" => error.to_string(),
                path => format!("{path}: {error}"),
            })
            .collect();
        if problems.is_empty() {
            return Ok(());
        }
        Err(problems)
    }
}

/// The same value for the library that validates.
fn foreign(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The values that stand in a text: the whole of it, blocks of code, the first object or list
/// among words.
fn candidates(text: &str) -> impl Iterator<Item = Value<'static>> {
    let whole = text.trim();
    let fenced = whole.split("```").skip(1).step_by(2).map(|block| {
        // What stands behind the first fence is the name of a language.
        let (first, rest) = block.split_once('\n').unwrap_or(("", block));
        if first
            .trim()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric())
        {
            rest
        } else {
            block
        }
    });
    let among = whole
        .char_indices()
        .filter(|(_, letter)| matches!(letter, '{' | '['))
        .filter_map(|(place, _)| balanced(whole.get(place..)?));
    let texts = std::iter::once(whole).chain(fenced).chain(among.take(20));
    texts.filter_map(|text| Some(json::read(text.trim()).ok()?.to_owned_value()))
}

/// The part of a text from its first bracket to the one that closes it.
fn balanced(text: &str) -> Option<&str> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return text.get(..=place);
                }
            }
            _ => {}
        }
    }
    None
}

/// Adds to a prompt what its answer must be, for an agent that is not told otherwise.
pub(super) fn instructed(prompt: &str, schema: &Value<'_>) -> String {
    format!(
        "{prompt}\n\nAnswer with one JSON value that fits this JSON Schema, and with nothing \
         else:\n\n{}",
        json::print(schema)
    )
}

/// Asks again for an answer that did not fit.
pub(super) fn again(prompt: &str, answer: &Value<'_>, problems: &[String], once: bool) -> String {
    let printed = json::print(answer);
    let answer = answer.as_str().unwrap_or(&printed);
    format!(
        "{prompt}\n\nThis was asked before, and the answer did not fit the JSON Schema that it \
         must fit:\n- {}\n\nThe answer was:\n\n{answer}\n\n{}Correct it.",
        problems.join("\n- "),
        if once {
            "What was asked for has been done and must not be done again: only the answer is \
             wanted. "
        } else {
            ""
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let text = r#"{"type": "object", "required": ["real"],
            "properties": {"real": {"type": "boolean"}}}"#;
        Schema::read(&json::read(text).expect("JSON")).expect("a schema")
    }

    fn fits(answer: &str) -> String {
        match schema().fit(&Value::from(answer.to_owned())) {
            Ok(value) => json::print(&value),
            Err(problems) => problems.join("; "),
        }
    }

    #[test]
    fn a_value_is_found_wherever_it_stands() {
        assert_eq!(fits(r#" {"real": true} "#), r#"{"real":true}"#);
        let fenced = "Here:\n```json\n{\"real\": false}\n```\nDone [1].";
        assert_eq!(fits(fenced), r#"{"real":false}"#);
        let among = r#"I think [so]: {"real": true, "why": "a } in \" it"} that's it"#;
        assert_eq!(fits(among), r#"{"real":true,"why":"a } in \" it"}"#);
        assert_eq!(fits("nothing"), "the answer holds no JSON");
        assert_eq!(fits("{ open"), "the answer holds no JSON");
    }

    #[test]
    fn what_is_wrong_is_told_by_place() {
        assert_eq!(
            fits(r#"{"real": 1}"#),
            "/real: 1 is not of type \"boolean\""
        );
        assert_eq!(fits("{}"), "\"real\" is a required property");
        let text = Schema::read(&json::read(r#"{"type": "string"}"#).expect("JSON"));
        let word = Value::from("plain words".to_owned());
        assert_eq!(text.expect("a schema").fit(&word), Ok(word));
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        let broken = json::read(r#"{"type": "objekt"}"#).expect("JSON");
        assert!(Schema::read(&broken).is_err());
        let far = json::read(r#"{"$ref": "https://example.org/s.json"}"#).expect("JSON");
        assert!(Schema::read(&far).is_err());
    }
}
