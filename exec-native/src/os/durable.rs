//! Durability: what a power cut must not undo is flushed to the storage. The flushes are
//! counted, and a process can do without them where losing power loses everything anyway.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::env;

/// The variable by which a user does without flushes: `relaxed`.
pub const VARIABLE: &str = "CALLSHEET_DURABILITY";

/// What a run's promises survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of every process and a power cut.
    Full,
    /// The death of every process. For storage that a power cut empties, such as tmpfs.
    Relaxed,
}

const UNKNOWN: u8 = 0;
const FULL: u8 = 1;
const RELAXED: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);
static FLUSHES: AtomicU64 = AtomicU64::new(0);

/// Decides for this process.
pub fn set(durability: Durability) {
    let mode = match durability {
        Durability::Full => FULL,
        Durability::Relaxed => RELAXED,
    };
    MODE.store(mode, Ordering::Relaxed);
}

/// Returns how often this process has flushed something.
pub fn flushes() -> u64 {
    FLUSHES.load(Ordering::Relaxed)
}

fn is_full() -> bool {
    match MODE.load(Ordering::Relaxed) {
        FULL => true,
        RELAXED => false,
        _ => {
            let relaxed = env::var(VARIABLE).is_some_and(|text| text == "relaxed");
            set(if relaxed {
                Durability::Relaxed
            } else {
                Durability::Full
            });
            !relaxed
        }
    }
}

/// Makes the names in an open directory durable.
pub(super) fn sync_dir(dir: impl AsFd) -> io::Result<()> {
    if is_full() {
        FLUSHES.fetch_add(1, Ordering::Relaxed);
        rustix::fs::fsync(dir)?;
    }
    Ok(())
}

/// Makes everything on the file system of an open directory durable: one call for many
/// files.
pub(super) fn sync_all(dir: impl AsFd) -> io::Result<()> {
    if is_full() {
        FLUSHES.fetch_add(1, Ordering::Relaxed);
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(dir)?;
        #[cfg(not(target_os = "linux"))]
        rustix::fs::fsync(dir)?;
    }
    Ok(())
}

/// Makes the content of a file durable, and what is needed to find it.
///
/// # Errors
/// The storage fails.
pub fn sync_file(file: &File) -> io::Result<()> {
    if is_full() {
        FLUSHES.fetch_add(1, Ordering::Relaxed);
        file.sync_data()?;
    }
    Ok(())
}
