//! The home: read, written as a whole or not at all, and locked.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::home::{Home, ROSTER, ROSTER_LOCK};
use super::lock::{FleetLock, LOCK};
use super::write::{Change, KEPT_RUNS, WriteOptions, Written, commit_changes, generations, settle};
use crate::apply::inject::{Faults, Moment};
use crate::apply::{Event, list_runs};
use crate::error::{ExecError, ExecErrorKind};
use crate::state::StateHome;

const CHILD: &str = "CALLSHEET_TEST_FLEET";

/// A home with a roster and what belongs to it, and a state directory beside it.
struct Desk {
    _temp: Option<tempfile::TempDir>,
    root: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let desk = Self {
            _temp: Some(temp),
            root,
        };
        desk.put(ROSTER, "old roster\n");
        desk.put(ROSTER_LOCK, "old lock\n");
        desk.put("fleet/agents/gone.env", "A=1\n");
        // The directory of the lock stays, whatever happens.
        drop(FleetLock::take(&desk.home(), "test", Duration::ZERO).unwrap());
        desk
    }

    fn existing(root: &str) -> Self {
        Self {
            _temp: None,
            root: root.into(),
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.join("home").join(below)
    }

    fn put(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn text(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap()
    }

    fn home(&self) -> Home {
        Home::at(self.root.join("home")).unwrap()
    }

    fn state(&self) -> StateHome {
        StateHome::at(self.root.join("state"))
    }

    fn options(&self) -> WriteOptions<'static> {
        WriteOptions {
            lock_timeout: Duration::ZERO,
            ..WriteOptions::new(self.state(), "fleet test")
        }
    }

    /// A write over a file, a private file that is new, and a removal.
    fn changes(&self) -> Vec<Change> {
        let home = self.home();
        let roster = home.read(ROSTER).unwrap();
        let gone = home.read("fleet/agents/gone.env").unwrap().unwrap();
        vec![
            Change::write(ROSTER, "new roster\n".into(), roster.as_ref()),
            Change::write("fleet/agents/new.env", "T=s3cret\n".into(), None).privately(),
            Change::remove("fleet/agents/gone.env", &gone),
        ]
    }

    fn commit(&self) -> Result<Written, ExecError> {
        commit_changes(&self.home(), &self.changes(), &self.options())
    }

    /// Every file of the home with its mode and content, but for the lock's own words.
    fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        walk(&self.root.join("home"), &mut found);
        found.retain(|path, _| !path.ends_with(LOCK));
        found
    }
}

fn walk(at: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let mode = meta.permissions().mode();
        let content = if meta.is_dir() {
            walk(&path, found);
            String::new()
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().display().to_string()
        } else {
            fs::read_to_string(&path).unwrap()
        };
        found.insert(path, format!("{mode:o} {content}"));
    }
}

#[test]
fn changes_are_made_and_the_roster_before_is_kept() {
    let desk = Desk::new();
    fs::set_permissions(desk.path(ROSTER), fs::Permissions::from_mode(0o640)).unwrap();
    let done = desk.commit().unwrap();
    assert_eq!(done.generation, Some(1));
    assert_eq!(
        done.changed,
        [ROSTER, "fleet/agents/new.env", "fleet/agents/gone.env"]
    );
    assert_eq!(desk.text(ROSTER), "new roster\n");
    assert_eq!(desk.text("fleet/history/1/roster.yaml"), "old roster\n");
    assert_eq!(desk.text("fleet/history/1/roster.lock.json"), "old lock\n");
    assert!(!desk.path("fleet/agents/gone.env").exists());
    let mode = |below| fs::metadata(desk.path(below)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(ROSTER), mode("fleet/agents/new.env")), (0o640, 0o600));
    // Nothing to change: no run, and no generation.
    let stored = desk.home().read(ROSTER).unwrap();
    let same = Change::write(ROSTER, "new roster\n".into(), stored.as_ref());
    let again = commit_changes(&desk.home(), &[same], &desk.options()).unwrap();
    assert_eq!(again, Written::default());
    assert_eq!(generations(&desk.home()).unwrap(), [1]);
    // What touches no roster makes no generation.
    let env = Change::write("fleet/agents/b.env", "B=1\n".into(), None);
    let done = commit_changes(&desk.home(), &[env], &desk.options()).unwrap();
    assert_eq!(done.generation, None);
}

