//! `String(value)`: the text that JavaScript makes of a value.

use alloc::borrow::Cow;
use alloc::string::String;

use super::value::{Text, Value};

/// Returns what `String(value)` gives; strings are not copied.
pub fn js_string<'v>(value: &'v Value<'_>) -> Text<'v> {
    match value {
        Value::Null => Cow::Borrowed("null"),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Number(number) => Cow::Owned(String::from(ryu_js::Buffer::new().format(*number))),
        Value::String(text) => Cow::Borrowed(text),
        Value::Object(_) => Cow::Borrowed("[object Object]"),
        Value::Array(items) => {
            let mut joined = String::new();
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    joined.push(',');
                }
                // `Array.prototype.join` leaves the place of a null empty.
                if *item != Value::Null {
                    joined.push_str(&js_string(item));
                }
            }
            Cow::Owned(joined)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::js_string;
    use crate::read;

    #[test]
    fn coerces_as_javascript_does() {
        for (json, text) in [
            ("1e21", "1e+21"),
            ("-0", "0"),
            ("0.1", "0.1"),
            ("null", "null"),
            ("[1,null,[true,\"x\"]]", "1,,true,x"),
            ("{}", "[object Object]"),
        ] {
            let value = read(json).expect("the case is JSON");
            assert_eq!(js_string(&value), text, "{json}");
        }
    }
}
