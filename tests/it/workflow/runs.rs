//! Runs of real scripts, in the real engine, with real processes: to their end, killed,
//! paused, damaged, and driven by two.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use exec_native::state::StateHome;
use exec_native::workflow::store::{RunFile, read};
use plan_core::base::json::Value;
use plan_core::workflow::record::{RunEnd, RunRecord};
use tests::program::{Call, Ended, Stage};
use tests::repo::Answer;
use tests::scene::expect;
use tests::toy::Chance;

/// Works on a call: notes the prompt, takes a moment, and answers with what it was asked and
/// something that is never the same twice.
const AGENT: &str = "
in=$(cat)
prompt=$(printf '%s' \"$in\" | sed 's/^{\"prompt\":\"\\([^\"]*\\)\".*/\\1/')
echo \"$prompt\" >> \"$HOME/began\"
case $prompt in
  *fail*) echo 'no luck' >&2; exit 3;;
  *slow*) sleep 5;;
esac
sleep \"${DELAY:-0}\"
printf '{\"result\":\"<%s %s>\",\"usage\":{\"input\":3,\"output\":4,\"cost\":0.5}}' \\
  \"$(echo \"$prompt\" | cut -c1-20)\" \"$$-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \\n')\"
";

pub(super) const PIPELINE: &str = "\
export const meta = { name: 'Pipeline', description: 'Six items through three stages', phases: [{ title: 'Work' }] };
const items = [1, 2, 3, 4, 5, 6];
const all = await pipeline(
  items,
  (item) => agent(`one ${item}`),
  (last, item) => agent(`two ${item} after ${last}`),
  (last, item) => agent(`three ${item} after ${last}`),
);
phase('Sum');
const both = await parallel([() => agent('left'), () => agent('right')]);
return { all, both, sum: await agent(`sum of ${both.join(' and ')}`) };
";

pub(super) struct Desk {
    pub(super) stage: Stage,
}

impl Desk {
    pub(super) fn new() -> Answer<Self> {
        let stage = Stage::new()?.script("agent", AGENT)?;
        Ok(Self { stage })
    }

    pub(super) fn script(&self, name: &str, text: &str) -> Answer<()> {
        Ok(fs::write(self.stage.project().join(name), text)?)
    }

    pub(super) fn call(&self, arguments: &[&str]) -> Answer<Call> {
        self.stage.call(&[&["workflow"], arguments].concat())
    }

    pub(super) fn work(&self, arguments: &[&str]) -> Answer<Call> {
        self.call(&[arguments, &["--agent-command", "agent"]].concat())
    }

    pub(super) fn ask(&self, arguments: &[&str], code: i32) -> Answer<Ended> {
        let ended = self.call(arguments)?.run()?;
        expect(&ended, code).map_err(|error| format!("{arguments:?} {error}"))?;
        Ok(ended)
    }

    pub(super) fn tell(&self, arguments: &[&str], code: i32) -> Answer<Ended> {
        let ended = self.work(arguments)?.run()?;
        expect(&ended, code).map_err(|error| format!("{arguments:?} {error}"))?;
        Ok(ended)
    }

    pub(super) fn began(&self) -> Vec<String> {
        let text = fs::read_to_string(self.stage.path("home/began")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    pub(super) fn forget(&self) {
        fs::remove_file(self.stage.path("home/began")).ok();
    }

    pub(super) fn state(&self) -> StateHome {
        StateHome::at(self.stage.path("state"))
    }

    pub(super) fn file(&self, id: &str) -> Answer<RunFile> {
        Ok(read(&self.state(), id)?.ok_or("no run")?)
    }

    pub(super) fn journal(&self, id: &str) -> PathBuf {
        self.stage
            .path("state/workflows")
            .join(id)
            .join("journal.log")
    }
}

/// How many results of calls are durable.
fn settled(file: &RunFile) -> usize {
    let values = file.history.past().iter();
    values.filter(|past| past.outcome.is_value()).count()
}

#[test]
fn a_run_is_told_kept_and_not_repeated() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("p.js", PIPELINE)?;
    let ran = desk.tell(&["run", "p.js", "--run-id", "one"], 0)?;
    assert_eq!(desk.began().len(), 21);
    assert!(ran.says("147 tokens, $10.5000"), "{}", ran.stderr());
    let shown = desk.ask(&["show", "one"], 0)?.stdout();
    assert!(
        shown.starts_with("one  completed\n  1 executions, 21 calls (0 without a result)"),
        "{shown}"
    );
    let again = desk.tell(&["resume", "one"], 0)?;
    assert_eq!(again.stdout(), ran.stdout());
    assert_eq!(desk.began().len(), 21);
    let listed = desk.ask(&["list", "--json"], 0)?.envelope()?;
    let runs = listed
        .get("data")
        .and_then(|data| data.get("runs")?.as_array());
    assert_eq!(runs.map(<[_]>::len), Some(1));
    assert_eq!(desk.ask(&["logs", "one"], 0)?.stdout(), "# Sum\n");
    // Every record is a line, and the outcome is the last.
    let told = desk.work(&["run", "p.js", "--json"])?.run()?;
    let lines: Vec<String> = told.stdout().lines().map(String::from).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("{\"call.settled\"")),
        "{lines:?}"
    );
    let last = lines.last().ok_or("no lines")?;
    assert!(last.contains("\"end\":\"completed\""), "{last}");
    Ok(())
}

