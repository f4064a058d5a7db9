//! `callsheet fleet`.

mod converge;
mod events;
mod look;
mod past;
mod persona;
mod profile;
mod provision;
mod validate;
mod verbs;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use plan_core::base::diag::{Diagnostic, Severity};

use super::Answer;
use super::failure::Failure;
use super::output::Output;
use super::report::Located;
use crate::fleet::home::{Home, LoadedProfile, Roles};
use crate::fleet::write::{LOCK_TIMEOUT, WriteOptions};
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use crate::state::StateHome;
use verbs::SeatVerb;

/// Staffs a fleet of agents from profiles and roles.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet profile list
  callsheet fleet plan --profile business --full
  callsheet fleet up --profile business --full --wait
  callsheet fleet status
  callsheet fleet send ceo --message 'What is next?'
  callsheet fleet down
  callsheet fleet validate --strict")]
pub(super) struct FleetCommand {
    #[command(flatten)]
    place: HomeArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists and shows profiles: which seats a kind of system has.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Lists, shows and customizes the roles of seats.
    #[command(subcommand)]
    Persona(persona::PersonaCommand),
    /// Makes a roster of a profile; without --write it is only shown.
    Provision(provision::ProvisionCommand),
    /// Shows what would be written, started and stopped, and why.
    Plan(verbs::PlanCommand),
    /// As plan, and ends with 2 when there is something to do.
    Diff(verbs::DiffCommand),
    /// Carries a saved plan out, exactly as it is, or what is missing.
    Apply(verbs::ApplyCommand),
    /// Brings every seat up: starts what is missing, starts again what has changed.
    Up(verbs::UpCommand),
    /// Stops every seat and takes back what it was given.
    Down(verbs::DownCommand),
    /// Starts seats.
    Start(verbs::SeatsCommand),
    /// Stops seats.
    Stop(verbs::SeatsCommand),
    /// Starts seats anew.
    Restart(verbs::SeatsCommand),
    /// Shows every seat: how it should be, and how it is.
    #[command(visible_alias = "ps")]
    Status(look::StatusCommand),
    /// Speaks to a seat.
    Send(look::SendCommand),
    /// Clears the context of a seat.
    Reset(look::ResetCommand),
    /// Prints the end of what a seat shows.
    Tail(look::TailCommand),
    /// Shows a seat without touching it.
    Watch(look::WatchCommand),
    /// Gives classes another number of seats.
    Scale(verbs::ScaleCommand),
    /// Adds a seat to the roster and starts it.
    Add(verbs::AddCommand),
    /// Stops a seat and takes it out of the roster.
    Remove(verbs::RemoveCommand),
    /// Makes seats of sessions that somebody started by hand.
    Adopt(verbs::AdoptCommand),
    /// Draws who reports to whom.
    Graph(look::GraphCommand),
    /// Tells a seat whom it works with, as a text for its agent.
    CommsBlock(look::CommsCommand),
    /// Says who decided what a seat runs.
    Explain(look::ExplainCommand),
    /// Lists the rosters that are kept.
    History(past::HistoryCommand),
    /// Puts an earlier roster back.
    Rollback(past::RollbackCommand),
    /// Stops starting and sending until `resume`.
    Pause(past::PauseCommand),
    /// Ends a pause.
    Resume(past::PauseCommand),
    /// Checks every file of the home, and reports every problem with its place.
    Validate(validate::ValidateCommand),
}

/// Where a fleet is, and how it is changed.
#[derive(Debug, Args)]
pub(super) struct HomeArgs {
    /// The fleet home; by default what `CALLSHEET_HOME` or `MOSAIC_HOME` names, else
    /// `callsheet` in the user's configuration.
    #[arg(long, global = true, value_name = "DIR", alias = "mosaic-home")]
    home: Option<PathBuf>,
    /// Goes through symbolic links in the fleet home; otherwise they are refused.
    #[arg(long, global = true)]
    follow: bool,
    /// Waits at most so long while another command works on the fleet; by default 5.
    #[arg(long, global = true, value_name = "SECONDS")]
    lock_timeout: Option<u64>,
}

