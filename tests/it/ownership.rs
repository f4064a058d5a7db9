//! Who holds a run: found again by its id, ended from elsewhere, cleared away.

use std::fs;

use plan_core::base::json::Value;
use tests::program::{Ended, Running, Stage};
use tests::repo::Answer;

/// A project with a plan that writes a sidecar.
fn planned() -> Answer<Stage> {
    let selection = r##"{"personaId": "scout", "harness": "claude", "model": "m",
        "systemPrompt": "Look.", "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60},
        "skills": [], "claudeMdContent": "# Notes\n"}"##;
    let stage = Stage::new()?
        .file("x.json", selection)?
        .file("CLAUDE.md", "Mine.\n")?;
    let plan = stage.call(&["plan", "x.json", "--json"])?.run()?;
    stage.file("plan.json", plan.stdout())
}

fn text(stage: &Stage) -> Answer<String> {
    Ok(fs::read_to_string(stage.project().join("CLAUDE.md"))?)
}

fn run_of(ended: &Ended) -> Answer<String> {
    let run = ended.envelope()?;
    let run = run.get("data").and_then(|data| data.get_str("run"));
    Ok(run.ok_or("no run")?.to_owned())
}

/// Starts to hold the plan and returns its run.
fn held(stage: &Stage) -> Answer<(Running, String)> {
    let running = stage.call(&["execute", "plan.json"])?.start()?;
    stage.until(|stage| Ok(text(stage)? == "# Notes\n"))?;
    let runs = stage.call(&["runs", "--json"])?.run()?.envelope()?;
    let runs = runs.get("data").and_then(|data| data.get("runs"));
    let runs = runs.and_then(Value::as_array).unwrap_or_default();
    let [run] = runs else {
        return Err(format!("not one run: {runs:?}").into());
    };
    Ok((running, run.get_str("id").ok_or("no id")?.to_owned()))
}

#[test]
fn a_run_is_ended_from_another_process() -> Answer<()> {
    let stage = planned()?;
    let before = stage.snapshot()?;
    let (running, id) = held(&stage)?;
    let ended = stage.call(&["dispose", &id, "--json"])?.run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert_eq!(text(&stage)?, "Mine.\n", "it waited for the end");
    assert_eq!(running.end()?.code(), Some(143));
    assert_eq!(stage.snapshot()?, before);
    let again = stage.call(&["dispose", &id])?.run()?;
    assert_eq!(again.code(), Some(64));
    assert!(again.says("there is no run"), "{}", again.stderr());
    Ok(())
}

#[test]
fn a_dead_run_is_taken_back_by_its_id() -> Answer<()> {
    let stage = planned()?;
    let before = stage.snapshot()?;
    let (running, id) = held(&stage)?;
    running.signal("KILL")?;
    running.end()?;
    assert_eq!(text(&stage)?, "# Notes\n");
    let ended = stage.call(&["dispose", &id])?.run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert_eq!(stage.snapshot()?, before);
    Ok(())
}

#[test]
fn a_detached_run_outlives_its_caller_until_it_is_disposed() -> Answer<()> {
    let stage = planned()?;
    let before = stage.snapshot()?;
    let call = stage.call(&["execute", "plan.json", "--detach", "--json"])?;
    let ended = call.run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let id = run_of(&ended)?;
    assert_eq!(text(&stage)?, "# Notes\n");
    let ended = stage.call(&["dispose", &id])?.run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert_eq!(stage.snapshot()?, before);
    // What cannot be held says so where it was asked for.
    let failed = stage
        .call(&["execute", "nothing.json", "--detach"])?
        .run()?;
    assert!(failed.says("nothing.json"), "{}", failed.stderr());
    assert_ne!(failed.code(), Some(0));
    Ok(())
}

#[test]
fn a_detached_run_ends_with_the_process_that_it_serves() -> Answer<()> {
    let stage = planned()?;
    let before = stage.snapshot()?;
    let mut served = std::process::Command::new("sleep").arg("60").spawn()?;
    let pid = served.id().to_string();
    let arguments = ["execute", "plan.json", "--detach", "--until-exit", &pid];
    let ended = stage.call(&arguments)?.run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert!(ended.stdout().starts_with("r-"), "{}", ended.stdout());
    assert_eq!(text(&stage)?, "# Notes\n");
    served.kill()?;
    served.wait()?;
    stage.until(|stage| Ok(text(stage)? == "Mine.\n"))?;
    stage.until(|stage| Ok(stage.snapshot().is_ok_and(|now| now == before)))?;
    let gone = stage.call(&["execute", "plan.json", "--until-exit", &pid])?;
    let gone = gone.run()?;
    assert_eq!(gone.code(), Some(64), "{}", gone.stderr());
    Ok(())
}