#[test]
fn an_edit_runs_what_it_changed_and_what_comes_after() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("p.js", PIPELINE)?;
    desk.tell(&["run", "p.js", "--run-id", "one"], 0)?;
    desk.forget();
    desk.script(
        "edited.js",
        &PIPELINE.replace("agent('left')", "agent('left again')"),
    )?;
    desk.tell(&["resume", "one", "--script", "edited.js"], 0)?;
    let began = desk.began();
    // The one that was reworded, and the one whose prompt holds its answer.
    assert_eq!(began.len(), 2, "{began:?}");
    assert_eq!(began.first().map(String::as_str), Some("left again"));
    // Taken back, nothing runs.
    desk.forget();
    desk.tell(&["resume", "one", "--script", "p.js"], 0)?;
    assert_eq!(desk.began(), [""; 0]);
    Ok(())
}

/// Kills a run again and again; what is durable is never begun again.
fn killed(script: &str, kills: usize, seed: u64) -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("s.js", script)?;
    let mut chance = Chance::new(seed);
    let (mut dead, mut runs) = (0, 0);
    while dead < kills {
        runs += 1;
        let id = format!("run-{runs}");
        let mut fresh = true;
        let mut patience = 120;
        loop {
            let verb = if fresh {
                ["run", "s.js", "--run-id"]
            } else {
                ["resume", "--concurrency", "4"]
            };
            let before = if fresh {
                BTreeSet::new()
            } else {
                known(&desk.file(&id)?)
            };
            desk.forget();
            let call = desk
                .work(&[&verb[..], &[&id]].concat())?
                .env("DELAY", "0.01");
            let running = call.start()?;
            if dead < kills {
                std::thread::sleep(Duration::from_millis(5 + chance.below(patience)));
                running.signal("KILL").ok();
                // On a busy machine a run must get on all the same.
                patience += 20;
            }
            let ended = running.ended()?;
            for prompt in desk.began() {
                assert!(
                    !before.contains(&prompt),
                    "`{prompt}` was paid for and begun again"
                );
            }
            fresh &= !desk.journal(&id).exists();
            if ended.code().is_none() {
                dead += 1;
            } else {
                assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
                break;
            }
        }
        let file = desk.file(&id)?;
        assert_eq!(
            file.history.ended().map(|ended| ended.end),
            Some(RunEnd::Completed)
        );
        assert_eq!(settled(&file), file.history.calls().len());
    }
    // Nobody is left at work.
    let none = tests::fleets::left_over(&desk.stage.path("").display().to_string())?;
    assert_eq!(none, [""; 0]);
    Ok(())
}

/// The prompts of calls whose result is durable. The answers' nonces make them unique.
fn known(file: &RunFile) -> BTreeSet<String> {
    let mut labels = BTreeMap::new();
    let mut known = BTreeSet::new();
    for record in &file.records {
        match record {
            RunRecord::Issued(issued) => {
                labels.insert((issued.epoch, issued.call), issued.label.clone());
            }
            RunRecord::Settled(settled) => {
                let label = labels.get(&(settled.epoch, settled.call));
                known.extend(label.cloned().flatten());
            }
            _ => {}
        }
    }
    known
}

