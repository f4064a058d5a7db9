//! Installers and what they leave: whose a directory is, and what happens when one fails,
//! hangs, talks too much or is watched by somebody.

use std::fs;
use std::os::unix::fs::symlink;

use tests::program::{Ended, Stage};
use tests::repo::Answer;
use tests::scene::{INSTALLER, Scene, expect, selection, sidecar};

const EDITION: &str = "persona-kit-4";

fn scene(stage: Stage, sources: &[&str]) -> Answer<Scene> {
    let more = sidecar("agentsMd", "# Notes\\n", "overwrite");
    let selection = selection("opencode", sources, &more);
    Scene::new(stage)?.plan("plan.json", EDITION, &selection)
}

fn session(scene: &Scene, script: &str) -> Answer<Ended> {
    scene.execute("plan.json", &["sh", "-c", script])?.run()
}

#[test]
fn skill2_fails() -> Answer<()> {
    let npx = format!("{INSTALLER}\n[ \"$name\" = one ] || {{ echo 'no such package'; exit 7; }}");
    let stage = Stage::new()?
        .script("npx", &npx)?
        .file("AGENTS.md", "Mine.\n")?;
    let scene = scene(stage, &["maker/one", "maker/two"])?;
    let ended = session(&scene, "true")?;
    expect(&ended, 1)?;
    assert!(ended.says("no such package"), "{}", ended.stderr());
    assert!(ended.says("exit 7"), "{}", ended.stderr());
    assert_eq!(scene.note("installed")?, "one\ntwo\n");
    scene.expect_same()
}

#[test]
fn skill_preexisting() -> Answer<()> {
    let stage = Stage::new()?
        .file(".skills/skill/SKILL.md", "Mine.\n")?
        .file(".skills/skill/notes", "Mine too.\n")?;
    let scene = scene(stage, &["maker/skill"])?;
    let ended = session(&scene, "true")?;
    assert!(matches!(ended.code(), Some(0 | 1)), "{}", ended.stderr());
    scene.expect_same()?;
    assert!(ended.says(".skills/skill"), "{}", ended.stderr());
    Ok(())
}

