//! Our own program, which some effects start again as a helper.

use std::path::PathBuf;

/// The variable that names the program where it cannot be found otherwise.
pub const VARIABLE: &str = "CALLSHEET_BIN";

/// Returns the path of the `callsheet` program: what `CALLSHEET_BIN` names, else this very
/// program when it is called so. Another program that uses this library has none.
pub fn program() -> Option<PathBuf> {
    if let Some(named) = super::env::var(VARIABLE) {
        return Some(PathBuf::from(named));
    }
    let own = std::env::current_exe().ok()?;
    own.file_stem()
        .is_some_and(|name| name == "callsheet")
        .then_some(own)
}
