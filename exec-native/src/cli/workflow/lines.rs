//! What people read of a run: a line for what happens, numbers in words.

use plan_core::workflow::ledger::Usage;
use plan_core::workflow::record::RunRecord;
use plan_core::workflow::vm::{CallKind, JsonText};

use super::given::shown;
use crate::os::plain;
use crate::workflow::view::{Stage, View};

/// How texts are coloured.
pub(super) type Paint<'p> = &'p dyn Fn(&str, &str) -> String;

/// What was taken, in words.
pub(super) fn tokens(usage: &Usage) -> String {
    let about = if usage.estimated == Some(true) {
        "about "
    } else {
        ""
    };
    let cost = cost(usage).map(|cost| format!(", {cost}"));
    let cost = cost.unwrap_or_default();
    format!("{about}{} tokens{cost}", usage.tokens())
}

/// What was paid, when anything was.
pub(super) fn cost(usage: &Usage) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let cost = usage.cost.0 as f64 / 1e6;
    (cost > 0.0).then(|| format!("${cost:.4}"))
}

/// A time that has passed, as short as it can be said.
pub(super) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match hours {
        0 if minutes == 0 => format!("{seconds}s"),
        0 => format!("{minutes}m{:02}s", seconds % 60),
        1..=47 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{}d", hours / 24),
    }
}

/// A text of somebody else's on one line.
pub(super) fn one_line(text: &str) -> String {
    plain(&text.replace(['\n', '\r'], " "))
}

/// What a checkpoint asks, on one line: the part that its script wrote.
pub(super) fn question(text: &JsonText) -> String {
    let value = text.value();
    let part = value.get("prompt").or_else(|| value.get("payload"));
    one_line(&shown(part.unwrap_or(&value)))
}

/// The line for a record that the view has taken; `None` for what nobody needs to see.
pub(super) fn line(view: &View, record: &RunRecord, paint: Paint<'_>) -> Option<String> {
    let call = |number: u64| {
        let call = view.call(number);
        call.filter(|call| matches!(call.kind, CallKind::Agent | CallKind::Checkpoint))
    };
    let failed = paint("31", "failed:");
    match record {
        RunRecord::Started(started) if started.epoch > 1 => {
            Some(paint("2", &format!("execution {}", started.epoch)))
        }
        RunRecord::Phase(phase) => Some(paint("1", &one_line(&phase.title))),
        RunRecord::Logged(log) => {
            let message = one_line(&log.message);
            Some(match &*log.level {
                "warn" | "error" => format!("[{}] {message}", log.level),
                _ => format!("  {message}"),
            })
        }
        RunRecord::Attempt(attempt) => {
            let label = one_line(&call(attempt.call)?.label);
            Some(match attempt.attempt {
                0 | 1 => format!("  {label} …"),
                again => format!("  {label} … (attempt {again})"),
            })
        }
        RunRecord::Settled(settled) => {
            let number = settled.call;
            if settled.outcome.is_value() {
                let call = call(number)?;
                let time = call.begun.zip(call.ended);
                let time = time.map(|(begun, ended)| span(ended.saturating_sub(begun)));
                let taken = call.usage.as_ref().map(tokens);
                let took: Vec<String> = time.into_iter().chain(taken).collect();
                let took = if took.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", took.join(", "))
                };
                return Some(format!("  {} done{took}", one_line(&call.label)));
            }
            let label = view.call(number).map_or("", |call| &*call.label);
            let message = settled.outcome.message.as_deref().unwrap_or_default();
            Some(format!(
                "  {} {failed} {}",
                one_line(label),
                one_line(message)
            ))
        }
        RunRecord::Abandoned(abandoned) if abandoned.epoch == view.epoch => {
            let label = one_line(&call(abandoned.call)?.label);
            Some(format!(
                "  {label} was broken off: {}",
                one_line(&abandoned.reason)
            ))
        }
        RunRecord::Diverged(diverged) => Some(format!(
            "  {} calls something else than before",
            diverged.path
        )),
        RunRecord::Asked(asked) => {
            let question = question(&asked.question);
            Some(format!("{} {}: {question}", paint("33", "asks"), asked.id))
        }
        RunRecord::Answered(answered) => Some(format!("  {} was answered", answered.id)),
        RunRecord::Raised(_) => Some("  its limits were raised".to_owned()),
        _ => None,
    }
}

/// The state of a run on one line: what passes by on a terminal.
pub(super) fn summary(view: &View, now: u64) -> String {
    let all = view.shown().count();
    let over = view.count(&[Stage::Done, Stage::Reused, Stage::Failed]);
    let working = view.count(&[Stage::Working]);
    let elapsed = view.started.map(|at| span(now.saturating_sub(at)));
    let budget = view
        .limits
        .budget
        .map(|budget| format!(" of {budget}"))
        .unwrap_or_default();
    let mut parts = vec![
        format!("{over} of {all} calls"),
        format!("{working} at work"),
        format!("{}{budget} tokens", view.spent.tokens()),
    ];
    parts.extend(cost(&view.spent));
    parts.extend(elapsed);
    if let Some(phase) = &view.phase {
        parts.insert(0, one_line(phase));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_short_as_they_can_be() {
        for (milliseconds, text) in [
            (0, "0s"),
            (59_999, "59s"),
            (61_000, "1m01s"),
            (3_600_000, "1h00m"),
            (172_799_000, "47h59m"),
            (172_800_000, "2d"),
        ] {
            assert_eq!(span(milliseconds), text);
        }
    }

    #[test]
    fn what_agents_say_moves_no_cursor() {
        assert_eq!(one_line("a\nb\u{1b}[2Jc"), "a bc");
    }
}
