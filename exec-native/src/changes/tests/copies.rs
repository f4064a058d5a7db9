//! Copies: what counts as a change, bringing it back, guards, and what stays.

use plan_core::effect::OutcomeKind;

use super::*;

/// Does one of everything in a view, and returns what that is.
pub(super) fn work(view: &Path) -> Vec<&'static str> {
    put(view, "README.md", "read me twice");
    fs::remove_file(view.join("docs/a.md")).unwrap();
    put(view, "deep/er/new.txt", "new");
    fs::create_dir(view.join("hollow")).unwrap();
    fs::remove_dir(view.join("empty")).unwrap();
    chmod(&view.join("src/main.rs"), 0o755);
    fs::remove_file(view.join("link")).unwrap();
    symlink("src/lib.rs", view.join("link")).unwrap();
    fs::remove_file(view.join("src/lib.rs")).unwrap();
    put(view, "src/lib.rs/mod.rs", "// a directory now");
    fs::remove_dir_all(view.join("docs")).unwrap();
    fs::write(view.join("docs"), "a file now").unwrap();
    fs::write(view.join(raw(b"raw \xff\n%")), "bytes").unwrap();
    vec![
        "modified file README.md",
        "added file deep/er/new.txt",
        "type file docs",
        "deleted file docs/a.md",
        "deleted file docs/b.md",
        "deleted directory empty",
        "added directory hollow",
        "modified symlink link",
        "added file raw \u{fffd}\n%",
        "type directory src/lib.rs",
        "added file src/lib.rs/mod.rs",
        "mode file src/main.rs",
    ]
}

#[test]
fn everything_that_was_done_comes_back_and_can_be_reverted() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let handle = desk.copy();
    assert!(desk.changes(handle.id()).is_empty());
    let expected = work(handle.cwd());
    assert_eq!(lines(&desk.changes(handle.id())), expected);
    assert_eq!(
        desk.snapshot(),
        before,
        "nothing reaches the project by itself"
    );
    let done = desk.bring(handle.id());
    assert_eq!(done.applied.len(), expected.len(), "{done:?}");
    assert!(done.missed.is_empty() && done.left.is_empty(), "{done:?}");
    let project = desk.project();
    assert_eq!(desk.read("README.md"), "read me twice");
    assert_eq!(desk.read("docs"), "a file now");
    assert_eq!(desk.read("src/lib.rs/mod.rs"), "// a directory now");
    assert_eq!(desk.read(raw(b"raw \xff\n%")), "bytes");
    assert_eq!(mode(&project.join("src/main.rs")), 0o755);
    assert_eq!(
        fs::read_link(project.join("link")).unwrap(),
        Path::new("src/lib.rs")
    );
    assert!(project.join("hollow").is_dir() && !project.join("empty").exists());
    let times = |root: &Path| {
        fs::metadata(root.join("README.md"))
            .unwrap()
            .modified()
            .unwrap()
    };
    assert_eq!(times(&project), times(handle.cwd()));
    // Twice is once.
    assert!(desk.changes(handle.id()).is_empty());
    assert_eq!(desk.bring(handle.id()), BroughtBack::default());
    assert!(handle.dispose().is_clean());
    let report = revert(&desk.state(), &done.run.unwrap()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(desk.snapshot(), before);
    // The view is gone: what it had is kept with the run that was reverted.
    let left = crate::apply::list_runs(&desk.state()).unwrap();
    assert_eq!(left.len(), 1);
    let kept = report.leftover.unwrap().join("reverted");
    assert!(
        fs::read_dir(&kept).unwrap().count() > 0,
        "{}",
        kept.display()
    );
}

#[test]
fn a_second_look_tells_from_what_was_brought_back() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "README.md", "one");
    desk.bring(handle.id());
    put(handle.cwd(), "README.md", "three");
    assert_eq!(
        lines(&desk.changes(handle.id())),
        ["modified file README.md"]
    );
    // The user goes on from what came back, and the agent does nothing more.
    let other = desk.copy();
    put(other.cwd(), "src/new.rs", "1");
    desk.bring(other.id());
    desk.put("src/new.rs", "by hand");
    assert!(desk.changes(other.id()).is_empty());
    put(other.cwd(), "src/new.rs", "by the agent");
    assert_eq!(
        lines(&desk.changes(other.id())),
        ["added file src/new.rs conflict"]
    );
}

#[test]
fn touching_and_doing_the_same_are_no_changes() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "README.md", "read me");
    put(handle.cwd(), "same.txt", "same");
    desk.put("same.txt", "same");
    fs::remove_file(handle.cwd().join("docs/a.md")).unwrap();
    fs::remove_file(desk.project().join("docs/a.md")).unwrap();
    assert_eq!(lines(&desk.changes(handle.id())), [""; 0]);
    assert!(handle.dispose().is_clean());
}

