//! Documents whose secrets are filled in late.
//!
//! A plan travels and is printed, so it holds `$NAME` where a secret belongs. A
//! [`Document`] knows where those references are; only the executor, at the moment
//! of use, renders it with the values.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::json::{self, Text, Value};
use crate::base::record::{owned, record, words};
use crate::base::toml;

words! {
    /// How a document's value becomes text.
    pub enum Format {
        /// The value is a string and is the text.
        Text = "text",
        /// JSON with two spaces of indentation and a final newline.
        Json = "json",
        /// Compact JSON on one line, for environment variables.
        CompactJson = "compact-json",
        /// TOML.
        Toml = "toml",
    }
}

record! {
    /// A text, or a value that is printed as text, with the places of its references.
    pub struct Document<'a> {
        /// How the value becomes text.
        pub format: Format => "format",
        /// The value; at each reference's pointer it holds the template.
        pub value: Value<'a> => "value",
        /// The strings in the value that are filled in at spawn.
        pub references: Option<Vec<Reference<'a>>> => "references",
        /// Texts that the program which reads the document would substitute.
        pub escapes: Option<Vec<Escape<'a>>> => "escapes",
    }
}

record! {
    /// A replacement in the printed text, so that a program which substitutes
    /// variables of its own takes the text literally.
    pub struct Escape<'a> {
        /// The text to replace, everywhere.
        pub from: Text<'a> => "from",
        /// What takes its place.
        pub to: Text<'a> => "to",
    }
}

record! {
    /// A string of a document that names environment variables.
    pub struct Reference<'a> {
        /// Where the string is, as a JSON pointer into the document's value.
        pub pointer: String => "pointer",
        /// The string with its `$NAME` or `${NAME}`.
        pub template: Text<'a> => "template",
        /// The field of the persona that it comes from, for messages.
        pub field: String => "field",
    }
}

/// An environment variable that a reference needs is unset or empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Environment variable {name} is required by persona field `{field}` but is not set in the current shell. Export it and retry."
)]
pub struct MissingReference {
    /// The variable.
    pub name: String,
    /// The field of the persona.
    pub field: String,
}

impl From<MissingReference> for Diagnostic {
    fn from(missing: MissingReference) -> Self {
        Diagnostic::error(Code::PERSONA_REFERENCE_MISSING, alloc::format!("{missing}"))
    }
}

impl<'a> Document<'a> {
    /// Wraps plain text.
    pub fn text(text: impl Into<Text<'a>>) -> Self {
        Self {
            format: Format::Text,
            value: Value::String(text.into()),
            references: None,
            escapes: None,
        }
    }

    /// Walks the references.
    pub fn references(&self) -> &[Reference<'a>] {
        self.references.as_deref().unwrap_or_default()
    }

    /// Returns the text with every reference left as its template: what a plan
    /// shows.
    pub fn template(&self) -> String {
        self.print(&self.value)
    }

    /// Returns a copy that borrows nothing.
    pub fn to_owned_document(&self) -> Document<'static> {
        let reference = |reference: &Reference<'_>| Reference {
            pointer: reference.pointer.clone(),
            template: owned(&reference.template),
            field: reference.field.clone(),
        };
        let escape = |escape: &Escape<'_>| Escape {
            from: owned(&escape.from),
            to: owned(&escape.to),
        };
        Document {
            format: self.format,
            value: self.value.to_owned_value(),
            references: self
                .references
                .as_ref()
                .map(|list| list.iter().map(reference).collect()),
            escapes: self
                .escapes
                .as_ref()
                .map(|list| list.iter().map(escape).collect()),
        }
    }

    /// Returns the text with every reference replaced by what `resolve` answers for
    /// its template and field.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub fn render<E>(
        &self,
        mut resolve: impl FnMut(&str, &str) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut value = self.value.to_owned_value();
        for reference in self.references() {
            let text = resolve(&reference.template, &reference.field)?;
            if let Some(place) = value.pointer_mut(&reference.pointer) {
                *place = Value::from(text);
            }
        }
        Ok(self.print(&value))
    }

    fn print(&self, value: &Value<'_>) -> String {
        let text = self.print_plainly(value);
        let escapes = self.escapes.as_deref().unwrap_or_default();
        escapes
            .iter()
            .fold(text, |text, escape| text.replace(&*escape.from, &escape.to))
    }

    fn print_plainly(&self, value: &Value<'_>) -> String {
        match (self.format, value) {
            (Format::Text, Value::String(text)) => String::from(&**text),
            (Format::Toml, Value::Object(object)) => toml::print(object),
            (Format::Json, _) => json::pretty(value) + "\n",
            (Format::CompactJson | Format::Text | Format::Toml, _) => json::print(value),
        }
    }
}
