//! Trees, programs and mirrors.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plan_core::effect::{ActionKind, OutcomeKind, Phase, View};

use super::super::*;
use super::{World, list};

#[test]
fn what_a_command_creates_goes_and_what_was_there_stays() {
    let world = World::new();
    fs::create_dir_all(world.repo().join(".skills/mine")).unwrap();
    fs::write(world.repo().join(".skills/mine/SKILL.md"), "mine").unwrap();
    let before = world.snapshot();
    let script = "mkdir -p .skills/new .agents/new && echo x > .skills/new/SKILL.md";
    let creates = [".skills/new", ".skills/mine", ".agents/new", "never"];
    let handle = world.one(world.command(script, &creates));
    assert_eq!(handle.notes().len(), 1, "{:?}", handle.notes());
    assert_eq!(world.read(".skills/new/SKILL.md"), b"x\n");
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn work_in_the_place_of_something_is_kept_beside_it() {
    let world = World::new();
    let script = "mkdir owned && echo x > owned/new";
    let handle = world.one(world.command(script, &["owned"]));
    assert!(!world.repo().join("owned/inner").exists());
    fs::write(world.repo().join("owned/new"), "worked on").unwrap();
    let report = handle.dispose();
    let outcome = report.entries[0].result.as_ref().unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Kept);
    let beside = PathBuf::from(outcome.beside.as_ref().unwrap());
    assert_eq!(fs::read(beside.join("new")).unwrap(), b"worked on");
    assert_eq!(world.read("owned/inner/mine"), b"mine");
}

#[test]
fn what_skills_that_stay_replace_is_kept_in_the_run_s_directory() {
    let world = World::new();
    let options = ApplyOptions {
        cleanup_skills_on_dispose: false,
        ..ApplyOptions::default()
    };
    let mut nothing = ActionList::new();
    nothing.push(Phase::Skills, world.command("true", &["owned"]));
    let before = world.snapshot();
    let report = world
        .apply_with(&nothing, options.clone())
        .unwrap()
        .dispose();
    assert_eq!(report.leftover, None, "{report:?}");
    assert_eq!(world.snapshot(), before, "an installer that does nothing");
    let script = "rm -r owned; mkdir owned && echo x > owned/new";
    let mut actions = ActionList::new();
    actions.push(Phase::Skills, world.command(script, &["owned"]));
    let run = || {
        world
            .apply_with(&actions, options.clone())
            .unwrap()
            .dispose()
    };
    let report = run();
    let outcome = report.entries[0].result.as_ref().unwrap();
    let beside = PathBuf::from(outcome.beside.as_ref().unwrap());
    assert_eq!(fs::read(beside.join("inner/mine")).unwrap(), b"mine");
    assert_eq!(world.read("owned/new"), b"x\n");
    assert!(!world.repo().join("owned/inner").exists());
    // The second time it takes its own place, and nothing needs to be kept.
    assert_eq!(world.run_dirs(), 1);
    let again = run();
    assert_eq!(again.entries[0].result.as_ref().unwrap().beside, None);
    assert_eq!(
        (world.run_dirs(), &*world.read("owned/new")),
        (1, &b"x\n"[..])
    );
    actions.push(Phase::Sidecars, world.command("exit 1", &[]));
    fs::write(world.repo().join("owned/own"), "mine").unwrap();
    world.apply_with(&actions, options.clone()).unwrap_err();
    assert_eq!(
        world.read("owned/own"),
        b"mine",
        "a failed run replaces nothing"
    );
}

#[test]
fn work_in_a_created_tree_stays() {
    let world = World::new();
    let script = "mkdir -p s/new/d && echo x > s/new/a && echo y > s/new/d/b && ln -s a s/new/l";
    let handle = world.one(world.command(script, &["s/new"]));
    fs::write(world.repo().join("s/new/d/b"), "changed").unwrap();
    fs::write(world.repo().join("s/new/notes"), "mine").unwrap();
    let report = handle.dispose();
    let outcome = report.entries[0].result.as_ref().unwrap();
    assert_eq!(outcome.kind, OutcomeKind::Kept);
    assert!(
        outcome.why.as_deref().unwrap().starts_with("2 files"),
        "{outcome:?}"
    );
    assert!(!world.repo().join("s/new/a").exists());
    assert!(fs::symlink_metadata(world.repo().join("s/new/l")).is_err());
    assert_eq!(world.read("s/new/d/b"), b"changed");
    assert_eq!(world.read("s/new/notes"), b"mine");
}

