//! Environment references: `$NAME` as a whole string, `${NAME}` anywhere in one.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::inputs::{is_name_byte, next_dollar};
use crate::base::json::{Object, Text, Value, js_string};
use crate::base::record::record;
use crate::effect::MissingReference;

/// The name of [`MissingReference`] in JavaScript.
pub const MISSING_REFERENCE_NAME: &str = "MissingEnvRefError";

record! {
    /// A field that was left out because a variable that it refers to is not set.
    pub struct DroppedField<'a> {
        /// The field of the persona.
        pub field: String => "field",
        /// The variable.
        pub reference: Text<'a> => "ref",
    }
}

record! {
    /// A map of texts without the entries whose variables are not set.
    pub struct LenientMap<'a> {
        /// The entries that are left; nothing when there is none.
        pub value: Option<Object<'a>> => "value",
        /// The entries that were left out.
        pub dropped: Vec<DroppedField<'a>> => "dropped",
    }
}

/// One reference in a text: where it is and whom it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place<'t> {
    start: usize,
    end: usize,
    name: &'t str,
}

/// Walks the references of a text.
#[derive(Debug, Clone)]
struct Places<'t> {
    text: &'t str,
    from: usize,
}

impl<'t> Iterator for Places<'t> {
    type Item = Place<'t>;

    fn next(&mut self) -> Option<Place<'t>> {
        while let Some((start, rest)) = next_dollar(self.text, self.from) {
            self.from = start + 1;
            if let Some(inner) = rest.strip_prefix('{') {
                let name = leading_name(inner);
                if !name.is_empty() && inner.as_bytes().get(name.len()) == Some(&b'}') {
                    self.from = start + name.len() + 3;
                    let end = self.from;
                    return Some(Place { start, end, name });
                }
            } else if start == 0 && !rest.is_empty() && leading_name(rest).len() == rest.len() {
                self.from = self.text.len();
                let end = self.from;
                return Some(Place {
                    start,
                    end,
                    name: rest,
                });
            }
        }
        None
    }
}

/// Returns the longest name (`[A-Z_][A-Z0-9_]*`) that a text starts with.
fn leading_name(text: &str) -> &str {
    let bytes = text.as_bytes();
    if bytes.first().is_none_or(u8::is_ascii_digit) {
        return "";
    }
    let end = bytes.iter().position(|byte| !is_name_byte(*byte));
    text.get(..end.unwrap_or(bytes.len())).unwrap_or_default()
}

/// Walks the names that a text refers to, in order, repetitions included.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    let places = Places { text, from: 0 };
    places.map(|place| place.name)
}

/// Tells whether a text refers to an environment variable.
pub fn is_reference(text: &str) -> bool {
    references(text).next().is_some()
}

/// Returns the value of a variable that is set and not empty.
fn lookup<'e>(env: &'e Object<'_>, name: &str) -> Option<Text<'e>> {
    set(env, name).map(js_string)
}

/// Returns a variable as it stands; an empty one counts as unset.
fn set<'e>(env: &'e Object<'_>, name: &str) -> Option<&'e Value<'e>> {
    env.get(name).filter(|value| value.as_str() != Some(""))
}

/// Replaces the references of a text by the values of their variables, in one pass.
///
/// # Errors
/// The name of the first variable that is unset or empty.
fn substitute<'a>(text: &'a str, env: &'a Object<'_>) -> Result<Text<'a>, &'a str> {
    let mut resolved = String::new();
    let mut done = 0;
    for place in (Places { text, from: 0 }) {
        let value = lookup(env, place.name).ok_or(place.name)?;
        if place.start == 0 && place.end == text.len() {
            return Ok(value);
        }
        resolved.push_str(text.get(done..place.start).unwrap_or_default());
        resolved.push_str(&value);
        done = place.end;
    }
    if done == 0 {
        return Ok(Cow::Borrowed(text));
    }
    resolved.push_str(text.get(done..).unwrap_or_default());
    Ok(Cow::Owned(resolved))
}

/// Like [`substitute`], but a variable that is the whole text keeps its type: the
/// environment may come from JavaScript and hold more than texts.
pub(super) fn substitute_value<'a>(
    text: &'a str,
    env: &'a Object<'a>,
) -> Result<Value<'a>, &'a str> {
    let name = text.strip_prefix('$').map(leading_name);
    if let Some(name) = name.filter(|name| !name.is_empty() && name.len() + 1 == text.len()) {
        return set(env, name).cloned().ok_or(name);
    }
    substitute(text, env).map(Value::String)
}

/// Resolves the references of one field.
///
/// # Errors
/// The first variable that is unset or empty.
pub fn resolve_references<'a>(
    text: &'a str,
    env: &'a Object<'_>,
    field: &str,
) -> Result<Text<'a>, MissingReference> {
    substitute(text, env).map_err(|name| MissingReference {
        name: String::from(name),
        field: String::from(field),
    })
}

/// Walks the texts of a map. Assignment in JavaScript cannot create `__proto__`.
fn texts<'a>(map: &'a Object<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    map.iter()
        .filter_map(|(key, value)| Some((key, value.as_str()?)))
        .filter(|(key, _)| *key != "__proto__")
}

/// Resolves the references of a map of texts; fields are `<prefix>.<key>`.
///
/// # Errors
/// The first variable that is unset or empty.
pub fn resolve_string_map<'a>(
    map: &'a Object<'a>,
    env: &'a Object<'a>,
    prefix: &str,
) -> Result<Object<'a>, MissingReference> {
    let mut resolved = Object::with_capacity(map.len());
    for (key, text) in texts(map) {
        let value = substitute_value(text, env).map_err(|name| MissingReference {
            name: String::from(name),
            field: format!("{prefix}.{key}"),
        })?;
        resolved.append(key, value);
    }
    Ok(resolved)
}

/// Resolves the references of a map of texts and leaves out the entries whose
/// variables are not set.
pub fn resolve_string_map_lenient<'a>(
    map: &'a Object<'a>,
    env: &'a Object<'a>,
    prefix: &str,
) -> LenientMap<'a> {
    let mut resolved = Object::with_capacity(map.len());
    let mut dropped = Vec::new();
    for (key, text) in texts(map) {
        match substitute_value(text, env) {
            Ok(value) => resolved.append(key, value),
            Err(name) => dropped.push(DroppedField {
                field: format!("{prefix}.{key}"),
                reference: Cow::Borrowed(name),
            }),
        }
    }
    LenientMap {
        value: Some(resolved).filter(|resolved| !resolved.is_empty()),
        dropped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn finds_references() {
        for (text, names) in [
            ("$A_1", vec!["A_1"]),
            ("$A ", vec![]),
            ("x $A", vec![]),
            ("$1", vec![]),
            ("a ${B} ${c} ${D}${", vec!["B", "D"]),
            ("$${E}", vec!["E"]),
        ] {
            assert_eq!(references(text).collect::<Vec<_>>(), names, "{text}");
        }
    }

    #[test]
    fn names_the_field_of_a_missing_variable() {
        let map = crate::base::json::read(r#"{"K":"a ${B}"}"#).expect("JSON");
        let map = map.as_object().expect("an object");
        let env = Object::new();
        let missing = resolve_string_map(map, &env, "env").expect_err("B is not set");
        assert_eq!((&*missing.name, &*missing.field), ("B", "env.K"));
        let lenient = resolve_string_map_lenient(map, &env, "env");
        assert_eq!((lenient.value, lenient.dropped.len()), (None, 1));
    }
}
