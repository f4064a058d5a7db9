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
