//! What comes next: a result for the script, work that begins, or the end.

use super::{Command, Machine, Stage};
use crate::workflow::causal::contribution;
use crate::workflow::ledger::{self, Answer, Reserved};
use crate::workflow::policy;
use crate::workflow::record::{CallAttempt, Outcome, RunEnd, RunEnded, RunRecord};

impl Machine {
    /// Does what can be done now. While the script runs nothing can.
    pub(super) fn advance(&mut self) {
        if self.busy {
            return;
        }
        if self.ending.is_some() {
            return self.finish();
        }
        if self.deliver() {
            return;
        }
        self.begin_queued();
        // One that was refused has a result at once.
        if self.deliver() {
            return;
        }
        let waits =
            |stage: &Stage| matches!(stage, Stage::Queued | Stage::Pausing | Stage::Working(_));
        let asks = self
            .calls
            .iter()
            .any(|live| matches!(live.stage, Stage::Asking(_)));
        if asks && !self.calls.iter().any(|live| waits(&live.stage)) {
            self.ends(RunEnd::Paused, Some("checkpoint".into()), None);
            self.finish();
        }
    }

    /// Tells the script the result whose record is the earliest.
    fn deliver(&mut self) -> bool {
        let ready = self.calls.iter().enumerate().filter_map(|(call, live)| {
            let Stage::Ready(order, _) = &live.stage else {
                return None;
            };
            Some((*order, call))
        });
        let Some((_, place)) = ready.min() else {
            return false;
        };
        let Some(live) = self.calls.get_mut(place) else {
            return false;
        };
        let Stage::Ready(_, outcome) = core::mem::replace(&mut live.stage, Stage::Told) else {
            return false;
        };
        if let Some(usage) = &live.usage {
            self.told = self.told.saturating_add(usage.tokens());
        }
        if live.effect.is_seen() {
            let seen = contribution(&live.content, &seen_result(&outcome), live.tree.as_deref());
            self.scopes.settle(&live.scope, live.ordinal, seen);
        }
        self.busy = true;
        self.out.push(Command::Deliver {
            call: place as u64,
            outcome,
            spent: self.told,
        });
        true
    }

    /// Begins to work on calls, in their order, as far as limits allow.
    fn begin_queued(&mut self) {
        let mut working = self.working() as u64;
        for place in 0..self.calls.len() {
            if working >= self.limits.concurrency.max(1) {
                return;
            }
            let Some(live) = self.calls.get(place) else {
                return;
            };
            if live.stage != Stage::Queued {
                continue;
            }
            // Nothing but agents takes tokens.
            let asked = if live.is_agent {
                self.ledger.reserve(self.limits.budget)
            } else {
                Answer::Begin(Reserved::NONE)
            };
            let reserved = match asked {
                Answer::Begin(reserved) => reserved,
                // What agents at work leave may be enough; what takes none goes on.
                Answer::Wait => continue,
                Answer::Refused => {
                    let spent = self.ledger.spent().tokens();
                    let message = ledger::refused(self.limits.budget.unwrap_or(0), spent);
                    let refused = Outcome::error(policy::TOKEN_BUDGET_EXHAUSTED, message, false);
                    self.end(place as u64, refused);
                    continue;
                }
            };
            working += 1;
            let (call, attempt) = (place as u64, live.attempt + 1);
            if let Some(live) = self.calls.get_mut(place) {
                live.attempt = attempt;
                live.stage = Stage::Working(reserved);
            }
            self.out
                .push(Command::Append(RunRecord::Attempt(CallAttempt {
                    epoch: self.epoch,
                    call,
                    attempt,
                    due: None,
                    at: Some(self.now),
                })));
            self.out.push(Command::Start { call, attempt });
        }
    }

    /// Ends the execution as soon as nobody works.
    fn finish(&mut self) {
        for live in &mut self.calls {
            if matches!(live.stage, Stage::Queued | Stage::Pausing) {
                live.stage = Stage::Dropped;
            }
        }
        if self.working() > 0 {
            return;
        }
        let Some(ending) = self.ending.take() else {
            return;
        };
        self.over = true;
        self.out.push(Command::Append(RunRecord::Ended(RunEnded {
            epoch: self.epoch,
            end: ending.end,
            reason: ending.reason.clone(),
            outcome: ending.outcome.clone(),
            at: self.now,
        })));
        self.out.push(Command::Finish {
            end: ending.end,
            reason: ending.reason,
            outcome: ending.outcome,
        });
    }
}

/// What a result is for those who come after it.
fn seen_result(outcome: &Outcome) -> alloc::string::String {
    if outcome.is_value() {
        return outcome.digest();
    }
    outcome.code.clone().unwrap_or_default()
}
