//! The selection: a resolved persona, the input of the planner.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Deref;

use super::harness::compat::{Permissions, Settings};
use super::options::PlanOptions;
use super::parse::check_selection;
use super::plan::STAGE;
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::{Object, Print, Source, Value, Writer};
use crate::base::path::is_absolute;
use crate::base::record::Scan;

/// A document that a plan repeats: printed from its text when that is known.
#[derive(Debug, Clone)]
pub struct Echo<'a> {
    value: Cow<'a, Value<'a>>,
    printed: Option<&'a str>,
}

impl<'a> Deref for Echo<'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        &self.value
    }
}

impl<'a> From<Value<'a>> for Echo<'a> {
    fn from(value: Value<'a>) -> Self {
        Self {
            value: Cow::Owned(value),
            printed: None,
        }
    }
}

impl Echo<'_> {
    /// Stands for a document that the caller holds and puts in itself.
    pub const fn held() -> Self {
        Self {
            value: Cow::Owned(Value::Null),
            printed: None,
        }
    }
}

impl<'a> Echo<'a> {
    /// Stands for a document whose text the caller puts in where `mark` is printed.
    pub const fn marked(mark: &'a str) -> Self {
        Self {
            value: Cow::Owned(Value::Null),
            printed: Some(mark),
        }
    }

    /// Tells whether the text of the document is known, so that it is not printed again.
    pub const fn has_text(&self) -> bool {
        self.printed.is_some()
    }
}

impl PartialEq for Echo<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Print for Echo<'_> {
    fn print(&self, out: &mut Writer) {
        match self.printed.filter(|_| out.is_compact()) {
            Some(text) => out.raw(text),
            None => self.value.print(out),
        }
    }
}

impl<'a> Scan<'a> for Echo<'a> {
    fn scan(value: &Value<'a>, _at: &Path<'_>) -> Result<Self, Diagnostic> {
        Ok(Self::from(value.clone()))
    }
}

/// A resolved persona, read without copying. Missing members read as empty, as the
/// recorded planner never checks them; the 2026 edition checks before it plans.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'s> {
    value: &'s Value<'s>,
    printed: Option<&'s str>,
}

impl<'s> From<&'s Value<'s>> for Selection<'s> {
    fn from(value: &'s Value<'s>) -> Self {
        Self {
            value,
            printed: None,
        }
    }
}

impl<'s> From<&'s Source<'s>> for Selection<'s> {
    fn from(source: &'s Source<'s>) -> Self {
        Self {
            value: &source.value,
            printed: source.printed,
        }
    }
}

impl<'s> Selection<'s> {
    /// Takes a value together with its text, which must be what printing the value
    /// compactly gives.
    pub const fn printed(value: &'s Value<'s>, printed: Option<&'s str>) -> Self {
        Self { value, printed }
    }

    /// Returns the whole value.
    pub const fn value(&self) -> &'s Value<'s> {
        self.value
    }

    /// Returns the selection as a plan repeats it.
    pub const fn echo(&self) -> Echo<'s> {
        Echo {
            value: Cow::Borrowed(self.value),
            printed: self.printed,
        }
    }

    /// Returns a member.
    pub fn get(&self, key: &str) -> Option<&'s Value<'s>> {
        self.value.get(key)
    }

    /// Returns a text member, or empty text.
    pub fn text(&self, key: &str) -> &'s str {
        self.value.get_str(key).unwrap_or_default()
    }

    /// Returns an object member.
    pub fn object(&self, key: &str) -> Option<&'s Object<'s>> {
        self.get(key).and_then(Value::as_object)
    }

    /// Returns the elements of an array member.
    pub fn list(&self, key: &str) -> &'s [Value<'s>] {
        self.get(key).and_then(Value::as_array).unwrap_or_default()
    }

    /// Returns the permissions.
    pub fn permissions(&self) -> Permissions<'s> {
        Permissions::of(self.get("permissions"))
    }

    /// Returns the harness settings.
    pub fn settings(&self) -> Settings<'s> {
        Settings::of(self.get("harnessSettings"))
    }
}

