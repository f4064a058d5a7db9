//! Git in a view of a project: it sees the project as it was and nothing of what the run
//! wrote there, and what it does reaches nobody else.

use std::path::Path;
use std::process::Command;

use tests::program::{Ended, Stage};
use tests::repo::Answer;

const PERSONA: &str = r##"{"id": "keeper", "intent": "documentation", "tags": ["documentation"],
    "description": "Keeps.", "harness": "opencode", "model": "opencode/gpt-5-nano",
    "systemPrompt": "Keep it true.", "harnessSettings": {"reasoning": "medium", "timeoutSeconds": 60},
    "skills": [], "mount": {"ignoredPatterns": ["PRIVATE/", "*.pem"], "readonlyPatterns": ["docs/**"]},
    "agentsMdContent": "# Rules\n", "agentsMdMode": "extend"}"##;

fn git(dir: &Path, arguments: &[&str]) -> Answer<String> {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@localhost"])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(format!("git {arguments:?}: {error}").into())
}

/// A project with files of every concern, and a plan beside it.
fn filled(stage: Stage) -> Answer<Stage> {
    let stage = stage
        .file("AGENTS.md", "# Notes\n")?
        .file("src/main.rs", "fn main() {}\n")?
        .file("docs/guide.md", "guide\n")?
        .file("private/key", "k\n")?
        .file("tls.pem", "k\n")?
        .file("dist/kept.js", "tracked\n")?
        .file(".gitignore", "/plan.json\n/x.json\n")?
        .file("x.json", PERSONA)?;
    let plan = stage.call(&["plan", "x.json", "--json"])?.run()?;
    stage.file("plan.json", plan.stdout())
}

/// Runs a script in a view of the project.
fn in_view(stage: &Stage, view: &str, script: &str) -> Answer<Ended> {
    let script = format!("set -e; {script}");
    let start = ["-q", "execute", "plan.json", "--view", view];
    stage
        .call(&start)?
        .arg("--")
        .arg("sh")
        .arg("-c")
        .arg(script)
        .run()
}

/// The views that this machine has of this project, besides the project itself.
#[expect(clippy::print_stdout, reason = "says what is skipped")]
fn views(stage: &Stage) -> Answer<Vec<&'static str>> {
    if in_view(stage, "overlay", "true")?.code() == Some(0) {
        return Ok(vec!["copy", "overlay"]);
    }
    println!("skipped: this project gets no overlay here");
    Ok(vec!["copy"])
}

#[test]
fn what_a_run_writes_and_hides_is_not_gits_business() -> Answer<()> {
    let stage = filled(Stage::new()?)?;
    let project = stage.project();
    git(&project, &["init", "-q", "-b", "main"])?;
    let all = ["add", "-A", "-f", "--", ".", ":!plan.json", ":!x.json"];
    git(&project, &all)?;
    git(&project, &["commit", "-qm", "all"])?;
    let before = stage.tree()?;
    for view in views(&stage)? {
        let ended = in_view(
            &stage,
            view,
            "grep -q Rules AGENTS.md; test ! -e private; test ! -e tls.pem; cat dist/kept.js
             git status --porcelain; echo 'fn main() { }' > src/main.rs; echo new > src/new.rs
             mkdir private; echo made > private/key; git add -A
             git diff --cached --name-status; git log --format=%s",
        )?;
        assert_eq!(ended.code(), Some(0), "{view}: {}", ended.stderr());
        let wanted = "tracked\nM\tsrc/main.rs\nA\tsrc/new.rs\nall\n";
        assert_eq!(ended.stdout(), wanted, "{view}");
        assert_eq!(stage.tree()?, before, "{view}: the project was touched");
    }
    Ok(())
}

#[test]
fn git_data_of_its_own_is_no_work_in_a_view() -> Answer<()> {
    let stage = filled(Stage::new()?)?;
    let project = stage.project();
    git(&project, &["init", "-q", "-b", "main"])?;
    git(&project, &["add", "-A"])?;
    git(&project, &["commit", "-qm", "all"])?;
    for view in views(&stage)? {
        let before = stage.traces()?;
        let ended = in_view(&stage, view, "git status --porcelain")?;
        assert_eq!(ended.code(), Some(0), "{view}: {}", ended.stderr());
        assert_eq!(ended.stdout(), "", "{view}");
        assert_eq!(stage.traces()?, before, "{view}: {}", ended.stderr());
    }
    Ok(())
}

#[test]
fn a_commit_in_a_view_of_a_linked_worktree_moves_nothing() -> Answer<()> {
    let stage = Stage::new()?;
    let (main, project) = (stage.path("home/main"), stage.project());
    std::fs::create_dir(&main)?;
    git(&main, &["init", "-q", "-b", "main"])?;
    git(&main, &["commit", "-q", "--allow-empty", "-m", "first"])?;
    let place = project.to_str().ok_or("a path is no text")?;
    git(&main, &["worktree", "add", "-q", "-b", "topic", place])?;
    let stage = filled(stage)?;
    git(&project, &["add", "-A"])?;
    git(&project, &["commit", "-qm", "all"])?;
    let stage = stage
        .file("src/main.rs", "edited\n")?
        .file("untracked", "u\n")?;
    let status = git(
        &project,
        &[
            "status",
            "--porcelain=2",
            "--branch",
            "--untracked-files=all",
        ],
    )?;
    let without_state = |stage: &Stage| -> Answer<_> {
        let mut entries = stage.snapshot()?;
        let state = stage.path("state");
        entries.retain(|path, _| !path.starts_with(&state));
        Ok(entries)
    };
    let before = without_state(&stage)?;
    let data = stage.path("home/main/.git");
    assert!(before.keys().any(|path| path.starts_with(&data)));
    for view in views(&stage)? {
        let ended = in_view(
            &stage,
            view,
            "git status --porcelain=2 --branch --untracked-files=all
             test -d .git; git add -A
             git -c user.name=a -c user.email=a@localhost commit -qm work
             git log --format=%s >&2",
        )?;
        assert_eq!(ended.code(), Some(0), "{view}: {}", ended.stderr());
        assert_eq!(ended.stdout(), status, "{view}");
        let log = ended.stderr();
        assert!(log.contains("work\nall\nfirst"), "{view}: {log}");
        assert_eq!(
            without_state(&stage)?,
            before,
            "{view}: something was touched"
        );
    }
    assert_eq!(git(&project, &["log", "--format=%s"])?, "all\nfirst\n");
    Ok(())
}

#[test]
fn the_callers_git_variables_do_not_redirect_a_view() -> Answer<()> {
    let stage = filled(Stage::new()?)?;
    let project = stage.project();
    git(&project, &["init", "-q", "-b", "main"])?;
    git(&project, &["add", "-A"])?;
    git(&project, &["commit", "-qm", "all"])?;
    let elsewhere = stage.path("home/elsewhere");
    std::fs::create_dir(&elsewhere)?;
    git(&elsewhere, &["init", "-q"])?;
    // A command that the repository configures must not run for us either.
    let trap = format!("touch {}", stage.path("home/ran").display());
    git(&project, &["config", "core.fsmonitor", &trap])?;
    let before = stage.tree()?;
    let held = stage
        .call(&["-q", "execute", "plan.json", "--view", "copy"])?
        .env("GIT_DIR", elsewhere.join(".git"))
        .env("GIT_INDEX_FILE", elsewhere.join("index"))
        .run()?;
    assert_eq!(held.code(), Some(0), "{}", held.stderr());
    assert_eq!(stage.tree()?, before);
    assert!(!elsewhere.join("index").exists());
    assert!(!stage.path("home/ran").exists());
    Ok(())
}
