//! What a script says about itself: `export const meta = { … }`, its first statement.
//!
//! The literal is read here and never run, so that a script can be listed, checked and
//! shown without an engine, in every host.

mod literal;
mod parameters;
mod scan;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::ops::Range;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Place};
use crate::base::json::{Value, position};
use crate::base::record::record;
pub use parameters::{Parameter, ParameterType, collect, settle};
use scan::Scanner;

record! {
    /// A phase that a script announces.
    pub struct Phase {
        /// Its title.
        pub title: String => "title",
        /// What happens in it.
        pub detail: Option<String> => "detail",
        /// The model of its calls.
        pub model: Option<String> => "model",
    }
}

/// What a script says about itself, and where the rest of it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Script<'t> {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The model of calls that nothing else decides.
    pub model: Option<String>,
    /// Its phases, in order.
    pub phases: Vec<Phase>,
    /// What it wants to be given.
    pub parameters: Vec<Parameter>,
    /// Everything that it says, also what we do not know.
    pub meta: Value<'t>,
    /// The statement in the text, with its semicolon; all the rest is the body.
    pub statement: Range<usize>,
}

/// A problem and the bytes that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    message: String,
    at: Range<usize>,
}

impl Trouble {
    fn new(message: impl Into<String>, at: Range<usize>) -> Self {
        Self {
            message: message.into(),
            at,
        }
    }
}

/// The shape that the first statement must have.
const SHAPE: &str = "`export const meta = { name, description, phases }` must be the FIRST \
                     statement in the script";

/// Reads what a script says about itself.
///
/// # Errors
/// One problem, with its place: the first statement is another one, the value is no literal,
/// or something in it is missing or of the wrong type.
pub fn parse(text: &str) -> Result<Script<'_>, Diagnostic> {
    read(text).map_err(|trouble| {
        let start = position(text, trouble.at.start);
        let place = Place {
            file: None,
            line: start.line as u64,
            column: start.column as u64,
            length: trouble.at.len() as u64,
        };
        Diagnostic::error(Code::WORKFLOW_SCRIPT_INVALID, trouble.message).standing(place)
    })
}

fn read(text: &str) -> Result<Script<'_>, Trouble> {
    let mut scanner = Scanner::new(text);
    scanner.blanks()?;
    let start = scanner.at();
    let first = scanner.word();
    if first != "export" {
        return Err(Trouble::new(SHAPE, start..scanner.at().max(start + 1)));
    }
    scanner.blanks()?;
    let at = scanner.at();
    match scanner.word() {
        "const" => {}
        "let" | "var" | "function" | "class" | "async" => {
            let message = "meta export must be `export const meta = ...`";
            return Err(Trouble::new(message, at..scanner.at()));
        }
        _ => return Err(Trouble::new(SHAPE, start..scanner.at().max(at + 1))),
    }
    scanner.blanks()?;
    let at = scanner.at();
    if scanner.word() != "meta" {
        let end = scanner.at().max(at + 1);
        return Err(declares_other(&mut scanner, at..end));
    }
    scanner.blanks()?;
    if !scanner.take('=') {
        let message = "meta must have a literal value";
        return Err(Trouble::new(message, scanner.here()));
    }
    let meta = literal::value(&mut scanner, "meta")?;
    let end = scanner.end_of_statement()?;
    let script = Script {
        name: String::new(),
        description: String::new(),
        model: None,
        phases: Vec::new(),
        parameters: Vec::new(),
        meta,
        statement: start..end,
    };
    check(script)
}

/// What is wrong with a constant that is not `meta`: that it is not alone comes first.
fn declares_other(scanner: &mut Scanner<'_>, at: Range<usize>) -> Trouble {
    let mut goes_on = || {
        scanner.blanks().ok()?;
        scanner.take('=').then_some(())?;
        literal::value(scanner, "meta").ok()?;
        scanner.blanks().ok()?;
        Some(scanner.peek() == Some(','))
    };
    if goes_on() == Some(true) {
        return Trouble::new("meta export must declare only `meta`", scanner.here());
    }
    Trouble::new("meta export must declare `meta`", at)
}

fn check(mut script: Script<'_>) -> Result<Script<'_>, Trouble> {
    let whole = script.statement.clone();
    let wrong = |message: String| Trouble::new(message, whole.clone());
    let Some(meta) = script.meta.as_object() else {
        return Err(wrong("meta must be an object".into()));
    };
    let filled = |key: &str| {
        let text = meta.get(key).and_then(Value::as_str).map(str::trim);
        let text = text.filter(|text| !text.is_empty()).map(String::from);
        text.ok_or_else(|| wrong(format!("meta.{key} must be a non-empty string")))
    };
    let optional = |value: Option<&Value<'_>>, path: &str| match value {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.to_string())),
        Some(_) => Err(wrong(format!("{path} must be a string"))),
    };
    script.name = filled("name")?;
    script.description = filled("description")?;
    script.model = optional(meta.get("model"), "meta.model")?;
    script.parameters = parameters::parse(meta.get("parameters")).map_err(&wrong)?;
    let phases = match meta.get("phases") {
        None => &[],
        Some(Value::Array(phases)) => &**phases,
        Some(_) => return Err(wrong("meta.phases must be an array".into())),
    };
    for (place, phase) in phases.iter().enumerate() {
        let path = format!("meta.phases[{place}]");
        let Some(fields) = phase.as_object() else {
            return Err(wrong(format!("{path} must be an object")));
        };
        let title = fields.get("title").and_then(Value::as_str);
        let Some(title) = title else {
            return Err(wrong(format!("{path}.title must be a string")));
        };
        script.phases.push(Phase {
            title: title.to_string(),
            detail: optional(fields.get("detail"), &format!("{path}.detail"))?,
            model: optional(fields.get("model"), &format!("{path}.model"))?,
        });
    }
    Ok(script)
}

/// Takes the Markdown fence off a script that is wrapped in one as a whole.
pub fn unfenced(text: &str) -> &str {
    let trimmed = text.trim();
    let Some(inner) = trimmed
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"))
    else {
        return text;
    };
    match inner.split_once('\n') {
        // What stands behind the first fence is the name of a language.
        Some((language, body)) if !language.contains('`') && !body.contains("\n```") => body,
        _ => text,
    }
}
