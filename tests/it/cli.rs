//! The real binary: what it prints, its exit codes, and what it leaves behind.

use std::fs;
use std::process::Command;

use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Value, print};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::options::PlanOptions;
use tests::conformance::digest;
use tests::program::{Call, Ended, Stage, callsheet};
use tests::repo::Answer;

use crate::conformance::folder;

/// A selection that writes a sidecar, and more.
fn selection(more: &str) -> String {
    format!(
        r##"{{"personaId": "scout", "harness": "claude", "model": "m", "systemPrompt": "Look.",
        "harnessSettings": {{"reasoning": "low", "timeoutSeconds": 60}}, "skills": [],
        "claudeMdContent": "# Notes\n"{more}}}"##
    )
}

const PERSONA: &str = r#"{"id": "scout", "intent": "review", "description": "Looks.",
    "harness": "claude", "model": "m", "systemPrompt": "Look.",
    "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60}}"#;

/// A project with a selection and a `CLAUDE.md` of its own.
fn project(more: &str) -> Answer<Stage> {
    Stage::new()?
        .file("x.json", selection(more))?
        .file("CLAUDE.md", "Mine.\n")
}

/// Expects an exit code.
fn expect(ended: &Ended, code: i32) -> Answer<()> {
    if ended.code() == Some(code) && !ended.says("panicked") {
        return Ok(());
    }
    let (came, out, err) = (ended.code(), ended.stdout(), ended.stderr());
    Err(format!("ended with {came:?}, not {code}:\n{out}\n{err}").into())
}

/// The data of a successful envelope.
fn data(ended: &Ended) -> Answer<Value<'static>> {
    let envelope = ended.envelope()?;
    let schema = envelope.get_str("schema") == Some("callsheet/1");
    let right = schema && envelope.get("ok") == Some(&Value::Bool(true));
    let data = envelope.get("data").filter(|_| right).cloned();
    data.ok_or_else(|| format!("no good envelope: {}", ended.stdout()).into())
}

