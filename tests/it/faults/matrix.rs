//! Death at every system call that changes a file, for every example plan: recovery,
//! which dies once as well, gives the project back to the byte.
#![expect(clippy::print_stdout, reason = "says what was swept")]

use tests::program::Stage;
use tests::repo::{Answer, root};
use tests::scene::{COPY, IN_PLACE, OVERLAY, Scene, has_layers, selection, sidecar};
use tests::sweep::{Sweep, is_possible};

/// Values for what the examples refer to.
const VARIABLES: &[&str] = &[
    "ADVISORY_KEY",
    "AUDIT_KEY",
    "GLOSSARY_TOKEN",
    "INDEX_TOKEN",
    "TRACKER_TOKEN",
];

/// A project that has a file wherever a plan may write one.
fn project() -> Answer<Stage> {
    let mut stage = Stage::new()?
        .file("AGENTS.md", b"caf\xe9, as Latin-1 spells it\n")?
        .file("opencode.json", "{}")?
        .file("src/main.rs", "fn main() {}")?
        .file("skills/local/SKILL.md", "Do it well.\n")?
        .link("CLAUDE.md", "AGENTS.md")?;
    for name in VARIABLES {
        stage = stage.env(name, "value");
    }
    Ok(stage)
}

/// Sweeps over a plan and counts.
fn sweep(scene: &Scene, view: &[&str], least: usize) -> Answer<()> {
    let arguments = [&["execute", "../plan.json"], view, &["--", "true"]].concat();
    let sweep = Sweep {
        stage: &scene.stage,
        arguments: &arguments,
        never_touched: view != IN_PLACE,
    };
    let start = std::time::Instant::now();
    let swept = sweep.run()?;
    scene.expect_clean()?;
    println!(
        "{} points, {} of them records, and {} in recovery; {:.1} s",
        swept.points,
        swept.records,
        swept.recoveries,
        start.elapsed().as_secs_f64()
    );
    assert!(swept.points >= least, "only {} points", swept.points);
    assert!(swept.recoveries >= swept.points / 2, "{swept:?}");
    Ok(())
}

/// Sweeps over the plan of an example in today's edition.
fn example(path: &str, view: &[&str], least: usize) -> Answer<()> {
    if !is_possible() {
        return Ok(());
    }
    let persona = root().join("examples").join(path);
    let persona = persona.to_str().ok_or("no text")?;
    // One of them extends a persona of a team.
    let team = root().join("examples/team");
    let team = team.to_str().ok_or("no text")?;
    let scene = Scene::new(project()?)?.plan_of("plan.json", &[persona, "-C", team])?;
    sweep(&scene, view, least)
}

/// Sweeps over the plan of a selection in persona-kit's edition.
fn recorded(project: Stage, view: &[&str], selection: &str, least: usize) -> Answer<()> {
    if !is_possible() {
        return Ok(());
    }
    let scene = Scene::new(project)?.plan("plan.json", "persona-kit-4", selection)?;
    sweep(&scene, view, least)
}

macro_rules! examples {
    ($($name:ident: $path:literal, $least:literal;)*) => {
        $(
            #[test]
            fn $name() -> Answer<()> {
                example($path, IN_PLACE, $least)
            }
        )*

        /// The examples that are swept, and the points that each has at least.
        const EXAMPLES: &[(&str, usize)] = &[$(($path, $least)),*];
    };
}

examples! {
    announcer: "personas/announcer.json", 20;
    bug_fixer: "personas/bug-fixer.json", 20;
    careful_reviewer: "personas/careful-reviewer.json", 20;
    dependency_auditor: "personas/dependency-auditor.json", 20;
    docs_keeper: "personas/docs-keeper.json", 20;
    planner: "personas/planner.json", 20;
    release_notes: "personas/release-notes.json", 20;
    scout: "personas/scout.json", 20;
    test_writer: "personas/test-writer.json", 20;
    triage: "personas/triage.json", 20;
}

const LEAST: usize = 40;

#[test]
fn recorded_claude_overwrite() -> Answer<()> {
    let more = sidecar("claudeMd", "# Notes\\n", "overwrite");
    recorded(
        project()?,
        IN_PLACE,
        &selection("claude", &[], &more),
        LEAST,
    )
}

#[test]
fn recorded_claude_extend() -> Answer<()> {
    let more = sidecar("claudeMd", "# Notes\\n", "extend");
    let sources = ["skills/local/SKILL.md"];
    recorded(
        project()?,
        IN_PLACE,
        &selection("claude", &sources, &more),
        LEAST,
    )
}

#[test]
fn recorded_codex() -> Answer<()> {
    let more = sidecar("agentsMd", "# Notes\\n", "extend");
    let sources = ["maker/skill", "skills/local/SKILL.md"];
    recorded(
        project()?,
        IN_PLACE,
        &selection("codex", &sources, &more),
        LEAST,
    )
}

#[test]
fn recorded_opencode() -> Answer<()> {
    let more = sidecar("agentsMd", "# Notes\\n", "extend");
    let sources = ["skills/local/SKILL.md"];
    recorded(
        project()?,
        IN_PLACE,
        &selection("opencode", &sources, &more),
        LEAST,
    )
}

#[test]
fn recorded_opencode_in_a_fresh_directory() -> Answer<()> {
    let more = sidecar("agentsMd", "# Notes\\n", "overwrite");
    recorded(
        Stage::new()?,
        IN_PLACE,
        &selection("opencode", &[], &more),
        LEAST,
    )
}

#[test]
fn recorded_grok() -> Answer<()> {
    let more = sidecar("agentsMd", "# Notes\\n", "extend");
    recorded(project()?, IN_PLACE, &selection("grok", &[], &more), LEAST)
}

#[test]
fn layer_of_an_example() -> Answer<()> {
    if !has_layers()? {
        return Ok(());
    }
    example("personas/docs-keeper.json", OVERLAY, 40)
}

#[test]
fn layer_of_a_recorded_plan() -> Answer<()> {
    if !has_layers()? {
        return Ok(());
    }
    let more = sidecar("agentsMd", "# Notes\\n", "extend");
    recorded(project()?, OVERLAY, &selection("grok", &[], &more), LEAST)
}

#[test]
fn copy_of_an_example() -> Answer<()> {
    example("personas/careful-reviewer.json", COPY, 40)
}

/// The plans of persona-kit's edition that are swept.
const RECORDED: usize = 6;

#[test]
fn the_matrix_has_every_example_and_enough_points() -> Answer<()> {
    let mut least = RECORDED * LEAST;
    let mut left: Vec<String> = tests::repo::files("examples/personas", ".json")?;
    for (path, points) in EXAMPLES {
        least += points;
        left.retain(|name| name != &format!("examples/{path}"));
    }
    assert_eq!(left, [""; 0], "examples that are not swept");
    assert!(least >= 300, "only {least} points");
    Ok(())
}
