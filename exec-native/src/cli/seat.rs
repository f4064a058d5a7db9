//! The hidden commands that seats of a fleet are started by.

use std::path::PathBuf;

use clap::Args;

use super::Answer;
use super::output::Output;
use crate::fleet::seat::supervise;
use crate::fleet::transport::host;
use crate::os::pty;

/// Supervises a seat.
#[derive(Debug, Args)]
pub(super) struct SeatCommand {
    /// The file of the seat.
    file: PathBuf,
}

impl SeatCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        Ok(supervise(&self.file, &|line| output.problem(line))?)
    }
}

/// Holds the terminal of a seat.
#[derive(Debug, Args)]
pub(super) struct HostCommand {
    /// The run directory.
    run: PathBuf,
    /// The seat.
    seat: String,
    /// Takes the place of a session that has ended.
    #[arg(long)]
    again: bool,
}

impl HostCommand {
    pub(super) fn answer(&self) -> Answer {
        host(&self.run, &self.seat, self.again)?;
        Ok(0)
    }
}

/// Becomes a program in a terminal.
#[derive(Debug, Args)]
pub(super) struct TerminalCommand {
    /// The terminal.
    terminal: PathBuf,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    argv: Vec<String>,
}

impl TerminalCommand {
    pub(super) fn answer(&self, output: &Output) -> u8 {
        let error = pty::become_program(&self.terminal, &self.argv);
        output.problem(&format!("the program cannot be started: {error}"));
        127
    }
}