#[test]
fn removal_does_not_go_through_a_link_that_appeared() {
    let world = World::new();
    let handle = world.one(world.command("mkdir -p s/new && echo x > s/new/a", &["s/new"]));
    fs::rename(world.repo().join("s"), world.root.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(world.root.join("elsewhere"), world.repo().join("s")).unwrap();
    let report = handle.dispose();
    assert_eq!(report.kept().count(), 1, "{report:?}");
    assert!(world.root.join("elsewhere/new/a").exists());
}

#[test]
fn a_failing_command_takes_everything_back() {
    let world = World::new();
    let before = world.snapshot();
    let mut actions = list([
        world.command("mkdir one", &["one"]),
        world.command("mkdir two; echo noise; echo why >&2; exit 3", &["two"]),
    ]);
    actions.push(Phase::Sidecars, world.command("mkdir three", &["three"]));
    let error = world.apply(&actions).unwrap_err();
    assert_eq!(world.snapshot(), before);
    let failure = error.command().unwrap();
    assert_eq!((failure.code, &*failure.output), (3, "noise\nwhy\n"));
    assert_eq!(error.context().action, Some(1));
    assert_eq!(error.exit_code(), 1);
    assert_eq!(
        fs::read_to_string(&failure.log).unwrap(),
        "noise\nwhy\n",
        "the log stays"
    );
    let runs = list_runs(&world.state()).unwrap();
    assert_eq!(runs[0].liveness, Liveness::Closed);
}

#[test]
fn commands_end_when_they_take_too_long_or_are_stopped() {
    let world = World::new();
    let started = Instant::now();
    let slow = list([world.command("sleep 60 & sleep 60", &[])]);
    let limit = Some(Duration::from_millis(50));
    let options = ApplyOptions {
        command_limit: limit,
        ..ApplyOptions::default()
    };
    let error = world.apply_with(&slow, options).unwrap_err();
    assert!(error.to_string().contains("took too long"), "{error}");
    let options = ApplyOptions::default();
    let cancel = options.cancel.clone();
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.raise();
    });
    let error = world.apply_with(&slow, options).unwrap_err();
    stopper.join().unwrap();
    assert_eq!(error.kind(), ExecErrorKind::Cancelled(2));
    assert!(started.elapsed() < Duration::from_secs(20));
    let missing = ActionKind::RunCommand {
        argv: vec!["callsheet-has-no-such-program".into()],
        cwd: world.path("repo"),
        creates: Vec::new(),
    };
    assert_eq!(world.apply(&list([missing])).unwrap_err().exit_code(), 69);
}

#[test]
fn only_the_given_environment_reaches_a_command() {
    let world = World::new();
    let env = [
        ("PATH".into(), std::env::var("PATH").unwrap()),
        ("A".into(), "b".into()),
    ];
    let options = ApplyOptions {
        command_env: Some(env.into()),
        ..ApplyOptions::default()
    };
    let run = list([world.command("echo \"$A:$HOME\" > out", &["out"])]);
    let handle = world.apply_with(&run, options).unwrap();
    assert_eq!(world.read("out"), b"b:\n");
    handle.dispose();
}

