//! Failure of every system call that changes a file, one at a time: the project is as it
//! was, at once or after recovery, and the error says what went wrong.
#![expect(clippy::print_stdout, reason = "says what was swept")]

use tests::program::Stage;
use tests::repo::Answer;
use tests::scene::{Scene, selection, sidecar};
use tests::sweep::{Point, failed_at, is_possible, points};

/// Lets every call of a plan's life that `concerns` fail in turn.
fn sweep(
    scene: &mut Scene,
    error: &str,
    message: &str,
    concerns: fn(&Point) -> bool,
) -> Answer<()> {
    let call = |scene: &Scene| scene.execute("plan.json", &["true"]);
    let (ended, points) = points(&scene.stage, call(scene)?)?;
    tests::scene::expect(&ended, 0)?;
    let (mut failures, mut incomplete) = (0, 0);
    let points: Vec<Point> = points.into_iter().filter(concerns).collect();
    for point in &points {
        let ended = failed_at(call(scene)?, point, error)?;
        let told = ended.stderr();
        let at = |problem: &str| format!("{error} of {}: {problem}\n{told}", point.line);
        match ended.code() {
            Some(0) => {}
            // What could not be taken back is known, and recovery takes it back.
            Some(6) => incomplete += 1,
            Some(1 | 69) => {
                failures += 1;
                same(scene, point).map_err(|problem| at(&problem.to_string()))?;
            }
            other => return Err(at(&format!("ended with {other:?}")).into()),
        }
        if ended.says("panicked") || (ended.code() != Some(0) && !ended.says(message)) {
            return Err(at("the error does not say what happened").into());
        }
        let recovered = scene.stage.call(&["recover"])?.run()?;
        if recovered.code() != Some(0) {
            return Err(at(&recovered.stderr()).into());
        }
        same(scene, point).map_err(|problem| at(&problem.to_string()))?;
    }
    println!(
        "{error}: {} calls failed; {failures} ended the run, {incomplete} its end",
        points.len()
    );
    assert!(failures >= 10, "only {failures} of {}", points.len());
    Ok(())
}

/// Where no second name can be given, a copy is the backup.
fn same(scene: &mut Scene, point: &Point) -> Answer<()> {
    if point.line.starts_with("link") {
        return scene.expect_alike();
    }
    scene.expect_same()
}

/// A project with a file in the way of each that its plan writes.
fn scene(harness: &str, file: &str, extended: &str) -> Answer<Scene> {
    let stage = Stage::new()?
        .file(file, b"caf\xe9\n")?
        .file("opencode.json", "{}")?
        .file("skills/local/SKILL.md", "Do it well.\n")?;
    let more = sidecar(extended, "# Notes\\n", "extend");
    let sources = ["skills/local/SKILL.md"];
    Scene::new(stage)?.plan(
        "plan.json",
        "persona-kit-4",
        &selection(harness, &sources, &more),
    )
}

#[test]
fn every_write_without_space() -> Answer<()> {
    if !is_possible() {
        return Ok(());
    }
    for (harness, file, extended) in [
        ("opencode", "AGENTS.md", "agentsMd"),
        ("claude", "CLAUDE.md", "claudeMd"),
    ] {
        let mut scene = scene(harness, file, extended)?;
        sweep(
            &mut scene,
            "ENOSPC",
            "No space left on device",
            Point::takes_space,
        )?;
    }
    Ok(())
}

#[test]
fn every_change_with_a_failing_disk() -> Answer<()> {
    if !is_possible() {
        return Ok(());
    }
    let mut scene = scene("opencode", "AGENTS.md", "agentsMd")?;
    sweep(&mut scene, "EIO", "Input/output error", |_| true)
}
