//! `callsheet workflow list|show|logs`.

use std::time::Duration;

use clap::Args;
use plan_core::base::json::Writer;
use plan_core::workflow::record::{RunEnd, RunRecord};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::lines::{one_line, question, span, tokens};
use super::said;
use super::tree::tree;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::{now_ms, rest};
use crate::state::StateHome;
use crate::workflow::store::{RunFile, list, read};
use crate::workflow::tail::Tail;
use crate::workflow::view::View;

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
  callsheet workflow logs audit-01m7z5d68w-j19e318sf4
  callsheet workflow logs ID --follow")]
pub(super) struct LogsCommand {
    /// The run.
    id: String,
    /// What an agent said while it worked, by its label, its place or the number of its call.
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Goes on as long as somebody drives the run.
    #[arg(long, short)]
    follow: bool,
}

/// How often a journal is looked at.
pub(super) const POLL: Duration = Duration::from_millis(100);

/// Finds a run.
pub(super) fn find(id: &str) -> Result<RunFile, ExecError> {
    let found = read(&StateHome::from_env()?, id)?;
    found.ok_or_else(|| {
        let error = ExecError::new(ExecErrorKind::Missing, format!("there is no run `{id}`"));
        error.hint("`callsheet workflow list` shows those that there are")
    })
}

/// The word for a run that somebody drives.
pub(super) const RUNNING: &str = "running";

/// How a run stands, in one word.
pub(super) fn standing(file: &RunFile) -> Result<&'static str, ExecError> {
    if file.is_driven()? {
        return Ok(RUNNING);
    }
    let ended = file.history.ended();
    Ok(match ended.map(|ended| ended.end) {
        // Its process died: it can go on.
        None => "interrupted",
        Some(end) => end.as_str(),
    })
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
                    out.field("driven", &(*standing == RUNNING));
                    out.field("at", &file.history.opened().map(|opened| opened.at));
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
        let now = now_ms();
        let mut rows = Vec::new();
        for file in &files {
            let opened = file.history.opened();
            let spent = file.history.ledger().spent();
            rows.push([
                file.id.clone(),
                standing(file)?.to_owned(),
                opened.map_or_else(String::new, |opened| span(now.saturating_sub(opened.at))),
                format!("{} calls", file.history.calls().len()),
                tokens(spent),
                opened.map_or_else(String::new, |opened| one_line(&opened.name)),
            ]);
        }
        for line in columns(&rows) {
            output.line(&line)?;
        }
        Ok(0)
    }
}

/// Rows whose columns stand below one another.
fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
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
        let mut view = View::default();
        for record in &file.records {
            view.take(record);
        }
        for line in tree(&view.calls) {
            output.line(&format!("  {line}"))?;
        }
        for asked in &view.questions {
            let question = question(&asked.question);
            output.line(&format!("  asks {}: {question}", asked.id))?;
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
        if let Some(agent) = &self.agent {
            return said::tell(&file, agent, self.follow, output);
        }
        // What a resumed script says again stands once.
        let latest = file.history.epoch();
        for record in &file.records {
            tell(record, latest, output)?;
        }
        if !self.follow {
            return Ok(0);
        }
        let mut tail = Tail::behind(&file)?;
        loop {
            // In this order: what its driver wrote last is not missed.
            let driven = file.is_driven()?;
            let records = tail.more()?;
            for record in &records {
                tell(record, 0, output)?;
            }
            if !driven && records.is_empty() {
                return Ok(0);
            }
            rest(POLL);
        }
    }
}

/// Prints what a script said in an execution, or in a later one.
fn tell(record: &RunRecord, since: u64, output: &Output) -> Result<(), Failure> {
    match record {
        RunRecord::Logged(log) if log.epoch >= since => {
            let level = match &*log.level {
                "warn" | "error" => format!("[{}] ", log.level),
                _ => String::new(),
            };
            output.line(&format!("{level}{}", log.message))
        }
        RunRecord::Phase(phase) if phase.epoch >= since => {
            output.line(&format!("# {}", phase.title))
        }
        _ => Ok(()),
    }
}