#[test]
fn session_root() -> Answer<()> {
    let stage = Stage::new()?;
    let root = stage.path("root");
    fs::create_dir(&root)?;
    fs::write(root.join("precious"), "Mine.\n")?;
    let before = tests::tree::tree(&root)?;
    let options = format!(r#"{{"installRoot": "{}"}}"#, root.display());
    let selection = selection("claude", &[], "");
    let scene = Scene::new(stage)?.plan_with("plan.json", EDITION, (&selection, &options))?;
    let ended = session(&scene, "cat ../root/.claude-plugin/plugin.json")?;
    expect(&ended, 0)?;
    assert!(ended.stdout().contains("agent-workforce-session"));
    tests::tree::expect_same(&before, &root)?;
    scene.expect_clean()
}

#[test]
fn cleanup_escape() -> Answer<()> {
    for path in ["../home", "/etc", ".", "a/../..", ""] {
        let scene = scene(Stage::new()?, &["maker/one", "maker/two"])?;
        let to = format!(r#""cleanupPaths":["{path}"]"#);
        let scene = scene.edit("plan.json", r#""cleanupPaths":[".skills/two"]"#, &to)?;
        let ended = session(&scene, "true")?;
        assert!(matches!(ended.code(), Some(1 | 77)), "{}", ended.stderr());
        assert!(ended.says("cleanupPaths"), "{path}: {}", ended.stderr());
        assert!(!scene.stage.path("home/installed").exists(), "too late");
        scene.expect_clean()?;
    }
    Ok(())
}

#[test]
fn cleanup_symlink() -> Answer<()> {
    let stage = Stage::new()?;
    fs::create_dir_all(stage.path("outside/skill"))?;
    fs::write(stage.path("outside/skill/precious"), "Mine.\n")?;
    symlink("../outside", stage.path("project/.skills"))?;
    let before = tests::tree::tree(&stage.path("outside"))?;
    let scene = scene(stage, &["maker/skill"])?;
    let ended = session(&scene, "true")?;
    expect(&ended, 1)?;
    assert!(ended.says("through a symbolic link"), "{}", ended.stderr());
    tests::tree::expect_same(&before, &scene.stage.path("outside"))?;
    scene.expect_clean()?;
    // Nor when the link comes later.
    let stage = Stage::new()?;
    fs::create_dir_all(stage.path("outside/skill"))?;
    fs::write(stage.path("outside/skill/SKILL.md"), "Mine.\n")?;
    let scene = self::scene(stage, &["maker/skill"])?;
    let ended = session(&scene, "mv .skills moved; ln -s ../outside .skills")?;
    assert_eq!(
        fs::read_to_string(scene.stage.path("outside/skill/SKILL.md"))?,
        "Mine.\n"
    );
    assert!(ended.says(".skills"), "{}", ended.stderr());
    Ok(())
}

#[test]
fn installer_output() -> Answer<()> {
    let npx = "head -c 300000000 /dev/zero | tr '\\0' 'x'; echo; echo the end; exit 3";
    let scene = scene(Stage::new()?.script("npx", npx)?, &["maker/skill"])?;
    let ended = session(&scene, "true")?;
    expect(&ended, 1)?;
    assert!(ended.stderr().contains("the end"));
    assert!(ended.stderr().len() < 2 << 20, "{}", ended.stderr().len());
    let mut kept = 0;
    for run in tests::sweep::runs(&scene.stage.path("state/runs"))? {
        let logs = scene.stage.path("state/runs").join(run).join("logs");
        for log in fs::read_dir(logs)? {
            kept += log?.metadata()?.len();
        }
    }
    assert!(kept < 100 << 20, "{kept} bytes of logs");
    scene.expect_same()
}

/// An installer that never ends and has made half of a skill.
const ENDLESS: &str = "mkdir -p .skills/skill; echo half > .skills/skill/SKILL.md\n\
    : > \"$HOME/begun\"; exec sleep 1000";

#[test]
fn installer_hang() -> Answer<()> {
    let scene = scene(Stage::new()?.script("npx", ENDLESS)?, &["maker/skill"])?;
    let plan = ["execute", "../plan.json", "--command-timeout", "1"];
    let arguments = [&plan, tests::scene::IN_PLACE, &["--", "true"]].concat();
    let ended = scene.stage.call(&arguments)?.run()?;
    expect(&ended, 1)?;
    assert!(ended.says("took too long"), "{}", ended.stderr());
    scene.expect_same()
}

#[test]
fn installer_sigint() -> Answer<()> {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let scene = scene(Stage::new()?.script("npx", ENDLESS)?, &["maker/skill"])?;
        let running = scene.execute("plan.json", &["true"])?.start()?;
        scene.stage.wait_for("begun")?;
        running.signal(signal)?;
        let ended = running.ended()?;
        expect(&ended, code)?;
        scene.expect_same()?;
    }
    Ok(())
}

#[test]
fn installer_env() -> Answer<()> {
    let npx = format!("env > \"$HOME/env\"\n{INSTALLER}");
    let stage = Stage::new()?
        .script("npx", &npx)?
        .env("ACME_API_KEY", "secret");
    let stage = stage.env("LANG", "C.UTF-8");
    let scene = scene(stage, &["maker/skill"])?;
    expect(&session(&scene, "true")?, 0)?;
    let env = scene.note("env")?;
    assert!(!env.contains("secret"), "{env}");
    for line in [
        "LANG=C.UTF-8",
        &*format!("HOME={}", scene.stage.path("home").display()),
    ] {
        assert!(env.lines().any(|given| given == line), "{line}: {env}");
    }
    scene.expect_clean()
}