#[test]
fn a_plan_is_printed_to_the_byte() -> Answer<()> {
    let cases = [
        ("", r"{}"),
        (
            r#", "env": {"A": "$B", "C": "${D}"}"#,
            r#"{"processEnv": {"B": "b", "D": "d", "2": "x", "1": "y"}}"#,
        ),
        (
            r#", "inputs": {"TOPIC": "é\u2028"}"#,
            r#"{"inputValues": {"TOPIC": "\ud83d\ude00"}, "envOverrides": {"TOPIC": "o"}}"#,
        ),
        (
            r#", "skills": [{"id": "s", "source": "a/b", "description": "d"}]"#,
            r#"{"installRoot": "/tmp/stage"}"#,
        ),
        (r#", "inputs": {"TOPIC": {}}"#, r"{}"),
        (r#", "harness": "hal""#, r"{}"),
    ];
    for (more, options) in cases {
        let text = selection("").replace(
            r#""claudeMdContent""#,
            r#""rationale": "r", "claudeMdContent""#,
        );
        let text = crate::bad_input::replaced(&text, more.trim_start_matches(", "));
        let stage = Stage::new()?
            .file("x.json", &text)?
            .file("o.json", options)?;
        let arguments = [
            "plan",
            "x.json",
            "--edition",
            "persona-kit-4",
            "--options",
            "o.json",
            "--json",
        ];
        let ended = stage.call(&arguments)?.run()?;
        let (selection, options) = (json::read(&text)?, json::read(options)?);
        let nothing = Object::new();
        let options = PlanOptions::lenient(&options, &nothing);
        match build_persona_spawn_plan(&selection, &options, Edition::PersonaKit4) {
            Ok(plan) => {
                expect(&ended, 0)?;
                assert_eq!(ended.stdout(), print(&plan) + "\n");
            }
            Err(error) => {
                expect(&ended, 1)?;
                let told = ended.stderr();
                let told = json::read(&told)?.to_owned_value();
                assert_eq!(told.get_str("name"), Some(error.class()));
                assert_eq!(told.get_str("message"), Some(&*error.to_string()));
            }
        }
    }
    Ok(())
}

/// Calls the binary on a recorded case, in an empty environment, from some threads.
fn replay(file: &str, least: usize, case: impl Fn(&Value<'_>, &Stage) -> Answer<String> + Sync) {
    let path = folder().join(file);
    let Ok(text) = fs::read_to_string(&path) else {
        // The recordings are not part of the repository.
        return;
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() >= least, "{file} lost cases");
    let complain = |line: &str| -> Answer<Option<String>> {
        let line = json::read(line).map_err(|error| error.to_string())?;
        let stage = Stage::new()?;
        let complaint = case(&line, &stage)?;
        Ok((!complaint.is_empty()).then_some(complaint))
    };
    let mut complaints = Vec::new();
    std::thread::scope(|scope| {
        let parts = lines.chunks(lines.len().div_ceil(4).max(1));
        let threads: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| {
                    let told = part
                        .iter()
                        .map(|line| complain(line).unwrap_or_else(|error| Some(error.to_string())));
                    told.flatten().collect::<Vec<_>>()
                })
            })
            .collect();
        for thread in threads {
            complaints.extend(
                thread
                    .join()
                    .unwrap_or_else(|_| vec!["it panicked".to_owned()]),
            );
        }
    });
    complaints.truncate(10);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The name and message of an error, as JSON.
fn error_of(line: &Value<'_>) -> String {
    line.get("error").map(print).unwrap_or_default() + "\n"
}

#[test]
fn every_recorded_plan_comes_from_the_binary() -> Answer<()> {
    callsheet()?;
    replay("plan.jsonl", 300, |line, stage| {
        let part = |name: &str| line.get(name).map_or_else(|| "{}".to_owned(), print);
        fs::write(stage.project().join("x.json"), part("selection"))?;
        fs::write(stage.project().join("o.json"), part("options"))?;
        let arguments = [
            "plan",
            "x.json",
            "--edition",
            "persona-kit-4",
            "--options",
            "o.json",
            "--json",
        ];
        let ended = stage.call(&arguments)?.bare().run()?;
        let name = line.get_str("case").unwrap_or_default();
        let out = ended.stdout();
        let same = match line.get_str("planJsonSha256") {
            Some(sha) => digest(out.trim_end_matches('\n')) == sha && ended.code() == Some(0),
            None => ended.stderr() == error_of(line) && ended.code() == Some(1),
        };
        Ok(if same {
            String::new()
        } else {
            format!("{name}: {out}{}", ended.stderr())
        })
    });
    Ok(())
}

#[test]
fn every_recorded_parse_comes_from_the_binary() -> Answer<()> {
    callsheet()?;
    replay("parse.jsonl", 50, |line, stage| {
        let input = line.get("input").map(print).unwrap_or_default();
        fs::write(stage.project().join("x.json"), input)?;
        let intent = line.get_str("expectedIntent").unwrap_or_default();
        let arguments = [
            "persona",
            "parse",
            "x.json",
            "--edition",
            "persona-kit-4",
            "--json",
            "--intent",
        ];
        let ended = stage.call(&arguments)?.arg(intent).bare().run()?;
        let same = if line.get("ok") == Some(&Value::Bool(true)) {
            let value = line.get("value").map(print).unwrap_or_default() + "\n";
            ended.stdout() == value && ended.code() == Some(0)
        } else {
            ended.stderr() == error_of(line) && ended.code() == Some(1)
        };
        let name = line.get_str("persona").unwrap_or_default();
        let told = || format!("{name}: {}{}", ended.stdout(), ended.stderr());
        Ok(if same { String::new() } else { told() })
    });
    Ok(())
}

#[test]
fn a_plan_is_shown_to_people_and_programs() -> Answer<()> {
    let stage = project("")?;
    let before = stage.snapshot()?;
    let shown = stage.call(&["plan", "x.json"])?.run()?;
    expect(&shown, 0)?;
    for part in ["scout on claude", "CLAUDE.md", "system.md", "edition 2026"] {
        assert!(shown.stdout().contains(part), "{part}: {}", shown.stdout());
    }
    let effects = stage.call(&["plan", "x.json", "--effects"])?.run()?;
    expect(&effects, 0)?;
    assert!(effects.stdout().lines().count() > 3, "{}", effects.stdout());
    let json = data(
        &stage
            .call(&["plan", "x.json", "--effects", "--json"])?
            .run()?,
    )?;
    let actions = json.get("actions").and_then(Value::as_array);
    let lines = effects.stdout().lines().count();
    assert_eq!(actions.map(<[_]>::len), Some(lines));
    assert_eq!(stage.snapshot()?, before, "a plan touches nothing");
    Ok(())
}

#[test]
fn personas_are_listed_shown_and_checked() -> Answer<()> {
    let stage = Stage::new()?
        .file(".agentworkforce/workforce/personas/scout.json", PERSONA)?
        .file("bad.json", PERSONA.replace("low", "lwo"))?;
    let call = |arguments: &[&str]| stage.call(arguments)?.run();
    let listed = call(&["persona", "list"])?;
    expect(&listed, 0)?;
    assert!(listed.stdout().contains("scout"), "{}", listed.stdout());
    data(&call(&["persona", "list", "--json"])?)?;
    let shown = data(&call(&["persona", "show", "scout", "--json"])?)?;
    assert_eq!(shown.get_str("id"), Some("scout"));
    expect(&call(&["persona", "show", "scout", "--selection"])?, 0)?;
    expect(&call(&["persona", "validate", "scout"])?, 0)?;
    data(&call(&["persona", "validate", "scout", "--json"])?)?;
    let bad = call(&["persona", "validate", "bad.json", "--json"])?;
    expect(&bad, 1)?;
    assert_eq!(bad.envelope()?.get("ok"), Some(&Value::Bool(false)));
    for arguments in [
        &["persona", "schema"] as &[_],
        &["persona", "schema", "agent"],
    ] {
        let schema = call(arguments)?;
        expect(&schema, 0)?;
        assert!(json::read(&schema.stdout())?.get("$schema").is_some());
    }
    let unknown = call(&["plan", "scuot"])?;
    expect(&unknown, 1)?;
    assert!(
        unknown.says("did you mean `scout`?"),
        "{}",
        unknown.stderr()
    );
    Ok(())
}

#[test]
fn the_machine_is_looked_at() -> Answer<()> {
    let stage = Stage::new()?.script("claude", "echo '9.9.9 (Claude Code)'")?;
    let call = |arguments: &[&str]| stage.call(arguments)?.run();
    let doctor = data(&call(&["doctor", "--json"])?)?;
    let harnesses = doctor
        .get("harnesses")
        .and_then(Value::as_array)
        .unwrap_or_default();
    let found = |name| {
        harnesses
            .iter()
            .find(|harness| harness.get_str("name") == Some(name))
    };
    let (claude, codex) = (found("claude"), found("codex"));
    assert_eq!(
        claude.and_then(|it| it.get_str("version")),
        Some("9.9.9 (Claude Code)")
    );
    let remark = codex
        .and_then(|it| it.get_str("remark"))
        .unwrap_or_default();
    assert!(remark.contains("npm install"), "{remark}");
    for command in ["runs", "recover"] {
        let answer = data(&call(&[command, "--json"])?)?;
        assert_eq!(
            answer.get("runs").and_then(Value::as_array).map(<[_]>::len),
            Some(0)
        );
        expect(&call(&[command])?, 0)?;
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = call(&["completions", shell])?;
        expect(&script, 0)?;
        assert!(script.stdout().contains("callsheet"), "{shell}");
    }
    Ok(())
}

#[test]
fn every_command_helps_with_examples() -> Answer<()> {
    let stage = Stage::new()?;
    let commands: [&[&str]; 19] = [
        &[],
        &["plan"],
        &["run"],
        &["execute"],
        &["runs"],
        &["recover"],
        &["changes"],
        &["apply"],
        &["discard"],
        &["revert"],
        &["persona"],
        &["persona", "list"],
        &["persona", "show"],
        &["persona", "parse"],
        &["persona", "validate"],
        &["persona", "schema"],
        &["doctor"],
        &["completions"],
        &["--quiet", "plan"],
    ];
    for command in commands {
        let help = stage.call(command)?.arg("--help").run()?;
        expect(&help, 0)?;
        let out = help.stdout();
        assert!(
            out.contains("xample"),
            "{command:?} shows no example:\n{out}"
        );
    }
    let version = stage.call(&["--version"])?.run()?;
    assert!(
        version.stdout().starts_with("callsheet "),
        "{}",
        version.stdout()
    );
    Ok(())
}

#[test]
fn colours_and_closed_pipes_do_no_harm() -> Answer<()> {
    let stage = project(r#", "memory": true"#)?;
    let plain =
        |ended: &Ended| !ended.stderr().contains('\u{1b}') && !ended.stdout().contains('\u{1b}');
    for call in [
        stage.call(&["plan", "gone.json"])?,
        stage.call(&["plan", "x.json"])?.env("NO_COLOR", "1"),
    ] {
        assert!(plain(&call.run()?));
    }
    for arguments in [
        "plan x.json --json",
        "plan x.json",
        "completions zsh",
        "--help",
        "doctor",
    ] {
        let line = format!("\"$0\" {arguments} | head -c1 >/dev/null");
        let output = Command::new("sh")
            .args(["-c", &line])
            .arg(callsheet()?)
            .current_dir(stage.project())
            .env("CALLSHEET_STATE_HOME", stage.path("state"))
            .output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("panicked"), "{arguments}: {told}");
    }
    Ok(())
}

/// A harness that notes what it sees and then does as it is told.
fn harness(then: &str) -> String {
    format!(
        "case \"$1\" in --version) echo 2.1.0; exit;; esac\n\
         cat CLAUDE.md > \"$HOME/seen\"; printf '%s\\n' \"$@\" > \"$HOME/args\"\n{then}"
    )
}

/// A harness that goes on until it is told to stop.
const ENDLESS: &str = "trap 'echo term > \"$HOME/signal\"; exit 7' TERM\n\
    trap 'echo int > \"$HOME/signal\"; exit 8' INT\n\
    trap 'echo hup > \"$HOME/signal\"; exit 9' HUP\n\
    : > \"$HOME/ready\"\n\
    while [ ! -e \"$HOME/stop\" ]; do sleep 0.02; done";

#[test]
fn a_run_returns_the_harness_s_own_code_and_leaves_nothing() -> Answer<()> {
    for (then, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
    ] {
        let stage = project("")?.script("claude", &harness(then))?;
        let before = stage.traces()?;
        let ended = stage
            .call(&["run", "x.json", "--", "--resume", "a b"])?
            .run()?;
        expect(&ended, code)?;
        assert_eq!(stage.note("seen")?, "# Notes\n");
        assert!(
            stage.note("args")?.ends_with("--resume\na b\n"),
            "{}",
            stage.note("args")?
        );
        assert_eq!(stage.traces()?, before, "{then}");
    }
    Ok(())
}

/// Starts a run whose harness waits.
fn waiting(stage: &Stage, call: Call) -> Answer<tests::program::Running> {
    let running = call.start()?;
    stage.wait_for("ready").map(|()| running)
}

#[test]
fn signals_reach_the_harness_and_leave_nothing() -> Answer<()> {
    for (signal, note, code) in [
        ("TERM", "term\n", 7),
        ("INT", "int\n", 8),
        ("HUP", "hup\n", 9),
    ] {
        let stage = project("")?.script("claude", &harness(ENDLESS))?;
        let before = stage.traces()?;
        let running = waiting(&stage, stage.call(&["run", "x.json"])?)?;
        running.signal(signal)?;
        let ended = running.end()?;
        expect(&ended, code)?;
        assert_eq!(stage.note("signal")?, note);
        assert_eq!(stage.traces()?, before, "{signal}");
    }
    Ok(())
}

#[test]
fn signals_while_a_plan_is_carried_out_take_it_back() -> Answer<()> {
    let skill = r#", "skills": [{"id": "s", "source": "maker/skill", "description": "d"}]"#;
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let text = crate::bad_input::replaced(&selection(""), skill.trim_start_matches(", "));
        let stage = project("")?
            .file("x.json", text)?
            .script("claude", &harness("exit 0"))?
            .script(
                "npx",
                ": > \"$HOME/ready\"\nwhile [ ! -e \"$HOME/stop\" ]; do sleep 0.02; done",
            )?;
        let before = stage.tree()?;
        let running = waiting(&stage, stage.call(&["run", "x.json"])?)?;
        running.signal(signal)?;
        let ended = running.end()?;
        stage.leave("stop")?;
        expect(&ended, code)?;
        assert!(stage.note("seen").is_err(), "the harness was started");
        assert_eq!(stage.tree()?, before, "{signal}");
    }
    Ok(())
}

