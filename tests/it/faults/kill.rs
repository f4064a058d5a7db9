//! The process that carries a plan out dies or is told to end.

use std::fs;

use tests::program::Stage;
use tests::repo::Answer;
use tests::scene::{Scene, expect, selection, sidecar};
use tests::sweep::{clear_interrupted, is_possible, killed_at, points};

const MINE: &str = "Mine.\n";
const THEIRS: &str = "# Notes\n";

/// A plan that writes a configuration file and a sidecar over files of the user.
fn scene(mode: &str) -> Answer<Scene> {
    let stage = Stage::new()?
        .file("AGENTS.md", MINE)?
        .file("opencode.json", "{}")?;
    let more = sidecar("agentsMd", "# Notes\\n", mode);
    let selection = selection("opencode", &["maker/skill"], &more);
    Scene::new(stage)?.plan("plan.json", "persona-kit-4", &selection)
}

/// Ends the process with a signal that it cannot answer, in the middle of a session.
fn die(scene: &Scene, note: &str, signal: &str) -> Answer<()> {
    let running = scene.begun("plan.json", note, &["cp", "AGENTS.md", "../home/seen"])?;
    running.signal(signal)?;
    assert_eq!(running.ended()?.code(), None);
    Ok(())
}

#[test]
fn kill_between() -> Answer<()> {
    let scene = scene("overwrite")?;
    die(&scene, "begun", "KILL")?;
    assert_eq!(scene.text("AGENTS.md")?, THEIRS);
    scene.call(&["recover"], 0)?;
    scene.expect_clean()?;
    // The next run in the place does it as well.
    die(&scene, "again", "KILL")?;
    let next = scene.execute("plan.json", &["cat", "AGENTS.md"])?.run()?;
    expect(&next, 0)?;
    assert_eq!(next.stdout(), THEIRS);
    assert!(
        next.says("its changes were taken back"),
        "{}",
        next.stderr()
    );
    scene.expect_clean()
}

#[test]
fn kill_rerun_overwrite() -> Answer<()> {
    let scene = scene("overwrite")?;
    die(&scene, "begun", "KILL")?;
    let again = scene.execute("plan.json", &["true"])?.run()?;
    expect(&again, 0)?;
    scene.expect_clean()
}

#[test]
fn kill_rerun_extend() -> Answer<()> {
    let scene = scene("extend")?;
    for note in ["one", "two"] {
        die(&scene, note, "KILL")?;
        assert_eq!(scene.note("seen")?, "Mine.\n\n\n---\n\n# Notes\n");
    }
    let third = scene.execute("plan.json", &["cat", "AGENTS.md"])?.run()?;
    expect(&third, 0)?;
    assert_eq!(third.stdout(), "Mine.\n\n\n---\n\n# Notes\n");
    scene.expect_clean()
}

/// Dies at every system call about the sidecar; `restoring` is whether the agent has run.
fn torn(restoring: bool) -> Answer<()> {
    if !is_possible() {
        return Ok(());
    }
    let scene = scene("overwrite")?;
    let call = || scene.execute("plan.json", &["touch", "../home/ran"]);
    let (_, points) = points(&scene.stage, call()?)?;
    let ran = scene.stage.path("home/ran");
    let (mut old, mut new) = (0, 0);
    for point in &points {
        if ran.exists() {
            fs::remove_file(&ran)?;
        }
        // A program that ends sooner or later makes a difference of a call.
        killed_at(call()?, point)?;
        if ran.exists() == restoring {
            match &*scene.text("AGENTS.md")? {
                MINE => old += 1,
                THEIRS => new += 1,
                text => return Err(format!("{text:?}, killed at {}", point.line).into()),
            }
        }
        scene.call(&["recover"], 0)?;
        clear_interrupted(&scene.stage)?;
        scene.expect_clean()?;
    }
    assert!(old > 5 && new > 5, "{old} old, {new} new");
    Ok(())
}

#[test]
fn torn_write() -> Answer<()> {
    torn(false)
}

#[test]
fn torn_restore() -> Answer<()> {
    torn(true)
}

/// Ends the process with a signal that it answers.
fn signalled(signal: &str, code: i32) -> Answer<()> {
    let scene = scene("overwrite")?;
    let running = scene.begun("plan.json", "begun", &[])?;
    assert_eq!(scene.text("AGENTS.md")?, THEIRS);
    running.signal(signal)?;
    expect(&running.ended()?, code)?;
    scene.expect_clean()
}

#[test]
fn sig_term() -> Answer<()> {
    signalled("TERM", 143)
}

#[test]
fn sig_int() -> Answer<()> {
    signalled("INT", 130)
}

#[test]
fn sig_hup() -> Answer<()> {
    signalled("HUP", 129)
}

#[test]
fn uncaught() -> Answer<()> {
    let scene = scene("overwrite")?;
    for signal in ["ALRM", "USR1"] {
        die(&scene, signal, signal)?;
        scene.call(&["recover"], 0)?;
        scene.expect_clean()?;
    }
    Ok(())
}

/// Tells whether a process runs.
fn lives(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

#[test]
fn kill_install() -> Answer<()> {
    let npx = "mkdir -p .skills/skill; echo half > .skills/skill/SKILL.md\n\
        echo $$ > \"$HOME/pid\"; : > \"$HOME/begun\"\n\
        while :; do sleep 0.01; echo late >> .skills/skill/SKILL.md; done";
    let stage = Stage::new()?.script("npx", npx)?.file("AGENTS.md", MINE)?;
    let selection = selection("opencode", &["maker/skill"], "");
    let scene = Scene::new(stage)?.plan("plan.json", "persona-kit-4", &selection)?;
    let running = scene.execute("plan.json", &["true"])?.start()?;
    scene.stage.wait_for("begun")?;
    running.signal("KILL")?;
    assert_eq!(running.end()?.code(), None);
    fs::write(scene.stage.path("project/.skills/skill/mine"), MINE)?;
    let recovered = scene.stage.call(&["recover"])?.run()?;
    expect(&recovered, 0)?;
    let id = scene.note("pid")?;
    assert!(!lives(&id), "the installer goes on writing");
    scene.expect_same()?;
    // Nobody can tell what of it is the installer's: all of it is kept, and named.
    let said = recovered.stderr();
    let place = said.split("the changed version is ").nth(1);
    let place = place.and_then(|rest| rest.lines().next());
    let place = std::path::PathBuf::from(place.ok_or("no place is named")?);
    assert_eq!(fs::read_to_string(place.join("mine"))?, MINE);
    assert!(fs::read_to_string(place.join("SKILL.md"))?.starts_with("half\n"));
    let cleared = scene.stage.call(&["gc", "--older-than", "0"])?.run()?;
    expect(&cleared, 0)?;
    assert!(
        cleared
            .stdout()
            .contains("what an interrupted installer left"),
        "{}",
        cleared.stdout()
    );
    scene.expect_clean()
}
