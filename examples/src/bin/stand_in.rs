//! The stand-in agent: plays the command-line agent whose name it is called by.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(examples::stand_in::run())
}
