//! Results on purpose, through the real binary: what an agent does in a view, and what
//! becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use plan_core::base::json::Value;
use tests::program::{Ended, Stage};
use tests::repo::Answer;

/// A layer where the system allows one, and a copy.
const VIEWS: [&str; 2] = ["auto", "copy"];

/// A project whose plan gives the agent a view and a sidecar.
fn planned() -> Answer<Stage> {
    let selection = r##"{"personaId": "scout", "harness": "claude", "model": "m",
        "systemPrompt": "Look.", "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60},
        "skills": [], "claudeMdContent": "# Notes\n",
        "mount": {"ignoredPatterns": ["secrets/"], "readonlyPatterns": ["locked.txt"]}}"##;
    let stage = Stage::new()?
        .file("x.json", selection)?
        .file("CLAUDE.md", "Mine.\n")?
        .file("a.txt", "a\n")?
        .file("b.txt", "b\n")?;
    let plan = stage.call(&["plan", "x.json", "--json"])?.run()?;
    stage.file("plan.json", plan.stdout())
}

fn expect(ended: &Ended, code: i32) -> Answer<()> {
    if ended.code() == Some(code) && !ended.says("panicked") {
        return Ok(());
    }
    let (came, out, err) = (ended.code(), ended.stdout(), ended.stderr());
    Err(format!("ended with {came:?}, not {code}:\n{out}\n{err}").into())
}

fn data(ended: &Ended) -> Answer<Value<'static>> {
    let envelope = ended.envelope()?;
    let data = envelope.get("data").cloned();
    data.ok_or_else(|| format!("no data: {}", ended.stdout()).into())
}

/// Lets an agent do something in a view, and returns its run.
fn worked(stage: &Stage, script: &str, more: &[&str]) -> Answer<(String, Ended)> {
    let call = stage.call(&["execute", "plan.json", "--json"])?;
    let call = more.iter().fold(call, |call, argument| call.arg(*argument));
    let call = ["--", "sh", "-ec", script]
        .iter()
        .fold(call, |call, argument| call.arg(*argument));
    let ended = call.run()?;
    expect(&ended, 0)?;
    let run = data(&ended)?.get_str("run").ok_or("no run")?.to_owned();
    Ok((run, ended))
}

fn text(stage: &Stage, path: &str) -> Option<String> {
    fs::read_to_string(stage.project().join(path)).ok()
}

/// The paths of a list in an answer, each with its kind.
fn listed(data: &Value<'_>, list: &str) -> Vec<String> {
    let items = data.get(list).and_then(Value::as_array);
    let items = items.unwrap_or_default().iter().map(|item| {
        let kind = item.get_str("kind").unwrap_or("?");
        format!("{kind} {}", item.get_str("path").unwrap_or("?"))
    });
    items.collect()
}

#[test]
fn work_without_an_order_stays_in_its_view_and_comes_back_on_one() -> Answer<()> {
    VIEWS
        .iter()
        .try_for_each(|view| work_without_an_order_stays_in_its_view_and_comes_back_on_one_in(view))
}

