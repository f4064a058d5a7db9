//! Paths inside persona files: against which directory they stand.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Value};
use crate::base::path::{is_absolute, parent, resolve};

use super::catalog::{Catalog, Entry, read_object};
use super::error::Problem;
use super::facts::{Facts, Layer};

const SIDECARS: [&str; 2] = ["claudeMd", "agentsMd"];

/// Lists the paths that the files of `layers` may lead to. The host reports those
/// that exist as [`Facts::existing`].
pub fn probe_paths(layers: &[Layer], cwd: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for file in layers.iter().flat_map(|layer| &layer.files) {
        let Ok(object) = read_object(file) else {
            continue;
        };
        let directory = parent(&file.path);
        for sidecar in SIDECARS
            .iter()
            .filter_map(|name| object.get(name)?.as_str())
        {
            paths.insert(resolve(directory, sidecar));
        }
        let skills = object.get("skills").and_then(Value::as_array);
        for skill in skills.unwrap_or_default() {
            if let Some(source) = skill
                .get_str("source")
                .filter(|source| is_relative_file(source))
            {
                paths.extend(candidates(directory, source, cwd));
            }
        }
    }
    paths
}

/// Makes the sidecars and local skills of one file absolute; those that do not
/// exist are left out with a warning.
pub(super) fn resolve_paths<'a>(
    spec: &mut Object<'a>,
    entry: &Entry<'a>,
    catalog: &Catalog<'a>,
    warnings: &mut Vec<Problem>,
) {
    let facts = catalog.facts;
    let root = Path::root("persona");
    let directory = parent(entry.path);
    for name in SIDECARS {
        let Some(path) = spec.get(name).and_then(Value::as_str) else {
            continue;
        };
        let absolute = resolve(directory, path);
        if facts.existing.contains(&absolute) {
            spec.insert(name, absolute);
        } else {
            let message = format!("{name} file not found: {absolute}, the field is left out");
            warnings.push(missing(entry, message, &root.field(name)));
            spec.remove(name);
        }
    }
    if let Some(Value::Array(skills)) = spec.get("skills").cloned() {
        let at = root.field("skills");
        let skills = skills.into_iter().enumerate().filter_map(|(place, skill)| {
            let skill = resolve_skill(skill, directory, facts);
            skill
                .map_err(|message| warnings.push(missing(entry, message, &at.index(place))))
                .ok()
        });
        let skills: Vec<Value<'a>> = skills.collect();
        spec.insert("skills", skills);
    }
}

fn resolve_skill<'a>(
    mut skill: Value<'a>,
    directory: &str,
    facts: &Facts,
) -> Result<Value<'a>, String> {
    let source = skill.get_str("source").map(ToOwned::to_owned);
    let Some(source) = source.filter(|source| is_relative_file(source)) else {
        return Ok(skill);
    };
    let mut found = candidates(directory, &source, &facts.cwd).into_iter();
    let found = found.find(|path| facts.existing.contains(path));
    let Some(path) = found else {
        return Err(format!(
            "skill file not found: {source}, the skill is left out"
        ));
    };
    if let Value::Object(skill) = &mut skill {
        skill.insert("source", path);
    }
    Ok(skill)
}

fn missing(entry: &Entry<'_>, message: String, at: &Path<'_>) -> Problem {
    let diagnostic = Diagnostic::warning(Code::PERSONA_RESOLUTION_FAILED, message);
    entry.problem(diagnostic.pointing(at))
}

/// Tells whether a skill source is a Markdown file below some directory rather
/// than a URL, a package or an absolute path.
fn is_relative_file(source: &str) -> bool {
    let tail = source.len().checked_sub(3).and_then(|at| source.get(at..));
    let scheme = source.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .chars()
                .all(|one| one.is_ascii_alphanumeric() || "+.-".contains(one))
    });
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(".md")) && !scheme && !is_absolute(source)
}

/// Where a relative skill file may lie: beside the persona file, above it, or in
/// the working directory.
fn candidates(directory: &str, source: &str, cwd: &str) -> [String; 3] {
    [directory, parent(directory), cwd].map(|directory| resolve(directory, source))
}
