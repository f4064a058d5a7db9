//! Canonical JSON (RFC 8785): one text for every way to write a value, so that equal values
//! have equal digests.

use alloc::string::String;
use alloc::vec::Vec;

use super::json::{Object, Print, Value, Writer, print, sort};
use super::text::utf16_cmp;

/// A value whose objects are printed in the order of their keys.
struct Canonical<'v, 'a>(&'v Value<'a>);

struct Sorted<'v, 'a>(&'v Object<'a>);

impl Print for Canonical<'_, '_> {
    fn print(&self, out: &mut Writer) {
        match self.0 {
            Value::Object(object) => Sorted(object).print(out),
            Value::Array(items) => {
                out.begin_array();
                for item in items {
                    Canonical(item).print(out);
                }
                out.end_array();
            }
            other => other.print(out),
        }
    }
}

impl Print for Sorted<'_, '_> {
    fn print(&self, out: &mut Writer) {
        let mut entries: Vec<_> = self.0.iter().collect();
        sort::sort_by(&mut entries, &|one, other| utf16_cmp(one.0, other.0));
        out.begin_object();
        for (key, value) in entries {
            out.key(key);
            Canonical(value).print(out);
        }
        out.end_object();
    }
}

/// Prints a value canonically: keys by their UTF-16 units, numbers as JavaScript does, no
/// blanks.
pub fn canonical(value: &Value<'_>) -> String {
    print(&Canonical(value))
}

#[cfg(test)]
mod tests {
    use super::super::json::read;
    use super::*;

    #[test]
    fn order_and_numbers_do_not_matter() {
        let text = r#"{ "b": [1.0, {"z": 1e3, "a": null}], "a": "\u00e9\n", "\ud83d\ude00": 1, "\ufb33": 2 }"#;
        let value = read(text).expect("JSON");
        assert_eq!(
            canonical(&value),
            "{\"a\":\"é\\n\",\"b\":[1,{\"a\":null,\"z\":1000}],\"😀\":1,\"\u{fb33}\":2}"
        );
    }
}
