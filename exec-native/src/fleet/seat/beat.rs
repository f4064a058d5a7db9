//! Heartbeats: a small file that a supervisor renews as long as it lives, in the form
//! that Mosaic reads and writes.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use plan_core::fleet::observed::{Beat, Heartbeat};

use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::{clock, env, fs, owner};

/// The variable that names another directory for heartbeats.
const DIR_VARIABLE: &str = "MOSAIC_HEARTBEAT_RUN_DIR";
/// The variable that sets the seconds between two of them.
const INTERVAL_VARIABLE: &str = "MOSAIC_HEARTBEAT_INTERVAL";
const INTERVAL: u64 = 15;

/// Returns the file of a seat's heartbeat: in the run directory, unless the environment
/// names another one.
pub fn heartbeat_path(run: &Path, seat: &str) -> PathBuf {
    let dir = env::var(DIR_VARIABLE).map_or_else(|| run.to_owned(), PathBuf::from);
    dir.join(format!("{seat}.hb"))
}

/// Reads a heartbeat, ours or Mosaic's, at a time in seconds since 1970; `None` when there
/// is none. A status that we do not know is that of an agent that runs.
pub fn read_heartbeat(path: &Path, now: u64) -> Option<Heartbeat> {
    let text = String::from_utf8_lossy(&fs::read(path).ok()?).into_owned();
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(['=', ':'])?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    let number = |name: &str| field(name)?.parse::<u64>().ok();
    // Without a time of its own the file's counts.
    let written = number("ts").or_else(|| seconds_of(path))?;
    let status = field("status").and_then(|word| {
        let known = Beat::ALL.iter().chain([&Beat::Starting]);
        known.copied().find(|beat| beat.as_str() == word)
    });
    Some(Heartbeat {
        age: now.saturating_sub(written),
        pid: number("pid").unwrap_or_default(),
        status: status.unwrap_or(Beat::Running),
        restarts: number("restarts").unwrap_or_default(),
    })
}

fn seconds_of(path: &Path) -> Option<u64> {
    let dir = Dir::open(path.parent()?).ok()?;
    let meta = dir.stat(path.file_name()?).ok()??;
    u64::try_from(meta.mtime.seconds).ok()
}

/// What a heartbeat says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) pid: u32,
    pub(super) status: Beat,
    pub(super) restarts: u64,
}

impl State {
    fn text(&self, now: u64) -> String {
        let Self {
            pid,
            status,
            restarts,
        } = self;
        let status = status.as_str();
        format!("ts={now}\npid={pid}\nstatus={status}\nrestarts={restarts}\n")
    }
}

/// A thread that renews the heartbeat of a seat.
#[derive(Debug)]
pub(super) struct Pulse {
    news: Sender<Option<State>>,
    thread: JoinHandle<()>,
}

impl Pulse {
    /// Begins. Nothing is written before the first state is told.
    ///
    /// # Errors
    /// The directory of the file cannot be made.
    pub(super) fn start(path: &Path, interval: u64) -> Result<Self, ExecError> {
        let room = path.parent().unwrap_or(path);
        fs::make_private_dirs(room).at(room)?;
        let file = File {
            dir: Dir::open(room).at(room)?,
            name: path.file_name().unwrap_or_default().to_owned(),
        };
        let named = env::var(INTERVAL_VARIABLE).and_then(|text| text.parse().ok());
        let seconds = named.unwrap_or(interval);
        let pause = Duration::from_secs(if seconds == 0 { INTERVAL } else { seconds });
        let (news, told) = channel::<Option<State>>();
        let thread = std::thread::spawn(move || {
            let mut state = None;
            loop {
                match told.recv_timeout(pause) {
                    Ok(Some(news)) => state = Some(news),
                    Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                if let Some(state) = &state {
                    // A disk that is full shows as a heartbeat that is old.
                    file.write(&state.text(clock::now_ms() / 1000)).ok();
                }
            }
            file.dir.remove_file(&file.name).ok();
        });
        Ok(Self { news, thread })
    }

    /// Says at once what is the matter.
    pub(super) fn tell(&self, state: State) {
        // The thread ends after us.
        self.news.send(Some(state)).ok();
    }

    /// Ends, and takes the file away.
    pub(super) fn end(self) {
        self.news.send(None).ok();
        // One that failed has left a file that grows old.
        self.thread.join().ok();
    }
}

/// The file.
#[derive(Debug)]
struct File {
    dir: Dir,
    name: OsString,
}

impl File {
    /// Replaces it at once. It need not survive a power cut, nobody who lives then writes it.
    fn write(&self, text: &str) -> io::Result<()> {
        let mut temp = OsString::from(".");
        temp.push(&self.name);
        temp.push(format!(".{}", owner::own_id()));
        self.dir.remove_file(&temp)?;
        let mut file = self.dir.create(&temp, 0o600)?;
        file.write_all(text.as_bytes())?;
        self.dir.rename(&temp, &self.dir, &self.name)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_of_others_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.hb");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let beat = read_heartbeat(&path, 1_000).unwrap();
            (beat.age, beat.pid, beat.status, beat.restarts)
        };
        assert_eq!(
            read("ts=990\npid=7\nstatus=waiting\nrestarts=2\n"),
            (10, 7, Beat::Waiting, 2)
        );
        assert_eq!(
            read("host=x\nstatus=working\nts=995\npid=9\n"),
            (5, 9, Beat::Running, 0)
        );
        assert_eq!(read("ts: 1001\n"), (0, 0, Beat::Running, 0));
        // Half a file is as old as itself.
        assert_eq!(read("pid=3"), (0, 3, Beat::Running, 0));
        assert_eq!(read_heartbeat(&dir.path().join("b.hb"), 1), None);
    }

    #[test]
    fn a_heartbeat_says_what_it_was_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/a.hb");
        let pulse = Pulse::start(&path, 3_600).unwrap();
        pulse.tell(State {
            pid: 5,
            status: Beat::Running,
            restarts: 1,
        });
        let found = (0..2_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            std::fs::read_to_string(&path).ok()
        });
        let text = found.unwrap();
        let (first, rest) = text.split_once('\n').unwrap();
        assert!(first.starts_with("ts="), "{first}");
        assert_eq!(rest, "pid=5\nstatus=running\nrestarts=1\n");
        pulse.end();
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            0
        );
    }
}
