//! What a script wants to be given: `meta.parameters`, a name and a few words for each. What a
//! run is given is checked against it before anything is paid for.

use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Print, Value, Writer, read};
use crate::base::record::words;
use crate::base::text::nearest;

words! {
    /// Of what type a parameter is.
    pub enum ParameterType {
        /// A text.
        Text = "string",
        /// A number.
        Number = "number",
        /// A whole number.
        Whole = "integer",
        /// `true` or `false`.
        Truth = "boolean",
        /// A list.
        List = "array",
        /// An object.
        Record = "object",
    }
}

/// Something that a script wants to be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type; any, when the script does not say.
    pub of: Option<ParameterType>,
    /// What it is for.
    pub description: Option<String>,
    /// What counts when it is not given.
    pub default: Option<Value<'static>>,
    /// Whether it must be given.
    pub required: bool,
    /// The values that it may have; any, when there are none.
    pub choices: Vec<Value<'static>>,
}

impl Print for Parameter {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("name", &self.name);
        out.field("type", &self.of);
        out.field("description", &self.description);
        out.field("default", &self.default);
        out.field("required", &self.required);
        if !self.choices.is_empty() {
            out.field("enum", &*self.choices);
        }
        out.end_object();
    }
}

/// Reads what a script says that it wants; the problem is in words, with its place in `meta`.
pub(super) fn parse(value: Option<&Value<'_>>) -> Result<Vec<Parameter>, String> {
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let all = value
        .as_object()
        .ok_or("meta.parameters must be an object: { name: { type, description } }")?;
    all.iter().map(|(name, value)| one(name, value)).collect()
}

fn one(name: &str, value: &Value<'_>) -> Result<Parameter, String> {
    let path = format!("meta.parameters.{name}");
    let fields = value
        .as_object()
        .ok_or_else(|| format!("{path} must be an object: {{ type, description }}"))?;
    let text = |key: &str| match fields.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.to_string())),
        Some(_) => Err(format!("{path}.{key} must be a string")),
    };
    let of = match text("type")? {
        None => None,
        Some(word) => Some(ParameterType::from_word(&word).ok_or_else(|| {
            let known: Vec<&str> = ParameterType::ALL
                .iter()
                .map(|known| known.as_str())
                .collect();
            format!("{path}.type must be one of: {}", known.join(", "))
        })?),
    };
    let required = match fields.get("required") {
        None => false,
        Some(Value::Bool(required)) => *required,
        Some(_) => return Err(format!("{path}.required must be true or false")),
    };
    let choices = match fields.get("enum") {
        None => Vec::new(),
        Some(Value::Array(choices)) => choices.iter().map(Value::to_owned_value).collect(),
        Some(_) => return Err(format!("{path}.enum must be an array")),
    };
    let parameter = Parameter {
        name: name.to_owned(),
        of,
        description: text("description")?,
        default: fields.get("default").map(Value::to_owned_value),
        required,
        choices,
    };
    if let Some(default) = &parameter.default
        && let Err(why) = parameter.check(default)
    {
        return Err(format!("{path}.default {why}"));
    }
    Ok(parameter)
}

impl Parameter {
    /// Checks a value; why it does not fit.
    fn check(&self, value: &Value<'_>) -> Result<(), String> {
        let fits = match (self.of, value) {
            (None, _)
            | (Some(ParameterType::Text), Value::String(_))
            | (Some(ParameterType::Number), Value::Number(_))
            | (Some(ParameterType::Truth), Value::Bool(_))
            | (Some(ParameterType::List), Value::Array(_))
            | (Some(ParameterType::Record), Value::Object(_)) => true,
            (Some(ParameterType::Whole), Value::Number(number)) => is_whole(*number),
            _ => false,
        };
        if let Some(of) = self.of.filter(|_| !fits) {
            return Err(format!("must be {}", called(of)));
        }
        if self.choices.is_empty() || self.choices.iter().any(|choice| choice == value) {
            return Ok(());
        }
        let known: Vec<String> = self.choices.iter().map(crate::base::json::print).collect();
        Err(format!("must be one of: {}", known.join(", ")))
    }

    /// Reads a value that was given as a text.
    fn of_text(&self, text: &str) -> Result<Value<'static>, String> {
        let json = || read(text).map(|value| value.to_owned_value()).ok();
        match self.of {
            None | Some(ParameterType::Text) => Ok(Value::from(text.to_owned())),
            Some(ParameterType::List) if !text.trim_start().starts_with('[') => {
                Ok(Value::Array(Vec::from([Value::from(text.to_owned())])))
            }
            Some(of) => json().ok_or_else(|| format!("must be {}, not `{text}`", called(of))),
        }
    }
}

