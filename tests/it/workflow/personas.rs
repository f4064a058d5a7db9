//! Personas that work on calls: found, routed to a model, planned, run by real processes with
//! a stand-in for the harness, judged, and taken back.

use std::fs;
use std::os::unix::fs::symlink;

use exec_native::state::StateHome;
use exec_native::workflow::store::{RunFile, read};
use plan_core::base::json::Value;
use plan_core::workflow::identity::Effect;
use plan_core::workflow::record::RunRecord;
use tests::program::{Call, Ended, Stage, stand_in};
use tests::repo::Answer;
use tests::scene::expect;

const HEAD: &str = "export const meta = { name: 's', description: 's' };\n";

/// A persona that writes a sidecar, and may edit.
const WRITER: &str = r##"{
  "id": "writer", "intent": "writing", "tags": ["documentation"], "description": "Writes.",
  "harness": "claude", "model": "sonnet", "systemPrompt": "You write.",
  "harnessSettings": { "reasoning": "low", "timeoutSeconds": 60 },
  "permissions": { "mode": "acceptEdits" },
  "claudeMdContent": "# House\n", "claudeMdMode": "overwrite"
}"##;

/// A persona that can only look.
const READER: &str = r#"{
  "id": "reader", "intent": "review", "tags": ["review"], "description": "Reads.",
  "harness": "codex", "model": "openai/gpt-5.5", "systemPrompt": "You read.",
  "harnessSettings": { "reasoning": "low", "timeoutSeconds": 60 },
  "permissions": { "mode": "plan" }
}"#;

struct Desk {
    stage: Stage,
}

impl Desk {
    fn new() -> Answer<Self> {
        let stage = Stage::new()?
            .file("writer.json", WRITER)?
            .file("reader.json", READER)?;
        for harness in ["claude", "codex", "opencode", "grok"] {
            symlink(stand_in()?, stage.path("bin").join(harness))?;
        }
        Ok(Self { stage })
    }

    fn start(&self, script: &str, more: &[&str]) -> Answer<Call> {
        fs::write(self.stage.project().join("s.js"), format!("{HEAD}{script}"))?;
        let all = [&["workflow", "run", "s.js", "--run-id", "r"], more].concat();
        self.stage.call(&all)
    }

    fn run(&self, script: &str, more: &[&str], code: i32) -> Answer<Ended> {
        let ended = self.start(script, more)?.run()?;
        expect(&ended, code).map_err(|error| format!("{script} {error}"))?;
        Ok(ended)
    }

    fn file(&self) -> Answer<RunFile> {
        let state = StateHome::at(self.stage.path("state"));
        read(&state, "r")?.ok_or_else(|| "there is no run".into())
    }

    /// What was noted as warnings.
    fn warnings(&self) -> Answer<Vec<String>> {
        let records = self.file()?.records.into_iter();
        let warnings = records.filter_map(|record| match record {
            RunRecord::Logged(log) if log.level == "warn" => Some(log.message),
            _ => None,
        });
        Ok(warnings.collect())
    }

    /// The personas of calls as they were planned, by model.
    fn models(&self) -> Answer<Vec<String>> {
        let mut models = Vec::new();
        for entry in fs::read_dir(self.stage.path("state/workflows/r/personas"))? {
            let text = fs::read_to_string(entry?.path())?;
            let persona = plan_core::base::json::read(&text)?;
            if let Some(model) = persona.get_str("model") {
                let thinking = persona.get("harnessSettings");
                let thinking = thinking.and_then(|settings| settings.get_str("reasoning"));
                models.push(format!("{model} {}", thinking.unwrap_or_default()));
            }
        }
        models.sort();
        Ok(models)
    }
}

