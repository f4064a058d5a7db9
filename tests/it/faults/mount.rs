//! Views of a project: what happens in them stays in them, and comes back on purpose.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use tests::program::{Ended, Stage};
use tests::repo::Answer;
use tests::scene::{COPY, OVERLAY, Scene, expect, has_layers, selection, sidecar};
use tests::sweep::runs;

type View = &'static [&'static str];

const EDITION: &str = "persona-kit-4";
const PLAN: &str = "plan.json";

/// A project with something to hide and something to protect, and its plan.
fn scene(stage: Stage, more: &str) -> Answer<Scene> {
    let stage = stage
        .file("AGENTS.md", "Mine.\n")?
        .file("a.txt", "a\n")?
        .file("locked.txt", "l\n")?
        .file("secrets/key", "k\n")?;
    let rules = r#", "mount": {"ignoredPatterns": ["Secrets/", "AGENTS.md"],
        "readonlyPatterns": ["locked.txt"]}"#;
    let more = format!(
        "{}{rules}{more}",
        sidecar("agentsMd", "# Notes\\n", "extend")
    );
    Scene::new(stage)?.plan(PLAN, EDITION, &selection("opencode", &[], &more))
}

/// Does something in every view that there is.
fn in_views(test: impl Fn(View) -> Answer<()>) -> Answer<()> {
    test(COPY).map_err(|error| format!("in a copy: {error}"))?;
    if has_layers()? {
        test(OVERLAY).map_err(|error| format!("in a layer: {error}"))?;
    }
    Ok(())
}

/// Runs a script in a view to its end.
fn session(scene: &Scene, view: View, script: &str) -> Answer<Ended> {
    let ended = scene
        .execute_in(view, PLAN, &["sh", "-ec", script])?
        .run()?;
    expect(&ended, 0)?;
    Ok(ended)
}

/// Returns the one run that there is.
fn the_run(scene: &Scene) -> Answer<String> {
    let runs = runs(&scene.stage.path("state/runs"))?;
    let [run] = runs.as_slice() else {
        return Err(format!("not one run: {runs:?}").into());
    };
    Ok(run.clone())
}

/// Works in a view, expects nothing of it in the project, and orders it back.
fn apply(scene: &Scene, view: View, script: &str, code: i32) -> Answer<Ended> {
    session(scene, view, script)?;
    scene.expect_same()?;
    let run = the_run(scene)?;
    scene.call(&["apply", &run], code)
}

#[test]
fn mount_leak() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let work = ["sh", "-c", "echo b > b.txt; echo c >> a.txt"];
        let running = scene.begun_in(view, PLAN, ("begun", &work))?;
        scene.expect_same()?;
        running.end()?;
        scene.expect_same()
    })
}

#[test]
fn mount_kill() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let work = ["sh", "-c", "echo work > b.txt"];
        let running = scene.begun_in(view, PLAN, ("begun", &work))?;
        running.signal("KILL")?;
        running.ended()?;
        scene.expect_same()?;
        scene.call(&["recover"], 0)?;
        scene.expect_same()?;
        let place = scene.stage.path("state/runs").join(the_run(&scene)?);
        let work = ["mount/b.txt", "layer/upper/b.txt"];
        let kept = work.iter().filter(|path| place.join(path).exists());
        assert_eq!(kept.count(), 1, "the work is lost");
        Ok(())
    })
}

#[test]
fn mount_nosync() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let ended = session(&scene, view, "echo work > b.txt")?;
        scene.expect_same()?;
        let run = the_run(&scene)?;
        assert!(
            ended.says(&format!("callsheet apply {run}")),
            "{}",
            ended.stderr()
        );
        // Nothing gives it up without being asked.
        scene.call(&["recover"], 0)?;
        scene.call(&["gc", "--older-than", "0"], 0)?;
        scene.call(&["apply", &run], 0)?;
        assert_eq!(scene.text("b.txt")?, "work\n");
        Ok(())
    })
}

#[test]
fn mount_sync() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let script = "echo more >> a.txt; rm -f gone; echo b > b.txt";
        apply(&scene, view, script, 0)?;
        assert_eq!(scene.text("a.txt")?, "a\nmore\n");
        assert_eq!(scene.text("b.txt")?, "b\n");
        assert_eq!(scene.text("AGENTS.md")?, "Mine.\n", "the persona's file");
        Ok(())
    })
}

#[test]
fn mount_newdir() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let script = "for i in $(seq 30); do mkdir -p new/$i/deep; echo $i > new/$i/deep/f; done";
        apply(&scene, view, script, 0)?;
        for number in 1..=30 {
            let text = scene.text(&format!("new/{number}/deep/f"))?;
            assert_eq!(text, format!("{number}\n"));
        }
        Ok(())
    })
}