#[test]
fn a_failed_plan_is_taken_back() -> Answer<()> {
    let skill = r#""skills": [{"id": "s", "source": "maker/skill", "description": "d"}]"#;
    let text = crate::bad_input::replaced(&selection(""), skill);
    let stage = project("")?
        .file("x.json", text)?
        .script("claude", &harness("exit 0"))?
        .script("npx", "echo no such package >&2; exit 4")?;
    let before = stage.tree()?;
    let ended = stage.call(&["run", "x.json"])?.run()?;
    expect(&ended, 1)?;
    assert!(ended.says("no such package"), "{}", ended.stderr());
    assert_eq!(stage.tree()?, before);
    Ok(())
}

#[test]
fn a_saved_plan_is_executed() -> Answer<()> {
    let stage = project("")?;
    let plan = stage.call(&["plan", "x.json", "--json"])?.run()?;
    let stage = stage.file("plan.json", plan.stdout())?;
    let before = stage.traces()?;
    let with = stage
        .call(&[
            "execute",
            "plan.json",
            "--",
            "sh",
            "-c",
            "cat CLAUDE.md; exit 4",
        ])?
        .run()?;
    expect(&with, 4)?;
    assert_eq!(with.stdout(), "# Notes\n");
    assert_eq!(stage.traces()?, before);
    let held = stage.call(&["execute", "plan.json", "--json"])?.run()?;
    expect(&held, 0)?;
    let out = held.stdout();
    let clean = out.lines().last().map(json::read).transpose()?;
    let clean = clean
        .as_ref()
        .and_then(|line| line.get("data")?.get("clean"));
    assert_eq!(clean, Some(&Value::Bool(true)), "{out}");
    assert_eq!(stage.traces()?, before);
    let missing = stage
        .call(&["execute", "plan.json", "--", "no-such-program"])?
        .run()?;
    expect(&missing, 69)?;
    let held = stage.call(&["execute", "plan.json"])?.start()?;
    held.signal("TERM")?;
    held.end()?;
    assert_eq!(stage.traces()?, before);
    Ok(())
}

