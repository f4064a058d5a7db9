//! What is said and shown about a fleet that runs, and who sees which secret.

use std::fs;

use plan_core::base::json::{self, Value};
use tests::fleets::Fleet;
use tests::program::Ended;
use tests::repo::Answer;
use tests::seats::Kind;

use super::up::on_both_fleets;

on_both_fleets! {
    messages_arrive_whole => messages;
    a_context_is_cleared => resets;
    a_paused_fleet_starts_and_sends_nothing => paused;
    seats_in_one_directory_see_their_own_files => sidecars;
    secrets_reach_the_agent_and_nothing_else => secrets;
    every_command_speaks_one_form_of_json => envelopes;
    seats_that_are_not_there_are_named => unknown;
    who_reports_to_whom_is_drawn => graphs;
}

/// Brings the lead up alone.
fn lead(fleet: &Fleet) -> Answer<()> {
    fleet.tell(&["up", "--profile", "team", "--wait"], 0)?;
    Ok(())
}

fn messages(fleet: &Fleet) -> Answer<()> {
    fleet.script("planner", "LISTEN heard")?;
    lead(fleet)?;
    fleet.until("listening seat", || {
        let shown = fleet.ask(&["tail", "planner"], 0)?.stdout();
        Ok(shown.contains("I am listening.").then_some(()))
    })?;
    let short = "two\n  lines; $(touch out) `x` #{y} 'ü' \"😀\" ~ \\;";
    let sent = fleet.ask(&["send", "planner", "--message", short, "--verify"], 0)?;
    assert_eq!(sent.stderr(), "sent to planner\n");
    let heard = fleet.says("heard", "\u{1b}[201~\r")?;
    let words = ":operator -> ";
    assert!(
        heard.starts_with("\u{1b}[200~[") && heard.contains(words),
        "{heard}"
    );
    assert!(
        heard.ends_with(&format!(":planner] {short}\u{1b}[201~\r")),
        "{heard}"
    );
    // A long one comes on standard input; it ends where it ends.
    let lines: Vec<String> = (0..9_999).map(|line| format!("{line:04} ü;;\n")).collect();
    let long = lines.concat();
    assert!(long.len() > 97_000);
    let call = fleet.look(&["send", "planner", "--plain", "--message", "-"])?;
    assert_eq!(call.stdin(&long).run()?.code(), Some(0));
    let heard = fleet.says("heard", "9998 ü;;\u{1b}[201~\r")?;
    let expected = format!("\u{1b}[200~{}\u{1b}[201~\r", long.trim_end());
    assert!(
        heard.ends_with(&expected),
        "{} of {} bytes",
        heard.len(),
        long.len()
    );
    assert!(!fleet.stage.path("home/out").exists());
    // From a seat a message says which.
    let call = fleet.look(&["send", "planner", "--message", "Done."])?;
    assert_eq!(call.env("CALLSHEET_SEAT", "code0").run()?.code(), Some(0));
    fleet.says("heard", ":code0 -> ")?;
    for (message, words) in [
        ("", "the message is empty"),
        (" \n", "the message is empty"),
        ("\u{1b}[201~x", "the message holds control characters"),
    ] {
        let refused = fleet.ask(&["send", "planner", "--message", message], 64)?;
        assert!(refused.says(words), "{}", refused.stderr());
    }
    let tail = fleet.ask(&["tail", "planner", "-n", "1"], 0)?.stdout();
    assert_eq!(tail.lines().count(), 1, "{tail}");
    // What does not run is not spoken to.
    fleet.tell(&["down"], 0)?;
    let gone = fleet.ask(&["send", "planner", "--message", "x"], 1)?;
    assert!(
        gone.says("seat `planner` does not run"),
        "{}",
        gone.stderr()
    );
    assert!(
        gone.says("`callsheet fleet start planner` starts it"),
        "{}",
        gone.stderr()
    );
    Ok(())
}

fn resets(fleet: &Fleet) -> Answer<()> {
    fleet.script("planner", "LISTEN heard")?;
    lead(fleet)?;
    fleet.until("listening seat", || {
        let shown = fleet.ask(&["tail", "planner"], 0)?.stdout();
        Ok(shown.contains("I am listening.").then_some(()))
    })?;
    let would = fleet.tell(&["reset", "planner", "--dry-run"], 0)?;
    assert_eq!(would.stdout(), "would type /clear into planner\n");
    fleet.tell(&["reset", "planner"], 0)?;
    fleet.says("heard", "\u{1b}[200~/clear\u{1b}[201~\r")?;
    let before = fleet.pids()?;
    fleet.tell(&["reset", "planner", "--new", "--wait"], 0)?;
    assert_ne!(fleet.pids()?, before);
    fleet.edit(
        "roster.yaml",
        "reset_command: /clear",
        "reset_command: \"\"",
    )?;
    let none = fleet.tell(&["reset", "planner"], 78)?;
    assert!(
        none.says("no reset_command is known for seat `planner`"),
        "{}",
        none.stderr()
    );
    Ok(())
}