#[test]
fn mount_chmod() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        apply(&scene, view, "chmod 751 a.txt", 0)?;
        let mode = fs::metadata(scene.stage.project().join("a.txt"))?.permissions();
        assert_eq!(mode.mode() & 0o777, 0o751);
        Ok(())
    })
}

/// A project of many files.
fn many() -> Answer<Stage> {
    let mut stage = Stage::new()?;
    for number in 0..300 {
        stage = stage.file(&format!("src/{number}.rs"), "fn main() {}\n")?;
    }
    Ok(stage)
}

#[test]
fn mount_reaper() -> Answer<()> {
    in_views(|view| {
        let scene = scene(many()?, "")?;
        let script = "for file in src/*; do rm \"$file\"; done";
        let ended = apply(&scene, view, script, 77)?;
        assert!(ended.says("300"), "{}", ended.stderr());
        scene.expect_same()
    })
}

#[test]
fn mount_rmrf() -> Answer<()> {
    in_views(|view| {
        let scene = scene(many()?, "")?;
        // Somebody removes the view from outside, in the middle of a session.
        let work = ["sh", "-c", "echo b > b.txt"];
        let running = scene.begun_in(view, PLAN, ("begun", &work))?;
        let place = scene.stage.path("state/runs").join(the_run(&scene)?);
        for dir in ["mount", "layer"] {
            if place.join(dir).is_dir() {
                let mut rm = Command::new("rm");
                rm.arg("-rf").arg(place.join(dir)).status()?;
            }
        }
        running.end()?;
        scene.expect_same()?;
        for run in runs(&scene.stage.path("state/runs"))? {
            scene.stage.call(&["apply", &run])?.run()?;
        }
        scene.expect_same()
    })
}

#[test]
fn mount_shared_dir() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let one = scene.begun_in(view, PLAN, ("one", &["sh", "-c", "echo 1 > a.txt"]))?;
        let look = ["sh", "-c", "cp a.txt \"$HOME/seen\"; echo 2 > a.txt"];
        let two = scene.begun_in(view, PLAN, ("two", &look))?;
        assert_eq!(scene.note("seen")?, "a\n", "each has a view of its own");
        expect(&two.end()?, 0)?;
        expect(&one.end()?, 0)?;
        scene.expect_same()
    })
}

#[test]
fn mount_prexist() -> Answer<()> {
    use exec_native::apply::{ApplyOptions, ExecuteOptions, execute};
    use plan_core::effect::{ActionKind, ActionList, Phase};
    let stage = Stage::new()?.file("a.txt", "a\n")?;
    let text = |path: &str| stage.path(path).to_string_lossy().into_owned();
    fs::create_dir(stage.path("taken"))?;
    fs::write(stage.path("taken/precious"), "Mine.\n")?;
    let before = tests::tree::tree(&stage.path("taken"))?;
    let mut list = ActionList::new();
    list.push(
        Phase::Mount,
        ActionKind::Mount {
            from: text("project"),
            to: text("taken"),
            view: plan_core::effect::View::Copy,
            ignored: Vec::new(),
            readonly: Vec::new(),
            include_git: true,
        },
    );
    let options = ExecuteOptions {
        state: exec_native::state::StateHome::at(stage.path("state")),
        cwd: stage.project(),
        apply: ApplyOptions::default(),
    };
    let error = execute(&list, &options)
        .map(drop)
        .err()
        .ok_or("it was taken")?;
    assert!(
        error.chain().contains("exists already"),
        "{}",
        error.chain()
    );
    tests::tree::expect_same(&before, &stage.path("taken"))
}

#[test]
fn mount_unreadable() -> Answer<()> {
    let scene = scene(Stage::new()?.file("closed", "c\n")?, "")?;
    let closed = scene.stage.project().join("closed");
    fs::set_permissions(closed, fs::Permissions::from_mode(0o000))?;
    let call = scene.execute_in(COPY, PLAN, &["cat", "a.txt"])?;
    if !tests::program::is_root() {
        let ended = call.run()?;
        expect(&ended, 0)?;
        assert!(ended.says("closed"), "{}", ended.stderr());
    } else if Stage::can(&["unshare", "-U", "true"]) {
        let ended = call.under("unshare", &["-U"]).run()?;
        expect(&ended, 0)?;
        assert_eq!(ended.stdout(), "a\n");
        assert!(ended.says("closed"), "{}", ended.stderr());
    }
    Ok(())
}

