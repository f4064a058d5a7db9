//! Runs at the same time, and ends that go wrong.

use std::fs;
use std::path::Path;

use tests::program::{Running, Stage};
use tests::repo::Answer;
use tests::scene::{IN_PLACE, Scene, expect, selection, sidecar};
use tests::sweep::runs;

const EDITION: &str = "persona-kit-4";
const THEIRS: &str = "# Notes\n";

/// Two plans over one `AGENTS.md`: `plan.json`, and `other.json` with another text.
fn scene() -> Answer<Scene> {
    let stage = Stage::new()?
        .file("AGENTS.md", "Mine.\n")?
        .file("opencode.json", "{}")?;
    let of = |text: &str| {
        let more = sidecar("agentsMd", text, "overwrite");
        selection("opencode", &["maker/skill"], &more)
    };
    Scene::new(stage)?
        .plan("plan.json", EDITION, &of("# Notes\\n"))?
        .plan("other.json", EDITION, &of("# Other\\n"))
}

/// Two runs of one plan, and the end of both in an order.
fn together(first_leaves_first: bool) -> Answer<()> {
    let scene = scene()?;
    let one = scene.begun("plan.json", "one", &[])?;
    let two = scene.begun("plan.json", "two", &[])?;
    let refused = scene.execute("other.json", &["true"])?.run()?;
    expect(&refused, 5)?;
    let (early, late) = if first_leaves_first {
        (one, two)
    } else {
        (two, one)
    };
    expect(&early.end()?, 0)?;
    assert_eq!(scene.text("AGENTS.md")?, THEIRS, "the other still works");
    assert_eq!(scene.text(".skills/skill/SKILL.md")?, "skill skill\n");
    expect(&late.end()?, 0)?;
    scene.expect_clean()
}

#[test]
fn concurrent_fifo() -> Answer<()> {
    together(true)
}

#[test]
fn concurrent_lifo() -> Answer<()> {
    together(false)
}

#[test]
fn concurrent_skills() -> Answer<()> {
    // The skill alone; the first dies, the second goes on, a third comes.
    let scene = Scene::new(Stage::new()?)?.plan(
        "plan.json",
        EDITION,
        &selection("claude", &["maker/skill"], ""),
    )?;
    let skill = ".claude/skills/skill/SKILL.md";
    let dead = scene.begun("plan.json", "dead", &[])?;
    let second = scene.begun("plan.json", "second", &["cat", skill])?;
    dead.signal("KILL")?;
    dead.ended()?;
    scene.call(&["recover"], 0)?;
    assert_eq!(scene.text(skill)?, "skill skill\n");
    let third = scene.begun("plan.json", "third", &["cat", skill])?;
    expect(&second.end()?, 0)?;
    assert_eq!(scene.text(skill)?, "skill skill\n");
    assert_eq!(scene.note("installed")?, "skill\n", "it was installed once");
    expect(&third.end()?, 0)?;
    scene.expect_clean()
}

#[test]
fn dispose_fails() -> Answer<()> {
    let scene = scene()?;
    let running = scene.begun("plan.json", "begun", &[])?;
    // A backup that is not there cannot return.
    let run = runs(&scene.stage.path("state/runs"))?
        .pop()
        .ok_or("no run")?;
    let blobs = scene.stage.path("state/runs").join(run).join("blobs");
    let aside = scene.stage.path("aside");
    fs::create_dir(&aside)?;
    move_all(&blobs, &aside)?;
    let ended = running.end()?;
    expect(&ended, 6)?;
    assert!(ended.says("AGENTS.md"), "{}", ended.stderr());
    assert!(ended.says("opencode.json"), "{}", ended.stderr());
    assert!(ended.says("callsheet recover"), "{}", ended.stderr());
    let recovered = scene.stage.call(&["recover"])?.run()?;
    expect(&recovered, 6)?;
    assert!(recovered.says("AGENTS.md"), "{}", recovered.stderr());
    assert!(blobs.join("../journal.log").exists());
    // Nothing was given up: with the backups everything returns.
    move_all(&aside, &blobs)?;
    scene.call(&["recover"], 0)?;
    scene.expect_clean()
}

fn move_all(from: &Path, to: &Path) -> Answer<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::rename(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

#[test]
fn dispose_concurrent() -> Answer<()> {
    let scene = scene()?;
    let running = scene.begun("plan.json", "begun", &[])?;
    let id = runs(&scene.stage.path("state/runs"))?
        .pop()
        .ok_or("no run")?;
    let asked: Vec<Running> = (0..4)
        .map(|_| scene.stage.call(&["dispose", &id])?.start())
        .collect::<Answer<_>>()?;
    for call in asked {
        let ended = call.ended()?;
        // Whoever comes after the end finds no run.
        assert!(matches!(ended.code(), Some(0 | 64)), "{}", ended.stderr());
        assert_eq!(scene.text("AGENTS.md")?, "Mine.\n", "it returned too early");
    }
    assert_eq!(running.ended()?.code(), Some(143));
    scene.expect_clean()
}

#[test]
fn fifty_processes() -> Answer<()> {
    let mut scene = scene()?;
    for number in 0..5 {
        let name = format!("own-{number}.json");
        scene = scene
            .plan("own.json", EDITION, &selection("opencode", &[], ""))?
            .edit(
                "own.json",
                "\"opencode.json\"",
                &format!("\"own/{number}.json\""),
            )?;
        fs::rename(scene.stage.path("own.json"), scene.stage.path(&name))?;
    }
    // Every second works on the same files as others, and every fifth is killed.
    let start = |number: usize| -> Answer<(usize, Running)> {
        let plan = match number % 2 {
            0 => "../plan.json".to_owned(),
            _ => format!("../own-{}.json", number % 5),
        };
        let mut arguments = vec!["execute", &plan, "--wait"];
        arguments.extend(IN_PLACE);
        arguments.extend(["--", "true"]);
        Ok((number, scene.stage.call(&arguments)?.start()?))
    };
    let all: Vec<_> = (0..50).map(start).collect::<Answer<_>>()?;
    for (number, running) in all {
        if number % 5 == 0 {
            running.signal("KILL")?;
            running.ended()?;
        } else {
            expect(&running.ended()?, 0)?;
        }
    }
    scene.call(&["recover"], 0)?;
    scene.expect_clean()
}
