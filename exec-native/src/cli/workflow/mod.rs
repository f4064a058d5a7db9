//! `callsheet workflow`: scripts that call agents.

mod change;
mod look;
mod run;
mod who;

use std::path::Path;

use clap::{Args, Subcommand};

use super::Answer;
use super::failure::Failure;
use super::output::Output;
use super::report::Located;
use crate::os::walk::text_of;
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
    /// Checks a script without running it: what it says about itself.
    Check(look::CheckCommand),
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
            Verb::Check(command) => command.answer(output),
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

/// Reads a script from its file; what is wrong with it is shown in its text.
fn load(path: &Path) -> Result<Script, Failure> {
    let text = Script::read(path)?;
    Script::of_text(&text, &text_of(path)).map_err(|problem| Failure::Refused {
        problems: vec![Located::from(problem).quoting(Some(&text))],
        json: false,
    })
}
