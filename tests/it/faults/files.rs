//! Sidecars and configuration files: what they lie over returns as it was, and nothing
//! beside them is touched.
#![expect(clippy::print_stdout, reason = "says what is skipped")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use tests::program::{Ended, Stage, is_root};
use tests::repo::Answer;
use tests::scene::{Scene, expect, selection, sidecar};

const THEIRS: &str = "# Notes\n";
const EDITION: &str = "persona-kit-4";

/// A plan with `opencode.json` and a sidecar in a project.
fn scene(stage: Stage, mode: &str) -> Answer<Scene> {
    let more = sidecar("agentsMd", "# Notes\\n", mode);
    Scene::new(stage)?.plan("plan.json", EDITION, &selection("opencode", &[], &more))
}

/// Carries the plan out with a shell script as the agent.
fn session(scene: &Scene, script: &str) -> Answer<Ended> {
    scene.execute("plan.json", &["sh", "-c", script])?.run()
}

#[test]
fn base() -> Answer<()> {
    let stage = Stage::new()?
        .file("AGENTS.md", "Mine.\n")?
        .file("opencode.json", "{}")?;
    let scene = scene(stage, "extend")?;
    let ended = session(&scene, "cat AGENTS.md")?;
    expect(&ended, 0)?;
    assert_eq!(ended.stdout(), "Mine.\n\n\n---\n\n# Notes\n");
    scene.expect_clean()
}

#[test]
fn user_edit() -> Answer<()> {
    // Round our text: the edit stays, our text goes.
    let extended = scene(Stage::new()?.file("AGENTS.md", "Mine.\n")?, "extend")?;
    let edit = "{ echo Before.; cat AGENTS.md; echo After.; } > x && mv x AGENTS.md";
    let ended = session(&extended, edit)?;
    expect(&ended, 0)?;
    assert!(ended.says("edited meanwhile"), "{}", ended.stderr());
    assert_eq!(extended.text("AGENTS.md")?, "Before.\nMine.\nAfter.\n");
    // In our text: the original is back, the edit beside it.
    let replaced = scene(Stage::new()?.file("AGENTS.md", "Mine.\n")?, "overwrite")?;
    let ended = session(&replaced, "echo More. >> AGENTS.md")?;
    expect(&ended, 0)?;
    assert_eq!(replaced.text("AGENTS.md")?, "Mine.\n");
    let beside = beside(&replaced)?;
    assert_eq!(replaced.text(&beside)?, "# Notes\nMore.\n");
    assert!(ended.says(&beside), "{}", ended.stderr());
    Ok(())
}

/// Returns the one name under which changed content was put aside.
fn beside(scene: &Scene) -> Answer<String> {
    let names = fs::read_dir(scene.stage.project())?.map(|entry| entry.map(|e| e.file_name()));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    let mut names = names.filter(|name| name.contains(".callsheet-"));
    let first = names.next().ok_or("nothing was put aside")?;
    assert_eq!(names.next(), None);
    Ok(first)
}

#[test]
fn user_delete() -> Answer<()> {
    // The agent writes the first AGENTS.md that the repository ever had.
    let scene = scene(Stage::new()?, "overwrite")?;
    let ended = session(&scene, "echo Ours, for good. > AGENTS.md")?;
    expect(&ended, 0)?;
    assert_eq!(scene.text("AGENTS.md")?, "Ours, for good.\n");
    assert!(ended.says("AGENTS.md"), "{}", ended.stderr());
    assert!(!scene.stage.project().join("opencode.json").exists());
    Ok(())
}

/// A project whose sidecar is a link; what it points to is outside.
fn linked(target: &str) -> Answer<Stage> {
    let stage = Stage::new()?;
    fs::write(stage.path("home/outside.md"), "Outside.\n")?;
    stage
        .file("inside.md", "Inside.\n")?
        .link("AGENTS.md", target)
}

#[test]
fn symlink_file() -> Answer<()> {
    for target in ["inside.md", "../home/outside.md"] {
        for mode in ["overwrite", "extend"] {
            let scene = scene(linked(target)?, mode)?;
            let ended = session(&scene, &format!("cat {target}; cat AGENTS.md >&2"))?;
            expect(&ended, 0)?;
            let text = ended.stdout();
            assert!(text == "Inside.\n" || text == "Outside.\n", "{text}");
            assert!(ended.says("# Notes"), "{}", ended.stderr());
            assert_eq!(ended.says(text.trim()), mode == "extend");
            assert_eq!(scene.note("outside.md")?, "Outside.\n");
            scene.expect_clean()?;
        }
    }
    Ok(())
}