impl HomeArgs {
    /// Returns the fleet home.
    pub(super) fn home(&self) -> Result<Home, Failure> {
        Ok(Home::find(self.home.as_deref())?.following(self.follow))
    }

    /// Returns how changes are made; signals stop them from now on.
    pub(super) fn write_options(&self, command: &str) -> Result<WriteOptions<'static>, Failure> {
        let cancel = Cancel::new();
        cancel_on_request(&cancel)?;
        let timeout = self.lock_timeout.map(Duration::from_secs);
        Ok(WriteOptions {
            lock_timeout: timeout.unwrap_or(LOCK_TIMEOUT),
            cancel,
            ..WriteOptions::new(StateHome::from_env()?, command)
        })
    }
}

impl FleetCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        match &self.verb {
            Verb::Profile(command) => command.answer(&self.place, output),
            Verb::Persona(command) => command.answer(&self.place, output),
            Verb::Provision(command) => command.answer(&self.place, output),
            Verb::Plan(command) => command.answer(&self.place, output),
            Verb::Diff(command) => command.answer(&self.place, output),
            Verb::Apply(command) => command.answer(&self.place, output),
            Verb::Up(command) => command.answer(&self.place, output),
            Verb::Down(command) => command.answer(&self.place, output),
            Verb::Start(command) => command.answer(SeatVerb::Start, &self.place, output),
            Verb::Stop(command) => command.answer(SeatVerb::Stop, &self.place, output),
            Verb::Restart(command) => command.answer(SeatVerb::Restart, &self.place, output),
            Verb::Status(command) => command.answer(&self.place, output),
            Verb::Send(command) => command.answer(&self.place, output),
            Verb::Reset(command) => command.answer(&self.place, output),
            Verb::Tail(command) => command.answer(&self.place, output),
            Verb::Watch(command) => command.answer(&self.place, output),
            Verb::Scale(command) => command.answer(&self.place, output),
            Verb::Add(command) => command.answer(&self.place, output),
            Verb::Remove(command) => command.answer(&self.place, output),
            Verb::Adopt(command) => command.answer(&self.place, output),
            Verb::Graph(command) => command.answer(&self.place, output),
            Verb::CommsBlock(command) => command.answer(&self.place, output),
            Verb::Explain(command) => command.answer(&self.place, output),
            Verb::History(command) => command.answer(&self.place, output),
            Verb::Rollback(command) => command.answer(&self.place, output),
            Verb::Pause(command) => command.answer(true, &self.place, output),
            Verb::Resume(command) => command.answer(false, &self.place, output),
            Verb::Validate(command) => command.answer(&self.place, output),
        }
    }
}

/// Reads the roles of a home; what cannot be read stops the command.
pub(super) fn read_roles(home: &Home, strict: bool) -> Result<Roles, Failure> {
    let roles = home.roles()?;
    let mut problems = roles.problems.clone();
    if strict {
        problems.extend(roles.warnings.iter().map(raised));
    }
    if problems.is_empty() {
        return Ok(roles);
    }
    let located = |problem| about_roles(problem, &roles);
    Err(Failure::Refused {
        problems: problems.into_iter().map(located).collect(),
        json: false,
    })
}

/// Says where the problem of a role's file is.
pub(super) fn about_roles(problem: Diagnostic, roles: &Roles) -> Located {
    let place = problem.place.as_ref();
    let file = place.and_then(|place| place.file.clone());
    let text = file.as_deref().and_then(|file| roles.text_at(file));
    Located::from(problem).quoting(text)
}

/// Says where a profile's problem is.
pub(super) fn about_profile(problem: &Diagnostic, profile: &LoadedProfile) -> Located {
    let text = Some(&*profile.text).filter(|text| !text.is_empty());
    Located::from(problem.clone()).quoting(text)
}

/// Makes an error of a warning.
pub(super) fn raised(problem: &Diagnostic) -> Diagnostic {
    let mut problem = problem.clone();
    problem.severity = Severity::Error;
    problem
}

/// Tells whether a problem stops what it is about.
pub(super) fn is_error(problem: &Diagnostic) -> bool {
    problem.severity == Severity::Error
}

/// Writes a text on one line: a file must not forge what somebody looks at.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().any(char::is_control) {
        return words.escape_debug().to_string();
    }
    words
}
