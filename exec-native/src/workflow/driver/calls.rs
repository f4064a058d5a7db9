//! Work on calls: who does it, and who is told.

use plan_core::workflow::machine::{Event, Settled};
use plan_core::workflow::vm::CallKind;

use super::Driver;
use crate::os::clock::now_ms;
use crate::os::proc::Cancel;
use crate::workflow::agent::Work;
use crate::workflow::gather::Gather;
use crate::workflow::simple;

impl<'d> Driver<'d, '_> {
    fn run_id(&self) -> String {
        self.machine.run().to_owned()
    }

    fn work(&mut self, call: u64, attempt: u64) -> Option<(CallKind, Work)> {
        let asked = self.calls.get(call)?;
        let cancel = Cancel::new();
        let work = Work {
            epoch: self.machine.epoch(),
            call,
            attempt,
            label: asked.label.clone(),
            path: asked.path.clone(),
            phase: asked.phase.clone(),
            payload: asked.payload.value().to_owned_value(),
            turns: self.calls.threads.turns(call),
            key: self.machine.key(call).map(String::from),
            cwd: self.drive.cwd.clone(),
            limit: self.limits().timeout,
            run: self.store.path().to_owned(),
            cancel: cancel.clone(),
        };
        let kind = asked.kind;
        if matches!(kind, CallKind::Agent | CallKind::Merge) {
            self.cancels.insert(call, cancel);
        }
        Some((kind, work))
    }

    /// Has something done by others, and is told of what comes of it.
    fn hand(&self, work: impl FnOnce() -> Vec<Event> + Send + 'd) {
        let sender = self.sender.clone();
        let tell = move |events: Vec<Event>| {
            for event in events {
                // Nobody listens when the run has ended.
                sender.send(event).ok();
            }
        };
        self.crew.hand(work, tell);
    }

    /// Has somebody look whether what a call changes outside has happened.
    pub(super) fn probe(&mut self, call: u64, attempt: u64) {
        let agents = self.drive.agents;
        if let Some((_, work)) = self.work(call, attempt) {
            self.hand(move || vec![agents.probe(&work)]);
        }
    }

    /// Begins to work on a call.
    pub(super) fn begin(&mut self, call: u64, attempt: u64) {
        let agents = self.drive.agents;
        let Some((kind, work)) = self.work(call, attempt) else {
            return;
        };
        match kind {
            CallKind::Agent => return self.hand(move || agents.work(&work)),
            CallKind::Merge => {
                let parts = self
                    .calls
                    .parts(&work.payload, &self.machine)
                    .unwrap_or_default();
                let gather = Gather {
                    run: self.run_id(),
                    parts,
                    work,
                };
                return self.hand(move || agents.gather(&gather));
            }
            _ => {}
        }
        let payload = work.payload;
        let wait = match kind {
            CallKind::Sleep => simple::milliseconds(&payload),
            _ => 0,
        };
        let outcome = match kind {
            CallKind::Workflow => self.drive.nested(&payload),
            kind => simple::answer(kind, &payload, &self.drive.variables),
        };
        let event = Event::Settled(Settled {
            call,
            attempt,
            outcome,
            usage: None,
            tree: None,
            refs: Vec::new(),
        });
        self.timers.push((now_ms() + wait, event));
    }
}
