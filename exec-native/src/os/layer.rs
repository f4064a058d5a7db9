//! What the directories of an overlay are made of: whiteouts, opaque directories, and
//! directories that look like those they lie over.

use std::ffi::{OsStr, OsString};
use std::io;

use rustix::fs::{AtFlags, FileType, Stat, fstat, statat};
#[cfg(target_os = "linux")]
use rustix::fs::{Mode, mknodat};
use rustix::io::Errno;

use super::dir::{Dir, File};

/// What the kernel says of a directory that hides everything below it.
const OPAQUE: &str = "user.overlay.opaque";
/// What the kernel says of a file that it copied up.
const ORIGIN: &str = "user.overlay.origin";

impl Dir {
    /// Creates a name that hides the same name in the layers below.
    ///
    /// # Errors
    /// The name is taken, or the file system cannot hold it.
    pub fn make_whiteout(&self, name: &OsStr) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        {
            let device = FileType::CharacterDevice;
            Ok(mknodat(self, name, device, Mode::empty(), 0)?)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = name;
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Tells whether the directory hides everything that layers below have in it.
    ///
    /// # Errors
    /// The file system fails.
    pub fn is_opaque(&self) -> io::Result<bool> {
        let mut value = [0; 1];
        match rustix::fs::fgetxattr(self, OPAQUE, &mut value) {
            Ok(_) => Ok(matches!(value, [b'y'])),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whether a name hides the same name in the layers below.
    ///
    /// # Errors
    /// The directory may not be searched.
    pub fn is_whiteout(&self, name: &OsStr) -> io::Result<bool> {
        let stat = match statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        Ok(kind == FileType::CharacterDevice && stat.st_rdev == 0)
    }

    /// Gives this directory the owner, mode and time of another. It stays usable for
    /// its user. An owner that we may not set is left as it is.
    ///
    /// # Errors
    /// The user does not own this directory.
    pub fn look_like(&self, other: &Dir) -> io::Result<()> {
        let stat = fstat(other)?;
        let own = fstat(self)?;
        if (stat.st_uid, stat.st_gid) != (own.st_uid, own.st_gid) {
            use rustix::fs::{Gid, Uid, fchown};
            let (user, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
            match fchown(self, Some(user), Some(group)) {
                Ok(()) | Err(Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let meta = other.meta()?;
        self.set_own_mode(shown_mode(meta.mode))?;
        self.set_own_mtime(meta.mtime)
    }

    /// Names the first entry, the directory itself included, that belongs to another
    /// user or to a group that is not the user's first: nobody is mapped to them in a
    /// namespace of one user.
    ///
    /// # Errors
    /// The directory may not be read.
    pub fn foreign_entry(&self) -> io::Result<Option<OsString>> {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let is_foreign =
            |stat: &Stat| stat.st_uid != user.as_raw() || stat.st_gid != group.as_raw();
        if is_foreign(&fstat(self)?) {
            return Ok(Some(".".into()));
        }
        for name in self.names()? {
            match statat(self, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if is_foreign(&stat) => return Ok(Some(name)),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Tells whether a file was copied up from a layer below.
///
/// # Errors
/// The file system fails.
pub fn came_from_below(file: &File) -> io::Result<bool> {
    let mut value = [0; 512];
    match rustix::fs::fgetxattr(file, ORIGIN, &mut value) {
        Ok(_) | Err(Errno::RANGE) => Ok(true),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The mode of a directory of ours that stands for one with the mode given.
pub fn shown_mode(mode: u32) -> u32 {
    mode | 0o700
}
