//! The command line: one file a command, each a thin layer over the library.

mod args;
mod changes;
mod doctor;
mod enter;
mod execute;
mod failure;
mod fleet;
mod output;
mod persona;
mod plan;
mod prepare;
mod report;
mod run;
mod runs;
mod seat;
mod session;
mod workflow;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::bridge::serve;
use crate::fleet::seat::SEAT_COMMAND;
use crate::fleet::transport::HOST_COMMAND;
use crate::mount::keeper::KEEP_COMMAND;
use crate::os::ns::MAP_COMMAND;
use crate::os::pty::TERMINAL_COMMAND;
use crate::os::{env, guard};
use crate::state::StateHome;
use crate::workflow::vm::child::{VM_COMMAND, host_script};
use failure::Failure;
use output::Output;

/// What a command answers: its exit code.
type Answer = Result<u8, Failure>;

/// Plans coding agents from persona files and runs them as reversible transactions.
#[derive(Debug, Parser)]
#[command(name = "callsheet", version, propagate_version = true)]
#[command(after_help = "Examples:
  callsheet plan reviewer.json --task 'Review the last commit'
  callsheet run reviewer.json
  callsheet run reviewer.json --task 'Review the last commit' --json
  callsheet persona validate reviewer.json
  callsheet doctor")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Says nothing on standard error but errors.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows how an agent would be started, without touching anything.
    Plan(plan::PlanCommand),
    /// Starts an agent: in this terminal, or once with --task. Everything that it needed
    /// is taken back afterwards.
    Run(run::RunCommand),
    /// Carries out a saved plan and holds it, or runs a command in it, then takes it back.
    Execute(execute::ExecuteCommand),
    /// Runs a command in the view of a run: its layer, its copy, or the project.
    #[command(visible_alias = "exec")]
    Enter(enter::EnterCommand),
    /// Keeps a layer over a project, for a run.
    #[command(name = KEEP_COMMAND, hide = true)]
    Keep(enter::KeepCommand),
    /// Gives another process its users, for a layer.
    #[command(name = MAP_COMMAND, hide = true)]
    Map(enter::MapCommand),
    /// Supervises a seat of a fleet.
    #[command(name = SEAT_COMMAND, hide = true)]
    Seat(seat::SeatCommand),
    /// Holds the terminal of a seat.
    #[command(name = HOST_COMMAND, hide = true)]
    SeatHost(seat::HostCommand),
    /// Becomes a program in a terminal.
    #[command(name = TERMINAL_COMMAND, hide = true)]
    SeatTerminal(seat::TerminalCommand),
    /// Runs the script of a workflow, for a driver.
    #[command(name = VM_COMMAND, hide = true)]
    VmHost,
    /// Lists runs: those that live, and those that need recovery.
    Runs(runs::RunsCommand),
    /// Takes back what dead runs left.
    Recover(runs::RecoverCommand),
    /// Shows what was done in a run's view.
    Changes(changes::ChangesCommand),
    /// Brings what was done in a run's view into the project.
    Apply(changes::ApplyCommand),
    /// Gives up what was done in a run's view.
    Discard(changes::DiscardCommand),
    /// Takes back what `callsheet apply` brought into a project.
    Revert(changes::RevertCommand),
    /// Takes a run back by its id.
    Dispose(runs::DisposeCommand),
    /// Clears away what ended runs left: logs of failures, backups of applied changes.
    Gc(runs::GcCommand),
    /// Lists, shows and checks personas.
    #[command(subcommand)]
    Persona(persona::PersonaCommand),
    /// Staffs a fleet of agents from profiles and roles.
    Fleet(fleet::FleetCommand),
    /// Runs scripts that call agents.
    Workflow(workflow::WorkflowCommand),
    /// Checks this machine: harnesses, programs, runs that need recovery.
    Doctor(doctor::DoctorCommand),
    /// Serves another process over its pipes, for the npm package.
    #[command(hide = true)]
    Serve {
        /// Reads requests from standard input and answers on standard output.
        #[arg(long, required = true)]
        stdio: bool,
    },
    /// Prints a completion script, for example: callsheet completions bash > callsheet.bash
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    if let Some(code) = guard::answer() {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no errors.
            let code = if error.use_stderr() { 64 } else { 0 };
            return match error.print() {
                Ok(()) => ExitCode::from(code),
                Err(_) => ExitCode::from(3),
            };
        }
    };
    let output = Output::new(cli.quiet);
    let answer = match &cli.command {
        Command::Plan(command) => command.answer(&output),
        Command::Run(command) => command.answer(&output),
        Command::Execute(command) => command.answer(&output),
        Command::Enter(command) => command.answer(&output),
        Command::Keep(command) => command.answer(&output),
        Command::Map(command) => command.answer(),
        Command::Seat(command) => command.answer(&output),
        Command::SeatHost(command) => command.answer(),
        Command::SeatTerminal(command) => Ok(command.answer(&output)),
        Command::VmHost => host_script().map_err(Failure::from),
        Command::Runs(command) => command.answer(&output),
        Command::Recover(command) => command.answer(&output),
        Command::Changes(command) => command.answer(&output),
        Command::Apply(command) => command.answer(&output),
        Command::Discard(command) => command.answer(&output),
        Command::Revert(command) => command.answer(&output),
        Command::Dispose(command) => command.answer(&output),
        Command::Gc(command) => command.answer(&output),
        Command::Persona(command) => command.answer(&output),
        Command::Fleet(command) => command.answer(&output),
        Command::Workflow(command) => command.answer(&output),
        Command::Doctor(command) => command.answer(&output),
        Command::Serve { .. } => StateHome::from_env().and_then(serve).map_err(Failure::from),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "callsheet", &mut script);
            output.bytes(&script).map(|()| 0)
        }
    };
    // One place, so that no command forgets it.
    let json = env::arguments().any(|argument| argument == "--json");
    let code = answer.unwrap_or_else(|failure| failure.json(json).show(&output));
    ExitCode::from(code)
}
