//! The git data of a view. Git in a view works on data of its own, never on that of the
//! project's linked worktree, and what the run writes or hides there does not show.

mod private;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use memchr::memmem;

use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs::{Attributes, Place, is_dir, is_file, read, write_atomic};
use crate::os::git::{self, Found, Git};
use crate::os::rng;

const GIT: &str = ".git";
const INDEX: &str = ".git/index";
const CONFIG: &str = ".git/config";
const ALTERNATES: &str = ".git/objects/info/alternates";

/// Where a view's git data goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GitPlace<'p> {
    /// The directory that gets `.git`: the copy, or what is written of a layer.
    pub(crate) root: &'p Path,
    /// Whether the project's own `.git` shows through where nothing is written.
    pub(crate) is_layer: bool,
}

/// What was done about git.
#[derive(Debug, Default)]
pub(crate) struct GitReport {
    /// What was written, relative to the view.
    pub(crate) written: Vec<PathBuf>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// Gives a view git data of its own where the project's lies elsewhere, and keeps what
/// the run generates or hides in the view out of git's sight: paths, relative to the
/// project, of files or directories. The project's own data is only read.
///
/// # Errors
/// Something cannot be written in the view.
pub(crate) fn prepare(
    project: &Path,
    view: GitPlace<'_>,
    generated: &[PathBuf],
    hidden: &[PathBuf],
) -> Result<GitReport, ExecError> {
    let mut report = GitReport::default();
    let at = project.join(GIT);
    let own = match git::find(project).at(&at) {
        Ok(Found::Nowhere) => {
            if git::is_inside_repository(project) {
                let note = "the project is a directory inside a git repository: the view has this directory alone, and git finds no repository there";
                report.notes.push(note.into());
            }
            return Ok(report);
        }
        Ok(Found::Inside) if view.is_layer => at,
        Ok(Found::Inside) => {
            detach(view.root, &at, &mut report)?;
            view.root.join(GIT)
        }
        Ok(Found::Elsewhere { dir, common }) => {
            private::create(project, view.root, (&dir, &common))?;
            report.written.push(GIT.into());
            view.root.join(GIT)
        }
        Err(error) => {
            let why = error.chain();
            report
                .notes
                .push(format!("the view has no git data: {why}"));
            return Ok(report);
        }
    };
    let shown: BTreeSet<_> = generated.iter().chain(hidden).collect();
    if shown.is_empty() {
        return Ok(report);
    }
    exclude(&own, view, &shown, &mut report)?;
    let git = Git {
        dir: own,
        tree: project.to_owned(),
        index: None,
    };
    if let Err(error) = skip(&git, view, &shown, &mut report) {
        let why = error.chain();
        let note = format!("git shows what this run writes or hides in the view: {why}");
        report.notes.push(note);
    }
    Ok(report)
}

/// Tells whether a `.git` that is a file leads to data in the project's own `.git`, so
/// that a copy of both works alike.
pub(crate) fn stays_inside(project: &Path, path: &Path) -> bool {
    let Some(target) = read(&project.join(path))
        .ok()
        .as_deref()
        .and_then(git::pointer)
    else {
        return false;
    };
    let mut place: Vec<_> = path
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .collect();
    for part in target.components() {
        match part {
            Component::Normal(_) => place.push(part),
            Component::CurDir => {}
            Component::ParentDir if place.pop().is_some() => {}
            _ => return false,
        }
    }
    place.first() == Some(&Component::Normal(OsStr::new(GIT))) && is_dir(&project.join(GIT))
}

/// Takes out of a copied `.git` what ties it to the project's directory.
fn detach(root: &Path, own: &Path, report: &mut GitReport) -> Result<(), ExecError> {
    let config = root.join(CONFIG);
    let text = if is_file(&config) {
        read(&config).at(&config)?
    } else {
        Vec::new()
    };
    if private::free_of_tree(root, &text)? {
        report.written.push(CONFIG.into());
    }
    let alternates = root.join(ALTERNATES);
    if is_file(&alternates) {
        let text = read(&alternates).at(&alternates)?;
        let mut absolute = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if !matches!(line.first(), Some(b'/' | b'#' | b'"' | b'\n')) {
                absolute.extend_from_slice(own.join("objects").as_os_str().as_bytes());
                absolute.push(b'/');
            }
            absolute.extend_from_slice(line);
        }
        if absolute != text {
            replace(root, ALTERNATES, &absolute)?;
            report.written.push(ALTERNATES.into());
        }
    }
    if is_file(&root.join(".gitmodules")) {
        let note = "submodules are in the view as they are in the project";
        report.notes.push(note.into());
    }
    Ok(())
}

/// Appends paths to what git does not show as new.
fn exclude(
    own: &Path,
    view: GitPlace<'_>,
    shown: &BTreeSet<&PathBuf>,
    report: &mut GitReport,
) -> Result<(), ExecError> {
    let known = own.join("info/exclude");
    let mut text = if is_file(&known) {
        read(&known).at(&known)?
    } else {
        Vec::new()
    };
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(b"# Written or hidden by the run that made this view.\n");
    for path in shown {
        text.push(b'/');
        for byte in path.as_os_str().as_bytes() {
            match byte {
                // A line cannot hold one; any byte is the next best.
                b'\n' => text.push(b'?'),
                b'*' | b'?' | b'[' | b'\\' | b' ' => text.extend([b'\\', *byte]),
                other => text.push(*other),
            }
        }
        text.push(b'\n');
    }
    let info = view.root.join(".git/info");
    let is_new = !is_dir(&info);
    for dir in [GIT, ".git/info"] {
        make_dir_like(view, dir, own)?;
    }
    replace(view.root, ".git/info/exclude", &text)?;
    let written = if is_new {
        ".git/info"
    } else {
        ".git/info/exclude"
    };
    report.written.push(written.into());
    Ok(())
}

