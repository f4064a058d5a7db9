//! Runs that wait: for a provider that refuses, for a time.

use std::os::unix::fs::symlink;

use exec_native::state::StateHome;
use exec_native::workflow::store::{RunFile, read};
use plan_core::workflow::record::{RunEnd, RunRecord};
use tests::program::{Running, Stage, stand_in};
use tests::repo::Answer;
use tests::scene::expect;

const HEAD: &str = "export const meta = { name: 'w', description: 'Waits' };\n";

fn stage(script: &str) -> Answer<Stage> {
    let stage = Stage::new()?.file("w.js", format!("{HEAD}{script}"))?;
    symlink(stand_in()?, stage.path("bin/claude"))?;
    Ok(stage)
}

fn file(stage: &Stage) -> Answer<RunFile> {
    let state = StateHome::at(stage.path("state"));
    read(&state, "w")?.ok_or_else(|| "there is no run".into())
}

const RUN: [&str; 5] = ["workflow", "run", "w.js", "--run-id", "w"];
const CLAUDE: [&str; 2] = ["--harness", "claude"];

/// Waits until the journal holds a record of a kind.
fn until(stage: &Stage, tag: &str) -> Answer<()> {
    stage.until(|stage| {
        let state = StateHome::at(stage.path("state"));
        let file = read(&state, "w")?;
        Ok(file.is_some_and(|file| file.records.iter().any(|record| record.tag() == tag)))
    })
}

fn begun(stage: &Stage, words: &[&[&str]]) -> Answer<Running> {
    stage.call(&words.concat())?.start()
}

#[test]
fn a_run_that_is_asked_to_waits_for_a_provider_and_goes_on() -> Answer<()> {
    let stage = stage("return [await agent('SAY one'), await agent('FAIL limit 1\\nSAY two')];\n")?;
    let waits: [&str; 3] = ["--wait-for-quota", "--quota-least", "10"];
    let ended = begun(&stage, &[&RUN, &CLAUDE, &waits])?.ended()?;
    expect(&ended, 0)?;
    assert_eq!(ended.stdout(), "[\"one\",\"two\"]\n");
    assert!(
        ended.says("the provider refuses until later: goes on by itself in 1 s"),
        "{}",
        ended.stderr()
    );
    let file = file(&stage)?;
    let ends: Vec<_> = file
        .records
        .iter()
        .filter_map(|record| match record {
            RunRecord::Ended(ended) => Some((ended.end, ended.reason.clone())),
            _ => None,
        })
        .collect();
    let hint = Some("usage_limit: resets in 1s".to_owned());
    assert_eq!(ends, [(RunEnd::Paused, hint), (RunEnd::Completed, None)]);
    // The first answer was paid for once.
    let told = |record: &&RunRecord| matches!(record, RunRecord::Settled(_));
    assert_eq!(file.records.iter().filter(told).count(), 2);
    Ok(())
}

#[test]
fn a_run_that_is_not_asked_to_wait_pauses() -> Answer<()> {
    let stage = stage("return await agent('FAIL limit 7200\\nSAY late');\n")?;
    let ended = begun(&stage, &[&RUN, &CLAUDE])?.ended()?;
    expect(&ended, 4)?;
    assert!(ended.says("paused: usage_limit: resets in 7200s"));
    let resumed = stage.call(&[&["workflow", "resume", "w"][..], &CLAUDE].concat())?;
    let resumed = resumed.run()?;
    expect(&resumed, 0)?;
    assert_eq!(resumed.stdout(), "late\n");
    Ok(())
}

#[test]
fn whoever_waits_for_a_provider_can_be_stopped() -> Answer<()> {
    let stage = stage("return await agent('FAIL limit 7200\\nSAY late');\n")?;
    let running = begun(&stage, &[&RUN, &CLAUDE, &["--wait-for-quota"]])?;
    until(&stage, "run.ended")?;
    running.signal("INT")?;
    let ended = running.ended()?;
    expect(&ended, 4)?;
    let end = file(&stage)?.history.ended().map(|ended| ended.end);
    assert_eq!(end, Some(RunEnd::Paused));
    Ok(())
}

#[test]
fn a_sleep_that_was_cut_off_sleeps_what_is_left() -> Answer<()> {
    let stage = stage("await sleep(2500);\nreturn 'awake';\n")?;
    let work: [&str; 2] = ["--agent-command", "true"];
    let running = begun(&stage, &[&RUN, &work])?;
    until(&stage, "call.attempt")?;
    running.signal("INT")?;
    expect(&running.ended()?, 4)?;
    let resumed = stage.call(&[&["workflow", "resume", "w"][..], &work].concat())?;
    let resumed = resumed.run()?;
    expect(&resumed, 0)?;
    assert_eq!(resumed.stdout(), "awake\n");
    let dues: Vec<_> = file(&stage)?
        .records
        .into_iter()
        .filter_map(|record| match record {
            RunRecord::Attempt(attempt) => attempt.due,
            _ => None,
        })
        .collect();
    assert_eq!(dues.len(), 2);
    assert_eq!(dues.first(), dues.last());
    Ok(())
}
