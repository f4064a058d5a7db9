//! Inputs: the values that a persona asks for, and their places in its texts.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Text, Value, js_string};

/// The values of the declared inputs, in declaration order. They are strings,
/// except for a default that the persona gives as something else.
pub type InputValues<'a> = Object<'a>;

/// A required input has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Persona input {input} is required but no explicit value, env var {env}, or default was provided."
)]
pub struct MissingInput {
    /// The input.
    pub input: String,
    /// The environment variable that could have given the value.
    pub env: String,
}

impl MissingInput {
    /// The name of the error in JavaScript.
    pub const NAME: &'static str = "MissingPersonaInputError";
}

impl From<MissingInput> for Diagnostic {
    fn from(missing: MissingInput) -> Self {
        let help = alloc::format!(
            "pass `--input {0}=VALUE`, set the environment variable {1}, or give the input a \
             default",
            missing.input,
            missing.env
        );
        let root = Path::root("selection");
        let at = root.field("inputs");
        Diagnostic::error(Code::PERSONA_INPUT_MISSING, alloc::format!("{missing}"))
            .help(help)
            .pointing(&at.field(&missing.input))
    }
}

/// Returns the environment variable that backs an input.
pub fn input_env_name<'a>(name: &'a str, declaration: &'a Value<'_>) -> Text<'a> {
    match declaration.get("env") {
        None | Some(Value::Null) => Cow::Borrowed(name),
        Some(env) => js_string(env),
    }
}

/// Gives every declared input its value: the provided one, else its environment
/// variable, else its default, else nothing when it is optional. Provided values
/// without a declaration are ignored.
///
/// # Errors
/// The first required input without a value.
pub fn resolve_inputs<'a>(
    declared: Option<&'a Object<'a>>,
    provided: Option<&'a Value<'a>>,
    env: &'a Object<'a>,
) -> Result<InputValues<'a>, MissingInput> {
    let mut values = InputValues::new();
    for (name, declaration) in declared.into_iter().flat_map(Object::iter) {
        // Assignment in JavaScript cannot create this member.
        if name == "__proto__" {
            continue;
        }
        let env_name = input_env_name(name, declaration);
        let value = provided
            .and_then(|provided| given(provided.get(name)))
            .or_else(|| given(env.get(&env_name)))
            .map(Value::String)
            .or_else(|| default(declaration));
        match value {
            Some(value) => values.append(name, value),
            None if declaration.get("optional").is_some_and(Value::is_truthy) => {
                values.append(name, "");
            }
            None => {
                return Err(MissingInput {
                    input: String::from(name),
                    env: env_name.into_owned(),
                });
            }
        }
    }
    Ok(values)
}

/// Returns the text of a value that counts as given: not null, not empty.
fn given<'a>(value: Option<&'a Value<'_>>) -> Option<Text<'a>> {
    let value = value.filter(|value| **value != Value::Null)?;
    Some(js_string(value)).filter(|text| !text.is_empty())
}

/// Returns the declared default as it stands, unless it is empty.
fn default<'a>(declaration: &'a Value<'a>) -> Option<Value<'a>> {
    let default = declaration.get("default")?;
    (default.as_str() != Some("")).then(|| default.clone())
}

/// Replaces `${NAME}` and `$NAME` by the values of the names, in one pass: text
/// that a value brings in is not looked at again. `$NAME` ends where the run of
/// `A-Z`, `0-9` and `_` ends; unknown names stay.
pub fn render<'t>(text: &'t str, values: &InputValues<'_>) -> Text<'t> {
    if values.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut rendered = String::new();
    let (mut done, mut from) = (0, 0);
    while let Some((start, rest)) = next_dollar(text, from) {
        from = start + 1;
        let Some((length, value)) = placeholder(rest, values) else {
            continue;
        };
        rendered.push_str(text.get(done..start).unwrap_or_default());
        rendered.push_str(&js_string(value));
        done = from + length;
        from = done;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    rendered.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(rendered)
}

/// Finds the next `$` at or after `from`: its place and what follows it.
pub(super) fn next_dollar(text: &str, from: usize) -> Option<(usize, &str)> {
    let place = from + text.get(from..)?.find('$')?;
    Some((place, text.get(place + 1..)?))
}

/// Matches a placeholder behind its `$`: its length and its value. Of several
/// declared names that fit, the longest wins.
fn placeholder<'v>(rest: &str, values: &'v InputValues<'v>) -> Option<(usize, &'v Value<'v>)> {
    let braced = rest.strip_prefix('{').and_then(|inner| {
        let fits = |name: &str| {
            inner
                .strip_prefix(name)
                .is_some_and(|tail| tail.starts_with('}'))
        };
        let found = longest(values, fits)?;
        Some((found.0.len() + 2, found.1))
    });
    braced.or_else(|| {
        let ends = |tail: &str| !tail.bytes().next().is_some_and(is_name_byte);
        let fits = |name: &str| rest.strip_prefix(name).is_some_and(ends);
        let found = longest(values, fits)?;
        Some((found.0.len(), found.1))
    })
}

fn longest<'v>(
    values: &'v InputValues<'v>,
    fits: impl Fn(&str) -> bool,
) -> Option<(&'v str, &'v Value<'v>)> {
    values
        .iter()
        .filter(|(name, _)| fits(name))
        .max_by_key(|(name, _)| name.len())
}

/// Tells whether a byte may continue the name of an input or a variable.
pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::{print, read};

    #[test]
    fn takes_the_first_source_that_has_a_value() {
        let declared = read(r#"{"A":{},"B":{"env":"X","default":"d"},"C":{"optional":true}}"#);
        let declared = declared.expect("JSON");
        let (provided, env) = (read(r#"{"A":0,"Z":1}"#), read(r#"{"X":""}"#));
        let (provided, env) = (provided.expect("JSON"), env.expect("JSON"));
        let env = env.as_object().expect("an object");
        let values = resolve_inputs(declared.as_object(), Some(&provided), env).expect("resolves");
        assert_eq!(print(&values), r#"{"A":"0","B":"d","C":""}"#);

        let missing = resolve_inputs(declared.as_object(), None, env).expect_err("A is missing");
        assert_eq!((&*missing.input, &*missing.env), ("A", "A"));
    }

    #[test]
    fn renders_in_one_pass() {
        let values = read(r#"{"A":"$AB","AB":2}"#).expect("JSON");
        let values = values.as_object().expect("an object");
        assert_eq!(
            render("$A ${A} $ABx $ABC $$A ${A", values),
            "$AB $AB 2x $ABC $$AB ${A"
        );
        assert!(matches!(render("$C", values), Cow::Borrowed("$C")));
    }
}
