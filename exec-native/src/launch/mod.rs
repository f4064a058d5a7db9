//! Starting a harness: the launch of a plan with everything filled in, attached to
//! the terminal or run once and judged.

mod descriptor;
mod one_shot;
mod user_files;

pub(crate) use descriptor::missing;
pub use descriptor::{LaunchDescriptor, locate, resolve_reference};
pub use one_shot::{OneShotOptions, run_one_shot};
pub use user_files::{UserFiles, link_targets};

use crate::error::{ExecError, ExecErrorKind};
use crate::os::proc::Cancel;
use crate::os::spawn::{self, Exit, Spawn};

/// Runs a launch in the terminal that we are in, to its end. It is not started when the
/// flag is raised.
///
/// # Errors
/// The program cannot be started.
pub fn run_attached(launch: &LaunchDescriptor, cancel: &Cancel) -> Result<Exit, ExecError> {
    spawn::run_attached(&launch.spawn(cancel)).map_err(|error| cannot_start(launch, error))
}

fn cannot_start(launch: &LaunchDescriptor, error: std::io::Error) -> ExecError {
    ExecError::new(ExecErrorKind::Failed, "the harness cannot be started")
        .at(&launch.command)
        .because(error)
}

impl LaunchDescriptor {
    fn spawn<'s>(&'s self, cancel: &'s Cancel) -> Spawn<'s> {
        Spawn {
            program: &self.command,
            args: &self.args,
            cwd: &self.cwd,
            env: &self.env,
            mark: self.mark.as_deref(),
            cancel: Some(cancel),
        }
    }
}
