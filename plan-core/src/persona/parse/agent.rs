//! Agent files: what starts an agent. Triggers are here; schedules and watch
//! rules have files of their own.

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::base::text::is_blank;
use crate::persona::vocabulary::AGENT_LAUNCHERS;

use super::cx::{Cx, Parsed};
use super::leaf::{OPTIONAL_TEXT, TEXT, is_text, optional, path_list, required, word};
use super::section::{Section, Shape};
use super::{schedules, watch};

pub(super) const AGENT: Shape = Shape {
    problem: "must be an object",
    fields: &["launchedBy", "triggers", "schedules", "watch"],
};

pub(super) const TRIGGER: Shape = Shape {
    problem: "must be an object",
    fields: &["on", "match", "where", "paths", "maxConcurrency"],
};

/// A whole agent file.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut agent) = Section::open(cx, value, at, &AGENT)? else {
        return Ok(None);
    };
    agent.field("launchedBy", word(AGENT_LAUNCHERS))?;
    agent.field("triggers", triggers)?;
    agent.field("schedules", schedules::parse)?;
    agent.field("watch", watch::parse)?;
    Ok(Some(agent.done()))
}

fn triggers<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    const PROBLEM: &str = "must be an object keyed by provider slug \
                           (e.g. { github: [{ on: 'pull_request.opened' }] })";
    let Some(value) = value else { return Ok(None) };
    if value.as_object().is_none() {
        return cx.fail(at, PROBLEM);
    }
    let Some(members) = cx.members(Some(value), at, PROBLEM)? else {
        return Ok(None);
    };
    let triggers = cx.entries(members, at, &|cx, (provider, value), entry| {
        if is_blank(provider) {
            return cx.fail(at, "keys must be non-empty provider slugs");
        }
        let items = value.as_array().unwrap_or_default();
        if items.is_empty() {
            return cx.fail(entry, "must be a non-empty array of triggers");
        }
        Ok(Some(Value::Array(cx.items(items, entry, &trigger)?)))
    })?;
    Ok((!triggers.is_empty()).then_some(Value::Object(triggers)))
}

/// One trigger; it must be there.
pub(super) fn trigger<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(mut trigger) = Section::open(cx, value, at, &TRIGGER)? else {
        return Ok(None);
    };
    trigger.field("on", required(is_text, TEXT))?;
    trigger.field("match", optional(is_text, OPTIONAL_TEXT))?;
    trigger.field("where", optional(is_text, OPTIONAL_TEXT))?;
    if trigger.get("paths").is_some() {
        trigger.field("paths", path_list)?;
    }
    trigger.field("maxConcurrency", max_concurrency)?;
    Ok(Some(trigger.done()))
}

fn max_concurrency<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let is_count = |number: f64| number.is_finite() && number >= 1.0 && number % 1.0 == 0.0;
    match value {
        Some(count) if count.as_number().is_some_and(is_count) => Ok(Some(count.clone())),
        Some(_) if cx.strict => cx.fail(at, "must be an integer ≥ 1 if provided"),
        // persona-kit 4 forgets a wrong limit without a word.
        _ => Ok(None),
    }
}