#[test]
fn every_harness_works_on_calls_and_says_what_it_took() -> Answer<()> {
    for harness in ["claude", "codex", "opencode", "grok"] {
        let desk = Desk::new()?;
        let script = "return agent('Write a.txt: hello\\nSAY it is there')";
        let ended = desk.run(script, &["--harness", harness], 0)?;
        assert_eq!(ended.stdout(), "it is there\n", "{harness}");
        let written = fs::read_to_string(desk.stage.project().join("a.txt"))?;
        assert_eq!(written, "hello\n", "{harness}");
        let file = desk.file()?;
        let spent = file.history.ledger().spent();
        assert!(spent.input > 0 && spent.output > 0, "{harness}: {spent:?}");
        assert_eq!(spent.estimated, None, "{harness}");
        // Its log can be read while it works, and afterwards.
        let log = fs::read_to_string(desk.stage.path("state/workflows/r/logs/1-0-1"))?;
        assert!(log.contains("it is there"), "{harness}: {log}");
        let told = desk
            .stage
            .call(&["workflow", "logs", "r", "--agent", "agent 1"])?;
        assert_eq!(told.run()?.stdout(), log, "{harness}");
    }
    Ok(())
}

#[test]
fn a_call_names_its_persona_and_leaves_no_trace_of_it() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "\
await agent('Write a.txt: one', { agentType: './writer.json' });
return agent('SAY two', { agentType: './reader.json' });";
    let ended = desk.run(script, &[], 0)?;
    assert_eq!(ended.stdout(), "two\n");
    let project = desk.stage.project();
    assert!(project.join("a.txt").exists());
    assert!(!project.join("CLAUDE.md").exists(), "the sidecar was left");
    let effects: Vec<Effect> = desk
        .file()?
        .records
        .iter()
        .filter_map(|record| match record {
            RunRecord::Issued(issued) => Some(issued.effect),
            _ => None,
        })
        .collect();
    assert_eq!(effects, [Effect::Workspace, Effect::Pure]);
    Ok(())
}

#[test]
fn the_model_is_that_which_stands_nearest_to_the_call() -> Answer<()> {
    let desk = Desk::new()?;
    let tiers = r#"{"tiers": {"small": "haiku", "big": "opus"}}"#;
    fs::create_dir(desk.stage.project().join(".callsheet"))?;
    fs::write(desk.stage.project().join(".callsheet/models.json"), tiers)?;
    let script = "\
await agent('SAY a', { model: 'own:max' });
await agent('SAY b', { tier: 'small' });
await agent('SAY c', { tier: 'big', thinking: 'high' });
await agent('SAY d');";
    let arguments = [
        "--harness",
        "claude",
        "--model",
        "usual",
        "--tier",
        "big=opus-5",
    ];
    desk.run(script, &arguments, 0)?;
    let models = ["haiku medium", "opus-5 high", "own high", "usual medium"];
    assert_eq!(desk.models()?, models);
    // Nobody guesses what an unknown tier means.
    let unknown = "return agent('SAY a', { tier: 'huge' })";
    desk.stage.call(&["workflow", "remove", "r"])?.run()?;
    let ended = desk.run(unknown, &["--harness", "claude"], 1)?;
    assert!(ended.says("there is no model for the tier `huge`; known are small, big"));
    Ok(())
}

#[test]
fn an_answer_that_does_not_fit_is_asked_for_again() -> Answer<()> {
    let desk = Desk::new()?;
    let schema =
        "{ type: 'object', required: ['real'], properties: { real: { type: 'boolean' } } }";
    let script = |prompt: &str| format!("return agent('{prompt}', {{ schema: {schema} }})");
    let claude: &[&str] = &["--harness", "claude"];
    let corrected = script("SAY {\"real\": \"yes\"}\\nCORRECT I think {\"real\": true}");
    let ended = desk.run(&corrected, claude, 0)?;
    assert_eq!(ended.stdout(), "{\"real\":true}\n");
    let second = desk.stage.path("state/workflows/r/logs/1-0-1-2");
    assert!(second.exists(), "it was not asked again");
    desk.stage.call(&["workflow", "remove", "r"])?.run()?;

    let stubborn = script("SAY {\"real\": 3}\\nCORRECT {\"real\": 4}");
    let ended = desk.run(&stubborn, claude, 1)?;
    assert!(ended.says("does not fit the schema, after 2 repairs: /real: 4 is not of type"));
    desk.stage.call(&["workflow", "remove", "r"])?.run()?;

    let tried =
        "const t = await agent.try('SAY 1', { schema: { type: 'object' } }); return t.code;";
    let ended = desk.run(tried, claude, 0)?;
    assert_eq!(ended.stdout(), "SCHEMA_NONCOMPLIANCE\n");
    desk.stage.call(&["workflow", "remove", "r"])?.run()?;

    let broken = "return agent('SAY 1', { schema: { type: 'objekt' } })";
    let ended = desk.run(broken, claude, 1)?;
    assert!(ended.says("agent() option schema"));
    assert!(!desk.stage.path("state/workflows/r/logs/1-0-1").exists());
    Ok(())
}

