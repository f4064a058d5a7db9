//! Paths as plain text: what may be joined below a root and what may not.
//!
//! The core knows no host path type; `/` separates segments everywhere.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Why a path may not be used below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// The path has no character.
    #[error("must not be empty")]
    Empty,
    /// The path begins at a file system root or a drive.
    #[error("must be relative")]
    Absolute,
    /// The path climbs with `..`.
    #[error("must not contain \"..\" segments")]
    Climbs,
    /// The path has an empty or `.` segment, so two spellings could name one file.
    #[error("must not contain empty or \".\" segments")]
    Unclear,
    /// The path has a character that no file name may have.
    #[error("must not contain NUL or backslash characters")]
    Character,
    /// The path reaches into git's own directory.
    #[error("must not reach into .git")]
    Git,
    /// The path has a name that no file system takes.
    #[error("must not contain names of more than 255 bytes")]
    Long,
}

/// How many bytes a name may have on every file system in use.
const LONGEST_NAME: usize = 255;

/// A relative path that stays below any root it is joined to: not empty, no
/// leading `/`, no `.`, `..` or empty segment, no NUL, no backslash, not in `.git`, no
/// name that is too long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelPath(String);

impl RelPath {
    /// Checks a path.
    ///
    /// # Errors
    /// The first rule that the path breaks.
    pub fn new(path: &str) -> Result<Self, PathProblem> {
        if path.is_empty() {
            return Err(PathProblem::Empty);
        }
        if is_absolute(path) {
            return Err(PathProblem::Absolute);
        }
        if path.contains(['\0', '\\']) {
            return Err(PathProblem::Character);
        }
        for segment in path.split('/') {
            match segment {
                ".." => return Err(PathProblem::Climbs),
                "" | "." => return Err(PathProblem::Unclear),
                _ if segment.eq_ignore_ascii_case(".git") => return Err(PathProblem::Git),
                _ if segment.len() > LONGEST_NAME => return Err(PathProblem::Long),
                _ => {}
            }
        }
        Ok(Self(String::from(path)))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells whether a path begins at a root: `/`, `\`, or a drive letter.
pub fn is_absolute(path: &str) -> bool {
    match path.as_bytes() {
        [b'/' | b'\\', ..] => true,
        [letter, b':', b'/' | b'\\', ..] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Tells whether a path has a `..` segment, with either separator.
pub fn has_parent_segment(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| segment == "..")
}

/// Joins with one `/` between; an absolute `path` stands for itself.
pub fn join(root: &str, path: &str) -> String {
    if is_absolute(path) || root.is_empty() {
        return String::from(path);
    }
    let path = path.strip_prefix("./").unwrap_or(path);
    format!("{}/{path}", root.strip_suffix('/').unwrap_or(root))
}

/// Joins, then removes `.`, `..` and empty segments by text, so that one file has one
/// name. What is relative to nothing stays as it is.
pub fn resolve(directory: &str, path: &str) -> String {
    let joined = join(directory, path);
    if !joined.starts_with('/') {
        return joined;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in joined.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The directory that holds a path; empty when the path is a bare name.
pub fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confines_relative_paths() {
        for (path, problem) in [
            ("", PathProblem::Empty),
            ("/etc/passwd", PathProblem::Absolute),
            ("C:\\x", PathProblem::Absolute),
            ("a/../../b", PathProblem::Climbs),
            ("..", PathProblem::Climbs),
            (".", PathProblem::Unclear),
            ("a//b", PathProblem::Unclear),
            ("a\\..\\b", PathProblem::Character),
            ("a\0b", PathProblem::Character),
            (".git/hooks/pre-commit", PathProblem::Git),
            ("sub/.GIT/config", PathProblem::Git),
        ] {
            assert_eq!(RelPath::new(path), Err(problem), "{path:?}");
        }
        assert_eq!(
            RelPath::new("..foo/a.b").map(|path| path.0),
            Ok("..foo/a.b".into())
        );
    }

    #[test]
    fn joins_and_splits() {
        assert_eq!(join("/a/", "./b"), "/a/b");
        assert_eq!(join("/a", "/b"), "/b");
        assert_eq!(resolve("/a/b", ".././c//d"), "/a/c/d");
        assert_eq!(resolve("/", "../../x"), "/x");
        assert_eq!(resolve("/a", "/b/../c"), "/c");
        assert_eq!(resolve("", "../x"), "../x");
        assert_eq!(parent("/a"), "/");
        assert_eq!(parent("a/b/c"), "a/b");
        assert_eq!(parent("a"), "");
    }
}
