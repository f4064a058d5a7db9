//! `callsheet execute`.

use std::path::PathBuf;

use clap::Args;
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::base::path::join;
use plan_core::base::text::shell_join;
use plan_core::persona::plan::PersonaSpawnPlan;
use plan_core::persona::skills::{SkillInstall, foreign_installs};

use super::Answer;
use super::args::{CommandArgs, HoldArgs, SkillArgs};
use super::failure::Failure;
use super::output::{Output, Shape};
use super::plan::{effect_lines, lowered};
use super::prepare::{project, read_json};
use super::report::Located;
use super::run::kept;
use super::session::{Session, Terms, view};
use crate::error::{ExecError, ExecErrorKind};
use crate::launch::own_program;
use crate::launch::run_attached;
use crate::os::owner::leave_session;
use crate::os::{env, spawn};

/// Carries out a saved plan.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a command the plan is held until standard input closes or a signal
arrives, then taken back. With one, the command runs in the plan's directory with the plan's
environment.

A plan may come from somewhere else. What it will do is shown first; in a terminal you are
asked, unless --yes. A plan of edition 2026 that was changed after it was built is refused,
and its installers follow from the skills' sources. One of persona-kit-4 carries its own
commands: those that do not follow from the sources are refused (exit 77), unless
--allow-command names their program, or is `all`.
With --json a held plan is printed as its run, `cwd`, `view`, what enforces the view's rules,
and `argvPrefix`: the words that a host puts in front of every command that is to work in the
run. Of `env` only the names are printed, since values can be secrets.

Examples:
  callsheet plan reviewer.json --json > plan.json
  callsheet execute plan.json -- sh -c 'ls -a; cat CLAUDE.md'
  callsheet execute plan.json --json < /dev/null
  callsheet execute plan.json --detach --until-exit 4711 --json"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ExecuteCommand {
    /// A file that holds a plan, as `callsheet plan --json` prints it.
    plan: String,
    /// The project directory; the current one by default.
    #[arg(long, short = 'C', value_name = "DIR", default_value = ".")]
    cwd: String,
    /// Prints the run and its directory as JSON, and the report at its end.
    #[arg(long)]
    json: bool,
    /// Runs commands of the plan that are no known installer's: those of a program, by its
    /// name as the plan spells it, or `all`; may be repeated.
    #[arg(long, value_name = "PROGRAM")]
    allow_command: Vec<String>,
    /// Does not ask before the plan is carried out.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    skills: SkillArgs,
    #[command(flatten)]
    commands: CommandArgs,
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
    let program = own_program()?;
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
            problems: vec![Located::new(diagnostic, Some(self.plan.clone()))],
            json: false,
        })?;
        output.warnings(plan.warnings.iter().flatten());
        let cwd = project(&self.cwd)?;
        self.check_commands(&plan)?;
        let program = self.program(&cwd)?;
        let terms = {
            let hold = (&self.hold, !self.command.is_empty());
            self.commands.terms(&self.skills, hold)?
        };
        if !self.detached {
            self.show_first(&plan, (&cwd, &terms), output)?;
        }
        if self.detach {
            return detach(output);
        }
        let mut session = Session::open(&plan, (&cwd, &program), &terms, output)?;
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
            let ended = code.as_ref().ok().filter(|_| !self.command.is_empty());
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", &report.run);
                out.field("exitCode", &ended.map(|code| u64::from(*code)));
                out.field("clean", &report.is_clean());
                kept(out, &report);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        }
        let code = code?;
        Ok(if code == 0 { closing } else { code })
    }

    /// Refuses commands that somebody has written into the plan.
    fn check_commands(&self, plan: &PersonaSpawnPlan<'_>) -> Result<(), ExecError> {
        if plan.edition().switches().private_launch {
            // Lowering compares them with what follows from the sources.
            return Ok(());
        }
        let allowed = |install: &SkillInstall<'_>| {
            let program = install.install_command.first().map_or("", |word| word);
            let names = self.allow_command.iter();
            names
                .into_iter()
                .any(|name| name == "all" || name == program)
        };
        let foreign = foreign_installs(&plan.skills).into_iter();
        let problems: Vec<_> = foreign.filter(|own| !allowed(own)).map(refusal).collect();
        if problems.is_empty() {
            return Ok(());
        }
        let message = "the plan wants to run commands that are no known installer's";
        let error = ExecError::with_problems(ExecErrorKind::Refused, message, problems);
        Err(error.hint("if you trust it, allow them with `--allow-command PROGRAM`"))
    }

    /// Shows what the plan will do, and asks where there is somebody to ask.
    fn show_first(
        &self,
        plan: &PersonaSpawnPlan<'_>,
        (cwd, terms): (&str, &Terms),
        output: &Output,
    ) -> Result<(), Failure> {
        let asks = !self.yes && output.is_terminal && env::stdin_is_terminal();
        let show = |line: &str| {
            // Somebody else's words must not rewrite the screen.
            let line = line.replace(char::is_control, "\u{fffd}");
            if asks {
                output.problem(&line);
            } else {
                output.note(&line);
            }
        };
        let (actions, _) = lowered(plan, (cwd, terms.view, terms.entered), &terms.skills)?;
        for line in effect_lines(&actions) {
            show(&line);
        }
        let names: Vec<&str> = plan.env.iter().map(|(name, _)| name).collect();
        if !names.is_empty() {
            show(&format!("    environment  set {}", names.join(" ")));
        }
        if !asks {
            return Ok(());
        }
        output.problem("Carry this out? [y/N]");
        let answer = env::read_line().unwrap_or_default();
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        let error = ExecError::new(ExecErrorKind::Refused, "nothing was done");
        Err(error.hint("answer `y`, or pass --yes").into())
    }

    /// Says where the plan is, and waits.
    fn hold(&self, session: &Session, output: &Output) -> Result<u8, ExecError> {
        let cwd = session.launch.cwd.to_string_lossy().into_owned();
        let prefix = session.handle.argv_prefix();
        let names: Vec<&str> = session.launch.env.iter().map(|(name, _)| &**name).collect();
        let told = if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", session.handle.id().as_str());
                out.field("cwd", &cwd);
                view(out, &session.handle);
                out.field("argvPrefix", session.handle.argv_prefix());
                out.field("env", &names);
                out.end_object();
            });
            output.envelope(&data, &[])
        } else if self.detached {
            output.line(session.handle.id().as_str())
        } else {
            output.note(&format!("run {} is ready in {cwd}", session.handle.id()));
            if !prefix.is_empty() {
                output.note(&format!(
                    "start programs in it with: {} …",
                    shell_join(prefix)
                ));
            }
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

fn refusal(install: &SkillInstall<'_>) -> Diagnostic {
    let (id, command) = (&install.skill_id, shell_join(&install.install_command));
    let message = format!("skill `{id}`: `{command}` does not follow from its source");
    Diagnostic::error(Code::PLAN_COMMAND_REFUSED, message)
}
