//! Commits that were made in a view. Their objects are fetched into the project's
//! repository under names of our own; the user's branches, index and `FETCH_HEAD` stay as
//! they are. Git never reads the settings of the view's repository: an agent could have
//! put commands there.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::view::View;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{Attributes, Place, is_dir, read, read_at, write_atomic};
use crate::os::git::{Answer, ask};
use crate::state::RunId;

/// A name in a view's repository with commits that the project has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// `heads/` and the branch, `stash`, or `HEAD` when no branch was checked out.
    pub name: String,
    /// The commit.
    pub id: String,
}

impl Commit {
    /// Returns the name that the commit gets in the project's repository.
    pub fn reference(&self, run: &str) -> String {
        format!("refs/callsheet/{run}/{}", self.name)
    }
}

fn git_dir(view: &View) -> PathBuf {
    view.files.path().join(".git")
}

/// Lists the branches of a view with commits that no branch of the project has and that
/// were not fetched yet.
pub(super) fn commits(view: &View) -> Result<Vec<Commit>, ExecError> {
    let git = git_dir(view);
    if !is_dir(&git) || !view.has_repository() {
        return Ok(Vec::new());
    }
    let theirs = heads(&git).at(&git)?;
    let own = view.project.join(".git");
    let known = if is_dir(&own) {
        heads(&own).at(&own)?
    } else {
        BTreeMap::new()
    };
    let mut found: Vec<Commit> = theirs
        .into_iter()
        .filter(|(name, id)| known.get(name) != Some(id))
        .map(|(name, id)| Commit { name, id })
        .collect();
    if found.is_empty() {
        return Ok(found);
    }
    // Without git nothing is known to be elsewhere, so it counts.
    if let Ok(there) = fetched(view) {
        let run = view.id.as_str();
        found.retain(|commit| !there.contains(&(commit.reference(run), commit.id.clone())));
    }
    let mut new = Vec::new();
    for commit in found {
        if is_new(&view.project, &commit.id).unwrap_or(true) {
            new.push(commit);
        }
    }
    Ok(new)
}

fn fetched(view: &View) -> io::Result<BTreeSet<(String, String)>> {
    let pattern = format!("refs/callsheet/{}", view.id);
    let format = "--format=%(refname) %(objectname)";
    let answer = git(&view.project, &["for-each-ref", format, &pattern], "")?;
    let lines = answer.stdout.lines();
    let pairs = lines.filter_map(|line| line.split_once(' '));
    Ok(pairs
        .map(|(name, id)| (name.to_owned(), id.to_owned()))
        .collect())
}

/// Tells whether no branch or tag of the project leads to a commit.
fn is_new(project: &Path, id: &str) -> io::Result<bool> {
    let known = git(project, &["cat-file", "-e", id], "")?;
    if !known.ok {
        return Ok(true);
    }
    let args = [
        "rev-list",
        "--max-count=1",
        id,
        "--not",
        "--exclude=refs/callsheet/*",
        "--all",
    ];
    let answer = git(project, &args, "")?;
    Ok(!answer.ok || !answer.stdout.trim().is_empty())
}

fn git(dir: &Path, args: &[&str], stdin: &str) -> io::Result<Answer> {
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    ask(dir, &args, stdin)
}

/// Reads the branches of a repository, its latest stash, and what is checked out when it
/// is no branch.
fn heads(git: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut heads = BTreeMap::new();
    let dir = Dir::open(git)?;
    let packed = optional(read_at(&dir, OsStr::new("packed-refs")))?;
    for line in String::from_utf8_lossy(&packed).lines() {
        let Some((id, name)) = line.split_once(' ') else {
            continue;
        };
        if let Some(name) = name.strip_prefix("refs/heads/")
            && let Some(id) = object_id(id)
            && is_plain(name)
        {
            heads.insert(format!("heads/{name}"), id);
        }
    }
    if let Ok(refs) = dir
        .child(OsStr::new("refs"))
        .and_then(|refs| refs.child(OsStr::new("heads")))
    {
        loose(&refs, "heads", &mut heads)?;
    }
    if let Ok(refs) = dir.child(OsStr::new("refs")) {
        // Of stashes the latest one can be told.
        let stash = optional(read_at(&refs, OsStr::new("stash")))?;
        let id = object_id(String::from_utf8_lossy(&stash).trim());
        heads.extend(id.map(|id| ("stash".to_owned(), id)));
    }
    let head = optional(read_at(&dir, OsStr::new("HEAD")))?;
    if let Some(id) = object_id(String::from_utf8_lossy(&head).trim()) {
        heads.insert("HEAD".into(), id);
    }
    Ok(heads)
}