#[test]
fn unsaved_changes_outlive_the_run_until_they_are_brought_back_or_given_up() {
    let desk = Desk::new();
    for give_up in [false, true] {
        let handle = desk.copy();
        put(handle.cwd(), "new/file", "work");
        let report = handle.dispose();
        let (_, outcome) = report.kept().next().unwrap();
        assert_eq!(outcome.kind, OutcomeKind::Kept);
        assert_eq!(outcome.path.as_deref(), handle.cwd().to_str());
        let (id, why) = (handle.id(), outcome.why.as_deref().unwrap());
        assert!(why.starts_with("1 added in it; "), "{why}");
        for command in ["changes", "apply", "discard"] {
            assert!(
                why.contains(&format!("`callsheet {command} {id}`")),
                "{why}"
            );
        }
        assert_eq!(lines(&desk.changes(id)), ["added file new/file"]);
        if give_up {
            let cwd = desk.project();
            let refused = discard_changes(&desk.state(), id, (&cwd, false)).unwrap_err();
            assert_eq!(refused.exit_code(), 64);
            assert!(refused.to_string().contains("1 added"), "{refused}");
            let gone = discard_changes(&desk.state(), id, (&cwd, true)).unwrap();
            assert_eq!(gone.changes, "1 added");
        } else {
            let done = desk.bring(id);
            assert!(done.view_removed, "{done:?}");
            assert_eq!(desk.read("new/file"), "work");
            fs::remove_dir_all(desk.project().join("new")).unwrap();
        }
        assert!(!handle.cwd().exists());
        let error = changes(&desk.state(), id).unwrap_err();
        assert_eq!(error.kind(), ExecErrorKind::Usage);
    }
}

#[test]
fn a_part_can_be_brought_back_alone() {
    let desk = Desk::new();
    let handle = desk.copy();
    work(handle.cwd());
    handle.dispose();
    let some = ApplyChanges {
        paths: vec!["deep".into(), "README.md".into()],
        ..ApplyChanges::default()
    };
    let done = desk.bring_with(handle.id(), &some).unwrap();
    assert_eq!(done.applied.len(), 2);
    assert!(!done.view_removed);
    assert_eq!(desk.changes(handle.id()).entries.len(), 10);
    let dry = ApplyChanges {
        dry_run: true,
        ..ApplyChanges::default()
    };
    let before = desk.snapshot();
    assert_eq!(
        desk.bring_with(handle.id(), &dry).unwrap().applied.len(),
        10
    );
    assert_eq!(desk.snapshot(), before);
    assert!(desk.bring(handle.id()).view_removed);
}

#[test]
fn hidden_and_protected_paths_stay_in_the_view() {
    let desk = Desk::new();
    desk.put("secrets/key", "k");
    let handle = desk.copy_hiding(&["secrets/", "*.log"], &["docs"]);
    put(handle.cwd(), "secrets/mine", "x");
    put(handle.cwd(), "run.log", "x");
    fs::remove_file(handle.cwd().join("docs/a.md")).unwrap();
    put(handle.cwd(), "docs/new.md", "x");
    put(handle.cwd(), "fine", "x");
    let expected = [
        "deleted file docs/a.md read-only",
        "added file docs/new.md read-only",
        "added file fine",
        "added file run.log hidden",
        "added directory secrets hidden",
    ];
    assert_eq!(lines(&desk.changes(handle.id())), expected);
    handle.dispose();
    let done = desk.bring(handle.id());
    assert_eq!((done.applied.len(), done.left.len()), (1, 4));
    assert!(!done.view_removed, "what stays is not lost");
    assert_eq!(desk.read("secrets/key"), "k");
    assert_eq!(desk.read("docs/a.md"), "a");
    assert!(!desk.project().join("secrets/mine").exists());
}

#[test]
fn a_repository_inside_is_told_of_and_never_brought_back() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "vendor/x/.git/hooks/post-checkout", "evil");
    put(handle.cwd(), "vendor/x/code.c", "c");
    put(handle.cwd(), ".git/hooks/pre-commit", "evil");
    let expected = [
        "added directory .git git",
        "added directory vendor/x/.git git",
        "added file vendor/x/code.c",
    ];
    assert_eq!(lines(&desk.changes(handle.id())), expected);
    desk.bring(handle.id());
    assert!(desk.project().join("vendor/x/code.c").exists());
    assert!(!desk.project().join("vendor/x/.git").exists());
    assert!(!desk.project().join(".git").exists());
}

fn many(desk: &Desk, count: usize) {
    for number in 0..count {
        desk.put(&format!("many/{number}"), "x");
    }
}

#[test]
fn a_cleaner_in_the_view_does_not_empty_the_project() {
    let desk = Desk::new();
    many(&desk, 290);
    let before = desk.snapshot();
    let handle = desk.copy();
    for number in 0..70 {
        fs::remove_file(handle.cwd().join(format!("many/{number}"))).unwrap();
    }
    let refused = desk
        .bring_with(handle.id(), &ApplyChanges::default())
        .unwrap_err();
    assert_eq!(refused.exit_code(), 77);
    assert!(refused.to_string().contains("70 of 296 files"), "{refused}");
    assert_eq!(desk.snapshot(), before);
    // A fifth is work.
    for number in 0..11 {
        put(handle.cwd(), format!("many/{number}"), "x");
    }
    assert_eq!(desk.bring(handle.id()).applied.len(), 59);
    fs::remove_dir_all(handle.cwd().join("many")).unwrap();
    let refused = desk
        .bring_with(handle.id(), &ApplyChanges::default())
        .unwrap_err();
    assert_eq!(refused.kind(), ExecErrorKind::Refused);
    let sure = ApplyChanges {
        confirm_deletions: true,
        ..ApplyChanges::default()
    };
    desk.bring_with(handle.id(), &sure).unwrap();
    assert!(!desk.project().join("many").exists());
}