#[test]
fn failures_are_told_apart() -> Answer<()> {
    let desk = Desk::new()?;
    // The provider failed: that may pass, and the script goes on without.
    let script = "\
const failed = await agent.try('FAIL api', { label: 'api' });
const denied = await agent('DENY\\nWrite x.txt: y', { label: 'denied' });
return { ok: failed.ok, code: failed.code, denied: typeof denied };";
    let ended = desk.run(script, &["--harness", "claude"], 0)?;
    let expected = "{\"ok\":false,\"code\":\"AGENT_EXECUTION_ERROR\",\"denied\":\"string\"}\n";
    assert_eq!(ended.stdout(), expected);
    assert_eq!(desk.warnings()?, ["denied: Write"]);
    desk.stage.call(&["workflow", "remove", "r"])?.run()?;

    // Nothing of this would get better by itself: no call is quietly null.
    let cases: [(&str, &[&str], &str); 4] = [
        ("agent('x')", &[], "name a persona with --persona"),
        ("agent('x', { agentType: 'nobody' })", &[], "nobody"),
        (
            "agent('x')",
            &["--harness", "claud"],
            "there is no such harness",
        ),
        ("agent('x')", &["--persona", "./lost.json"], "lost.json"),
    ];
    for (call, arguments, words) in cases {
        let ended = desk.start(&format!("return {call}"), arguments)?.run()?;
        assert_ne!(ended.code(), Some(0), "{call}");
        assert!(ended.says(words), "{call}: {}", ended.stderr());
        desk.stage.call(&["workflow", "remove", "r"])?.run()?;
    }
    fs::remove_file(desk.stage.path("bin/grok"))?;
    let ended = desk.run("return agent('x')", &["--harness", "grok"], 1)?;
    assert!(ended.says("`grok` is not installed"), "{}", ended.stderr());
    Ok(())
}

#[test]
fn a_call_ends_at_its_time_limit_with_all_that_it_began() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "\
const late = await agent.try('SIGN pid\\nHANG', { timeoutMs: 1500, agentType: './writer.json' });
return late.code;";
    let ended = desk.run(script, &[], 0)?;
    assert_eq!(ended.stdout(), "AGENT_TIMEOUT\n");
    let project = desk.stage.project();
    let id = fs::read_to_string(project.join("pid"))?;
    assert!(!lives(id.trim()), "the agent works on");
    assert!(!project.join("CLAUDE.md").exists(), "the sidecar was left");
    Ok(())
}

#[test]
fn an_agent_that_says_nothing_is_ended() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "return (await agent.try('SIGN pid\\nHANG')).code;";
    let ended = desk.run(script, &["--harness", "claude", "--idle-timeout", "1"], 0)?;
    assert_eq!(ended.stdout(), "AGENT_EXECUTION_ERROR\n");
    assert!(
        ended.says("ended after 1 s without an event"),
        "{}",
        ended.stderr()
    );
    let id = fs::read_to_string(desk.stage.project().join("pid"))?;
    assert!(!lives(id.trim()), "the agent works on");
    Ok(())
}

