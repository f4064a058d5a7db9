//! Tests with the real git.
#![expect(clippy::disallowed_methods, reason = "tests look at real files")]

use std::fs;
use std::process::Command;

use super::*;

/// A directory with a repository, `project`, and one for a view, `view`.
struct World {
    temp: tempfile::TempDir,
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
}

impl World {
    fn new() -> Self {
        let world = Self {
            temp: tempfile::tempdir().expect("a directory"),
        };
        let project = world.path("project");
        fs::create_dir_all(&project).expect("a directory");
        git(&project, &["init", "-q", "-b", "main"]);
        for name in ["AGENTS.md", "src/a b[1].rs", "secrets/key", "src/main.rs"] {
            write(&project.join(name), name);
        }
        git(&project, &["add", "-A"]);
        git(&project, &["commit", "-qm", "all"]);
        fs::create_dir(world.path("view")).expect("a directory");
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        let root = self.temp.path().canonicalize().expect("a path");
        root.join(path)
    }

    /// Everything of the project's own git data.
    fn own(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let (mut found, mut dirs) = (Vec::new(), vec![self.path("project/.git")]);
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    found.push((path.clone(), fs::read(path).expect("a file")));
                }
            }
        }
        found.sort();
        found
    }
}

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

/// Puts a view's files together as a layer does: the project's with what was written.
fn merge(world: &World, over: &Path) -> PathBuf {
    let merged = world.path("merged");
    for from in [world.path("project"), over.to_owned()] {
        let status = Command::new("cp")
            .args(["-a", "-T"])
            .args([&from, &merged])
            .status()
            .expect("cp");
        assert!(status.success());
    }
    merged
}

#[test]
fn a_layer_gets_an_index_of_its_own_only_when_a_tracked_file_is_concerned() {
    let world = World::new();
    let (project, upper) = (world.path("project"), world.path("view"));
    let before = world.own();
    let view = GitPlace {
        root: &upper,
        is_layer: true,
    };
    let report = prepare(&project, view, &[], &[]).expect("a report");
    assert!(report.written.is_empty() && !upper.join(".git").exists());
    let generated = paths(&["new.md", "src/b*.md"]);
    let report = prepare(&project, view, &generated, &[]).expect("a report");
    assert_eq!(report.written, paths(&[".git/info"]));
    assert!(!upper.join(".git/index").exists());
    let generated = paths(&["AGENTS.md", "new.md", "src/b*.md"]);
    prepare(&project, view, &generated, &paths(&["secrets"])).expect("a report");
    assert_eq!(world.own(), before, "the project's own data was written");
    for (name, text) in [
        ("AGENTS.md", "rules"),
        ("new.md", "new"),
        ("src/b*.md", "star"),
    ] {
        write(&upper.join(name), text);
    }
    let merged = merge(&world, &upper);
    fs::remove_dir_all(merged.join("secrets")).expect("removal");
    assert_eq!(git(&merged, &["status", "--porcelain"]), "");
    write(&merged.join("src/bar.md"), "work");
    write(&merged.join("src/main.rs"), "work");
    write(&merged.join("src/new.md"), "work");
    git(&merged, &["add", "-A"]);
    assert_eq!(
        git(&merged, &["diff", "--cached", "--name-status"]),
        "A\tsrc/bar.md\nM\tsrc/main.rs\nA\tsrc/new.md\n"
    );
}