fn work_without_an_order_stays_in_its_view_and_comes_back_on_one_in(view: &str) -> Answer<()> {
    let stage = planned()?;
    let before = stage.tree()?;
    let script = "cat CLAUDE.md > seen; echo more >> a.txt; rm b.txt; mkdir -p new/dir hollow;
        echo x > new/dir/file; chmod 755 x.json; ln -s a.txt link";
    let (run, ended) = worked(&stage, script, &["--view", view])?;
    assert_eq!(stage.tree()?, before, "neither work nor persona leaks");
    for command in ["changes", "apply", "discard"] {
        assert!(
            ended.says(&format!("callsheet {command} {run}")),
            "{}",
            ended.stderr()
        );
    }
    let changes = stage.call(&["changes", &run, "--json"])?.run()?;
    expect(&changes, 2)?;
    let expected = [
        "modified a.txt",
        "deleted b.txt",
        "added hollow",
        "added link",
        "added new/dir/file",
        "added seen",
        "mode x.json",
    ];
    assert_eq!(listed(&data(&changes)?, "changes"), expected);
    let shown = stage.call(&["changes", &run])?.run()?;
    expect(&shown, 2)?;
    assert!(
        shown
            .stdout()
            .starts_with("M  a.txt\nD  b.txt\nA  hollow/\n"),
        "{}",
        shown.stdout()
    );
    let dry = stage.call(&["apply", &run, "--dry-run"])?.run()?;
    expect(&dry, 0)?;
    assert_eq!(stage.tree()?, before);
    let applied = stage.call(&["apply", &run, "--json"])?.run()?;
    expect(&applied, 0)?;
    let answer = data(&applied)?;
    assert_eq!(listed(&answer, "applied"), expected);
    assert_eq!(answer.get("viewRemoved"), Some(&Value::Bool(true)));
    assert_eq!(text(&stage, "seen").as_deref(), Some("# Notes\n"));
    assert_eq!(text(&stage, "a.txt").as_deref(), Some("a\nmore\n"));
    assert_eq!(text(&stage, "CLAUDE.md").as_deref(), Some("Mine.\n"));
    let mode = fs::metadata(stage.project().join("x.json"))?
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    expect(&stage.call(&["changes", &run])?.run()?, 64)?;
    let by = answer.get_str("appliedBy").ok_or("no run")?;
    expect(&stage.call(&["revert", by])?.run()?, 0)?;
    assert_eq!(stage.tree()?, before);
    expect(&stage.call(&["revert", by])?.run()?, 64)?;
    Ok(())
}

#[test]
fn work_is_given_up_only_on_purpose() -> Answer<()> {
    let stage = planned()?;
    let before = stage.traces()?;
    let (run, _) = worked(&stage, "echo x > new", &[])?;
    let refused = stage.call(&["discard", &run])?.run()?;
    expect(&refused, 64)?;
    assert!(refused.says("1 added"), "{}", refused.stderr());
    assert!(refused.says(&format!("callsheet discard {run} --yes")));
    expect(&stage.call(&["discard", &run, "--yes"])?.run()?, 0)?;
    assert_eq!(stage.traces()?, before);
    // Nothing was done, so nothing is left.
    worked(&stage, "cat a.txt > /dev/null", &[])?;
    assert_eq!(stage.traces()?, before);
    expect(&stage.call(&["discard", "r-0"])?.run()?, 64)?;
    expect(&stage.call(&["discard", "../x"])?.run()?, 64)
}

#[test]
fn both_versions_are_kept_unless_one_is_named() -> Answer<()> {
    for (policy, code, project) in [
        ("keep-both", 3, "user\n"),
        ("ours", 0, "user\n"),
        ("theirs", 0, "agent\n"),
    ] {
        let stage = planned()?;
        let (run, _) = worked(&stage, "echo agent > a.txt", &[])?;
        // The clock of files is coarse.
        std::thread::sleep(std::time::Duration::from_millis(12));
        let stage = stage.file("a.txt", "user\n")?;
        let changes = data(&stage.call(&["changes", &run, "--json"])?.run()?)?;
        let first = changes
            .get("changes")
            .and_then(|list| list.as_array()?.first());
        let conflict = first.and_then(|change| change.get("conflict"));
        assert_eq!(conflict, Some(&Value::Bool(true)), "{policy}");
        let applied = stage.call(&["apply", &run, "--conflicts", policy])?.run()?;
        expect(&applied, code)?;
        assert_eq!(text(&stage, "a.txt").as_deref(), Some(project), "{policy}");
        let name = format!("a.txt.callsheet-{run}");
        let beside = text(&stage, &name);
        let kept = (policy == "keep-both").then_some("agent\n");
        assert_eq!(beside.as_deref(), kept, "{policy}");
        assert_eq!(applied.says(&name), kept.is_some(), "{}", applied.stderr());
    }
    Ok(())
}

