//! Directory handles. Every change goes through a handle and a bare name, so that
//! no link that appears meanwhile can redirect it. Names are never followed.

use std::ffi::{OsStr, OsString};
pub use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawMode, Stat, Timespec, Timestamps, UTIME_OMIT,
};
use rustix::io::Errno;

const OPEN_DIR: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);
const OPEN_FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

/// How much memory names are read into; what the C library uses too.
#[cfg(target_os = "linux")]
const ROOM: usize = 32 << 10;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A pipe, socket or device.
    Other,
}

impl Kind {
    const fn of(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Dir,
            FileType::Symlink => Self::Symlink,
            _ => Self::Other,
        }
    }
}

/// A time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mtime {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: i64,
}

/// What is known about a name without following it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// What it stands for.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Size in bytes.
    pub size: u64,
    /// When the content changed last.
    pub mtime: Mtime,
    /// When anything about it changed last. Nobody can set it.
    pub ctime: Mtime,
    /// Device and inode: which file it is.
    pub identity: (u64, u64),
}

impl Meta {
    /// Tells whether it is the same file, not written to meanwhile.
    pub fn is_same(&self, other: &Self) -> bool {
        // The time of the last change of anything changes with every rename.
        Self {
            ctime: other.ctime,
            ..*self
        } == *other
    }

    #[expect(
        clippy::unnecessary_cast,
        clippy::cast_possible_wrap,
        reason = "the fields' types differ between systems"
    )]
    fn of(stat: &Stat) -> Self {
        let kind = Kind::of(FileType::from_raw_mode(stat.st_mode));
        Self {
            kind,
            mode: stat.st_mode as u32 & 0o7777,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: Mtime {
                seconds: stat.st_mtime as i64,
                nanos: stat.st_mtime_nsec as i64,
            },
            ctime: Mtime {
                seconds: stat.st_ctime as i64,
                nanos: stat.st_ctime_nsec as i64,
            },
            identity: (stat.st_dev as u64, stat.st_ino as u64),
        }
    }
}