#[test]
fn copies_are_faithful_and_refuse_to_replace() {
    let world = World::new();
    let before = world.snapshot();
    let copy = |to: &str| ActionKind::CopyTree {
        from: world.path("repo"),
        to: world.path(to),
        below: world.root.to_str().unwrap().into(),
    };
    assert!(world.apply(&list([copy("skill")])).is_err());
    assert_eq!(world.snapshot(), before);
    let handle = world.one(copy("x/copy"));
    let (mut source, mut made) = (BTreeMap::new(), BTreeMap::new());
    super::look(&world.repo(), &mut source);
    super::look(&world.root.join("x/copy"), &mut made);
    assert_eq!(
        source.values().collect::<Vec<_>>(),
        made.values().collect::<Vec<_>>()
    );
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn mirrors_hide_protect_and_keep_the_shape() {
    let world = World::new();
    let repo = world.repo();
    fs::create_dir_all(repo.join("Secrets/deep")).unwrap();
    fs::write(repo.join("Secrets/deep/key"), "k").unwrap();
    fs::create_dir_all(repo.join("docs/x")).unwrap();
    fs::write(repo.join("docs/x/a.md"), "a").unwrap();
    fs::create_dir_all(repo.join(".git")).unwrap();
    fs::write(repo.join("..foo"), "dots").unwrap();
    fs::write(repo.join(std::ffi::OsStr::from_bytes(b"\xff")), "raw").unwrap();
    fs::set_permissions(repo.join("twin"), fs::Permissions::from_mode(0o755)).unwrap();
    let before = world.snapshot();
    let mount = world.mount(
        &[" secrets/ ", "# a comment", "", "*.json", "!keep.json"],
        &["docs"],
    );
    let handle = world.one(mount);
    let mirror = handle.cwd().to_owned();
    assert_eq!(mirror, world.root.join("mirror/repo"));
    assert!(!mirror.join("Secrets").exists() && !mirror.join(".git").exists());
    assert!(!mirror.join("opencode.json").exists());
    let mode = |name: &str| {
        fs::metadata(mirror.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("docs/x/a.md"), mode("twin"), mode("AGENTS.md")),
        (0o444, 0o755, 0o640)
    );
    assert!(mirror.join("sub/empty").is_dir() && mirror.join("..foo").exists());
    assert!(mirror.join(std::ffi::OsStr::from_bytes(b"\xff")).exists());
    assert_eq!(
        fs::read_link(mirror.join("dangling")).unwrap().as_os_str(),
        "nowhere"
    );
    let times = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    assert_eq!(
        times(&mirror.join("AGENTS.md")),
        times(&repo.join("AGENTS.md"))
    );
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}

#[test]
fn work_in_a_mirror_is_never_lost() {
    let world = World::new();
    let run = Run::begin(&world.state(), &world.repo()).unwrap();
    let mount = ActionKind::Mount {
        from: world.path("repo"),
        to: run.mount_dir().to_str().unwrap().into(),
        view: View::Copy,
        ignored: Vec::new(),
        readonly: Vec::new(),
        include_git: false,
    };
    let handle = run.apply(&list([mount]), &ApplyOptions::default()).unwrap();
    fs::write(handle.cwd().join("new"), "work").unwrap();
    fs::write(handle.cwd().join("AGENTS.md"), "work").unwrap();
    fs::remove_file(handle.cwd().join("twin")).unwrap();
    let report = handle.dispose();
    let outcome = report.entries[0].result.as_ref().unwrap();
    assert_eq!(outcome.path.as_deref(), handle.cwd().to_str());
    let why = outcome.why.as_deref().unwrap();
    assert!(
        why.starts_with("1 changed, 1 added, 1 deleted in it;"),
        "{why}"
    );
    assert!(report.closed && report.leftover.is_some());
    assert_eq!(fs::read(handle.cwd().join("new")).unwrap(), b"work");
    assert!(recover(&world.state(), None).unwrap().is_empty());
    assert_eq!(fs::read(handle.cwd().join("new")).unwrap(), b"work");
    assert_eq!(
        list_runs(&world.state()).unwrap()[0].liveness,
        Liveness::Closed
    );
}

#[test]
fn a_mirror_in_its_own_project_does_not_hold_itself() {
    let world = World::new();
    let mount = ActionKind::Mount {
        from: world.path("repo"),
        to: world.path("repo/.mirror/here"),
        view: View::Copy,
        ignored: Vec::new(),
        readonly: Vec::new(),
        include_git: true,
    };
    let before = world.snapshot();
    let handle = world.one(mount);
    assert!(handle.cwd().join("AGENTS.md").exists());
    assert!(!handle.cwd().join(".mirror/here").exists());
    assert!(handle.dispose().is_clean());
    assert_eq!(world.snapshot(), before);
}