#[test]
fn a_view_that_is_gone_or_exchanged_deletes_nothing() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let handle = desk.copy();
    put(handle.cwd(), "new", "x");
    let aside = handle.cwd().with_file_name("aside");
    fs::rename(handle.cwd(), &aside).unwrap();
    let gone = changes(&desk.state(), handle.id()).unwrap_err();
    assert_eq!(gone.kind(), ExecErrorKind::Refused, "{gone}");
    fs::create_dir(handle.cwd()).unwrap();
    let other = desk
        .bring_with(handle.id(), &ApplyChanges::default())
        .unwrap_err();
    assert!(other.to_string().contains("another directory"), "{other}");
    assert_eq!(desk.snapshot(), before);
    fs::remove_dir(handle.cwd()).unwrap();
    fs::rename(&aside, handle.cwd()).unwrap();
    assert_eq!(desk.bring(handle.id()).applied.len(), 1);
}

#[test]
fn what_the_run_wrote_is_no_change_until_the_agent_edits_it() {
    use plan_core::effect::{Content, Document, WriteMode};
    let desk = Desk::new();
    desk.put("AGENTS.md", "mine");
    for editor in ["nobody", "front", "whole"] {
        let run = Run::begin(&desk.state(), &desk.project()).unwrap();
        let mount = run.mount_dir().to_str().unwrap().to_owned();
        let mut list = ActionList::new();
        list.push(
            Phase::Mount,
            ActionKind::Mount {
                from: desk.project().to_str().unwrap().into(),
                to: mount.clone(),
                view: Sight::Copy,
                ignored: Vec::new(),
                readonly: Vec::new(),
                include_git: true,
            },
        );
        for (name, how) in [
            ("AGENTS.md", WriteMode::Extend),
            (".opencode/opencode.json", WriteMode::Overwrite),
        ] {
            list.push(
                Phase::Sidecars,
                ActionKind::WriteFile {
                    path: format!("{mount}/{name}"),
                    below: mount.clone(),
                    over: None,
                    how,
                    content: Content::Document(Document::text("persona")),
                    private: false,
                },
            );
        }
        let handle = run.apply(&list, &ApplyOptions::default()).unwrap();
        let (file, config) = (
            handle.cwd().join("AGENTS.md"),
            handle.cwd().join(".opencode/opencode.json"),
        );
        assert_eq!(lines(&desk.changes(handle.id())), [""; 0]);
        match editor {
            "front" => {
                let text = fs::read_to_string(&file).unwrap();
                fs::write(&file, text.replacen("mine", "mine, and more", 1)).unwrap();
                assert_eq!(
                    lines(&desk.changes(handle.id())),
                    ["modified file AGENTS.md"]
                );
                let done = desk.bring(handle.id());
                assert_eq!(done.applied.len(), 1, "{done:?}");
                assert_eq!(desk.read("AGENTS.md"), "mine, and more");
                assert_eq!(lines(&desk.changes(handle.id())), [""; 0]);
                desk.put("AGENTS.md", "mine");
                handle.dispose();
            }
            "whole" => {
                fs::write(&file, "all new").unwrap();
                fs::write(&config, "all new").unwrap();
                let expected = [
                    "added file .opencode/opencode.json generated",
                    "modified file AGENTS.md generated",
                ];
                assert_eq!(lines(&desk.changes(handle.id())), expected);
                handle.dispose();
                let name = format!("AGENTS.md.callsheet-{}", handle.id());
                let expected = [
                    "added file .opencode/opencode.json generated".to_owned(),
                    format!("added file {name} generated"),
                ];
                assert_eq!(lines(&desk.changes(handle.id())), expected);
                let before = desk.snapshot();
                assert_eq!(desk.bring(handle.id()).left.len(), 2);
                assert_eq!(desk.snapshot(), before);
                let all = ApplyChanges {
                    generated: true,
                    ..ApplyChanges::default()
                };
                desk.bring_with(handle.id(), &all).unwrap();
                assert_eq!(desk.read(name), "all new");
                assert_eq!(desk.read("AGENTS.md"), "mine");
            }
            _ => assert!(handle.dispose().is_clean()),
        }
    }
}

#[test]
fn files_of_a_fresh_nested_directory_all_come_back() {
    let desk = Desk::new();
    for round in 0..8 {
        let handle = desk.copy();
        for number in 0..30 {
            put(handle.cwd(), format!("r{round}/a/b/c/{number}"), "x");
        }
        handle.dispose();
        assert!(desk.bring(handle.id()).view_removed);
        let dir = desk.project().join(format!("r{round}/a/b/c"));
        assert_eq!(fs::read_dir(dir).unwrap().count(), 30);
    }
}
