//! A directory as data: everything that a run must give back as it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::repo::Answer;

/// The entries below a directory, by their relative paths.
pub type Tree = BTreeMap<PathBuf, String>;

/// Describes every entry below a directory: kind, mode and owner, and of all but
/// directories which file it is, its names, its time and its content.
pub fn tree(root: &Path) -> Answer<Tree> {
    let mut entries = Tree::new();
    record(root, root, &mut entries)?;
    Ok(entries)
}

fn record(root: &Path, at: &Path, entries: &mut Tree) -> Answer<()> {
    for entry in fs::read_dir(at)? {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        let mut text = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
        if meta.is_dir() {
            record(root, &path, entries)?;
        } else {
            let content = if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path)?.display())
            } else {
                let bytes = fs::read(&path)?;
                let text = String::from_utf8_lossy(bytes.get(..200).unwrap_or(&bytes));
                format!("{} {text:?}", plan_core::base::digest::of_bytes(&bytes))
            };
            let (node, names) = (meta.ino(), meta.nlink());
            let (seconds, nanos) = (meta.mtime(), meta.mtime_nsec());
            write!(
                text,
                " inode {node} names {names} time {seconds}.{nanos:09} {content}"
            )?;
        }
        entries.insert(path.strip_prefix(root)?.to_owned(), text);
    }
    Ok(())
}

/// Lists in what two trees differ.
pub fn differences(before: &Tree, after: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, was) in before {
        match after.get(path) {
            None => found.push(format!("{} is gone: {was}", path.display())),
            Some(is) if is != was => {
                found.push(format!("{} was {was}\n  and is {is}", path.display()));
            }
            Some(_) => {}
        }
    }
    let new = after.iter().filter(|(path, _)| !before.contains_key(*path));
    found.extend(new.map(|(path, is)| format!("{} is new: {is}", path.display())));
    found
}

/// Expects a directory to be as it was.
pub fn expect_same(before: &Tree, root: &Path) -> Answer<()> {
    let found = differences(before, &tree(root)?);
    if found.is_empty() {
        return Ok(());
    }
    Err(format!("{} differs:\n{}", root.display(), found.join("\n")).into())
}
