//! `callsheet execute`.

use std::path::PathBuf;

use clap::Args;
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::base::path::join;
use plan_core::persona::plan::PersonaSpawnPlan;

use super::Answer;
use super::args::HoldArgs;
use super::failure::{Failure, Located};
use super::output::{Output, Shape};
use super::prepare::{project, read_json};
use super::run::kept;
use super::session::Session;
use crate::error::{ExecError, ExecErrorKind};
use crate::launch::run_attached;
use crate::os::owner::leave_session;
use crate::os::{env, own, spawn};

/// Carries out a saved plan.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a command the plan is held until standard input closes or a signal
arrives, then taken back. With one, the command runs in the plan's directory with the plan's
environment.

Examples:
  callsheet plan reviewer.json --json > plan.json
  callsheet execute plan.json -- sh -c 'ls -a; cat CLAUDE.md'
  callsheet execute plan.json --json < /dev/null
  callsheet execute plan.json --detach --until-exit 4711 --json"
)]
pub(super) struct ExecuteCommand {
    /// A file that holds a plan, as `callsheet plan --json` prints it.
    plan: String,
    /// The project directory; the current one by default.
    #[arg(long, short = 'C', value_name = "DIR", default_value = ".")]
    cwd: String,
    /// Prints the run and its directory as JSON, and the report at its end.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    hold: HoldArgs,
    /// Leaves a process behind that holds the plan, and returns as soon as it is ready.
    /// `callsheet dispose` ends it, or the end of the process of --until-exit.
    #[arg(long, conflicts_with = "command")]
    detach: bool,
    /// Is the process that --detach leaves behind.
    #[arg(long, hide = true)]
    detached: bool,
    /// A command to run instead of holding the plan.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Starts the same command again, without us.
fn detach(output: &Output) -> Answer {
    let program = own::program().ok_or_else(|| {
        let message = "the callsheet program cannot be found";
        ExecError::new(ExecErrorKind::Missing, message).hint("set CALLSHEET_BIN to its path")
    })?;
    let arguments = env::arguments().map(|argument| match &*argument {
        "--detach" => "--detached".to_owned(),
        _ => argument,
    });
    let arguments: Vec<String> = arguments.collect();
    let started = spawn::detach(&program, &arguments).map_err(|error| {
        ExecError::new(ExecErrorKind::Failed, "the plan cannot be held").because(error)
    })?;
    output.bytes(&started.output)?;
    output.problem(String::from_utf8_lossy(&started.log).trim_end());
    Ok(started.code)
}

impl ExecuteCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.execute(output)
            .map_err(|failure| failure.json(self.json))
    }

    fn execute(&self, output: &Output) -> Answer {
        if self.detach {
            return detach(output);
        }
        if self.detached {
            leave_session().map_err(|error| {
                let message = "the session cannot be left";
                ExecError::new(ExecErrorKind::Internal, message).because(error)
            })?;
        }
        let value = read_json(&self.plan)?;
        if value.get("cli").is_none() && (value.get("id").or(value.get("personaId"))).is_some() {
            let message = format!("{} holds a persona, not a plan", self.plan);
            let error = Diagnostic::error(Code::RECORD_INVALID, message);
            let help =
                "start it with `callsheet run`, or save its plan with `callsheet plan --json`";
            return Err(Failure::of(error.help(help)));
        }
        let plan = PersonaSpawnPlan::read(&value).map_err(|diagnostic| Failure::Refused {
            problems: vec![Located {
                diagnostic,
                path: Some(self.plan.clone()),
            }],
            json: false,
        })?;
        output.warnings(plan.warnings.iter().flatten());
        let cwd = project(&self.cwd)?;
        let program = self.program(&cwd)?;
        let mut session = Session::open(&plan, &cwd, &program, &self.hold, output)?;
        let code = if let Some((_, args)) = self.command.split_first() {
            session.launch.args = args.to_vec();
            run_attached(&session.launch, &session.cancel)
                .map(|exit| u8::try_from(exit.code).unwrap_or(1))
        } else {
            self.hold(&session, output)
        };
        let json = self.json && !self.detached;
        let (report, closing) = session.close(output);
        if json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", &report.run);
                out.field("clean", &report.is_clean());
                kept(out, &report);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        }
        let code = code?;
        Ok(if code == 0 { closing } else { code })
    }

    /// Says where the plan is, and waits.
    fn hold(&self, session: &Session, output: &Output) -> Result<u8, ExecError> {
        let cwd = session.launch.cwd.to_string_lossy().into_owned();
        let told = if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", session.handle.id().as_str());
                out.field("cwd", &cwd);
                out.end_object();
            });
            output.envelope(&data, &[])
        } else if self.detached {
            output.line(session.handle.id().as_str())
        } else {
            output.note(&format!("run {} is ready in {cwd}", session.handle.id()));
            output.note("close standard input or press Ctrl-C to take it back");
            Ok(())
        };
        if told.is_err() {
            // Nobody hears where the plan is, so nobody can use it.
            return Ok(1);
        }
        let waited = if self.detached {
            env::wait_for_signal(&session.cancel).map(Some)
        } else {
            env::wait_for_end_of_input(&session.cancel)
        };
        let signal = waited.map_err(|error| {
            ExecError::new(ExecErrorKind::Failed, "standard input cannot be read").because(error)
        })?;
        Ok(signal.map_or(0, |signal| u8::try_from(128 + signal).unwrap_or(1)))
    }

    fn program(&self, cwd: &str) -> Result<PathBuf, ExecError> {
        let Some(name) = self.command.first() else {
            return Ok(PathBuf::from(cwd));
        };
        // A relative path is looked up where the command starts.
        if name.contains('/') && spawn::find_program(&join(cwd, name), None).is_some() {
            return Ok(PathBuf::from(name));
        }
        spawn::find_program(name, env::var("PATH").as_deref()).ok_or_else(|| {
            ExecError::new(
                ExecErrorKind::Missing,
                format!("`{name}` is not installed, or not on PATH"),
            )
        })
    }
}
