//! Finds the paths of a project that patterns name. Patterns that say where they match
//! are looked up; only others need a walk over the project's names.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ExecError;
use crate::mount::patterns::{Patterns, Said};
use crate::os::dir::{Dir, Kind};

/// Patterns in gitignore syntax.
#[derive(Debug)]
pub(crate) struct Rules {
    matcher: Patterns,
    /// The patterns as places, when every one says where it matches.
    places: Option<Vec<Anchored>>,
}

/// A pattern that matches at one place.
#[derive(Debug, PartialEq, Eq)]
struct Anchored {
    /// The names from the project's directory on, in lower case.
    names: Vec<String>,
    /// Whether it matches directories only.
    dir: bool,
}

impl Rules {
    /// Reads patterns.
    ///
    /// # Errors
    /// One of them is wrong.
    pub(crate) fn of(lines: &[String]) -> Result<Self, ExecError> {
        let lines = lines.iter().map(|line| line.trim());
        let lines: Vec<_> = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(String::from)
            .collect();
        Ok(Self {
            matcher: Patterns::read(&lines)?,
            places: lines.iter().map(|line| Anchored::of(line)).collect(),
        })
    }

    fn need_walk(&self) -> bool {
        self.places.is_none()
    }

    fn matches(&self, path: &Path, kind: Kind) -> bool {
        self.matcher.say(path, kind == Kind::Dir) == Said::Meant
    }

    fn look_up(&self, project: &Dir) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for place in self.places.iter().flatten() {
            place.look_up(project, Path::new(""), &place.names, &mut found)?;
        }
        // Parents sort before what is in them.
        found.sort();
        found.dedup_by(|inner, outer| inner.starts_with(outer));
        Ok(found)
    }
}

impl Anchored {
    /// Reads a pattern; `None` for one that can match in several places.
    fn of(line: &str) -> Option<Self> {
        if line.contains(['*', '?', '[', ']', '{', '}', '\\']) || line.starts_with('!') {
            return None;
        }
        let (rest, dir) = match line.strip_suffix('/') {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let anchored = rest.contains('/');
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        let names: Vec<_> = rest.split('/').map(str::to_lowercase).collect();
        let plain = |name: &String| !matches!(name.as_str(), "" | "." | "..");
        (anchored && names.iter().all(plain)).then_some(Self { names, dir })
    }

    /// Names match without regard to case, so several may.
    fn look_up(
        &self,
        dir: &Dir,
        below: &Path,
        names: &[String],
        found: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        let Some((first, rest)) = names.split_first() else {
            return Ok(());
        };
        for (name, kind) in readable(dir.entries())? {
            if name.to_string_lossy().to_lowercase() != *first {
                continue;
            }
            let path = below.join(&name);
            if !rest.is_empty() {
                if kind == Kind::Dir
                    && let Some(inner) = child(dir, &name)?
                {
                    self.look_up(&inner, &path, rest, found)?;
                }
            } else if !self.dir || kind == Kind::Dir {
                found.push(path);
            }
        }
        Ok(())
    }
}

/// What patterns name in a project, relative to it, parents before what is in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// What is hidden.
    pub(crate) hidden: Vec<PathBuf>,
    /// What is protected and not hidden.
    pub(crate) readonly: Vec<PathBuf>,
}

/// Finds what patterns name. What is in a hidden directory is not looked at.
///
/// # Errors
/// The project may not be read.
pub(crate) fn find(
    project: &Dir,
    hidden: &Rules,
    readonly: &Rules,
    with_git: bool,
) -> io::Result<Found> {
    let mut found = Found::default();
    if hidden.need_walk() || readonly.need_walk() || !with_git {
        let mut walk = Walk {
            hidden,
            readonly,
            with_git,
            found: &mut found,
        };
        walk.dir(project, Path::new(""), false)?;
        return Ok(found);
    }
    found.hidden = hidden.look_up(project)?;
    found.readonly = readonly.look_up(project)?;
    let hidden = &found.hidden;
    let is_hidden = |path: &PathBuf| hidden.iter().any(|above| path.starts_with(above));
    found.readonly.retain(|path| !is_hidden(path));
    Ok(found)
}