/// Kills in one test; more with `CALLSHEET_WORKFLOW_KILLS`.
fn kills() -> usize {
    let asked = std::env::var("CALLSHEET_WORKFLOW_KILLS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(250)
}

#[test]
fn a_killed_pipeline_repeats_nothing() -> Answer<()> {
    // Labels are the prompts, so that the journal tells what was paid for.
    let script = "\
export const meta = { name: 'k', description: 'k' };
const call = (prompt) => agent(prompt, { label: prompt });
return await pipeline(
  [1, 2, 3, 4],
  (item) => call(`one ${item}`),
  (last, item) => call(`two ${item} after ${last}`),
  (last, item) => call(`three ${item} after ${last}`),
);
";
    killed(script, kills(), 1)
}

#[test]
fn killed_branches_and_loops_repeat_nothing() -> Answer<()> {
    let script = "\
export const meta = { name: 'k', description: 'k' };
const call = (prompt) => agent(prompt, { label: prompt });
const seen = [];
for (let turn = 0; turn < 3; turn += 1) {
  const both = await parallel([
    () => call(`left ${turn} of ${seen.length}`),
    async () => { const first = await call(`right ${turn}`); return call(`right ${turn} after ${first}`); },
  ]);
  seen.push(await call(`turn ${turn} ${both.join()}`), await random());
}
return seen;
";
    killed(script, kills(), 2)
}

#[test]
fn the_death_of_the_engine_is_no_more_than_a_kill() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("p.js", PIPELINE)?;
    let running = desk
        .work(&["run", "p.js", "--run-id", "one"])?
        .env("DELAY", "0.2")
        .start()?;
    desk.stage.until(|_| Ok(desk.began().len() > 6))?;
    let host = children(running.id(), "__vm-host")?;
    let killed = std::process::Command::new("kill")
        .args(["-9", &host.to_string()])
        .status()?;
    assert!(killed.success());
    let ended = running.ended()?;
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr());
    assert!(
        ended.says("`callsheet workflow resume one` goes on"),
        "{}",
        ended.stderr()
    );
    let paid = settled(&desk.file("one")?);
    desk.forget();
    desk.tell(&["resume", "one"], 0)?;
    assert!(paid > 0);
    assert_eq!(desk.began().len(), 21 - paid);
    Ok(())
}

/// Finds a process that another one has started.
fn children(parent: u32, word: &str) -> Answer<u32> {
    for entry in fs::read_dir("/proc")? {
        let path = entry?.path();
        let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let own = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        if own == Some(parent) && String::from_utf8_lossy(&line).contains(word) {
            let name = path
                .file_name()
                .and_then(|name| name.to_str()?.parse().ok());
            return name.ok_or_else(|| "no number".into());
        }
    }
    Err(format!("{parent} has no {word}").into())
}

#[test]
fn a_pause_is_heard_and_the_rest_is_run_later() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("s.js", "export const meta = { name: 's', description: 's' };\nconst quick = await agent('quick');\nreturn [quick, await agent('slow')];\n")?;
    for (verb, standing) in [("pause", "paused"), ("stop", "stopped")] {
        let running = desk.work(&["run", "s.js", "--run-id", verb])?.start()?;
        desk.stage
            .until(|_| Ok(desk.began().iter().any(|prompt| prompt == "slow")))?;
        let other = desk.work(&["resume", verb])?.run()?;
        assert_eq!(other.code(), Some(5), "{}", other.stderr());
        assert!(other.says("drives the run"), "{}", other.stderr());
        desk.ask(&[verb, verb], 0)?;
        let ended = running.ended()?;
        assert_eq!(ended.code(), Some(4), "{}", ended.stderr());
        let shown = desk.ask(&["show", verb], 0)?.stdout();
        assert!(shown.contains(standing), "{shown}");
        desk.forget();
    }
    // Given up for good.
    desk.ask(&["abandon", "stop"], 0)?;
    let over = desk.work(&["resume", "stop"])?.run()?;
    assert_eq!(over.code(), Some(77), "{}", over.stderr());
    desk.ask(&["remove", "stop"], 0)?;
    let told = desk.ask(&["show", "stop", "--json"], 69)?.envelope()?;
    assert_eq!(told.get("ok"), Some(&Value::Bool(false)));
    Ok(())
}

#[test]
fn a_signal_pauses_a_run() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script(
        "s.js",
        "export const meta = { name: 's', description: 's' };\nreturn agent('slow');\n",
    )?;
    let running = desk.work(&["run", "s.js", "--run-id", "s"])?.start()?;
    desk.stage.until(|_| Ok(!desk.began().is_empty()))?;
    running.signal("INT")?;
    let ended = running.ended()?;
    assert_eq!(ended.code(), Some(4), "{}", ended.stderr());
    assert!(
        ended.says("go on with: callsheet workflow resume s"),
        "{}",
        ended.stderr()
    );
    Ok(())
}

