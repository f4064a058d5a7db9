//! Starting a harness: the launch of a plan with everything filled in, attached to
//! the terminal or run once and judged.

mod descriptor;
mod one_shot;
mod user_files;

pub(crate) use descriptor::check_references;
pub use descriptor::{LaunchDescriptor, locate, own_program, resolve_reference};
pub use one_shot::{OneShotOptions, run_one_shot};
pub use user_files::{UserFiles, link_targets};

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{ExecError, ExecErrorKind};
use crate::os::env;
use crate::os::proc::Cancel;
use crate::os::spawn::{self, Exit, Spawn};

/// Runs a launch in the terminal that we are in, to its end. It is not started when the
/// flag is raised.
///
/// # Errors
/// The program cannot be started.
pub fn run_attached(launch: &LaunchDescriptor, cancel: &Cancel) -> Result<Exit, ExecError> {
    let argv = launch.argv()?;
    let spawn = launch.spawn(&argv, cancel);
    spawn::run_attached(&spawn).map_err(|error| cannot_start(launch, error))
}

/// As [`run_attached`], for an agent that must not outlive us: `started` gets its process,
/// and it is killed when it does not end in time after a request to stop.
///
/// # Errors
/// The program cannot be started.
pub fn run_supervised(
    launch: &LaunchDescriptor,
    cancel: &Cancel,
    grace: Duration,
    started: &dyn Fn(u32),
) -> Result<Exit, ExecError> {
    let argv = launch.argv()?;
    let spawn = launch.spawn(&argv, cancel);
    spawn::run_supervised(&spawn, grace, started).map_err(|error| cannot_start(launch, error))
}

/// Runs a program of ours in the terminal that we are in, where we are; returns its exit
/// code.
pub(crate) fn run_held(program: &Path, args: &[String], cancel: &Cancel) -> Result<i32, ExecError> {
    let failed = |error: std::io::Error| {
        let message = "the command cannot be started";
        ExecError::new(ExecErrorKind::Failed, message).because(error)
    };
    let cwd = env::current_dir().map_err(failed)?;
    let spawn = Spawn {
        program,
        args,
        cwd: &cwd,
        env: &[],
        mark: None,
        cancel: Some(cancel),
    };
    Ok(spawn::run_attached(&spawn).map_err(failed)?.code)
}

fn cannot_start(launch: &LaunchDescriptor, error: std::io::Error) -> ExecError {
    ExecError::new(ExecErrorKind::Failed, "the harness cannot be started")
        .at(&launch.command)
        .because(error)
}

impl LaunchDescriptor {
    fn spawn<'s>(&'s self, argv: &'s (PathBuf, Vec<String>), cancel: &'s Cancel) -> Spawn<'s> {
        Spawn {
            program: &argv.0,
            args: &argv.1,
            cwd: &self.cwd,
            env: &self.env,
            mark: self.mark.as_deref(),
            cancel: Some(cancel),
        }
    }
}
