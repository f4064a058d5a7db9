//! Patterns that hide and protect paths, in gitignore syntax. Case does not matter, and
//! spaces around a pattern do not count.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use plan_core::persona::resolve::Unread;

use crate::error::{ExecError, ExecErrorKind};
use crate::os::walk::{read_text_limited, text_of};

/// What can be made again, wherever it lies.
const MADE_ANYWHERE: [&str; 13] = [
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
    ".DS_Store",
    ".venv",
    "venv",
];
/// What can be made again, at the top of a project.
const MADE_AT_TOP: [&str; 7] = [
    "target", ".next", "dist", "build", "out", "env", "coverage",
];

/// More than anybody writes by hand.
const LIMIT: u64 = 1 << 20;

/// Compiled patterns.
#[derive(Debug, Clone)]
pub(crate) struct Patterns {
    rules: Gitignore,
    lines: Vec<String>,
}

/// A pattern that can match at one place only. Case does not matter there either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchored<'p> {
    /// The path from the project's directory on.
    pub(crate) path: &'p str,
    /// Whether only a directory is meant.
    pub(crate) dir: bool,
}

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
        let lines = significant(lines.iter().map(String::as_str));
        let mut builder = GitignoreBuilder::new("");
        builder.case_insensitive(true).map_err(wrong)?;
        for line in &lines {
            builder.add_line(None, line).map_err(wrong)?;
        }
        let rules = builder.build().map_err(wrong)?;
        Ok(Self { rules, lines })
    }

    /// Tells what the patterns say about a path alone, whatever they say about the
    /// directories above it: for a walk, which does not enter what is meant.
    pub(crate) fn say(&self, path: &Path, is_dir: bool) -> Said {
        match self.rules.matched(path, is_dir) {
            Match::None => Said::Nothing,
            Match::Ignore(_) => Said::Meant,
            Match::Whitelist(_) => Said::Excepted,
        }
    }

    /// Tells whether a path or a directory above it is meant. What is in a directory that
    /// is meant cannot be excepted.
    pub(crate) fn cover(&self, path: &Path, is_dir: bool) -> bool {
        let mut above: Vec<_> = path.ancestors().skip(1).collect();
        above.pop();
        let is_meant = |path: &Path, is_dir| self.say(path, is_dir) == Said::Meant;
        above.into_iter().rev().any(|dir| is_meant(dir, true)) || is_meant(path, is_dir)
    }

    /// Tells whether there are no patterns.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Lists the patterns that can match at one place only.
    pub(crate) fn anchored(&self) -> impl Iterator<Item = Anchored<'_>> {
        self.lines.iter().filter_map(|line| anchored(line))
    }

    /// Tells whether what is meant can be found only by a look at every path.
    pub(crate) fn needs_walk(&self) -> bool {
        self.lines.iter().any(|line| anchored(line).is_none())
    }
}

fn wrong(error: ignore::Error) -> ExecError {
    ExecError::new(ExecErrorKind::Usage, format!("a pattern is wrong: {error}")).because(error)
}

fn significant<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<String> {
    let lines = lines.map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(String::from).collect()
}

fn anchored(line: &str) -> Option<Anchored<'_>> {
    if line.starts_with('!') || line.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        return None;
    }
    let (path, dir) = match line.strip_suffix('/') {
        Some(path) => (path, true),
        None => (line, false),
    };
    // Without a slash in it a name matches in every directory.
    let is_anchored = path.contains('/');
    let path = path.strip_prefix('/').unwrap_or(path);
    let is_plain = |name: &str| !matches!(name, "" | "." | "..");
    (is_anchored && path.split('/').all(is_plain)).then_some(Anchored { path, dir })
}

/// Tells whether a path is by its name one of those that a copy leaves out unless
/// somebody excepts them: what a build or an installation makes again.
pub(crate) fn is_made_again(path: &Path) -> bool {
    let is_one_of = |names: &[&str]| {
        let name = path.file_name();
        names.iter().any(|known| name == Some(OsStr::new(known)))
    };
    let at_top = || path.parent() == Some(Path::new("")) && is_one_of(&MADE_AT_TOP);
    is_one_of(&MADE_ANYWHERE) || at_top()
}

