//! `callsheet runs` and `callsheet recover`.

use std::path::Path;

use clap::Args;
use plan_core::base::json::Writer;

use super::Answer;
use super::output::{Output, Shape};
use super::session::tell_kept;
use crate::apply::{DisposeReport, Liveness, RecoveryReport, RunSummary, list_runs, recover};
use crate::error::{ExecError, ExecErrorKind};
use crate::state::StateHome;

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
moved to `damaged/` in the state directory, with its backups, and reported once.")]
pub(super) struct RecoverCommand {
    /// Only runs about this directory.
    #[arg(long, short = 'C', value_name = "DIR")]
    cwd: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Returns the word for how a run is doing.
fn word(liveness: Liveness) -> &'static str {
    match liveness {
        Liveness::Live => "live",
        Liveness::Dead => "dead",
        Liveness::Closed => "closed",
        Liveness::Committed => "committed",
        Liveness::Damaged => "damaged",
    }
}

impl RunsCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let runs = list_runs(&StateHome::from_env()?)?;
        if self.json {
            let data = Shape(|out: &mut Writer| list(out, &runs));
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
                word(run.liveness)
            ))?;
        }
        if runs.iter().any(|run| run.liveness == Liveness::Dead) {
            output.note("dead runs are taken back by: callsheet recover");
        }
        Ok(0)
    }
}

fn list(out: &mut Writer, runs: &[RunSummary]) {
    out.begin_object();
    out.key("runs");
    out.begin_array();
    for run in runs {
        let started = run.started.as_ref();
        out.begin_object();
        out.field("id", run.id.as_str());
        out.field("state", word(run.liveness));
        out.field("label", &started.and_then(|started| started.label.as_ref()));
        out.field("cwd", &started.map(|started| &started.cwd));
        out.field("directory", &*run.dir.to_string_lossy());
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
