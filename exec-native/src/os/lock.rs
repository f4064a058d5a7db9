//! File locks. A held lock is the only sign of life that callsheet believes: the
//! kernel lets go of it when its holder ends, however it ends.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::process::Stdio;

use rustix::fs::{FlockOperation, flock};

use super::dir::{Dir, file_meta};

/// A lock that is held until it is dropped or its process ends. Programs that the
/// process starts do not inherit it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a file, which is created when it is missing; `None` when
    /// somebody else holds it.
    ///
    /// # Errors
    /// The file cannot be opened or the file system has no locks.
    pub fn try_take(dir: &Dir, name: &OsStr) -> io::Result<Option<Self>> {
        Self::try_file(dir.open_or_create(name, 0o600)?)
    }

    /// Takes the lock of a file that must exist; `None` when somebody else holds it.
    ///
    /// # Errors
    /// As [`Lock::try_take`], and when the file is missing.
    pub fn try_take_existing(dir: &Dir, name: &OsStr) -> io::Result<Option<Self>> {
        Self::try_file(dir.open_to_write(name)?)
    }

    /// Shares the lock of a file, which is created when it is missing, with others that
    /// share it; `None` when somebody holds it alone.
    ///
    /// # Errors
    /// As [`Lock::try_take`].
    pub fn try_share(dir: &Dir, name: &OsStr) -> io::Result<Option<Self>> {
        let file = dir.open_or_create(name, 0o600)?;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Some(Self { file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn try_file(file: File) -> io::Result<Option<Self>> {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes into the file who holds the lock, for those who find it taken.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn note(&self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(text.as_bytes())
    }

    /// Returns a second handle as the input of a program that is started. The program then
    /// holds the lock with us, until both have ended or we let go of it.
    ///
    /// # Errors
    /// The process has too many open files.
    pub fn share_with_child(&self) -> io::Result<Stdio> {
        self.file.try_clone().map(Stdio::from)
    }

    /// Tells whether a name still stands for the file that is locked: a lock on a file that
    /// has gone keeps nobody out.
    ///
    /// # Errors
    /// The directory may not be searched.
    pub fn is_at(&self, dir: &Dir, name: &OsStr) -> io::Result<bool> {
        let own = file_meta(&self.file)?;
        Ok(dir
            .stat(name)?
            .is_some_and(|there| there.identity == own.identity))
    }

    /// Takes the lock of a file, waiting while somebody else holds it.
    ///
    /// # Errors
    /// The file cannot be opened or the file system has no locks.
    pub fn take(dir: &Dir, name: &OsStr) -> io::Result<Self> {
        let file = dir.open_or_create(name, 0o600)?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Ok(Self { file }),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A program that is being started holds a copy of the file for a moment, and
        // closing ours would not let go. If this fails the closing does it later.
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}
