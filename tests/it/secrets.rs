//! Planted secrets are looked for everywhere: plans, journals, logs, output, arguments.

use std::fs;

use tests::program::Stage;
use tests::repo::Answer;

const SECRET: &str = "planted-6f1c0d9b-secret";

/// A persona that needs a secret in its environment, in the environment of a server and in
/// a server's headers.
fn selection(harness: &str) -> String {
    format!(
        r#"{{"personaId": "scout", "harness": "{harness}", "model": "m", "systemPrompt": "Look.",
        "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}}, "skills": [],
        "claudeMdContent": "Notes", "agentsMdContent": "Notes",
        "env": {{"SERVICE_TOKEN": "$PLANTED"}},
        "mcpServers": {{
            "local": {{"type": "stdio", "command": "server", "args": [], "env": {{"TOKEN": "${{PLANTED}}"}}}},
            "remote": {{"type": "http", "url": "https://example.test/mcp",
                "headers": {{"Authorization": "Bearer ${{PLANTED}}"}}}}}}}}"#
    )
}

/// What every stand-in harness does: it notes whether it got the secret, every argument of
/// every process, and every file of the state directory but the private ones.
const AGENT: &str = r#"
env | grep -c "$PLANTED" > "$HOME/got"
for process in /proc/[0-9]*; do tr '\0' '\n' < "$process/cmdline" 2>/dev/null; done > "$HOME/arguments"
find "$CALLSHEET_STATE_HOME" -type f ! -path '*/stage/*' -exec cat {} + > "$HOME/state"
find "$CALLSHEET_STATE_HOME" -path '*/stage/*' -type f ! -perm 600 > "$HOME/open"
[ -n "$FAIL" ] && exit 3
exit 0
"#;

fn holds(text: &str) -> bool {
    text.contains(SECRET)
}

#[test]
fn a_planted_secret_reaches_the_harness_and_nothing_else() -> Answer<()> {
    for harness in ["claude", "codex", "opencode", "grok"] {
        let stage = Stage::new()?
            .file("x.json", selection(harness))?
            .script(harness, AGENT)?
            .script("npx", "echo no; exit 1")?;
        let call = |arguments: &[&str]| -> Answer<_> {
            let call = stage.call(arguments)?.env("PLANTED", SECRET);
            call.env("OTHER_API_KEY", SECRET).run()
        };
        for arguments in [
            &["plan", "x.json"][..],
            &["plan", "x.json", "--json"],
            &["plan", "x.json", "--effects"],
            &["plan", "x.json", "--effects", "--json"],
            &["run", "x.json"],
            &["run", "x.json", "--task", "Look", "--json", "--verbose"],
            &["runs", "--json"],
        ] {
            let ended = call(arguments)?;
            let said = ended.stdout() + &ended.stderr();
            assert!(!said.is_empty(), "{harness} {arguments:?}");
            assert!(!holds(&said), "{harness} {arguments:?}: {said}");
            if arguments[0] != "run" {
                assert_eq!(ended.code(), Some(0), "{said}");
                continue;
            }
            assert_ne!(stage.note("got")?.trim(), "0", "{harness} got it");
            assert!(stage.note("arguments")?.contains(harness));
            for note in ["arguments", "state"] {
                assert!(
                    !holds(&stage.note(note)?),
                    "{harness} {arguments:?}: {note}"
                );
            }
            assert!(stage.note("state")?.contains("actionAnnounced"));
            assert_eq!(
                stage.note("open")?,
                "",
                "{harness}: files that others may read"
            );
        }
        // Nothing of it is left, whatever the file.
        for (path, _) in stage.snapshot()? {
            let text = fs::read(&path).unwrap_or_default();
            let is_own = path.starts_with(stage.path("home"));
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(is_own || !holds(&text), "{}", path.display());
        }
    }
    Ok(())
}

#[test]
fn secrets_that_are_written_out_are_hidden_from_eyes() -> Answer<()> {
    let token = "ghp_0123456789abcdefghijABCDEFGHIJ";
    let selection = selection("claude").replace("$PLANTED", token);
    let stage = Stage::new()?.file("x.json", selection)?;
    for edition in ["2026", "persona-kit-4"] {
        let ended = stage
            .call(&["plan", "x.json", "--edition", edition])?
            .run()?;
        let said = ended.stdout() + &ended.stderr();
        assert_eq!(ended.code(), Some(0), "{said}");
        assert!(!said.contains(token), "{edition}: {said}");
    }
    let warned = stage.call(&["plan", "x.json"])?.run()?;
    assert!(
        warned.says("selection.env.SERVICE_TOKEN holds a secret in clear text"),
        "{}",
        warned.stderr()
    );
    Ok(())
}
