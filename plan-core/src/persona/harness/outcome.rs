//! Judging a one-shot run by what the harness reported, not by its exit code alone:
//! every harness can end with 0 without having done its task.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

#[cfg(feature = "outcomes")]
use super::HarnessDef;
use crate::base::json::{self, Value};
use crate::base::record::{record, words};

words! {
    /// How a one-shot run ended.
    pub enum Verdict {
        /// The harness reported that it finished, and refused nothing.
        Completed = "completed",
        /// It finished, but calls were denied or tools failed to start on the way.
        CompletedWithDenials = "completed-with-denials",
        /// It did not finish.
        Failed = "failed",
    }
}

record! {
    /// Tokens of a run.
    pub struct Usage {
        /// Tokens read, without those from the provider's cache.
        pub input: u64 => "input",
        /// Tokens written.
        pub output: u64 => "output",
        /// Tokens read from the provider's cache.
        pub cached: u64 => "cached",
    }
}

record! {
    /// The outcome of a one-shot run.
    pub struct Outcome {
        /// How it ended.
        pub verdict: Verdict => "verdict",
        /// Why it failed.
        pub reason: Option<String> => "reason",
        /// The status with which the provider's interface refused, where it did.
        pub api_status: Option<u64> => "apiStatus",
        /// The agent's last answer.
        pub text: String => "text",
        /// What was denied.
        pub denials: Vec<String> => "denials",
        /// The harness's session.
        pub session_id: Option<String> => "sessionId",
        /// The tokens.
        pub usage: Option<Usage> => "usage",
        /// The cost in US dollars, where the harness reports one.
        pub cost_usd: Option<f64> => "costUsd",
        /// The exit code of the program.
        pub exit_code: u64 => "exitCode",
    }
}

/// What the events of a run have shown so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Whether the event was seen that ends a successful run.
    pub finished: bool,
    /// The first failure that was reported.
    pub failure: Option<String>,
    /// The last status with which the provider's interface refused.
    pub api_status: Option<u64>,
    /// The last problem that the harness may have got over.
    pub complaint: Option<String>,
    /// The last answer.
    pub text: String,
    /// The session.
    pub session_id: Option<String>,
    /// The tokens.
    pub usage: Option<Usage>,
    /// The cost in US dollars.
    pub cost_usd: Option<f64>,
    /// What was denied.
    pub denials: Vec<String>,
    /// How many output lines were no events.
    pub foreign_lines: u64,
}

impl Tally {
    /// Notes a failure; the first one is kept.
    pub(super) fn fail(&mut self, reason: impl Into<String>) {
        self.failure.get_or_insert(reason.into());
    }

    /// Notes a problem that is the reason of a failure only if the run fails.
    pub(super) fn complain(&mut self, what: impl Into<String>) {
        self.complaint = Some(what.into());
    }

    /// Notes the status with which the provider's interface refused.
    pub(super) fn refused(&mut self, status: Option<&Value<'_>>) {
        if let Some(status @ 400..) = status.map(|status| count(Some(status))) {
            self.api_status = Some(status);
        }
    }

    /// Notes a server that did not start, which is a failure: the agent ran without
    /// tools that its persona counts on.
    pub(super) fn broken_server(&mut self, name: &str) {
        self.fail(format!("the MCP server `{name}` did not start"));
    }

    /// Notes a denied call.
    pub(super) fn denied(&mut self, what: &str) {
        if !self.denials.iter().any(|known| known == what) {
            self.denials.push(what.into());
        }
    }

    /// Notes the session.
    pub(super) fn session(&mut self, id: Option<&str>) {
        if let Some(id) = id {
            self.session_id = Some(id.into());
        }
    }

    /// Replaces the tokens by the members of an event: input, output, cached.
    pub(super) fn set_usage(&mut self, usage: &Value<'_>, names: [&str; 3]) {
        let [input, output, cached] = names.map(|name| count(usage.get(name)));
        self.usage = Some(Usage {
            input,
            output,
            cached,
        });
    }

    /// Adds the tokens of one step.
    pub(super) fn add_usage(&mut self, input: u64, output: u64, cached: u64) {
        let sum = self.usage.get_or_insert(Usage {
            input: 0,
            output: 0,
            cached: 0,
        });
        sum.input = sum.input.saturating_add(input);
        sum.output = sum.output.saturating_add(output);
        sum.cached = sum.cached.saturating_add(cached);
    }
}

