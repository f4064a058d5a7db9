//! Making a layer over a project: its directories and what it hides. Mounting it is no
//! action, since no mount outlives the process that keeps it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use plan_core::effect::{ActionKind, Outcome, RemoveLayer, UPPER, Undo, View};

use super::copy_tree::{manifest_name, refuse_existing};
use super::mount::existing_above;
use super::{Bench, Prepared};
use crate::apply::manifest::Manifest;
use crate::apply::publish::temp_name;
use crate::apply::restore::remove_dirs;
use crate::changes::unsaved;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::mount::find::{Found, Rules, find};
use crate::mount::git::{self, GitPlace};
use crate::mount::layer::{HIDDEN, READONLY, WORK, print_list};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{
    Attributes, Place, is_dir, missing_parents, resolve, resolve_making, write_atomic,
};
use crate::os::tree;
use crate::state::RunDir;

pub(super) struct Layer {
    from: PathBuf,
    include_git: bool,
    found: Found,
    undo: RemoveLayer,
}

pub(super) fn prepare(bench: &Bench<'_>, kind: &ActionKind) -> Result<Layer, ExecError> {
    let ActionKind::Mount {
        from,
        to,
        view: View::Overlay,
        ignored,
        readonly,
        include_git,
    } = kind
    else {
        let message = "not an action that makes a layer";
        return Err(ExecError::new(ExecErrorKind::Internal, message));
    };
    let project = Path::new(from);
    if !is_dir(project) {
        let message = "the directory to lay something over does not exist";
        return Err(ExecError::new(ExecErrorKind::Failed, message).at(project));
    }
    let root = existing_above(to);
    refuse_existing(resolve(root, Path::new(to)).at(to)?.as_ref(), to)?;
    let (ignored, readonly) = (Rules::of(ignored)?, Rules::of(readonly)?);
    let mut found = Dir::open(project)
        .and_then(|dir| find(&dir, &ignored, &readonly, *include_git))
        .at(project)?;
    leave_links_out(bench, project, &mut found).at(project)?;
    let missing = missing_parents(root, Path::new(to)).at(to)?;
    let texts = missing.iter().map(|dir| dir.to_string_lossy().into_owned());
    Ok(Layer {
        from: project.to_owned(),
        include_git: *include_git,
        found,
        undo: RemoveLayer {
            path: to.clone(),
            from: from.clone(),
            dirs: texts.collect(),
        },
    })
}

/// A mount on a link would lie on what it points to.
fn leave_links_out(bench: &Bench<'_>, project: &Path, found: &mut Found) -> io::Result<()> {
    let mut links = Vec::new();
    for path in &found.readonly {
        let place = resolve(project, &project.join(path))?;
        let meta = place.map(|place| place.dir.stat(&place.name)).transpose()?;
        if meta
            .flatten()
            .is_some_and(|meta| meta.kind == Kind::Symlink)
        {
            links.push(path.clone());
        }
    }
    found.readonly.retain(|path| !links.contains(path));
    for link in links {
        let note = format!("{} is a link and cannot be protected", link.display());
        bench.notes.borrow_mut().push(note);
    }
    Ok(())
}

impl Prepared for Layer {
    fn undo(&self) -> Undo {
        Undo::RemoveLayer(self.undo.clone())
    }

    fn perform(&self, bench: &Bench<'_>) -> Result<Option<String>, ExecError> {
        let to = Path::new(&self.undo.path);
        let place = resolve_making(existing_above(&self.undo.path), to, 0o700).at(to)?;
        if place.dir.stat(&place.name).at(to)?.is_some() {
            // An earlier try has finished; half of one has another name.
            return Ok(None);
        }
        let temp = temp_name(bench.run, bench.id);
        self.make(&place, &temp).at(to)?;
        if self.include_git {
            self.git(bench, &place, &temp)?;
        }
        place
            .dir
            .rename_new(&temp, &place.dir, &place.name)
            .and_then(|()| place.dir.sync())
            .at(to)?;
        Ok(None)
    }
}

