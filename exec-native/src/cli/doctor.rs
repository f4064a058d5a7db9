//! `callsheet doctor`.

use std::time::Duration;

use clap::Args;
use plan_core::base::json::{Print, Text, Writer};
use plan_core::base::record::owned;
use plan_core::persona::detect::{HarnessRecord, VersionProbe, detection_record};
use plan_core::persona::harness::{self, HarnessDef};

use super::Answer;
use super::output::{Output, Shape};
use crate::apply::{Liveness, Run, list_runs};
use crate::error::ExecErrorKind;
use crate::mount::ViewChoice;
use crate::mount::choose::{Needs, known_obstacle};
use crate::os::{env, spawn};
use crate::state::StateHome;

const LAYERS: &str = "layers work here: hidden and read-only paths can be enforced";
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// Checks this machine.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet doctor --json

Exit codes: 0 when nothing is wrong; 6 when a run needs recovery. A harness that is not
installed is no error.")]
pub(super) struct DoctorCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// What is known of one program.
struct Check {
    record: HarnessRecord<'static>,
    /// What is worth knowing besides.
    remark: Option<String>,
}

impl Print for Check {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("name", &self.record.harness);
        out.field("available", &self.record.available);
        out.field("path", &self.record.path);
        out.field("version", &self.record.version);
        out.field("error", &self.record.error);
        out.field("remark", &self.remark);
        out.end_object();
    }
}

impl DoctorCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let path = env::var("PATH");
        let harnesses: Vec<_> = harness::ALL
            .iter()
            .map(|def| check_harness(def, path.as_deref()))
            .collect();
        let tools: Vec<_> = ["git", "npx"]
            .map(|name| check_tool(name, path.as_deref()))
            .into();
        let state = StateHome::from_env()?;
        let runs = list_runs(&state)?;
        let dead = runs
            .iter()
            .filter(|run| matches!(run.liveness, Liveness::Dead | Liveness::Damaged));
        let view = probe_view(&state);
        let dead: Vec<String> = dead.map(|run| run.id.as_str().to_owned()).collect();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("harnesses", &harnesses);
                out.field("tools", &tools);
                out.key("views");
                out.begin_object();
                out.field("overlay", &view.is_none());
                out.field("overlayProblem", &view);
                out.field("copy", &true);
                out.field("inplace", &true);
                out.end_object();
                out.field("stateHome", &*state.root().to_string_lossy());
                out.field("needRecovery", &dead);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        } else {
            for check in harnesses.iter().chain(&tools) {
                output.line(&line(check, output))?;
            }
            output.line(&match &view {
                None => format!("{} overlay   {LAYERS}", output.paint("32", "ok")),
                Some(why) => format!("-- overlay   {why}; a copy is made instead"),
            })?;
            output.line(&format!("state in {}", state.root().display()))?;
            if !dead.is_empty() {
                output.problem(&format!("runs that need recovery: {}", dead.join(", ")));
                output.problem("  help: callsheet recover");
            }
        }
        Ok(if dead.is_empty() {
            0
        } else {
            ExecErrorKind::NeedsRecovery.exit_code()
        })
    }
}

/// Tries a layer over the directory that we are in; says why there can be none.
fn probe_view(state: &StateHome) -> Option<String> {
    let begun = env::current_dir()
        .map_err(|error| error.to_string())
        .and_then(|cwd| Run::begin(state, &cwd).map_err(|error| error.chain()));
    let run = match begun {
        Ok(run) => run,
        Err(why) => return Some(why),
    };
    let project = run.cwd();
    let known = known_obstacle(&Needs {
        choice: ViewChoice::Auto,
        rules: true,
        entered: true,
        installs: false,
        project,
    });
    known.or_else(|| run.try_layer().err())
}

fn line(check: &Check, output: &Output) -> String {
    let record = &check.record;
    let mark = if record.available {
        output.paint("32", "ok")
    } else {
        "--".to_owned()
    };
    let shown = record.version.as_ref().or(record.error.as_ref());
    let shown = shown.or(record.path.as_ref()).map_or("", |text| text);
    let remark = check.remark.as_ref().map(|remark| format!(" ({remark})"));
    format!(
        "{mark} {:<9} {shown}{}",
        record.harness,
        remark.unwrap_or_default()
    )
}

fn check_harness(def: &'static HarnessDef, path: Option<&str>) -> Check {
    let record = probe(def.id, path);
    let remark = match &record.version {
        None if record.path.is_none() => Some(format!("install it with: {}", def.install)),
        Some(text)
            if !text
                .split_whitespace()
                .any(|word| word.starts_with(def.tested)) =>
        {
            Some(format!("plans were measured with {}", def.tested))
        }
        _ => None,
    };
    Check { record, remark }
}

/// Looks a program up and asks it for its version.
fn probe(name: &'static str, path: Option<&str>) -> HarnessRecord<'static> {
    let Some(program) = spawn::find_program(name, path) else {
        return owned_record(&detection_record(name, None));
    };
    let place = program.to_string_lossy();
    match spawn::capture(&program, "--version", PROBE_LIMIT) {
        Ok(captured) => {
            let probe = VersionProbe::Exited {
                status: Some(captured.exit.code),
                stdout: &captured.stdout,
                stderr: &captured.stderr,
            };
            owned_record(&detection_record(name, Some((&place, probe))))
        }
        Err(error) => {
            let error = error.to_string();
            let probe = VersionProbe::Failed { error: &error };
            owned_record(&detection_record(name, Some((&place, probe))))
        }
    }
}

fn owned_record(record: &HarnessRecord<'_>) -> HarnessRecord<'static> {
    let text = |text: &Option<_>| text.as_ref().map(|text: &Text<'_>| owned(text));
    HarnessRecord {
        harness: owned(&record.harness),
        available: record.available,
        path: text(&record.path),
        version: text(&record.version),
        error: text(&record.error),
    }
}

fn check_tool(name: &'static str, path: Option<&str>) -> Check {
    Check {
        record: probe(name, path),
        remark: None,
    }
}