#[test]
fn symlink_dangling() -> Answer<()> {
    for mode in ["overwrite", "extend"] {
        let scene = scene(linked("../home/nothing.md")?, mode)?;
        let ended = session(&scene, "cat AGENTS.md; test ! -e ../home/nothing.md")?;
        expect(&ended, 0)?;
        assert_eq!(ended.stdout(), THEIRS);
        assert!(!scene.stage.path("home/nothing.md").exists());
        scene.expect_clean()?;
    }
    Ok(())
}

#[test]
fn hardlink() -> Answer<()> {
    let stage = Stage::new()?.file("AGENTS.md", "Mine.\n")?;
    fs::hard_link(stage.path("project/AGENTS.md"), stage.path("project/twin"))?;
    let scene = scene(stage, "extend")?;
    let ended = session(&scene, "cat twin")?;
    expect(&ended, 0)?;
    assert_eq!(ended.stdout(), "Mine.\n");
    scene.expect_clean()
}

#[test]
fn symlink_dir() -> Answer<()> {
    let stage = Stage::new()?;
    fs::create_dir(stage.path("outside"))?;
    symlink("../outside", stage.path("project/.opencode"))?;
    let scene = scene(stage, "overwrite")?;
    let scene = scene.edit("plan.json", "opencode.json", ".opencode/opencode.json")?;
    let ended = session(&scene, "true")?;
    expect(&ended, 1)?;
    assert!(ended.says("through a symbolic link"), "{}", ended.stderr());
    assert!(fs::read_dir(scene.stage.path("outside"))?.next().is_none());
    scene.expect_clean()
}

/// Expects that a path is refused, as that of a configuration file and of a sidecar,
/// before anything happens: the installer does not even start.
fn refused(path: &str) -> Answer<()> {
    let sidecars = (
        r#""filename":"AGENTS.md""#,
        format!(r#""filename":"{path}""#),
    );
    let files = (r#""path":"opencode.json""#, format!(r#""path":"{path}""#));
    for (from, to) in [sidecars, files] {
        let stage = Stage::new()?.file("AGENTS.md", "Mine.\n")?;
        let more = sidecar("agentsMd", "# Notes\\n", "overwrite");
        let selection = selection("opencode", &["maker/skill"], &more);
        let scene = Scene::new(stage)?
            .plan("plan.json", EDITION, &selection)?
            .edit("plan.json", from, &to)?;
        let ended = session(&scene, "touch ../home/ran")?;
        expect(&ended, 1)?;
        let told = ended.stderr();
        assert!(
            told.contains("plan.sidecars[0]") || told.contains("plan.configFiles[0]"),
            "{told}"
        );
        assert!(
            !scene.stage.path("home/installed").exists(),
            "{path}: too late"
        );
        assert!(!scene.stage.path("home/ran").exists());
        scene.expect_clean()?;
    }
    Ok(())
}

#[test]
fn path_dotdot() -> Answer<()> {
    refused("../escaped.md")
}

#[test]
fn path_nested() -> Answer<()> {
    refused("a/../../escaped.md")
}

#[test]
fn path_backslash() -> Answer<()> {
    refused("a\\\\..\\\\escaped.md")
}

#[test]
fn path_absolute() -> Answer<()> {
    refused("/tmp/escaped.md")
}

#[test]
fn path_empty() -> Answer<()> {
    refused("")
}

#[test]
fn path_nul() -> Answer<()> {
    refused("a\\u0000b")
}

#[test]
fn path_dot() -> Answer<()> {
    refused(".")
}

#[test]
fn path_long() -> Answer<()> {
    refused(&"n".repeat(300))
}

#[test]
fn sidecar_dotdot() -> Answer<()> {
    refused("..")
}

#[test]
fn path_git_hook() -> Answer<()> {
    for path in [".git/hooks/pre-commit", ".GIT/config", "sub/.git/HEAD"] {
        refused(path)?;
    }
    Ok(())
}

/// Carries the plan out over files whose bytes are no UTF-8.
fn bytes(file: &str, bytes: &[u8], mode: &str) -> Answer<()> {
    let scene = scene(Stage::new()?.file(file, bytes)?, mode)?;
    let seen = scene.stage.path("home/seen");
    let ended = session(&scene, &format!("cp {file} ../home/seen"))?;
    expect(&ended, 0)?;
    let seen = fs::read(seen)?;
    assert_eq!(
        seen.starts_with(bytes),
        mode == "extend" && file == "AGENTS.md"
    );
    scene.expect_clean()
}

#[test]
fn non_utf8() -> Answer<()> {
    for mode in ["overwrite", "extend"] {
        bytes("AGENTS.md", b"caf\xe9, as Latin-1 spells it\n", mode)?;
    }
    Ok(())
}

#[test]
fn non_utf8_cfg() -> Answer<()> {
    bytes("opencode.json", b"\xff\xfe{\0}\0", "overwrite")
}

#[test]
fn meta() -> Answer<()> {
    let stage = Stage::new()?.file("AGENTS.md", "Mine.\n")?;
    let path = stage.project().join("AGENTS.md");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o2640))?;
    let old = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000, 123_456_789);
    fs::File::options()
        .write(true)
        .open(&path)?
        .set_modified(old)?;
    if is_root() {
        std::os::unix::fs::chown(&path, Some(1234), Some(4321))?;
    }
    // Owner, mode, time and the very file are compared.
    let scene = scene(stage, "extend")?;
    expect(&session(&scene, "true")?, 0)?;
    scene.expect_clean()?;
    let running = scene.begun("plan.json", "begun", &[])?;
    running.signal("KILL")?;
    running.ended()?;
    scene.call(&["recover"], 0)?;
    scene.expect_clean()
}

