//! The value tree and its insertion-ordered objects.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::sort::sort_by;

/// Text that borrows from the document it came from when it can.
pub type Text<'a> = Cow<'a, str>;

/// One JSON value.
// A tag as wide as a pointer leaves no odd bytes: values move in whole words, which
// makes reading a tenth faster.
#[derive(Debug, Clone, PartialEq, Default)]
#[repr(usize)]
pub enum Value<'a> {
    /// `null`, which is not the same as absent.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, a double as in JavaScript.
    Number(f64),
    /// A string.
    String(Text<'a>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object in JavaScript key order.
    Object(Object<'a>),
}

/// An object whose entries keep JavaScript's key order: keys that are array
/// indexes first, ascending, then the others as they were inserted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<'a> {
    entries: Vec<(Text<'a>, Value<'a>)>,
}

impl<'a> Value<'a> {
    /// Returns the text of a string value.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    }

    /// Returns the text of a string value, without a copy when it is borrowed.
    pub fn to_text(&self) -> Option<Text<'a>> {
        match self {
            Value::String(text) => Some(text.clone()),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    }

    /// Returns the number of a number value.
    pub fn as_number(&self) -> Option<f64> {
        if let Value::Number(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// Returns the truth of a boolean value.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(truth) = self {
            Some(*truth)
        } else {
            None
        }
    }

    /// Returns the elements of an array value.
    pub fn as_array(&self) -> Option<&[Value<'a>]> {
        if let Value::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// Returns the entries of an object value.
    pub fn as_object(&self) -> Option<&Object<'a>> {
        if let Value::Object(object) = self {
            Some(object)
        } else {
            None
        }
    }

    /// Returns the member `key` of an object value.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.as_object().and_then(|object| object.get(key))
    }

    /// Returns the string member `key` of an object value.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// Returns the value at a JSON pointer (RFC 6901) for change.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Value<'a>> {
        let mut at = self;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            at = match at {
                Value::Object(object) => object
                    .entries
                    .iter_mut()
                    .find(|(key, _)| *key == token)
                    .map(|(_, value)| value),
                Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            }?;
        }
        Some(at)
    }

    /// JavaScript truthiness: everything but `null`, `false`, `0`, `NaN` and `""`.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(truth) => *truth,
            Value::Number(number) => *number != 0.0 && !number.is_nan(),
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }
    }

    /// Returns a copy that borrows nothing.
    pub fn to_owned_value(&self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(*truth),
            Value::Number(number) => Value::Number(*number),
            Value::String(text) => Value::String(Cow::Owned(String::from(&**text))),
            Value::Array(items) => Value::Array(items.iter().map(Value::to_owned_value).collect()),
            Value::Object(object) => Value::Object(
                object
                    .iter()
                    .map(|(key, value)| (Cow::Owned(String::from(key)), value.to_owned_value()))
                    .collect(),
            ),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::String(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::String(Cow::Owned(text))
    }
}

impl<'a> From<Text<'a>> for Value<'a> {
    fn from(text: Text<'a>) -> Self {
        Value::String(text)
    }
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl<'a> From<Object<'a>> for Value<'a> {
    fn from(object: Object<'a>) -> Self {
        Value::Object(object)
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        Value::Array(items)
    }
}

impl<'a> Object<'a> {
    /// Creates an object without entries.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
        }
    }

    /// Creates an object without entries that has room for `capacity`.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: Vec::with_capacity(capacity),
        }
    }

    /// Wraps entries as they were read; index-like keys are moved to the front.
    /// Tells whether there was none.
    pub(super) fn from_entries(mut entries: Vec<(Text<'a>, Value<'a>)>) -> (Self, bool) {
        let sorted = entries.iter().all(|(key, _)| array_index(key).is_none());
        if !sorted {
            // Stable, so the other keys keep their order behind the indexes.
            let rank = |key: &str| array_index(key).map_or(u64::MAX, u64::from);
            sort_by(&mut entries, &|(one, _), (other, _)| {
                rank(one).cmp(&rank(other))
            });
        }
        (Self { entries }, sorted)
    }

    /// Borrows the members that are texts, with room for `more`.
    pub fn texts(&self, more: usize) -> Object<'_> {
        let mut entries = Vec::with_capacity(self.len() + more);
        entries.extend(self.entries.iter().filter_map(|(key, value)| {
            let text = Value::from(value.as_str()?);
            Some((Cow::Borrowed(&**key), text))
        }));
        Object { entries }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Tells whether `key` is present, whatever its value.
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets `key`: an existing key keeps its place, a new one takes the place that
    /// JavaScript would give it.
    pub fn insert(&mut self, key: impl Into<Text<'a>>, value: impl Into<Value<'a>>) {
        self.set(key.into(), value.into());
    }

    // Compiled once, whatever the key and the value are made from.
    fn set(&mut self, key: Text<'a>, value: Value<'a>) {
        if let Some(entry) = self.entries.iter_mut().find(|(name, _)| *name == key) {
            entry.1 = value;
            return;
        }
        self.add(key, value);
    }

    /// Adds `key`, which the caller knows to be new.
    pub fn append(&mut self, key: impl Into<Text<'a>>, value: impl Into<Value<'a>>) {
        self.add(key.into(), value.into());
    }

    fn add(&mut self, key: Text<'a>, value: Value<'a>) {
        if let Some(index) = array_index(&key) {
            let place = self
                .entries
                .iter()
                .position(|(name, _)| array_index(name).is_none_or(|other| other > index))
                .unwrap_or(self.entries.len());
            self.entries.insert(place, (key, value));
        } else {
            self.entries.push((key, value));
        }
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value<'a>> {
        let place = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(place).1)
    }

    /// Walks the entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'a>)> + Clone {
        self.entries.iter().map(|(key, value)| (&**key, value))
    }

    /// Walks the entries in order with their keys as they are stored, so that a
    /// borrowed key can be kept without a copy.
    pub fn entries(&self) -> &[(Text<'a>, Value<'a>)] {
        &self.entries
    }
}

impl<'a> FromIterator<(Text<'a>, Value<'a>)> for Object<'a> {
    fn from_iter<I: IntoIterator<Item = (Text<'a>, Value<'a>)>>(entries: I) -> Self {
        let mut object = Object::new();
        for (key, value) in entries {
            object.set(key, value);
        }
        object
    }
}

/// Parses the keys that JavaScript orders as array indexes: canonical decimal
/// numbers below 2³² − 1.
fn array_index(key: &str) -> Option<u32> {
    let bytes = key.as_bytes();
    let first = *bytes.first()?;
    if !first.is_ascii_digit() || bytes.len() > 10 || (first == b'0' && bytes.len() > 1) {
        return None;
    }
    key.parse().ok().filter(|index| *index != u32::MAX)
}