/// The rules that a project has for agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ProjectPatterns {
    /// What they do not see.
    pub(crate) ignored: Vec<String>,
    /// What they do not change.
    pub(crate) readonly: Vec<String>,
}

/// Reads `.agentignore` and `.agentreadonly` in a project's directory, and those of an
/// agent, `.<name>.agentignore` and `.<name>.agentreadonly`, behind them.
///
/// # Errors
/// A file is there and cannot be read, or a file's name cannot be made of the agent's.
pub(crate) fn project_patterns(
    project: &Path,
    agent_name: Option<&str>,
) -> Result<ProjectPatterns, ExecError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if let Some(name) = agent_name
        && (name.is_empty() || !name.bytes().all(is_plain))
    {
        let message = format!("`{name}` is no name of an agent");
        let error = ExecError::new(ExecErrorKind::Usage, message);
        return Err(error.hint("use letters, digits, `_` and `-`"));
    }
    let read = |end: &str| -> Result<Vec<String>, ExecError> {
        let mut lines = read_lines(&project.join(format!(".{end}")))?;
        if let Some(name) = agent_name {
            lines.extend(read_lines(&project.join(format!(".{name}.{end}")))?);
        }
        Ok(lines)
    };
    Ok(ProjectPatterns {
        ignored: read("agentignore")?,
        readonly: read("agentreadonly")?,
    })
}

fn read_lines(path: &Path) -> Result<Vec<String>, ExecError> {
    match read_text_limited(&text_of(path), LIMIT) {
        Ok(text) => Ok(significant(text.lines())),
        Err(Unread::Missing) => Ok(Vec::new()),
        // A rule that nobody can read must not be dropped silently.
        Err(why) => Err(ExecError::new(ExecErrorKind::Config, why.to_string()).at(path)),
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
            let found = patterns(lines).cover(Path::new(path), is_dir);
            assert_eq!(found, covered, "{lines:?} {path} {is_dir}");
        }
        let broken = Patterns::read(&[String::from("a[")]);
        assert!(broken.is_err());
    }

    #[test]
    fn patterns_for_one_place_are_told_from_others() {
        let known = patterns(&["/secrets/", "docs/x", "/LICENSE"]);
        let places: Vec<_> = known.anchored().collect();
        let place = |path, dir| Anchored { path, dir };
        assert_eq!(
            places,
            [place("secrets", true), place("docs/x", false), place("LICENSE", false)]
        );
        assert!(!known.needs_walk());
        for line in ["secrets", "secrets/", "/a/*.key", "!/a", "a/../b", "/a\\ "] {
            let patterns = patterns(&[line]);
            assert!(patterns.needs_walk(), "{line}");
            assert_eq!(patterns.anchored().count(), 0, "{line}");
        }
        assert!(patterns(&["# only a remark"]).is_empty());
    }

    #[test]
    fn what_is_made_again_is_known_by_its_name() {
        for path in ["node_modules", "a/b/node_modules", "dist", "a/.venv"] {
            assert!(is_made_again(Path::new(path)), "{path}");
        }
        for path in ["Node_Modules", "a/dist", "dist2", "src", "node_modules/x"] {
            assert!(!is_made_again(Path::new(path)), "{path}");
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

    #[test]
    fn a_project_has_rules_for_all_agents_and_for_one() {
        let temp = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            std::fs::write(temp.path().join(name), text).expect("a file");
        };
        write(".agentignore", "# secrets\r\n\n  secrets/  \r\n");
        write(".scout.agentignore", "!secrets/\n");
        write(".scout-2.agentreadonly", "LICENSE");
        let read = |name| project_patterns(temp.path(), name);
        assert_eq!(read(None).expect("rules").ignored, ["secrets/"]);
        let scout = read(Some("scout")).expect("rules");
        assert_eq!(scout.ignored, ["secrets/", "!secrets/"]);
        assert!(scout.readonly.is_empty());
        assert_eq!(read(Some("scout-2")).expect("rules").readonly, ["LICENSE"]);
        for name in ["", "../x", "a.b", "é"] {
            assert!(read(Some(name)).is_err(), "{name}");
        }
        std::fs::remove_file(temp.path().join(".agentignore")).expect("removal");
        std::fs::create_dir(temp.path().join(".agentignore")).expect("a directory");
        assert!(read(None).is_err(), "a rule that cannot be read");
    }
}
