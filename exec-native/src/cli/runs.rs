//! `callsheet runs` and `callsheet recover`.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use plan_core::base::json::Writer;

use super::Answer;
use super::output::{Output, Shape};
use super::run::kept;
use super::session::tell_kept;
use crate::apply::{
    Cleared, DisposeReport, GcOptions, Liveness, RecoveryReport, dispose, gc, list_runs, recover,
};
use crate::error::{ExecError, ExecErrorKind};
use crate::skills::{SkillCache, sweep_cache};
use crate::state::{RunId, StateHome};

/// Lists runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet runs
  callsheet runs --json")]
pub(super) struct RunsCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Takes back what dead runs left.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet recover
  callsheet recover --cwd ~/src/project

Exit codes: 6 when something could not be taken back. A run whose journal is damaged is
moved to `damaged/` in the state directory, with its backups, and reported once. One whose
directory cannot be opened stays where it is, and the report says what to do.")]
pub(super) struct RecoverCommand {
    /// Only runs about this directory.
    #[arg(long, short = 'C', value_name = "DIR")]
    cwd: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Takes a run back by its id.
#[derive(Debug, Args)]
#[command(
    after_help = "A run whose process is gone is taken back here; a process that holds it is
asked to end it, and this waits until it has.

Examples:
  callsheet dispose r-01m7z5d68w-j19e318sf4
  id=$(callsheet execute plan.json --detach) && callsheet dispose \"$id\""
)]
pub(super) struct DisposeCommand {
    /// The run.
    id: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Clears away what ended runs left: logs of failures, backups of applied changes, what
/// interrupted installers left, half-installed skills.
#[derive(Debug, Args)]
#[command(
    after_help = "Changes that nobody has applied or discarded are never cleared away.

Examples:
  callsheet gc --dry-run
  callsheet gc --older-than 0"
)]
pub(super) struct GcCommand {
    /// How many days old a run must be.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    older_than: u32,
    /// Removes runs with a damaged journal too, with their backups.
    #[arg(long)]
    damaged: bool,
    /// Only says what would go.
    #[arg(long)]
    dry_run: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl RunsCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let runs = list_runs(&StateHome::from_env()?)?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("runs", &runs);
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        if runs.is_empty() {
            output.note("no runs");
        }
        for run in &runs {
            let started = run.started.as_ref();
            let label = started
                .and_then(|started| started.label.as_deref())
                .unwrap_or("-");
            let cwd = started.map_or("-", |started| &started.cwd);
            output.line(&format!(
                "{}  {:<8} {label}  {cwd}",
                run.id,
                run.liveness.as_str()
            ))?;
        }
        if runs.iter().any(|run| run.liveness == Liveness::Dead) {
            output.note("dead runs are taken back by: callsheet recover");
        }
        Ok(0)
    }
}

impl DisposeCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let id = RunId::parse(&self.id).ok_or_else(|| {
            let message = format!("`{}` is no run id", self.id);
            ExecError::new(ExecErrorKind::Usage, message).hint("`callsheet runs` lists the runs")
        })?;
        let report = dispose(&StateHome::from_env()?, &id)?.unwrap_or_default();
        let errors = report.errors();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", id.as_str());
                out.field("clean", &errors.is_empty());
                kept(out, &report);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        } else if errors.is_empty() {
            output.note(&format!("{id}: taken back"));
        }
        tell_kept(&report, output);
        for error in &errors {
            output.problem(&format!("  {}", error.chain()));
        }
        Ok(if errors.is_empty() {
            0
        } else {
            ExecErrorKind::NeedsRecovery.exit_code()
        })
    }
}

impl GcCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let options = GcOptions {
            older_than: Duration::from_secs(u64::from(self.older_than) * 24 * 60 * 60),
            damaged: self.damaged,
            dry_run: self.dry_run,
        };
        let cleared = gc(&StateHome::from_env()?, &options)?;
        if let Some(cache) = SkillCache::from_env().filter(|_| !self.dry_run) {
            let swept = sweep_cache(&cache)?;
            if swept > 0 {
                output.note(&format!("removed {swept} half-installed skills"));
            }
        }
        if self.json {
            let data = Shape(|out: &mut Writer| list_cleared(out, &cleared));
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        for entry in &cleared {
            let verb = match (entry.removed, self.dry_run) {
                (true, false) => "removed",
                (true, true) => "would remove",
                (false, _) => "stays",
            };
            output.line(&format!("{verb}  {}  {}", entry.dir.display(), entry.what))?;
        }
        if cleared.is_empty() {
            output.note("nothing to clear away");
        }
        Ok(0)
    }
}

fn list_cleared(out: &mut Writer, cleared: &[Cleared]) {
    out.begin_object();
    out.key("runs");
    out.begin_array();
    for entry in cleared {
        out.begin_object();
        out.field("directory", &*entry.dir.to_string_lossy());
        out.field("held", entry.what);
        out.field("removed", &entry.removed);
        out.end_object();
    }
    out.end_array();
    out.end_object();
}

impl RecoverCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let state = StateHome::from_env()?;
        let reports = recover(&state, self.cwd.as_deref().map(Path::new))?;
        let failed = reports.iter().any(|report| !is_over(report));
        if self.json {
            let data = Shape(|out: &mut Writer| recovered(out, &reports));
            output.envelope(&data, &[])?;
        } else {
            tell(&reports, output);
        }
        Ok(if failed {
            ExecErrorKind::NeedsRecovery.exit_code()
        } else {
            0
        })
    }
}

fn is_over(report: &RecoveryReport) -> bool {
    report
        .result
        .as_ref()
        .is_ok_and(|dispose| dispose.closed && dispose.errors().is_empty())
}

fn tell(reports: &[RecoveryReport], output: &Output) {
    if reports.is_empty() {
        output.note("nothing to recover");
    }
    for report in reports {
        match &report.result {
            Ok(dispose) => {
                let state = if is_over(report) {
                    "taken back"
                } else {
                    "not fully taken back"
                };
                output.note(&format!(
                    "{}: {state}, {} actions",
                    report.id,
                    dispose.entries.len()
                ));
                tell_kept(dispose, output);
                for error in dispose.errors() {
                    output.problem(&format!("  {}", error.chain()));
                }
            }
            Err(error) => output.problem(&format!("{}: {}", report.id, error.chain())),
        }
    }
}

fn recovered(out: &mut Writer, reports: &[RecoveryReport]) {
    out.begin_object();
    out.key("runs");
    out.begin_array();
    for report in reports {
        out.begin_object();
        out.field("id", report.id.as_str());
        out.field("recovered", &is_over(report));
        let kept = report.result.iter().flat_map(DisposeReport::kept);
        let kept: Vec<&str> = kept.map(|(entry, _)| entry.line.as_str()).collect();
        out.field("kept", &kept);
        let errors: Vec<String> = match &report.result {
            Ok(dispose) => dispose.errors().iter().map(ExecError::chain).collect(),
            Err(error) => vec![error.chain()],
        };
        out.field("errors", &errors);
        out.end_object();
    }
    out.end_array();
    out.end_object();
}
