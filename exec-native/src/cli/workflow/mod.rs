//! `callsheet workflow`: scripts that call agents.

mod background;
mod change;
mod given;
mod lines;
mod look;
mod plan;
mod run;
mod said;
mod saved;
mod screen;
mod tree;
mod watch;
mod who;

use clap::{Args, Subcommand};
use plan_core::base::diag::Diagnostic;

use super::Answer;
use super::failure::Failure;
use super::output::Output;
use super::report::Located;
use crate::workflow::script::Script;

/// Runs scripts that call agents. What an agent answered is kept, and never paid for twice.
#[derive(Debug, Args)]
pub(super) struct WorkflowCommand {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs a script.
    Run(run::RunCommand),
    /// Goes on with a run that was paused, stopped, killed or has failed.
    Resume(run::ResumeCommand),
    /// Follows a run, live on a terminal; leaving it does not stop the run.
    Watch(watch::WatchCommand),
    /// Checks a script without running it: what it says about itself, and what it wants to be
    /// given.
    #[command(visible_alias = "check")]
    Describe(saved::DescribeCommand),
    /// Lists workflows that have a name.
    Saved(saved::SavedCommand),
    /// Saves a script by a name.
    Save(saved::SaveCommand),
    /// Takes a name away from a workflow; its file is kept.
    Forget(saved::ForgetCommand),
    /// Lists runs.
    List(look::ListCommand),
    /// Shows a run: its calls, what they took, how it stands.
    Show(look::ShowCommand),
    /// Prints what the script of a run has logged.
    Logs(look::LogsCommand),
    /// Stops a run so that it can go on.
    Pause(change::StopCommand),
    /// Stops a run; it can still go on.
    Stop(change::StopCommand),
    /// Gives a run up for good.
    Abandon(change::StopCommand),
    /// Removes a run with everything that it keeps.
    Remove(change::RemoveCommand),
    /// Answers a checkpoint.
    Answer(change::AnswerCommand),
    /// Lets a run take more.
    Raise(change::RaiseCommand),
    /// Keeps what stands before the damage in a run's journal.
    Salvage(change::SalvageCommand),
}

impl WorkflowCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        match &self.verb {
            Verb::Run(command) => command.answer(output),
            Verb::Resume(command) => command.answer(output),
            Verb::Watch(command) => command.answer(output),
            Verb::Describe(command) => command.answer(output),
            Verb::Saved(command) => command.answer(output),
            Verb::Save(command) => command.answer(output),
            Verb::Forget(command) => command.answer(output),
            Verb::List(command) => command.answer(output),
            Verb::Show(command) => command.answer(output),
            Verb::Logs(command) => command.answer(output),
            Verb::Pause(command) => command.answer("pause", output),
            Verb::Stop(command) => command.answer("stop", output),
            Verb::Abandon(command) => command.answer("abandon", output),
            Verb::Remove(command) => command.answer(output),
            Verb::Answer(command) => command.answer(output),
            Verb::Raise(command) => command.answer(output),
            Verb::Salvage(command) => command.answer(output),
        }
    }
}

/// Reads a script from its text; what is wrong with it is shown there.
fn parse(text: &str, file: &str) -> Result<Script, Failure> {
    Script::of_text(text, file).map_err(|problem| Failure::Refused {
        problems: vec![Located::from(problem).quoting(Some(text))],
        json: false,
    })
}

/// Shows what is wrong with a script, or likely to be, at its place.
fn tell(problems: Vec<Diagnostic>, script: &Script, output: &Output) {
    for problem in problems {
        let located = Located::from(problem).quoting(Some(&script.text));
        output.note(located.render(output).trim_end());
    }
}
