//! Every persona file of every layer, read and checked.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value, position, read};
use crate::base::sort::sort_by;
use crate::base::text::{is_blank, utf16_cmp};

use super::super::harness;
use super::error::Problem;
use super::facts::{BUILT_IN, Facts, PersonaFile};
use super::{ResolveOptions, field};

/// The files of all layers.
#[derive(Debug)]
pub(super) struct Catalog<'a> {
    pub(super) facts: &'a Facts,
    pub(super) options: ResolveOptions,
    /// In layer order.
    pub(super) entries: Vec<Entry<'a>>,
}

/// One file. A file with problems is kept, so that it can be reported when it is
/// asked for, but nothing is resolved from it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) layer: usize,
    pub(super) source: &'a str,
    pub(super) path: &'a str,
    /// Empty when the file has none.
    pub(super) id: String,
    pub(super) intent: Option<String>,
    /// The persona that the file is laid over; `None` for one that stands alone.
    pub(super) extends: Option<String>,
    pub(super) object: Object<'a>,
    pub(super) problems: Vec<Problem>,
    /// Said when the file is used; they stop nothing.
    pub(super) remarks: Vec<Problem>,
}

impl<'a> Catalog<'a> {
    /// Reads and checks every file.
    pub(super) fn new(facts: &'a Facts, options: &ResolveOptions) -> Self {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for (place, layer) in facts.layers.iter().enumerate() {
            for file in &layer.files {
                let mut entry = Entry::new(place, &layer.source, file, options);
                entry.refuse_duplicate(&entries);
                entries.push(entry);
            }
        }
        Self {
            facts,
            options: *options,
            entries,
        }
    }

    /// Returns the problems of all files.
    pub(super) fn warnings(&self) -> Vec<Problem> {
        let problems = self.entries.iter().flat_map(|entry| &entry.problems);
        problems.cloned().map(Problem::softened).collect()
    }

    /// Returns the ids of all sound files, sorted, each once.
    pub(super) fn known_ids(&self) -> Vec<&str> {
        let sound = self.entries.iter().filter(|entry| entry.is_sound());
        let mut ids: Vec<&str> = sound.map(|entry| &*entry.id).collect();
        sort_by(&mut ids, &|left, right| utf16_cmp(left, right));
        ids.dedup();
        ids
    }

    /// Walks the sound files of a layer.
    pub(super) fn sound(&self, layer: usize) -> impl Iterator<Item = &Entry<'a>> {
        self.entries
            .iter()
            .filter(move |entry| entry.layer == layer && entry.is_sound())
    }

    /// Walks the files of a layer that have an id, sound ones first; broken ones only
    /// when a search must stop at them.
    pub(super) fn named<'s>(
        &'s self,
        layer: usize,
        id: &'s str,
    ) -> impl Iterator<Item = &'s Entry<'a>> {
        let broken = self.entries.iter().filter(move |entry| {
            self.options.complete() && entry.layer == layer && !entry.is_sound()
        });
        self.sound(layer)
            .chain(broken)
            .filter(move |entry| entry.id == id)
    }

    /// Finds the file of a layer that answers to a reference: by id, in the
    /// built-in layer by intent too; a broken one only when the search must stop
    /// at it.
    pub(super) fn in_layer<'s>(&'s self, layer: usize, id: &'s str) -> Option<&'s Entry<'a>> {
        let by_intent = || {
            let mut entries = self.sound(layer).filter(|entry| entry.source == BUILT_IN);
            entries.find(|entry| entry.intent.as_deref() == Some(id))
        };
        self.named(layer, id).next().or_else(by_intent)
    }
}

impl<'a> Entry<'a> {
    fn new(layer: usize, source: &'a str, file: &'a PersonaFile, options: &ResolveOptions) -> Self {
        let mut entry = Self {
            layer,
            source,
            path: &file.path,
            id: String::new(),
            intent: None,
            extends: None,
            object: Object::new(),
            problems: Vec::new(),
            remarks: Vec::new(),
        };
        match read_object(file) {
            Ok(object) => {
                entry.object = object;
                let found = entry.read_head();
                if found.is_empty() {
                    entry.judge(options);
                } else {
                    entry.report(found);
                }
            }
            Err(diagnostic) => entry.report(vec![diagnostic]),
        }
        entry
    }

    pub(super) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Names a problem of this file.
    pub(super) fn problem(&self, diagnostic: Diagnostic) -> Problem {
        Problem::new(self.source, self.path, diagnostic)
    }

    fn report(&mut self, found: Vec<Diagnostic>) {
        let problems = found.into_iter().map(|diagnostic| self.problem(diagnostic));
        self.problems = problems.collect();
    }

    /// Reads what decides how the file takes part in a resolution.
    fn read_head(&mut self) -> Vec<Diagnostic> {
        let root = Path::root("persona");
        let wrong =
            |name, rest| Diagnostic::at(Code::PERSONA_FIELD_INVALID, &root.field(name), rest);
        let mut found = Vec::new();
        match text_of(&self.object, "id") {
            Some(Ok(id)) => self.id = id,
            _ => found.push(wrong("id", "must be a non-empty string")),
        }
        for removed in ["tiers", "defaultTier"] {
            if self.object.contains(removed) {
                let rest = "is no longer allowed: tiers were removed";
                let help =
                    "put `harness`, `model`, `systemPrompt` and `harnessSettings` at the top level";
                found.push(wrong(removed, rest).help(help));
            }
        }
        for (name, place) in [("intent", &mut self.intent), ("extends", &mut self.extends)] {
            match text_of(&self.object, name) {
                Some(Ok(text)) => *place = Some(text),
                Some(Err(())) => found.push(wrong(name, "must be a non-empty string")),
                None => {}
            }
        }
        if self.intent.is_some() && self.extends.is_some() {
            found.push(
                wrong("extends", "cannot be set together with `intent`").help(
                    "a file with `intent` stands alone; remove it to lay the file over another",
                ),
            );
        }
        if self.intent.is_none() && self.extends.is_none() {
            self.extends = Some(self.id.clone());
        }
        found
    }

