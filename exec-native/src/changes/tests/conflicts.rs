//! Both sides changed: each way of settling it, for each way of changing.

use super::*;

/// What the agent and the user do to one path, and what comes of it by policy: the
/// project's text, and the text beside it.
struct Case {
    name: &'static str,
    path: &'static str,
    agent: fn(&Path),
    user: fn(&Path),
    theirs: Option<&'static str>,
    ours: Option<&'static str>,
    beside: Option<&'static str>,
}

const CASES: [Case; 5] = [
    Case {
        name: "modify/modify",
        path: "README.md",
        agent: |path| fs::write(path, "agent's").unwrap(),
        user: |path| fs::write(path, "user's!").unwrap(),
        theirs: Some("agent's"),
        ours: Some("user's!"),
        beside: Some("agent's"),
    },
    Case {
        name: "modify/delete",
        path: "README.md",
        agent: |path| fs::write(path, "agent's").unwrap(),
        user: |path| fs::remove_file(path).unwrap(),
        theirs: Some("agent's"),
        ours: None,
        beside: Some("agent's"),
    },
    Case {
        name: "delete/modify",
        path: "README.md",
        agent: |path| fs::remove_file(path).unwrap(),
        user: |path| fs::write(path, "user's").unwrap(),
        theirs: None,
        ours: Some("user's"),
        beside: None,
    },
    Case {
        name: "add/add",
        path: "new.txt",
        agent: |path| fs::write(path, "agent's").unwrap(),
        user: |path| fs::write(path, "user's").unwrap(),
        theirs: Some("agent's"),
        ours: Some("user's"),
        beside: Some("agent's"),
    },
    Case {
        name: "type/modify",
        path: "README.md",
        agent: |path| {
            fs::remove_file(path).unwrap();
            symlink("src/main.rs", path).unwrap();
        },
        user: |path| fs::write(path, "user's").unwrap(),
        theirs: Some("fn main() {}"),
        ours: Some("user's"),
        beside: Some("fn main() {}"),
    },
];

#[test]
fn conflicts_are_settled_as_asked_and_lose_nothing() {
    for case in &CASES {
        for policy in [Conflicts::Ours, Conflicts::Theirs, Conflicts::KeepBoth] {
            let desk = Desk::new();
            let handle = desk.copy();
            (case.agent)(&handle.cwd().join(case.path));
            (case.user)(&desk.project().join(case.path));
            let before = desk.snapshot();
            let set = desk.changes(handle.id());
            let what = format!("{} {policy:?}", case.name);
            assert!(set.entries[0].conflict && set.entries.len() == 1, "{what}");
            let options = ApplyChanges {
                conflicts: policy,
                ..ApplyChanges::default()
            };
            let done = desk.bring_with(handle.id(), &options).unwrap();
            let text = |path: PathBuf| fs::read_to_string(path).ok();
            let project = text(desk.project().join(case.path));
            let name = format!("{}.callsheet-{}", case.path, handle.id());
            let beside = text(desk.project().join(&name));
            let both = policy == Conflicts::KeepBoth;
            let expected = if policy == Conflicts::Theirs {
                case.theirs
            } else {
                case.ours
            };
            assert_eq!(project.as_deref(), expected, "{what}");
            assert_eq!(beside.as_deref(), case.beside.filter(|_| both), "{what}");
            assert_eq!(done.conflicts.len(), usize::from(both), "{what}");
            assert!(
                desk.changes(handle.id()).is_empty(),
                "{what}: it is dealt with"
            );
            assert!(handle.dispose().is_clean(), "{what}");
            if let Some(run) = done.run {
                assert!(revert(&desk.state(), &run).unwrap().is_clean(), "{what}");
            }
            assert_eq!(desk.snapshot(), before, "{what}");
        }
    }
}

#[test]
fn a_directory_in_the_place_of_an_edited_file_goes_beside_it() {
    for (policy, place) in [
        (Conflicts::KeepBoth, None),
        (Conflicts::Theirs, Some("README.md/x")),
    ] {
        let desk = Desk::new();
        let handle = desk.copy();
        fs::remove_file(handle.cwd().join("README.md")).unwrap();
        put(handle.cwd(), "README.md/x", "agent's");
        desk.put("README.md", "user's");
        let before = desk.snapshot();
        let options = ApplyChanges {
            conflicts: policy,
            ..ApplyChanges::default()
        };
        let done = handle.apply_changes(&options).unwrap();
        let beside = format!("README.md.callsheet-{}/x", handle.id());
        assert_eq!(desk.read(place.unwrap_or(&beside)), "agent's");
        if place.is_none() {
            assert_eq!(desk.read("README.md"), "user's");
        }
        assert!(handle.changes().unwrap().is_empty());
        assert!(handle.dispose().is_clean());
        assert!(
            revert(&desk.state(), &done.run.unwrap())
                .unwrap()
                .is_clean()
        );
        assert_eq!(desk.snapshot(), before);
    }
}

