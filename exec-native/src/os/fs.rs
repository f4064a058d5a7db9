//! Files: safe resolution below a root, atomic replacement, backups.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::dir::{Dir, Kind, Meta, Mtime, file_meta, set_attributes};
use super::durable::sync_file;

/// A name in an open directory: a path whose parents can no longer be exchanged.
#[derive(Debug)]
pub struct Place {
    /// The directory.
    pub dir: Dir,
    /// The name in it.
    pub name: OsString,
}

/// How much of two files is compared at once.
const COMPARED: u64 = 64 << 10;

/// Finds the place of a path below a root. Links among the parents may be followed
/// as long as they stay below the root. `None` when a parent or the root is missing.
///
/// # Errors
/// The path leaves the root, or a parent is no directory.
pub fn resolve(below: &Path, path: &Path) -> io::Result<Option<Place>> {
    let (parents, name) = split(below, path)?;
    let root = match Dir::open(below) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        root => root?,
    };
    if parents.as_os_str().is_empty() {
        return Ok(Some(Place { dir: root, name }));
    }
    match open_beneath(&root, &parents) {
        Ok(dir) => Ok(Some(Place { dir, name })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds the place of a path below a root and refuses every link among the parents:
/// for removal, where a wrong turn destroys. `None` when a parent is missing.
///
/// # Errors
/// The path leaves the root, or a parent is a link or no directory.
pub fn resolve_strictly(below: &Path, path: &Path) -> io::Result<Option<Place>> {
    let (parents, name) = split(below, path)?;
    match open_stepwise(&Dir::open(below)?, &parents) {
        Ok(dir) => Ok(Some(Place { dir, name })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds the place of a path below a root and creates its missing parents with the
/// mode given. A crash of the system can lose created directories that nothing
/// durable lies in.
///
/// # Errors
/// As [`resolve`], and when a directory cannot be created.
pub fn resolve_making(below: &Path, path: &Path, mode: u32) -> io::Result<Place> {
    let (parents, name) = split(below, path)?;
    let root = Dir::open(below)?;
    let mut dir = root.try_clone()?;
    let mut walked = PathBuf::new();
    for segment in parents.components() {
        dir.make_dir_or_link(segment.as_os_str(), mode)?;
        walked.push(segment);
        dir = open_beneath(&root, &walked)?;
    }
    Ok(Place { dir, name })
}

/// Lists the parents of a path that do not exist, outermost first.
///
/// # Errors
/// As [`resolve`].
pub fn missing_parents(below: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
    let (parents, _) = split(below, path)?;
    let root = Dir::open(below)?;
    let mut missing = Vec::new();
    let mut walked = PathBuf::new();
    for segment in parents.components() {
        walked.push(segment);
        if !missing.is_empty() {
            missing.push(below.join(&walked));
            continue;
        }
        match open_beneath(&root, &walked) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing.push(below.join(&walked));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

fn split(below: &Path, path: &Path) -> io::Result<(PathBuf, OsString)> {
    let escapes = || io::Error::new(io::ErrorKind::InvalidInput, "the path leaves its directory");
    let rest = path.strip_prefix(below).map_err(|_| escapes())?;
    let plain = rest
        .components()
        .all(|segment| matches!(segment, Component::Normal(_)));
    let name = rest.file_name().filter(|_| plain).ok_or_else(escapes)?;
    let parents = rest.parent().unwrap_or(Path::new(""));
    Ok((parents.to_owned(), name.to_owned()))
}

/// Opens a directory below another one; `None` when it is missing.
///
/// # Errors
/// The path leaves the directory, or a parent is no directory.
pub fn descend(root: &Dir, rest: &Path) -> io::Result<Option<Dir>> {
    if rest.as_os_str().is_empty() {
        return root.try_clone().map(Some);
    }
    match open_beneath(root, rest) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn open_beneath(root: &Dir, rest: &Path) -> io::Result<Dir> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{OFlags, ResolveFlags};
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let confined = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(root, rest, flags, Mode::empty(), confined) {
            Ok(fd) => return Ok(Dir::adopt(fd, root.path().join(rest))),
            Err(Errno::XDEV) => return Err(leaves_root(root, rest)),
            // Old kernels and some sandboxes do not have the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    open_stepwise(root, rest)
}

/// Opens a directory segment by segment and refuses every link.
fn open_stepwise(root: &Dir, rest: &Path) -> io::Result<Dir> {
    let mut dir = root.try_clone()?;
    for segment in rest.components() {
        dir = match dir.child(segment.as_os_str()) {
            Err(error) if is_link(&dir, segment.as_os_str(), &error) => {
                return Err(leaves_root(root, rest));
            }
            result => result?,
        };
    }
    Ok(dir)
}

/// Tells whether a directory could not be opened because it is a link.
fn is_link(dir: &Dir, name: &OsStr, error: &io::Error) -> bool {
    let meta = || dir.stat(name).ok().flatten();
    error.kind() != io::ErrorKind::NotFound && meta().is_some_and(|meta| meta.kind == Kind::Symlink)
}

fn leaves_root(root: &Dir, rest: &Path) -> io::Error {
    let (rest, root) = (rest.display(), root.path().display());
    let message = format!("`{rest}` leaves `{root}` through a symbolic link");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl Dir {
    /// Creates a directory unless the name is taken by one or by a link, which the
    /// caller opens in a confined way.
    fn make_dir_or_link(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        match self.stat(name)?.map(|meta| meta.kind) {
            Some(Kind::Dir | Kind::Symlink) => Ok(()),
            Some(Kind::File | Kind::Other) => Err(Errno::NOTDIR.into()),
            None => self.make_dir(name, mode).map(drop),
        }
    }
}

/// Reads a regular file in a directory, not through a link.
///
/// # Errors
/// The file is missing, no regular file, or may not be read.
pub fn read_at(dir: &Dir, name: &OsStr) -> io::Result<Vec<u8>> {
    read_with_meta(dir, name).map(|(bytes, _)| bytes)
}

/// As [`read_at`], from a place in the file on; nothing when it is not that long.
///
/// # Errors
/// As [`read_at`].
pub fn read_from(dir: &Dir, name: &OsStr, place: u64) -> io::Result<Vec<u8>> {
    let mut file = dir.open_file(name)?;
    file.seek(io::SeekFrom::Start(place))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`read_at`], with what was known about the file before its first byte was read.
///
/// # Errors
/// As [`read_at`].
pub fn read_with_meta(dir: &Dir, name: &OsStr) -> io::Result<(Vec<u8>, Meta)> {
    let mut file = dir.open_file(name)?;
    let meta = file_meta(&file)?;
    if meta.kind != Kind::File {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, meta))
}

/// Tells whether two files have the same bytes.
///
/// # Errors
/// One of them is missing or may not be read.
pub fn have_same_content(one: (&Dir, &OsStr), other: (&Dir, &OsStr)) -> io::Result<bool> {
    let (mut one, mut other) = (one.0.open_file(one.1)?, other.0.open_file(other.1)?);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        (&mut one).take(COMPARED).read_to_end(&mut left)?;
        (&mut other).take(COMPARED).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}

/// Reads a file by its path, through links.
///
/// # Errors
/// The file is missing or may not be read.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// Returns the permission bits of a file, through links.
///
/// # Errors
/// The file is missing.
pub fn mode_of(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(Some(std::fs::metadata(path)?.permissions().mode() & 0o7777))
}

/// Tells whether a path, through links, is a directory.
pub fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// Tells whether a path, through links, is a regular file.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Makes a path absolute by the working directory of this moment.
///
/// # Errors
/// The path is empty or the working directory is gone.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    for segment in std::path::absolute(path)?.components() {
        match segment {
            // Only the file system knows where `..` behind a link leads.
            Component::ParentDir => return std::fs::canonicalize(path),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

/// Returns the one path of something that exists: absolute, and through no link.
///
/// # Errors
/// It does not exist, or a directory on the way may not be searched.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// Creates a directory and its parents for the user alone.
///
/// # Errors
/// A parent is no directory or may not be written.
pub fn make_private_dirs(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path)
}

/// Creates a directory and its parents, as open as the user's other ones.
///
/// # Errors
/// A parent is no directory or may not be written.
pub fn make_dirs(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).create(path)
}

/// Removes a file of ours; tells whether there was one.
///
/// # Errors
/// It is a directory, or its directory may not be written.
pub fn remove_if_there(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What a written file gets besides its bytes; `None` leaves the system's default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// Modification time.
    pub mtime: Option<Mtime>,
}

impl Attributes {
    /// Those of a file for its owner alone.
    pub const fn private() -> Self {
        Self {
            mode: Some(0o600),
            mtime: None,
        }
    }
}

/// Replaces a file at once: readers and crashes find the old file or the new one.
/// `temp` is a name in the same directory that only this writer uses; a crash can
/// leave it behind. When the call returns, content and name are durable. An existing
/// link is replaced, not followed; other names of a hard-linked file keep their content.
///
/// # Errors
/// The directory may not be written or the storage is full; the old file is whole.
pub fn write_atomic(
    place: &Place,
    temp: &OsStr,
    bytes: &[u8],
    attributes: Attributes,
) -> io::Result<()> {
    write_draft(&place.dir, temp, bytes, attributes)?;
    place
        .dir
        .rename(temp, &place.dir, &place.name)
        .inspect_err(|_| drop(place.dir.remove_file(temp)))
}

/// Writes a file under a name that only this writer uses, replacing what a crash left
/// there. The content is durable; after a failure there is nothing.
///
/// # Errors
/// The directory may not be written or the storage is full.
pub fn write_draft(
    dir: &Dir,
    temp: &OsStr,
    bytes: &[u8],
    attributes: Attributes,
) -> io::Result<()> {
    dir.remove_file(temp)?;
    // A file that will be private is never readable by others, not even while empty.
    let creation = attributes.mode.map_or(0o666, |mode| mode & 0o700 | 0o200);
    let mut file = dir.create(temp, creation)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| set_attributes(&file, attributes.mode, attributes.mtime))
        .and_then(|()| sync_file(&file));
    // The failure that led here is the one worth reporting.
    written.inspect_err(|_| drop(dir.remove_file(temp)))
}

/// Keeps a file under a second name: the file itself when the file system allows,
/// so that it can return as it was, else a copy with mode and time. When the call
/// returns the backup is durable.
///
/// # Errors
/// The file may not be read or the storage is full.
pub fn back_up(place: &Place, store: &Dir, blob: &OsStr) -> io::Result<()> {
    back_up_file(place, store, blob).map(drop)
}

/// As [`back_up`]; returns what was copied, if the backup is not the very file.
///
/// # Errors
/// As [`back_up`].
pub fn back_up_file(place: &Place, store: &Dir, blob: &OsStr) -> io::Result<Option<Meta>> {
    let copied = keep_file(place, store, blob)?;
    store.sync()?;
    Ok(copied)
}

/// As [`back_up`], for one of many files: the name is durable only when the store is
/// synced. A link that cannot get a second name is made again.
///
/// # Errors
/// The file may not be read or the storage is full.
pub fn keep(place: &Place, store: &Dir, blob: &OsStr) -> io::Result<()> {
    keep_file(place, store, blob).map(drop)
}

fn keep_file(place: &Place, store: &Dir, blob: &OsStr) -> io::Result<Option<Meta>> {
    store.remove_file(blob)?;
    if place.dir.hard_link(&place.name, store, blob).is_ok() {
        return Ok(None);
    }
    if let Some(meta) = place.dir.stat(&place.name)?
        && meta.kind == Kind::Symlink
    {
        store.make_link(blob, &place.dir.read_link(&place.name)?)?;
        return Ok(Some(meta));
    }
    let mut source = place.dir.open_file(&place.name)?;
    copy_into(&mut source, store, blob).map(Some)
}

/// Copies an open file to a new name with the mode and time given; returns the copy,
/// which is not durable yet.
///
/// # Errors
/// The name is taken, the file may not be read or the storage is full.
pub fn copy_to(source: &mut File, place: &Place, attributes: Attributes) -> io::Result<File> {
    let mut copy = place.dir.create(&place.name, 0o600)?;
    io::copy(source, &mut copy)?;
    set_attributes(&copy, attributes.mode, attributes.mtime)?;
    Ok(copy)
}

/// Tells whether two open files have the same bytes.
///
/// # Errors
/// One of them may not be read.
pub fn same_bytes(one: &mut File, other: &mut File) -> io::Result<bool> {
    const PART: usize = 64 << 10;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    loop {
        left.clear();
        right.clear();
        let count = one.take(PART as u64).read_to_end(&mut left)?;
        other.take(PART as u64).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

/// Copies a file or link of a store to a name in a directory, replacing what a crash left
/// there: bytes, mode and time, durably but for the name. After a failure there is nothing.
///
/// # Errors
/// The file is missing, the directory may not be written or the storage is full.
pub fn copy_back(store: &Dir, blob: &OsStr, dir: &Dir, temp: &OsStr) -> io::Result<()> {
    dir.remove_file(temp)?;
    let is_link = |meta: Meta| meta.kind == Kind::Symlink;
    let copied = if store.stat(blob)?.is_some_and(is_link) {
        dir.make_link(temp, &store.read_link(blob)?)
    } else {
        let mut source = store.open_file(blob)?;
        copy_into(&mut source, dir, temp).map(drop)
    };
    copied.inspect_err(|_| drop(dir.remove_file(temp)))
}

/// Gives a copy the owner of its original, where we may.
fn give_to_owner_of(source: &File, copy: &File) -> io::Result<()> {
    use rustix::fs::{Gid, Uid, fchown, fstat};
    let (wanted, own) = (fstat(source)?, fstat(copy)?);
    if (wanted.st_uid, wanted.st_gid) == (own.st_uid, own.st_gid) {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(wanted.st_uid), Gid::from_raw(wanted.st_gid));
    match fchown(copy, Some(user), Some(group)) {
        // Only root may give files away.
        Ok(()) | Err(Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Copies an open file to a new name with mode and time, durably but for the name. Returns
/// what was known about it before its first byte was read.
fn copy_into(source: &mut File, dir: &Dir, name: &OsStr) -> io::Result<Meta> {
    let meta = file_meta(source)?;
    let mut copy = dir.create(name, 0o600)?;
    io::copy(source, &mut copy)?;
    give_to_owner_of(source, &copy)?;
    set_attributes(&copy, Some(meta.mode), Some(meta.mtime))?;
    sync_file(&copy)?;
    Ok(meta)
}