#[test]
fn an_emptied_view_does_not_empty_the_project() -> Answer<()> {
    let stage = planned()?;
    let many = |stage: Stage| -> Answer<Stage> {
        (0..400).try_fold(stage, |stage, number| {
            stage.file(&format!("many/{number}"), "x")
        })
    };
    let stage = many(stage)?;
    let before = stage.tree()?;
    // As a cleaner does it, one by one.
    let reaper = "for n in $(seq 0 299); do rm many/$n; done";
    for (script, more) in [
        (reaper, &[][..]),
        (reaper, &["--live"][..]),
        ("rm -rf ./* || true", &[]),
        ("rm -rf ./* || true", &["--live"]),
    ] {
        let (run, ended) = worked(&stage, script, more)?;
        assert_eq!(stage.tree()?, before, "{script} {more:?}");
        if !more.is_empty() {
            assert!(ended.says("would be deleted"), "{}", ended.stderr());
        }
        let refused = stage.call(&["apply", &run])?.run()?;
        expect(&refused, 77)?;
        assert!(refused.says("--confirm-deletions"), "{}", refused.stderr());
        assert_eq!(stage.tree()?, before);
        expect(&stage.call(&["discard", &run, "--yes"])?.run()?, 0)?;
    }
    let (run, _) = worked(&stage, reaper, &[])?;
    expect(
        &stage.call(&["apply", &run, "--confirm-deletions"])?.run()?,
        0,
    )?;
    assert_eq!(fs::read_dir(stage.project().join("many"))?.count(), 100);
    Ok(())
}

#[test]
fn live_results_lose_no_file_of_a_fresh_nested_directory() -> Answer<()> {
    VIEWS
        .iter()
        .try_for_each(|view| live_results_lose_no_file_of_a_fresh_nested_directory_in(view))
}

fn live_results_lose_no_file_of_a_fresh_nested_directory_in(view: &str) -> Answer<()> {
    let stage = planned()?;
    for round in 0..3 {
        let script = format!(
            "mkdir -p r{round}/b/c; for n in $(seq 30); do echo $n > r{round}/b/c/$n; done"
        );
        worked(&stage, &script, &["--live", "--view", view])?;
        let dir = stage.project().join(format!("r{round}/b/c"));
        assert_eq!(fs::read_dir(dir)?.count(), 30);
    }
    assert_eq!(text(&stage, "CLAUDE.md").as_deref(), Some("Mine.\n"));
    let runs = data(&stage.call(&["runs", "--json"])?.run()?)?;
    let left = runs.get("runs").and_then(Value::as_array);
    assert_eq!(
        left.map(<[_]>::len),
        Some(0),
        "nothing of the user's was replaced"
    );
    Ok(())
}

