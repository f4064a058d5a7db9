//! `callsheet workflow pause|stop|abandon|remove|answer|raise|salvage`.

use clap::Args;
use plan_core::base::json::{self, Object, Value};
use plan_core::workflow::record::{CheckpointAnswered, LimitsRaised, RunEnd, RunEnded, RunRecord};
use plan_core::workflow::vm::JsonText;

use super::super::Answer;
use super::super::output::Output;
use super::look::find;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::now_ms;
use crate::state::StateHome;
use crate::workflow::raised;
use crate::workflow::store::{Store, salvage};

#[derive(Debug, Args)]
#[command(
    after_help = "Calls that are at work are broken off; what has a result keeps it.

Example:
  callsheet workflow stop audit-01m7z5d68w-j19e318sf4 --reason 'wrong branch'"
)]
pub(super) struct StopCommand {
    /// The run.
    id: String,
    /// Why, for whoever goes on.
    #[arg(long, value_name = "TEXT", default_value = "asked")]
    reason: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet workflow remove audit-01m7z5d68w-j19e318sf4")]
pub(super) struct RemoveCommand {
    /// The run.
    id: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet workflow answer ID release true
  callsheet workflow answer ID release '{\"version\": 2}'")]
pub(super) struct AnswerCommand {
    /// The run.
    id: String,
    /// The checkpoint, as the run's reason or `show` names it.
    checkpoint: String,
    /// The answer, as JSON.
    answer: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet workflow raise ID --budget 500000")]
pub(super) struct RaiseCommand {
    /// The run.
    id: String,
    /// How many tokens it may take, over all executions.
    #[arg(long, value_name = "TOKENS")]
    budget: Option<u64>,
    /// How many agents it may call.
    #[arg(long, value_name = "N")]
    max_agents: Option<u64>,
    /// How many calls are worked on at the same time.
    #[arg(long, value_name = "N")]
    concurrency: Option<u64>,
}

#[derive(Debug, Args)]
#[command(after_help = "The whole journal is kept beside what stays of it.

Example:
  callsheet workflow salvage audit-01m7z5d68w-j19e318sf4")]
pub(super) struct SalvageCommand {
    /// The run.
    id: String,
}

/// Asks whoever drives a run; when nobody does, `alone` changes it itself.
fn ask(
    id: &str,
    request: Object<'_>,
    alone: impl FnOnce(&mut Store) -> Result<(), ExecError>,
) -> Result<bool, ExecError> {
    let file = find(id)?;
    if file.is_driven()? {
        file.ask(&Value::Object(request))?;
        return Ok(true);
    }
    let (mut store, _) = Store::open(&StateHome::from_env()?, id)?;
    alone(&mut store)?;
    store.flush()?;
    Ok(false)
}

impl StopCommand {
    pub(super) fn answer(&self, verb: &'static str, output: &Output) -> Answer {
        let mut request = Object::new();
        request.insert("do", verb);
        request.insert("reason", self.reason.clone());
        let end = match verb {
            "pause" => RunEnd::Paused,
            "stop" => RunEnd::Stopped,
            _ => RunEnd::Abandoned,
        };
        let mut already = false;
        let asked = ask(&self.id, request, |store| {
            let ended = store.history().ended().map(|ended| ended.end);
            // One that has ended stays as it is, unless it is given up.
            already = ended.is_some() && end != RunEnd::Abandoned;
            if already {
                return Ok(());
            }
            store.end_leftovers()?;
            store.append(&RunRecord::Ended(RunEnded {
                epoch: 0,
                end,
                reason: Some(self.reason.clone()),
                outcome: None,
                at: now_ms(),
            }))
        })?;
        output.note(match (asked, already) {
            (true, _) => "asked whoever drives it",
            (false, true) => "it does not run",
            (false, false) => "done",
        });
        Ok(0)
    }
}

impl RemoveCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let (store, _) = Store::open(&StateHome::from_env()?, &self.id)?;
        store.end_leftovers()?;
        store.remove()?;
        output.note("removed");
        Ok(0)
    }
}

impl AnswerCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let answer = json::read(&self.answer).map_err(|error| {
            let message = format!("the answer is no JSON: {error}");
            ExecError::new(ExecErrorKind::Usage, message).hint("for a text: '\"the text\"'")
        })?;
        let file = find(&self.id)?;
        let asked: Vec<&str> = file
            .records
            .iter()
            .filter_map(|record| match record {
                RunRecord::Asked(asked) => Some(&*asked.id),
                _ => None,
            })
            .collect();
        if !asked.contains(&&*self.checkpoint) {
            let message = format!("the run never asked `{}`", self.checkpoint);
            let error = ExecError::new(ExecErrorKind::Usage, message);
            let known = asked.join(", ");
            return Err(error.hint(format!("it asked: {known}")).into());
        }
        let known = file.history.answer(&self.checkpoint);
        let text = JsonText::new(&answer);
        if known.is_some_and(|known| *known != text) {
            let message = format!("`{}` was answered otherwise", self.checkpoint);
            return Err(ExecError::new(ExecErrorKind::Refused, message).into());
        }
        let mut request = Object::new();
        request.insert("do", "answer");
        request.insert("id", self.checkpoint.clone());
        request.insert("answer", answer);
        let asked = ask(&self.id, request, |store| {
            if known.is_some() {
                return Ok(());
            }
            store.append(&RunRecord::Answered(CheckpointAnswered {
                id: self.checkpoint.clone(),
                answer: text.clone(),
                at: now_ms(),
            }))
        })?;
        output.note(if asked {
            "told whoever drives it"
        } else {
            "kept; `callsheet workflow resume` goes on"
        });
        Ok(0)
    }
}

impl RaiseCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let mut request = Object::new();
        request.insert("do", "raise");
        let named = [
            ("budget", self.budget),
            ("maxAgents", self.max_agents),
            ("concurrency", self.concurrency),
        ];
        if named.iter().all(|(_, number)| number.is_none()) {
            let message = "nothing to raise";
            let error = ExecError::new(ExecErrorKind::Usage, message);
            return Err(error
                .hint("name --budget, --max-agents or --concurrency")
                .into());
        }
        for (name, number) in named {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            if let Some(number) = number {
                request.insert(name, Value::Number(number as f64));
            }
        }
        let wanted = Value::Object(request.clone()).to_owned_value();
        let asked = ask(&self.id, request, |store| {
            let limits = raised(&wanted, store.history().limits());
            store.append(&RunRecord::Raised(LimitsRaised { limits }))
        })?;
        output.note(if asked {
            "told whoever drives it"
        } else {
            "kept; `callsheet workflow resume` goes on"
        });
        Ok(0)
    }
}

impl SalvageCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let done = salvage(&StateHome::from_env()?, &self.id)?;
        let number = |name: &str| done.get(name).copied().unwrap_or(0);
        output.note(&format!(
            "{} records kept, {} bytes cut off; the whole journal is kept beside them",
            number("kept"),
            number("cut")
        ));
        Ok(0)
    }
}
