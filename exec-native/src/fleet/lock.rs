//! The lock of a fleet home: one command at a time changes a fleet.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_core::base::json::{self, Writer};

use super::home::Home;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::{self, Deadline, rest};
use crate::os::dir::{Dir, Kind};
use crate::os::fs::{self, Place, read_at};
use crate::os::lock::Lock;
use crate::os::owner::own_id;

/// The file, below the home. It is never removed: a lock on a file that has gone would
/// keep nobody out.
pub const LOCK: &str = "fleet/run/fleet.lock";

const POLL: Duration = Duration::from_millis(20);

/// Keeps other commands from changing a fleet until it is dropped.
#[derive(Debug)]
pub struct FleetLock {
    root: PathBuf,
    _held: Lock,
}

impl FleetLock {
    /// Takes the lock of a home, and makes the directory for it where it is missing.
    /// `command` is how others learn who holds it. Waits for at most so long.
    ///
    /// # Errors
    /// Another process holds it, or the home may not be written.
    pub fn take(home: &Home, command: &str, wait: Duration) -> Result<Self, ExecError> {
        let root = make_root(home)?;
        let place = place(home, &root)?;
        let deadline = Deadline::after(Some(wait));
        loop {
            let path = || root.join(LOCK);
            if let Some(held) = Lock::try_take(&place.dir, &place.name).at(path())? {
                held.note(&owner(command)).at(path())?;
                return Ok(Self { root, _held: held });
            }
            if deadline.is_over() {
                return Err(taken(&place).at(path()));
            }
            rest(POLL);
        }
    }

    /// Returns the one path of the home: through no link.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// Makes the home's own directory; returns the one path of it.
fn make_root(home: &Home) -> Result<PathBuf, ExecError> {
    let dir = home.dir();
    let is_there = |above: &&Path| fs::is_dir(above);
    let above = dir.ancestors().find(is_there).unwrap_or(Path::new("/"));
    let below = fs::real(above).at(above)?;
    let Ok(rest) = dir.strip_prefix(above) else {
        return Ok(below);
    };
    if rest.as_os_str().is_empty() {
        return Ok(below);
    }
    let root = below.join(rest);
    let made = fs::resolve_making(&below, &root, 0o777);
    made.and_then(|place| place.dir.make_dir(&place.name, 0o777))
        .at(&root)?;
    Ok(root)
}

fn place(home: &Home, root: &Path) -> Result<Place, ExecError> {
    let path = root.join(LOCK);
    // What stands there is looked at first, for a better word about links.
    let run = home.kind("fleet/run")?;
    home.kind(LOCK)?;
    if home.follows() && run == Some(Kind::Dir) {
        let dir = root.join("fleet/run");
        let dir = fs::real(&dir).and_then(|real| Dir::open(&real)).at(&dir)?;
        return Ok(Place {
            dir,
            name: "fleet.lock".into(),
        });
    }
    fs::resolve_making(root, &path, 0o777).at(path)
}

fn owner(command: &str) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("pid", &u64::from(own_id()));
    out.field("command", command);
    out.field("since_ms", &clock::now_ms());
    out.end_object();
    out.finish() + "\n"
}

/// The error of a lock that another process holds, with what it says about itself.
fn taken(place: &Place) -> ExecError {
    let note = read_at(&place.dir, OsStr::new(&place.name)).ok();
    let note = note.and_then(|bytes| String::from_utf8(bytes).ok());
    let who = note.and_then(|text| {
        let value = json::read(&text).ok()?;
        let pid = value.get("pid")?.as_number()?;
        let command = value.get_str("command")?.to_owned();
        Some(format!("`callsheet {command}` (process {pid})"))
    });
    let who = who.unwrap_or_else(|| "another process".to_owned());
    ExecError::new(ExecErrorKind::Busy, format!("{who} works on the fleet"))
        .hint("wait for it, for example with --lock-timeout 60")
}