fn paused(fleet: &Fleet) -> Answer<()> {
    lead(fleet)?;
    let before = fleet.pids()?;
    assert_eq!(fleet.ask(&["pause"], 0)?.stdout(), "The fleet is paused.\n");
    assert!(fleet.path("run/PAUSED").exists());
    let up = fleet.tell(&["up", "--full"], 0)?;
    assert!(
        up.says("the fleet is paused: 3 seats are not started"),
        "{}",
        up.stderr()
    );
    assert!(!up.stdout().contains("as it should be"), "{}", up.stdout());
    assert_eq!(fleet.row("code0")?.state, "paused");
    let again = fleet.tell(&["up"], 0)?;
    assert_eq!(
        again.stdout(),
        "Nothing was started: the fleet is paused.\n"
    );
    let refused = fleet.ask(&["send", "planner", "--message", "x"], 1)?;
    assert!(
        refused.says("`callsheet fleet resume` ends the pause"),
        "{}",
        refused.stderr()
    );
    // What runs goes on.
    assert_eq!(fleet.pids()?, before);
    assert_eq!(
        fleet.ask(&["resume"], 0)?.stdout(),
        "The fleet is not paused.\n"
    );
    fleet.tell(&["up"], 0)?;
    assert_eq!(fleet.pids()?.len(), 4);
    // The switch is the operator's: the fleet goes down without it, and keeps it.
    fleet.ask(&["pause"], 0)?;
    fleet.tell(&["down"], 0)?;
    assert_eq!(fleet.left()?, ["PAUSED"]);
    Ok(())
}

/// Waits until the agent of a seat runs; returns its process.
fn agent(fleet: &Fleet, seat: &str) -> Answer<String> {
    fleet.until("running agent", || {
        let beat = fleet.read(&format!("run/{seat}.hb")).unwrap_or_default();
        let runs = beat.contains("status=running");
        let pid = beat.lines().find_map(|line| line.strip_prefix("pid="));
        Ok(pid.filter(|_| runs).map(String::from))
    })
}

/// Seats that lay out other files in one directory do not meet there.
fn sidecars(fleet: &Fleet) -> Answer<()> {
    let yours = fleet.stage.path("home/CLAUDE.md");
    fs::write(&yours, "yours")?;
    fs::write(fleet.stage.path("home/hidden.txt"), "hidden")?;
    fleet.write("personas/skills/own.md", "# Own\n\nA skill.\n")?;
    let more = [
        ("planner", ""),
        (
            "review",
            r#", "skills": [{"id": "own", "source": "skills/own.md", "description": "d"}]"#,
        ),
        ("code", r#", "mount": {"ignoredPatterns": ["hidden.txt"]}"#),
    ];
    for (class, more) in more {
        let own =
            format!(r#", "claudeMdContent": "of {class}", "claudeMdMode": "overwrite"{more}"#);
        fleet.persona(class, "HANG", &own)?;
    }
    fleet.up()?;
    for (seat, class) in [
        ("planner", "planner"),
        ("review", "review"),
        ("code1", "code"),
    ] {
        let pid = agent(fleet, seat)?;
        // It enters its view as its first deed.
        let seen = |file: &str| {
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
            fs::read_to_string(format!("/proc/{pid}/root{}/{file}", cwd.display())).ok()
        };
        let own = format!("of {class}");
        fleet.until("notes of its own", || {
            let notes = seen("CLAUDE.md").unwrap_or_default();
            Ok((notes.trim() == own).then_some(()))
        })?;
        assert_eq!(seen("hidden.txt").is_some(), class != "code");
        let read = |name: &str| -> Answer<String> {
            let bytes = fs::read(format!("/proc/{pid}/{name}"))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let environ = read("environ")?;
        let own = format!("\0CALLSHEET_SEAT={seat}\0");
        assert!(environ.contains(&own), "{environ}");
        // A skill is laid out where this agent alone is told to look.
        let words = read("cmdline")?;
        assert_eq!(words.contains("--plugin-dir"), class == "review", "{words}");
    }
    let untouched = || -> Answer<()> {
        let entries = fs::read_dir(fleet.stage.path("home"))?;
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<Result<Vec<_>, _>>()?;
        names.sort();
        assert_eq!(names, ["CLAUDE.md", "hidden.txt"]);
        assert_eq!(fs::read_to_string(&yours)?, "yours");
        Ok(())
    };
    untouched()?;
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()?;
    untouched()
}

/// Every file below a directory with a text in it.
fn holders(dir: &std::path::Path, text: &str, found: &mut Vec<String>) -> Answer<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            holders(&entry.path(), text, found)?;
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).unwrap_or_default();
            if bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(entry.path().display().to_string());
            }
        }
    }
    Ok(())
}

