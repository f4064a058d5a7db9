//! Tests of the executor, on real files.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

mod crash;
mod files;
mod interrupted;
#[cfg(target_os = "linux")]
mod layers;
mod obscure;
mod race;
mod receipts;
mod runs;
mod share;
mod trees;
mod views;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use plan_core::effect::{ActionKind, ActionList, Content, Document, Phase, View, WriteMode};

use super::*;

/// A directory with a repository, a skill to copy and a state home.
pub(super) struct World {
    _temp: Option<tempfile::TempDir>,
    pub(super) root: PathBuf,
}

impl World {
    pub(super) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        // On some systems the temporary directory is reached through a link.
        let root = temp.path().canonicalize().unwrap();
        let world = Self {
            _temp: Some(temp),
            root,
        };
        let repo = world.repo();
        fs::create_dir_all(repo.join("sub/empty")).unwrap();
        fs::write(repo.join("AGENTS.md"), b"caf\xe9, as Latin-1 spells it").unwrap();
        fs::set_permissions(repo.join("AGENTS.md"), fs::Permissions::from_mode(0o640)).unwrap();
        set_old_mtime(&repo.join("AGENTS.md"));
        fs::write(repo.join("opencode.json"), "{}").unwrap();
        fs::write(repo.join("sub/deep.txt"), "deep").unwrap();
        fs::create_dir_all(repo.join("owned/inner")).unwrap();
        fs::write(repo.join("owned/inner/mine"), "mine").unwrap();
        set_old_mtime(&repo.join("owned/inner/mine"));
        fs::write(repo.join("lock.json"), "{}").unwrap();
        std::os::unix::fs::symlink("owned", repo.join("alias")).unwrap();
        fs::write(repo.join("twin"), "one content").unwrap();
        fs::hard_link(repo.join("twin"), repo.join("other-twin")).unwrap();
        std::os::unix::fs::symlink("AGENTS.md", repo.join("CLAUDE.md")).unwrap();
        std::os::unix::fs::symlink("nowhere", repo.join("dangling")).unwrap();
        fs::create_dir_all(world.root.join("skill/scripts")).unwrap();
        fs::write(world.root.join("skill/SKILL.md"), "a skill").unwrap();
        fs::write(world.root.join("skill/scripts/x.sh"), "true").unwrap();
        world
    }

    /// The world that another process made.
    pub(super) fn existing(root: &str) -> Self {
        Self {
            _temp: None,
            root: root.into(),
        }
    }

    pub(super) fn repo(&self) -> PathBuf {
        self.root.join("repo")
    }

    pub(super) fn state(&self) -> StateHome {
        StateHome::at(self.root.join("state"))
    }

    pub(super) fn path(&self, rest: &str) -> String {
        self.root.join(rest).to_str().unwrap().into()
    }

    pub(super) fn read(&self, rest: &str) -> Vec<u8> {
        fs::read(self.repo().join(rest)).unwrap()
    }

    /// What must be the same about a file that was put back: which file it is, its
    /// mode, its owner, its time, its size.
    pub(super) fn meta(&self, rest: &str) -> [i64; 7] {
        let meta = fs::symlink_metadata(self.repo().join(rest)).unwrap();
        [
            meta.ino().cast_signed(),
            meta.mode().into(),
            meta.uid().into(),
            meta.gid().into(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.size().cast_signed(),
        ]
    }

    pub(super) fn write(&self, name: &str, how: WriteMode, text: &str) -> ActionKind {
        ActionKind::WriteFile {
            path: self.path(&format!("repo/{name}")),
            below: self.path("repo"),
            over: None,
            how,
            content: Content::Document(Document::text(text.to_owned())),
            private: false,
        }
    }

    pub(super) fn command(&self, script: &str, creates: &[&str]) -> ActionKind {
        ActionKind::RunCommand {
            argv: ["sh", "-c", script].map(String::from).into(),
            cwd: self.path("repo"),
            creates: creates.iter().map(|path| String::from(*path)).collect(),
        }
    }

    pub(super) fn mount(&self, ignored: &[&str], readonly: &[&str]) -> ActionKind {
        let owned = |texts: &[&str]| texts.iter().map(|text| String::from(*text)).collect();
        ActionKind::Mount {
            from: self.path("repo"),
            to: self.path("mirror/repo"),
            view: View::Copy,
            ignored: owned(ignored),
            readonly: owned(readonly),
            include_git: false,
        }
    }

    /// A layer, and a file that is written into it.
    pub(super) fn layer(&self) -> [ActionKind; 2] {
        let layer = ActionKind::Mount {
            from: self.path("repo"),
            to: self.path("layers/repo"),
            view: View::Overlay,
            ignored: vec!["/sub/".into(), "twin".into()],
            readonly: vec!["AGENTS.md".into()],
            include_git: true,
        };
        let notes = ActionKind::WriteFile {
            path: self.path("layers/repo/upper/AGENTS.md"),
            below: self.path("layers/repo/upper"),
            over: Some(self.path("repo")),
            how: WriteMode::Extend,
            content: Content::Document(Document::text("More.\n")),
            private: false,
        };
        [layer, notes]
    }

    /// One action of every kind.
    pub(super) fn everything(&self) -> ActionList {
        let below = || self.path("repo");
        let mut list = ActionList::new();
        list.push(Phase::Mount, self.mount(&["sub/empty"], &["AGENTS.md"]));
        list.push(
            Phase::Stage,
            ActionKind::MakeDir {
                path: self.path("repo/new/dir"),
                mode: 0o750,
            },
        );
        list.push(
            Phase::Skills,
            ActionKind::CopyTree {
                from: self.path("skill"),
                to: self.path("repo/.skills/copied"),
                below: below(),
            },
        );
        let install = "mkdir -p .skills/made && echo x > .skills/made/SKILL.md";
        list.push(Phase::Skills, self.command(install, &[".skills/made"]));
        let over = "mkdir -p owned alias && echo x > owned/mine && echo y > lock.json";
        let created = ["owned", "lock.json", "alias"];
        list.push(Phase::Sidecars, self.command(over, &created));
        list.push(
            Phase::ConfigFiles,
            self.write("opencode.json", WriteMode::Overwrite, "{1}"),
        );
        list.push(
            Phase::ConfigFiles,
            self.write("AGENTS.md", WriteMode::Overwrite, "prompt"),
        );
        list.push(
            Phase::Sidecars,
            self.write("AGENTS.md", WriteMode::Extend, "more"),
        );
        list.push(
            Phase::Sidecars,
            self.write("CLAUDE.md", WriteMode::Extend, "through"),
        );
        list.push(
            Phase::Sidecars,
            self.write("a/b/new.md", WriteMode::CreateOnly, "new"),
        );
        list.push(
            Phase::Sidecars,
            ActionKind::Symlink {
                path: self.path("repo/dangling"),
                below: below(),
                target: "AGENTS.md".into(),
            },
        );
        for name in ["twin", "sub"] {
            let path = self.path(&format!("repo/{name}"));
            list.push(
                Phase::Sidecars,
                ActionKind::Remove {
                    path,
                    below: below(),
                },
            );
        }
        for kind in self
            .layer()
            .into_iter()
            .filter(|_| cfg!(target_os = "linux"))
        {
            list.push(Phase::Mount, kind);
        }
        list
    }

    pub(super) fn apply(&self, list: &ActionList) -> Result<RunHandle, ExecError> {
        self.apply_with(list, ApplyOptions::default())
    }

    pub(super) fn apply_with(
        &self,
        list: &ActionList,
        apply: ApplyOptions<'_>,
    ) -> Result<RunHandle, ExecError> {
        let options = ExecuteOptions {
            state: self.state(),
            cwd: self.repo(),
            apply,
        };
        execute(list, &options)
    }

    pub(super) fn one(&self, kind: ActionKind) -> RunHandle {
        self.apply(&list([kind])).unwrap()
    }

    /// Everything outside the state home: kinds, modes, times and bytes.
    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.root).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("state") {
                look(&path, &mut found);
            }
        }
        found
    }

    pub(super) fn run_dirs(&self) -> usize {
        let runs = fs::read_dir(self.root.join("state/runs"));
        let names = runs.unwrap().map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_str().unwrap().starts_with("r-"))
            .count()
    }
}

pub(super) fn list(kinds: impl IntoIterator<Item = ActionKind>) -> ActionList {
    let mut list = ActionList::new();
    for kind in kinds {
        list.push(Phase::Sidecars, kind);
    }
    list
}

pub(super) fn faulty(faults: Faults) -> ApplyOptions<'static> {
    ApplyOptions {
        faults,
        ..ApplyOptions::default()
    }
}

fn set_old_mtime(path: &Path) {
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::new(1_000_000, 123_456_789);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(old)
        .unwrap();
}

pub(super) fn look(path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let text = if meta.is_symlink() {
        format!("link {:?}", fs::read_link(path).unwrap())
    } else if meta.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look(&entry.unwrap().path(), found);
        }
        format!("dir {:o}", meta.mode())
    } else if !meta.is_file() {
        format!("special {:o}", meta.mode())
    } else {
        let bytes = fs::read(path).unwrap();
        let bytes = std::ffi::OsStr::from_bytes(&bytes).to_owned();
        format!(
            "file {:o} {}.{} {bytes:?}",
            meta.mode(),
            meta.mtime(),
            meta.mtime_nsec()
        )
    };
    found.insert(path.to_owned(), text);
}