#[test]
fn a_linked_worktree_is_left_alone_by_what_happens_in_its_view() {
    let world = World::new();
    let project = world.path("project");
    git(&project, &["tag", "v1"]);
    git(&project, &["config", "extensions.worktreeConfig", "true"]);
    git(
        &project,
        &["worktree", "add", "-q", "../linked", "-b", "topic"],
    );
    let linked = world.path("linked");
    git(&linked, &["config", "--worktree", "user.nickname", "here"]);
    write(&linked.join("staged"), "staged");
    git(&linked, &["add", "staged"]);
    write(&linked.join("src/main.rs"), "edited");
    let status = git(&linked, &["status", "--porcelain=2", "--branch"]);
    let before = world.own();
    let copy = world.path("view");
    for name in [
        "AGENTS.md",
        "src/a b[1].rs",
        "secrets/key",
        "src/main.rs",
        "staged",
    ] {
        write(
            &copy.join(name),
            &fs::read_to_string(linked.join(name)).expect("a file"),
        );
    }
    let view = GitPlace {
        root: &copy,
        is_layer: false,
    };
    let report = prepare(&linked, view, &[], &[]).expect("a report");
    assert_eq!(report.written, paths(&[".git"]));
    assert_eq!(world.own(), before, "the repository was written");
    assert!(copy.join(".git").is_dir());
    assert_eq!(git(&copy, &["status", "--porcelain=2", "--branch"]), status);
    assert_eq!(git(&copy, &["config", "user.nickname"]), "here\n");
    assert_eq!(
        git(&copy, &["rev-parse", "v1", "main"]),
        git(&linked, &["rev-parse", "v1", "main"])
    );
    git(&copy, &["commit", "-qam", "in the view"]);
    git(&copy, &["branch", "-D", "main"]);
    git(&copy, &["fsck", "--connectivity-only"]);
    assert_eq!(world.own(), before, "a commit reached the repository");
    assert_eq!(
        git(&linked, &["status", "--porcelain=2", "--branch"]),
        status
    );
}

#[test]
fn data_in_a_separate_directory_is_copied_without_the_way_back() {
    let world = World::new();
    let project = world.path("project");
    git(&project, &["init", "-q", "--separate-git-dir", "../data"]);
    git(
        &project,
        &["config", "core.worktree", project.to_str().expect("text")],
    );
    let copy = world.path("view");
    write(&copy.join("AGENTS.md"), "AGENTS.md");
    let view = GitPlace {
        root: &copy,
        is_layer: false,
    };
    prepare(&project, view, &[], &[]).expect("a report");
    assert_eq!(
        git(&copy, &["rev-parse", "--show-toplevel"]).trim(),
        copy.to_str().expect("text")
    );
    assert_eq!(
        git(&copy, &["status", "--porcelain"]),
        " D secrets/key\n D \"src/a b[1].rs\"\n D src/main.rs\n"
    );
}

#[test]
fn pointers_below_a_project_stay_only_if_they_stay_inside() {
    let world = World::new();
    let project = world.path("project");
    for (text, stays) in [
        ("gitdir: ../.git/modules/sub\n", true),
        ("gitdir: ../../other/.git\n", false),
        ("gitdir: /elsewhere/.git/worktrees/x\n", false),
        ("no pointer", false),
    ] {
        write(&project.join("sub/.git"), text);
        assert_eq!(
            stays_inside(&project, Path::new("sub/.git")),
            stays,
            "{text}"
        );
    }
}

#[test]
fn tracked_files_and_their_directories_are_known() {
    let world = World::new();
    let tracked = Tracked::read(&world.path("project")).expect("a list");
    for (path, held) in [
        ("src", true),
        ("src/main.rs", true),
        ("src/main", false),
        ("sr", false),
        ("secrets", true),
        ("secrets/key/x", false),
        ("zzz", false),
    ] {
        assert_eq!(tracked.holds(Path::new(path)), held, "{path}");
    }
    let nowhere = tempfile::tempdir().expect("a directory");
    let none = Tracked::read(nowhere.path()).expect("a list");
    assert!(!none.holds(Path::new("src")));
}

#[test]
fn a_project_inside_a_repository_is_told_of() {
    let world = World::new();
    let view = world.path("view");
    let view = GitPlace {
        root: &view,
        is_layer: true,
    };
    let report = prepare(&world.path("project/src"), view, &paths(&["x"]), &[]).expect("a report");
    assert_eq!(report.notes.len(), 1);
    assert!(report.written.is_empty());
}