fn secrets(fleet: &Fleet) -> Answer<()> {
    const SECRET: &str = "s3cr3t-0f-4-s34t";
    fleet.write(
        "agents/planner.env",
        &format!("OWN_KEY={SECRET}\nOTHER_KEY='{SECRET} \"q\"'\n"),
    )?;
    let text = r#"{"env": {"STAND_IN_SCRIPT": "SIGN signed\nHANG", "GIVEN_KEY": "$OWN_KEY"}}"#;
    fleet.write("personas/planner.json", text)?;
    let plan = fleet.stage.path("fleet.plan");
    let plan = plan.to_str().ok_or("no text")?;
    let mut told: Vec<Ended> = vec![
        fleet.tell(&["plan", "--profile", "team", "--out", plan], 0)?,
        fleet.tell(&["plan", "--profile", "team", "--json"], 0)?,
        fleet.tell(&["apply", plan, "--wait", "--json"], 0)?,
        fleet.ask(&["status", "--json"], 0)?,
        fleet.ask(&["explain", "planner", "--json"], 0)?,
        fleet.ask(&["tail", "planner"], 0)?,
    ];
    let pid = fs::read_to_string(fleet.stage.path("home/signed"))?;
    let environ = fs::read(format!("/proc/{}/environ", pid.trim()))?;
    let environ = String::from_utf8_lossy(&environ).into_owned();
    for pair in [
        format!("OWN_KEY={SECRET}"),
        format!("OTHER_KEY={SECRET} \"q\""),
        format!("GIVEN_KEY={SECRET}"),
    ] {
        assert!(
            environ.split('\0').any(|variable| variable == pair),
            "{pair}"
        );
    }
    let file = fleet.path("agents/planner.env");
    let mut found = Vec::new();
    holders(&fleet.stage.path(""), SECRET, &mut found)?;
    assert_eq!(
        found,
        [fleet.path("agents/planner.env").display().to_string()]
    );
    for line in fleet.processes()? {
        assert!(!line.contains(SECRET), "{line}");
    }
    if fleet.kind == Kind::Tmux {
        for arguments in [
            &["show-environment", "-g"][..],
            &["show-environment", "-t", "=planner:"],
        ] {
            let shown = fleet.tmux(arguments)?;
            assert!(shown.status.success());
            assert!(!String::from_utf8_lossy(&shown.stdout).contains(SECRET));
        }
    }
    told.extend(troubled(fleet, SECRET)?);
    for ended in told {
        assert!(!ended.stdout().contains(SECRET), "{}", ended.stdout());
        assert!(!ended.stderr().contains(SECRET), "{}", ended.stderr());
    }
    let mut found = Vec::new();
    holders(&fleet.stage.path(""), SECRET, &mut found)?;
    assert_eq!(found, [file.display().to_string()]);
    Ok(())
}

/// Lets the supervisor die and breaks the file; returns what is told of it.
fn troubled(fleet: &Fleet, secret: &str) -> Answer<Vec<Ended>> {
    let mut told = Vec::new();
    fleet.kill("planner")?;
    let text = format!("OWN_KEY={secret}\nbroken {secret}\n");
    fleet.write("agents/planner.env", &text)?;
    for verb in ["up", "plan", "diff"] {
        told.push(fleet.change(&[verb])?.run()?);
        told.push(fleet.change(&[verb, "--json"])?.run()?);
    }
    for verb in ["status", "validate"] {
        told.push(fleet.look(&[verb])?.run()?);
    }
    fleet.write("agents/planner.env", &format!("OWN_KEY={secret}\n"))?;
    told.push(fleet.tell(&["down"], 0)?);
    Ok(told)
}

