//! Short ways to build and read JSON.

use plan_core::base::json::{self, Value};

/// Builds an object.
pub fn object<'a, const N: usize>(entries: [(&'a str, Value<'a>); N]) -> Value<'a> {
    let entries = entries.into_iter();
    Value::Object(entries.map(|(key, value)| (key.into(), value)).collect())
}

/// Builds an array of texts.
pub fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Value<'a> {
    Value::Array(items.into_iter().map(Value::from).collect())
}

/// Builds a number.
pub const fn number(value: f64) -> Value<'static> {
    Value::Number(value)
}

/// Prints one event.
pub fn line(value: &Value<'_>) -> String {
    json::print(value)
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Value<'static>, String> {
    let value = json::read(text).map_err(|error| error.message)?;
    Ok(value.to_owned_value())
}

/// The texts of an array member.
pub fn strings(value: &Value<'_>, key: &str) -> Vec<String> {
    let items = value.get(key).and_then(Value::as_array).unwrap_or_default();
    let texts = items.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// The text members of an object member.
pub fn pairs(value: &Value<'_>, key: &str) -> Vec<(String, String)> {
    let object = value.get(key).and_then(Value::as_object);
    let members = object.into_iter().flat_map(json::Object::iter);
    members
        .filter_map(|(name, member)| Some((name.to_owned(), member.as_str()?.to_owned())))
        .collect()
}
