//! Schedules and their cron expressions.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::diag::Path;
use crate::base::json::Value;
use crate::base::text::{is_blank, is_js_space, js_trim};

use super::cx::{Cx, Parsed};
use super::leaf::{OPTIONAL_TEXT, TEXT, is_text, optional, required, trimmed};
use super::section::{Section, Shape};

pub(super) const SHAPE: Shape = Shape {
    problem: "must be an object",
    fields: &["name", "cron", "tz"],
};

/// The fields of a cron expression with the numbers that make sense in them.
const CRON_FIELDS: [(&str, u32, u32); 5] = [
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
];

/// The schedules of an agent; an empty list is no list.
pub(super) fn parse<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let Some(value) = value else { return Ok(None) };
    let Some(items) = value.as_array() else {
        return cx.fail(at, "must be an array if provided");
    };
    let mut schedules = Vec::with_capacity(items.len());
    let mut names: Vec<String> = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let at = at.index(place);
        let Some(mut schedule) = Section::open(cx, Some(item), &at, &SHAPE)? else {
            continue;
        };
        schedule.field("name", trimmed(required(is_text, TEXT)))?;
        let name = item.get_str("name").filter(|name| !is_blank(name));
        if let Some(name) = name.map(js_trim) {
            if names.iter().any(|earlier| earlier == name) {
                let problem = format!("\"{name}\" duplicates an earlier schedule");
                schedule.fail("name", &problem)?;
            }
            names.push(name.to_owned());
        }
        schedule.field("cron", cron)?;
        schedule.field("tz", trimmed(optional(is_text, OPTIONAL_TEXT)))?;
        schedules.push(schedule.done());
    }
    Ok((!schedules.is_empty()).then_some(Value::Array(schedules)))
}

fn cron<'a>(cx: &mut Cx, value: Option<&Value<'a>>, at: &Path<'_>) -> Parsed<'a> {
    let parsed = trimmed(required(is_text, TEXT))(cx, value, at)?;
    let Some(text) = parsed.as_ref().and_then(Value::as_str) else {
        return Ok(None);
    };
    let tokens: Vec<&str> = text
        .split(is_js_space)
        .filter(|token| !token.is_empty())
        .collect();
    if tokens.len() != CRON_FIELDS.len() {
        let problem = format!(
            "must be a 5-field cron expression; got {} field(s)",
            tokens.len()
        );
        return cx.fail(at, &problem);
    }
    for (place, (token, field)) in tokens.iter().zip(CRON_FIELDS).enumerate() {
        let number = place + 1;
        if !is_cron_token(token) {
            let problem = format!("field {number} is not a valid cron token: \"{token}\"");
            return cx.fail(at, &problem);
        }
        // persona-kit 4 takes times that never come.
        if cx.strict && !is_in_range(token, field) {
            let (name, low, high) = field;
            let problem =
                format!("field {number} is out of range: \"{token}\" (the {name} is {low}-{high})");
            return cx.fail(at, &problem);
        }
    }
    Ok(parsed)
}

/// `*`, or numbers and ranges with commas between; either with a step behind.
fn is_cron_token(token: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (list, step) = match token.split_once('/') {
        Some((list, step)) => (list, Some(step)),
        None => (token, None),
    };
    let is_part = |part: &str| match part.split_once('-') {
        Some((low, high)) => is_number(low) && is_number(high),
        None => is_number(part),
    };
    step.is_none_or(is_number) && (list == "*" || list.split(',').all(is_part))
}

fn is_in_range(token: &str, (_, lowest, highest): (&str, u32, u32)) -> bool {
    let (list, step) = token.split_once('/').unwrap_or((token, "1"));
    let fits = |text: &str| {
        let number: u32 = text.parse().ok()?;
        (lowest..=highest).contains(&number).then_some(number)
    };
    let part = |part: &str| match part.split_once('-') {
        Some((low, high)) => fits(low)
            .zip(fits(high))
            .is_some_and(|(low, high)| low <= high),
        None => fits(part).is_some(),
    };
    step.parse::<u32>().is_ok_and(|step| step > 0) && (list == "*" || list.split(',').all(part))
}
