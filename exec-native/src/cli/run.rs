//! `callsheet run`.

use std::time::Duration;

use clap::Args;
use plan_core::base::json::Writer;
use plan_core::persona::harness::HarnessDef;
use plan_core::persona::harness::outcome::{Outcome, Verdict};

use super::Answer;
use super::args::{CommandArgs, HoldArgs, PersonaArgs, SkillArgs};
use super::failure::Failure;
use super::output::{Output, Shape};
use super::prepare::Source;
use super::session::{Session, view};
use crate::apply::DisposeReport;
use crate::error::{ExecError, ExecErrorKind};
use crate::launch::{OneShotOptions, locate, run_attached, run_one_shot};
use crate::os::env;
use crate::os::spawn::Stream;

/// Starts an agent.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet run reviewer.json
  callsheet run reviewer.json --task 'Review the last commit'
  git diff | callsheet run reviewer --task - --json
  callsheet run reviewer.json -- --resume 3f2a…

Exit codes: the harness's own; 1 when it ended with 0 but did not finish its task;
5 when another run works on the same files; 6 when something could not be taken back;
64 for wrong arguments; 69 when the harness is not installed; 78 when a variable that
the persona needs is not set; 128 and the number of a signal that ended the run.")]
pub(super) struct RunCommand {
    #[command(flatten)]
    persona: PersonaArgs,
    /// Prints the outcome of a one-shot run as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    skills: SkillArgs,
    #[command(flatten)]
    commands: CommandArgs,
    /// Ends a one-shot run after so many seconds; the persona's limit by default.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Ends a one-shot run that has been silent for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    idle_timeout: Option<u64>,
    #[command(flatten)]
    hold: HoldArgs,
    /// More arguments for the harness.
    #[arg(last = true, value_name = "ARGS")]
    more: Vec<String>,
}

impl RunCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.run(output).map_err(|failure| failure.json(self.json))
    }

    fn run(&self, output: &Output) -> Answer {
        let source = Source::load(&self.persona, output)?;
        if self.json && !source.one_shot() {
            let message = "--json needs --task: an interactive run has no outcome to print";
            return Err(ExecError::new(ExecErrorKind::Usage, message).into());
        }
        let plan = source.plan()?;
        output.warnings(plan.warnings.iter().flatten());
        let (program, def) = locate(&plan, env::var("PATH").as_deref())?;
        let terms = self.commands.terms(&self.skills, (&self.hold, true))?;
        let mut session = Session::open(&plan, (&source.cwd, &program), &terms, output)?;
        session.launch.args.extend(self.more.iter().cloned());
        if let Some(def) = def.filter(|_| source.one_shot()) {
            return self.once(&session, def, output);
        }
        let exit = run_attached(&session.launch, &session.cancel);
        let (_, closing) = session.close(output);
        Ok(worst(exit_code(exit?.code), closing))
    }

    fn once(&self, session: &Session, def: &'static HarnessDef, output: &Output) -> Answer {
        let options = OneShotOptions {
            limit: self.timeout.map(Duration::from_secs),
            silence: self.idle_timeout.map(Duration::from_secs),
        };
        let mut show = |stream, line: &str| {
            if self.commands.verbose || stream == Stream::Log {
                output.note(line);
            }
        };
        let (launch, cancel) = (&session.launch, &session.cancel);
        let ran = run_one_shot(launch, def, options, cancel, &mut show);
        let (report, closing) = session.close(output);
        let (outcome, exit) = ran?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", &report.run);
                out.field("outcome", &outcome);
                view(out, &session.handle);
                out.field("clean", &report.is_clean());
                kept(out, &report);
                out.end_object();
            });
            output.envelope(&data, &[])?;
        } else {
            if !outcome.text.is_empty() {
                output.line(outcome.text.trim_end())?;
            }
            tell(&outcome, output);
        }
        if let Some(signal) = exit.asked {
            return Ok(worst(exit_code(128 + signal), closing));
        }
        let code = match outcome.verdict {
            Verdict::Completed | Verdict::CompletedWithDenials => 0,
            Verdict::Failed => exit_code(exit.code).max(1),
        };
        Ok(worst(code, closing))
    }
}

/// Prints what was kept because somebody else changed it.
pub(super) fn kept(out: &mut Writer, report: &DisposeReport) {
    out.key("kept");
    out.begin_array();
    for (entry, outcome) in report.kept() {
        out.begin_object();
        out.field("action", &entry.line);
        out.field("path", &outcome.path);
        out.field("movedTo", &outcome.beside);
        out.field("reason", &outcome.why);
        out.end_object();
    }
    out.end_array();
}

fn tell(outcome: &Outcome, output: &Output) {
    for denial in &outcome.denials {
        output.note(&format!("{} {denial}", output.paint("33", "denied:")));
    }
    if let Some(reason) = &outcome.reason {
        output.problem(&format!("{} {reason}", output.paint("31", "failed:")));
    }
    if let Some(usage) = &outcome.usage {
        let cost = outcome
            .cost_usd
            .map(|cost| format!(", ${cost:.4}"))
            .unwrap_or_default();
        output.note(&format!(
            "{} tokens in, {} out{cost}",
            usage.input, usage.output
        ));
    }
}

fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

/// A run that could not be taken back must not look like a success.
fn worst(code: u8, closing: u8) -> u8 {
    if code == 0 { closing } else { code }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        ExecError::new(ExecErrorKind::Failed, error.to_string()).into()
    }
}
