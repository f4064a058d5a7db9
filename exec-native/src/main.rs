//! The `callsheet` binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Planning makes many small values that live as long as one plan.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    exec_native::cli::main()
}
