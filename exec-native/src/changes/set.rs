//! The changes of a view, each judged against the project as it is now.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::applied::How;
use super::generated::Whose;
use super::git::{self, Commit};
use super::scan::{self, Before, Blocked, Touched};
use super::upper;
use super::view::{Base, View};
use crate::apply::stamp::Stamp;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::{Dir, Meta, Mtime};
use crate::os::fs::{Place, read_at, resolve_strictly, same_bytes};

/// What was done with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// Its content changed.
    Modified,
    /// It is gone.
    Deleted,
    /// Its permission bits changed.
    Mode,
    /// Something of another kind stands there.
    Type,
}

impl ChangeKind {
    /// Returns the kind as programs read it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Added => "added",
            ChangeKind::Modified => "modified",
            ChangeKind::Deleted => "deleted",
            ChangeKind::Mode => "mode",
            ChangeKind::Type => "type",
        }
    }
}

/// One changed entry of a view.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its path, relative to the project.
    pub path: PathBuf,
    /// What was done.
    pub kind: ChangeKind,
    /// `file`, `symlink`, `directory` or `other`; for a deleted entry what it was.
    pub what: &'static str,
    /// The size of the file in the view.
    pub size: Option<u64>,
    /// The size of the file in the project.
    pub project_size: Option<u64>,
    /// Whether the project's entry has changed too since the run began.
    pub conflict: bool,
    /// Why it is not brought back unless it is asked for.
    pub blocked: Option<Blocked>,
    pub(super) view: Stamp,
    pub(super) project: Stamp,
    pub(super) ctime: Option<Mtime>,
    /// The content to bring back when it is only a part of the file in the view.
    pub(super) part: Option<Vec<u8>>,
    /// A parent that is no directory in the project.
    pub(super) obstacle: Option<PathBuf>,
}

impl Change {
    pub(super) fn is_deleted_leaf(&self) -> bool {
        self.kind == ChangeKind::Deleted && self.what != "directory" && self.blocked.is_none()
    }
}

/// The changes of a run's view that were not brought back yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChangeSet {
    /// The run.
    pub run: String,
    /// The project.
    pub project: PathBuf,
    /// The view.
    pub view: PathBuf,
    /// The changed entries, sorted by path.
    pub entries: Vec<Change>,
    /// Commits that only the view has.
    pub commits: Vec<Commit>,
}

impl ChangeSet {
    /// Tells whether there is nothing to bring back.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.commits.is_empty()
    }

    /// Counts the entries of a kind.
    pub fn count(&self, kind: ChangeKind) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.kind == kind).count()
    }

    /// Describes the changes in a few words.
    pub fn describe(&self) -> String {
        let kinds = [
            (ChangeKind::Modified, "changed"),
            (ChangeKind::Added, "added"),
            (ChangeKind::Deleted, "deleted"),
            (ChangeKind::Mode, "of another mode"),
            (ChangeKind::Type, "of another kind"),
        ];
        let counts = kinds
            .into_iter()
            .map(|(kind, word)| (self.count(kind), word));
        let mut words: Vec<String> = counts
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        match self.commits.len() {
            0 => {}
            1 => words.push("commits on 1 branch".into()),
            count => words.push(format!("commits on {count} branches")),
        }
        words.join(", ")
    }
}

/// Collects the changes of a view. What is in the project already is none.
pub(super) fn collect(view: &View) -> Result<ChangeSet, ExecError> {
    let touched = match &view.base {
        Base::List(list) => scan::copy(view, list),
        Base::Since(_) => upper::layer(view),
    };
    let mut entries = Vec::new();
    for touched in touched.at(&view.root)? {
        let path = view.root.join(&touched.path);
        entries.extend(judge(view, touched).at(path)?);
    }
    entries.sort_by(|one, other| one.path.cmp(&other.path));
    settle_obstacles(view, &mut entries);
    Ok(ChangeSet {
        run: view.id.to_string(),
        project: view.project.clone(),
        view: view.root.clone(),
        entries,
        commits: git::commits(view)?,
    })
}

