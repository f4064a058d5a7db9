//! Phases with a budget of their own: what their calls may take, over all executions.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};

use crate::workflow::history::History;
use crate::workflow::ledger::{Answer, Ledger, Reserved, Usage};

/// What the calls of phases took.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Phases(BTreeMap<String, Phase>);

#[derive(Debug, Clone, PartialEq, Default)]
struct Phase {
    ledger: Ledger,
    budget: Option<u64>,
    is_warned: bool,
}

/// Names a phase of the script that a call or a phase stands in: two scripts that are called
/// may each have a phase of the same title.
pub(crate) fn name(path: &str, title: &str) -> String {
    let frame = path.find("w[0]").and_then(|end| path.get(..end));
    format!("{}:{title}", frame.unwrap_or_default())
}

impl Phases {
    /// Begins with what earlier executions took.
    pub(super) fn new(history: &History) -> Self {
        let known = history.phases().map(|(name, ledger)| {
            let phase = Phase {
                ledger: ledger.clone(),
                ..Phase::default()
            };
            (name.to_string(), phase)
        });
        Self(known.collect())
    }

    /// Gives a phase a budget; the first one counts.
    pub(super) fn declare(&mut self, name: String, budget: u64) {
        self.0.entry(name).or_default().budget.get_or_insert(budget);
    }

    /// Asks whether a call of a phase may begin.
    pub(super) fn reserve(&mut self, name: Option<&str>) -> Answer {
        match name.and_then(|name| self.0.get_mut(name)) {
            Some(phase) => phase.ledger.reserve(phase.budget),
            None => Answer::Begin(Reserved::NONE),
        }
    }

    /// Gives back what was set aside for a call.
    pub(super) fn release(&mut self, name: Option<&str>, reserved: Reserved) {
        if let Some(phase) = name.and_then(|name| self.0.get_mut(name)) {
            phase.ledger.release(reserved);
        }
    }

    /// Books what a call took; says so when little is left.
    pub(super) fn spend(&mut self, name: &str, usage: &Usage) -> Option<String> {
        let phase = self.0.entry(name.to_string()).or_default();
        phase.ledger.spend(usage);
        let (spent, budget) = (phase.ledger.spent().tokens(), phase.budget?);
        if phase.is_warned || spent.saturating_mul(5) < budget.saturating_mul(4) {
            return None;
        }
        phase.is_warned = true;
        let title = title(name);
        Some(format!(
            "the phase `{title}` has taken {spent} of {budget} tokens"
        ))
    }

    /// Why a call of a phase may not begin.
    pub(super) fn refusal(&self, name: &str) -> String {
        let phase = self.0.get(name);
        let spent = phase.map_or(0, |phase| phase.ledger.spent().tokens());
        let budget = phase.and_then(|phase| phase.budget).unwrap_or(0);
        let title = title(name);
        format!(
            "the phase `{title}` has taken {spent} of {budget} tokens; its script gives it more \
             with a larger budget"
        )
    }
}

fn title(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, title)| title)
}
