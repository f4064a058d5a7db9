//! Wire records: one declaration gives the type, its JSON printing and its
//! reading, so that the two cannot drift apart.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::code::Code;
use super::diag::{Diagnostic, Path};
use super::json::{Object, Print, Text, Value, Writer, print, read};

/// A value that can be read from JSON; the counterpart of [`Print`].
pub trait Scan<'a>: Sized {
    /// Reads the value at `at`.
    ///
    /// # Errors
    /// A diagnostic that names the field.
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic>;

    /// The value of a field that is not there.
    ///
    /// # Errors
    /// A diagnostic that names the field, unless the field is optional.
    fn absent(at: &Path<'_>) -> Result<Self, Diagnostic> {
        Err(invalid(at, "is missing"))
    }
}

/// Creates the diagnostic for a field that a record cannot have.
#[cold]
#[inline(never)]
pub fn invalid(at: &Path<'_>, problem: &str) -> Diagnostic {
    Diagnostic::at(Code::RECORD_INVALID, at, problem)
}

/// Reads a value as an object.
///
/// # Errors
/// A diagnostic that names the value.
#[inline(never)]
pub fn members<'v, 'a>(value: &'v Value<'a>, at: &Path<'_>) -> Result<&'v Object<'a>, Diagnostic> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(invalid(at, "must be an object")),
    }
}

#[inline(never)]
fn elements<'v, 'a>(value: &'v Value<'a>, at: &Path<'_>) -> Result<&'v [Value<'a>], Diagnostic> {
    match value {
        Value::Array(items) => Ok(items),
        _ => Err(invalid(at, "must be an array")),
    }
}

/// Creates the diagnostic for a word that is none of those that are known.
#[cold]
#[inline(never)]
pub fn no_word(words: &[&str], at: &Path<'_>) -> Diagnostic {
    let mut problem = String::from("must be one of: ");
    problem.push_str(&words.join(", "));
    invalid(at, &problem)
}

/// Refuses members that a record does not know.
///
/// # Errors
/// A diagnostic that names the first unknown member.
#[inline(never)]
pub fn refuse_unknown(
    object: &Object<'_>,
    known: &[&str],
    at: &Path<'_>,
) -> Result<(), Diagnostic> {
    for (key, _) in object.entries() {
        if !known.iter().any(|known| *known == &**key) {
            return Err(invalid(&at.field(key), "is not a known field"));
        }
    }
    Ok(())
}

/// Declares a record: `pub field: Type => "wireName"` in wire order. `Option`
/// fields are left out when they are `None`; unknown members are refused.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$life:lifetime>)? {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty => $key:literal ),* $(,)?
        }
    ) => {
        #[cfg(not(feature = "typescript"))]
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name $(<$life>)? {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        #[cfg(feature = "typescript")]
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, tsify::Tsify)]
        pub struct $name $(<$life>)? {
            $( $(#[$field_meta])* #[serde(rename = $key)] pub $field: $type, )*
        }

        impl $(<$life>)? $crate::base::json::Print for $name $(<$life>)? {
            fn print(&self, out: &mut $crate::base::json::Writer) {
                out.begin_object();
                $( out.member(concat!("\"", $key, "\":"), &self.$field); )*
                out.end_object();
            }
        }

        $crate::base::record::record!(@scan $name [$($life)?] $( $field: $type => $key ),*);
    };
    (@scan $name:ident [] $( $field:ident : $type:ty => $key:literal ),*) => {
        impl<'scan> $crate::base::record::Scan<'scan> for $name {
            $crate::base::record::record!(@body 'scan, $( $field: $type => $key ),*);
        }
    };
    (@scan $name:ident [$life:lifetime] $( $field:ident : $type:ty => $key:literal ),*) => {
        impl<$life> $crate::base::record::Scan<$life> for $name<$life> {
            $crate::base::record::record!(@body $life, $( $field: $type => $key ),*);
        }
    };
    (@body $life:lifetime, $( $field:ident : $type:ty => $key:literal ),*) => {
        fn scan(
            value: &$crate::base::json::Value<$life>,
            at: &$crate::base::diag::Path<'_>,
        ) -> Result<Self, $crate::base::diag::Diagnostic> {
            let object = $crate::base::record::members(value, at)?;
            $crate::base::record::refuse_unknown(object, &[$($key),*], at)?;
            Ok(Self {
                $( $field: $crate::base::record::member(object, $key, at)?, )*
            })
        }
    };
}
pub(crate) use record;

/// Declares an enumeration whose variants are strings on the wire.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal ),* $(,)? }
    ) => {
        #[cfg(not(feature = "typescript"))]
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $( $(#[$variant_meta])* $variant, )* }

        #[cfg(feature = "typescript")]
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, tsify::Tsify)]
        pub enum $name { $( $(#[$variant_meta])* #[serde(rename = $word)] $variant, )* }

        impl $name {
            /// Every variant in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the wire word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Finds the variant of a wire word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl $crate::base::json::Print for $name {
            fn print(&self, out: &mut $crate::base::json::Writer) {
                out.string(self.as_str());
            }
        }

        impl<'scan> $crate::base::record::Scan<'scan> for $name {
            fn scan(
                value: &$crate::base::json::Value<'scan>,
                at: &$crate::base::diag::Path<'_>,
            ) -> Result<Self, $crate::base::diag::Diagnostic> {
                match value.as_str().and_then(Self::from_word) {
                    Some(word) => Ok(word),
                    None => Err($crate::base::record::no_word(&[$($word),*], at)),
                }
            }
        }
    };
}
pub(crate) use words;

/// Reads one member of a record.
///
/// # Errors
/// A diagnostic that names the member.
#[inline(never)]
pub fn member<'a, T: Scan<'a>>(
    object: &Object<'a>,
    key: &str,
    at: &Path<'_>,
) -> Result<T, Diagnostic> {
    let at = at.field(key);
    match object.get(key) {
        Some(value) => T::scan(value, &at),
        None => T::absent(&at),
    }
}

impl Scan<'_> for bool {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        match value {
            Value::Bool(truth) => Ok(*truth),
            _ => Err(invalid(at, "must be true or false")),
        }
    }
}

