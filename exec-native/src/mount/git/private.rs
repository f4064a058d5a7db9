//! Git data of a view's own for a project whose data lies elsewhere: a linked worktree, a
//! submodule, a separate directory. Objects are shared, everything else is copied.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::replace;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{is_dir, is_file, make_private_dirs, read};
use crate::os::git::Git;
use crate::os::tree::{self, Copied, Fate, Guide};

/// What of a repository's directory is made anew, lies in objects, or belongs to others.
const NOT_COPIED: [&str; 15] = [
    "commondir",
    "config",
    "config.worktree",
    "gitdir",
    "hooks",
    "info",
    "lfs",
    "locked",
    "logs",
    "modules",
    "objects",
    "packed-refs",
    "refs",
    "reftable",
    "worktrees",
];

/// Creates `.git` in a view.
pub(super) fn create(
    project: &Path,
    root: &Path,
    (dir, common): (&Path, &Path),
) -> Result<(), ExecError> {
    if is_dir(&common.join("reftable")) {
        let message = "git data in the reftable format cannot be given to a view";
        let error = ExecError::new(ExecErrorKind::Failed, message).at(common);
        return Err(error.hint("work in place, or leave git out"));
    }
    let own = root.join(".git");
    for path in [
        "info",
        "hooks",
        "objects/info",
        "objects/pack",
        "refs/heads",
        "refs/tags",
    ] {
        make_private_dirs(&own.join(path)).at(&own)?;
    }
    for (from, to) in [
        (dir.to_owned(), own.clone()),
        (common.join("info"), own.join("info")),
        (dir.join("info"), own.join("info")),
        (common.join("hooks"), own.join("hooks")),
    ] {
        if is_dir(&from) && !(from == dir.join("info") && dir == common) {
            copy(&from, &to)?;
        }
    }
    let shallow = common.join("shallow");
    if is_file(&shallow) && dir != common {
        replace(root, ".git/shallow", &read(&shallow).at(&shallow)?)?;
    }
    let mut alternates = common.join("objects").into_os_string();
    alternates.push("\n");
    replace(root, ".git/objects/info/alternates", alternates.as_bytes())?;
    let git = Git {
        dir: dir.to_owned(),
        tree: project.to_owned(),
        index: None,
    };
    refs(&git, root)?;
    config(root, dir, common)
}

/// Copies what is in a directory over what is in another one.
fn copy(from: &Path, to: &Path) -> Result<(), ExecError> {
    let target = Dir::open(to).at(to)?;
    // What two directories have both comes from the second.
    let source = Dir::open(from).at(from)?;
    for name in source.names().at(from)? {
        if !is_left_out(Path::new(&name)) {
            tree::remove(&target, &name).at(to)?;
        }
    }
    tree::copy(&source, &target, &Essentials).at(to).map(drop)
}

struct Essentials;

fn is_left_out(path: &Path) -> bool {
    let is_one = NOT_COPIED.iter().any(|name| path == Path::new(name));
    is_one
        || path
            .extension()
            .is_some_and(|end| end == "lock" || end == "sample")
}

impl Guide for Essentials {
    type Log = ();

    fn fate(&self, (): &mut (), path: &Path, _kind: Kind) -> Fate {
        if is_left_out(path) {
            Fate::Skip
        } else {
            Fate::Copy
        }
    }

    fn copied(&self, (): &mut (), _entry: &Copied<'_>) {}

    fn skipped(&self, (): &mut (), _path: &Path, _why: &'static str) {}
}

/// Writes down where every branch and tag is.
fn refs(git: &Git, root: &Path) -> Result<(), ExecError> {
    let format = "--format=%(objectname) %(refname) %(symref)";
    let listed = git.run(&["for-each-ref", format], &[]).at(&git.dir)?;
    let mut packed = Vec::new();
    for line in listed.split(|byte| *byte == b'\n') {
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let (Some(object), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        match words.next() {
            Some(target) if !target.is_empty() => {
                let path = format!(".git/{}", String::from_utf8_lossy(name));
                let above = root.join(&path);
                make_private_dirs(above.parent().unwrap_or(root)).at(&above)?;
                replace(root, &path, &[b"ref: ", target, b"\n"].concat())?;
            }
            _ => packed.extend([object, b" ", name, b"\n"].concat()),
        }
    }
    replace(root, ".git/packed-refs", &packed)
}

/// Writes the configuration of a repository that is nobody's worktree.
fn config(root: &Path, dir: &Path, common: &Path) -> Result<(), ExecError> {
    let mut text = Vec::new();
    for path in [common.join("config"), dir.join("config.worktree")] {
        if is_file(&path) {
            text.extend(read(&path).at(&path)?);
            text.push(b'\n');
        }
    }
    // Later words win.
    writeln!(text, "[core]\n\tbare = false").at(root)?;
    replace(root, ".git/config", &text)?;
    free_of_tree(root, &text).map(drop)
}

/// Takes out of a view's configuration what names another directory of files; tells
/// whether something was.
pub(super) fn free_of_tree(root: &Path, text: &[u8]) -> Result<bool, ExecError> {
    let text = text.to_ascii_lowercase();
    let names = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    if !names(b"worktree") {
        return Ok(false);
    }
    let own = root.join(".git");
    let git = Git {
        dir: own.clone(),
        tree: root.to_owned(),
        index: None,
    };
    let config = own.join("config");
    let args = |key| {
        let words = ["config", "--file"].map(OsStr::new);
        let rest = ["--unset-all", key].map(OsStr::new);
        [words[0], words[1], config.as_os_str(), rest[0], rest[1]]
    };
    let before = read(&config).at(&config)?;
    for key in ["core.worktree", "extensions.worktreeConfig"] {
        // Git fails where there is nothing to take out.
        drop(git.run_os(&args(key), &[]));
    }
    Ok(read(&config).at(&config)? != before)
}