#[test]
fn a_directory_to_which_the_user_added_something_stays_as_a_whole() {
    let desk = Desk::new();
    let handle = desk.copy();
    fs::remove_dir_all(handle.cwd().join("src")).unwrap();
    put(handle.cwd(), "src", "a file");
    desk.put("src/new.rs", "user's");
    let before = desk.snapshot();
    let done = handle.apply_changes(&ApplyChanges::default()).unwrap();
    assert_eq!(done.conflicts.len(), 1, "{done:?}");
    assert!(
        done.applied.is_empty() && done.missed.is_empty(),
        "{done:?}"
    );
    let beside = format!("src.callsheet-{}", handle.id());
    assert_eq!(desk.read(&beside), "a file");
    fs::remove_file(desk.project().join(beside)).unwrap();
    assert_eq!(desk.snapshot(), before);
    assert!(handle.changes().unwrap().is_empty());
    assert!(handle.dispose().is_clean());
}

#[test]
fn a_handle_gives_its_changes_up() {
    let desk = Desk::new();
    let before = desk.snapshot();
    let handle = desk.copy();
    put(handle.cwd(), "new", "x");
    assert_eq!(handle.discard_changes().unwrap().changes, "1 added");
    assert_eq!(desk.snapshot(), before);
    assert_eq!(crate::apply::list_runs(&desk.state()).unwrap(), []);
}

#[test]
fn what_may_not_be_read_does_not_stop_the_rest() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "closed", "x");
    chmod(&handle.cwd().join("closed"), 0);
    put(handle.cwd(), "vault/x", "x");
    chmod(&handle.cwd().join("vault"), 0);
    put(handle.cwd(), "open", "x");
    if fs::read(handle.cwd().join("closed")).is_ok() {
        println!("skipped: root may read everything");
        return;
    }
    let expected = [
        "added file closed unreadable",
        "added file open",
        "added directory vault unreadable",
    ];
    assert_eq!(lines(&desk.changes(handle.id())), expected);
    assert_eq!(desk.bring(handle.id()).applied.len(), 1);
    assert_eq!(handle.dispose().kept().count(), 1);
    chmod(&handle.cwd().join("vault"), 0o700);
}

#[test]
fn nothing_is_written_through_a_link_that_took_a_directory_s_place() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "docs/a.md", "agent's");
    let outside = desk.root.join("outside");
    fs::rename(desk.project().join("docs"), &outside).unwrap();
    symlink(&outside, desk.project().join("docs")).unwrap();
    for policy in [Conflicts::Theirs, Conflicts::KeepBoth] {
        let options = ApplyChanges {
            conflicts: policy,
            ..ApplyChanges::default()
        };
        desk.bring_with(handle.id(), &options).unwrap();
        assert_eq!(fs::read_to_string(outside.join("a.md")).unwrap(), "a");
        let beside = format!("docs.callsheet-{}/a.md", handle.id());
        assert_eq!(desk.read(beside), "agent's");
    }
}

#[test]
fn reverting_keeps_what_was_changed_since() {
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "README.md", "agent's");
    put(handle.cwd(), "new.txt", "agent's");
    let done = desk.bring(handle.id());
    handle.dispose();
    let run = done.run.unwrap();
    desk.put("README.md", "edited since");
    desk.put("new.txt", "edited since");
    let report = revert(&desk.state(), &run).unwrap();
    assert_eq!(report.kept().count(), 1, "{report:?}");
    assert!(report.closed);
    assert_eq!(desk.read("README.md"), "read me");
    assert_eq!(
        desk.read(format!("README.md.callsheet-{run}")),
        "edited since"
    );
    assert_eq!(desk.read("new.txt"), "edited since");
    assert!(revert(&desk.state(), &run).is_err());
}

#[test]
fn a_live_run_on_the_same_file_is_not_worked_under() {
    use plan_core::effect::{Content, Document, WriteMode};
    let desk = Desk::new();
    let handle = desk.copy();
    put(handle.cwd(), "README.md", "agent's");
    put(handle.cwd(), "src/lib.rs", "agent's");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut list = ActionList::new();
    list.push(
        Phase::Sidecars,
        ActionKind::WriteFile {
            path: text(&desk.project().join("README.md")),
            below: text(&desk.project()),
            over: None,
            how: WriteMode::Extend,
            content: Content::Document(Document::text("persona")),
            private: false,
        },
    );
    let run = Run::begin(&desk.state(), &desk.project()).unwrap();
    let other = run.apply(&list, &ApplyOptions::default()).unwrap();
    let theirs = ApplyChanges {
        conflicts: Conflicts::Theirs,
        ..ApplyChanges::default()
    };
    let busy = desk.bring_with(handle.id(), &theirs).unwrap_err();
    assert_eq!(busy.exit_code(), 5, "{busy}");
    assert_eq!(desk.read("src/lib.rs"), "// lib");
    let elsewhere = ApplyChanges {
        paths: vec!["src".into()],
        ..ApplyChanges::default()
    };
    assert_eq!(
        desk.bring_with(handle.id(), &elsewhere)
            .unwrap()
            .applied
            .len(),
        1
    );
    assert!(other.dispose().is_clean());
    assert_eq!(desk.bring(handle.id()).applied.len(), 1);
}
