//! `callsheet enter`, and the hidden commands that layers need.

use std::path::PathBuf;

use clap::Args;

use super::Answer;
use super::output::Output;
use crate::error::{ExecError, ExecErrorKind};
use crate::launch::run_held;
use crate::mount::enter::Entrance;
use crate::mount::keeper::keep;
use crate::os::proc::Cancel;
use crate::os::{ns, own, spawn, talk};
use crate::state::{RunId, StateHome};

/// Runs a command in the view of a run.
#[derive(Debug, Args)]
#[command(
    after_help = "The command sees what the run's agent sees: the layer over the \
project, the copy, or the project itself. It replaces this process, so that signals, the
terminal and its exit code are its own. It works where you are if that is in the project,
else in the project's directory. Its variables are yours: those of the run can hold secrets
and are written down nowhere. Work that was kept of a run that is over can be entered too.

Examples:
  callsheet enter r-0v3… -- bash
  callsheet exec r-0v3… -- git diff
  callsheet exec r-0v3… -C src -- cargo test

Exit codes: the command's own; 127 when it does not exist; 64 for wrong arguments; 69 when
there is nothing to enter."
)]
pub(super) struct EnterCommand {
    /// The run, as `callsheet runs` names it.
    id: String,
    /// The directory to work in.
    #[arg(long, short = 'C', value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// The state directory of the run, when it is not the usual one.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    state: Option<PathBuf>,
    /// Starts the run's agent: it is ended when the run is taken back.
    #[arg(long, hide = true)]
    agent: bool,
    /// The command.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl EnterCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let Some(id) = RunId::parse(&self.id) else {
            let message = format!("`{}` is not the name of a run", self.id);
            let error = ExecError::new(ExecErrorKind::Usage, message);
            return Err(error.hint("`callsheet runs` lists them").into());
        };
        let state = match &self.state {
            Some(root) => StateHome::at(root),
            None => StateHome::from_env()?,
        };
        let entrance = if self.agent {
            Entrance::of_agent(&state, &id)?
        } else {
            Entrance::find(&state, &id)?
        };
        if entrance.is_kept() {
            return self.hold(&entrance, &id, &state);
        }
        let dir = entrance.go_in(self.cwd.as_deref())?;
        let Some((program, args)) = self.command.split_first() else {
            return Ok(ExecErrorKind::Usage.exit_code());
        };
        let error = spawn::replace(program, args, &dir);
        output.problem(&format!("`{program}` cannot be started: {error}"));
        Ok(127)
    }

    /// Holds what a run that is over has left, while another process works in it.
    fn hold(&self, entrance: &Entrance, id: &RunId, state: &StateHome) -> Answer {
        let keeper = entrance.hold()?;
        let Some(own) = keeper
            .as_ref()
            .map(|keeper| keeper.program().to_owned())
            .or_else(own::program)
        else {
            let message = "the callsheet program cannot be found";
            return Err(ExecError::new(ExecErrorKind::Internal, message).into());
        };
        let mut args = vec!["enter".to_owned(), id.to_string()];
        args.push(format!("--state={}", state.root().display()));
        if let Some(cwd) = &self.cwd {
            args.push(format!("--cwd={}", cwd.display()));
        }
        args.push("--".to_owned());
        args.extend(self.command.iter().cloned());
        let code = run_held(&own, &args, &Cancel::new())?;
        drop(keeper);
        Ok(u8::try_from(code).unwrap_or(1))
    }
}

/// Keeps a layer.
#[derive(Debug, Args)]
pub(super) struct KeepCommand {
    /// A directory to try a layer in.
    scratch: PathBuf,
    /// The project.
    project: PathBuf,
    /// The process to end with, or 0.
    parent: u32,
}

impl KeepCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        let say = |line: &str| {
            let said = output.line(line);
            said.map_err(|_| std::io::ErrorKind::BrokenPipe.into())
        };
        keep((&self.scratch, &self.project, self.parent), &say)?;
        Ok(0)
    }
}

/// Gives another process its users.
#[derive(Debug, Args)]
pub(super) struct MapCommand {
    /// The process.
    pid: u32,
}

impl MapCommand {
    pub(super) fn answer(&self) -> Answer {
        // The end of our input says that the process is ready.
        while talk::listen()?.is_some() {}
        ns::write_maps(self.pid)?;
        Ok(0)
    }
}
