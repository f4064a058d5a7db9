//! The process environment.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::path::PathBuf;

/// Returns a variable that is set to text and not empty.
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Returns every variable that is text, sorted by name.
pub fn vars() -> Vec<(String, String)> {
    let pairs = std::env::vars_os();
    let texts =
        pairs.map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    let mut vars: Vec<_> = texts.flatten().collect();
    vars.sort();
    vars
}

/// Returns the user's home directory.
pub fn home_dir() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// Returns the working directory.
///
/// # Errors
/// The directory is gone or may not be read.
pub fn current_dir() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}
