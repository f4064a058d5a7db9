//! The work of calls that were kept apart comes together in one branch.

use std::fs;
use std::process::Command;

use tests::program::{Ended, Stage};
use tests::repo::Answer;
use tests::scene::expect;

/// Writes the file that its prompt names.
const AGENT: &str = "
in=$(cat)
prompt=$(printf '%s' \"$in\" | sed 's/^{\"prompt\":\"\\([^\"]*\\)\".*/\\1/')
echo \"$prompt\" >> \"$HOME/began\"
case $prompt in
  nothing) ;;
  *) file=${prompt%% *}; echo \"$prompt\" > \"$file\";;
esac
echo done
";

const HEAD: &str = "export const meta = { name: 'm', description: 'm' };
const work = (prompt) => () => agent(prompt, { isolation: 'worktree', label: prompt });
";

struct Desk {
    stage: Stage,
}

impl Desk {
    fn new() -> Answer<Self> {
        let stage = Stage::new()?.script("agent", AGENT)?.file("a", "user\n")?;
        let desk = Self { stage };
        desk.git(&["init", "-q", "-b", "main"])?;
        desk.git(&["add", "."])?;
        let user = ["-c", "user.name=u", "-c", "user.email=u@e"];
        desk.git(&[&user[..], &["commit", "-qm", "first"]].concat())?;
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

    fn run(&self, script: &str, code: i32) -> Answer<Ended> {
        let path = self.stage.path("home/s.js");
        fs::write(&path, format!("{HEAD}{script}"))?;
        let path = path.to_str().ok_or("no text")?;
        self.call(&["run", path, "--run-id", "r"], code)
    }

    fn call(&self, words: &[&str], code: i32) -> Answer<Ended> {
        let all = [&["workflow"], words, &["--agent-command", "agent"]].concat();
        let ended = self.stage.call(&all)?.run()?;
        expect(&ended, code).map_err(|error| format!("{words:?} {error}"))?;
        Ok(ended)
    }
}

#[test]
fn work_of_several_calls_comes_together_in_a_branch_of_the_run() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "\
await parallel(['b', 'c', 'nothing'].map(work));
const tried = await agent.try('d', { isolation: 'clone' });
const { ok, into, merged, unchanged } = await merge(['b', 'c', 'nothing', tried]);
return { ok, into, merged, unchanged };";
    let ended = desk.run(script, 0)?;
    let told = plan_core::base::json::read(ended.stdout().trim())?.to_owned_value();
    let list = |name: &str| told.get(name).map(plan_core::base::json::print);
    assert_eq!(list("merged").as_deref(), Some("[\"b\",\"c\",\"agent 4\"]"));
    assert_eq!(list("unchanged").as_deref(), Some("[\"nothing\"]"));
    let into = told.get_str("into").ok_or("no branch")?.to_owned();
    let files = desk.git(&["ls-tree", "--name-only", &into])?;
    assert_eq!(files, "a\nb\nc\nd\n");
    let log = desk.git(&[
        "log",
        "--merges",
        "--format=%(trailers:key=Callsheet-Call,valueonly)",
        &into,
    ])?;
    assert_eq!(log.matches("r /").count(), 3, "{log}");
    // The user's tree and branch are as they were.
    assert_eq!(desk.git(&["status", "--porcelain"])?, "");
    assert_eq!(desk.git(&["ls-tree", "--name-only", "main"])?, "a\n");

    // Nothing is merged again when the run goes on.
    let tip = desk.git(&["rev-parse", &into])?;
    let again = desk.call(&["resume", "r"], 0)?;
    assert_eq!(again.stdout(), ended.stdout());
    assert_eq!(desk.git(&["rev-parse", &into])?, tip);
    Ok(())
}

#[test]
fn a_conflict_and_a_refusal_are_told_and_leave_the_branch_alone() -> Answer<()> {
    let desk = Desk::new()?;
    desk.git(&["branch", "next"])?;
    let script = "\
await parallel(['a one', 'a two', 'bad'].map(work));
return merge(['a one', 'a two', 'bad'], { into: 'next', verify: '[ ! -e bad ] || { echo bad is there; exit 2; }' });";
    let ended = desk.run(script, 0)?;
    let told = plan_core::base::json::read(ended.stdout().trim())?.to_owned_value();
    let print = |name: &str| {
        told.get(name)
            .map(plan_core::base::json::print)
            .unwrap_or_default()
    };
    assert_eq!(print("ok"), "false");
    assert_eq!(print("merged"), "[\"a one\"]");
    assert_eq!(
        print("conflicts"),
        "[{\"label\":\"a two\",\"files\":[\"a\"]}]"
    );
    assert!(
        print("rejected").contains("ended with 2: bad is there"),
        "{}",
        print("rejected")
    );
    assert_eq!(desk.git(&["show", "next:a"])?, "a one\n");
    assert_eq!(desk.git(&["ls-tree", "--name-only", "next"])?, "a\n");
    Ok(())
}

#[test]
fn a_branch_that_is_checked_out_waits_for_its_user() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "\
await work('b')();
return (await merge(['b'], { into: 'main' })).waiting;";
    let ended = desk.run(script, 0)?;
    let told = plan_core::base::json::read(ended.stdout().trim())?.to_owned_value();
    let take = told.get_str("take").ok_or("nothing waits")?;
    assert!(!desk.stage.project().join("b").exists());
    let words: Vec<&str> = take.split(' ').skip(1).collect();
    desk.git(&words)?;
    assert!(desk.stage.project().join("b").exists());
    Ok(())
}

#[test]
fn what_cannot_be_merged_is_named() -> Answer<()> {
    let desk = Desk::new()?;
    let cases = [
        (
            "await agent('b', { label: 'b' }); return merge(['b'])",
            "the call /0 has no work of its own",
        ),
        (
            "return merge(['lost'])",
            "merge(): no call has the label lost",
        ),
        (
            "await parallel([work('b'), work('b')]); return merge(['b'])",
            "several calls have the label b",
        ),
        ("return merge('b')", "merge() expects an array"),
        (
            "await work('b')(); return merge(['b'], { into: 'nowhere' })",
            "there is no branch refs/heads/nowhere",
        ),
    ];
    for (script, words) in cases {
        let ended = desk.run(script, 1)?;
        assert!(ended.says(words), "{script}: {}", ended.stderr());
        desk.stage.call(&["workflow", "remove", "r"])?.run()?;
    }
    Ok(())
}

#[test]
fn a_merge_that_is_broken_off_is_made_when_the_run_goes_on() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "\
await work('b')();
const { ok, merged, commit } = await merge(['b'], { verify: 'touch \"$HOME/looked\"; sleep \"${LOOK:-0}\"' });
return { ok, merged, commit: commit.length };";
    let path = desk.stage.path("home/s.js");
    fs::write(&path, format!("{HEAD}{script}"))?;
    let path = path.to_str().ok_or("no text")?;
    let words = [
        "workflow",
        "run",
        path,
        "--run-id",
        "r",
        "--agent-command",
        "agent",
    ];
    let running = desk.stage.call(&words)?.env("LOOK", "20").start()?;
    desk.stage.wait_for("looked")?;
    running.signal("TERM")?;
    expect(&running.ended()?, 4)?;
    let resumed = desk.call(&["resume", "r"], 0)?;
    assert_eq!(
        resumed.stdout(),
        "{\"ok\":true,\"merged\":[\"b\"],\"commit\":40}\n"
    );
    Ok(())
}
