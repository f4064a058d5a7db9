//! Calls that need no agent: the time, chance, variables; and what people ask of a run.

use std::collections::BTreeMap;

use plan_core::base::json::Value;
use plan_core::workflow::machine::Control;
use plan_core::workflow::policy::{AGENT_EXECUTION_ERROR, Limits};
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::{CallKind, JsonText};

use crate::os::clock::now_ms;
use crate::os::rng;

/// The whole number that a script or a person gave.
pub(super) fn whole(value: Option<&Value<'_>>) -> Option<u64> {
    let number = value.and_then(Value::as_number)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float becomes the nearest number that fits"
    )]
    Some(number as u64)
}

/// Answers a call at once.
pub(super) fn answer(
    kind: CallKind,
    payload: &Value<'_>,
    variables: &BTreeMap<String, Option<String>>,
) -> Outcome {
    let value = match kind {
        CallKind::Now => Ok(number(now_ms())),
        CallKind::Random => rng::bytes().map(|bytes| {
            // 53 bits, as many as a number of JavaScript holds below 1.
            let word = u64::from_le_bytes(bytes) >> 11;
            #[expect(clippy::cast_precision_loss, reason = "it has 53 bits")]
            Value::Number(word as f64 / (1_u64 << 53) as f64)
        }),
        CallKind::Uuid => rng::bytes().map(|bytes| Value::from(uuid(bytes))),
        CallKind::Env => {
            let name = payload.get_str("name").unwrap_or_default();
            let value = variables.get(name).cloned().flatten();
            Ok(value.map_or(Value::Null, Value::from))
        }
        _ => Ok(Value::Null),
    };
    match value {
        Ok(value) => Outcome::value(JsonText::new(&value)),
        Err(error) => Outcome::error(AGENT_EXECUTION_ERROR, error.to_string(), false),
    }
}

fn number(whole: u64) -> Value<'static> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    Value::Number(whole as f64)
}

/// A random identifier of version 4 (RFC 9562).
fn uuid(mut bytes: [u8; 16]) -> String {
    if let Some(version) = bytes.get_mut(6) {
        *version = (*version & 0x0f) | 0x40;
    }
    if let Some(variant) = bytes.get_mut(8) {
        *variant = (*variant & 0x3f) | 0x80;
    }
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend(
            [byte >> 4, byte & 15]
                .iter()
                .filter_map(|digit| char::from_digit(u32::from(*digit), 16)),
        );
    }
    text
}

/// Reads what somebody asked of a run; what is no wish is dropped.
pub(super) fn control(asked: &Value<'_>, limits: &Limits) -> Option<Control> {
    let reason = asked.get_str("reason").unwrap_or("asked").to_owned();
    match asked.get_str("do")? {
        "pause" => Some(Control::Pause(reason)),
        "stop" => Some(Control::Stop(reason)),
        "abandon" => Some(Control::Abandon(reason)),
        "raise" => Some(Control::Raise(raised(asked, limits))),
        "answer" => Some(Control::Answer {
            id: asked.get_str("id")?.to_owned(),
            answer: JsonText::new(asked.get("answer")?),
        }),
        _ => None,
    }
}

/// Limits with those changed that somebody names.
pub fn raised(asked: &Value<'_>, limits: &Limits) -> Limits {
    let number = |name: &str| whole(asked.get(name));
    let mut raised = limits.clone();
    raised.concurrency = number("concurrency").unwrap_or(limits.concurrency);
    raised.max_agents = number("maxAgents").unwrap_or(limits.max_agents);
    raised.budget = number("budget").or(limits.budget);
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_version() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn wishes_are_read() {
        let wish = |text: &str| {
            let value = plan_core::base::json::read(text).expect("JSON");
            control(&value, &Limits::default())
        };
        assert_eq!(
            wish(r#"{"do":"pause","reason":"r"}"#),
            Some(Control::Pause("r".into()))
        );
        let Some(Control::Raise(limits)) = wish(r#"{"do":"raise","budget":5}"#) else {
            panic!("a wish")
        };
        assert_eq!((limits.budget, limits.concurrency), (Some(5), 8));
        assert_eq!(wish(r#"{"do":"dance"}"#), None);
        assert_eq!(wish("{}"), None);
    }
}
