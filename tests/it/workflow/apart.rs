//! Calls that are kept apart, each in a tree of its own.

use std::fs;
use std::process::Command;

use tests::program::{Ended, Stage};
use tests::repo::Answer;
use tests::scene::expect;

/// Writes a file into its tree, and answers where it worked.
const AGENT: &str = "
in=$(cat)
prompt=$(printf '%s' \"$in\" | sed 's/^{\"prompt\":\"\\([^\"]*\\)\".*/\\1/')
echo \"$prompt\" >> \"$HOME/began\"
case $prompt in
  *look*) ;;
  *) echo \"$prompt\" > work.txt; mkdir -p new; echo \"$prompt\" > \"new/$prompt\";;
esac
case $prompt in
  *slow*) sleep 5;;
  *fail*) exit 3;;
esac
pwd
";

const SCRIPT: &str = "\
export const meta = { name: 'apart', description: 'apart' };
const isolation = args?.isolation ?? 'worktree';
return parallel(['a', 'b', 'look'].map((prompt) => () => agent(prompt, { isolation, label: prompt })));
";

struct Desk {
    stage: Stage,
}

impl Desk {
    fn new() -> Answer<Self> {
        let stage = Stage::new()?
            .script("agent", AGENT)?
            .file("work.txt", "the user's\n")?;
        let desk = Self { stage };
        desk.git(&["init", "-q", "-b", "main"])?;
        desk.git(&["add", "."])?;
        desk.git(&[
            "-c",
            "user.name=u",
            "-c",
            "user.email=u@e",
            "commit",
            "-qm",
            "first",
        ])?;
        Ok(desk)
    }

    fn git(&self, arguments: &[&str]) -> Answer<String> {
        let ended = Command::new("git")
            .args(arguments)
            .current_dir(self.stage.project())
            .env("HOME", self.stage.path("home"))
            .output()?;
        if !ended.status.success() {
            return Err(String::from_utf8_lossy(&ended.stderr).into_owned().into());
        }
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }

    fn script(&self, text: &str) -> Answer<()> {
        Ok(fs::write(self.stage.path("home/s.js"), text)?)
    }

    fn call(&self, arguments: &[&str], code: i32) -> Answer<Ended> {
        let all = [&["workflow"], arguments, &["--agent-command", "agent"]].concat();
        let ended = self.stage.call(&all)?.run()?;
        expect(&ended, code).map_err(|error| format!("{arguments:?} {error}"))?;
        Ok(ended)
    }

    fn branches(&self) -> Answer<Vec<String>> {
        let told = self.git(&[
            "for-each-ref",
            "--format=%(refname)",
            "refs/heads/callsheet",
            "refs/callsheet",
        ])?;
        Ok(told.lines().map(String::from).collect())
    }
}

#[test]
fn each_call_has_a_tree_and_what_it_did_is_on_its_branch() -> Answer<()> {
    for isolation in ["worktree", "clone"] {
        let desk = Desk::new()?;
        desk.script(SCRIPT)?;
        let script = desk.stage.path("home/s.js");
        let script = script.to_str().ok_or("no text")?;
        let args = format!("{{\"isolation\":\"{isolation}\"}}");
        let ran = desk.call(&["run", script, "--run-id", "one", "--args", &args], 0)?;
        assert_eq!(
            ran.stdout().matches("/worktrees/").count(),
            3,
            "{}",
            ran.stdout()
        );
        assert!(
            !ran.stdout()
                .contains(&desk.stage.project().display().to_string()),
            "{}",
            ran.stdout()
        );
        // The user's tree is as it was, and git sees nothing new in it.
        assert_eq!(desk.git(&["status", "--porcelain"])?, "");
        assert_eq!(
            fs::read_to_string(desk.stage.project().join("work.txt"))?,
            "the user's\n"
        );
        if isolation == "worktree" {
            let branches = desk.branches()?;
            assert_eq!(branches.len(), 2, "{branches:?}");
            for branch in &branches {
                let files = desk.git(&[
                    "show",
                    "--stat",
                    "--format=%s %(trailers:key=Callsheet-Call,valueonly)",
                    branch,
                ])?;
                assert!(files.contains("new/") && files.contains("/0p["), "{files}");
            }
        }
        // Nothing runs again.
        let began = desk.stage.note("began")?;
        desk.call(&["resume", "one"], 0)?;
        assert_eq!(desk.stage.note("began")?, began);
    }
    Ok(())
}

#[test]
fn what_was_broken_off_is_saved() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("export const meta = { name: 's', description: 's' };\nreturn agent('slow one', { isolation: 'worktree', label: 'slow' });\n")?;
    let script = desk.stage.path("home/s.js");
    let script = script.to_str().ok_or("no text")?;
    let run = [
        "workflow",
        "run",
        script,
        "--agent-command",
        "agent",
        "--run-id",
    ];
    // Killed: the next execution saves it.
    let running = desk
        .stage
        .call(&[&run[..], &["killed"]].concat())?
        .start()?;
    desk.stage.until(|stage| Ok(stage.note("began").is_ok()))?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    running.signal("KILL")?;
    running.ended()?;
    fs::write(
        desk.stage.path("bin/agent"),
        "#!/bin/sh\ncat >/dev/null; echo done\n",
    )?;
    let resumed = desk.call(&["resume", "killed"], 0)?;
    assert!(
        resumed.says("what `slow` had done is kept in refs/callsheet/salvage/"),
        "{}",
        resumed.stderr()
    );
    let saved = desk.branches()?;
    let saved = saved
        .iter()
        .find(|name| name.contains("salvage"))
        .ok_or("nothing saved")?;
    assert_eq!(
        desk.git(&["show", &format!("{saved}:new/slow one")])?,
        "slow one\n"
    );
    assert_eq!(desk.git(&["status", "--porcelain"])?, "");
    Ok(())
}

#[test]
fn a_tree_that_goes_leaves_its_work_where_the_journal_says() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("export const meta = { name: 's', description: 's' };\nreturn agent('a', { isolation: 'worktree', keepWorktree: false });\n")?;
    let script = desk.stage.path("home/s.js");
    let script = script.to_str().ok_or("no text")?;
    desk.call(&["run", script, "--run-id", "gone"], 0)?;
    let journal = desk.stage.path("state/workflows/gone/journal.log");
    let journal = fs::read_to_string(journal)?;
    let refs = journal.split("\"refs\":[\"").nth(1);
    let kept = refs
        .and_then(|rest| rest.split('"').next())
        .ok_or("no reference")?;
    assert!(kept.starts_with("refs/callsheet/salvage/"), "{kept}");
    assert_eq!(desk.git(&["show", &format!("{kept}:new/a")])?, "a\n");
    assert_eq!(desk.git(&["worktree", "list"])?.lines().count(), 1);
    Ok(())
}

#[test]
fn without_a_repository_nothing_is_kept_apart_and_nothing_falls_back() -> Answer<()> {
    let stage = Stage::new()?.script("agent", AGENT)?;
    fs::write(
        stage.path("home/s.js"),
        "export const meta = { name: 's', description: 's' };\nreturn agent('a', { isolation: 'worktree' });\n",
    )?;
    let script = stage.path("home/s.js");
    let script = script.to_str().ok_or("no text")?;
    let ended = stage
        .call(&["workflow", "run", script, "--agent-command", "agent"])?
        .run()?;
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr());
    assert!(
        ended.says("the call cannot be kept apart"),
        "{}",
        ended.stderr()
    );
    assert!(stage.note("began").is_err());
    assert!(!stage.project().join("work.txt").exists());
    Ok(())
}
