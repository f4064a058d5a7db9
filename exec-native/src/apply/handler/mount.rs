//! A view of a project that is a copy of it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plan_core::effect::{ActionKind, Outcome, RemoveMount, Undo, View};

use super::copy_tree::{clear, fill, is_finished, manifest_name, note_skipped, refuse_existing};
use super::{Bench, Prepared};
use crate::apply::manifest::Manifest;
use crate::apply::publish::temp_name;
use crate::apply::restore::remove_dirs;
use crate::changes::unsaved;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::mount::git::{self, GitPlace, Tracked};
use crate::mount::patterns::{Patterns, Said, describe_made_again, is_made_again};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{Place, is_dir, missing_parents, resolve, resolve_making};
use crate::os::proc::Cancel;
use crate::os::tree::{self, Copied, Fate, Guide};
use crate::state::RunDir;

const GIT: &str = ".git";

pub(super) struct Mount {
    from: PathBuf,
    ignored: Patterns,
    readonly: Patterns,
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
            "not an action that copies a project",
        ));
    };
    let source = Path::new(from);
    if !is_dir(source) {
        let message = "the directory to copy does not exist";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(source));
    }
    let root = existing_above(to);
    let place = resolve(root, Path::new(to)).at(to)?;
    refuse_existing(place.as_ref(), to)?;
    let missing = missing_parents(root, Path::new(to)).at(to)?;
    let texts = missing.iter().map(|dir| dir.to_string_lossy().into_owned());
    let mut undo = RemoveMount {
        path: to.clone(),
        dirs: texts.collect(),
        manifest: manifest_name(bench.id),
        from: Some(from.clone()),
        identity: None,
    };
    if let Some(place) = place
        && Path::new(to).parent() == Some(bench.run.dir.path())
    {
        // In the run's own directory the copy can exist before it is announced.
        let copy = clear(&place, &temp_name(bench.run, bench.id)).at(to)?;
        undo.identity = Some(identity_text(copy.meta().at(to)?.identity));
    }
    Ok(Mount {
        from: source.to_owned(),
        ignored: Patterns::read(ignored)?,
        readonly: Patterns::read(readonly)?,
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

fn identity_text((device, inode): (u64, u64)) -> String {
    format!("{device}:{inode}")
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
        let copy = self.empty(&place, &temp)?;
        let guide = Filter {
            cancel: &bench.options.cancel,
            mount: self,
            tracked: OnceLock::new(),
        };
        let filled = fill(&self.from, &copy, &guide);
        if filled.is_err() {
            bench.options.go_on()?;
        }
        let mut log = Log::default();
        for part in filled.at(to)? {
            log.take(part);
        }
        let made = log.made.iter().map(PathBuf::as_path);
        bench.notes.borrow_mut().extend(describe_made_again(made));
        note_skipped(bench, log.skipped.iter());
        let hides_git = log.hidden.iter().any(|path| path == Path::new(GIT));
        if self.include_git && !hides_git {
            self.git(bench, (&copy, &place), &temp, &mut log)?;
        }
        log.manifest.note_root(copy.meta().at(to)?.identity);
        log.manifest.sort();
        log.manifest.save(&bench.run.blobs, &self.undo.manifest)?;
        place
            .dir
            .rename_new(&temp, &place.dir, &place.name)
            .at(to)?;
        place.dir.sync().at(to)?;
        Ok(None)
    }
}

impl Mount {
    /// Opens the empty directory that becomes the copy: the announced one, if one was.
    fn empty(&self, place: &Place, temp: &OsStr) -> Result<Dir, ExecError> {
        let to = &self.undo.path;
        let announced = || -> io::Result<Option<Dir>> {
            let Some(meta) = place.dir.stat(temp)? else {
                return Ok(None);
            };
            let known = self.undo.identity.as_ref();
            if known != Some(&identity_text(meta.identity)) {
                return Ok(None);
            }
            let dir = place.dir.child(temp)?;
            for name in dir.names()? {
                tree::remove(&dir, &name)?;
            }
            Ok(Some(dir))
        };
        match announced().at(to)? {
            Some(dir) => Ok(dir),
            None => clear(place, temp).at(to),
        }
    }

    /// Gives the copy git data of its own in which what this run writes does not show.
    fn git(
        &self,
        bench: &Bench<'_>,
        (copy, place): (&Dir, &Place),
        temp: &OsStr,
        log: &mut Log,
    ) -> Result<(), ExecError> {
        let root = place.dir.path().join(temp);
        let view = GitPlace {
            root: &root,
            is_layer: false,
        };
        let skipped = log.skipped.iter().map(|(path, _)| path);
        let hidden: Vec<_> = log.hidden.iter().chain(skipped).cloned().collect();
        let report = git::prepare(&self.from, view, &bench.generated, &hidden)?;
        bench.notes.borrow_mut().extend(report.notes);
        for path in &report.written {
            let place = resolve(&root, &root.join(path)).at(&root)?;
            log.manifest.forget(path);
            if let Some(place) = place {
                log.manifest.capture(&place, path).at(&root)?;
            }
        }
        if !report.written.is_empty() {
            let origin = Dir::open(&self.from).and_then(|dir| dir.meta());
            let mtime = origin.at(&self.from)?.mtime;
            copy.set_own_mtime(mtime).at(&root)?;
        }
        Ok(())
    }
}

/// Decides by the patterns.
struct Filter<'f> {
    cancel: &'f Cancel,
    mount: &'f Mount,
    /// What the project's history holds; looked up when it first matters.
    tracked: OnceLock<Tracked>,
}