#[test]
fn two_runs_do_not_mix_in_one_directory() -> Answer<()> {
    let other = selection("").replace("Notes", "Other notes");
    let stage = project("")?
        .file("other.json", other)?
        .script("claude", &harness(ENDLESS))?;
    let plan = stage.call(&["plan", "x.json", "--json"])?.run()?;
    let stage = stage.file("plan.json", plan.stdout())?;
    let before = stage.traces()?;
    let first = waiting(&stage, stage.call(&["run", "x.json"])?)?;
    let second = stage.call(&["run", "other.json"])?.run()?;
    expect(&second, 5)?;
    // The same persona again writes what is there already.
    let same = stage.call(&["execute", "plan.json", "--", "cat", "CLAUDE.md"])?;
    let same = same.run()?;
    expect(&same, 0)?;
    assert_eq!(same.stdout(), "# Notes\n");
    let listed = data(&stage.call(&["runs", "--json"])?.run()?)?;
    let states: Vec<_> = listed
        .get("runs")
        .and_then(Value::as_array)
        .unwrap_or_default()
        .iter()
        .map(|run| run.get_str("state"))
        .collect();
    assert_eq!(states, [Some("live")]);
    stage.leave("stop")?;
    expect(&first.end()?, 0)?;
    assert_eq!(stage.traces()?, before);
    Ok(())
}

