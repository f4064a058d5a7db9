//! Patterns that hide and protect paths, in gitignore syntax. Case does not matter, and
//! spaces around a pattern do not count.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::error::{ExecError, ExecErrorKind};

/// What can be made again, wherever it lies.
const MADE_ANYWHERE: [&str; 12] = [
    "node_modules",
    ".npm-cache",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".gradle",
    ".nyc_output",
    ".turbo",
    ".cache",
    ".venv",
    "venv",
];
/// What can be made again, at the top of a project.
const MADE_AT_TOP: [&str; 7] = ["target", ".next", "dist", "build", "out", "env", "coverage"];

/// Compiled patterns.
#[derive(Debug, Clone)]
pub(crate) struct Patterns(Gitignore);

/// What patterns say about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing.
    Nothing,
    /// It is meant.
    Meant,
    /// It is an exception, by a pattern with `!`.
    Excepted,
}

impl Patterns {
    /// Reads patterns.
    ///
    /// # Errors
    /// One of them is wrong.
    pub(crate) fn read(lines: &[String]) -> Result<Self, ExecError> {
        let mut builder = GitignoreBuilder::new("");
        builder.case_insensitive(true).map_err(wrong)?;
        for line in lines.iter().map(|line| line.trim()) {
            if !line.is_empty() && !line.starts_with('#') {
                builder.add_line(None, line).map_err(wrong)?;
            }
        }
        builder.build().map(Self).map_err(wrong)
    }

    /// Tells what the patterns say about a path alone, whatever they say about the
    /// directories above it: for a walk, which does not enter what is meant.
    pub(crate) fn say(&self, path: &Path, is_dir: bool) -> Said {
        match self.0.matched(path, is_dir) {
            Match::None => Said::Nothing,
            Match::Ignore(_) => Said::Meant,
            Match::Whitelist(_) => Said::Excepted,
        }
    }
}

fn wrong(error: ignore::Error) -> ExecError {
    ExecError::new(ExecErrorKind::Usage, format!("a pattern is wrong: {error}")).because(error)
}

/// Tells whether a path is by its name one of those that a copy leaves out unless
/// somebody excepts them: what a build or an installation makes again. A file or link of
/// such a name is somebody's own.
pub(crate) fn is_made_again(path: &Path, is_dir: bool) -> bool {
    let name = path.file_name();
    let is_one_of = |names: &[&str]| names.iter().any(|known| name == Some(OsStr::new(known)));
    let at_top = || path.parent() == Some(Path::new("")) && is_one_of(&MADE_AT_TOP);
    if is_dir {
        is_one_of(&MADE_ANYWHERE) || at_top()
    } else {
        is_one_of(&[".DS_Store"])
    }
}

/// Names of what was left out of a copy because it can be made again, for a note.
pub(crate) fn describe_made_again<'p>(paths: impl Iterator<Item = &'p Path>) -> Option<String> {
    let mut names = BTreeSet::new();
    let mut count = 0_usize;
    for path in paths {
        count += 1;
        names.extend(path.file_name().map(OsStr::to_string_lossy));
    }
    let list = names.iter().map(|name| format!("`{name}`"));
    let list = list.collect::<Vec<_>>().join(", ");
    let first = names.first()?;
    let entries = if count == 1 { "entry" } else { "entries" };
    Some(format!(
        "{count} {entries} that can be made again ({list}) are not in the copy; a pattern like `!{first}` in .agentignore brings them in"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(lines: &[&str]) -> Patterns {
        let lines: Vec<_> = lines.iter().map(|line| String::from(*line)).collect();
        Patterns::read(&lines).expect("patterns")
    }

    /// As a walk asks: what is in a directory that is meant is not looked at.
    fn cover(patterns: &Patterns, path: &str, is_dir: bool) -> bool {
        let path = Path::new(path);
        let mut above: Vec<_> = path.ancestors().skip(1).collect();
        above.pop();
        let is_meant = |path: &Path, is_dir| patterns.say(path, is_dir) == Said::Meant;
        above.into_iter().rev().any(|dir| is_meant(dir, true)) || is_meant(path, is_dir)
    }

    #[test]
    fn patterns_cover_what_gitignore_covers_whatever_the_case() {
        // Patterns, a path, whether it is a directory, whether it is covered.
        let cases: [(&[&str], &str, bool, bool); 24] = [
            (&["Secrets/"], "secrets", true, true),
            (&["Secrets/"], "secrets", false, false),
            (&["secrets/"], "a/SECRETS/key", false, true),
            (&["  *.key  "], "a/b/x.KEY", false, true),
            (&["# *.key", ""], "x.key", false, false),
            (&["*.key", "!keep.key"], "keep.key", false, false),
            (&["*.key", "!keep.key"], "Keep.Key", false, false),
            (&["*.key", "!keep.key"], "other.key", false, true),
            (&["!keep.key", "*.key"], "keep.key", false, true),
            // What is in a hidden directory cannot come back.
            (&["dir/", "!dir/keep"], "dir/keep", false, true),
            (&["dir/*", "!dir/keep"], "dir/keep", false, false),
            (&["dir/*", "!dir/keep"], "dir/other", false, true),
            // Only what is named.
            (&["/*", "!web/", "!web/**"], "web", true, false),
            (&["/*", "!web/", "!web/**"], "web/a/b", false, false),
            (&["/*", "!web/", "!web/**"], "api", true, true),
            (&["/*", "!web/", "!web/**"], "api/a", false, true),
            (&["/*", "!web/", "!web/**"], "web", false, true),
            (&["/top"], "top", false, true),
            (&["/top"], "a/top", false, false),
            (&["a/b"], "x/a/b", false, false),
            (&["a/b"], "a/b/c/d", false, true),
            (&["**/b"], "x/a/b", true, true),
            (&["a/**/z"], "a/b/c/z", false, true),
            (&["..foo"], "..foo", false, true),
        ];
        for (lines, path, is_dir, covered) in cases {
            let found = cover(&patterns(lines), path, is_dir);
            assert_eq!(found, covered, "{lines:?} {path} {is_dir}");
        }
        let broken = Patterns::read(&[String::from("a\\")]);
        assert!(broken.is_err());
    }

    #[test]
    fn what_is_made_again_is_known_by_its_name() {
        for path in ["node_modules", "a/b/node_modules", "dist", "a/.venv"] {
            assert!(is_made_again(Path::new(path), true), "{path}");
            assert!(!is_made_again(Path::new(path), false), "{path}");
        }
        assert!(is_made_again(Path::new("a/.DS_Store"), false));
        for path in ["Node_Modules", "a/dist", "dist2", "src", "node_modules/x"] {
            assert!(!is_made_again(Path::new(path), true), "{path}");
        }
        let paths = ["dist", "a/node_modules", "b/node_modules"].map(Path::new);
        assert_eq!(
            describe_made_again(paths.into_iter()).as_deref(),
            Some(
                "3 entries that can be made again (`dist`, `node_modules`) are not in the copy; a pattern like `!dist` in .agentignore brings them in"
            )
        );
        assert_eq!(describe_made_again([].into_iter()), None);
    }
}
