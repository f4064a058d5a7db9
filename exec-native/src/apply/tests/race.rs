//! Somebody saves in the very moment in which a name is changed: nothing of it is lost.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use plan_core::effect::{ActionKind, WriteMode};

use super::super::inject::{Gap, Meddler};
use super::super::ops::{self, Deed, Op};
use super::super::stamp::Stamp;
use super::super::*;
use super::{World, list};
use crate::os::dir::{Dir, file_meta};

const CHILD: &str = "CALLSHEET_TEST_SAVER";

/// Replaces a file, as editors do.
fn save(path: &Path, text: &str) {
    let new = path.with_file_name("being-saved");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// Writes to a file in place, as other editors do.
fn save_in_place(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

type Save = fn(&Path, &str);

/// What can be done to a path of the project.
struct Case {
    name: &'static str,
    act: ActionKind,
    /// How it can be saved meanwhile.
    saves: &'static [Save],
}

fn link(world: &World, name: &str) -> ActionKind {
    ActionKind::Symlink {
        path: world.path(&format!("repo/{name}")),
        below: world.path("repo"),
        target: "sub".into(),
    }
}

fn remove(world: &World, name: &str) -> ActionKind {
    ActionKind::Remove {
        path: world.path(&format!("repo/{name}")),
        below: world.path("repo"),
    }
}

fn cases(world: &World) -> Vec<Case> {
    let case = |name, act, saves| Case { name, act, saves };
    let write = |name, how| world.write(name, how, "ours");
    let (both, one): (&[Save], &[Save]) = (&[save, save_in_place], &[save]);
    vec![
        case("lock.json", write("lock.json", WriteMode::Overwrite), both),
        case("AGENTS.md", write("AGENTS.md", WriteMode::Extend), both),
        case("fresh.md", write("fresh.md", WriteMode::CreateOnly), both),
        case("new/x.md", write("new/x.md", WriteMode::Extend), both),
        case("CLAUDE.md", write("CLAUDE.md", WriteMode::Extend), one),
        case("lock.json", link(world, "lock.json"), both),
        case("dangling", link(world, "dangling"), one),
        case("other-link", link(world, "other-link"), both),
        case("lock.json", remove(world, "lock.json"), both),
        case("dangling", remove(world, "dangling"), one),
    ]
}

/// The names in the project by which something of ours could have been left.
fn leftovers(world: &World) -> Vec<OsString> {
    let mut found = BTreeMap::new();
    super::look(&world.repo(), &mut found);
    let names = found.keys().filter_map(|path| path.file_name());
    let ours = names.filter(|name| name.to_str().unwrap().contains("callsheet"));
    ours.map(OsStr::to_owned).collect()
}

/// The tree without what the user saves.
fn others(world: &World, name: &str) -> BTreeMap<PathBuf, String> {
    let mut found = world.snapshot();
    found.retain(|path, _| !path.ends_with(name) && !path.ends_with("repo/new"));
    found
}

fn missed(exchanges: bool) {
    let count = cases(&World::new()).len();
    for number in 0..count {
        for style in 0..2 {
            let world = World::new();
            let case = cases(&world).remove(number);
            let Some(save) = case.saves.get(style).copied() else {
                continue;
            };
            let label = format!("{} {:?} {style}", case.name, case.act);
            let before = others(&world, case.name);
            let path = world.repo().join(case.name);
            let saved = path.clone();
            let mut meddler = Meddler::idle().act(Gap::Judged, move || save(&saved, "saved"));
            if !exchanges {
                meddler = meddler.without_exchange();
            }
            let error = world.apply(&list([case.act])).unwrap_err();
            assert_eq!(meddler.left(), 0, "{label}");
            assert_eq!(error.kind(), ExecErrorKind::Busy, "{label}: {error:?}");
            assert_eq!(error.context().path.as_deref(), Some(&*path), "{label}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "saved", "{label}");
            assert_eq!(leftovers(&world), [""; 0], "{label}");
            assert_eq!(others(&world, case.name), before, "{label}");
            assert_eq!(world.run_dirs(), 0, "{label}");
        }
    }
}

#[test]
fn what_is_saved_while_ours_takes_its_place_stays() {
    missed(true);
}

#[test]
fn a_file_system_that_cannot_exchange_names_is_looked_at_once_more() {
    missed(false);
}

#[test]
fn what_is_written_to_a_copied_original_stays() {
    let world = World::new();
    let shared = Path::new("/dev/shm");
    let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
    if device(shared).is_none_or(|shared| Some(shared) == device(&world.root)) {
        println!("skipped: /dev/shm is no other file system");
        return;
    }
    let home = tempfile::tempdir_in(shared).unwrap();
    for save in [save as Save, save_in_place] {
        let path = world.repo().join("lock.json");
        fs::write(&path, "{}").unwrap();
        let (saved, time) = (
            path.clone(),
            fs::metadata(&path).unwrap().modified().unwrap(),
        );
        // Neither size nor time tell.
        let meddler = Meddler::idle().act(Gap::Judged, move || {
            save(&saved, "[]");
            let file = fs::File::options().write(true).open(&saved).unwrap();
            file.set_modified(time).unwrap();
        });
        let options = ExecuteOptions {
            state: StateHome::at(home.path()),
            cwd: world.repo(),
            apply: ApplyOptions::default(),
        };
        let write = world.write("lock.json", WriteMode::Overwrite, "ours");
        let error = execute(&list([write]), &options).unwrap_err();
        assert_eq!(meddler.left(), 0);
        assert_eq!(error.kind(), ExecErrorKind::Busy, "{error:?}");
        assert_eq!(world.read("lock.json"), b"[]");
        assert_eq!(leftovers(&world), [""; 0]);
    }
}

#[test]
fn two_saves_around_an_exchange_both_stay() {
    for act in [0, 1] {
        let world = World::new();
        let path = world.repo().join("lock.json");
        let (first, second) = (path.clone(), path.clone());
        let meddler = Meddler::idle()
            .act(Gap::Judged, move || save(&first, "first"))
            .act(Gap::CameOut, move || save(&second, "second"));
        let act = match act {
            0 => world.write("lock.json", WriteMode::Overwrite, "ours"),
            _ => remove(&world, "lock.json"),
        };
        let error = world.apply(&list([act])).unwrap_err();
        assert_eq!(meddler.left(), 0);
        assert_eq!(error.kind(), ExecErrorKind::Busy, "{error:?}");
        assert_eq!(world.read("lock.json"), b"second");
        let [beside] = &*leftovers(&world) else {
            panic!("{:?}", leftovers(&world));
        };
        assert_eq!(world.read(beside.to_str().unwrap()), b"first");
        assert!(
            format!("{error:?}").contains(beside.to_str().unwrap()),
            "{error:?}"
        );
    }
}

#[test]
fn what_somebody_removes_while_ours_takes_its_place_is_told() {
    for exchanges in [true, false] {
        let world = World::new();
        let before = world.snapshot();
        let path = world.repo().join("AGENTS.md");
        let mut meddler = Meddler::idle().act(Gap::Judged, move || fs::remove_file(path).unwrap());
        if !exchanges {
            meddler = meddler.without_exchange();
        }
        let write = world.write("AGENTS.md", WriteMode::Extend, "ours");
        let error = world.apply(&list([write])).unwrap_err();
        assert_eq!(meddler.left(), 0);
        assert_eq!(error.kind(), ExecErrorKind::Busy, "{error:?}");
        // An editor may be about to bring it again: the only copy is not dropped.
        assert_eq!(world.snapshot(), before);
    }
}

/// Ends a run while somebody saves; returns what is at the path, what is beside it, and
/// how often something was kept.
fn dispose_while_saved(
    world: &World,
    handle: &RunHandle,
    name: &str,
    text: &str,
) -> (String, Option<String>, usize) {
    let path = world.repo().join(name);
    let (saved, text) = (path.clone(), text.to_owned());
    let meddler = Meddler::idle().act(Gap::Judged, move || save(&saved, &text));
    let report = handle.dispose();
    assert_eq!(meddler.left(), 0);
    assert!(report.closed, "{report:?}");
    let beside = path.with_file_name(format!("{name}.callsheet-{}", handle.id()));
    let kept: Vec<_> = report.kept().collect();
    if beside.exists() {
        let beside = beside.to_str();
        assert_eq!(kept[0].1.beside.as_deref(), beside, "{report:?}");
    }
    let left = leftovers(world);
    assert!(left.len() <= 1 && left.iter().all(|name| Some(&**name) == beside.file_name()));
    (
        fs::read_to_string(&path).unwrap(),
        fs::read_to_string(&beside).ok(),
        kept.len(),
    )
}

#[test]
fn what_is_saved_while_an_original_returns_stays_beside_it() {
    let acts: [fn(&World) -> ActionKind; 3] = [
        |world| world.write("lock.json", WriteMode::Overwrite, "ours"),
        |world| link(world, "lock.json"),
        |world| remove(world, "lock.json"),
    ];
    for act in acts {
        let world = World::new();
        let original = world.meta("lock.json");
        let handle = world.one(act(&world));
        let found = dispose_while_saved(&world, &handle, "lock.json", "saved");
        assert_eq!(found, ("{}".into(), Some("saved".into()), 1));
        assert_eq!(world.meta("lock.json"), original, "the very file");
    }
}

#[test]
fn what_is_saved_while_ours_goes_stays() {
    let acts: [fn(&World) -> ActionKind; 2] = [
        |world| world.write("fresh.md", WriteMode::Overwrite, "ours"),
        |world| link(world, "fresh.md"),
    ];
    for act in acts {
        let world = World::new();
        let handle = world.one(act(&world));
        let found = dispose_while_saved(&world, &handle, "fresh.md", "saved");
        assert_eq!(found, ("saved".into(), None, 1));
    }
}

#[test]
fn what_is_saved_while_our_text_is_taken_out_stays_without_it() {
    let world = World::new();
    fs::write(world.repo().join("lock.json"), "rules").unwrap();
    let handle = world.one(world.write("lock.json", WriteMode::Extend, "ours"));
    let path = world.repo().join("lock.json");
    save(&path, "better rules\n\n---\n\nours");
    let best = "the best rules\n\n---\n\nours";
    let found = dispose_while_saved(&world, &handle, "lock.json", best);
    assert_eq!(found, ("the best rules".into(), None, 1));
}

/// A transfer that writes one file and removes another.
fn transfer(world: &World) -> ActionKind {
    let source = world.root.join("skill/SKILL.md");
    let repo = Dir::open(&world.repo()).unwrap();
    let stamp = |name: &str| Stamp::at(&repo, OsStr::new(name)).unwrap();
    let from = Dir::open(&world.root.join("skill")).unwrap();
    let meta = file_meta(&from.open_file(OsStr::new("SKILL.md")).unwrap()).unwrap();
    let write = |name: &str| Op {
        path: name.into(),
        deed: Deed::Write {
            before: stamp(name),
            after: Stamp::of(&meta, None),
            from: source.clone(),
            ctime: meta.ctime,
        },
    };
    let gone = Op {
        path: "opencode.json".into(),
        deed: Deed::Remove {
            before: stamp("opencode.json"),
        },
    };
    let store = Dir::open(&world.root).unwrap();
    ops::save(
        &[write("lock.json"), gone, write("fresh.md")],
        &store,
        "the.list",
    )
    .unwrap();
    ActionKind::Transfer {
        list: world.path("the.list"),
        to: world.path("repo"),
    }
}

const BROUGHT: [&str; 3] = ["lock.json", "opencode.json", "fresh.md"];

#[test]
fn what_is_saved_while_changes_are_brought_in_stays() {
    for (number, name) in BROUGHT.into_iter().enumerate() {
        let world = World::new();
        let path = world.repo().join(name);
        let mut meddler = Meddler::idle();
        for _ in 0..number {
            meddler = meddler.act(Gap::Judged, || {});
        }
        let meddler = meddler.act(Gap::Judged, move || save(&path, "saved"));
        let handle = world.one(transfer(&world));
        assert_eq!(meddler.left(), 0, "{name}");
        assert_eq!(world.read(name), b"saved");
        assert_eq!(
            handle.notes(),
            [format!("{name} was changed meanwhile and left alone")]
        );
        assert!(handle.dispose().closed);
        assert_eq!(
            world.read(name),
            b"saved",
            "also when the rest is taken back"
        );
        assert_eq!(leftovers(&world), [""; 0]);
    }
}

#[test]
fn what_is_saved_while_changes_are_taken_back_stays() {
    // Last first.
    for (number, name) in BROUGHT.into_iter().rev().enumerate() {
        let world = World::new();
        let path = world.repo().join(name);
        let handle = world.one(transfer(&world));
        let mut meddler = Meddler::idle();
        for _ in 0..number {
            meddler = meddler.act(Gap::Judged, || {});
        }
        let meddler = meddler.act(Gap::Judged, move || save(&path, "saved"));
        let report = handle.dispose();
        assert_eq!(meddler.left(), 0, "{name}");
        assert_eq!(report.kept().count(), 1, "{report:?}");
        if name == "fresh.md" {
            assert_eq!(world.read(name), b"saved");
            continue;
        }
        assert_eq!(world.read(name), b"{}");
        let beside = format!("{name}.callsheet-{}", handle.id());
        assert_eq!(world.read(&beside), b"saved");
    }
}

/// Runs that are killed right after what somebody saved came out, each with the path, and
/// whether that happens at the end of the run.
const DEATHS: &[(&str, &str, bool)] = &[
    ("write", "lock.json", false),
    ("extend", "AGENTS.md", false),
    ("link", "lock.json", false),
    ("remove", "lock.json", false),
    ("transfer", "lock.json", false),
    ("write", "lock.json", true),
    ("link", "lock.json", true),
    ("create", "fresh.md", true),
    ("transfer", "lock.json", true),
];

fn act(world: &World, how: &str) -> ActionKind {
    match how {
        "write" => world.write("lock.json", WriteMode::Overwrite, "ours"),
        "extend" => world.write("AGENTS.md", WriteMode::Extend, "ours"),
        "create" => world.write("fresh.md", WriteMode::Overwrite, "ours"),
        "link" => link(world, "lock.json"),
        "remove" => remove(world, "lock.json"),
        "transfer" => transfer(world),
        other => panic!("{other}"),
    }
}

/// Not a test by itself: what the killed process does.
#[test]
fn saver() {
    let Ok(order) = std::env::var(CHILD) else {
        return;
    };
    let mut words = order.splitn(2, ' ');
    let number: usize = words.next().unwrap().parse().unwrap();
    let world = World::existing(words.next().unwrap());
    let (how, name, at_end) = DEATHS[number];
    let path = world.repo().join(name);
    let meddle = || {
        let mut meddler = Meddler::idle();
        if how == "transfer" && at_end {
            for _ in 0..2 {
                meddler = meddler.act(Gap::Judged, || {});
            }
        }
        let path = path.clone();
        meddler
            .act(Gap::Judged, move || save(&path, "saved"))
            .act(Gap::CameOut, crate::os::proc::kill_self)
    };
    let early = (!at_end).then(&meddle);
    let handle = world.one(act(&world, how));
    drop(early);
    let _late = meddle();
    handle.dispose();
}

#[test]
fn what_came_out_when_we_were_killed_stays() {
    for (number, (how, name, at_end)) in DEATHS.iter().enumerate() {
        let label = format!("{how} {name} {at_end}");
        let world = World::new();
        let before = others(&world, name);
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "apply::tests::race::saver"])
            .env(CHILD, format!("{number} {}", world.root.display()))
            .output()
            .unwrap()
            .status;
        assert_eq!(status.signal(), Some(9), "{label}");
        let out: Vec<_> = leftovers(&world);
        let is_out = |name: &OsString| name.to_str().unwrap().contains(".out");
        assert!(out.iter().any(is_out), "{label}: {out:?}");
        let path = world.repo().join(name);
        assert_ne!(
            fs::read(&path).ok().as_deref(),
            Some(&b"saved"[..]),
            "{label}"
        );
        let original = fs::read(&path).ok();
        let report = recover(&world.state(), None).unwrap().remove(0);
        let report = report.result.unwrap();
        assert!(report.closed, "{label}: {report:?}");
        let kept: Vec<_> = report.kept().map(|(_, outcome)| outcome).collect();
        assert_eq!(kept.len(), 1, "{label}: {report:?}");
        assert_eq!(world.run_dirs(), 0, "{label}");
        let left = leftovers(&world);
        if let Some(beside) = &kept[0].beside {
            // The original was back already.
            assert!(*at_end, "{label}: {report:?}");
            assert_eq!(fs::read(beside).unwrap(), b"saved", "{label}");
            assert_eq!(fs::read(&path).ok(), original, "{label}");
            assert_eq!(left.len(), 1, "{label}: {left:?}");
            fs::remove_file(beside).unwrap();
        } else {
            assert_eq!(fs::read(&path).unwrap(), b"saved", "{label}");
            assert_eq!(left, [""; 0], "{label}");
        }
        let mut after = others(&world, name);
        after.remove(&world.root.join("the.list"));
        assert_eq!(after, before, "{label}");
    }
}

#[test]
fn what_came_out_and_was_replaced_again_is_beside_the_newest() {
    let world = World::new();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "apply::tests::race::saver"])
        .env(CHILD, format!("0 {}", world.root.display()))
        .output()
        .unwrap()
        .status;
    assert_eq!(status.signal(), Some(9));
    // After the crash somebody saves over ours.
    save(&world.repo().join("lock.json"), "newest");
    let report = recover(&world.state(), None).unwrap().remove(0);
    assert!(report.result.unwrap().closed);
    let mut texts = vec![world.read("lock.json")];
    for name in leftovers(&world) {
        texts.push(world.read(name.to_str().unwrap()));
    }
    texts.sort();
    assert_eq!(texts, [&b"newest"[..], b"saved", b"{}"]);
}

#[test]
fn a_torn_draft_beside_a_path_is_no_version_of_the_users() {
    let world = World::new();
    let before = world.snapshot();
    let handle = world.one(world.write("lock.json", WriteMode::Overwrite, "ours"));
    let temp = format!(".callsheet-{}-0.tmp", handle.id());
    fs::write(world.repo().join(temp), "ou").unwrap();
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}