impl Layer {
    /// Gives the view git data in which what this run writes and hides does not show, and
    /// lists what was written for it.
    fn git(&self, bench: &Bench<'_>, place: &Place, temp: &OsStr) -> Result<(), ExecError> {
        let root = place.dir.path().join(temp).join(UPPER);
        let view = GitPlace {
            root: &root,
            is_layer: true,
        };
        let report = git::prepare(&self.from, view, &bench.generated, &self.found.hidden)?;
        bench.notes.borrow_mut().extend(report.notes);
        let git = Path::new(".git");
        let mut manifest = Manifest::default();
        if let Some(place) = resolve(&root, &root.join(git)).at(&root)? {
            manifest.capture(&place, git).at(&root)?;
        }
        if manifest.len() > 0 {
            manifest.sort();
            manifest.save(&bench.run.blobs, &manifest_name(bench.id))?;
            let upper = Dir::open(&root).at(&root)?;
            let project = Dir::open(&self.from).at(&self.from)?;
            upper.look_like(&project).at(&root)?;
        }
        Ok(())
    }

    fn make(&self, place: &Place, temp: &OsStr) -> io::Result<()> {
        tree::remove(&place.dir, temp)?;
        place.dir.make_dir(temp, 0o700)?;
        let layer = place.dir.child(temp)?;
        for name in [UPPER, WORK, HIDDEN] {
            layer.make_dir(OsStr::new(name), 0o700)?;
        }
        let project = Dir::open(&self.from)?;
        let hidden = layer.child(OsStr::new(HIDDEN))?;
        for path in &self.found.hidden {
            hide(&hidden, &project, path)?;
        }
        let list = Place {
            dir: layer.try_clone()?,
            name: READONLY.into(),
        };
        let private = Attributes {
            mode: Some(0o600),
            mtime: None,
        };
        let bytes = print_list(&self.found.readonly);
        write_atomic(&list, OsStr::new(".readonly.tmp"), &bytes, private)?;
        // A merged directory looks like its uppermost part.
        layer.child(OsStr::new(UPPER))?.look_like(&project)
    }
}

/// Puts a whiteout over a path of the project. Its parents are merged with the
/// project's and have to look like them.
fn hide(hidden: &Dir, project: &Dir, path: &Path) -> io::Result<()> {
    let (mut above, mut below) = (hidden.try_clone()?, project.try_clone()?);
    let mut made = Vec::new();
    for name in path.parent().into_iter().flat_map(Path::components) {
        let name = name.as_os_str();
        below = match below.child(name) {
            // What vanished meanwhile need not be hidden.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            dir => dir?,
        };
        above.make_dir(name, 0o700)?;
        above = above.child(name)?;
        made.push((above.try_clone()?, below.try_clone()?));
    }
    if let Some(name) = path.file_name() {
        match above.make_whiteout(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => result?,
        }
    }
    made.iter().try_for_each(|(copy, dir)| copy.look_like(dir))
}

/// Removes a layer in which nothing was done; the work of others stays.
pub(super) fn undo(run: &RunDir, id: u64, undo: &RemoveLayer) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    let outcome = match resolve(existing_above(&undo.path), path).at(path)? {
        Some(place) => remove(run, id, undo, &place)?,
        None => Outcome::removed(),
    };
    remove_dirs(&undo.dirs)?;
    Ok(outcome)
}

fn remove(run: &RunDir, id: u64, undo: &RemoveLayer, place: &Place) -> Result<Outcome, ExecError> {
    let path = Path::new(&undo.path);
    let temp = temp_name(run, id);
    tree::remove(&place.dir, &temp).at(path)?;
    if place.dir.stat(&place.name).at(path)?.is_none() {
        return Ok(Outcome::removed());
    }
    if let Some(why) = unsaved(run, id)? {
        return Ok(Outcome::kept(undo.path.clone(), why));
    }
    // From here on it can be taken for changed: it gets the name of what is half-made.
    place.dir.rename(&place.name, &place.dir, &temp).at(path)?;
    tree::remove(&place.dir, &temp).at(path)?;
    Ok(Outcome::removed())
}
