//! The repository as data: its files, and programs run inside it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a helper answers: a test passes the error on with `?`.
pub type Answer<T> = Result<T, Box<dyn Error>>;

/// Directories that hold no source of ours.
const SKIPPED: [&str; 7] = [
    ".cache",
    ".git",
    "artifacts",
    "corpus",
    "node_modules",
    "pkg",
    "target",
];

/// Returns the root of the workspace.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// Reads a file of the repository.
pub fn read(path: &str) -> Answer<String> {
    fs::read_to_string(root().join(path)).map_err(|error| format!("{path}: {error}").into())
}

/// Lists the files below a directory of the repository whose names end with
/// `suffix`, as `/`-separated paths from the root, sorted.
pub fn files(below: &str, suffix: &str) -> Answer<Vec<String>> {
    let mut found = Vec::new();
    walk(&root(), below, suffix, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn walk(root: &Path, at: &str, suffix: &str, found: &mut Vec<String>) -> Answer<()> {
    let dir = root.join(at);
    let entries = fs::read_dir(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if at.is_empty() {
            name.clone()
        } else {
            format!("{at}/{name}")
        };
        if entry.file_type()?.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(root, &path, suffix, found)?;
            }
        } else if name.ends_with(suffix) {
            found.push(path);
        }
    }
    Ok(())
}

/// Lists the names in the root of the repository, sorted.
pub fn top_level() -> Answer<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Runs the cargo that runs the tests, in the root, to its end.
pub fn cargo(arguments: &[&str]) -> Answer<Output> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()?;
    Ok(output)
}

/// Runs cargo and returns what it printed, or its complaint.
pub fn cargo_text(arguments: &[&str]) -> Answer<String> {
    let output = cargo(arguments)?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("cargo {} failed:\n{complaint}", arguments.join(" ")).into())
}