/// What one thread copied and left out.
#[derive(Default)]
struct Log {
    manifest: Manifest,
    /// Left out by patterns.
    hidden: Vec<PathBuf>,
    /// Left out because it can be made again.
    made: Vec<PathBuf>,
    /// Left out for another reason.
    skipped: Vec<(PathBuf, &'static str)>,
}

impl Log {
    fn take(&mut self, other: Self) {
        if self.manifest.len() == 0 {
            self.manifest = other.manifest;
        } else {
            self.manifest.append(&other.manifest);
        }
        self.hidden.extend(other.hidden);
        self.made.extend(other.made);
        self.skipped.extend(other.skipped);
    }
}

impl Filter<'_> {
    /// Decides about what is in the project's `.git`, which patterns must not break.
    fn fate_in_git(path: &Path, kind: Kind) -> Fate {
        let is_lock = kind == Kind::File && path.extension() == Some(OsStr::new("lock"));
        // Other worktrees are not this one's, and a command in the copy must not reach them.
        if is_lock || path == Path::new(".git/worktrees") {
            return Fate::Skip;
        }
        Fate::Copy
    }

    /// Decides about a `.git`.
    fn fate_of_git(&self, log: &mut Log, path: &Path, kind: Kind) -> Fate {
        let is_top = path == Path::new(GIT);
        if !self.mount.include_git {
            return Fate::Skip;
        }
        if kind == Kind::Dir {
            return Fate::Copy;
        }
        // The top gets data of its own. Below, only what stays inside may stay.
        if !is_top && !git::stays_inside(&self.mount.from, path) {
            log.skipped
                .push((path.to_owned(), "leads to git data outside the project"));
            return Fate::Skip;
        }
        if is_top { Fate::Skip } else { Fate::Copy }
    }

    fn is_tracked(&self, path: &Path) -> bool {
        let read = || Tracked::read(&self.mount.from).unwrap_or_default();
        self.tracked.get_or_init(read).holds(path)
    }
}

impl Guide for Filter<'_> {
    type Log = Log;

    fn fate(&self, log: &mut Log, path: &Path, kind: Kind) -> Fate {
        // Plain bytes: this is asked for every entry, and components take longer to find.
        let name = path.as_os_str().as_bytes();
        if name.starts_with(b".git/") {
            return Self::fate_in_git(path, kind);
        }
        let is_dir = kind == Kind::Dir;
        let said = self.mount.ignored.say(path, is_dir);
        if said == Said::Meant {
            log.hidden.push(path.to_owned());
            return Fate::Skip;
        }
        if name.ends_with(b".git") && path.file_name() == Some(OsStr::new(GIT)) {
            return self.fate_of_git(log, path, kind);
        }
        if said == Said::Nothing && is_made_again(path, is_dir) && !self.is_tracked(path) {
            log.made.push(path.to_owned());
            return Fate::Skip;
        }
        if self.mount.readonly.say(path, is_dir) == Said::Meant {
            return Fate::CopyReadOnly;
        }
        Fate::Copy
    }

    fn copied(&self, log: &mut Log, entry: &Copied<'_>) {
        log.manifest.note_copied(entry);
    }

    fn skipped(&self, log: &mut Log, path: &Path, why: &'static str) {
        log.skipped.push((path.to_owned(), why));
    }

    fn goes_on(&self) -> bool {
        !self.cancel.is_raised()
    }
}

/// Removes a copy in which nothing was done; the work of others stays.
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
    let Some(meta) = place.dir.stat(&place.name).at(path)? else {
        return Ok(Outcome::removed());
    };
    let foreign = || {
        let why = String::from("it was created by somebody else");
        Ok(Outcome::kept(undo.path.clone(), why))
    };
    let Some(manifest) = Manifest::load(&run.blobs, &undo.manifest)? else {
        // The list is durable before the copy gets its name, so this one is not ours.
        return foreign();
    };
    let listed = manifest.root().map(identity_text);
    let known = undo.identity.as_ref().or(listed.as_ref());
    if meta.kind != Kind::Dir || known.is_some_and(|known| *known != identity_text(meta.identity)) {
        return foreign();
    }
    if let Some(why) = unsaved(run, id)? {
        return Ok(Outcome::kept(undo.path.clone(), why));
    }
    // From here on it can be taken for changed: it gets the name of what is half-made.
    let temp: OsString = temp_name(run, id);
    place.dir.rename(&place.name, &place.dir, &temp).at(path)?;
    tree::remove(&place.dir, &temp).at(path)?;
    Ok(Outcome::removed())
}