fn envelopes(fleet: &Fleet) -> Answer<()> {
    let check = |ended: &Ended, ok: bool| -> Answer<Vec<String>> {
        let text = ended.stdout();
        let lines: Vec<&str> = text.lines().collect();
        let (last, events) = lines.split_last().ok_or("nothing was printed")?;
        let value = json::read(last).map_err(|error| format!("{error}: {last}"))?;
        let object = value.as_object().ok_or("no object")?;
        let keys: Vec<&str> = object.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["schema", "ok", "data", "diagnostics"], "{last}");
        assert_eq!(value.get("ok"), Some(&Value::Bool(ok)), "{last}");
        let events = events.iter().map(|line| {
            let event = json::read(line).map_err(|error| format!("{error}: {line}"))?;
            Ok(event.get_str("event").ok_or("no event")?.to_owned())
        });
        events.collect()
    };
    let planned = fleet.tell(&["plan", "--profile", "team", "--json"], 0)?;
    assert_eq!(check(&planned, true)?, [""; 0]);
    let up = fleet.tell(&["up", "--profile", "team", "--wait", "--json"], 0)?;
    assert_eq!(
        check(&up, true)?,
        ["wrote", "wrote", "wrote", "started", "ready"]
    );
    for verb in [
        &["diff", "--json"][..],
        &["restart", "planner", "--json"],
        &["apply", "--json"],
        &["reset", "planner", "--json"],
    ] {
        check(&fleet.tell(verb, 0)?, true)?;
    }
    for verb in [
        &["status", "--json"][..],
        &["graph", "--json"],
        &["explain", "planner", "--json"],
        &["comms-block", "planner", "--json"],
        &["send", "planner", "--message", "x", "--json"],
        &["tail", "planner", "--json"],
        &["history", "--json"],
        &["pause", "--json"],
        &["resume", "--json"],
    ] {
        assert_eq!(check(&fleet.ask(verb, 0)?, true)?, [""; 0], "{verb:?}");
    }
    check(&fleet.tell(&["stop", "nobody", "--json"], 1)?, false)?;
    check(&fleet.ask(&["explain", "nobody", "--json"], 1)?, false)?;
    check(&fleet.ask(&["rollback", "99", "--json"], 64)?, false)?;
    // A seat that cannot be started is a failure in JSON too.
    fs::remove_file(fleet.stage.path("bin/claude"))?;
    let failed = fleet.tell(&["restart", "planner", "--wait", "--json"], 1)?;
    let events = check(&failed, false)?;
    assert_eq!(
        events.last().map(String::as_str),
        Some("failed"),
        "{events:?}"
    );
    let down = fleet.tell(&["down", "--json"], 0)?;
    assert_eq!(check(&down, true)?, ["stopped"]);
    Ok(())
}

fn unknown(fleet: &Fleet) -> Answer<()> {
    lead(fleet)?;
    for verb in [
        &["send", "planer", "--message", "x"][..],
        &["tail", "planer"],
        &["watch", "planer"],
        &["explain", "planer"],
    ] {
        let told = fleet.ask(verb, 1)?;
        assert!(
            told.says("there is no seat `planer`"),
            "{verb:?} {}",
            told.stderr()
        );
        assert!(
            told.says("did you mean `planner`?"),
            "{verb:?} {}",
            told.stderr()
        );
    }
    for verb in [
        &["reset", "planer"][..],
        &["reset", "planer", "--new"],
        &["adopt", "planer"],
        &["remove", "planer"],
    ] {
        let told = fleet.tell(verb, 1)?;
        assert!(
            told.says("there is no seat `planer`"),
            "{verb:?} {}",
            told.stderr()
        );
        assert!(
            told.says("did you mean `planner`?"),
            "{verb:?} {}",
            told.stderr()
        );
    }
    let profile = fleet.tell(&["up", "--profile", "teem"], 1)?;
    assert!(profile.says("did you mean `team`?"), "{}", profile.stderr());
    for wrong in [
        &["scale", "code"][..],
        &["scale", "code=x"],
        &["up", "--set", "code0"],
        &["up", "--set", "planner.colour=red"],
        &["up", "--transport", "smoke"],
    ] {
        let told = fleet.look(wrong)?.run()?;
        assert_eq!(told.code(), Some(64), "{wrong:?} {}", told.stderr());
    }
    Ok(())
}

fn graphs(fleet: &Fleet) -> Answer<()> {
    let drawn = |format: &str| -> Answer<String> {
        let arguments = ["graph", "--profile", "team", "--full", "--format", format];
        Ok(fleet.ask(&arguments, 0)?.stdout())
    };
    let text = drawn("text")?;
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_start_matches(['├', '└', '─', '│', ' ']))
        .collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(
        lines
            .first()
            .is_some_and(|line| line.starts_with("planner")),
        "{text}"
    );
    let dot = drawn("dot")?;
    assert!(
        dot.starts_with("digraph ") && dot.contains("\"planner\" -> \"code1\""),
        "{dot}"
    );
    let mermaid = drawn("mermaid")?;
    assert!(
        mermaid.starts_with("graph TD\n") && mermaid.contains("s_planner --> s_code1"),
        "{mermaid}"
    );
    let data = fleet.data(&["graph", "--profile", "team", "--full", "--format", "json"])?;
    let seats = data
        .get("seats")
        .and_then(Value::as_array)
        .ok_or("no seats")?;
    let managers: Vec<_> = seats
        .iter()
        .map(|seat| (seat.get_str("name"), seat.get_str("reports_to")))
        .collect();
    let lead = Some("planner");
    assert_eq!(
        managers,
        [
            (lead, None),
            (Some("code0"), lead),
            (Some("code1"), lead),
            (Some("review"), lead)
        ]
    );
    // Drawing a profile makes nothing.
    assert!(!fleet.path("roster.yaml").exists());
    Ok(())
}