struct Walk<'w> {
    hidden: &'w Rules,
    readonly: &'w Rules,
    with_git: bool,
    found: &'w mut Found,
}

impl Walk<'_> {
    /// Looks at the names in a directory; in a protected one only hidden ones matter.
    fn dir(&mut self, dir: &Dir, below: &Path, protected: bool) -> io::Result<()> {
        for (name, kind) in readable(dir.entries())? {
            let path = below.join(&name);
            let no_git = !self.with_git && name == ".git";
            if no_git || self.hidden.matches(&path, kind) {
                self.found.hidden.push(path);
                continue;
            }
            let protects = !protected && self.readonly.matches(&path, kind);
            if protects {
                self.found.readonly.push(path.clone());
            }
            if kind == Kind::Dir
                && let Some(inner) = child(dir, &name)?
            {
                self.dir(&inner, &path, protected || protects)?;
            }
        }
        Ok(())
    }
}

fn child(dir: &Dir, name: &OsStr) -> io::Result<Option<Dir>> {
    match dir.child(name) {
        Ok(child) => Ok(Some(child)),
        Err(error) if is_passable(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn readable<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if is_passable(&error) => Ok(T::default()),
        result => result,
    }
}

/// What the user may not read the agent may not either, and what vanishes is gone.
fn is_passable(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), NotFound | NotADirectory | PermissionDenied)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests look at real files")]

    use super::*;

    fn rules(lines: &[&str]) -> Rules {
        let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        Rules::of(&lines).expect("patterns")
    }

    fn project() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().expect("a directory");
        for path in [
            "Secrets/key",
            "a/secrets/key",
            "a/b.txt",
            "docs/Plan.md",
            ".env",
        ] {
            let path = temp.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::fs::write(path, "x").expect("a file");
        }
        let dir = Dir::open(temp.path()).expect("a directory");
        (temp, dir)
    }

    fn paths(found: &[PathBuf]) -> Vec<&str> {
        let mut texts: Vec<_> = found.iter().filter_map(|path| path.to_str()).collect();
        texts.sort_unstable();
        texts
    }

    #[test]
    fn a_pattern_with_a_place_needs_no_walk() {
        for line in ["/secrets", "docs/plan.md", "/a/b/"] {
            assert!(!rules(&[line]).need_walk(), "{line}");
        }
        for line in ["secrets/", ".env", "*.md", "!/x", "/a/**", "a//b", "/../x"] {
            assert!(rules(&[line]).need_walk(), "{line}");
        }
    }

    #[test]
    fn both_ways_find_the_same() {
        let (_temp, dir) = project();
        let places = ["/secrets/", "docs/plan.md", "/none", "/.ENV/", "a/b.txt"];
        let direct = find(&dir, &rules(&places), &rules(&[]), true).expect("a look");
        assert_eq!(
            paths(&direct.hidden),
            ["Secrets", "a/b.txt", "docs/Plan.md"]
        );
        let walked: Vec<_> = places.into_iter().chain(["*.none"]).collect();
        let walked = find(&dir, &rules(&walked), &rules(&[]), true).expect("a walk");
        assert_eq!(paths(&walked.hidden), paths(&direct.hidden));
    }

    #[test]
    fn patterns_without_a_place_match_everywhere() {
        let (_temp, dir) = project();
        let (hidden, readonly) = (rules(&["secrets/"]), rules(&["a", "*.md"]));
        let found = find(&dir, &hidden, &readonly, true).expect("a walk");
        assert_eq!(paths(&found.hidden), ["Secrets", "a/secrets"]);
        assert_eq!(paths(&found.readonly), ["a", "docs/Plan.md"]);
    }

    #[test]
    fn what_is_hidden_with_exceptions_keeps_them() {
        let (_temp, dir) = project();
        let hidden = rules(&["/*", "!docs/", "!docs/**"]);
        let found = find(&dir, &hidden, &rules(&[]), true).expect("a walk");
        assert_eq!(paths(&found.hidden), [".env", "Secrets", "a"]);
    }
}