/// Where a parent that is no directory becomes one by a change of its own, what is in it is
/// in nobody's way.
fn settle_obstacles(view: &View, entries: &mut [Change]) {
    let makes_way =
        |change: &&Change| change.view.is_dir() && !change.conflict && change.blocked.is_none();
    let ready: BTreeSet<PathBuf> = entries
        .iter()
        .filter(makes_way)
        .map(|change| change.path.clone())
        .collect();
    for change in entries {
        if change
            .obstacle
            .as_ref()
            .is_some_and(|path| ready.contains(path))
        {
            change.obstacle = None;
            change.conflict = match view.applied.get(&change.path) {
                Some(pair) => pair.project != Stamp::Absent,
                None => change.kind != ChangeKind::Added,
            };
        }
    }
}

/// What stands in the project at a path.
pub(super) struct Standing {
    pub(super) stamp: Stamp,
    pub(super) meta: Option<Meta>,
    place: Option<Place>,
    obstacle: Option<PathBuf>,
}

/// Looks at a path of the project; links among its parents are not followed.
pub(super) fn look(project: &Path, path: &Path) -> io::Result<Standing> {
    let mut standing = Standing {
        stamp: Stamp::Absent,
        meta: None,
        place: None,
        obstacle: None,
    };
    match resolve_strictly(project, &project.join(path)) {
        Ok(Some(place)) => {
            standing.meta = place.dir.stat(&place.name)?;
            standing.stamp = Stamp::at(&place.dir, &place.name)?;
            standing.place = Some(place);
        }
        Ok(None) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => standing.obstacle = obstacle(project, path)?,
    }
    Ok(standing)
}

/// Finds the first parent of a path that is no directory.
fn obstacle(project: &Path, path: &Path) -> io::Result<Option<PathBuf>> {
    let mut dir = Dir::open(project)?;
    let mut walked = PathBuf::new();
    for segment in path.parent().unwrap_or(Path::new("")).components() {
        let name = segment.as_os_str();
        walked.push(name);
        if !Stamp::at(&dir, name)?.is_dir() {
            return Ok(Some(walked));
        }
        dir = dir.child(name)?;
    }
    Ok(None)
}

fn judge(view: &View, touched: Touched) -> io::Result<Option<Change>> {
    let applied = view.applied.get(&touched.path);
    if applied.is_some_and(|pair| pair.view == touched.view) {
        return Ok(None);
    }
    let mut standing = look(&view.project, &touched.path)?;
    let mut blocked = touched.blocked;
    let mut part = None;
    if view.generated.knows(&touched.path) {
        let read = || read_view(view, &touched.path);
        match view.generated.whose(&touched.path, &touched.view, read)? {
            Whose::Agent => {}
            Whose::Run => return Ok(None),
            Whose::Part(text) => part = Some(text),
            Whose::Edited => blocked = blocked.or(Some(Blocked::Generated)),
        }
    }
    // What the view hides was never compared: the project's own may stand there.
    let comparable = !matches!(
        blocked,
        Some(Blocked::Hidden | Blocked::Git | Blocked::Unreadable | Blocked::Special)
    );
    let same = comparable && is_same(view, &touched, part.as_deref(), &mut standing)?;
    if same && same_mode(&touched.view, &standing.stamp) {
        return Ok(None);
    }
    if !same && part.is_none() && !is_readable(view, &touched)? {
        blocked = blocked.or(Some(Blocked::Unreadable));
    }
    let brings = !matches!(blocked, Some(why) if why != Blocked::Generated);
    let conflict = brings
        && (standing.obstacle.is_some()
            || match applied {
                // The user's version stayed once; it is not replaced by the next edit either.
                Some(pair) => pair.how == How::Settled || pair.project != standing.stamp,
                None => has_moved(view, &touched, &standing),
            });
    let kind = kind(&touched, &standing.stamp, same);
    let subject = match &touched.view {
        Stamp::Absent => match &touched.before {
            Before::Was(was) => was,
            Before::Since { .. } => &standing.stamp,
        },
        stamp => stamp,
    };
    Ok(Some(Change {
        kind,
        what: word(subject),
        size: match &part {
            Some(text) => Some(text.len() as u64),
            None => touched.view.size(),
        },
        project_size: standing.stamp.size(),
        conflict,
        blocked,
        view: touched.view,
        project: standing.stamp,
        ctime: touched.ctime,
        part,
        obstacle: standing.obstacle,
        path: touched.path,
    }))
}