#[test]
fn mount_churn() -> Answer<()> {
    in_views(|view| {
        let scene = scene(many()?, "")?;
        let project = scene.stage.project();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let churn = scope.spawn(|| -> std::io::Result<usize> {
                let mut rounds = 0;
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let dir = project.join("src/churn");
                    fs::create_dir_all(&dir)?;
                    for number in 0..20 {
                        fs::write(dir.join(format!("{number}")), "x")?;
                    }
                    fs::remove_dir_all(&dir)?;
                    rounds += 1;
                }
                Ok(rounds)
            });
            let ended: Answer<()> = (0..5).try_for_each(|_| {
                let ended = scene.execute_in(view, PLAN, &["cat", "a.txt"])?.run()?;
                expect(&ended, 0)
            });
            over.store(true, std::sync::atomic::Ordering::Relaxed);
            let rounds = churn.join().map_err(|_| "it panicked")??;
            assert!(rounds > 0);
            ended
        })?;
        scene.expect_same()
    })
}

/// Runs git and returns what it prints.
fn git(dir: &Path, arguments: &[&str]) -> Answer<String> {
    let mut command = Command::new("git");
    let ended = command
        .args(["-c", "user.name=n", "-c", "user.email=n@example.com"])
        .args(arguments)
        .current_dir(dir)
        .output()?;
    if ended.status.success() {
        return Ok(String::from_utf8(ended.stdout)?.trim().to_owned());
    }
    Err(format!(
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&ended.stderr)
    )
    .into())
}

const COMMIT: &str = "echo more >> a.txt; git -c user.name=n -c user.email=n@example.com \
    commit -qam work; git rev-parse HEAD > \"$HOME/commit\"";

#[test]
fn mount_worktree() -> Answer<()> {
    // A linked worktree: its `.git` is a pointer into another directory.
    in_views(|view| {
        let stage = Stage::new()?;
        let main = stage.path("main");
        fs::create_dir(&main)?;
        git(&main, &["init", "-q", "-b", "main"])?;
        git(&main, &["commit", "-q", "--allow-empty", "-m", "first"])?;
        fs::remove_dir(stage.project())?;
        git(
            &main,
            &["worktree", "add", "-q", "-b", "side", "../project"],
        )?;
        let stage = stage.file("a.txt", "a\n")?;
        git(&stage.project(), &["add", "a.txt"])?;
        git(&stage.project(), &["commit", "-q", "-m", "second"])?;
        let scene = scene(stage, "")?;
        let heads = || git(&main, &["for-each-ref", "refs/heads"]);
        let before = heads()?;
        let call = scene.execute_in(view, PLAN, &["sh", "-ec", COMMIT])?;
        let ended = call.run()?;
        // Or there is no git in the view at all.
        let committed = ended.code() == Some(0);
        assert_eq!(
            scene.note("commit").is_ok(),
            committed,
            "{}",
            ended.stderr()
        );
        assert_eq!(heads()?, before, "the host's branch moved");
        scene.expect_same()
    })
}

#[test]
fn mount_git() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?.file("a.txt", "a\n")?, "")?;
        let project = scene.stage.project();
        git(&project, &["init", "-q", "-b", "main"])?;
        git(&project, &["add", "a.txt"])?;
        git(&project, &["commit", "-q", "-m", "first"])?;
        let head = git(&project, &["rev-parse", "HEAD"])?;
        let status = "test -z \"$(git status --porcelain --untracked-files=no)\"";
        session(&scene, view, &format!("{status}\n{COMMIT}"))?;
        let run = the_run(&scene)?;
        scene.call(&["apply", &run], 0)?;
        let commit = scene.note("commit")?;
        assert_eq!(git(&project, &["rev-parse", "HEAD"])?, head);
        let refs = git(
            &project,
            &["for-each-ref", &format!("refs/callsheet/{run}")],
        )?;
        assert!(refs.contains(commit.trim()), "{refs}");
        assert_eq!(scene.text("a.txt")?, "a\nmore\n");
        Ok(())
    })
}

#[test]
fn mount_conflict() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        session(&scene, view, "echo theirs > a.txt")?;
        fs::write(scene.stage.project().join("a.txt"), "mine, later\n")?;
        let run = the_run(&scene)?;
        let ended = scene.stage.call(&["apply", &run])?.run()?;
        assert!(matches!(ended.code(), Some(0 | 3)), "{}", ended.stderr());
        assert!(ended.says("a.txt"), "{}", ended.stderr());
        assert_eq!(scene.text("a.txt")?, "mine, later\n");
        let names = fs::read_dir(scene.stage.project())?;
        let names = names.map(|entry| entry.map(|entry| entry.file_name()));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let beside = names.iter().filter_map(|name| name.to_str());
        let beside = beside.filter(|name| name.starts_with("a.txt.callsheet-"));
        let beside: Vec<_> = beside.collect();
        let [beside] = *beside else {
            return Err(format!("{beside:?}").into());
        };
        assert_eq!(scene.text(beside)?, "theirs\n");
        Ok(())
    })
}

