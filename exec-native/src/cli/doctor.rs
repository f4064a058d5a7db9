//! `callsheet doctor`.

use std::time::Duration;

use clap::Args;
use plan_core::base::json::{Print, Writer};
use plan_core::persona::harness::{self, HarnessDef};

use super::Answer;
use super::output::{Output, Shape};
use crate::apply::{Liveness, list_runs};
use crate::error::ExecErrorKind;
use crate::os::{env, spawn};
use crate::state::StateHome;

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
    name: &'static str,
    path: Option<String>,
    version: Option<String>,
    /// What is wrong or worth knowing.
    remark: Option<String>,
}

impl Print for Check {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        out.field("name", self.name);
        out.field("available", &self.path.is_some());
        out.field("path", &self.path);
        out.field("version", &self.version);
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
        let tools: Vec<_> = ["git", "tmux", "npx"]
            .map(|name| check_tool(name, path.as_deref()))
            .into();
        let state = StateHome::from_env()?;
        let runs = list_runs(&state)?;
        let dead = runs
            .iter()
            .filter(|run| matches!(run.liveness, Liveness::Dead | Liveness::Damaged));
        let dead: Vec<String> = dead.map(|run| run.id.as_str().to_owned()).collect();
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("harnesses", &harnesses);
                out.field("tools", &tools);
                out.field("stateHome", &*state.root().to_string_lossy());
                out.field("needRecovery", &dead);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        } else {
            for check in harnesses.iter().chain(&tools) {
                output.line(&line(check, output))?;
            }
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

fn line(check: &Check, output: &Output) -> String {
    let mark = if check.path.is_some() {
        output.paint("32", "ok")
    } else {
        "--".to_owned()
    };
    let version = check
        .version
        .as_deref()
        .or(check.path.as_deref())
        .unwrap_or("not installed");
    let remark = check.remark.as_ref().map(|remark| format!(" ({remark})"));
    format!(
        "{mark} {:<9} {version}{}",
        check.name,
        remark.unwrap_or_default()
    )
}

fn check_harness(def: &'static HarnessDef, path: Option<&str>) -> Check {
    let Some(program) = spawn::find_program(def.id, path) else {
        let remark = Some(format!("install it with: {}", def.install));
        return Check {
            name: def.id,
            path: None,
            version: None,
            remark,
        };
    };
    let version = spawn::first_line(&program, "--version", PROBE_LIMIT);
    let remark = match &version {
        Some(text)
            if text
                .split([' ', '\t'])
                .any(|word| word.starts_with(def.tested)) =>
        {
            None
        }
        Some(_) => Some(format!("plans were measured with {}", def.tested)),
        None => Some("`--version` did not answer".to_owned()),
    };
    Check {
        name: def.id,
        path: Some(program.to_string_lossy().into_owned()),
        version,
        remark,
    }
}

fn check_tool(name: &'static str, path: Option<&str>) -> Check {
    let program = spawn::find_program(name, path);
    let path = program.map(|program| program.to_string_lossy().into_owned());
    Check {
        name,
        path,
        version: None,
        remark: None,
    }
}