fn is_whole(number: f64) -> bool {
    // Beyond that every double is whole.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "in range, as checked")]
    #[expect(clippy::cast_precision_loss, reason = "in range, as checked")]
    #[expect(clippy::float_cmp, reason = "the very same number")]
    let same = number.abs() <= EXACT && (number as i64) as f64 == number;
    same
}

const fn called(of: ParameterType) -> &'static str {
    match of {
        ParameterType::Text => "a string",
        ParameterType::Number => "a number",
        ParameterType::Whole => "a whole number",
        ParameterType::Truth => "true or false",
        ParameterType::List => "an array",
        ParameterType::Record => "an object",
    }
}

/// Puts together what a run is given: a value, and single arguments as texts, which go over
/// it. One of a list may be named several times.
///
/// # Errors
/// Every problem, with the name of the argument.
pub fn collect(
    parameters: &[Parameter],
    given: &Value<'_>,
    named: &[(String, String)],
) -> Result<Value<'static>, Vec<Diagnostic>> {
    if named.is_empty() {
        return Ok(given.to_owned_value());
    }
    let mut all = match given {
        Value::Null => Object::new(),
        Value::Object(_) => match given.to_owned_value() {
            Value::Object(all) => all,
            _ => Object::new(),
        },
        _ => {
            let message = "single arguments can only be added to an object";
            return Err(Vec::from([wrong(message)]));
        }
    };
    let mut lists: Vec<&str> = Vec::new();
    let mut problems = Vec::new();
    for (name, text) in named {
        let known = parameters.iter().find(|parameter| parameter.name == *name);
        let value = match known {
            None => Ok(Value::from(text.clone())),
            Some(known) => known.of_text(text),
        };
        match value {
            Err(why) => problems.push(about(name, &why)),
            Ok(Value::Array(more)) if lists.contains(&&**name) => {
                if let Some(Value::Array(list)) = all.get(name).cloned() {
                    let list: Vec<Value<'static>> = list.into_iter().chain(more).collect();
                    all.insert(name.clone(), Value::Array(list));
                }
            }
            Ok(value) => {
                if matches!(value, Value::Array(_)) {
                    lists.push(name);
                }
                all.insert(name.clone(), value);
            }
        }
    }
    if problems.is_empty() {
        return Ok(Value::Object(all));
    }
    Err(problems)
}

