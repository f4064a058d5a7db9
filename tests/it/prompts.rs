//! Prompts that no argument could hold.

use std::fs;
use std::os::unix::fs::symlink;

use tests::program::{Stage, stand_in};
use tests::repo::Answer;

/// More than the system takes in one argument.
const BYTES: usize = 300_000;

fn persona(harness: &str) -> String {
    let prompt = "All work and no play. ".repeat(BYTES / 22);
    format!(
        r#"{{"personaId": "talker", "harness": "{harness}", "model": "a/b",
            "systemPrompt": "{prompt}", "harnessSettings": {{"reasoning": "low",
            "timeoutSeconds": 60}}, "permissions": {{"mode": "acceptEdits"}}, "skills": []}}"#
    )
}

#[test]
fn long_prompts_reach_every_harness() -> Answer<()> {
    for harness in ["claude", "codex", "opencode", "grok"] {
        let stage = Stage::new()?.file("x.json", persona(harness))?;
        symlink(stand_in()?, stage.path("bin").join(harness))?;
        let task = format!("{}\nWrite NOTES.md: got it\n", "word ".repeat(BYTES / 5));
        fs::write(stage.path("task"), task)?;
        let task = stage.path("task").display().to_string();
        let ended = stage
            .call(&["run", "x.json", "--json", "--task-file", &task])?
            .env("IS_SANDBOX", "1")
            .run()?;
        let (out, err) = (ended.stdout(), ended.stderr());
        assert_eq!(ended.code(), Some(0), "{harness}: {out}\n{err}");
        let notes = fs::read_to_string(stage.project().join("NOTES.md"))?;
        assert_eq!(notes.trim_end(), "got it", "{harness}");
    }
    Ok(())
}

#[test]
fn a_prompt_that_only_an_argument_could_hold_is_refused() -> Answer<()> {
    let stage = Stage::new()?
        .file("x.json", persona("claude"))?
        .script("claude", "touch \"$HOME/started\"")?;
    let before = stage.snapshot()?;
    let ended = stage
        .call(&["run", "x.json", "--edition", "persona-kit-4"])?
        .run()?;
    assert_eq!(ended.code(), Some(64), "{}", ended.stderr());
    assert!(
        ended.says("of the harness has 299992 bytes"),
        "{}",
        ended.stderr()
    );
    assert_eq!(stage.snapshot()?, before);
    Ok(())
}
