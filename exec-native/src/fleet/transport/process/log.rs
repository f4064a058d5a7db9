//! The log of a session: written by its host, bounded, read by whoever looks on.

use std::ffi::OsString;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::fleet::observed::Session;

use super::record::Room;
use crate::error::{ExecError, IoResultExt as _};
use crate::os::clock::rest;
use crate::os::dir::{Dir, File, file_meta};
use crate::os::plain;
use crate::os::proc::Cancel;

/// How much a log holds before it is put aside. One older part is kept.
const LOG_BYTES: u64 = 4 << 20;
/// How much of a log is read for its last lines.
const TAIL_BYTES: u64 = 1 << 20;
const POLL: Duration = Duration::from_millis(50);

/// A log that is written.
#[derive(Debug)]
pub(super) struct Log {
    dir: Dir,
    name: OsString,
    file: File,
    length: u64,
}

impl Log {
    /// Goes on with the log of a session.
    pub(super) fn open(room: &Room, seat: &str) -> Result<Self, ExecError> {
        room.make_logs()?;
        let path = room.log(seat);
        let (dir, name) = place(&path).at(&path)?;
        let file = dir.open_or_create(&name, 0o600).at(&path)?;
        let length = file.metadata().at(&path)?.len();
        Ok(Self {
            dir,
            name,
            file,
            length,
        })
    }

    /// Writes what was printed. A full disk does not stop a seat.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        if self.length > LOG_BYTES {
            self.rotate().ok();
        }
        self.length += bytes.len() as u64;
        self.file.write_all(bytes).ok();
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.length = 0;
        let aside = older(Path::new(&self.name));
        self.dir.rename(&self.name, &self.dir, aside.as_os_str())?;
        self.file = self.dir.open_or_create(&self.name, 0o600)?;
        Ok(())
    }
}

/// Where a log is put aside.
pub(super) fn older(path: &Path) -> PathBuf {
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    older.into()
}

fn place(path: &Path) -> io::Result<(Dir, OsString)> {
    let dir = Dir::open(path.parent().unwrap_or(path))?;
    Ok((dir, path.file_name().unwrap_or_default().to_owned()))
}

/// Opens a log to read; `None` when there is none yet.
fn open(room: &Room, seat: &str) -> Result<Option<File>, ExecError> {
    let path = room.log(seat);
    let file = place(&path).and_then(|(dir, name)| dir.open_file(&name));
    match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.at(&path).map(Some),
    }
}

/// Returns the last lines of a log, without what would move a cursor.
pub(super) fn last_lines(room: &Room, seat: &str, lines: usize) -> Result<String, ExecError> {
    let path = room.log(seat);
    let Some(mut file) = open(room, seat)? else {
        return Ok(String::new());
    };
    let length = file.metadata().at(&path)?.len();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))
        .and_then(|_| file.read_to_end(&mut bytes))
        .at(&path)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<String> = text.trim_end().split('\n').map(shown).collect();
    let first = all.len().saturating_sub(lines);
    Ok(all.get(first..).unwrap_or_default().join("\n"))
}

/// Returns what a line shows in the end: what was written over is gone.
fn shown(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    plain(line.rsplit('\r').next().unwrap_or_default())
}

/// Passes a log on to our own output until its session has ended or somebody asks to stop.
pub(super) fn follow(room: &Room, session: &Session, cancel: &Cancel) -> Result<(), ExecError> {
    let path = room.log(&session.name);
    let mut file: Option<File> = None;
    let mut begun = false;
    loop {
        let ended = room
            .session(&session.name)?
            .is_none_or(|now| now.dead.is_some() || now.id != session.id);
        if file.is_none() {
            file = open(room, &session.name)?;
            if let Some(file) = file.as_mut().filter(|_| !begun) {
                let length = file.metadata().at(&path)?.len();
                let start = length.saturating_sub(TAIL_BYTES / 16);
                file.seek(SeekFrom::Start(start)).at(&path)?;
                begun = true;
            }
        }
        if let Some(open) = &mut file {
            let mut out = io::stdout().lock();
            io::copy(open, &mut out)
                .and_then(|_| out.flush())
                .at(&path)?;
            // A log that was put aside has another one in its place.
            let now = place(&path)
                .and_then(|(dir, name)| dir.stat(&name))
                .at(&path)?;
            let own = file_meta(open).at(&path)?;
            if now.is_none_or(|now| now.identity != own.identity) {
                // What was written between the copy and the look is not lost.
                io::copy(open, &mut out)
                    .and_then(|_| out.flush())
                    .at(&path)?;
                file = None;
                continue;
            }
        }
        if ended || cancel.is_raised() {
            return Ok(());
        }
        rest(POLL);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::new(dir.path());
        let mut log = Log::open(&room, "a").unwrap();
        let part = vec![b'x'; 1 << 20];
        for _ in 0..12 {
            log.write(&part);
        }
        log.write(b"\nlast\r\n\x1b[31mred\x1b[0m\r\n");
        let sizes: u64 = std::fs::read_dir(dir.path().join("log"))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(sizes <= 2 * (LOG_BYTES + (1 << 20) + 64), "{sizes}");
        assert_eq!(last_lines(&room, "a", 2).unwrap(), "last\nred");
    }
}
