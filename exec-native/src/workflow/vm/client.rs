//! The side of whoever drives a workflow: a script in a process of its own, step by step.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use plan_core::base::json;
use plan_core::workflow::vm::{Command, Report, Settle, Start, VmError, VmState, code, read};

use super::child::VM_COMMAND;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::frames::Peer;

/// What a step of a script may take besides the limits that the script starts with.
#[derive(Debug, Clone, Copy)]
pub struct VmLimits {
    /// How long one step may take.
    pub step: Duration,
}

impl Default for VmLimits {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(30),
        }
    }
}

/// A process that runs a script.
#[derive(Debug)]
pub struct VmHost {
    peer: Peer,
    limits: VmLimits,
    /// The fuel of the last report, for one that we must write ourselves.
    fuel: u64,
}

impl VmHost {
    /// Starts the process; `program` is the path of `callsheet`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(program: &Path, limits: VmLimits) -> Result<Self, ExecError> {
        let peer = Peer::start(program, VM_COMMAND).map_err(|error| {
            let message = "the host of a script cannot be started";
            ExecError::new(ExecErrorKind::Failed, message)
                .at(program)
                .because(error)
        })?;
        Ok(Self {
            peer,
            limits,
            fuel: 0,
        })
    }

    /// Returns the number of the process.
    pub fn id(&self) -> u32 {
        self.peer.id()
    }

    /// Starts the script and runs it until it waits.
    ///
    /// # Errors
    /// The process has ended. Whatever the script does wrong is in the report.
    pub fn start(&mut self, start: Start) -> Result<Report, ExecError> {
        self.step(&Command::Start(start))
    }

    /// Settles a call and runs the script until it waits again.
    ///
    /// # Errors
    /// The process has ended, also because there is no such call.
    pub fn settle(&mut self, settle: Settle) -> Result<Report, ExecError> {
        self.step(&Command::Settle(settle))
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        self.peer.kill();
    }

    fn step(&mut self, command: &Command) -> Result<Report, ExecError> {
        let answer = match self.peer.ask(&json::print(command), self.limits.step) {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                self.peer.kill();
                return Ok(self.overdue());
            }
            Err(error) => {
                let how = self.peer.farewell();
                let message = format!("the host of the script {how}");
                return Err(ExecError::new(ExecErrorKind::Failed, message)
                    .because(error)
                    .hint("resume the run; no finished call is lost"));
            }
        };
        let report: Report = read(&answer).map_err(|problem| {
            self.peer.kill();
            let message = "the host of the script gave an answer that is none";
            ExecError::with_problems(ExecErrorKind::Internal, message, vec![problem])
        })?;
        self.fuel = report.fuel;
        Ok(report)
    }

    fn overdue(&self) -> Report {
        let seconds = self.limits.step.as_secs_f64();
        Report {
            events: Vec::new(),
            state: VmState::Failed,
            value: None,
            error: Some(VmError {
                code: code::STEP_TIMEOUT.to_owned(),
                message: format!("a step of the script took longer than {seconds} seconds"),
                line: None,
                column: None,
                stack: None,
            }),
            fuel: self.fuel,
        }
    }
}
