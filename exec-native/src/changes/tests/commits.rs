//! Commits made in a view.

use std::process::Command;

use super::*;

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A project that is a repository with one commit.
fn repository() -> Desk {
    let desk = Desk::new();
    git(&desk.project(), &["init", "-q"]);
    git(&desk.project(), &["add", "-A"]);
    git(&desk.project(), &["commit", "-qm", "first"]);
    desk
}

fn state_of(desk: &Desk) -> [String; 4] {
    let project = desk.project();
    [
        git(&project, &["rev-parse", "HEAD"]),
        git(&project, &["symbolic-ref", "HEAD"]),
        git(&project, &["for-each-ref", "refs/heads", "refs/tags"]),
        git(&project, &["stash", "list"]),
    ]
}

#[test]
fn commits_come_back_beside_the_user_s_branches() {
    let desk = repository();
    let before = state_of(&desk);
    let handle = desk.copy();
    let view = handle.cwd().to_owned();
    git(&view, &["status"]);
    assert!(desk.changes(handle.id()).is_empty());
    put(&view, "README.md", "committed");
    git(&view, &["commit", "-qam", "second"]);
    git(&view, &["checkout", "-qb", "feature/x"]);
    git(&view, &["commit", "-q", "--allow-empty", "-m", "third"]);
    let tip = git(&view, &["rev-parse", "HEAD"]);
    // A repository that an agent has worked in may say anything.
    git(&view, &["config", "core.fsmonitor", "touch fired; false"]);
    git(&view, &["config", "core.sshCommand", "touch fired"]);
    let set = desk.changes(handle.id());
    let names: Vec<&str> = set.commits.iter().map(|commit| &*commit.name).collect();
    assert_eq!(names, ["heads/feature/x", "heads/main"]);
    assert_eq!(lines(&set), ["modified file README.md"]);
    handle.dispose();
    let done = desk.bring(handle.id());
    assert!(done.view_removed, "{done:?}");
    let project = desk.project();
    let name = format!("refs/callsheet/{}/heads/feature/x", handle.id());
    assert_eq!(git(&project, &["rev-parse", &name]), tip);
    git(&project, &["fsck", "--strict"]);
    assert_eq!(state_of(&desk), before);
    assert!(!project.join(".git/FETCH_HEAD").exists());
    assert!(!project.join("fired").exists());
    assert_eq!(git(&project, &["status", "--porcelain"]), "M README.md");
    // The run is gone; its names go by its id.
    let gone = discard_changes(&desk.state(), handle.id(), (&project, true)).unwrap();
    assert_eq!(gone.references.len(), 2);
    assert_eq!(git(&project, &["for-each-ref", "refs/callsheet"]), "");
}

#[test]
fn commits_without_changed_files_keep_the_view_too() {
    let desk = repository();
    let handle = desk.copy();
    git(handle.cwd(), &["checkout", "-q", "--detach"]);
    git(
        handle.cwd(),
        &["commit", "-q", "--allow-empty", "-m", "loose"],
    );
    let report = handle.dispose();
    let (_, outcome) = report.kept().next().unwrap();
    let why = outcome.why.as_deref().unwrap();
    assert!(why.starts_with("commits on 1 branch"), "{why}");
    let done = desk.bring(handle.id());
    assert_eq!(done.commits[0].name, "HEAD");
    assert!(done.view_removed);
    let name = format!("refs/callsheet/{}/HEAD", handle.id());
    git(&desk.project(), &["cat-file", "-e", &name]);
}

#[test]
fn a_layer_s_commits_are_put_together_from_both() {
    let desk = repository();
    let layer = desk.layer();
    // What a commit leaves in an upper directory: new objects, refs, the index.
    let whole = desk.root.join("whole");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    git(
        &desk.root,
        &["clone", "-q", &text(&desk.project()), &text(&whole)],
    );
    put(&whole, "README.md", "agent's");
    git(&whole, &["commit", "-qam", "second"]);
    let tip = git(&whole, &["rev-parse", "HEAD"]);
    let objects = |dir: &Path| {
        let list = git(dir, &["rev-list", "--objects", "--all"]);
        let ids = list.lines().filter_map(|line| line.split(' ').next());
        ids.map(String::from).collect::<Vec<_>>()
    };
    let old = objects(&desk.project());
    for id in objects(&whole) {
        if !old.contains(&id) {
            let (first, rest) = id.split_at(2);
            let name = format!(".git/objects/{first}/{rest}");
            let bytes = fs::read(whole.join(&name)).unwrap();
            let path = layer.upper().join(&name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    put(&layer.upper(), ".git/refs/heads/main", &format!("{tip}\n"));
    put(&layer.upper(), "README.md", "agent's");
    assert_eq!(desk.changes(layer.id()).commits.len(), 1);
    desk.bring(layer.id());
    let name = format!("refs/callsheet/{}/heads/main", layer.id());
    assert_eq!(git(&desk.project(), &["rev-parse", &name]), tip);
    git(&desk.project(), &["fsck", "--strict"]);
    assert!(desk.changes(layer.id()).is_empty());
}

#[test]
fn what_the_user_committed_meanwhile_is_not_the_agent_s() {
    let desk = repository();
    let handle = desk.copy();
    git(
        &desk.project(),
        &["commit", "-q", "--allow-empty", "-m", "mine"],
    );
    assert!(desk.changes(handle.id()).is_empty());
    assert!(handle.dispose().is_clean());
}
