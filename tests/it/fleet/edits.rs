//! What the operator edits stays, and only what changed is started again. Saved plans are
//! applied as they are, or not at all.

use std::collections::BTreeMap;
use std::fs;

use plan_core::base::json::Value;
use tests::fleets::Fleet;
use tests::repo::Answer;
use tests::scene::expect;
use tests::seats::Kind;
use tests::tree::{expect_same, tree};

use super::up::on_both_fleets;

on_both_fleets! {
    a_role_starts_its_class_again => role;
    a_roster_keeps_what_was_written_by_hand => roster;
    both_sides_conflict_and_somebody_decides => conflict;
    seats_come_and_go_by_command => commands;
    a_plan_is_applied_exactly_or_not_at_all => plans;
    an_earlier_roster_comes_back => rollback;
    what_was_interrupted_is_finished => resumed;
}

#[test]
fn a_plan_takes_the_place_of_a_plan_alone() -> Answer<()> {
    let Some(fleet) = Fleet::new(Kind::Process)? else {
        return Ok(());
    };
    let notes = fleet.stage.path("notes.txt");
    let file = notes.display().to_string();
    fs::write(&notes, "mine")?;
    let words = ["plan", "--profile", "team", "--out", &file];
    let refused = fleet.ask(&words, 64)?;
    assert!(
        refused.says("there is a file that is no plan of a fleet"),
        "{}",
        refused.stderr()
    );
    assert_eq!(fs::read_to_string(&notes)?, "mine");
    fs::remove_file(&notes)?;
    fleet.ask(&words, 0)?;
    fleet.ask(&words, 0)?;
    Ok(())
}

/// A command that died between the files and the seats: its aim stands there.
fn resumed(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    let nothing = fleet.tell(&["apply", "--resume"], 0)?;
    assert!(
        nothing.says("no command was interrupted"),
        "{}",
        nothing.stderr()
    );
    let before = fleet.pids()?;
    let aim = r#"{"goal":"down","seats":["review"],"again":false,"adopt":[]}"#;
    fleet.write("run/apply.json", aim)?;
    let told = fleet.ask(&["status"], 0)?;
    assert!(
        told.says("`callsheet fleet apply --resume`"),
        "{}",
        told.stderr()
    );
    fleet.tell(&["apply", "--resume"], 0)?;
    let after = fleet.pids()?;
    assert_eq!(moved(&before, &after), Vec::<String>::new());
    assert_eq!(
        (before.len() - after.len(), after.contains_key("review")),
        (1, false)
    );
    assert!(!fleet.path("run/apply.json").exists());
    fleet.write("run/apply.json", "{}")?;
    let broken = fleet.tell(&["apply", "--resume"], 1)?;
    assert!(
        broken.says("it does not say what was begun"),
        "{}",
        broken.stderr()
    );
    fs::remove_file(fleet.path("run/apply.json"))?;
    Ok(())
}

/// The names of the seats whose processes are others now.
fn moved(before: &BTreeMap<String, u32>, after: &BTreeMap<String, u32>) -> Vec<String> {
    let other = |(name, pid): &(&String, &u32)| before.get(*name) != Some(pid);
    after
        .iter()
        .filter(other)
        .map(|(name, _)| name.clone())
        .collect()
}

/// Brings the fleet up again; returns whose processes are others now.
fn up(fleet: &Fleet, arguments: &[&str]) -> Answer<Vec<String>> {
    let before = fleet.pids()?;
    fleet.tell(&[&["up"], arguments].concat(), 0)?;
    let moved = moved(&before, &fleet.pids()?);
    // Once it is as it should be there is nothing more to do.
    let again = fleet.tell(&["up"], 0)?;
    assert!(
        again.stdout().starts_with("Nothing to do"),
        "{}",
        again.stdout()
    );
    Ok(moved)
}

