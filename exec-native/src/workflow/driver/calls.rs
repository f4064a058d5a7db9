//! The calls of a script: what is known of them before anybody works on them, and who works.

use plan_core::base::json::Value;
use plan_core::workflow::identity::{Effect, content_key, effect_key};
use plan_core::workflow::machine::{Event, Issued, Question, Settled};
use plan_core::workflow::policy::SCRIPT_VALIDATION_ERROR;
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::{self, CallKind, JsonText};

use super::Driver;
use crate::os::clock::now_ms;
use crate::os::proc::Cancel;
use crate::workflow::agent::{Request, Work};
use crate::workflow::gather::{Gather, Part};
use crate::workflow::script::Script;
use crate::workflow::simple;

impl<'d> Driver<'d, '_> {
    /// Says what is known of a call before anybody works on it.
    pub(super) fn issued(&mut self, call: &vm::Call) -> Issued {
        let payload = call.payload.value();
        let mut issued = Issued {
            content: String::new(),
            effect: Effect::Pure,
            retries: None,
            key: None,
            has_probe: false,
            refused: None,
            question: None,
            call: call.clone(),
        };
        match call.kind {
            CallKind::Agent => {
                let thread = self.threads.joins(call, &payload);
                let prepared = self.drive.agents.prepare(&Request {
                    payload: &payload,
                    phase: call.phase.as_deref(),
                    thread: thread.as_ref().ok().and_then(Option::as_deref),
                });
                issued.content = prepared.content;
                issued.effect = prepared.effect;
                issued.retries = prepared.retries;
                issued.has_probe = prepared.has_probe;
                issued.refused = thread.err().or(prepared.refused);
            }
            CallKind::Merge => self.merges(&mut issued, &payload),
            CallKind::Checkpoint => issued.question = Some(question(&payload, &call.path)),
            CallKind::Env => {
                let name = payload.get_str("name").unwrap_or_default();
                if !self.drive.variables.contains_key(name) {
                    let message = format!(
                        "the script may not ask for the variable {name}: allow it with --env {name}"
                    );
                    issued.refused = Some(Outcome::error(SCRIPT_VALIDATION_ERROR, message, false));
                }
            }
            CallKind::Task | CallKind::Flow => {
                let message = format!("{}() is not there yet", call.kind.as_str());
                issued.refused = Some(Outcome::error(SCRIPT_VALIDATION_ERROR, message, false));
            }
            CallKind::Sleep
            | CallKind::Now
            | CallKind::Random
            | CallKind::Uuid
            | CallKind::Workflow => {}
        }
        if issued.content.is_empty() {
            issued.content = content_key(call.kind, &payload);
        }
        if issued.effect == Effect::External {
            let named = payload
                .get("options")
                .and_then(|options| options.get_str("key"));
            let place = (&*call.path, &*issued.content);
            issued.key = Some(effect_key(&self.run_id(), named, place));
        }
        issued
    }

    fn run_id(&self) -> String {
        let opened = self.store.history().opened();
        opened.map(|opened| opened.run.clone()).unwrap_or_default()
    }

    /// Finds what a call wants to merge: the work of calls that have ended.
    fn merges(&self, issued: &mut Issued, payload: &Value<'_>) {
        issued.effect = Effect::External;
        match self.parts(payload) {
            Ok(parts) => issued.content = Gather::content(&parts, payload),
            Err(problem) => issued.refused = Some(problem),
        }
    }

    fn parts(&self, payload: &Value<'_>) -> Result<Vec<Part>, Outcome> {
        let paths = payload.get("calls").and_then(Value::as_array);
        let paths = paths.unwrap_or_default().iter().filter_map(Value::as_str);
        let part = |path: &str| {
            let found = self.payloads.iter().position(|call| call.path == path);
            let call = found.and_then(|place| Some((place, self.payloads.get(place)?)));
            let left = call.and_then(|(place, call)| {
                let (tree, refs) = self.machine.left(place as u64)?;
                Some(Part {
                    call: path.to_owned(),
                    label: call.label.clone().unwrap_or_else(|| path.to_owned()),
                    tree: tree.to_owned(),
                    refs: refs.to_vec(),
                })
            });
            left.ok_or_else(|| {
                let message = format!(
                    "merge(): the call {path} has no work of its own to merge; it must have ended, \
                     with `isolation`"
                );
                Outcome::error(SCRIPT_VALIDATION_ERROR, message, false)
            })
        };
        paths.map(part).collect()
    }

    fn work(&mut self, call: u64, attempt: u64) -> Option<(CallKind, Work)> {
        let place = usize::try_from(call).ok()?;
        let asked = self.payloads.get(place)?;
        let cancel = Cancel::new();
        let work = Work {
            call,
            attempt,
            label: asked.label.clone(),
            path: asked.path.clone(),
            phase: asked.phase.clone(),
            payload: asked.payload.value().to_owned_value(),
            turns: self.threads.turns(call),
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
                let parts = self.parts(&work.payload).unwrap_or_default();
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
            CallKind::Workflow => self.nested(&payload),
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

    /// The text of another workflow: one of that name, else the text itself.
    fn nested(&self, payload: &Value<'_>) -> Outcome {
        let source = payload.get_str("source").unwrap_or_default();
        let found = (self.drive.find)(source).map(Ok);
        let script = found.unwrap_or_else(|| Script::of_text(source, "nested.js"));
        match script {
            Ok(script) => Outcome::value(JsonText::new(&script.nested())),
            Err(problem) => Outcome::error(SCRIPT_VALIDATION_ERROR, problem.message.clone(), false),
        }
    }
}

/// What a checkpoint asks. One with a default, or none at all, need not wait for a person.
fn question(payload: &Value<'_>, path: &str) -> Question {
    if let Some(durable) = payload.get("durable") {
        let id = durable.get_str("checkpointId").unwrap_or(path).to_owned();
        return Question {
            id,
            text: JsonText::new(durable),
            reply: None,
        };
    }
    let options = payload.get("options");
    let waits = options.and_then(|options| options.get_str("headless")) == Some("wait");
    let default = options.and_then(|options| options.get("default"));
    let reply = default.map_or_else(|| JsonText::new(&Value::Bool(true)), JsonText::new);
    Question {
        id: path.to_owned(),
        text: JsonText::new(payload),
        reply: (!waits).then_some(reply),
    }
}