#[test]
fn a_write_can_be_reverted() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let done = desk.commit().unwrap();
    let report = crate::revert(&desk.state(), &done.run.unwrap()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(desk.snapshot(), before);
}

#[test]
fn the_past_of_a_home_is_bounded() {
    let desk = Desk::new();
    // A run of something else in the same state directory stays.
    let other = WriteOptions::new(desk.state(), "other");
    let write = |below: &str, text: &str, options: &WriteOptions<'_>| {
        let stored = desk.home().read(below).unwrap();
        let change = Change::write(below, text.into(), stored.as_ref());
        commit_changes(&desk.home(), &[change], options).unwrap()
    };
    let mut ids = Vec::from_iter(write("fleet/policy.yaml", "version: 1\n", &other).run);
    for number in 0..KEPT_RUNS + 3 {
        ids.extend(write(ROSTER, &format!("roster {number}\n"), &desk.options()).run);
    }
    let kept: Vec<_> = list_runs(&desk.state()).unwrap();
    let kept: Vec<_> = kept.into_iter().map(|run| run.id).collect();
    ids.drain(1..4);
    assert_eq!(kept, ids);
    assert_eq!(generations(&desk.home()).unwrap().len(), KEPT_RUNS + 3);
    // What seats are started from is made anew each time; no run of that stays.
    let done = write("fleet/run/a.seat", "{}", &desk.options());
    assert_eq!(
        (done.run, done.changed),
        (None, vec!["fleet/run/a.seat".to_owned()])
    );
    assert_eq!(list_runs(&desk.state()).unwrap().len(), ids.len());
}

#[test]
fn a_file_that_moved_on_is_refused_and_nothing_is_changed() {
    let desk = Desk::new();
    let changes = desk.changes();
    desk.put("fleet/agents/gone.env", "A=2\n");
    let before = desk.snapshot();
    let error = commit_changes(&desk.home(), &changes, &desk.options()).unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Busy);
    assert!(error.to_string().contains("gone.env"), "{error}");
    assert_eq!(desk.snapshot(), before);
}

#[test]
fn an_editor_between_the_look_and_the_write_is_noticed() {
    let desk = Desk::new();
    let changes = desk.changes();
    let edit = |event: &Event<'_>| {
        if let Event::Started(action) = event
            && action.id == 3
        {
            desk.put("fleet/agents/new.env", "MINE=1\n");
        }
    };
    let options = WriteOptions {
        progress: Some(&edit),
        ..desk.options()
    };
    // The actions: two files of the generation, the roster, the new file, the removal.
    let error = commit_changes(&desk.home(), &changes, &options).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(desk.text(ROSTER), "old roster\n");
    assert_eq!(desk.text("fleet/agents/new.env"), "MINE=1\n");
    let edit = |event: &Event<'_>| {
        if let Event::Started(action) = event
            && action.id == 2
        {
            desk.put(ROSTER, "somebody's roster\n");
        }
    };
    fs::remove_file(desk.path("fleet/agents/new.env")).unwrap();
    let options = WriteOptions {
        progress: Some(&edit),
        ..desk.options()
    };
    let error = commit_changes(&desk.home(), &changes, &options).unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Busy);
    assert_eq!(desk.text(ROSTER), "somebody's roster\n");
    assert_eq!(desk.text("fleet/agents/gone.env"), "A=1\n");
    assert!(!desk.path("fleet/history/1").exists());
}

#[test]
fn a_held_lock_says_by_whom() {
    let desk = Desk::new();
    let held = FleetLock::take(&desk.home(), "fleet up", Duration::ZERO).unwrap();
    let error = desk.commit().unwrap_err();
    assert_eq!(error.exit_code(), 5);
    let by = format!("`callsheet fleet up` (process {})", std::process::id());
    assert!(error.to_string().contains(&by), "{error}");
    // The lock that the caller holds is used.
    let options = WriteOptions {
        lock: Some(&held),
        ..desk.options()
    };
    commit_changes(&desk.home(), &desk.changes(), &options).unwrap();
    drop(held);
    assert!(desk.path(LOCK).exists(), "the file stays");
    fs::write(desk.path(LOCK), "no note").unwrap();
    FleetLock::take(&desk.home(), "fleet up", Duration::ZERO).unwrap();
}

