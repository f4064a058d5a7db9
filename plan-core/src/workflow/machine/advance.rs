//! What comes next: a result for the script, work that begins, or the end.

use alloc::collections::BTreeSet;
use alloc::format;

use super::{Command, Machine, Stage};
use crate::workflow::causal::contribution;
use crate::workflow::ledger::{self, Answer, Reserved, Usage};
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
        if self.board.only_asks() {
            self.ends(RunEnd::Paused, Some("checkpoint".into()), None);
            self.finish();
        }
    }

    /// Tells the script the result whose record is the earliest.
    fn deliver(&mut self) -> bool {
        let Some(call) = self.board.ready() else {
            return false;
        };
        let Some(Stage::Ready(_, outcome)) = self.stage(call, Stage::Told) else {
            return false;
        };
        let Some(live) = self.live(call) else {
            return false;
        };
        let is_agent = live.is_agent;
        let tokens = live.usage.as_ref().map_or(0, Usage::tokens);
        if live.effect.is_seen() {
            let seen = contribution(&live.content, &seen_result(&outcome), live.tree.as_deref());
            let (scope, ordinal) = (live.scope.clone(), live.ordinal);
            self.scopes.settle(&scope, ordinal, seen);
        }
        if is_agent {
            self.heard.0 += 1;
            self.heard.1 += u64::from(!outcome.is_value());
        }
        self.told = self.told.saturating_add(tokens);
        self.busy = true;
        self.out.push(Command::Deliver {
            call,
            outcome,
            spent: self.told,
        });
        true
    }

    /// Begins to work on calls, in their order, as far as limits allow.
    fn begin_queued(&mut self) {
        let most = self.limits.concurrency.max(1);
        let mut are_tokens_left = true;
        // Those whose phase must wait for what its calls at work leave.
        let mut held = BTreeSet::new();
        while (self.working() as u64) < most {
            let Some(call) = self.board.queued(are_tokens_left, &held) else {
                return;
            };
            let is_agent = self.live(call).is_some_and(|live| live.is_agent);
            let phase = self.live(call).and_then(|live| live.phase.clone());
            let own = match self.phases.reserve(phase.as_deref()) {
                Answer::Begin(own) => own,
                Answer::Wait => {
                    held.insert(call);
                    continue;
                }
                Answer::Refused => {
                    let message = self.phases.refusal(phase.as_deref().unwrap_or_default());
                    let refused = Outcome::error(policy::TOKEN_BUDGET_EXHAUSTED, message, false);
                    self.end(call, refused);
                    continue;
                }
            };
            // Nothing but agents takes tokens.
            let asked = if is_agent {
                self.ledger.reserve(self.limits.budget)
            } else {
                Answer::Begin(Reserved::NONE)
            };
            match asked {
                Answer::Begin(_) => {
                    if let Some(live) = self.live_mut(call) {
                        live.reserved = own;
                    }
                }
                Answer::Wait | Answer::Refused => self.phases.release(phase.as_deref(), own),
            }
            match asked {
                Answer::Begin(reserved) => self.begin_one(call, reserved),
                // What agents at work leave may be enough; what takes none goes on.
                Answer::Wait => are_tokens_left = false,
                Answer::Refused => {
                    let spent = self.ledger.spent().tokens();
                    let message = ledger::refused(self.limits.budget.unwrap_or(0), spent);
                    let refused = Outcome::error(policy::TOKEN_BUDGET_EXHAUSTED, message, false);
                    self.end(call, refused);
                }
            }
        }
    }

    fn begin_one(&mut self, call: u64, reserved: Reserved) {
        self.stage(call, Stage::Working(reserved));
        let now = self.now;
        let Some(live) = self.live_mut(call) else {
            return;
        };
        live.attempt += 1;
        let attempt = live.attempt;
        // One that waited before an execution ended waits for what is left.
        live.due = live.wait.map(|wait| live.due.unwrap_or(now + wait));
        let due = live.due;
        self.out
            .push(Command::Append(RunRecord::Attempt(CallAttempt {
                epoch: self.epoch,
                call,
                attempt,
                due,
                at: Some(self.now),
            })));
        let doubtful = self
            .live(call)
            .filter(|live| live.may_have_done)
            .map(|live| live.has_probe);
        match doubtful {
            // It may have happened, and nobody is asked to do it again before that is known.
            Some(true) => self.out.push(Command::Probe { call, attempt }),
            Some(false) => {
                let message = format!(
                    "call {call} changes something outside and may have done so before; it has \
                     no probe, so it is done again with the same key"
                );
                self.warn(message);
                self.set_out(call, attempt);
            }
            None => self.set_out(call, attempt),
        }
    }

    /// Ends the execution as soon as nobody works.
    fn finish(&mut self) {
        while let Some(call) = self.board.waiting() {
            self.stage(call, Stage::Dropped);
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