    /// Checks the whole document. An intent of the author's own is no error: nothing
    /// but routing, which knows only the listed ones, depends on it.
    fn judge(&mut self, options: &ResolveOptions) {
        if options.complete() && self.extends.is_some() {
            // Judged when it is merged: a part of it may refer to what is inherited.
            return;
        }
        let found = self.check(options).into_iter();
        let (remarks, found) =
            found.partition(|problem| problem.pointer.as_deref() == Some("/intent"));
        self.report(found);
        let remarks: Vec<Diagnostic> = remarks;
        let remarks = remarks
            .into_iter()
            .map(|remark| self.problem(remark).softened());
        self.remarks = remarks.collect();
    }

    /// Runs the check. The recorded loader judges an overlay by itself: what it may
    /// leave out is filled in, so that only what it does say is judged.
    fn check(&self, options: &ResolveOptions) -> Vec<Diagnostic> {
        let mut filled = self.object.clone();
        if !options.complete() {
            filled = filled
                .entries()
                .iter()
                .filter(|(name, _)| field::find(name).is_some_and(|field| field.recorded))
                .cloned()
                .collect();
            // The recorded loader never looks at the intent's value.
            filled.insert("intent", "review");
        }
        if let Some(prompt) = fallback_prompt(&filled) {
            filled.insert("systemPrompt", prompt);
        }
        if self.extends.is_some() {
            fill_overlay(&mut filled);
        }
        if !options.complete() {
            fill(&mut filled, &runtime());
        }
        (options.validate)(&Value::Object(filled), options.edition)
            .err()
            .unwrap_or_default()
    }

    /// A sound file whose id an earlier file of the layer has is a problem.
    fn refuse_duplicate(&mut self, earlier: &[Entry<'_>]) {
        let mut same = earlier
            .iter()
            .filter(|other| other.layer == self.layer && other.is_sound() && other.id == self.id);
        if let (true, Some(first)) = (self.is_sound(), same.next()) {
            let message = format!(
                "duplicate persona id \"{}\", keeping {}",
                self.id, first.path
            );
            let at = Path::root("persona");
            let diagnostic = Diagnostic::error(Code::PERSONA_RESOLUTION_FAILED, message);
            self.report(vec![diagnostic.pointing(&at.field("id"))]);
        }
    }
}

/// What a persona needs to run; kit-4 asks for it only when one is started.
fn runtime() -> [(&'static str, &'static str); 3] {
    [
        ("harness", harness::any()),
        ("model", "m"),
        ("systemPrompt", "s"),
    ]
}

fn fill(filled: &mut Object<'_>, defaults: &[(&'static str, &'static str)]) {
    for (name, text) in defaults {
        if !filled.contains(name) {
            filled.append(*name, *text);
        }
    }
}

fn fill_overlay(filled: &mut Object<'_>) {
    fill(filled, &[("description", "d")]);
    let settings = filled.get("harnessSettings").cloned();
    match settings.unwrap_or_else(|| Object::new().into()) {
        Value::Object(mut settings) => {
            fill_settings(&mut settings);
            filled.insert("harnessSettings", settings);
        }
        // Of a wrong type: left for the check to name.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
}

fn fill_settings(settings: &mut Object<'_>) {
    fill(settings, &[("reasoning", "low")]);
    if !settings.contains("timeoutSeconds") {
        settings.append("timeoutSeconds", Value::Number(1.0));
    }
}

/// The prompt of a persona that has none of its own: its sidecar's text.
pub(super) fn fallback_prompt<'a>(object: &Object<'a>) -> Option<Value<'a>> {
    if object.contains("systemPrompt") {
        return None;
    }
    let texts = ["claudeMdContent", "agentsMdContent"].into_iter();
    texts
        .filter_map(|name| object.get(name))
        .find(|text| text.is_truthy())
        .cloned()
}

/// Reads a file's text as an object.
pub(super) fn read_object(file: &PersonaFile) -> Result<Object<'_>, Diagnostic> {
    let text = file
        .text
        .as_ref()
        .map_err(|why| Diagnostic::error(why.code(), why.to_string()))?;
    let value = read(text).map_err(|error| {
        let at = position(text, error.offset);
        let message = format!("{error} (line {}, column {})", at.line, at.column);
        Diagnostic::error(Code::DOCUMENT_MALFORMED, message)
    })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(Diagnostic::at(
            Code::PERSONA_FIELD_INVALID,
            &Path::root("persona"),
            "must be an object",
        )),
    }
}

/// A string member that is not blank; `Err` for any other value.
fn text_of(object: &Object<'_>, name: &str) -> Option<Result<String, ()>> {
    let text = object.get(name)?.as_str().filter(|text| !is_blank(text));
    Some(text.map(ToOwned::to_owned).ok_or(()))
}