#[test]
fn links_are_refused_unless_they_are_followed() {
    let desk = Desk::new();
    let real = desk.root.join("elsewhere.yaml");
    fs::write(&real, "linked\n").unwrap();
    fs::remove_file(desk.path(ROSTER)).unwrap();
    symlink(&real, desk.path(ROSTER)).unwrap();
    let follow = desk.home().following(true);
    let stored = follow.read(ROSTER).unwrap();
    let change = |text: &str| [Change::write(ROSTER, text.into(), stored.as_ref())];
    let error = commit_changes(&desk.home(), &change("x\n"), &desk.options()).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(error.to_string().contains("roster.yaml"), "{error}");
    assert!(desk.home().read(ROSTER).is_err());
    commit_changes(&follow, &change("new\n"), &desk.options()).unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), "new\n");
    assert!(desk.path(ROSTER).is_symlink());
    assert_eq!(desk.text("fleet/history/1/roster.yaml"), "linked\n");
    // A link to nothing is never written through.
    fs::remove_file(&real).unwrap();
    let new = [Change::write(ROSTER, "x\n".into(), None)];
    for home in [desk.home(), follow] {
        let error = commit_changes(&home, &new, &desk.options()).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
    }
    assert!(!real.exists());
}

#[test]
fn a_linked_directory_is_followed_only_on_demand() {
    let desk = Desk::new();
    let agents = desk.root.join("agents");
    fs::rename(desk.path("fleet/agents"), &agents).unwrap();
    symlink(&agents, desk.path("fleet/agents")).unwrap();
    let change = [Change::write("fleet/agents/a.env", "A=1\n".into(), None)];
    assert!(commit_changes(&desk.home(), &change, &desk.options()).is_err());
    assert!(!agents.join("a.env").exists());
    let follow = desk.home().following(true);
    commit_changes(&follow, &change, &desk.options()).unwrap();
    assert_eq!(fs::read_to_string(agents.join("a.env")).unwrap(), "A=1\n");
}

#[test]
fn a_home_that_is_not_there_is_made() {
    let temp = tempfile::tempdir().unwrap();
    let home = Home::at(temp.path().join("a/b")).unwrap();
    let change = [Change::write(ROSTER, "x\n".into(), None)];
    let options = WriteOptions::new(StateHome::at(temp.path().join("state")), "fleet test");
    let done = commit_changes(&home, &change, &options).unwrap();
    assert_eq!(done.generation, None);
    assert_eq!(home.read(ROSTER).unwrap().unwrap().text, "x\n");
}

/// Every moment of the run: five actions, so started, five times announced and done,
/// ready and committed.
fn moments() -> Vec<(&'static str, u32)> {
    let mut moments = Vec::new();
    for place in 0..13 {
        moments.extend([("before-record", place), ("torn-record", place)]);
        moments.extend((place < 12).then_some(("after-record", place)));
    }
    for action in 0..5 {
        moments.extend([("before-action", action), ("after-action", action)]);
    }
    moments
}

fn moment(how: &str, place: u32) -> Moment {
    match how {
        "before-record" => Moment::BeforeRecord(place),
        "torn-record" => Moment::TornRecord(place),
        "after-record" => Moment::AfterRecord(place),
        "before-action" => Moment::BeforeAction(place.into()),
        "after-action" => Moment::AfterAction(place.into()),
        other => panic!("{other}"),
    }
}

/// Not a test by itself: what the killed process does.
#[test]
fn child() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let mut words = order.splitn(3, ' ');
    let mut next = || words.next().unwrap().to_owned();
    let (how, place, root) = (next(), next().parse().unwrap(), next());
    let desk = Desk::existing(&root);
    let mut options = desk.options();
    options.faults.kill = Some(moment(&how, place));
    commit_changes(&desk.home(), &desk.changes(), &options).unwrap();
}

