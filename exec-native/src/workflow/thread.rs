//! Conversations: calls of one `thread` see what was asked and answered in it before. What
//! was said is kept with the run like every answer, so a conversation goes on after a crash
//! and with every agent, whatever sessions that has.

use std::collections::BTreeMap;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json::Value;
use plan_core::workflow::policy::SCRIPT_VALIDATION_ERROR;
use plan_core::workflow::record::Outcome;
use plan_core::workflow::vm::{Call, JsonText};

/// Something that was asked and answered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// What was asked.
    pub prompt: String,
    /// What was answered.
    pub answer: String,
}

/// The conversations of a script.
#[derive(Debug, Default)]
pub(super) struct Threads {
    threads: BTreeMap<String, Thread>,
    /// The conversation and the prompt of each call that has not ended.
    open: BTreeMap<u64, (String, String)>,
}

#[derive(Debug, Default)]
struct Thread {
    turns: Vec<Turn>,
    busy: bool,
}

impl Threads {
    /// Lets a call join the conversation that it names; returns the name with all that was
    /// said, which is part of what the call is. `None` when it names none.
    ///
    /// # Errors
    /// Another call of the conversation has not ended.
    pub(super) fn joins(
        &mut self,
        call: &Call,
        payload: &Value<'_>,
    ) -> Result<Option<String>, Outcome> {
        let name = payload
            .get("options")
            .and_then(|options| options.get_str("thread"));
        let Some(name) = name else {
            return Ok(None);
        };
        let thread = self.threads.entry(name.to_owned()).or_default();
        if thread.busy {
            let message =
                format!("calls of the thread `{name}` must not overlap: await one before the next");
            return Err(Outcome::error(SCRIPT_VALIDATION_ERROR, message, false));
        }
        thread.busy = true;
        let prompt = payload.get_str("prompt").unwrap_or_default();
        self.open
            .insert(call.id, (name.to_owned(), prompt.to_owned()));
        Ok(Some(key(name, &thread.turns)))
    }

    /// Notes what the script was told of a call; a failure is no part of the conversation.
    pub(super) fn told(&mut self, call: u64, value: Option<&JsonText>) {
        let Some((name, prompt)) = self.open.remove(&call) else {
            return;
        };
        let thread = self.threads.entry(name).or_default();
        thread.busy = false;
        if let Some(value) = value {
            let text = value.as_str();
            let read = value.value();
            let answer = read.as_str().unwrap_or(text).to_owned();
            thread.turns.push(Turn { prompt, answer });
        }
    }

    /// Returns what was said before a call in its conversation.
    pub(super) fn turns(&self, call: u64) -> Vec<Turn> {
        let thread = self
            .open
            .get(&call)
            .and_then(|(name, _)| self.threads.get(name));
        thread
            .map(|thread| thread.turns.clone())
            .unwrap_or_default()
    }
}

/// Names a conversation together with all that was said in it.
fn key(name: &str, turns: &[Turn]) -> String {
    let mut text = String::new();
    for turn in turns {
        for part in [&turn.prompt, &turn.answer] {
            text.push_str(&sha256_hex(part.as_bytes()));
        }
    }
    format!("{name} {}", sha256_hex(text.as_bytes()))
}
