//! A process that gives up what it will not need, and watches its own memory.
#![expect(clippy::disallowed_methods, reason = "the OS layer")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::process::{Resource, Rlimit, setrlimit};

/// What our own program may need besides, for messages and the engine.
const BESIDES: u64 = 256 << 20;

/// The most memory that this process has needed.
#[derive(Debug)]
pub struct Peak {
    /// Open from the beginning: later no file can be opened.
    status: Option<File>,
    before: u64,
}

impl Peak {
    /// Begins to watch.
    pub fn watch() -> Self {
        let mut peak = Self {
            status: File::open("/proc/self/status").ok(),
            before: 0,
        };
        peak.before = peak.bytes().unwrap_or(0);
        peak
    }

    /// Tells by how many bytes the process has grown at most; `None` where the system does
    /// not say.
    pub fn grown(&self) -> Option<u64> {
        Some(self.bytes()?.saturating_sub(self.before))
    }

    fn bytes(&self) -> Option<u64> {
        let mut text = [0; 2048];
        let count = self.status.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..count)?).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }
}

/// Gives up, for ever: files, processes, and more memory than twice `memory` and a bit.
///
/// # Errors
/// The system does not allow a limit.
pub fn confine(memory: u64, peak: &Peak) -> io::Result<()> {
    let limits = [
        (
            Resource::As,
            peak.before
                .saturating_add(BESIDES)
                .saturating_add(memory.saturating_mul(2)),
        ),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
    ];
    for (resource, most) in limits {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}
