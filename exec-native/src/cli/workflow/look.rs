//! `callsheet workflow check|list|show|logs`.

use std::path::PathBuf;

use clap::Args;
use plan_core::base::json::Writer;
use plan_core::workflow::ledger::Usage;
use plan_core::workflow::record::{RunEnd, RunRecord};

use super::super::Answer;
use super::super::output::{Output, Shape};
use super::load;
use crate::error::{ExecError, ExecErrorKind};
use crate::state::StateHome;
use crate::workflow::store::{RunFile, list, read};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet workflow check audit.js")]
pub(super) struct CheckCommand {
    /// The script.
    script: PathBuf,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet workflow list")]
pub(super) struct ListCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet workflow show audit-01m7z5d68w-j19e318sf4")]
pub(super) struct ShowCommand {
    /// The run.
    id: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet workflow logs audit-01m7z5d68w-j19e318sf4")]
pub(super) struct LogsCommand {
    /// The run.
    id: String,
}

/// What a run has taken, in words.
pub(super) fn tokens(usage: &Usage) -> String {
    let about = if usage.estimated == Some(true) {
        "about "
    } else {
        ""
    };
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let cost = usage.cost.0 as f64 / 1e6;
    let cost = if cost > 0.0 {
        format!(", ${cost:.4}")
    } else {
        String::new()
    };
    format!("{about}{} tokens{cost}", usage.tokens())
}

/// Finds a run.
pub(super) fn find(id: &str) -> Result<RunFile, ExecError> {
    let found = read(&StateHome::from_env()?, id)?;
    found.ok_or_else(|| {
        let error = ExecError::new(ExecErrorKind::Missing, format!("there is no run `{id}`"));
        error.hint("`callsheet workflow list` shows those that there are")
    })
}

/// How a run stands, in one word.
pub(super) fn standing(file: &RunFile) -> Result<&'static str, ExecError> {
    if file.is_driven()? {
        return Ok("running");
    }
    let ended = file.history.ended();
    Ok(match ended.map(|ended| ended.end) {
        // Its process died: it can go on.
        None => "interrupted",
        Some(end) => end.as_str(),
    })
}

impl CheckCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.tell(output).map_err(|failure| failure.json(self.json))
    }

    fn tell(&self, output: &Output) -> Answer {
        let script = load(&self.script)?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("name", &script.name);
                out.field("description", &script.description);
                out.field("phases", &script.phases);
                out.field("model", &script.model);
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        output.line(&format!("{}: {}", script.name, script.description))?;
        for phase in &script.phases {
            output.line(&format!("  {}", phase.title))?;
        }
        Ok(0)
    }
}

impl ListCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.tell(output).map_err(|failure| failure.json(self.json))
    }

    fn tell(&self, output: &Output) -> Answer {
        let state = StateHome::from_env()?;
        let mut files = Vec::new();
        for id in list(&state)? {
            match read(&state, &id) {
                Ok(file) => files.extend(file),
                Err(error) => output.note(&format!("{id}: {error}")),
            }
        }
        // The latest stands last, where a terminal shows it.
        files.sort_by_key(|file| file.history.opened().map_or(0, |opened| opened.at));
        if self.json {
            let mut rows = Vec::new();
            for file in &files {
                rows.push((file, standing(file)?));
            }
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.key("runs");
                out.begin_array();
                for (file, standing) in &rows {
                    out.begin_object();
                    out.field("run", &file.id);
                    out.field(
                        "name",
                        &file.history.opened().map(|opened| opened.name.clone()),
                    );
                    out.field("standing", *standing);
                    out.field("calls", &(file.history.calls().len() as u64));
                    out.field("usage", file.history.ledger().spent());
                    out.end_object();
                }
                out.end_array();
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        if files.is_empty() {
            output.note("no runs");
        }
        for file in &files {
            let standing = standing(file)?;
            let calls = file.history.calls().len();
            let taken = tokens(file.history.ledger().spent());
            output.line(&format!(
                "{}  {standing:<11} {calls} calls, {taken}",
                file.id
            ))?;
        }
        Ok(0)
    }
}

impl ShowCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.tell(output).map_err(|failure| failure.json(self.json))
    }

    fn tell(&self, output: &Output) -> Answer {
        let file = find(&self.id)?;
        let standing = standing(&file)?;
        let history = &file.history;
        let ended = history.ended();
        let reason = ended.and_then(|ended| ended.reason.clone());
        let open = history.calls().iter().filter(|call| !call.settled).count() as u64;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", &file.id);
                out.field("standing", standing);
                out.field("reason", &reason);
                out.field("executions", &history.epoch());
                out.field("limits", history.limits());
                out.field("usage", history.ledger().spent());
                out.key("calls");
                out.begin_array();
                for call in history.calls() {
                    out.begin_object();
                    out.field("path", &call.issued.path);
                    out.field("kind", &call.issued.kind);
                    out.field("label", &call.issued.label);
                    out.field("phase", &call.issued.phase);
                    out.field("settled", &call.settled);
                    out.end_object();
                }
                out.end_array();
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        output.line(&format!("{}  {standing}", file.id))?;
        if let Some(reason) = reason {
            output.line(&format!("  {reason}"))?;
        }
        let (executions, calls) = (history.epoch(), history.calls().len());
        output.line(&format!(
            "  {executions} executions, {calls} calls ({open} without a result), {}",
            tokens(history.ledger().spent())
        ))?;
        for call in history.calls() {
            let mark = if call.settled { "✓" } else { "…" };
            let issued = &call.issued;
            let label = issued.label.as_deref().unwrap_or(issued.kind.as_str());
            output.line(&format!("  {mark} {:<14} {label}", issued.path))?;
        }
        let outcome = ended.and_then(|ended| ended.outcome.as_ref());
        if let Some(outcome) = outcome {
            let failed = ended.is_some_and(|ended| ended.end == RunEnd::Failed);
            let text = file.text(outcome)?;
            let text = text.or_else(|| outcome.message.clone()).unwrap_or_default();
            let word = if failed { "error" } else { "result" };
            output.line(&format!("  {word}: {text}"))?;
        }
        Ok(0)
    }
}

impl LogsCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let file = find(&self.id)?;
        // What a resumed script says again stands once.
        let latest = file.history.epoch();
        for record in &file.records {
            match record {
                RunRecord::Logged(log) if log.epoch == latest => {
                    let level = match &*log.level {
                        "warn" | "error" => format!("[{}] ", log.level),
                        _ => String::new(),
                    };
                    output.line(&format!("{level}{}", log.message))?;
                }
                RunRecord::Phase(phase) if phase.epoch == latest => {
                    output.line(&format!("# {}", phase.title))?;
                }
                _ => {}
            }
        }
        Ok(0)
    }
}
