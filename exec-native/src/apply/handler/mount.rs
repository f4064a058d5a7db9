//! Mirroring a project by a plain copy.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use plan_core::effect::{ActionKind, Outcome, RemoveMount, Undo, View};

use super::copy_tree::{fill, is_finished, manifest_name, refuse_existing};
use super::{Bench, Prepared};
use crate::apply::manifest::Manifest;
use crate::apply::restore::{remove_dirs, temp_name};
use crate::changes::unsaved;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::dir::{Kind, Meta};
use crate::os::fs::{Place, is_dir, missing_parents, resolve, resolve_making};
use crate::os::tree::{self, Fate, Guide};
use crate::state::RunDir;

pub(super) struct Mount {
    from: PathBuf,
    ignored: Gitignore,
    readonly: Gitignore,
    include_git: bool,
    undo: RemoveMount,
}

pub(super) fn prepare(bench: &Bench<'_>, kind: &ActionKind) -> Result<Mount, ExecError> {
    let ActionKind::Mount {
        from,
        to,
        view: View::Copy,
        ignored,
        readonly,
        include_git,
    } = kind
    else {
        return Err(ExecError::new(
            ExecErrorKind::Internal,
            "not an action that mirrors",
        ));
    };
    let source = Path::new(from);
    if !is_dir(source) {
        let message = "the directory to mirror does not exist";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(source));
    }
    let root = existing_above(to);
    refuse_existing(resolve(root, Path::new(to)).at(to)?.as_ref(), to)?;
    let missing = missing_parents(root, Path::new(to)).at(to)?;
    let texts = missing.iter().map(|dir| dir.to_string_lossy().into_owned());
    let undo = RemoveMount {
        path: to.clone(),
        dirs: texts.collect(),
        manifest: manifest_name(bench.id),
        from: None,
        identity: None,
    };
    Ok(Mount {
        from: source.to_owned(),
        ignored: patterns(ignored)?,
        readonly: patterns(readonly)?,
        include_git: *include_git,
        undo,
    })
}

/// The nearest directory above a path that exists.
pub(super) fn existing_above(path: &str) -> &Path {
    let above = Path::new(path).ancestors().skip(1);
    let mut dirs = above.filter(|dir| is_dir(dir));
    dirs.next().unwrap_or(Path::new("/"))
}

/// Compiles patterns in gitignore syntax. They are trimmed and match without regard
/// to case, as the peer's do.
pub(crate) fn patterns(lines: &[String]) -> Result<Gitignore, ExecError> {
    let wrong = |error: ignore::Error| {
        ExecError::new(ExecErrorKind::Usage, format!("a pattern is wrong: {error}")).because(error)
    };
    let mut builder = GitignoreBuilder::new("");
    builder.case_insensitive(true).map_err(wrong)?;
    for line in lines.iter().map(|line| line.trim()) {
        if !line.is_empty() && !line.starts_with('#') {
            builder.add_line(None, line).map_err(wrong)?;
        }
    }
    builder.build().map_err(wrong)
}

impl Prepared for Mount {
    fn undo(&self) -> Undo {
        Undo::RemoveMount(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let to = Path::new(&self.undo.path);
        let place = resolve_making(existing_above(&self.undo.path), to, 0o700).at(to)?;
        if is_finished(bench, &place, &self.undo.manifest)? {
            return Ok(None);
        }
        let temp = temp_name(bench.run, bench.id);
        let mut guide = Filter {
            bench,
            mount: self,
            manifest: Manifest::default(),
            readonly_below: None,
        };
        let filled = fill(&self.from, &place, &temp, &mut guide);
        if filled.is_err() {
            bench.options.go_on()?;
        }
        filled.at(to)?;
        guide.manifest.save(&bench.run.blobs, &self.undo.manifest)?;
        place
            .dir
            .rename_new(&temp, &place.dir, &place.name)
            .at(to)?;
        place.dir.sync().at(to)?;
        Ok(None)
    }
}

/// Decides by the patterns. Entries come with directories before what is in them.
struct Filter<'f> {
    bench: &'f Bench<'f>,
    mount: &'f Mount,
    manifest: Manifest,
    readonly_below: Option<PathBuf>,
}

impl Guide for Filter<'_> {
    fn fate(&mut self, path: &Path, meta: &Meta) -> Fate {
        let is_dir = meta.kind == Kind::Dir;
        if path.file_name() == Some(OsStr::new(".git")) {
            if !self.mount.include_git {
                return Fate::Skip;
            }
            if !is_dir {
                // Git would work on the index and branch of the project itself.
                self.skipped(path, "points to a git directory elsewhere");
                return Fate::Skip;
            }
        }
        if self.mount.ignored.matched(path, is_dir).is_ignore() {
            return Fate::Skip;
        }
        let inherited = self
            .readonly_below
            .as_ref()
            .is_some_and(|dir| path.starts_with(dir));
        if inherited {
            return Fate::CopyReadOnly;
        }
        if self.mount.readonly.matched(path, is_dir).is_ignore() {
            if is_dir {
                self.readonly_below = Some(path.to_owned());
            }
            return Fate::CopyReadOnly;
        }
        Fate::Copy
    }

    fn copied(&mut self, path: &Path, meta: &Meta, target: Option<&OsStr>) {
        self.manifest.note(path, meta, target);
    }

    fn skipped(&mut self, path: &Path, why: &str) {
        let note = format!("{} was not mirrored: it {why}", path.display());
        self.bench.notes.borrow_mut().push(note);
    }

    fn goes_on(&self) -> bool {
        !self.bench.options.cancel.is_raised()
    }
}

/// Removes a mirror in which nothing was done; the work of others stays.
pub(super) fn undo(run: &RunDir, id: u64, undo: &RemoveMount) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    let root = existing_above(&undo.path);
    let outcome = match resolve(root, path).at(path)? {
        Some(place) => remove(run, id, undo, &place)?,
        None => Outcome::removed(),
    };
    remove_dirs(&undo.dirs)?;
    Ok(outcome)
}

fn remove(run: &RunDir, id: u64, undo: &RemoveMount, place: &Place) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    tree::remove(&place.dir, &temp_name(run, id)).at(path)?;
    if place.dir.stat(&place.name).at(path)?.is_none() {
        return Ok(Outcome::removed());
    }
    if Manifest::load(&run.blobs, &undo.manifest)?.is_none() {
        // The list is durable before the mirror gets its name, so this one is not ours.
        let why = String::from("it was created by somebody else");
        return Ok(Outcome::kept(undo.path.clone(), why));
    }
    if let Some(why) = unsaved(run)? {
        return Ok(Outcome::kept(undo.path.clone(), why));
    }
    // From here on it can be taken for changed: it gets the name of what is half-made.
    let temp = temp_name(run, id);
    place.dir.rename(&place.name, &place.dir, &temp).at(path)?;
    tree::remove(&place.dir, &temp).at(path)?;
    Ok(Outcome::removed())
}
