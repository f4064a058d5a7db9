//! Which calls wait for what, in order, so that no step has to look through all calls.

use alloc::collections::BTreeSet;

use super::Stage;

/// The calls that something is to be done about. It follows the stages of the calls.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Board {
    /// Agents that want to begin.
    agents: BTreeSet<u64>,
    /// Other calls that want to begin.
    others: BTreeSet<u64>,
    /// Calls that pause before another attempt.
    pausing: BTreeSet<u64>,
    /// Calls that have ended, by the order in which the script is told.
    ready: BTreeSet<(u64, u64)>,
    working: usize,
    asking: usize,
}

impl Board {
    /// Notes that a call enters a stage.
    pub(super) fn enter(&mut self, call: u64, is_agent: bool, stage: &Stage) {
        match stage {
            Stage::Queued if is_agent => drop(self.agents.insert(call)),
            Stage::Queued => drop(self.others.insert(call)),
            Stage::Pausing => drop(self.pausing.insert(call)),
            Stage::Ready(order, _) => drop(self.ready.insert((*order, call))),
            Stage::Working(_) => self.working += 1,
            Stage::Asking(_) => self.asking += 1,
            Stage::Told | Stage::Dropped => {}
        }
    }

    /// Notes that a call leaves a stage.
    pub(super) fn leave(&mut self, call: u64, is_agent: bool, stage: &Stage) {
        match stage {
            Stage::Queued if is_agent => drop(self.agents.remove(&call)),
            Stage::Queued => drop(self.others.remove(&call)),
            Stage::Pausing => drop(self.pausing.remove(&call)),
            Stage::Ready(order, _) => drop(self.ready.remove(&(*order, call))),
            Stage::Working(_) => self.working = self.working.saturating_sub(1),
            Stage::Asking(_) => self.asking = self.asking.saturating_sub(1),
            Stage::Told | Stage::Dropped => {}
        }
    }

    /// Returns the call of which the script is told next.
    pub(super) fn ready(&self) -> Option<u64> {
        self.ready.first().map(|(_, call)| *call)
    }

    /// Returns the call that begins next; agents only where there may be tokens, and none of
    /// those that are held back.
    pub(super) fn queued(&self, with_agents: bool, held: &BTreeSet<u64>) -> Option<u64> {
        let mut agents = self.agents.iter().filter(|call| !held.contains(call));
        let agent = agents.next().filter(|_| with_agents);
        let other = self.others.first();
        match (agent, other) {
            (Some(agent), Some(other)) => Some(*agent.min(other)),
            (one, other) => one.or(other).copied(),
        }
    }

    /// Returns a call that waits for nobody but us.
    pub(super) fn waiting(&self) -> Option<u64> {
        self.queued(true, &BTreeSet::new())
            .or_else(|| self.pausing.first().copied())
    }

    /// Returns how many calls are worked on.
    pub(super) const fn working(&self) -> usize {
        self.working
    }

    /// Tells whether nothing can happen before somebody answers a question.
    pub(super) fn only_asks(&self) -> bool {
        self.asking > 0 && self.working == 0 && self.waiting().is_none()
    }
}