#[test]
fn a_checkpoint_waits_for_a_person() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("c.js", "export const meta = { name: 'c', description: 'c' };\nconst first = await agent('first');\nconst answer = await checkpoint({ kind: 'approval', checkpointId: 'release', payload: { first } });\nreturn { answer, last: await agent('last') };\n")?;
    let paused = desk.tell(&["run", "c.js", "--run-id", "c"], 4)?;
    assert!(paused.says("paused: checkpoint"), "{}", paused.stderr());
    let wrong = desk.ask(&["answer", "c", "relase", "true"], 64)?;
    assert!(wrong.says("it asked: release"), "{}", wrong.stderr());
    desk.ask(&["answer", "c", "release", "{\"go\":true}"], 0)?;
    let other = desk.ask(&["answer", "c", "release", "false"], 77)?;
    assert!(other.says("was answered otherwise"), "{}", other.stderr());
    let ended = desk.tell(&["resume", "c"], 0)?;
    assert!(
        ended
            .stdout()
            .starts_with("{\"answer\":{\"go\":true},\"last\":"),
        "{}",
        ended.stdout()
    );
    assert_eq!(desk.began(), ["first", "last"]);
    Ok(())
}

#[test]
fn limits_hold_over_all_executions_and_can_be_raised() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("b.js", "export const meta = { name: 'b', description: 'b' };\nconst got = [];\nfor (let i = 0; i < 5; i += 1) got.push(await agent(`call ${i}`));\nreturn got.length;\n")?;
    let spent = desk.tell(&["run", "b.js", "--run-id", "b", "--budget", "14"], 1)?;
    assert!(
        spent.says("the run has taken 14 of 14 tokens; raise its budget"),
        "{}",
        spent.stderr()
    );
    let still = desk.tell(&["resume", "b"], 1)?;
    assert!(still.says("14 of 14"), "{}", still.stderr());
    assert_eq!(desk.began().len(), 2);
    desk.ask(&["raise", "b", "--budget", "1000", "--max-agents", "4"], 0)?;
    let most = desk.tell(&["resume", "b"], 1)?;
    assert!(most.says("the run may call 4 agents"), "{}", most.stderr());
    let done = desk.tell(&["resume", "b", "--max-agents", "5"], 0)?;
    assert_eq!(done.stdout(), "5\n");
    assert_eq!(desk.began().len(), 5);
    Ok(())
}

#[test]
fn failures_are_null_and_are_run_again_on_request() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("f.js", "export const meta = { name: 'f', description: 'f' };\nreturn [await agent('please fail'), (await agent.try('fail too')).code];\n")?;
    let ran = desk.tell(&["run", "f.js", "--run-id", "f", "--retries", "1"], 0)?;
    assert_eq!(ran.stdout(), "[null,\"AGENT_EXECUTION_ERROR\"]\n");
    assert!(
        ran.says("the agent ended with 3: no luck"),
        "{}",
        ran.stderr()
    );
    assert_eq!(desk.began().len(), 4);
    desk.tell(&["resume", "f", "--keep-failures"], 0)?;
    assert_eq!(desk.began().len(), 4);
    desk.tell(&["resume", "f", "--retries", "0"], 0)?;
    assert_eq!(desk.began().len(), 6);
    Ok(())
}

#[test]
fn mistakes_in_scripts_are_shown_where_they_are() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("none.js", "const a = 1;\n")?;
    let told = desk.work(&["run", "none.js"])?.run()?;
    assert_eq!(told.code(), Some(1));
    assert!(
        told.says("none.js:1:1") && told.says("╰── here"),
        "{}",
        told.stderr()
    );
    desk.script("throws.js", "export const meta = { name: 't', description: 't' };\n\nconst x = await agent('a');\n  throw new Error('boom');\n")?;
    let told = desk.tell(&["run", "throws.js"], 1)?;
    assert!(
        told.says("throws.js:4:") && told.says("boom"),
        "{}",
        told.stderr()
    );
    let told = desk.tell(&["run", "throws.js", "--args", "{"], 64)?;
    assert!(told.says("--args is no JSON"), "{}", told.stderr());
    desk.script(
        "env.js",
        "export const meta = { name: 'e', description: 'e' };\nreturn env('HOME');\n",
    )?;
    let told = desk.tell(&["run", "env.js"], 1)?;
    assert!(told.says("allow it with --env HOME"), "{}", told.stderr());
    let told = desk.tell(&["run", "env.js", "--env", "API_TOKEN"], 64)?;
    assert!(
        told.says("the name is that of a secret"),
        "{}",
        told.stderr()
    );
    let told = desk.tell(&["run", "env.js", "--env", "HOME"], 0)?;
    assert_eq!(
        told.stdout().trim(),
        desk.stage.path("home").display().to_string()
    );
    Ok(())
}