#[test]
fn a_killed_run_is_taken_back_by_recover() -> Answer<()> {
    let stage = project("")?.script("claude", &harness(ENDLESS))?;
    let before = stage.traces()?;
    let running = waiting(&stage, stage.call(&["run", "x.json"])?)?;
    running.signal("KILL")?;
    stage.leave("stop")?;
    running.end()?;
    let doctor = stage.call(&["doctor"])?.run()?;
    expect(&doctor, 6)?;
    let reports = data(&stage.call(&["recover", "--json"])?.run()?)?;
    let runs = reports
        .get("runs")
        .and_then(Value::as_array)
        .unwrap_or_default();
    assert_eq!(
        runs.first().and_then(|run| run.get("recovered")),
        Some(&Value::Bool(true))
    );
    assert_eq!(stage.traces()?, before);
    expect(&stage.call(&["doctor"])?.run()?, 0)?;
    Ok(())
}

/// Lets a run die.
fn killed(stage: &Stage) -> Answer<()> {
    let running = waiting(stage, stage.call(&["run", "x.json"])?)?;
    running.signal("KILL")?;
    stage.leave("stop")?;
    running.end().map(drop)
}

#[test]
fn recover_takes_the_directory_that_it_is_in() -> Answer<()> {
    let stage = project("")?.script("claude", &harness(ENDLESS))?;
    let before = stage.traces()?;
    killed(&stage)?;
    expect(&stage.call(&["recover", "-C", "nowhere"])?.run()?, 64)?;
    expect(&stage.call(&["recover", "-C", "."])?.run()?, 0)?;
    assert_eq!(stage.traces()?, before);
    Ok(())
}

