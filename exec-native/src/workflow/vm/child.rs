//! The process that a script runs in: `callsheet __vm-host`. It reads commands from its
//! standard input, answers each with a report, and ends with its input.

use plan_core::base::json;
use plan_core::workflow::vm::{Command, Report, read};

use super::machine::Machine;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::confine::{Peak, confine};
use crate::os::frames::{hear, say};

/// The hidden command.
pub const VM_COMMAND: &str = "__vm-host";

/// Serves a driver until it has no more commands; returns the exit code.
///
/// # Errors
/// A command is none, or comes at the wrong time.
pub fn host_script() -> Result<u8, ExecError> {
    let mut machine = None;
    while let Some(text) = hear().map_err(|error| lost("read", error))? {
        let command: Command = read(&text).map_err(|problem| {
            ExecError::refused("the host of a script cannot read a command", vec![problem])
        })?;
        let Some(report) = obey(&command, &mut machine)? else {
            return Ok(0);
        };
        say(&json::print(&report)).map_err(|error| lost("written", error))?;
    }
    Ok(0)
}

fn obey(command: &Command, machine: &mut Option<Machine>) -> Result<Option<Report>, ExecError> {
    let wrong = |what: &str| Err(ExecError::new(ExecErrorKind::Internal, what));
    match (command, machine.as_mut()) {
        (Command::End(_), _) => Ok(None),
        (Command::Settle(settle), Some(machine)) => machine.settle(settle).map(Some),
        (Command::Settle(_), None) => wrong("a call is settled before a script has started"),
        (Command::Start(_), Some(_)) => wrong("a host of scripts runs one script"),
        (Command::Start(start), None) => {
            let peak = Peak::watch();
            confine(start.memory, &peak).map_err(|error| {
                let message = "the host of a script cannot limit itself";
                ExecError::new(ExecErrorKind::Failed, message).because(error)
            })?;
            let (started, report) = Machine::start(start, Box::new(move || peak.grown()))?;
            *machine = Some(started);
            Ok(Some(report))
        }
    }
}

fn lost(how: &str, error: std::io::Error) -> ExecError {
    let message = format!("the driver of a workflow cannot be {how}");
    ExecError::new(ExecErrorKind::Failed, message).because(error)
}