#[test]
fn mount_ignored() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let path = scene.stage.project().join("secrets/key");
        let script = format!("test ! -e secrets/key; cat {} || true", path.display());
        let ended = session(&scene, view, &script)?;
        if view == OVERLAY {
            assert_eq!(ended.stdout(), "", "hidden by every path");
        } else {
            assert!(ended.says("hiding is cosmetic"), "{}", ended.stderr());
        }
        Ok(())
    })
}

#[test]
fn mount_readonly() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let script = "(chmod 644 locked.txt && echo x > locked.txt) 2> \"$HOME/why\" || true";
        let call = scene.execute_in(view, PLAN, &["sh", "-c", script])?;
        expect(&call.run()?, 0)?;
        scene.expect_same()?;
        if view == OVERLAY {
            assert!(scene.note("why")?.contains("Read-only file system"));
        } else if !tests::program::is_root() {
            // An owner can take the mark away in a copy, and says so by that.
            let plain = "echo x > locked.txt";
            let ended = scene.execute_in(view, PLAN, &["sh", "-c", plain])?.run()?;
            assert!(ended.says("Permission denied"), "{}", ended.stderr());
        }
        Ok(())
    })
}

#[test]
fn mount_shape() -> Answer<()> {
    in_views(|view| {
        let stage = Stage::new()?.link("link", "a.txt")?.file("dir/f", "f\n")?;
        symlink("dir", stage.project().join("dirlink"))?;
        symlink("nowhere", stage.project().join("dangling"))?;
        fs::create_dir(stage.project().join("empty"))?;
        let scene = scene(stage, "")?;
        let script = "readlink link dirlink dangling; cat dirlink/f; ls -A empty";
        let ended = session(&scene, view, script)?;
        assert_eq!(ended.stdout(), "a.txt\ndir\nnowhere\nf\n");
        scene.expect_clean()
    })
}

/// Expects a pipe of the project to be one in a view.
fn has_pipe(view: View) -> Answer<()> {
    let scene = scene(Stage::new()?, "")?;
    let pipe = scene.stage.project().join("pipe");
    Command::new("mkfifo").arg(&pipe).status()?;
    session(&scene, view, "test -p pipe")?;
    // Nobody reads a pipe of a tree that is compared.
    fs::remove_file(pipe)?;
    scene.expect_same()
}

#[test]
fn mount_shape_of_a_pipe_in_a_layer() -> Answer<()> {
    if has_layers()? {
        has_pipe(OVERLAY)?;
    }
    Ok(())
}

#[test]
fn mount_shape_of_a_pipe_in_a_copy() -> Answer<()> {
    has_pipe(COPY)
}

#[test]
fn mount_names() -> Answer<()> {
    in_views(|view| {
        let stage = Stage::new()?.file("..foo", "dots\n")?;
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
        fs::write(stage.project().join(odd), "odd\n")?;
        let scene = scene(stage, "")?;
        let script = "cat ..foo \"$(printf 'caf\\351')\"";
        let ended = session(&scene, view, script)?;
        assert_eq!(ended.stdout(), "dots\nodd\n");
        scene.expect_same()
    })
}

#[test]
fn mount_extend() -> Answer<()> {
    in_views(|view| {
        // The plan hides AGENTS.md and extends it.
        let scene = scene(Stage::new()?, "")?;
        let ended = session(&scene, view, "cat AGENTS.md")?;
        assert_eq!(ended.stdout(), "Mine.\n\n\n---\n\n# Notes\n");
        scene.expect_same()
    })
}

#[test]
fn mount_case() -> Answer<()> {
    in_views(|view| {
        // The plan hides `Secrets/`; patterns do not mind case.
        let scene = scene(Stage::new()?, "")?;
        session(&scene, view, "test ! -e secrets/key; test -e a.txt")?;
        Ok(())
    })
}

#[test]
fn mount_late() -> Answer<()> {
    in_views(|view| {
        let scene = scene(Stage::new()?, "")?;
        let running = scene.begun_in(view, PLAN, ("begun", &[]))?;
        let late = scene.stage.project().join("late.txt");
        fs::write(&late, "late\n")?;
        expect(&running.end()?, 0)?;
        assert_eq!(fs::read_to_string(&late)?, "late\n");
        fs::remove_file(late)?;
        scene.expect_clean()
    })
}
