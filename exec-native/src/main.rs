//! The `callsheet` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    exec_native::cli::main()
}