/// As a user who may not write everything.
fn plain_session(scene: &Scene) -> Answer<Ended> {
    let call = scene.execute("plan.json", &["true"])?;
    if is_root() {
        // The same owner, without a superuser's rights.
        return call.under("unshare", &["-U"]).run();
    }
    call.run()
}

/// Tells whether rights can be given up here.
fn is_plain_user_possible() -> bool {
    let possible = !is_root() || Stage::can(&["unshare", "-U", "true"]);
    if !possible {
        println!("skipped: root cannot give its rights up here");
    }
    possible
}

#[test]
fn readonly_file() -> Answer<()> {
    if !is_plain_user_possible() {
        return Ok(());
    }
    let stage = Stage::new()?.file("AGENTS.md", "Mine.\n")?;
    set_mode(&stage.project().join("AGENTS.md"), 0o444)?;
    let scene = scene(stage, "overwrite")?;
    let ended = plain_session(&scene)?;
    expect(&ended, 1)?;
    assert!(ended.says("AGENTS.md"), "{}", ended.stderr());
    assert!(ended.says("Permission denied"), "{}", ended.stderr());
    scene.expect_clean()
}

#[test]
fn readonly_dir() -> Answer<()> {
    if !is_plain_user_possible() {
        return Ok(());
    }
    let stage = Stage::new()?.file("AGENTS.md", "Mine.\n")?;
    let project = stage.project();
    let scene = scene(stage, "overwrite")?;
    set_mode(&project, 0o555)?;
    let ended = plain_session(&scene)?;
    set_mode(&project, 0o755)?;
    expect(&ended, 1)?;
    assert!(ended.says("Permission denied"), "{}", ended.stderr());
    scene.expect_clean()
}

fn set_mode(path: &Path, mode: u32) -> Answer<()> {
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[test]
fn mkdirs() -> Answer<()> {
    let scene = scene(Stage::new()?, "overwrite")?;
    let scene = scene.edit("plan.json", "opencode.json", "new/deep/opencode.json")?;
    expect(&session(&scene, "cat new/deep/opencode.json")?, 0)?;
    scene.expect_clean()?;
    // What somebody puts there stays, with the directory that it is in.
    let ended = session(&scene, "echo kept > new/other")?;
    expect(&ended, 0)?;
    assert_eq!(scene.text("new/other")?, "kept\n");
    assert!(!scene.stage.project().join("new/deep").exists());
    Ok(())
}

#[test]
fn relative_cwd() -> Answer<()> {
    let stage = Stage::new()?.file("AGENTS.md", "Mine.\n")?;
    let scene = scene(stage, "overwrite")?;
    let call = |arguments: &[&str]| -> Answer<_> {
        // From the directory above, by a path that leads down.
        let call = scene.stage.call(arguments)?;
        Ok(call.at(scene.stage.path("")))
    };
    let mut arguments = vec!["execute", "plan.json", "-C", "project"];
    arguments.extend(tests::scene::IN_PLACE);
    // Where the agent goes afterwards makes no difference.
    let whole = [&*arguments, &["--", "sh", "-c", "cat AGENTS.md; cd /"]].concat();
    let ended = call(&whole)?.run()?;
    expect(&ended, 0)?;
    assert_eq!(ended.stdout(), THEIRS);
    scene.expect_clean()?;
    let running = call(&[&*arguments, &["--", "agent", "begun"]].concat())?.start()?;
    scene.stage.wait_for("begun")?;
    running.signal("KILL")?;
    running.ended()?;
    expect(&call(&["recover", "-C", "home"])?.run()?, 0)?;
    assert_eq!(scene.text("AGENTS.md")?, THEIRS, "another directory's run");
    expect(&call(&["recover", "-C", "project"])?.run()?, 0)?;
    scene.expect_clean()
}