/// Creates a directory of `.git` if it is missing, as the project has it.
fn make_dir_like(view: GitPlace<'_>, path: &str, own: &Path) -> Result<(), ExecError> {
    let place = view.root.join(path);
    if is_dir(&place) {
        return Ok(());
    }
    let like = own.join(Path::new(path).strip_prefix(GIT).unwrap_or(Path::new("")));
    let model = Dir::open(&like).and_then(|dir| dir.meta()).ok();
    let (above, name) = (place.parent(), place.file_name());
    let above = Dir::open(above.unwrap_or(view.root)).at(&place)?;
    let name = name.unwrap_or_default();
    above.make_dir(name, 0o755).at(&place)?;
    if let Some(model) = model {
        let made = above.child(name).at(&place)?;
        made.set_own_mode(model.mode).at(&place)?;
        made.set_own_mtime(model.mtime).at(&place)?;
    }
    Ok(())
}

/// Makes git pass over tracked files in the view's own index.
fn skip(
    git: &Git,
    view: GitPlace<'_>,
    shown: &BTreeSet<&PathBuf>,
    report: &mut GitReport,
) -> Result<(), ExecError> {
    if !may_be_tracked(&git.dir.join("index"), shown) {
        return Ok(());
    }
    let mut listed = Vec::new();
    for path in Tracked::list(git).at(&git.dir)?.paths() {
        let path = Path::new(OsStr::from_bytes(path));
        if path
            .ancestors()
            .any(|path| shown.contains(&path.to_path_buf()))
        {
            listed.extend_from_slice(path.as_os_str().as_bytes());
            listed.push(0);
        }
    }
    if listed.is_empty() {
        return Ok(());
    }
    let index = view.root.join(INDEX);
    if view.is_layer && !is_file(&index) {
        let own = git.dir.join("index");
        let bytes = read(&own).at(&own)?;
        make_dir_like(view, GIT, &git.dir)?;
        replace(view.root, INDEX, &bytes)?;
    }
    let git = Git {
        index: Some(index),
        ..git.clone()
    };
    git.run(
        &["update-index", "-z", "--skip-worktree", "--stdin"],
        &listed,
    )
    .at(&git.dir)?;
    report.written.push(INDEX.into());
    Ok(())
}

/// Tells whether git's index may name one of the paths, or something in them. Starting git
/// for that takes longer than everything else about a layer.
fn may_be_tracked(index: &Path, shown: &BTreeSet<&PathBuf>) -> bool {
    let Ok(bytes) = read(index) else {
        // Git knows why.
        return is_file(index);
    };
    // From version 4 on names are shortened; what is elsewhere or left out has these marks.
    let version = bytes.get(4..8).unwrap_or_default();
    let is_whole = matches!(version, [0, 0, 0, 2 | 3])
        && [&b"link"[..], b"sdir"]
            .iter()
            .all(|mark| memmem::find(&bytes, mark).is_none());
    let named = |path: &&&PathBuf| memmem::find(&bytes, path.as_os_str().as_bytes()).is_some();
    !is_whole || shown.iter().any(|path| named(&path))
}

/// Writes a file below a view.
fn replace(root: &Path, path: &str, bytes: &[u8]) -> Result<(), ExecError> {
    let path = root.join(path);
    let above = path.parent().unwrap_or(root);
    let place = Place {
        dir: Dir::open(above).at(above)?,
        name: path.file_name().unwrap_or_default().to_owned(),
    };
    let random = rng::bytes().map(u64::from_le_bytes).at(&path)?;
    let temp = format!(".callsheet-{random:016x}");
    let mode = place.dir.stat(&place.name).at(&path)?.map(|meta| meta.mode);
    let attributes = Attributes { mode, mtime: None };
    write_atomic(&place, OsStr::new(&temp), bytes, attributes).at(&path)
}

/// The files that a project's history holds.
#[derive(Debug, Default)]
pub(crate) struct Tracked {
    /// Each with a NUL behind it, in order.
    text: Vec<u8>,
    starts: Vec<usize>,
}

impl Tracked {
    /// Reads them; there are none without a repository.
    ///
    /// # Errors
    /// The repository cannot be read, or git is not installed.
    pub(crate) fn read(project: &Path) -> io::Result<Self> {
        let dir = match git::find(project)? {
            Found::Nowhere => return Ok(Self::default()),
            Found::Inside => project.join(GIT),
            Found::Elsewhere { dir, .. } => dir,
        };
        Self::list(&Git {
            dir,
            tree: project.to_owned(),
            index: None,
        })
    }

    fn list(git: &Git) -> io::Result<Self> {
        let text = git.run(&["ls-files", "-z", "--cached"], &[])?;
        let mut starts = Vec::new();
        let mut start = 0;
        for path in text.split_inclusive(|byte| *byte == 0) {
            starts.push(start);
            start += path.len();
        }
        Ok(Self { text, starts })
    }

    fn at(&self, start: usize) -> &[u8] {
        let rest = self.text.get(start..).unwrap_or_default();
        rest.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.starts.iter().map(|start| self.at(*start))
    }

    /// Tells whether a path is one of them, or a directory that has one.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_bytes();
        // What is in a directory follows its name and a slash.
        let from = self.starts.partition_point(|start| self.at(*start) < path);
        let candidates = self.starts.get(from..).unwrap_or_default().iter();
        candidates
            .map(|start| self.at(*start))
            .take_while(|known| known.starts_with(path))
            .any(|known| known.get(path.len()).is_none_or(|byte| *byte == b'/'))
    }
}

#[cfg(test)]
mod tests;