#[test]
fn a_damaged_run_is_set_aside_and_told_of_once() -> Answer<()> {
    let stage = project("")?.script("claude", &harness(ENDLESS))?;
    killed(&stage)?;
    let runs = fs::read_dir(stage.path("state/runs"))?;
    let runs: Vec<_> = runs.collect::<Result<_, _>>()?;
    let run = runs.iter().find(|run| run.file_name() != ".gate");
    let run = run.ok_or("no run")?;
    let journal = run.path().join("journal.log");
    let text = fs::read_to_string(&journal)?;
    fs::write(&journal, text.replacen('{', "[", 1))?;
    let told = stage.call(&["recover"])?.run()?;
    expect(&told, 6)?;
    let aside = stage.path("state/damaged").join(run.file_name());
    assert!(told.says(&aside.display().to_string()), "{}", told.stderr());
    assert!(aside.join("journal.log").exists());
    expect(&stage.call(&["recover"])?.run()?, 0)?;
    expect(&stage.call(&["doctor"])?.run()?, 0)?;
    Ok(())
}

/// Without its only copy of what files were, a run is not thrown away.
#[test]
fn a_run_whose_journal_is_lost_keeps_its_backups() -> Answer<()> {
    let stage = project("")?.script("claude", &harness(ENDLESS))?;
    killed(&stage)?;
    let mut runs = fs::read_dir(stage.path("state/runs"))?.collect::<Result<Vec<_>, _>>()?;
    runs.retain(|run| run.file_name() != ".gate");
    let run = runs.first().ok_or("no run")?;
    fs::write(run.path().join("journal.log"), "")?;
    let told = stage.call(&["recover"])?.run()?;
    expect(&told, 6)?;
    let aside = stage.path("state/damaged").join(run.file_name());
    assert!(told.says(&aside.display().to_string()), "{}", told.stderr());
    assert!(fs::read_dir(aside.join("blobs"))?.next().is_some());
    Ok(())
}

/// An agent must not go on working in a tree that is taken from under it.
#[test]
fn recover_ends_the_agent_that_a_dead_run_left() -> Answer<()> {
    for more in [&["--task", "Do it."][..], &[]] {
        let agent = harness("echo $$ > \"$HOME/pid\"; exec sleep 300");
        let stage = project("")?.script("claude", &agent)?;
        let arguments = [&["run", "x.json"], more].concat();
        let running = stage.call(&arguments)?.start()?;
        stage.wait_for("pid")?;
        running.signal("KILL")?;
        let pid = stage.note("pid")?;
        // One that ended and that nobody has collected yet works no more.
        let works = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        assert!(works(), "the agent is gone already");
        // The killed process holds its lease until the kernel has ended it.
        for _ in 0..50 {
            expect(&stage.call(&["recover"])?.run()?, 0)?;
            if !works() {
                break;
            }
        }
        assert!(!works(), "the agent still works");
        running.end()?;
    }
    Ok(())
}

