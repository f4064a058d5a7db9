//! What a run may take, when a call is tried again, and what an error means for the run.

use alloc::string::String;

use crate::base::record::{record, words};

/// The largest number of calls at the same time.
pub const MOST_AT_ONCE: u64 = 64;
/// How many agents a run may call when nobody says otherwise.
pub const MAX_AGENTS: u64 = 1_000;
/// The largest number of retries of a call.
pub const MAX_RETRIES: u64 = 3;

record! {
    /// What a run may take.
    pub struct Limits {
        /// How many calls are worked on at the same time.
        pub concurrency: u64 => "concurrency",
        /// How many agents it may call, over all executions.
        pub max_agents: u64 => "maxAgents",
        /// How many tokens it may take, over all executions.
        pub budget: Option<u64> => "budget",
        /// How long a call may take, in milliseconds.
        pub timeout: Option<u64> => "timeout",
        /// How often a call is tried again that failed in a way that may pass.
        pub retries: u64 => "retries",
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 8,
            max_agents: MAX_AGENTS,
            budget: None,
            timeout: None,
            retries: 0,
        }
    }
}

words! {
    /// Which earlier results may stand for a call.
    pub enum Reuse {
        /// Those of the same content with the same past.
        Caused = "caused",
        /// Also those of the same content alone, of calls that see nothing but their prompt.
        Content = "content",
        /// None.
        Nothing = "nothing",
    }
}

/// A call ran into its time limit.
pub const AGENT_TIMEOUT: &str = "AGENT_TIMEOUT";
/// A call failed.
pub const AGENT_EXECUTION_ERROR: &str = "AGENT_EXECUTION_ERROR";
/// An agent said nothing.
pub const AGENT_EMPTY_OUTPUT: &str = "AGENT_EMPTY_OUTPUT";
/// The run was asked to stop.
pub const WORKFLOW_ABORTED: &str = "WORKFLOW_ABORTED";
/// The run has called as many agents as it may.
pub const AGENT_LIMIT_EXCEEDED: &str = "AGENT_LIMIT_EXCEEDED";
/// The run has taken as many tokens as it may.
pub const TOKEN_BUDGET_EXHAUSTED: &str = "TOKEN_BUDGET_EXHAUSTED";
/// An answer never fitted its schema.
pub const SCHEMA_NONCOMPLIANCE: &str = "SCHEMA_NONCOMPLIANCE";
/// A script, or an option of a call, is wrong.
pub const SCRIPT_VALIDATION_ERROR: &str = "SCRIPT_VALIDATION_ERROR";
/// The provider refuses until some time has passed.
pub const PROVIDER_USAGE_LIMIT: &str = "PROVIDER_USAGE_LIMIT";
/// There is no such model.
pub const MODEL_NOT_FOUND: &str = "MODEL_NOT_FOUND";
/// A call could not be kept apart.
pub const ISOLATION_FAILED: &str = "ISOLATION_FAILED";

/// Returns how long to wait before an attempt, in milliseconds: twice as long each time, up
/// to two seconds. The first attempt waits for nothing.
pub fn backoff(attempt: u64) -> u64 {
    let doubled = attempt
        .checked_sub(2)
        .map(|before| u32::try_from(before).unwrap_or(u32::MAX))
        .map(|before| 2_u64.checked_pow(before));
    match doubled {
        None => 0,
        Some(factor) => factor
            .and_then(|factor| factor.checked_mul(250))
            .map_or(2_000, |pause| pause.min(2_000)),
    }
}

/// Finds when a provider says that its limit resets: the words behind `resets in` or
/// `resets at`, up to the end of the sentence.
pub fn reset_hint(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let starts = ["resets in ", "resets at ", "reset in ", "reset at "];
    let start = starts.iter().filter_map(|words| lower.find(words)).min()?;
    let rest = text.get(start..)?;
    let end = rest.find(['.', '\n']).unwrap_or(rest.len());
    rest.get(..end).map(|hint| String::from(hint.trim()))
}

/// How the reason of a pause begins that waits for a provider; behind it stands its hint.
pub const USAGE_LIMIT: &str = "usage_limit";
/// How often a run may wait for a provider by itself.
pub const MOST_WAITS: u64 = 5;
/// The shortest wait for a provider, in milliseconds.
pub const LEAST_WAIT: u64 = 60_000;
/// The longest.
const LONGEST_WAIT: u64 = 6 * 3_600_000;
/// The wait when the provider gives no hint.
const USUAL_WAIT: u64 = 5 * 60_000;

/// Returns how long to wait for a provider that refuses, in milliseconds: as long as it says,
/// and twice as long each time that it still refuses. Attempts count from 1.
pub fn quota_wait(hint: Option<&str>, attempt: u64, least: u64) -> u64 {
    let remaining = hint.and_then(duration).unwrap_or(USUAL_WAIT);
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let factor = 2_u64.checked_pow(doublings).unwrap_or(u64::MAX);
    let longest = LONGEST_WAIT.max(least);
    remaining.saturating_mul(factor).clamp(least, longest)
}

/// Adds up the numbers of hours, minutes and seconds in a text, in milliseconds; `None` when
/// there are none.
fn duration(text: &str) -> Option<u64> {
    let mut sum: Option<u64> = None;
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let number = rest.get(start..)?;
        let end = number.find(|letter: char| !letter.is_ascii_digit());
        let (digits, behind) = number.split_at(end.unwrap_or(number.len()));
        rest = behind;
        let unit = behind.trim_start().to_ascii_lowercase();
        let word: String = unit.chars().take_while(char::is_ascii_alphabetic).collect();
        let unit = match &*word {
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
            _ => continue,
        };
        let part = digits
            .parse::<u64>()
            .unwrap_or(u64::MAX)
            .saturating_mul(unit);
        sum = Some(sum.unwrap_or(0).saturating_add(part));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_seconds() {
        let pauses: [u64; 7] = core::array::from_fn(|number| backoff(number as u64));
        assert_eq!(pauses, [0, 0, 250, 500, 1_000, 2_000, 2_000]);
        assert_eq!(backoff(u64::MAX), 2_000);
    }

    #[test]
    fn a_provider_is_waited_for_as_long_as_it_says() {
        let wait = |hint, attempt| quota_wait(Some(hint), attempt, LEAST_WAIT);
        assert_eq!(wait("resets in 2h 5m", 1), 7_500_000);
        assert_eq!(wait("resets in 1 hour and 30 seconds", 1), 3_630_000);
        assert_eq!(wait("resets in 10s", 1), 60_000);
        assert_eq!(wait("resets in 2m", 3), 480_000);
        assert_eq!(wait("resets in 9h", 1), 21_600_000);
        assert_eq!(wait("resets in 99999999999999999999h", 70), 21_600_000);
        // A time of day is no duration.
        assert_eq!(wait("resets at 17:00", 1), 300_000);
        assert_eq!(quota_wait(None, 1, LEAST_WAIT), 300_000);
        assert_eq!(quota_wait(None, 2, LEAST_WAIT), 600_000);
        assert_eq!(quota_wait(Some("in 1s"), 1, 20), 1_000);
    }

    #[test]
    fn a_reset_is_found() {
        let hint = |text| reset_hint(text).unwrap_or_default();
        assert_eq!(hint("Usage limit. Resets in 2h 5m. Bye"), "Resets in 2h 5m");
        assert_eq!(
            hint("limit reached, reset at 17:00\nmore"),
            "reset at 17:00"
        );
        assert_eq!(hint("try later"), "");
    }
}
