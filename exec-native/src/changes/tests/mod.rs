//! Tests of results, on real files.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

mod commits;
mod conflicts;
mod copies;
mod crash;
mod layers;
mod live;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use plan_core::effect::{
    ActionAnnounced, ActionDone, ActionKind, ActionList, JOURNAL_VERSION, Phase, Record,
    RemoveLayer, RunReady, RunStarted, Undo, View as Sight,
};

use super::*;
use crate::apply::inject::Faults;
use crate::apply::{ApplyOptions, Run, RunHandle};
use crate::error::{ExecError, ExecErrorKind};
use crate::journal::Writer;
use crate::os::clock;
use crate::state::{RunDir, RunId, StateHome};

/// A project and a state home.
pub(super) struct Desk {
    _temp: Option<tempfile::TempDir>,
    pub(super) root: PathBuf,
}

impl Desk {
    pub(super) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().canonicalize().unwrap();
        let desk = Self {
            _temp: Some(temp),
            root,
        };
        desk.put("README.md", "read me");
        desk.put("src/main.rs", "fn main() {}");
        desk.put("src/lib.rs", "// lib");
        desk.put("docs/a.md", "a");
        desk.put("docs/b.md", "b");
        fs::create_dir_all(desk.project().join("empty")).unwrap();
        symlink("README.md", desk.project().join("link")).unwrap();
        desk
    }

    pub(super) fn existing(root: &str) -> Self {
        Self {
            _temp: None,
            root: root.into(),
        }
    }

    pub(super) fn project(&self) -> PathBuf {
        self.root.join("project")
    }

    pub(super) fn state(&self) -> StateHome {
        StateHome::at(self.root.join("state"))
    }

    /// Writes a file of the project.
    pub(super) fn put(&self, path: &str, text: &str) {
        put(&self.project(), path, text);
    }

    pub(super) fn read(&self, path: impl AsRef<Path>) -> String {
        let bytes = fs::read(self.project().join(path)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Starts a run that works in a copy.
    pub(super) fn copy(&self) -> RunHandle {
        self.copy_hiding(&[], &[])
    }

    pub(super) fn copy_hiding(&self, ignored: &[&str], readonly: &[&str]) -> RunHandle {
        let owned = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        let run = Run::begin(&self.state(), &self.project()).unwrap();
        let mut list = ActionList::new();
        list.push(
            Phase::Mount,
            ActionKind::Mount {
                from: self.project().to_str().unwrap().into(),
                to: run.mount_dir().to_str().unwrap().into(),
                view: Sight::Copy,
                ignored: owned(ignored),
                readonly: owned(readonly),
                include_git: true,
            },
        );
        run.apply(&list, &ApplyOptions::default()).unwrap()
    }

    /// A live run with a layer; what is in the layer is up to the test.
    pub(super) fn layer(&self) -> Layer {
        let state = self.state();
        let run = {
            let _gate = state.gate().unwrap();
            state.create_run().unwrap()
        };
        let layer = run.dir.path().join("layer");
        for name in ["upper", "work", "hidden"] {
            fs::create_dir_all(layer.join(name)).unwrap();
        }
        let cwd = self.project().to_str().unwrap().to_owned();
        let mut journal = Writer::create(&run.dir, Faults::default()).unwrap();
        let records = [
            Record::RunStarted(RunStarted {
                version: JOURNAL_VERSION,
                run: run.id.to_string(),
                cwd: cwd.clone(),
                label: None,
                edition: None,
                plan_digest: None,
                actions: 1,
                paths: Vec::new(),
                keeps_skills: false,
                view: Some(Sight::Overlay),
                started_ms: clock::now_ms(),
            }),
            Record::ActionAnnounced(ActionAnnounced {
                id: 0,
                phase: Phase::Mount,
                kind: "mount".into(),
                line: "layer".into(),
                undo: Undo::RemoveLayer(RemoveLayer {
                    path: layer.to_str().unwrap().into(),
                    from: cwd,
                    dirs: Vec::new(),
                }),
            }),
            Record::ActionDone(ActionDone { id: 0, wrote: None }),
            Record::RunReady(RunReady {}),
        ];
        for record in &records {
            journal.append(record).unwrap();
        }
        // The clock of files is coarse; what comes later is later.
        clock::rest(std::time::Duration::from_millis(12));
        Layer { run }
    }

    pub(super) fn changes(&self, id: &RunId) -> ChangeSet {
        changes(&self.state(), id).unwrap()
    }

    pub(super) fn bring(&self, id: &RunId) -> BroughtBack {
        self.bring_with(id, &ApplyChanges::default()).unwrap()
    }

    pub(super) fn bring_with(
        &self,
        id: &RunId,
        options: &ApplyChanges,
    ) -> Result<BroughtBack, ExecError> {
        apply_changes(&self.state(), id, options)
    }

    /// Every entry of the project: kind, mode, time and bytes.
    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        look(&self.project(), &mut found);
        found
    }
}

pub(super) struct Layer {
    pub(super) run: RunDir,
}

impl Layer {
    pub(super) fn id(&self) -> &RunId {
        &self.run.id
    }

    pub(super) fn upper(&self) -> PathBuf {
        self.run.dir.path().join("layer/upper")
    }
}

pub(super) fn put(root: &Path, path: impl AsRef<Path>, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(super) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o777
}

/// The changes as short lines.
pub(super) fn lines(set: &ChangeSet) -> Vec<String> {
    let entries = set.entries.iter().map(|entry| {
        let mut line = format!(
            "{} {} {}",
            entry.kind.as_str(),
            entry.what,
            entry.path.to_string_lossy()
        );
        if entry.conflict {
            line += " conflict";
        }
        if let Some(why) = entry.blocked {
            line.push(' ');
            line += why.as_str();
        }
        line
    });
    entries.collect()
}

fn look(path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let text = if meta.is_symlink() {
        format!("link {}", fs::read_link(path).unwrap().display())
    } else if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), found);
        }
        format!("dir {:o}", meta.mode())
    } else {
        let text = fs::read(path).unwrap();
        let time = (meta.mtime(), meta.mtime_nsec());
        let text = String::from_utf8_lossy(&text).into_owned();
        format!("file {:o} {} {} {text}", meta.mode(), time.0, time.1)
    };
    found.insert(path.to_owned(), text);
}

pub(super) fn raw(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}