fn role(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    fleet.write("roles.local/code.md", "# Code\n\nWrite it twice.\n")?;
    assert_eq!(fleet.row("code0")?.state, "config_drift");
    let planned = fleet.ask(&["plan"], 0)?.stdout();
    assert!(
        planned.contains("start again: its configuration changed"),
        "{planned}"
    );
    assert_eq!(up(fleet, &["--wait"])?, ["code0", "code1"]);
    // The persona file and the environment are part of a seat too.
    fleet.script("review", "SIGN elsewhere\nHANG")?;
    fs::write(
        fleet.path("agents/code0.env"),
        fleet.read("agents/code0.env")? + "EXTRA=1\n",
    )?;
    assert_eq!(up(fleet, &["--wait"])?, ["code0", "review"]);
    fleet.says("elsewhere", "\n")?;
    Ok(())
}

fn roster(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    fleet.edit(
        "roster.yaml",
        "  - name: code1\n",
        "  # Ada looks after this one.\n  - name: code1   # hers\n    model_hint: 'opus' # dear\n",
    )?;
    let edited = fleet.read("roster.yaml")?;
    assert_eq!(up(fleet, &[])?, ["code1"]);
    assert_eq!(fleet.read("roster.yaml")?, edited);
    let block = fleet.ask(&["comms-block", "code1"], 0)?.stdout();
    for line in [
        "You are `code1`, of class code.",
        "- `planner` (planner, claude) is whom you report to",
        "- `code0` (code, claude) reports to the same seat as you",
    ] {
        assert!(block.contains(line), "{block}");
    }
    let why = fleet.ask(&["explain", "code1"], 0)?.stdout();
    assert!(
        why.contains("→ model_hint         opus                     roster (roster.yaml)"),
        "{why}"
    );
    // What is generated anew goes between the lines of the operator.
    fleet.write(
        "policy.yaml",
        "version: 1\nrules:\n  - class: review\n    model: haiku\n",
    )?;
    assert_eq!(up(fleet, &[])?, ["review"]);
    let merged = fleet.read("roster.yaml")?;
    assert!(merged.contains("model_hint: haiku"), "{merged}");
    for line in edited.lines() {
        assert!(
            merged.lines().any(|other| other == line),
            "{line} is gone from\n{merged}"
        );
    }
    // A seat that is taken out by hand stops, and stays away.
    let start = merged.find("  - name: review").ok_or("no review")?;
    fleet.write("roster.yaml", merged.get(..start).ok_or("no text")?)?;
    assert_eq!(fleet.row("review")?.state, "orphan");
    assert_eq!(up(fleet, &[])?, [""; 0]);
    assert_eq!(
        fleet.pids()?.into_keys().collect::<Vec<_>>(),
        ["code0", "code1", "planner"]
    );
    assert_eq!(
        fleet
            .left()?
            .iter()
            .filter(|name| name.contains("review"))
            .count(),
        0
    );
    assert_eq!(up(fleet, &["--restore"])?, ["review"]);
    Ok(())
}

