//! Looking at the file system without changing it.
//!
//! Paths are text with `/` between segments, as `plan-core` wants them.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use plan_core::persona::resolve::Unread;

/// Reads a whole text file of at most `limit` bytes.
///
/// # Errors
/// No such file, not a regular file, larger than the limit, not UTF-8, or the
/// system refuses.
pub fn read_text_limited(path: &str, limit: u64) -> Result<String, Unread> {
    // Asked before opening: opening a pipe would wait for its writer.
    let found = fs::metadata(path).map_err(|error| unread(&error))?;
    if !found.is_file() {
        return Err(Unread::Failed("not a regular file".into()));
    }
    let file = fs::File::open(path).map_err(|error| unread(&error))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| unread(&error))?;
    // Counted again: a file may grow, and some report no length.
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        return Err(Unread::TooLarge { limit });
    }
    String::from_utf8(bytes).map_err(|_| Unread::NotUtf8)
}

/// Lists the paths of the files of a directory that end in `.json`, sorted. A
/// directory that does not exist has none.
///
/// # Errors
/// The directory cannot be read.
pub fn list_json_files(directory: &str) -> Result<Vec<String>, Unread> {
    let is_json = |path: &Path| path.extension().is_some_and(|end| end == "json");
    list(directory, |path| is_json(path) && !path.is_dir())
}

/// Lists the paths of the directories in a directory, sorted. A directory that
/// does not exist has none.
///
/// # Errors
/// The directory cannot be read.
pub fn list_dirs(directory: &str) -> Result<Vec<String>, Unread> {
    list(directory, Path::is_dir)
}

fn list(directory: &str, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>, Unread> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unread(&error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unread(&error))?.path();
        if wanted(&path) {
            paths.push(text_of(&path));
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Tells whether a path leads to something, through links.
pub fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

/// Writes a path as text with `/` between segments.
pub fn text_of(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) {
        text.replace('\\', "/")
    } else {
        text.into_owned()
    }
}

fn unread(error: &io::Error) -> Unread {
    match error.kind() {
        io::ErrorKind::NotFound => Unread::Missing,
        io::ErrorKind::PermissionDenied => Unread::Failed("permission denied".into()),
        // Every message is one line of the system's own words.
        _ => Unread::Failed(error.to_string()),
    }
}
