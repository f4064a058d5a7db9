//! Our own program, for what only a process of its own can do.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::path::PathBuf;

/// Finds the callsheet binary that this process runs; `None` in any other program that
/// uses the library, and when the binary was replaced or removed meanwhile.
pub fn program() -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?;
    let ours = path.file_stem()? == "callsheet" && path.is_file();
    ours.then_some(path)
}
