//! Runs that go on without the terminal that they were started from.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;
use plan_core::base::json::Writer;

use super::super::Answer;
use super::super::output::{Output, Shape};
use super::look::find;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::launch::own_program;
use crate::os::clock::rest;
use crate::os::detached::{self, Detached};
use crate::os::fs;
use crate::os::owner::leave_session;

/// The file in a run's directory with what its driver says.
const LOG: &str = "background.log";
const POLL: Duration = Duration::from_millis(20);

/// Whether a run goes on behind our back.
#[derive(Debug, Args)]
pub(super) struct BehindArgs {
    /// Drives the run in a process of its own, and returns as soon as that has begun. What it
    /// says goes to `background.log` in the run's directory; a question pauses the run.
    #[arg(long)]
    background: bool,
    /// The run that this process drives in the background.
    #[arg(long, hide = true, value_name = "ID")]
    driver_of: Option<String>,
}

impl BehindArgs {
    /// Tells whether another process is to drive the run.
    pub(super) const fn is_wanted(&self) -> bool {
        self.background && self.driver_of.is_none()
    }

    /// Leaves the terminal, when this process is the one behind; returns its run.
    pub(super) fn detach(&self) -> Result<Option<&str>, ExecError> {
        if self.driver_of.is_some() {
            leave_session().map_err(|error| {
                let message = "the terminal cannot be left";
                ExecError::new(ExecErrorKind::Failed, message).because(error)
            })?;
        }
        Ok(self.driver_of.as_deref())
    }

    /// Starts the process that drives a run, with the very arguments of this one, and waits
    /// until the run has begun.
    pub(super) fn start(id: &str, as_json: bool, output: &Output) -> Answer {
        let program = own_program()?;
        let file = find(id)?;
        let before = file.history.epoch();
        let log = file.path.join(LOG);
        let told = fs::read(&log).map_or(0, |bytes| bytes.len());
        let mut driver = Detached::start(&program, &arguments(id), &log).at(&log)?;
        let begun = loop {
            let ended = driver.ended().at(&program)?;
            let file = find(id)?;
            if file.history.epoch() > before {
                break Ok(());
            }
            if let Some(code) = ended {
                break Err(code);
            }
            rest(POLL);
        };
        if let Err(code) = begun {
            let bytes = fs::read(&log).at(&log)?;
            let said = String::from_utf8_lossy(bytes.get(told..).unwrap_or_default());
            let said = said.trim_end();
            if as_json {
                output.line(said)?;
            } else {
                output.problem(said);
            }
            return Ok(u8::try_from(code).unwrap_or(1).max(1));
        }
        let process = u64::from(driver.id());
        if as_json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("run", id);
                out.field("process", &process);
                out.field("log", &log.display().to_string());
                out.end_object();
            });
            output.envelope(&data, &[])?;
            return Ok(0);
        }
        output.line(id)?;
        output.note(&format!(
            "process {process} drives it; it writes {}",
            log.display()
        ));
        output.note(&format!("look at it with: callsheet workflow watch {id}"));
        output.note(&format!("stop it with: callsheet workflow stop {id}"));
        Ok(0)
    }
}

/// Our own arguments, with the run that the other process is for.
fn arguments(id: &str) -> Vec<OsString> {
    let mut arguments = detached::own_arguments();
    let end = arguments.iter().position(|argument| argument == "--");
    let place = end.unwrap_or(arguments.len());
    let more = [OsString::from("--driver-of"), OsString::from(id)];
    arguments.splice(place..place, more);
    arguments
}