#[test]
fn a_harness_ends_with_the_process_that_started_the_run() -> Answer<()> {
    let stage = planned()?.script("agent", "touch \"$HOME/started\"; exec sleep 60")?;
    let before = stage.traces()?;
    let mut caller = std::process::Command::new("sleep").arg("60").spawn()?;
    let pid = caller.id().to_string();
    let arguments = ["execute", "plan.json", "--until-exit", &pid, "--", "agent"];
    let running = stage.call(&arguments)?.start()?;
    stage.wait_for("started")?;
    caller.kill()?;
    caller.wait()?;
    assert_eq!(running.end()?.code(), Some(143));
    assert_eq!(stage.traces()?, before);
    Ok(())
}

#[test]
fn an_agent_ends_with_its_run_and_a_run_has_one() -> Answer<()> {
    let stage = planned()?.script("agent", "touch \"$HOME/started\"; exec sleep 60")?;
    let before = stage.traces()?;
    let (running, id) = held(&stage)?;
    let enter = ["enter", &id, "--agent", "--", "agent"];
    let agent = stage.call(&enter)?.start()?;
    stage.wait_for("started")?;
    let second = stage.call(&enter)?.run()?;
    assert_eq!(second.code(), Some(69), "{}", second.stderr());
    assert!(second.says("its agent is at work"), "{}", second.stderr());
    // Nobody is left who could hold the run: recovery ends the agent first.
    running.signal("KILL")?;
    running.end()?;
    let late = stage.call(&enter)?.run()?;
    assert!(late.says("it has died"), "{}", late.stderr());
    let ended = stage.call(&["dispose", &id])?.run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    assert_eq!(agent.end()?.code(), None, "it was killed");
    assert_eq!(text(&stage)?, "Mine.\n");
    assert_eq!(stage.traces()?, before);
    Ok(())
}

#[test]
fn a_second_run_waits_for_the_first_when_it_is_asked_to() -> Answer<()> {
    let stage = planned()?;
    let other = fs::read_to_string(stage.project().join("x.json"))?.replace("Notes", "Other");
    let stage = stage.file("other.json", other)?;
    let plan = stage.call(&["plan", "other.json", "--json"])?.run()?;
    let stage = stage.file("other-plan.json", plan.stdout())?;
    let before = stage.snapshot()?;
    let (first, _) = held(&stage)?;
    let busy = stage.call(&["execute", "other-plan.json"])?.run()?;
    assert_eq!(busy.code(), Some(5), "{}", busy.stderr());
    assert!(busy.says("--wait"), "{}", busy.stderr());
    let patient = [
        "execute",
        "other-plan.json",
        "--wait",
        "--",
        "cat",
        "CLAUDE.md",
    ];
    let second = stage.call(&patient)?.start()?;
    first.end()?;
    let second = second.end()?;
    assert_eq!(second.code(), Some(0), "{}", second.stderr());
    assert_eq!(second.stdout(), "# Other\n");
    assert_eq!(stage.snapshot()?, before);
    Ok(())
}

#[test]
fn what_ended_runs_left_is_cleared_away_on_request() -> Answer<()> {
    let selection = r#"{"personaId": "scout", "harness": "claude", "model": "m",
        "systemPrompt": "Look.", "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60},
        "skills": [{"id": "x", "source": "acme/skill", "description": "d"}]}"#;
    let stage = Stage::new()?
        .file("x.json", selection)?
        .script("claude", "true")?
        .script("npx", "echo it broke; exit 3")?;
    let failed = stage.call(&["run", "x.json", "--no-skill-cache"])?.run()?;
    assert_ne!(failed.code(), Some(0));
    let runs = || -> Answer<usize> {
        let entries = fs::read_dir(stage.path("state/runs"))?;
        let names: Vec<_> = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect();
        let names = names.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(names
            .iter()
            .filter(|name| name.to_string_lossy().starts_with("r-"))
            .count())
    };
    assert_eq!(runs()?, 1, "the log of the failure");
    let young = stage.call(&["gc"])?.run()?;
    assert!(young.stdout().starts_with("stays  "), "{}", young.stdout());
    let dry = stage
        .call(&["gc", "--older-than", "0", "--dry-run"])?
        .run()?;
    assert!(
        dry.stdout().starts_with("would remove  "),
        "{}",
        dry.stdout()
    );
    assert_eq!(runs()?, 1);
    let done = stage.call(&["gc", "--older-than", "0"])?.run()?;
    assert!(done.stdout().starts_with("removed  "), "{}", done.stdout());
    assert_eq!(runs()?, 0);
    Ok(())
}