fn lives(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[test]
fn agents_end_with_a_run_that_is_killed_and_it_goes_on_without_being_told_who_works() -> Answer<()>
{
    let desk = Desk::new()?;
    let script = "\
const first = await agent('SAY first');
if (await env('GO') !== 'on') await agent('SIGN pid\\nHANG', { effect: 'pure' });
return first;";
    let arguments = ["--persona", "./writer.json", "--env", "GO"];
    let running = desk.start(script, &arguments)?.start()?;
    let pid = desk.stage.project().join("pid");
    desk.stage
        .until(|_| Ok(fs::read_to_string(&pid).is_ok_and(|id| id.ends_with('\n'))))?;
    let id = fs::read_to_string(&pid)?.trim().to_owned();
    running.signal("KILL")?;
    running.ended()?;
    desk.stage.until(|_| Ok(!lives(&id)))?;
    let sidecar = desk.stage.project().join("CLAUDE.md");
    desk.stage.until(|_| Ok(!sidecar.exists()))?;

    let resumed = desk
        .stage
        .call(&[
            "workflow", "resume", "r", "--env", "GO", "--reuse", "nothing",
        ])?
        .env("GO", "on")
        .run()?;
    expect(&resumed, 0)?;
    assert_eq!(resumed.stdout(), "first\n");
    let named = desk
        .file()?
        .history
        .started()
        .and_then(|started| started.agents.clone());
    let persona = named.and_then(|named| named.persona).unwrap_or_default();
    assert!(persona.ends_with("/writer.json"), "{persona}");
    Ok(())
}

#[test]
fn calls_of_a_thread_see_what_was_said_in_it() -> Answer<()> {
    let desk = Desk::new()?;
    let stage = &desk.stage;
    let agent = stage.path("bin/agent");
    fs::write(
        &agent,
        "#!/bin/sh\ncat >> \"$HOME/asked\"\necho \"answer $(wc -l < \"$HOME/asked\")\"\n",
    )?;
    std::process::Command::new("chmod")
        .arg("+x")
        .arg(&agent)
        .status()?;
    let script = "\
await agent('first', { thread: 't' });
await agent('aside', { thread: 'u' });
return agent('second', { thread: 't' });";
    let command: &[&str] = &["--agent-command", "agent"];
    let ended = desk.run(script, command, 0)?;
    assert_eq!(ended.stdout(), "answer 3\n");
    let asked = desk.stage.note("asked")?;
    let prompts: Vec<Value<'_>> = asked
        .lines()
        .map(plan_core::base::json::read)
        .collect::<Result<_, _>>()?;
    let prompt = |place: usize| prompts[place].get_str("prompt").unwrap_or_default();
    assert_eq!(prompt(0), "first");
    assert_eq!(prompt(1), "aside");
    for part in ["first", "answer 1", "second"] {
        assert!(prompt(2).contains(part), "{}", prompt(2));
    }
    assert!(!prompt(2).contains("aside"));
    // Nothing of it is asked again.
    let resume = ["workflow", "resume", "r", "--agent-command", "agent"];
    let again = desk.stage.call(&resume)?.run()?;
    assert_eq!(again.stdout(), "answer 3\n");
    assert_eq!(desk.stage.note("asked")?, asked);
    desk.stage.call(&["workflow", "remove", "r"])?.run()?;

    let overlap =
        "return parallel([() => agent('a', { thread: 't' }), () => agent('b', { thread: 't' })])";
    let ended = desk.run(overlap, command, 1)?;
    assert!(ended.says("calls of the thread `t` must not overlap"));
    Ok(())
}

#[test]
fn a_call_that_prefers_its_own_tree_works_without_one_and_says_so() -> Answer<()> {
    let desk = Desk::new()?;
    let script = "return agent('Write a.txt: b\\nSAY done', { isolation: 'prefer', label: 'w' })";
    let ended = desk.run(script, &["--harness", "claude"], 0)?;
    assert_eq!(ended.stdout(), "done\n");
    assert!(desk.stage.project().join("a.txt").exists());
    let warnings = desk.warnings()?;
    let [warning] = warnings.as_slice() else {
        return Err(format!("{warnings:?}").into());
    };
    assert!(
        warning.starts_with("w works in the shared tree: "),
        "{warning}"
    );
    Ok(())
}
