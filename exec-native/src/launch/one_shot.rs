//! One-shot runs: the harness does one task, its events are followed and judged.

use std::time::Duration;

use plan_core::persona::harness::outcome::{Judge, Outcome};
use plan_core::persona::harness::{HarnessDef, StopSignal};

use super::{LaunchDescriptor, cannot_start};
use crate::error::ExecError;
use crate::os::proc::Cancel;
use crate::os::signal::{SIGINT, SIGTERM};
use crate::os::spawn::{self, Exit, Late, OnLine, Pipe, Stream};

/// How a one-shot run is followed.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneShotOptions {
    /// How long it may take; the plan's limit when absent.
    pub limit: Option<Duration>,
    /// How long it may be silent.
    pub silence: Option<Duration>,
}

/// Runs a launch once. Every line that it prints goes to `line` too. It is not started
/// when the flag is raised.
///
/// # Errors
/// The program cannot be started.
pub fn run_one_shot(
    launch: &LaunchDescriptor,
    def: &'static HarnessDef,
    options: OneShotOptions,
    cancel: &Cancel,
    line: &mut OnLine<'_>,
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
    let argv = launch.argv()?;
    let exit = spawn::run_piped(&launch.spawn(&argv, cancel), &pipe, &mut |stream, text| {
        match stream {
            Stream::Output => judge.line(text),
            Stream::Log => judge.log_line(text),
        }
        line(stream, text);
    });
    let exit = exit.map_err(|error| cannot_start(launch, error))?;
    let seconds = |limit: Option<Duration>| limit.unwrap_or_default().as_secs();
    match exit.late {
        Some(Late::Limit) => judge.give_up(&format!("ended after {} s", seconds(limit))),
        Some(Late::Silence) => {
            let silence = seconds(options.silence);
            judge.give_up(&format!("ended after {silence} s without an event"));
        }
        None => {}
    }
    let code = u64::try_from(exit.code).unwrap_or(1);
    Ok((judge.conclude(code), exit))
}
