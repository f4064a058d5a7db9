//! What every field parser is given: the edition's strictness and the place where
//! problems are collected.

use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::{Object, Text, Value};
use crate::base::sort::{arrange, order};
use crate::base::text;

/// The parse ended at its first problem.
#[derive(Debug)]
pub(super) struct Stop;

/// What a field parser returns: nothing for a field that is absent, or that was
/// reported and skipped.
pub(super) type Parsed<'a> = Result<Option<Value<'a>>, Stop>;

/// A parser of one field. Absent fields are its business too.
pub(super) trait Rule<'a>: Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {}

impl<'a, F> Rule<'a> for F where F: Fn(&mut Cx, Option<&Value<'a>>, &Path<'_>) -> Parsed<'a> {}

/// A parser of one entry of a map: its name and its value.
type EntryRule<'r, 'a> = dyn Fn(&mut Cx, (&str, &Value<'a>), &Path<'_>) -> Parsed<'a> + 'r;

/// The context of one parse.
pub(super) struct Cx {
    /// Whether every problem is reported and the holes of persona-kit 4 are closed.
    pub(super) strict: bool,
    problems: Vec<Diagnostic>,
}

impl Cx {
    pub(super) fn new(edition: Edition) -> Self {
        Self {
            strict: edition.switches().strict_parse,
            problems: Vec::new(),
        }
    }

    /// Reports a problem; the strict parse goes on behind it.
    #[cold]
    #[inline(never)]
    pub(super) fn report(&mut self, problem: Diagnostic) -> Result<(), Stop> {
        self.problems.push(problem);
        if self.strict { Ok(()) } else { Err(Stop) }
    }

    /// Reports that the value at `at` is wrong; the field then counts as absent.
    pub(super) fn fail<T>(&mut self, at: &Path<'_>, problem: &str) -> Result<Option<T>, Stop> {
        self.wrong(at, problem).map(|()| None)
    }

    #[cold]
    #[inline(never)]
    fn wrong(&mut self, at: &Path<'_>, problem: &str) -> Result<(), Stop> {
        self.report(Diagnostic::at(Code::PERSONA_FIELD_INVALID, at, problem))
    }

    /// Reads the members of an object. persona-kit 4 takes an array for an object
    /// whose keys are the indexes.
    pub(super) fn members<'v, 'a>(
        &mut self,
        value: Option<&'v Value<'a>>,
        at: &Path<'_>,
        problem: &str,
    ) -> Result<Option<Members<'v, 'a>>, Stop> {
        match value {
            Some(Value::Object(object)) => Ok(Some(Members::Object(object))),
            Some(Value::Array(items)) if !self.strict => Ok(Some(Members::Array(items))),
            _ => self.fail(at, problem),
        }
    }

    /// Parses every element of a list.
    pub(super) fn items<'a>(
        &mut self,
        items: &[Value<'a>],
        at: &Path<'_>,
        rule: &dyn Rule<'a>,
    ) -> Result<Vec<Value<'a>>, Stop> {
        let mut parsed = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            parsed.extend(rule(self, Some(item), &at.index(place))?);
        }
        Ok(parsed)
    }

    /// Parses every value of a map. JavaScript loses a `__proto__` that is
    /// assigned, so it is left out; the strict parse has refused it before.
    pub(super) fn entries<'a>(
        &mut self,
        members: Members<'_, 'a>,
        at: &Path<'_>,
        rule: &EntryRule<'_, 'a>,
    ) -> Result<Object<'a>, Stop> {
        let mut parsed = Object::new();
        for (key, value) in members.entries() {
            let lost = key == "__proto__";
            if lost && self.strict {
                continue;
            }
            let value = rule(self, (&key, value), &at.field(&key))?;
            if let Some(value) = value.filter(|_| !lost) {
                parsed.append(key, value);
            }
        }
        Ok(parsed)
    }

    /// Refuses the key that JavaScript would take for an object's prototype,
    /// wherever the document has it.
    pub(super) fn refuse_prototypes(
        &mut self,
        value: &Value<'_>,
        at: &Path<'_>,
    ) -> Result<(), Stop> {
        match value {
            Value::Object(object) => {
                for (key, member) in object.iter() {
                    let at = at.field(key);
                    if key == "__proto__" {
                        self.fail::<()>(&at, "is a key that JavaScript does not keep")?;
                    }
                    self.refuse_prototypes(member, &at)?;
                }
            }
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    self.refuse_prototypes(item, &at.index(place))?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    /// Ends the parse: the result, or the problems in document order.
    pub(super) fn finish<T>(
        self,
        result: Result<Option<T>, Stop>,
        document: &Value<'_>,
    ) -> Result<T, Vec<Diagnostic>> {
        match result {
            Ok(Some(parsed)) if self.problems.is_empty() => Ok(parsed),
            _ => Err(self.sorted(document)),
        }
    }

    #[cold]
    fn sorted(mut self, document: &Value<'_>) -> Vec<Diagnostic> {
        let mut places = Vec::with_capacity(self.problems.len());
        for problem in &self.problems {
            let pointer = problem.pointer.as_deref();
            places.push(place(document, pointer.unwrap_or_default()));
        }
        let places = order(places.len(), &|one, other| {
            places.get(one).cmp(&places.get(other))
        });
        arrange(&mut self.problems, &places);
        self.problems
    }

    /// Takes the first problem.
    pub(super) fn into_problem(self) -> Option<Diagnostic> {
        self.problems.into_iter().next()
    }
}

/// Adds the word that was probably meant.
pub(super) fn suggest(problem: Diagnostic, written: Option<&str>, words: &[&str]) -> Diagnostic {
    let meant = written.and_then(|word| text::nearest(word, words.iter().copied()));
    match meant {
        Some(meant) => problem.help(alloc::format!("did you mean `{meant}`?")),
        None => problem,
    }
}

/// The members of an object, or of an array that passes for one.
#[derive(Clone, Copy)]
pub(super) enum Members<'v, 'a> {
    Object(&'v Object<'a>),
    Array(&'v [Value<'a>]),
}

impl<'v, 'a> Members<'v, 'a> {
    /// Returns a named member; no field of ours is named like an index.
    pub(super) fn get(self, key: &str) -> Option<&'v Value<'a>> {
        match self {
            Members::Object(object) => object.get(key),
            Members::Array(_) => None,
        }
    }

    pub(super) fn entries(self) -> Vec<(Text<'a>, &'v Value<'a>)> {
        match self {
            Members::Object(object) => {
                let entries = object.entries().iter();
                entries.map(|(key, value)| (key.clone(), value)).collect()
            }
            Members::Array(items) => {
                let items = items.iter().enumerate();
                items
                    .map(|(place, item)| (Cow::Owned(place.to_string()), item))
                    .collect()
            }
        }
    }
}

/// The place of a value in its document: the entry numbers on the way to it. What
/// is missing has the place of the object that misses it.
fn place(document: &Value<'_>, pointer: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = document;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let found = match at {
            Value::Object(object) => {
                let mut entries = object.iter().enumerate();
                let found = entries.find(|(_, (key, _))| *key == token);
                found.map(|(place, (_, value))| (place, value))
            }
            Value::Array(items) => token
                .parse()
                .ok()
                .and_then(|place| Some((place, items.get::<usize>(place)?))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        let Some((place, value)) = found else { break };
        places.push(place);
        at = value;
    }
    places
}