/// Cuts a journal off at every byte, and changes every byte.
#[test]
fn every_damage_of_a_journal_is_seen() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("s.js", "export const meta = { name: 's', description: 's' };\nlog('begin');\nreturn [await agent('a'), await agent('b')];\n")?;
    desk.tell(&["run", "s.js", "--run-id", "s"], 0)?;
    let path = desk.journal("s");
    let whole = fs::read(&path)?;
    let last = whole.iter().rev().skip(1).position(|byte| *byte == b'\n');
    let last = whole.len() - 1 - last.ok_or("one line")?;
    let first = whole
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or("no line")?;
    let mut results = BTreeSet::new();
    for end in 0..=whole.len() {
        fs::write(&path, &whole[..end])?;
        match read(&desk.state(), "s")? {
            None => assert!(end <= first, "the run is gone at {end}"),
            Some(file) => {
                results.insert(settled(&file));
            }
        }
    }
    assert_eq!(results, BTreeSet::from([0, 1, 2]));
    for place in 0..whole.len() {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(&path, &altered)?;
        let found = read(&desk.state(), "s");
        if place < last || place == whole.len() - 1 {
            // In the middle, or behind a whole record, it is no crash.
            let error = found
                .err()
                .ok_or_else(|| format!("byte {place} was not missed"))?;
            assert!(error.to_string().contains("of the journal"), "{error}");
        } else {
            assert!(
                found?.is_some_and(|file| file.torn_bytes > 0),
                "byte {place}"
            );
        }
    }
    // Cut off anywhere, the run goes on and pays for nothing twice.
    for end in [whole.len() - 1, last, last / 2, last * 3 / 4] {
        fs::write(&path, &whole[..end])?;
        let paid = settled(&desk.file("s")?);
        desk.forget();
        desk.tell(&["resume", "s"], 0)?;
        assert_eq!(desk.began().len(), 2 - paid, "cut at {end}");
    }
    // Damage in the middle is for a person.
    let mut altered = whole.clone();
    altered[last / 2] ^= 1;
    fs::write(&path, &altered)?;
    let told = desk.work(&["resume", "s"])?.run()?;
    assert_eq!(told.code(), Some(6), "{}", told.stderr());
    assert!(
        told.says("callsheet workflow salvage s"),
        "{}",
        told.stderr()
    );
    desk.ask(&["salvage", "s"], 0)?;
    desk.tell(&["resume", "s"], 0)?;
    Ok(())
}

#[test]
fn a_large_result_has_a_file_of_its_own() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("l.js", "export const meta = { name: 'l', description: 'l' };\nconst text = 'x'.repeat(100000);\nconst got = await agent(text);\nreturn { length: got.length, text };\n")?;
    let ran = desk
        .call(&["run", "l.js", "--run-id", "l", "--agent-command", "cat"])?
        .run()?;
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    let again = desk
        .call(&["resume", "l", "--agent-command", "cat"])?
        .run()?;
    assert!(again.stdout() == ran.stdout(), "another result");
    let journal = fs::read_to_string(desk.journal("l"))?;
    assert!(journal.lines().all(|line| line.len() < 33_000));
    // A result that somebody changed is not told.
    let blobs = desk.stage.path("state/workflows/l/blobs");
    for entry in fs::read_dir(blobs)? {
        let path = entry?.path();
        if fs::metadata(&path)?.len() > 50_000 {
            fs::write(&path, "{}")?;
        }
    }
    let told = desk
        .call(&["resume", "l", "--agent-command", "cat"])?
        .run()?;
    assert_eq!(told.code(), Some(6), "{}", told.stderr());
    assert!(told.says("the file was changed"), "{}", told.stderr());
    Ok(())
}

#[test]
fn a_sleep_that_nobody_waits_for_keeps_no_run() -> Answer<()> {
    let head = "export const meta = { name: 's', description: 's' };\nconst s = sleep(600000); await agent('a');\n";
    for (body, code) in [("throw new Error('boom')", 1), ("return 1", 0)] {
        let desk = Desk::new()?;
        desk.script("s.js", &format!("{head}{body}"))?;
        desk.tell(&["run", "s.js", "--run-id", "r"], code)?;
    }
    Ok(())
}

#[test]
fn what_was_answered_needs_no_leave_again() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script(
        "s.js",
        "export const meta = { name: 's', description: 's' };\nreturn await env('WHERE');",
    )?;
    let run = desk.work(&["run", "s.js", "--run-id", "r", "--env", "WHERE"])?;
    let first = run.env("WHERE", "here").run()?;
    assert_eq!(first.stdout(), "here\n");
    let again = desk.tell(&["resume", "r"], 0)?;
    assert_eq!(again.stdout(), "here\n");
    Ok(())
}
