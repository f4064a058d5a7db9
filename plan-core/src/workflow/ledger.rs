//! What a run has taken: tokens and cost, spent by calls that ended and set aside for those
//! that are at work, over all executions.

use alloc::string::String;

use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Print, Value, Writer};
use crate::base::record::{Scan, invalid, record};

/// An amount of money in millionths, printed as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cost(pub u64);

impl Print for Cost {
    fn print(&self, out: &mut Writer) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        out.number(self.0 as f64 / 1e6);
    }

    fn is_absent(&self) -> bool {
        self.0 == 0
    }
}

impl Scan<'_> for Cost {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let cost = value.as_number().and_then(Self::of);
        cost.ok_or_else(|| invalid(at, "must be an amount of money"))
    }

    fn absent(_at: &Path<'_>) -> Result<Self, Diagnostic> {
        Ok(Self(0))
    }
}

impl Cost {
    /// Takes an amount; `None` when it is negative or not finite.
    pub fn of(amount: f64) -> Option<Self> {
        let millionths = amount * 1e6 + 0.5;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range, as checked"
        )]
        (0.0..9e15)
            .contains(&millionths)
            .then_some(Self(millionths as u64))
    }
}

record! {
    /// What an attempt took.
    #[derive(Default)]
    pub struct Usage {
        /// Tokens that were read.
        pub input: u64 => "input",
        /// Tokens that were written.
        pub output: u64 => "output",
        /// Tokens read from the provider's cache.
        pub cache_read: u64 => "cacheRead",
        /// Tokens written to the provider's cache.
        pub cache_write: u64 => "cacheWrite",
        /// What it cost, in the provider's money.
        pub cost: Cost => "cost",
        /// Whether tokens were not reported and are a guess by the length of the texts.
        pub estimated: Option<bool> => "estimated",
    }
}

impl Usage {
    /// Guesses by the length of texts, four bytes a token.
    pub fn guess(prompt: usize, answer: usize) -> Self {
        Self {
            input: prompt.div_ceil(4) as u64,
            output: answer.div_ceil(4) as u64,
            estimated: Some(true),
            ..Self::default()
        }
    }

    /// Returns all tokens.
    pub const fn tokens(&self) -> u64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write)
    }

    /// Adds what another attempt took.
    pub fn add(&mut self, other: &Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.cost = Cost(self.cost.0.saturating_add(other.cost.0));
        self.estimated = self.estimated.or(other.estimated);
    }
}

/// The book of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    spent: Usage,
    /// How many calls it was spent on, for the guess at the next one.
    calls: u64,
    reserved: u64,
}

/// Tokens that were set aside for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved(u64);

impl Reserved {
    /// Nothing, for a call that takes none.
    pub const NONE: Self = Self(0);
}

/// What a budget says to a call that wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It may begin.
    Begin(Reserved),
    /// Others at work may leave enough.
    Wait,
    /// Nothing is left.
    Refused,
}

impl Ledger {
    /// Asks whether a call may begin, and sets aside what calls took on the average.
    pub fn reserve(&mut self, budget: Option<u64>) -> Answer {
        let guess = self.guess();
        if let Some(budget) = budget {
            if self.spent.tokens() >= budget {
                return Answer::Refused;
            }
            if self.spent.tokens().saturating_add(self.reserved) >= budget {
                return Answer::Wait;
            }
        }
        self.reserved = self.reserved.saturating_add(guess);
        Answer::Begin(Reserved(guess))
    }

    /// Gives back what was set aside for a call that has ended.
    pub const fn release(&mut self, reserved: Reserved) {
        self.reserved = self.reserved.saturating_sub(reserved.0);
    }

    /// Books what a call took.
    pub fn spend(&mut self, usage: &Usage) {
        self.spent.add(usage);
        self.calls += 1;
    }

    /// Returns what was spent.
    pub const fn spent(&self) -> &Usage {
        &self.spent
    }

    /// Returns the tokens that are set aside.
    pub const fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Tokens that the next call may take.
    fn guess(&self) -> u64 {
        self.spent.tokens().checked_div(self.calls).unwrap_or(0)
    }
}

/// The name of the budget that refused, for its message.
pub fn refused(budget: u64, spent: u64) -> String {
    alloc::format!("the run has taken {spent} of {budget} tokens; raise its budget to go on")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(tokens: u64) -> Usage {
        Usage {
            output: tokens,
            ..Usage::default()
        }
    }

    #[test]
    fn calls_at_work_count_as_those_before_them() {
        let mut ledger = Ledger::default();
        ledger.spend(&usage(100));
        let Answer::Begin(first) = ledger.reserve(Some(250)) else {
            panic!("the first fits")
        };
        assert!(matches!(ledger.reserve(Some(250)), Answer::Begin(_)));
        assert_eq!(ledger.reserved(), 200);
        assert_eq!(ledger.reserve(Some(250)), Answer::Wait);
        ledger.release(first);
        ledger.spend(&usage(40));
        assert!(matches!(ledger.reserve(Some(250)), Answer::Begin(_)));
        ledger.spend(&usage(200));
        assert_eq!(ledger.reserve(Some(250)), Answer::Refused);
        assert!(matches!(ledger.reserve(None), Answer::Begin(_)));
    }

    #[test]
    fn costs_add_up_exactly() {
        let mut sum = Usage::default();
        for _ in 0..10 {
            sum.add(&Usage {
                cost: Cost::of(0.1).expect("an amount"),
                ..Usage::default()
            });
        }
        assert_eq!(sum.cost, Cost(1_000_000));
        assert_eq!(Cost::of(-1.0), None);
        assert_eq!(Cost::of(f64::NAN), None);
        assert_eq!(Usage::guess(9, 4).tokens(), 4);
    }
}