/// Checks a selection as strictly as a persona file, and what its texts would do where
/// a plan puts them: every problem is reported.
pub fn check(
    selection: Selection<'_>,
    options: &PlanOptions<'_>,
    edition: Edition,
) -> Vec<Diagnostic> {
    let mut problems = check_selection(selection.value(), edition)
        .err()
        .unwrap_or_default();
    let root = Path::root("selection");
    for key in ["personaId", "model"] {
        check_word(&mut problems, &root.field(key), selection.text(key));
    }
    check_patterns(&mut problems, selection, &root);
    check_names(&mut problems, selection, &root);
    if let Some(title) = options.title {
        check_word(&mut problems, &Path::root("options").field("title"), title);
    }
    if options.repo_root.is_some_and(|root| !is_absolute(root)) {
        let at = Path::root("options");
        let (code, problem) = (Code::PERSONA_OPTION_INVALID, "must be an absolute path");
        problems.push(Diagnostic::at(code, &at.field("repoRoot"), problem));
    }
    problems
}

/// Checks a text that becomes an argument of its own.
fn check_word(problems: &mut Vec<Diagnostic>, at: &Path<'_>, word: &str) {
    let problem = if word.starts_with('-') {
        "must not start with `-`: the harness would take it for an option"
    } else if word.contains('\0') {
        "must not contain a NUL character"
    } else if word.contains(STAGE) {
        "must not contain the placeholder of the private directory"
    } else {
        return;
    };
    problems.push(Diagnostic::at(Code::PERSONA_ARGUMENT_UNSAFE, at, problem));
}

fn check_patterns(problems: &mut Vec<Diagnostic>, selection: Selection<'_>, root: &Path<'_>) {
    let permissions = selection.permissions();
    let block = root.field("permissions");
    for (key, list) in [("allow", permissions.allow), ("deny", permissions.deny)] {
        let at = block.field(key);
        for (place, pattern) in list.iter().enumerate() {
            check_word(
                problems,
                &at.index(place),
                pattern.as_str().unwrap_or_default(),
            );
        }
    }
}

/// Checks names and values that reach the environment or a server's command line.
fn check_names(problems: &mut Vec<Diagnostic>, selection: Selection<'_>, root: &Path<'_>) {
    let at = root.field("env");
    for (name, value) in selection.object("env").into_iter().flat_map(Object::iter) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let problem = "is not a name that a variable can have";
            problems.push(Diagnostic::at(
                Code::PERSONA_FIELD_INVALID,
                &at.field(name),
                problem,
            ));
        }
        let text = value.as_str().unwrap_or_default();
        if text.contains('\0') || text.contains(STAGE) {
            let problem = "must not contain NUL or the placeholder of the private directory";
            problems.push(Diagnostic::at(
                Code::PERSONA_ARGUMENT_UNSAFE,
                &at.field(name),
                problem,
            ));
        }
    }
    let at = root.field("mcpServers");
    for (name, server) in selection
        .object("mcpServers")
        .into_iter()
        .flat_map(Object::iter)
    {
        if holds_placeholder(server) {
            let problem = "must not contain the placeholder of the private directory";
            problems.push(Diagnostic::at(
                Code::PERSONA_ARGUMENT_UNSAFE,
                &at.field(name),
                problem,
            ));
        }
    }
}

fn holds_placeholder(value: &Value<'_>) -> bool {
    match value {
        Value::String(text) => text.contains(STAGE),
        Value::Array(items) => items.iter().any(holds_placeholder),
        Value::Object(object) => object.iter().any(|(_, value)| holds_placeholder(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::{print, read_source};

    #[test]
    fn echoes_the_text_only_when_printing_would_give_it() {
        for (text, same) in [
            (r#"{"a":"x\n\u00e9","b":[1,true,null]}"#, false),
            (r#"{"a":"x\né","b":[1,true,null]}"#, true),
            (r#"{"a": 1}"#, false),
            (r#"{"a":1.0}"#, false),
            (r#"{"a":1e3}"#, false),
            (r#"{"a":"\/"}"#, false),
            (r#"{"b":1,"2":1,"1":1}"#, false),
            (" {}", false),
            (r#"{"a":-0}"#, false),
        ] {
            let source = read_source(text).expect("JSON");
            assert_eq!(source.printed.is_some(), same, "{text}");
            let echo = Selection::from(&source).echo();
            assert_eq!(print(&echo), print(&source.value), "{text}");
        }
    }
}