/// An open directory.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory by its path; links on the way are followed.
    ///
    /// # Errors
    /// The directory is missing, no directory, or may not be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::openat(CWD, path, OPEN_DIR, Mode::empty())?;
        Ok(Self::adopt(fd, path.to_owned()))
    }

    /// Opens a directory in this one, unless the name is a link.
    ///
    /// # Errors
    /// The name is missing or no directory, or may not be read.
    pub fn child(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OPEN_DIR | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        Ok(Self::adopt(fd, self.path.join(name)))
    }

    /// As [`Dir::child`], and not if something is mounted there.
    ///
    /// # Errors
    /// As [`Dir::child`], and when another file system, or a part of this one, is mounted
    /// at the name.
    pub fn child_here(&self, name: &OsStr) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let flags = OPEN_DIR | OFlags::NOFOLLOW;
            let confined = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV;
            match rustix::fs::openat2(&self.fd, name, flags, Mode::empty(), confined) {
                Ok(fd) => return Ok(Self::adopt(fd, self.path.join(name))),
                Err(Errno::XDEV) => {
                    let message = "something is mounted there; unmount it first";
                    return Err(io::Error::other(message));
                }
                // Old kernels and some sandboxes do not have the call.
                Err(Errno::NOSYS | Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.child(name)
    }

    pub(super) fn adopt(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path }
    }

    /// Returns a second handle on the same directory.
    ///
    /// # Errors
    /// The process has too many open files.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::adopt(self.fd.try_clone()?, self.path.clone()))
    }

    /// Returns the path that the directory was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what is known about the directory itself.
    ///
    /// # Errors
    /// The file system fails.
    pub fn meta(&self) -> io::Result<Meta> {
        Ok(Meta::of(&rustix::fs::fstat(&self.fd)?))
    }

    /// Returns what is known about a name; `None` when it is missing.
    ///
    /// # Errors
    /// The directory may not be searched.
    pub fn stat(&self, name: &OsStr) -> io::Result<Option<Meta>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Meta::of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Checks that we may write a file, as its mode says.
    ///
    /// # Errors
    /// We may not, or the file is missing.
    pub fn check_writable(&self, name: &OsStr) -> io::Result<()> {
        let rights = rustix::fs::Access::WRITE_OK;
        match rustix::fs::accessat(&self.fd, name, rights, AtFlags::EACCESS) {
            // Old kernels can ask for the real user only; the write itself answers then.
            Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
            checked => Ok(checked?),
        }
    }

    /// Returns the names in the directory, sorted.
    ///
    /// # Errors
    /// The directory may not be read.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Returns the names in the directory with what they stand for, in no order.
    ///
    /// # Errors
    /// The directory may not be read.
    pub fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            entries.extend(self.entry(entry.file_name().to_bytes(), entry.file_type())?);
        }
        Ok(entries)
    }

    /// As [`Dir::entries`], through the handle itself and into memory that is used again.
    /// The handle stands at the end then, so it is listed like this once, and nobody else
    /// lists through it.
    ///
    /// # Errors
    /// The directory may not be read.
    pub fn entries_once(&mut self, room: &mut Vec<u8>) -> io::Result<Vec<(OsString, Kind)>> {
        #[cfg(target_os = "linux")]
        {
            room.clear();
            room.reserve(ROOM);
            let mut listing = rustix::fs::RawDir::new(&self.fd, room.spare_capacity_mut());
            let mut entries = Vec::new();
            while let Some(entry) = listing.next() {
                let entry = entry?;
                entries.extend(self.entry(entry.file_name().to_bytes(), entry.file_type())?);
            }
            Ok(entries)
        }
        #[cfg(not(target_os = "linux"))]
        {
            room.clear();
            self.entries()
        }
    }

    /// What a listing says about a name, if it is one.
    fn entry(&self, name: &[u8], kind: FileType) -> io::Result<Option<(OsString, Kind)>> {
        if matches!(name, b"." | b"..") {
            return Ok(None);
        }
        let name = OsStr::from_bytes(name).to_owned();
        let kind = match kind {
            // Not every file system knows without a closer look.
            FileType::Unknown => match self.stat(&name)? {
                Some(meta) => meta.kind,
                None => return Ok(None),
            },
            known => Kind::of(known),
        };
        Ok(Some((name, kind)))
    }

    /// Opens a regular file for reading; pipes do not block.
    ///
    /// # Errors
    /// The file is missing, a link, or may not be read.
    pub fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OPEN_FILE | OFlags::RDONLY | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?.into())
    }

    /// Creates a file that must not exist. Until [`Dir::sync`] a crash of the system
    /// can lose the name.
    ///
    /// # Errors
    /// The name is taken, or the directory may not be written.
    pub fn create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OPEN_FILE | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(rustix::fs::openat(&self.fd, name, flags, bits(mode))?.into())
    }

    /// Opens a regular file that must exist for reading and appending.
    ///
    /// # Errors
    /// The file is missing, a link, or may not be written.
    pub fn open_to_write(&self, name: &OsStr) -> io::Result<File> {
        let flags = OPEN_FILE | OFlags::RDWR | OFlags::APPEND | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?.into())
    }

    /// Opens a file for reading and appending, and creates it when it is missing.
    ///
    /// # Errors
    /// The name is a link, or the directory may not be written.
    pub fn open_or_create(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OPEN_FILE | OFlags::RDWR | OFlags::CREATE | OFlags::APPEND;
        Ok(rustix::fs::openat(&self.fd, name, flags, bits(mode))?.into())
    }

    /// Creates a directory; `false` when it exists already.
    ///
    /// # Errors
    /// The name is taken by something else, or the directory may not be written.
    pub fn make_dir(&self, name: &OsStr, mode: u32) -> io::Result<bool> {
        match rustix::fs::mkdirat(&self.fd, name, bits(mode)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) if self.stat(name)?.is_some_and(|meta| meta.kind == Kind::Dir) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Creates a symbolic link.
    ///
    /// # Errors
    /// The name is taken, or the directory may not be written.
    pub fn make_link(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.fd, name)?)
    }

    /// Tells whether a name is a pipe.
    ///
    /// # Errors
    /// The name is missing.
    pub fn is_pipe(&self, name: &OsStr) -> io::Result<bool> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
    }

    /// Creates a pipe with the permission bits given.
    ///
    /// # Errors
    /// The name is taken, or the directory may not be written.
    #[cfg(not(target_vendor = "apple"))]
    pub fn make_pipe(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        rustix::fs::mknodat(&self.fd, name, FileType::Fifo, bits(mode), 0)?;
        // Creation masks bits.
        Ok(rustix::fs::chmodat(
            &self.fd,
            name,
            bits(mode),
            AtFlags::empty(),
        )?)
    }

    /// Creates a pipe with the permission bits given.
    ///
    /// # Errors
    /// Always: the system has no call that makes one in an open directory.
    #[cfg(target_vendor = "apple")]
    pub fn make_pipe(&self, _name: &OsStr, _mode: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns what a symbolic link points to.
    ///
    /// # Errors
    /// The name is missing or no link.
    pub fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        let target = rustix::fs::readlinkat(&self.fd, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// Gives a file, not what it links to, a second name.
    ///
    /// # Errors
    /// The new name is taken, or lies on another file system.
    pub fn hard_link(&self, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(rustix::fs::linkat(&self.fd, name, &to.fd, new, flags)?)
    }

    /// Moves a name, replacing what the new name stood for. After a crash of the
    /// system either name is whole; until both directories are synced it is open which.
    ///
    /// # Errors
    /// The names lie on different file systems, or may not be changed.
    pub fn rename(&self, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, name, &to.fd, new)?)
    }

    /// Moves a name to one that must be free.
    ///
    /// # Errors
    /// As [`Dir::rename`], and when the new name is taken.
    pub fn rename_new(&self, name: &OsStr, to: &Dir, new: &OsStr) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(&self.fd, name, &to.fd, new, flags) {
                // Some file systems cannot; then the check below has to do.
                Err(Errno::INVAL | Errno::NOSYS) => {}
                result => return Ok(result?),
            }
        }
        if to.stat(new)?.is_some() {
            return Err(Errno::EXIST.into());
        }
        self.rename(name, to, new)
    }

    /// Lets two names change what they stand for, at once; `false` when the system or the
    /// file system cannot.
    ///
    /// # Errors
    /// As [`Dir::rename`], and when one of the names is missing.
    pub fn exchange(&self, name: &OsStr, to: &Dir, other: &OsStr) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            match rustix::fs::renameat_with(&self.fd, name, &to.fd, other, flags) {
                Err(Errno::INVAL | Errno::NOSYS) => Ok(false),
                result => Ok(result.map(|()| true)?),
            }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (name, to, other);
            Ok(false)
        }
    }

    /// Removes a file or link; `false` when it is missing.
    ///
    /// # Errors
    /// The name is a directory, or the directory may not be written.
    pub fn remove_file(&self, name: &OsStr) -> io::Result<bool> {
        self.unlink(name, AtFlags::empty())
    }

    /// Removes an empty directory; `false` when it is missing.
    ///
    /// # Errors
    /// The directory is not empty, or may not be removed.
    pub fn remove_dir(&self, name: &OsStr) -> io::Result<bool> {
        self.unlink(name, AtFlags::REMOVEDIR)
    }

    fn unlink(&self, name: &OsStr, flags: AtFlags) -> io::Result<bool> {
        match rustix::fs::unlinkat(&self.fd, name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets the permission bits of the directory itself.
    ///
    /// # Errors
    /// The user does not own it.
    pub fn set_own_mode(&self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.fd, bits(mode))?)
    }

    /// Sets the permission bits of a file or directory that is no link; its other bits
    /// stay as they are.
    ///
    /// # Errors
    /// The name is missing or the user does not own it.
    pub fn set_mode(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        let others = self.stat(name)?.map_or(0, |meta| meta.mode & 0o7000);
        let flags = AtFlags::empty();
        Ok(rustix::fs::chmodat(
            &self.fd,
            name,
            bits(mode | others),
            flags,
        )?)
    }

    /// Sets the modification time of a name, not of what it links to.
    ///
    /// # Errors
    /// The name is missing or the user does not own it.
    pub fn set_mtime(&self, name: &OsStr, mtime: Mtime) -> io::Result<()> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(rustix::fs::utimensat(
            &self.fd,
            name,
            &stamps(mtime),
            flags,
        )?)
    }

    /// Sets the modification time of the directory itself.
    ///
    /// # Errors
    /// The user does not own it.
    pub fn set_own_mtime(&self, mtime: Mtime) -> io::Result<()> {
        Ok(rustix::fs::futimens(&self.fd, &stamps(mtime))?)
    }

    /// Makes everything durable that was written to the directory's file system.
    ///
    /// # Errors
    /// The storage fails.
    pub fn sync_file_system(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.fd)?;
        self.sync()
    }

    /// Makes the directory's names durable.
    ///
    /// # Errors
    /// The storage fails.
    pub fn sync(&self) -> io::Result<()> {
        super::durable::sync_dir(&self.fd)
    }

    /// Makes everything on the directory's file system durable.
    ///
    /// # Errors
    /// The storage fails.
    pub fn sync_all(&self) -> io::Result<()> {
        super::durable::sync_all(&self.fd)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Sets permission bits, which creation masks, and the time of an open file.
///
/// # Errors
/// The user does not own the file.
pub fn set_attributes(file: &File, mode: Option<u32>, mtime: Option<Mtime>) -> io::Result<()> {
    if let Some(mode) = mode {
        rustix::fs::fchmod(file, bits(mode))?;
    }
    if let Some(mtime) = mtime {
        rustix::fs::futimens(file, &stamps(mtime))?;
    }
    Ok(())
}

/// Returns what is known about an open file.
///
/// # Errors
/// The file system fails.
pub fn file_meta(file: &File) -> io::Result<Meta> {
    Ok(Meta::of(&rustix::fs::fstat(file)?))
}

fn bits(mode: u32) -> Mode {
    Mode::from_raw_mode(RawMode::try_from(mode & 0o7777).unwrap_or(0o700))
}

fn stamps(mtime: Mtime) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: mtime.seconds,
            tv_nsec: mtime.nanos,
        },
    }
}