fn word(stamp: &Stamp) -> &'static str {
    match stamp {
        Stamp::File { .. } => "file",
        Stamp::Link(_) => "symlink",
        Stamp::Dir { .. } => "directory",
        Stamp::Absent | Stamp::Other => "other",
    }
}

fn kind(touched: &Touched, project: &Stamp, same: bool) -> ChangeKind {
    let before = match &touched.before {
        Before::Was(was) => was,
        Before::Since { .. } => project,
    };
    let existed = matches!(touched.before, Before::Since { existed: true });
    match (&touched.view, before) {
        (Stamp::Absent, _) => ChangeKind::Deleted,
        (_, Stamp::Absent) if existed => ChangeKind::Modified,
        (_, Stamp::Absent) => ChangeKind::Added,
        (Stamp::Dir { .. }, Stamp::Dir { .. }) => ChangeKind::Mode,
        (Stamp::File { .. }, Stamp::File { .. }) if same => ChangeKind::Mode,
        (Stamp::File { .. }, Stamp::File { .. }) | (Stamp::Link(_), Stamp::Link(_)) => {
            ChangeKind::Modified
        }
        _ => ChangeKind::Type,
    }
}

fn read_view(view: &View, path: &Path) -> io::Result<Vec<u8>> {
    let root = view.files.path();
    match resolve_strictly(root, &root.join(path))? {
        Some(place) => read_at(&place.dir, &place.name),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Tells whether a file of the view can be read at all.
fn is_readable(view: &View, touched: &Touched) -> io::Result<bool> {
    if !matches!(touched.view, Stamp::File { .. }) {
        return Ok(true);
    }
    let root = view.files.path();
    let opened = match resolve_strictly(root, &root.join(&touched.path))? {
        Some(place) => place.dir.open_file(&place.name).map(drop),
        None => Ok(()),
    };
    match opened {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        // What vanished meanwhile is told of when it is brought back.
        _ => Ok(true),
    }
}

/// Tells whether the project has the same content already.
fn is_same(
    view: &View,
    touched: &Touched,
    part: Option<&[u8]>,
    standing: &mut Standing,
) -> io::Result<bool> {
    match (&touched.view, &standing.stamp) {
        (Stamp::Absent, Stamp::Absent) | (Stamp::Dir { .. }, Stamp::Dir { .. }) => Ok(true),
        (Stamp::Link(one), Stamp::Link(other)) => Ok(one == other),
        (Stamp::File { size, .. }, Stamp::File { size: theirs, .. }) => {
            let Some(place) = &standing.place else {
                return Ok(false);
            };
            if let Some(part) = part {
                return Ok(
                    *theirs == part.len() as u64 && read_at(&place.dir, &place.name)? == part
                );
            }
            if size != theirs {
                return Ok(false);
            }
            let root = view.files.path();
            let Some(own) = resolve_strictly(root, &root.join(&touched.path))? else {
                return Ok(false);
            };
            let opened = own
                .dir
                .open_file(&own.name)
                .and_then(|one| Ok((one, place.dir.open_file(&place.name)?)));
            match opened {
                Ok((mut one, mut other)) => same_bytes(&mut one, &mut other),
                // What may not be read is not known to be the same.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
                Err(error) => Err(error),
            }
        }
        _ => Ok(false),
    }
}

fn same_mode(one: &Stamp, other: &Stamp) -> bool {
    match (one, other) {
        (
            Stamp::File { mode, .. } | Stamp::Dir { mode },
            Stamp::File { mode: other, .. } | Stamp::Dir { mode: other },
        ) => mode == other,
        _ => true,
    }
}

/// Tells whether the project's entry is another than when the run began. A layer has no
/// list of its base: there the entry's own times tell, and whether a file was copied up.
fn has_moved(view: &View, touched: &Touched, standing: &Standing) -> bool {
    match (&touched.before, &view.base) {
        (Before::Was(was), _) => *was != standing.stamp,
        (Before::Since { existed }, Base::Since(since)) => match &standing.meta {
            None => *existed && touched.view != Stamp::Absent,
            Some(_) if standing.stamp.is_dir() => false,
            Some(meta) => meta.mtime.max(meta.ctime) > *since,
        },
        (Before::Since { .. }, Base::List(_)) => false,
    }
}