fn conflict(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    let running = fleet.pids()?;
    fleet.edit(
        "roster.yaml",
        "  - name: code1\n",
        "  - name: code1\n    model_hint: opus\n",
    )?;
    fleet.write(
        "policy.yaml",
        "version: 1\nrules:\n  - class: code\n    model: sonnet\n",
    )?;
    let files = || -> Answer<_> {
        let texts = ["roster.yaml", "roster.lock.json"].map(|path| fleet.read(path));
        let texts = texts.into_iter().collect::<Answer<Vec<_>>>()?;
        Ok((texts, tree(&fleet.path("agents"))?))
    };
    let before = files()?;
    let words = "code1.model_hint: the roster has `opus`, the profile and the policy want `sonnet`; it was nothing";
    for verb in [&["up"][..], &["apply"], &["plan"], &["diff"]] {
        let told = fleet.tell(verb, 3)?;
        assert!(told.says(words), "{verb:?} {}", told.stderr());
        assert!(told.says("--prefer mine, --prefer theirs, or --force-conflicts code1.model_hint"));
    }
    let envelope = fleet.tell(&["up", "--json"], 3)?.envelope()?;
    assert_eq!(envelope.get("ok"), Some(&Value::Bool(false)));
    let conflicts = envelope
        .get("data")
        .and_then(|data| data.get("conflicts"))
        .and_then(Value::as_array);
    let [found] = conflicts.unwrap_or_default() else {
        return Err(format!("{conflicts:?}").into());
    };
    let parts = ["unit", "field", "mine", "theirs"].map(|name| found.get_str(name));
    assert_eq!(
        parts,
        [
            Some("code1"),
            Some("model_hint"),
            Some("opus"),
            Some("sonnet")
        ]
    );
    // Nobody has decided, so nothing was done.
    assert_eq!(files()?, before);
    let others = running
        .into_iter()
        .filter(|(name, _)| !name.starts_with("code"));
    assert_eq!(fleet.pids()?, others.collect());
    let models = |arguments: &[&str]| -> Answer<[Option<String>; 2]> {
        let plan = fleet.data(&[&["plan", "--json"], arguments].concat())?;
        let seats = plan
            .get("seats")
            .and_then(Value::as_array)
            .ok_or("no seats")?;
        Ok(["code0", "code1"].map(|name| {
            let mut seats = seats.iter();
            let seat = seats.find(|seat| seat.get_str("name") == Some(name));
            seat.and_then(|seat| seat.get_str("model"))
                .map(String::from)
        }))
    };
    let pair = |one: &str, other: &str| [Some(one.to_owned()), Some(other.to_owned())];
    assert_eq!(models(&["--prefer", "mine"])?, pair("sonnet", "opus"));
    assert_eq!(models(&["--prefer", "theirs"])?, pair("sonnet", "sonnet"));
    assert_eq!(
        models(&["--force-conflicts", "code1.model_hint"])?,
        pair("sonnet", "sonnet")
    );
    assert_eq!(up(fleet, &["--prefer", "mine"])?, ["code0", "code1"]);
    let text = fleet.read("roster.yaml")?;
    assert!(
        text.contains("model_hint: opus") && text.contains("model_hint: sonnet"),
        "{text}"
    );
    Ok(())
}

fn commands(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    let names = || -> Answer<Vec<String>> { Ok(fleet.pids()?.into_keys().collect()) };
    let before = fleet.pids()?;
    fleet.tell(&["scale", "code=3"], 0)?;
    assert_eq!(names()?, ["code0", "code1", "code2", "planner", "review"]);
    assert_eq!(moved(&before, &fleet.pids()?), ["code2"]);
    fleet.tell(&["scale", "code=1", "review=2"], 0)?;
    // One seat of a class has the class's name.
    assert_eq!(names()?, ["code", "planner", "review0", "review1"]);
    let unknown = fleet.tell(&["scale", "cod=2"], 1)?;
    assert!(unknown.says("did you mean `code`?"), "{}", unknown.stderr());
    fleet.tell(
        &[
            "add",
            "scout",
            "--class",
            "code",
            "--model",
            "haiku",
            "--reports-to",
            "planner",
        ],
        0,
    )?;
    assert_eq!(names()?, ["code", "planner", "review0", "review1", "scout"]);
    let twice = fleet.tell(&["add", "scout", "--class", "code"], 1)?;
    assert!(
        twice.says("there is a seat `scout` already"),
        "{}",
        twice.stderr()
    );
    let unsafe_name = fleet.tell(&["add", "a.b", "--class", "code"], 1)?;
    assert!(
        unsafe_name.says("`a.b` cannot be the name of a session"),
        "{}",
        unsafe_name.stderr()
    );
    let nobody = fleet.tell(&["add", "lost", "--class", "cod"], 1)?;
    assert!(nobody.says("did you mean `code`?"), "{}", nobody.stderr());
    assert!(
        !fleet.read("roster.yaml")?.contains("lost"),
        "a seat that nobody can start was added"
    );
    fleet.tell(&["add", "later", "--class", "code", "--no-start"], 0)?;
    assert_eq!(fleet.row("later")?.state, "missing");
    let graph = fleet.ask(&["graph"], 0)?.stdout();
    assert!(graph.contains("scout"), "{graph}");
    let missing = fleet.tell(&["remove", "scuot"], 1)?;
    assert!(
        missing.says("did you mean `scout`?"),
        "{}",
        missing.stderr()
    );
    fleet.tell(&["remove", "scout"], 0)?;
    fleet.tell(&["remove", "later"], 0)?;
    assert_eq!(names()?, ["code", "planner", "review0", "review1"]);
    assert!(!fleet.read("roster.yaml")?.contains("scout"));
    let gone = fleet.left()?;
    assert!(!gone.iter().any(|name| name.contains("scout")), "{gone:?}");
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()
}