/// Checks what a run is given, and adds what is not given but has a default. A script that
/// says nothing about it takes anything.
///
/// # Errors
/// Every problem, with the name of the argument.
pub fn settle(
    parameters: &[Parameter],
    given: &Value<'_>,
) -> Result<Value<'static>, Vec<Diagnostic>> {
    if parameters.is_empty() {
        return Ok(given.to_owned_value());
    }
    let none = Object::new();
    let members = match given {
        Value::Null => &none,
        Value::Object(members) => members,
        _ => {
            let names: Vec<&str> = names(parameters).collect();
            let problem = wrong("the arguments must be an object");
            let help = format!("with the members: {}", names.join(", "));
            return Err(Vec::from([problem.help(help)]));
        }
    };
    let mut problems = Vec::new();
    for (name, _) in members.iter() {
        if names(parameters).any(|known| known == name) {
            continue;
        }
        let problem = about(name, "is not a parameter of the workflow");
        let known: Vec<&str> = names(parameters).collect();
        let help = nearest(name, known.iter().copied()).map_or_else(
            || format!("it takes: {}", known.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        problems.push(problem.help(help));
    }
    let mut all = Object::new();
    for parameter in parameters {
        let name = &*parameter.name;
        match (members.get(name), &parameter.default) {
            (Some(value), _) => {
                if let Err(why) = parameter.check(value) {
                    problems.push(about(name, &why));
                }
                all.insert(name.to_owned(), value.to_owned_value());
            }
            (None, Some(default)) => all.insert(name.to_owned(), default.clone()),
            (None, None) if parameter.required => {
                let said = parameter.description.clone();
                let problem = about(name, "is required");
                problems.push(match said {
                    Some(said) => problem.help(said),
                    None => problem,
                });
            }
            (None, None) => {}
        }
    }
    if problems.is_empty() {
        return Ok(Value::Object(all));
    }
    Err(problems)
}

fn names(parameters: &[Parameter]) -> impl Iterator<Item = &str> {
    parameters.iter().map(|parameter| &*parameter.name)
}

fn wrong(message: &str) -> Diagnostic {
    Diagnostic::error(Code::WORKFLOW_ARGUMENT_INVALID, message)
}

fn about(name: &str, why: &str) -> Diagnostic {
    Diagnostic::at(
        Code::WORKFLOW_ARGUMENT_INVALID,
        &Path::root("args").field(name),
        why,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::print;
    use crate::workflow::meta::parse as parse_script;

    fn parameters(literal: &str) -> Result<Vec<Parameter>, String> {
        let text = format!(
            "export const meta = {{ name: 'n', description: 'd', parameters: {literal} }}\n"
        );
        let script = parse_script(&text).map_err(|problem| problem.message.clone())?;
        Ok(script.parameters)
    }

    fn settled(literal: &str, given: &str, named: &[(&str, &str)]) -> Result<String, String> {
        let parameters = parameters(literal)?;
        let named: Vec<(String, String)> = named
            .iter()
            .map(|(name, text)| ((*name).into(), (*text).into()))
            .collect();
        let given = read(given).expect("JSON");
        collect(&parameters, &given, &named)
            .and_then(|given| settle(&parameters, &given))
            .map(|value| print(&value))
            .map_err(|problems| {
                let texts: Vec<String> = problems
                    .iter()
                    .map(|problem| {
                        let help = problem.help.as_deref().unwrap_or("-");
                        format!("{} ({help})", problem.message)
                    })
                    .collect();
                texts.join("; ")
            })
    }

    const SEARCH: &str = "{ question: { type: 'string', description: 'What to find out', required: true }, \
         depth: { type: 'integer', default: 2 }, sources: { type: 'array' }, \
         style: { enum: ['short', 'long'] } }";

    #[test]
    fn what_is_given_is_completed() {
        assert_eq!(
            settled(SEARCH, r#"{"question":"why"}"#, &[]).as_deref(),
            Ok(r#"{"question":"why","depth":2}"#)
        );
        let named = [
            ("question", "1"),
            ("depth", "3"),
            ("sources", "a"),
            ("sources", "b"),
        ];
        assert_eq!(
            settled(SEARCH, "null", &named).as_deref(),
            Ok(r#"{"question":"1","depth":3,"sources":["a","b"]}"#)
        );
        let named = [("sources", r#"["x","y"]"#), ("question", "q")];
        assert_eq!(
            settled(SEARCH, r#"{"sources":["gone"]}"#, &named).as_deref(),
            Ok(r#"{"question":"q","depth":2,"sources":["x","y"]}"#)
        );
        // A script that says nothing takes anything.
        assert_eq!(settled("{}", "[1]", &[]).as_deref(), Ok("[1]"));
        assert_eq!(
            settled("{}", "null", &[("a", "1")]).as_deref(),
            Ok(r#"{"a":"1"}"#)
        );
    }

    #[test]
    fn problems_name_the_argument() {
        for (given, named, problem) in [
            (
                "null",
                &[][..],
                "args.question is required (What to find out)",
            ),
            (
                r#"{"quesion":"x","question":"y"}"#,
                &[],
                "args.quesion is not a parameter of the workflow (did you mean `question`?)",
            ),
            (
                r#"{"question":"y"}"#,
                &[("depth", "2.5")],
                "args.depth must be a whole number (-)",
            ),
            (
                r#"{"question":"y"}"#,
                &[("depth", "deep")],
                "args.depth must be a whole number, not `deep` (-)",
            ),
            (
                r#"{"question":1,"style":"wide"}"#,
                &[],
                r#"args.question must be a string (-); args.style must be one of: "short", "long" (-)"#,
            ),
            (
                "3",
                &[],
                "the arguments must be an object (with the members: question, depth, sources, style)",
            ),
            (
                "3",
                &[("a", "b")],
                "single arguments can only be added to an object (-)",
            ),
        ] {
            assert_eq!(settled(SEARCH, given, named), Err(problem.into()));
        }
    }

    #[test]
    fn a_script_cannot_want_what_makes_no_sense() {
        for (literal, problem) in [
            (
                "[]",
                "meta.parameters must be an object: { name: { type, description } }",
            ),
            (
                "{ a: 'string' }",
                "meta.parameters.a must be an object: { type, description }",
            ),
            (
                "{ a: { type: 'text' } }",
                "meta.parameters.a.type must be one of: string, number, integer, boolean, array, object",
            ),
            (
                "{ a: { type: 'integer', default: 'x' } }",
                "meta.parameters.a.default must be a whole number",
            ),
            (
                "{ a: { required: 1 } }",
                "meta.parameters.a.required must be true or false",
            ),
        ] {
            assert_eq!(parameters(literal), Err(problem.into()), "{literal}");
        }
    }
}
