//! What the upper directory of an overlay says about the layers below it.

use std::ffi::OsStr;
use std::io;

use rustix::fs::{AtFlags, FileType, fgetxattr, statat};
use rustix::io::Errno;

use super::dir::{Dir, File};

/// By these attributes a directory hides everything below it.
const OPAQUE: [&str; 2] = ["user.overlay.opaque", "trusted.overlay.opaque"];
/// With these attributes an entry was copied up from below.
const ORIGIN: [&str; 2] = ["user.overlay.origin", "trusted.overlay.origin"];

/// Tells whether a name stands for nothing: it hides the same name below.
///
/// # Errors
/// The directory may not be searched.
pub fn is_whiteout(dir: &Dir, name: &OsStr) -> io::Result<bool> {
    let stat = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let kind = FileType::from_raw_mode(stat.st_mode);
    Ok(kind == FileType::CharacterDevice && stat.st_rdev == 0)
}

/// Tells whether a directory hides everything below it.
///
/// # Errors
/// The file system fails.
pub fn is_opaque(dir: &Dir) -> io::Result<bool> {
    let mut value = [0; 8];
    for name in OPAQUE {
        match fgetxattr(dir, name, &mut value) {
            Ok(count) => return Ok(value.starts_with(b"y") && count == 1),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// Tells whether a file was copied up, so that it existed below.
///
/// # Errors
/// The file system fails.
pub fn came_from_below(file: &File) -> io::Result<bool> {
    let mut value = [0; 512];
    for name in ORIGIN {
        match fgetxattr(file, name, &mut value) {
            Ok(_) | Err(Errno::RANGE) => return Ok(true),
            Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