fn plans(fleet: &Fleet) -> Answer<()> {
    let out = fleet.stage.path("fleet.plan");
    let file = out.to_str().ok_or("no text")?;
    let outside = [fleet.path(""), fleet.stage.path("state")];
    let before = outside.each_ref().map(|dir| tree(dir));
    let make = |arguments: &[&str], code| {
        fleet.tell(&[&["plan", "--out", file], arguments].concat(), code)
    };
    make(&["--profile", "team", "--full", "--detailed-exitcode"], 2)?;
    let first = fs::read(&out)?;
    make(&["--profile", "team", "--full"], 0)?;
    assert_eq!(fs::read(&out)?, first, "equal inputs give equal bytes");
    // Planning touches nothing.
    for (dir, before) in outside.iter().zip(before) {
        expect_same(&before?, dir)?;
    }
    fleet.tell(&["apply", file, "--wait"], 0)?;
    assert_eq!(fleet.pids()?.len(), 4);
    let stale = |what: &str| -> Answer<()> {
        let refused = fleet.tell(&["apply", file], 4)?;
        assert!(
            refused.says(&format!("the plan is stale: different now: {what}")),
            "{what}: {}",
            refused.stderr()
        );
        let envelope = fleet.tell(&["apply", file, "--json"], 4)?.envelope()?;
        assert_eq!(envelope.get("ok"), Some(&Value::Bool(false)));
        Ok(())
    };
    // It was applied: everything is another now.
    stale("agents, roster.lock.json, roster.yaml, sessions")?;
    let saved: Vec<(&str, &str, &str)> = vec![
        ("roster.yaml", "roster.yaml", "# More.\n"),
        ("roles.local/code.md", "roles.local", "More.\n"),
        ("policy.yaml", "policy.yaml", "version: 1\n"),
        ("agents/code0.env", "agents", "MORE=1\n"),
        ("personas/code.json", "personas", "\n"),
        ("profiles/team.yaml", "profile", "# More.\n"),
    ];
    make(&["--set", "code0.model=opus"], 0)?;
    for (path, name, more) in saved {
        let text = fleet.read(path).ok();
        fleet.write(path, &(text.clone().unwrap_or_default() + more))?;
        stale(name)?;
        match text {
            Some(text) => fleet.write(path, &text)?,
            None => fs::remove_file(fleet.path(path))?,
        }
        // As it was it fits again.
        fleet.tell(&["apply", file, "--dry-run"], 0)?;
    }
    let before = fleet.pids()?;
    fleet.tell(&["apply", file], 0)?;
    assert_eq!(moved(&before, &fleet.pids()?), ["code0"]);
    make(&["--set", "code1.model=opus"], 0)?;
    fleet.kill("review")?;
    stale("sessions")?;
    fleet.tell(&["apply"], 0)?;
    assert_eq!(fleet.pids()?.len(), 4);
    tampered(fleet, file)
}

