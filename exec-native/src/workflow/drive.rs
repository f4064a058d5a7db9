//! What a run is driven with, and what only its driver knows of the calls of its script.

use std::collections::BTreeMap;
use std::path::PathBuf;

use plan_core::base::json::Value;
use plan_core::workflow::identity::{Effect, content_key, effect_key};
use plan_core::workflow::machine::{Issued, Item, Machine, Question, Terms};
use plan_core::workflow::policy::{Limits, SCRIPT_VALIDATION_ERROR, WORKFLOW_ABORTED};
use plan_core::workflow::record::{Agents as Named, Outcome, RunRecord};
use plan_core::workflow::vm::{self, Budget, CallError, CallKind, JsonText, Settle, Start};

use super::agent::{Agents, Request};
use super::gather::{Gather, Part};
use super::library::given;
use super::script::Script;
use super::thread::Threads;
use crate::os::proc::Cancel;

/// What a run is driven with.
pub struct Drive<'d> {
    /// The script.
    pub script: &'d Script,
    /// What it is given.
    pub args: JsonText,
    /// The workspace.
    pub cwd: PathBuf,
    /// Which earlier results count.
    pub terms: Terms,
    /// Who works on calls of agents.
    pub agents: &'d dyn Agents,
    /// Who that is, for whoever goes on.
    pub named: Named,
    /// Finds other workflows by name, or says why not; `None` for what is no name.
    pub find: &'d (dyn Fn(&str) -> Option<Result<Script, String>> + Sync),
    /// The variables of the environment that the script may ask for.
    pub variables: BTreeMap<String, Option<String>>,
    /// What the script's engine may take.
    pub engine: EngineLimits,
    /// Hears every record as it is made.
    pub events: &'d dyn Fn(&RunRecord),
    /// The flag by which somebody asks to stop.
    pub cancel: &'d Cancel,
}

impl Drive<'_> {
    /// What the script's host is to begin with.
    pub(super) fn start(&self, limits: &Limits) -> Start {
        let script = self.script;
        Start {
            script: script.text.clone(),
            statement: script.statement(),
            name: script.file.clone(),
            args: self.args.clone(),
            cwd: self.cwd.display().to_string(),
            phases: script.titles(),
            budget: Budget {
                total: limits.budget,
                spent: 0,
            },
            memory: self.engine.memory,
            fuel: self.engine.fuel,
        }
    }

    /// Adds to what a script caused what only we know of its calls, which are kept.
    pub(super) fn items(
        &self,
        events: Vec<vm::Event>,
        calls: &mut Calls,
        machine: &Machine,
    ) -> Vec<Item> {
        let items = events.into_iter().map(|event| match event {
            vm::Event::Call(call) => {
                let mut issued = self.issued(&call, &mut calls.threads);
                if call.kind == CallKind::Merge {
                    merges(&mut issued, calls, machine);
                }
                mark(&mut issued, machine);
                calls.all.push(call);
                Item::Call(Box::new(issued))
            }
            vm::Event::Open(open) => Item::Open(open),
            vm::Event::Join(join) => Item::Join(join),
            vm::Event::GivenUp(given_up) => Item::GivenUp(given_up),
            vm::Event::Phase(phase) => Item::Phase(phase),
            vm::Event::Log(log) => Item::Log(log),
            vm::Event::Warning(warning) => Item::Warning(warning),
        });
        items.collect()
    }

    /// Adds to a call what only we know of it.
    fn issued(&self, call: &vm::Call, threads: &mut Threads) -> Issued {
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
                let thread = threads.joins(call, &payload);
                let prepared = self.agents.prepare(&Request {
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
            CallKind::Checkpoint if headless(&payload) == Some("abort") => {
                let message = "the checkpoint needs a person, and nobody can be asked";
                issued.refused = Some(Outcome::error(WORKFLOW_ABORTED, message, false));
            }
            CallKind::Checkpoint => issued.question = Some(question(&payload, &call.path)),
            CallKind::Env => {
                let name = payload.get_str("name").unwrap_or_default();
                if !self.variables.contains_key(name) {
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
            CallKind::Merge
            | CallKind::Sleep
            | CallKind::Now
            | CallKind::Random
            | CallKind::Uuid
            | CallKind::Workflow => {}
        }
        if call.kind != CallKind::Agent {
            issued.content = content_key(call.kind, &payload);
        }
        issued
    }

    /// The text of another workflow: one of that name, else the text itself; and what it is
    /// given.
    pub(super) fn nested(&self, payload: &Value<'_>) -> Outcome {
        let source = payload.get_str("source").unwrap_or_default();
        let invalid = |message: String| Outcome::error(SCRIPT_VALIDATION_ERROR, message, false);
        let found = (self.find)(source);
        let text = || Script::of_text(source, "nested.js").map_err(|problem| problem.to_string());
        let script = match found.unwrap_or_else(text) {
            Ok(script) => script,
            Err(problem) => return invalid(problem),
        };
        let mut nested = script.nested();
        if !script.parameters.is_empty() {
            let whole = payload.get("args").unwrap_or(&Value::Null);
            match given(&script, whole, &[]) {
                Ok(given) => nested.args = Some(given),
                Err(error) => return invalid(error.chain()),
            }
        }
        Outcome::value(JsonText::new(&nested))
    }
}

impl std::fmt::Debug for Drive<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What the script is given and may ask for can be secret.
        out.debug_struct("Drive")
            .field("cwd", &self.cwd)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

/// Names what a call changes outside.
fn mark(issued: &mut Issued, machine: &Machine) {
    if issued.effect != Effect::External {
        return;
    }
    let payload = issued.call.payload.value();
    let named = payload
        .get("options")
        .and_then(|options| options.get_str("key"));
    let place = (&*issued.call.path, &*issued.content);
    issued.key = Some(effect_key(machine.run(), named, place));
}

/// Finds what a call wants to merge: the work of calls that have ended.
fn merges(issued: &mut Issued, calls: &Calls, machine: &Machine) {
    // It can be done again: what is in a branch already stays as it is.
    issued.effect = Effect::Workspace;
    let payload = issued.call.payload.value();
    match calls.parts(&payload, machine) {
        Ok(parts) => issued.content = Gather::content(&parts, &payload),
        Err(problem) => issued.refused = Some(problem),
    }
}

/// What the script's engine may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLimits {
    /// Bytes.
    pub memory: u64,
    /// Turns of the engine's counter.
    pub fuel: u64,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            fuel: 2_000_000,
        }
    }
}