#[test]
fn a_killed_live_run_leaves_whole_files_and_its_view() -> Answer<()> {
    let stage = planned()?;
    // The agent is a program of its own: it goes on until it is told, whoever dies.
    let script = format!(
        "echo early > early.txt; n=0; while [ ! -e '{0}/stop' ]; do n=$((n+1));
         echo \"$n\" > '{0}/count'; echo late > late.txt; sleep 0.05; done",
        stage.path("home").display()
    );
    let arguments = [
        "execute",
        "plan.json",
        "--live=1",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let running = stage.call(&arguments)?.start()?;
    stage.until(|stage| Ok(text(stage, "early.txt").as_deref() == Some("early\n")))?;
    running.signal("KILL")?;
    stage.leave("stop")?;
    running.end()?;
    assert_eq!(text(&stage, "CLAUDE.md").as_deref(), Some("Mine.\n"));
    let runs = data(&stage.call(&["runs", "--json"])?.run()?)?;
    let runs = runs
        .get("runs")
        .and_then(Value::as_array)
        .unwrap_or_default();
    let dead = runs.iter().find(|run| run.get_str("state") == Some("dead"));
    let id = dead
        .and_then(|run| run.get_str("id"))
        .ok_or("no dead run")?;
    expect(&stage.call(&["recover"])?.run()?, 0)?;
    assert_eq!(text(&stage, "CLAUDE.md").as_deref(), Some("Mine.\n"));
    // A pass that was under way was taken back whole; what had not come back still can.
    let early = text(&stage, "early.txt");
    assert!(
        early.is_none() || early.as_deref() == Some("early\n"),
        "{early:?}"
    );
    let changes = stage.call(&["changes", id, "--json"])?.run()?;
    if changes.code() != Some(64) {
        expect(&stage.call(&["apply", id])?.run()?, 0)?;
    }
    assert_eq!(text(&stage, "early.txt").as_deref(), Some("early\n"));
    assert_eq!(text(&stage, "late.txt").as_deref(), Some("late\n"));
    Ok(())
}

fn git(stage: &Stage, arguments: &[&str]) -> Answer<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(stage.project())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", stage.path("home"))
        .output()?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git {arguments:?}: {stderr}").into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[test]
fn commits_of_an_agent_come_under_a_name_of_their_own() -> Answer<()> {
    VIEWS
        .iter()
        .try_for_each(|view| commits_of_an_agent_come_under_a_name_of_their_own_in(view))
}

fn commits_of_an_agent_come_under_a_name_of_their_own_in(view: &str) -> Answer<()> {
    let stage = planned()?;
    let settings = "[user]\nname = T\nemail = t@example.org\n[init]\ndefaultBranch = main\n";
    fs::write(stage.path("home").join(".gitconfig"), settings)?;
    git(&stage, &["init", "-q"])?;
    git(&stage, &["add", "-A"])?;
    git(&stage, &["commit", "-qm", "first"])?;
    let head = git(&stage, &["rev-parse", "HEAD"])?;
    let script = "echo agent > a.txt; git commit -qm second a.txt";
    let (run, _) = worked(&stage, script, &["--view", view])?;
    let shown = stage.call(&["changes", &run])?.run()?;
    assert!(
        shown.stdout().contains("C  heads/main "),
        "{}",
        shown.stdout()
    );
    expect(&stage.call(&["apply", &run])?.run()?, 0)?;
    assert_eq!(
        git(&stage, &["rev-parse", "HEAD"])?,
        head,
        "the user's branch stays"
    );
    let name = format!("refs/callsheet/{run}/heads/main");
    assert_eq!(git(&stage, &["rev-parse", &format!("{name}^")])?, head);
    assert_eq!(git(&stage, &["status", "--porcelain"])?, "M a.txt");
    assert!(!stage.project().join(".git/FETCH_HEAD").exists());
    let gone = stage.call(&["discard", &run, "--yes"])?.run()?;
    expect(&gone, 0)?;
    assert_eq!(gone.stdout(), format!("removed  {name}\n"));
    assert_eq!(git(&stage, &["for-each-ref", "refs/callsheet"])?, "");
    Ok(())
}

#[test]
fn an_edit_of_the_sidecar_comes_back_without_the_persona() -> Answer<()> {
    let stage = planned()?;
    let (run, _) = worked(&stage, "echo 'learnt' > CLAUDE.md; echo x > y", &[])?;
    let applied = stage.call(&["apply", &run])?.run()?;
    expect(&applied, 0)?;
    assert!(applied.says("stays in the view"), "{}", applied.stderr());
    assert_eq!(text(&stage, "CLAUDE.md").as_deref(), Some("Mine.\n"));
    let applied = stage
        .call(&["apply", &run, "--generated", "--json"])?
        .run()?;
    assert!(
        matches!(applied.code(), Some(0 | 3)),
        "{}",
        applied.stderr()
    );
    let name = format!("CLAUDE.md.callsheet-{run}");
    assert_eq!(text(&stage, &name).as_deref(), Some("learnt\n"));
    assert_eq!(text(&stage, "CLAUDE.md").as_deref(), Some("Mine.\n"));
    Ok(())
}