#[test]
fn one_shot_runs_are_judged_by_their_events() -> Answer<()> {
    let result = |error: bool| {
        let event = format!(
            r#"{{"type":"result","subtype":"success","is_error":{error},"result":"Done.","session_id":"s"}}"#
        );
        format!("cat > \"$HOME/task\"\necho '{event}'\nexit 0")
    };
    for (then, code) in [
        (result(false), 0),
        (result(true), 1),
        ("cat >/dev/null; exit 0".to_owned(), 1),
        ("exit 3".to_owned(), 3),
    ] {
        let stage = project("")?.script("claude", &harness(&then))?;
        let before = stage.traces()?;
        let ended = stage
            .call(&["run", "x.json", "--task", "-", "--json"])?
            .stdin("Do it.")
            .run()?;
        expect(&ended, code)?;
        assert_eq!(stage.traces()?, before, "{then}");
        if code == 0 {
            assert_eq!(stage.note("task")?, "Do it.");
            let outcome = data(&ended)?;
            let outcome = outcome.get("outcome");
            assert_eq!(outcome.and_then(|it| it.get_str("text")), Some("Done."));
        }
    }
    Ok(())
}

/// What is in the user's own files is printed nowhere.
#[test]
fn inherited_settings_reach_the_agent_and_nobody_else() -> Answer<()> {
    let secret = "sk-planted-in-the-users-file";
    let config = format!(
        "model_provider = \"mine\"\n[model_providers.mine]\nexperimental_bearer_token = \"{secret}\"\n"
    );
    let selection = r#"{"personaId": "p", "harness": "codex", "model": "m", "skills": [],
        "systemPrompt": "Hi.", "rationale": "test",
        "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60}}"#;
    let agent = "cat \"$CODEX_HOME/config.toml\" > \"$HOME/seen\"; find \"$CODEX_HOME/..\" > \"$HOME/where\"";
    let stage = Stage::new()?
        .file("../home/.codex/config.toml", config)?
        .file("x.json", selection)?
        .script("codex", agent)?;
    for arguments in [
        &["plan", "x.json"][..],
        &["plan", "x.json", "--json"],
        &["plan", "x.json", "--effects"],
        &["plan", "x.json", "--effects", "--json"],
        &["run", "x.json"],
    ] {
        let ended = stage.call(arguments)?.run()?;
        expect(&ended, 0)?;
        let printed = ended.stdout() + &ended.stderr();
        assert!(!printed.contains(secret), "{arguments:?}: {printed}");
    }
    assert!(
        stage.note("seen")?.contains(secret),
        "the agent lacks its provider"
    );
    Ok(())
}

/// A team keeps what its personas share beside them.
#[test]
fn a_persona_extends_one_beside_it() -> Answer<()> {
    let base = r#"{"id": "base", "intent": "review", "description": "d", "skills": [],
        "harness": "grok", "model": "m", "systemPrompt": "Shared words.",
        "harnessSettings": {"reasoning": "low", "timeoutSeconds": 60}}"#;
    let stage = Stage::new()?
        .file(".callsheet/personas/base.json", base)?
        .file(
            ".callsheet/personas/kid.json",
            r#"{"id": "kid", "extends": "base", "model": "n"}"#,
        )?;
    let shown = stage
        .call(&["persona", "show", "kid", "--selection", "--json"])?
        .run()?;
    let data = data(&shown)?;
    assert_eq!(data.get_str("systemPrompt"), Some("Shared words."));
    assert_eq!(data.get_str("model"), Some("n"));
    let missing = stage
        .file(
            ".callsheet/personas/lost.json",
            r#"{"id": "lost", "extends": "bse"}"#,
        )?
        .call(&["plan", "lost"])?
        .run()?;
    expect(&missing, 1)?;
    assert!(missing.says("did you mean `base`?"), "{}", missing.stderr());
    Ok(())
}