/// The calls of a script so far.
#[derive(Debug, Default)]
pub(super) struct Calls {
    all: Vec<vm::Call>,
    /// Its conversations.
    pub(super) threads: Threads,
}

impl Calls {
    /// Returns a call by its number.
    pub(super) fn get(&self, call: u64) -> Option<&vm::Call> {
        self.all.get(usize::try_from(call).ok()?)
    }

    /// Returns the work of the calls that a call wants to merge.
    ///
    /// # Errors
    /// One of them has none.
    pub(super) fn parts(
        &self,
        payload: &Value<'_>,
        machine: &Machine,
    ) -> Result<Vec<Part>, Outcome> {
        let paths = payload.get("calls").and_then(Value::as_array);
        let paths = paths.unwrap_or_default().iter().filter_map(Value::as_str);
        let part = |path: &str| {
            let found = self.all.iter().position(|call| call.path == path);
            let call = found.and_then(|place| Some((place, self.all.get(place)?)));
            let left = call.and_then(|(place, call)| {
                let (tree, refs) = machine.left(place as u64)?;
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

    /// What the script is told of a call that has ended.
    pub(super) fn settle(
        &mut self,
        call: u64,
        outcome: &Outcome,
        spent: u64,
        value: Option<JsonText>,
    ) -> Settle {
        let error = outcome.code.as_ref().map(|code| CallError {
            code: code.clone(),
            message: outcome.message.clone().unwrap_or_default(),
            recoverable: outcome.recoverable.unwrap_or(false),
        });
        let value = value.filter(|_| error.is_none());
        self.threads.told(call, value.as_ref());
        Settle {
            call,
            value,
            error,
            spent,
        }
    }
}

/// What a checkpoint wants where nobody can be asked.
fn headless<'p>(payload: &'p Value<'_>) -> Option<&'p str> {
    payload.get("options")?.get_str("headless")
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
    let waits = headless(payload) == Some("wait");
    let default = options.and_then(|options| options.get("default"));
    let default = default.filter(|default| **default != Value::Null);
    let reply = default.map_or_else(|| JsonText::new(&Value::Bool(true)), JsonText::new);
    Question {
        id: path.to_owned(),
        text: JsonText::new(payload),
        reply: (!waits).then_some(reply),
    }
}
