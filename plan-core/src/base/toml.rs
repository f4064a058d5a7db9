//! TOML text of a value tree, for harnesses that are configured in TOML.

use alloc::string::String;
use core::fmt::Write as _;

use toml_writer::{ToTomlKey as _, TomlWrite as _};

use super::json::{Object, Value, js_string};

/// Prints an object as a TOML document: scalars first, then one table a member.
/// `null` members are left out, since TOML has no null.
pub fn print(document: &Object<'_>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = table(&mut out, document, "");
    out
}

fn table(out: &mut String, members: &Object<'_>, name: &str) -> core::fmt::Result {
    let is_table = |value: &Value<'_>| matches!(value, Value::Object(_));
    for (key, value) in members.iter().filter(|(_, value)| !is_table(value)) {
        if *value != Value::Null {
            out.key(key)?;
            out.write_str(" = ")?;
            inline(out, value)?;
            out.newline()?;
        }
    }
    for (key, value) in members.iter() {
        if let Value::Object(inner) = value {
            let mut path = String::from(name);
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&key.to_toml_key());
            if !out.is_empty() {
                out.newline()?;
            }
            writeln!(out, "[{path}]")?;
            table(out, inner, &path)?;
        }
    }
    Ok(())
}

fn inline(out: &mut String, value: &Value<'_>) -> core::fmt::Result {
    match value {
        Value::Null => Ok(()),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Number(_) => out.write_str(&js_string(value)),
        Value::String(text) => out.value(&**text),
        Value::Array(items) => {
            out.write_str("[")?;
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.write_str(", ")?;
                }
                inline(out, item)?;
            }
            out.write_str("]")
        }
        Value::Object(object) => {
            out.write_str("{ ")?;
            for (place, (key, item)) in object.iter().enumerate() {
                if place > 0 {
                    out.write_str(", ")?;
                }
                out.key(key)?;
                out.write_str(" = ")?;
                inline(out, item)?;
            }
            out.write_str(" }")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    #[test]
    fn prints_scalars_before_tables_and_quotes_what_needs_it() {
        let document = read(
            r#"{"servers":{"e.cho":{"env":{"A B":"x"},"args":["-y","a\"b"],"required":true,"none":null}},
                "prompt":"line one\nsays \"hi\" \\ \u007f é","n":1.5}"#,
        )
        .expect("JSON");
        let text = print(document.as_object().expect("an object"));
        let expected = "prompt = \"\"\"\nline one\nsays \"hi\" \\\\ \\u007F é\"\"\"\nn = 1.5\n\n[servers]\n\n\
                        [servers.\"e.cho\"]\nargs = [\"-y\", 'a\"b']\nrequired = true\n\n\
                        [servers.\"e.cho\".env]\n\"A B\" = \"x\"\n";
        assert_eq!(text, expected);
    }
}