fn loose(dir: &Dir, below: &str, heads: &mut BTreeMap<String, String>) -> io::Result<()> {
    for name in dir.names()? {
        let Some(text) = name.to_str().filter(|text| is_plain(text)) else {
            continue;
        };
        let path = format!("{below}/{text}");
        match dir.stat(&name)?.map(|meta| meta.kind) {
            Some(Kind::Dir) => loose(&dir.child(&name)?, &path, heads)?,
            Some(Kind::File) => {
                let bytes = optional(read_at(dir, &name))?;
                let id = object_id(String::from_utf8_lossy(&bytes).trim());
                heads.extend(id.map(|id| (path, id)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn optional(read: io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

fn object_id(text: &str) -> Option<String> {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hex && matches!(text.len(), 40 | 64)).then(|| text.to_ascii_lowercase())
}

/// Tells whether git would take a name of a branch.
fn is_plain(name: &str) -> bool {
    let letter = |letter: char| !letter.is_control() && !" ~^:?*[\\".contains(letter);
    let segment = |segment: &str| {
        let is_lock = segment.as_bytes().ends_with(b".lock");
        !segment.is_empty() && !segment.starts_with(['.', '-']) && !is_lock
    };
    name.chars().all(letter)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name.split('/').all(segment)
}

/// Fetches commits into the project's repository. `stage` is a private directory.
pub(super) fn fetch(view: &View, commits: &[Commit], stage: &Path) -> Result<(), ExecError> {
    if commits.is_empty() {
        return Ok(());
    }
    let shim = shim(view, commits, stage)?;
    let spec = format!("+refs/view/*:refs/callsheet/{}/*", view.id);
    let mut args: Vec<&OsStr> = [
        "fetch",
        "--quiet",
        "--no-write-fetch-head",
        "--no-tags",
        "--no-auto-gc",
        "--no-prune",
        "--no-recurse-submodules",
        "--refmap=",
        "--",
    ]
    .map(OsStr::new)
    .into();
    args.extend([shim.as_os_str(), OsStr::new(&spec)]);
    let answer = ask(&view.project, &args, "").map_err(not_installed)?;
    checked(&answer, "the commits could not be fetched").map_err(|error| error.at(&view.project))
}

fn not_installed(error: io::Error) -> ExecError {
    ExecError::new(ExecErrorKind::Missing, "git cannot be run")
        .hint("the view holds commits; install git to bring them back")
        .because(error)
}

fn checked(answer: &Answer, message: &str) -> Result<(), ExecError> {
    if answer.ok {
        return Ok(());
    }
    let message = format!("{message}: {}", answer.stderr.trim());
    Err(ExecError::new(ExecErrorKind::Failed, message))
}

/// Makes a repository of our own that borrows the objects of both.
fn shim(view: &View, commits: &[Commit], stage: &Path) -> Result<PathBuf, ExecError> {
    let told = |args: &[&str]| {
        let answer = git(&view.project, args, "").map_err(not_installed)?;
        checked(&answer, "the project's repository cannot be read")?;
        Ok::<_, ExecError>(answer.stdout.trim_end_matches('\n').to_owned())
    };
    let objects = told(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "objects",
    ])?;
    let shallow = told(&[
        "rev-parse",
        "--path-format=absolute",
        "--git-path",
        "shallow",
    ])?;
    let format = told(&["rev-parse", "--show-object-format"])?;
    let shim = stage.join("shim.git");
    let format = format!("--object-format={format}");
    let mut args: Vec<&OsStr> = ["init", "--quiet", "--bare", "--template=", &format, "--"]
        .map(OsStr::new)
        .into();
    args.push(shim.as_os_str());
    let answer = ask(stage, &args, "").map_err(not_installed)?;
    checked(&answer, "a repository for the commits cannot be made")?;
    let theirs = git_dir(view).join("objects");
    let mut alternates = OsString::from(theirs);
    alternates.push("\n");
    alternates.push(objects);
    alternates.push("\n");
    put(
        &shim.join("objects/info"),
        "alternates",
        alternates.as_encoded_bytes(),
    )?;
    let lines = commits
        .iter()
        .map(|commit| format!("{} refs/view/{}\n", commit.id, commit.name));
    let packed: String = lines.collect();
    put(&shim, "packed-refs", packed.as_bytes())?;
    if let Ok(bytes) = read(Path::new(&shallow)) {
        put(&shim, "shallow", &bytes)?;
    }
    Ok(shim)
}

fn put(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), ExecError> {
    let write = || {
        let place = Place {
            dir: Dir::open(dir)?,
            name: name.into(),
        };
        write_atomic(&place, OsStr::new(".put"), bytes, Attributes::default())
    };
    write().at(dir.join(name))
}

/// Lists the names that a run's commits got.
pub(super) fn references(project: &Path, run: &RunId) -> Vec<String> {
    let pattern = format!("refs/callsheet/{run}");
    let asked = git(
        project,
        &["for-each-ref", "--format=%(refname)", &pattern],
        "",
    );
    // Where there is no git there are no names.
    let names = asked.map(|answer| answer.stdout.lines().map(String::from).collect());
    names.unwrap_or_default()
}

/// Removes the names that a run's commits got; returns them.
pub(super) fn forget(project: &Path, run: &RunId) -> Result<Vec<String>, ExecError> {
    let names = references(project, run);
    if names.is_empty() {
        return Ok(names);
    }
    let orders = names.iter().map(|name| format!("delete {name}\n"));
    let orders: String = orders.collect();
    let answer = git(project, &["update-ref", "--stdin"], &orders).map_err(not_installed)?;
    checked(&answer, "the names of fetched commits could not be removed")?;
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_would_refuse_are_left_out() {
        for name in ["main", "a/b", "feature-x", "v1.0"] {
            assert!(is_plain(name), "{name}");
        }
        for name in [
            "", "a b", "a..b", "-x", "a/.b", "x.lock", "a//b", "a:b", "x.", "a@{1}",
        ] {
            assert!(!is_plain(name), "{name}");
        }
        assert_eq!(object_id("ref: refs/heads/main"), None);
        assert!(object_id(&"Ab".repeat(20)).is_some());
    }
}
