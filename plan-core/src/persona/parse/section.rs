//! Objects with known fields: each field is parsed once, unknown fields are kept.

use crate::base::diag::Path;
use crate::base::json::{Object, Value};

use super::cx::{Cx, Members, Rule, Stop};

/// What a kind of object looks like.
pub(super) struct Shape {
    /// What is said about a value that is no object.
    pub(super) problem: &'static str,
    /// The fields that are known, in the order in which they are printed.
    pub(super) fields: &'static [&'static str],
}

/// An object that is being parsed.
pub(super) struct Section<'s, 'a> {
    cx: &'s mut Cx,
    at: &'s Path<'s>,
    members: Members<'s, 'a>,
    fields: &'static [&'static str],
    parsed: Object<'a>,
}

impl<'s, 'a> Section<'s, 'a> {
    /// Opens an object; a value that is none, or no value, is a problem.
    pub(super) fn open(
        cx: &'s mut Cx,
        value: Option<&'s Value<'a>>,
        at: &'s Path<'s>,
        shape: &Shape,
    ) -> Result<Option<Self>, Stop> {
        let members = cx.members(value, at, shape.problem)?;
        Ok(members.map(|members| Self {
            cx,
            at,
            members,
            fields: shape.fields,
            parsed: Object::new(),
        }))
    }

    /// Returns a member as it was written.
    pub(super) fn get(&self, key: &str) -> Option<&'s Value<'a>> {
        self.members.get(key)
    }

    /// Tells whether the object is one, and not an array that passes for one.
    pub(super) fn is_object(&self) -> bool {
        matches!(self.members, Members::Object(_))
    }

    /// Tells whether a field was parsed and is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.parsed.contains(key)
    }

    /// Changes which fields are known, where that depends on the object.
    pub(super) fn expect(&mut self, fields: &'static [&'static str]) {
        self.fields = fields;
    }

    /// Parses a field and keeps the result.
    pub(super) fn field(&mut self, key: &'static str, rule: impl Rule<'a>) -> Result<(), Stop> {
        self.apply(key, &rule)
    }

    // One for all rules, which are many.
    #[inline(never)]
    fn apply(&mut self, key: &'static str, rule: &dyn Rule<'a>) -> Result<(), Stop> {
        let parsed = rule(self.cx, self.members.get(key), &self.at.field(key))?;
        if let Some(value) = parsed {
            self.parsed.append(key, value);
        }
        Ok(())
    }

    /// Keeps a field that was not written.
    pub(super) fn put(&mut self, key: &'static str, value: impl Into<Value<'a>>) {
        self.parsed.append(key, value);
    }

    /// Reports that a field is wrong.
    pub(super) fn fail(&mut self, key: &str, problem: &str) -> Result<(), Stop> {
        let at = self.at.field(key);
        self.cx.fail::<()>(&at, problem).map(|_| ())
    }

    /// Reports that the object is wrong as a whole.
    pub(super) fn fail_here(&mut self, problem: &str) -> Result<(), Stop> {
        self.cx.fail::<()>(self.at, problem).map(|_| ())
    }

    /// Returns how messages call the object.
    pub(super) fn at(&self) -> &'s Path<'s> {
        self.at
    }

    /// Ends the object: unknown fields as they came, then the known ones in the
    /// order of the shape.
    pub(super) fn finish(mut self) -> Object<'a> {
        let mut out = Object::new();
        for (key, value) in self.members.entries() {
            if !self.fields.contains(&&*key) {
                out.append(key, value.clone());
            }
        }
        for field in self.fields {
            if let Some(value) = self.parsed.remove(field) {
                out.append(*field, value);
            }
        }
        out
    }

    /// Ends the object as a field of another.
    pub(super) fn done(self) -> Value<'a> {
        Value::Object(self.finish())
    }

    /// Ends an object that says nothing when it is empty.
    pub(super) fn done_unless_empty(self) -> Option<Value<'a>> {
        let object = self.finish();
        (!object.is_empty()).then_some(Value::Object(object))
    }
}