/// Reads a count of an event; anything else counts nothing.
pub(super) fn count(value: Option<&Value<'_>>) -> u64 {
    let number = value.and_then(Value::as_number).unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and counts are small"
    )]
    let count = number as u64;
    count
}

/// Folds one event of a harness's one-shot output into what is known of the run.
pub(super) type Observe = fn(&mut Tally, &Value<'_>);

/// Folds one line of a harness's standard error, for what no event says.
pub(super) type ObserveLog = fn(&mut Tally, &str);

/// How a harness's output is read. A module that only plans leaves it out, with all that
/// it calls: without the feature `outcomes` nothing is kept here.
#[derive(Debug)]
pub struct Watch {
    #[cfg(feature = "outcomes")]
    event: Observe,
    #[cfg(feature = "outcomes")]
    log: ObserveLog,
}

impl Watch {
    #[cfg(feature = "outcomes")]
    pub(super) const fn new(event: Observe, log: ObserveLog) -> Self {
        Self { event, log }
    }

    #[cfg(not(feature = "outcomes"))]
    pub(super) const fn new(_event: Observe, _log: ObserveLog) -> Self {
        Self {}
    }
}

/// Folds the output of a run, line by line, and judges it at its end.
#[cfg(feature = "outcomes")]
#[derive(Debug)]
pub struct Judge {
    def: &'static HarnessDef,
    tally: Tally,
}

#[cfg(feature = "outcomes")]
impl Judge {
    /// Starts with nothing seen.
    pub fn new(def: &'static HarnessDef) -> Self {
        Self {
            def,
            tally: Tally::default(),
        }
    }

    /// Folds one line of the program's standard output.
    pub fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        match json::read(line) {
            Ok(event @ Value::Object(_)) => (self.def.watch.event)(&mut self.tally, &event),
            Ok(_) | Err(_) => self.tally.foreign_lines += 1,
        }
    }

    /// Looks at one line of the program's standard error.
    pub fn log_line(&mut self, line: &str) {
        (self.def.watch.log)(&mut self.tally, line);
    }

    /// Notes why the caller ended the run. What was wrong before stays visible behind it: a
    /// harness may try again for ever what its server refuses.
    pub fn give_up(&mut self, why: &str) {
        let tally = &mut self.tally;
        let before = tally.failure.take().or_else(|| tally.complaint.take());
        tally.failure = Some(match before {
            Some(before) => format!("{why}; before that: {before}"),
            None => why.into(),
        });
    }

    /// Judges the run: it succeeded when the program ended with 0, reported its own
    /// success and reported no failure.
    pub fn conclude(self, exit_code: u64) -> Outcome {
        let Tally {
            finished,
            failure,
            complaint,
            api_status,
            text,
            session_id,
            usage,
            cost_usd,
            denials,
            ..
        } = self.tally;
        let unfinished = || match (exit_code, finished) {
            (0, true) => None,
            (0, false) => Some(format!(
                "{} ended with exit code 0 but never reported that it finished",
                self.def.id
            )),
            (code, _) => Some(format!("{} ended with exit code {code}", self.def.id)),
        };
        let reason = failure.or_else(|| {
            let plain = unfinished()?;
            Some(complaint.unwrap_or(plain))
        });
        let verdict = match (&reason, denials.is_empty()) {
            (Some(_), _) => Verdict::Failed,
            (None, true) => Verdict::Completed,
            (None, false) => Verdict::CompletedWithDenials,
        };
        Outcome {
            verdict,
            api_status: api_status.filter(|_| verdict == Verdict::Failed),
            reason,
            text,
            denials,
            session_id,
            usage,
            cost_usd,
            exit_code,
        }
    }
}

/// Returns an error's text, wherever the event has it.
pub(super) fn error_text(event: &Value<'_>) -> String {
    let inner = event.get("error");
    let data = inner.and_then(|error| error.get("data"));
    let places = [data, inner, Some(event)];
    let message = places
        .into_iter()
        .flatten()
        .find_map(|place| place.get_str("message"));
    let message = message
        .or_else(|| inner.and_then(Value::as_str))
        .unwrap_or("the harness reported an error");
    // Some pass on what the server answered, which is JSON again.
    let answer = json::read(message).ok();
    let inside = answer.as_ref().and_then(|answer| answer.get("error"));
    inside
        .and_then(|error| error.get_str("message"))
        .unwrap_or(message)
        .to_string()
}

/// For a harness whose standard error says nothing that its events do not.
pub(super) fn ignore_log(_: &mut Tally, _: &str) {}
