//! One-shot runs: the harness does one task, its events are followed and judged.

use std::time::Duration;

use plan_core::persona::harness::outcome::{Judge, Outcome};
use plan_core::persona::harness::{HarnessDef, StopSignal};

use super::{LaunchDescriptor, cannot_start};
use crate::error::ExecError;
use crate::os::signal::{SIGINT, SIGTERM};
use crate::os::spawn::{self, Exit, Pipe};

/// How a one-shot run is followed.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneShotOptions {
    /// How long it may take; the plan's limit when absent.
    pub limit: Option<Duration>,
    /// How long it may be silent.
    pub silence: Option<Duration>,
}

/// Runs a launch once. Every line of its output goes to `line` too.
///
/// # Errors
/// The program cannot be started.
pub fn run_one_shot(
    launch: &LaunchDescriptor,
    def: &'static HarnessDef,
    options: OneShotOptions,
    line: &mut dyn FnMut(&str),
) -> Result<(Outcome, Exit), ExecError> {
    let seconds = launch
        .timeout_seconds
        .filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let planned = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let limit = options.limit.or(planned);
    let pipe = Pipe {
        stdin: launch.stdin.as_deref(),
        limit,
        silence: options.silence,
        stop: match def.stop {
            StopSignal::Interrupt => SIGINT,
            StopSignal::Terminate => SIGTERM,
        },
    };
    let mut judge = Judge::new(def);
    let exit = spawn::run_piped(&launch.spawn(), &pipe, &mut |text| {
        judge.line(text);
        line(text);
    });
    let exit = exit.map_err(|error| cannot_start(launch, error))?;
    let code = u64::try_from(exit.code).unwrap_or(1);
    let mut outcome = judge.conclude(code);
    if exit.timed_out {
        let seconds = limit.map(|limit| limit.as_secs()).unwrap_or_default();
        outcome.fail(format!(
            "ended after its time limit ({seconds} s), or after a long silence"
        ));
    }
    Ok((outcome, exit))
}