#[test]
fn a_killed_write_leaves_all_or_nothing() {
    let desk = Desk::new();
    let before = desk.snapshot();
    for (how, place) in moments() {
        let order = format!("{how} {place} {}", desk.root.display());
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "fleet::tests::child"])
            .env(CHILD, order)
            .output()
            .unwrap();
        assert_eq!(ended.status.signal(), Some(9), "{how} {place}");
        let lock = FleetLock::take(&desk.home(), "test", Duration::ZERO).unwrap();
        settle(&lock, &desk.state()).unwrap();
        assert_eq!(desk.snapshot(), before, "{how} {place}");
        assert_eq!(list_runs(&desk.state()).unwrap(), [], "{how} {place}");
    }
    // The next command takes back what is there, too, before it looks at anything.
    let order = format!("after-action 4 {}", desk.root.display());
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "fleet::tests::child"])
        .env(CHILD, order)
        .output()
        .unwrap();
    assert_eq!(desk.text(ROSTER), "new roster\n");
    let stored = desk.home().read(ROSTER).unwrap();
    let stale = [Change::write(ROSTER, "third\n".into(), stored.as_ref())];
    let error = commit_changes(&desk.home(), &stale, &desk.options()).unwrap_err();
    assert_eq!(error.kind(), ExecErrorKind::Busy, "{error}");
    assert_eq!(desk.snapshot(), before);
}

#[test]
fn a_failed_write_leaves_nothing() {
    let desk = Desk::new();
    let before = desk.snapshot();
    for (how, place) in moments() {
        let options = WriteOptions {
            faults: Faults {
                fail: Some(moment(how, place)),
                ..Faults::default()
            },
            ..desk.options()
        };
        let ended = commit_changes(&desk.home(), &desk.changes(), &options);
        assert!(ended.is_err(), "{how} {place}");
        let lock = FleetLock::take(&desk.home(), "test", Duration::ZERO).unwrap();
        settle(&lock, &desk.state()).unwrap();
        assert_eq!(desk.snapshot(), before, "{how} {place}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let desk = Desk::new();
    desk.put("fleet/roles/good.md", "Good.");
    fs::write(desk.path("fleet/roles/latin.md"), b"\xe9").unwrap();
    desk.put("fleet/roles/large.md", &"x".repeat((1 << 20) + 1));
    symlink("good.md", desk.path("fleet/roles/linked.md")).unwrap();
    symlink("nowhere.md", desk.path("fleet/roles/lost.md")).unwrap();
    fs::create_dir(desk.path("fleet/roles/dir.md")).unwrap();
    let told = |home: Home| -> Vec<String> {
        let problems = home.roles().unwrap().problems;
        problems
            .iter()
            .map(|problem| {
                let file = problem.place.as_ref().and_then(|place| place.file.clone());
                let name = file.unwrap().rsplit('/').next().unwrap().to_owned();
                assert!(problem.message.contains(&name), "{problem}");
                format!("{name} {}", problem.code.as_str())
            })
            .collect()
    };
    let mut expected = vec![
        "dir.md document.unreadable",
        "large.md document.too-large",
        "latin.md document.unreadable",
        "linked.md document.unreadable",
        "lost.md document.unreadable",
    ];
    assert_eq!(told(desk.home()), expected);
    expected.retain(|line| !line.starts_with("linked"));
    assert_eq!(told(desk.home().following(true)), expected);
}

#[test]
fn what_the_home_lacks_is_built_in() {
    let temp = tempfile::tempdir().unwrap();
    let home = Home::at(temp.path().join("none")).unwrap();
    let roles = home.roles().unwrap();
    assert_eq!(roles.library.classes().count(), 40);
    assert_eq!(home.profiles(&roles.library).unwrap().len(), 5);
    assert!(
        roles
            .contract("code")
            .starts_with("# Persona Contract (code)\n\n# Code\n")
    );
    // A directory that is there counts alone.
    fs::create_dir_all(temp.path().join("none/fleet/roles")).unwrap();
    assert_eq!(home.roles().unwrap().library.classes().count(), 0);
    assert_eq!(home.profiles(&roles.library).unwrap().len(), 5);
}