/// A plan that somebody changed is not applied, and never leaves the home.
fn tampered(fleet: &Fleet, file: &str) -> Answer<()> {
    fleet.tell(&["plan", "--out", file, "--set", "code1.model=haiku"], 0)?;
    let text = fs::read_to_string(file)?;
    let before = (
        fleet.pids()?,
        tree(&fleet.path("agents"))?,
        fleet.read("roster.yaml")?,
    );
    let seal = text
        .lines()
        .find(|line| line.trim().starts_with("\"plan\":"));
    let without = text.replace(&format!("{}\n", seal.ok_or("no seal")?), "");
    let cases = [
        (
            text.replace("haiku", "opus"),
            4,
            "the plan was changed after it was made",
        ),
        (
            text.replace("callsheet.fleet-plan/1", "callsheet.fleet-plan/9"),
            64,
            "not `callsheet.fleet-plan/1`",
        ),
        (
            text.get(..200).unwrap_or_default().to_owned(),
            64,
            "this is not a plan of a fleet",
        ),
        ("[]".to_owned(), 64, "this is not a plan of a fleet"),
        // Whoever leaves the seal out gets no further than the files of a fleet.
        (
            without.replace("\"path\": \"roster.yaml\"", "\"path\": \"../../out\""),
            64,
            "`../../out` is no file of a fleet",
        ),
        (
            without.replace(
                "\"path\": \"roster.yaml\"",
                "\"path\": \"agents/code0.env\"",
            ),
            64,
            "`agents/code0.env` is no file of a fleet",
        ),
        (
            without.replace("\"name\": \"code1\"", "\"name\": \"../code1\""),
            64,
            "`../code1` cannot be the name of a session",
        ),
    ];
    for (text, code, words) in cases {
        fs::write(file, text)?;
        let refused = fleet
            .tell(&["apply", file], code)
            .map_err(|error| format!("{words}: {error}"))?;
        assert!(refused.says(words), "{words}: {}", refused.stderr());
    }
    assert_eq!(fleet.pids()?, before.0);
    expect_same(&before.1, &fleet.path("agents"))?;
    assert_eq!(fleet.read("roster.yaml")?, before.2);
    assert!(!fleet.stage.path("out").exists());
    let missing = fleet.tell(&["apply", "no-such.plan"], 1)?;
    assert!(missing.says("no-such.plan"), "{}", missing.stderr());
    Ok(())
}

fn rollback(fleet: &Fleet) -> Answer<()> {
    let none = fleet.ask(&["rollback"], 1)?;
    assert!(none.says("no earlier roster is kept"), "{}", none.stderr());
    fleet.up()?;
    let first = fleet.read("roster.yaml")?;
    fleet.tell(&["scale", "code=3"], 0)?;
    let second = fleet.read("roster.yaml")?;
    let history = fleet.ask(&["history"], 0)?.stdout();
    assert_eq!(history, "   1  4 seats\n");
    let data = fleet.data(&["history", "--json"])?;
    let all = data.get("generations").and_then(Value::as_array);
    assert_eq!(all.map(<[_]>::len), Some(1));
    let unknown = fleet.ask(&["rollback", "7"], 64)?;
    assert!(
        unknown.says("there is no generation 7"),
        "{}",
        unknown.stderr()
    );
    let back = fleet.ask(&["rollback"], 0)?;
    assert_eq!(back.stdout(), "Generation 1 is back.\n");
    assert_eq!(fleet.read("roster.yaml")?, first);
    assert_eq!(fleet.row("code2")?.state, "orphan");
    assert_eq!(up(fleet, &[])?, [""; 0]);
    assert_eq!(fleet.pids()?.len(), 4);
    // A rollback can be rolled back.
    let envelope = fleet.ask(&["rollback", "2", "--json"], 0)?.envelope()?;
    assert_eq!(envelope.get("ok"), Some(&Value::Bool(true)));
    assert_eq!(fleet.read("roster.yaml")?, second);
    assert_eq!(up(fleet, &[])?, ["code2"]);
    expect(&fleet.look(&["rollback", "x"])?.run()?, 64)
}