impl Scan<'_> for u64 {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let number = value.as_number().filter(|number| {
            // Doubles hold every whole number up to here exactly.
            (0.0..=9_007_199_254_740_991.0).contains(number) && number % 1.0 == 0.0
        });
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and in range, as checked above"
        )]
        number
            .map(|number| number as u64)
            .ok_or_else(|| invalid(at, "must be a whole number"))
    }
}

impl Scan<'_> for String {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        match value {
            Value::String(text) => Ok(String::from(&**text)),
            _ => Err(invalid(at, "must be a string")),
        }
    }
}

impl<'a> Scan<'a> for Text<'a> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        if let Value::String(text) = value {
            return Ok(text.clone());
        }
        Err(invalid(at, "must be a string"))
    }
}

impl<'a> Scan<'a> for Value<'a> {
    fn scan(value: &Value<'a>, _at: &Path<'_>) -> Result<Self, Diagnostic> {
        Ok(value.clone())
    }
}

impl<'a> Scan<'a> for Object<'a> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        members(value, at).cloned()
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for Option<T> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        T::scan(value, at).map(Some)
    }

    fn absent(_at: &Path<'_>) -> Result<Self, Diagnostic> {
        Ok(None)
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for Box<T> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        T::scan(value, at).map(Box::new)
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for Vec<T> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let items = elements(value, at)?;
        let mut read = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            read.push(T::scan(item, &at.index(place))?);
        }
        Ok(read)
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for BTreeMap<String, T> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let object = members(value, at)?;
        let entries = object.iter();
        // One by one: collecting them would sort them first, with code for every type.
        let mut map = BTreeMap::new();
        for (key, item) in entries {
            map.insert(String::from(key), T::scan(item, &at.field(key))?);
        }
        Ok(map)
    }
}

/// An insertion-ordered map of texts, as environments and input values are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextMap<'a>(Object<'a>);

impl<'a> TextMap<'a> {
    /// Creates a map without entries.
    pub const fn new() -> Self {
        Self(Object::new())
    }

    /// Sets a name; the first insertion decides its place.
    pub fn insert(&mut self, name: impl Into<Text<'a>>, text: impl Into<Text<'a>>) {
        self.0.insert(name, Value::String(text.into()));
    }

    /// Returns the text of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Removes a name.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Walks names and texts in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?)))
    }

    /// Tells whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Print for TextMap<'_> {
    fn print(&self, out: &mut Writer) {
        self.0.print(out);
    }
}

impl<'a> Scan<'a> for TextMap<'a> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let object = members(value, at)?;
        let wrong = object.iter().find(|(_, item)| item.as_str().is_none());
        match wrong {
            Some((key, _)) => Err(invalid(&at.field(key), "must be a string")),
            None => Ok(Self(object.clone())),
        }
    }
}

impl<'a, N: Into<Text<'a>>, T: Into<Text<'a>>> FromIterator<(N, T)> for TextMap<'a> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (name, text) in entries {
            map.insert(name, text);
        }
        map
    }
}

/// A JSON value that is carried along as its compact text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// Takes a value.
    pub fn new(value: &(impl Print + ?Sized)) -> Self {
        Self(print(value))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value.
    pub fn value(&self) -> Value<'_> {
        // The text was printed by us, so it reads.
        read(&self.0).unwrap_or_default()
    }
}

impl Default for JsonText {
    fn default() -> Self {
        Self(String::from("null"))
    }
}

impl Print for JsonText {
    fn print(&self, out: &mut Writer) {
        if out.is_compact() {
            out.raw(&self.0);
        } else {
            self.value().print(out);
        }
    }
}

impl Scan<'_> for JsonText {
    fn scan(value: &Value<'_>, _at: &Path<'_>) -> Result<Self, Diagnostic> {
        Ok(Self::new(value))
    }
}

/// Turns text into text that borrows nothing.
pub fn owned(text: &str) -> Text<'static> {
    Cow::Owned(String::from(text))
}
