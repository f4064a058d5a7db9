//! Trees with real repositories.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::*;
use crate::error::{ExecError, ExecErrorKind};
use crate::state::StateHome;

mod bench;
mod copies;
mod crash;
mod ends;
mod merges;
mod places;
mod storm;
mod table;

/// A repository with a commit, and a state home beside it.
struct Desk {
    _temp: Option<tempfile::TempDir>,
    root: PathBuf,
}

/// Runs git as a user would.
fn try_git(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = try_git(dir, args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {stderr}");
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

impl Desk {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let desk = Self::at(&temp.path().canonicalize().unwrap());
        desk.fill();
        Self {
            _temp: Some(temp),
            ..desk
        }
    }

    fn at(root: &Path) -> Self {
        Self {
            _temp: None,
            root: root.to_owned(),
        }
    }

    fn fill(&self) {
        let repo = self.repo();
        fs::create_dir_all(&repo).unwrap();
        git(&repo, &["init", "-q"]);
        put(&repo, "README.md", "one\n");
        put(&repo, "src/lib.rs", "two\n");
        put(&repo, ".gitignore", "/target\n");
        git(&repo, &["add", "-A"]);
        git(&repo, &["commit", "-qm", "first"]);
    }

    fn repo(&self) -> PathBuf {
        self.root.join("repo")
    }

    fn state(&self) -> StateHome {
        StateHome::at(self.root.join("state"))
    }

    fn trees(&self) -> Trees {
        self.trees_of("run-1")
    }

    fn trees_of(&self, run: &str) -> Trees {
        let repo = Repo::open(&self.repo()).unwrap();
        Trees::new(repo, &self.state(), run, 1).unwrap()
    }

    /// Everything that may not change but by what the user does.
    fn snapshot(&self) -> BTreeMap<String, String> {
        let repo = self.repo();
        let mut found = BTreeMap::new();
        for (what, args) in [
            ("refs", &["for-each-ref"][..]),
            ("head", &["symbolic-ref", "HEAD"]),
            ("status", &["status", "--porcelain", "--ignored"]),
            ("worktrees", &["worktree", "list", "--porcelain"]),
            ("config", &["config", "--local", "--list"]),
            ("fsck", &["fsck", "--no-dangling", "--no-progress"]),
        ] {
            found.insert(what.to_owned(), git(&repo, args));
        }
        found
    }

    /// The names left in the state home, but for what always stays.
    fn left(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.root.join("state"), &mut found);
        found.retain(|name| !name.ends_with("probe.lock") && !name.contains("merge-"));
        found.retain(|name| !is_living_template(Path::new(name)));
        let common = self.repo().join(".git");
        for entry in fs::read_dir(common).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if name.starts_with("callsheet.gone") {
                found.push(name);
            }
        }
        found
    }
}

/// Tells whether a path belongs to a template that a process holds.
fn is_living_template(path: &Path) -> bool {
    let of = path.ancestors().find(|above| {
        let name = above.file_name().unwrap_or_default();
        name.as_encoded_bytes()
            .starts_with(template::BASE.as_bytes())
    });
    of.is_some_and(|of| {
        let lock = fs::File::open(of.with_extension("lock"));
        lock.is_ok_and(|lock| lock.try_lock().is_err())
    })
}

fn walk(at: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(at) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            let before = found.len();
            walk(&path, found);
            // The directory of a repository may be empty.
            if found.len() == before && path.parent().unwrap().ends_with("worktrees") {
                continue;
            }
            if found.len() == before && !path.ends_with("worktrees") {
                found.push(path.display().to_string());
            }
        } else {
            found.push(path.display().to_string());
        }
    }
}

fn spec<'s>(call: &'s str, base: &'s CommitId) -> Spec<'s> {
    Spec {
        call,
        attempt: 1,
        label: "a label",
        base,
        isolation: Isolation::Worktree,
        place: Place::Outside,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of the callback")]
fn announced(_: &Record) -> Result<(), ExecError> {
    Ok(())
}

fn make(trees: &Trees, call: &str) -> Tree {
    let base = trees.repo().resolve("HEAD").unwrap();
    trees.create(&spec(call, &base), &mut announced).unwrap()
}

fn kind_of<T: std::fmt::Debug>(result: Result<T, ExecError>) -> ExecErrorKind {
    let error = result.unwrap_err();
    assert!(!error.to_string().is_empty());
    error.kind()
}
