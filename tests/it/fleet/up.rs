//! Fleets come up, stay as they should be, and go without a trace.

use std::fs;

use tests::fleets::{Fleet, Row, SEATS};
use tests::repo::Answer;
use tests::seats::Kind;

/// Makes a test of a body for each transport.
macro_rules! on_both_fleets {
    ($( $(#[$meta:meta])* $name:ident => $body:ident; )*) => {
        mod on_tmux {
            use super::*;
            $( $(#[$meta])* #[test] fn $name() -> Answer<()> {
                Fleet::new(Kind::Tmux)?.map_or(Ok(()), |fleet| $body(&fleet))
            } )*
        }
        mod on_processes {
            use super::*;
            $( $(#[$meta])* #[test] fn $name() -> Answer<()> {
                Fleet::new(Kind::Process)?.map_or(Ok(()), |fleet| $body(&fleet))
            } )*
        }
    };
}
pub(super) use on_both_fleets;

on_both_fleets! {
    only_what_ended_is_started_again => restarted;
    a_fleet_goes_without_a_trace => gone;
    what_was_killed_is_taken_back_without_a_next_start => killed_and_down;
    stop_and_start_are_about_named_seats => named;
    waiting_tells_who_is_not_ready => ready;
}

/// A fleet that is up is left alone; what died is started again, alone.
fn restarted(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    let before = fleet.pids()?;
    assert_eq!(before.keys().collect::<Vec<_>>(), SEATS.each_ref());
    let again = fleet.tell(&["up"], 0)?;
    assert_eq!(
        again.stdout(),
        "Nothing to do: the fleet is as it should be.\n"
    );
    assert_eq!(fleet.pids()?, before);
    fleet.ask(&["status", "--check"], 0)?;
    fleet.ask(&["diff"], 0)?;
    // One is killed.
    let dead = fleet.kill("code1")?;
    assert_eq!(
        dead,
        Row {
            state: "dead".to_owned(),
            detail: "ended by signal 9".to_owned(),
            pid: None
        }
    );
    fleet.ask(&["status", "--check"], 2)?;
    fleet.ask(&["diff"], 2)?;
    let third = fleet.tell(&["up", "--wait"], 0)?;
    assert_eq!(third.stdout(), "Done: 1 seat started again.\n");
    assert!(third.says("started code1 again"), "{}", third.stderr());
    let after = fleet.pids()?;
    assert_eq!(after.len(), 4);
    for seat in SEATS {
        assert_eq!(
            after.get(seat) == before.get(seat),
            seat != "code1",
            "{seat}"
        );
    }
    fleet.ask(&["status", "--check"], 0)?;
    Ok(())
}

/// Only locks and what is the user's stay; the roster is the user's.
fn gone(fleet: &Fleet) -> Answer<()> {
    fs::write(fleet.stage.path("home/CLAUDE.md"), "yours")?;
    fleet.persona(
        "code",
        "SIGN signed\nHANG",
        r#", "claudeMdContent": "mine""#,
    )?;
    fleet.write("run/notes.txt", "mine too")?;
    fleet.up()?;
    let roster = fleet.read("roster.yaml")?;
    fleet.ask(&["send", "review", "--message", "Hello."], 0)?;
    let down = fleet.tell(&["down"], 0)?;
    assert_eq!(down.stdout(), "Done: 4 seats stopped.\n");
    assert_eq!(fleet.left()?, ["notes.txt"]);
    fs::remove_file(fleet.path("run/notes.txt"))?;
    fleet.expect_gone()?;
    assert_eq!(fleet.read("roster.yaml")?, roster);
    assert_eq!(
        fs::read_to_string(fleet.stage.path("home/CLAUDE.md"))?,
        "yours"
    );
    let home =
        fs::read_dir(fleet.stage.path("home"))?.map(|entry| entry.map(|one| one.file_name()));
    let mut home = home.collect::<Result<Vec<_>, _>>()?;
    home.sort();
    assert_eq!(home, ["CLAUDE.md", "signed"]);
    // The status needs nothing of what has gone, and the fleet comes back.
    let rows = fleet.rows()?;
    assert!(rows.values().all(|row| row.state == "missing"), "{rows:?}");
    assert_eq!(
        fleet.tell(&["down"], 0)?.stdout(),
        "Nothing to do: no seat runs.\n"
    );
    fleet.expect_gone()?;
    fleet.up()?;
    assert_eq!(fleet.pids()?.len(), 4);
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()
}

/// A supervisor that was killed cannot take its run back: whoever ends the fleet does.
fn killed_and_down(fleet: &Fleet) -> Answer<()> {
    fs::write(fleet.stage.path("home/CLAUDE.md"), "yours")?;
    fleet.persona(
        "planner",
        "IGNORE\nLEAVE\nSIGN signed\nHANG",
        r#", "claudeMdContent": "mine", "claudeMdMode": "overwrite""#,
    )?;
    fleet.tell(&["up", "--profile", "team", "--wait"], 0)?;
    let file = fleet.stage.path("home/CLAUDE.md");
    assert_eq!(fs::read_to_string(&file)?.trim(), "mine");
    fleet.kill("planner")?;
    assert_eq!(fs::read_to_string(&file)?.trim(), "mine");
    let down = fleet.tell(&["down"], 0)?;
    assert!(
        down.says("stopped planner (it had ended)"),
        "{}",
        down.stderr()
    );
    assert_eq!(fs::read_to_string(&file)?, "yours");
    fleet.expect_gone()
}

fn named(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    let before = fleet.pids()?;
    let stopped = fleet.tell(&["stop", "review", "code0"], 0)?;
    assert_eq!(stopped.stdout(), "Done: 2 seats stopped.\n");
    let rest = fleet.pids()?;
    assert_eq!(rest.keys().collect::<Vec<_>>(), ["code1", "planner"]);
    assert_eq!(fleet.row("review")?.state, "missing");
    let started = fleet.tell(&["start", "review"], 0)?;
    assert_eq!(started.stdout(), "Done: 1 seat started.\n");
    let again = fleet.tell(&["restart", "planner"], 0)?;
    assert_eq!(again.stdout(), "Done: 1 seat started again.\n");
    let after = fleet.pids()?;
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        ["code1", "planner", "review"]
    );
    assert_eq!(after.get("code1"), before.get("code1"));
    assert_ne!(after.get("planner"), before.get("planner"));
    // A seat that is not there is told, with the nearest name, and nothing is done.
    for verb in ["start", "stop", "restart"] {
        let unknown = fleet.tell(&[verb, "revew"], 1)?;
        assert!(
            unknown.says("there is no seat `revew`"),
            "{}",
            unknown.stderr()
        );
        assert!(
            unknown.says("did you mean `review`?"),
            "{}",
            unknown.stderr()
        );
        assert_eq!(unknown.stdout(), "");
    }
    assert_eq!(fleet.pids()?, after);
    Ok(())
}

/// A seat is ready when a command says so, which knows whom it asks for.
fn command_ready(
    fleet: &Fleet,
    up: &[&str],
    policy: &dyn Fn(&str, u64) -> Answer<()>,
) -> Answer<()> {
    let asks = "echo asked >> asked; test \"$CALLSHEET_SEAT\" = planner && test -e go";
    policy(&format!("command: '{asks}'"), 1)?;
    let late = fleet.tell(up, 1)?;
    let why = format!("`{asks}` ends with 1");
    assert!(late.says(&why), "{}", late.stderr());
    let asked = fleet.says("asked", "asked\nasked\n")?;
    assert!(asked.lines().count() <= 6, "{asked}");
    fleet.tell(&["down"], 0)?;
    let waiting = fleet.change(up)?;
    policy(&format!("command: '{asks}'"), 20)?;
    let waiting = waiting.start()?;
    fleet.says("asked", &"asked\n".repeat(asked.lines().count() + 1))?;
    fleet.stage.leave("go")?;
    let ready = waiting.end()?;
    assert_eq!(ready.code(), Some(0), "{}", ready.stderr());
    assert!(ready.says("ready planner ("), "{}", ready.stderr());
    fleet.tell(&["down"], 0)?;
    assert_eq!(fleet.left()?, [""; 0]);
    // One that does not end, with all that it has started.
    policy("command: 'echo still here; sleep 77'", 1)?;
    let late = fleet.tell(up, 1)?;
    let why = "takes more than 1 s: still here";
    assert!(late.says(why), "{}", late.stderr());
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()
}

fn ready(fleet: &Fleet) -> Answer<()> {
    let policy = |terms: &str, timeout: u64| {
        let ready = format!("ready:\n  claude: {{{terms}, timeout: {timeout}}}\n");
        fleet.write(
            "policy.yaml",
            &format!("version: 1\nrestart: {{limit: 0}}\n{ready}"),
        )
    };
    let up = ["up", "--profile", "team", "--wait"];
    // One that says what is waited for.
    fleet.script("planner", "SLEEP 1\nLISTEN heard")?;
    policy("text: I am listening., pattern: '^I am \\w+\\.$'", 20)?;
    let ready = fleet.tell(&up, 0)?;
    assert!(ready.says("ready planner ("), "{}", ready.stderr());
    assert!(
        fleet
            .ask(&["tail", "planner"], 0)?
            .stdout()
            .contains("I am listening.")
    );
    fleet.tell(&["down"], 0)?;
    // One that never does.
    policy("text: I am flying.", 1)?;
    let late = fleet.tell(&up, 1)?;
    assert!(
        late.says("failed: planner: seat `planner` is not ready in time"),
        "{}",
        late.stderr()
    );
    assert!(
        late.says("`callsheet fleet tail planner` shows its screen"),
        "{}",
        late.stderr()
    );
    let why = "its screen does not show `I am flying.`";
    assert!(late.says(why), "{}", late.stderr());
    assert_eq!(fleet.row("planner")?.state, "in_sync");
    fleet.tell(&["down"], 0)?;
    // One whose screen never fits.
    policy("pattern: '^am'", 1)?;
    let late = fleet.tell(&up, 1)?;
    let why = "its screen does not fit `^am`";
    assert!(late.says(why), "{}", late.stderr());
    fleet.tell(&["down"], 0)?;
    command_ready(fleet, &up, &policy)?;
    // One that dies at once: the end of its screen says why.
    fleet.script("planner", "FAIL exit 7")?;
    let dead = fleet.tell(&up, 1)?;
    assert!(
        dead.says("failed: planner: it ended before it was ready"),
        "{}",
        dead.stderr()
    );
    assert!(
        dead.says("stand-in: exit 7, as the prompt says"),
        "{}",
        dead.stderr()
    );
    let row = fleet.row("planner")?;
    assert_eq!((&*row.state, &*row.detail), ("dead", "ended with status 7"));
    // A program that is not there.
    fs::remove_file(fleet.stage.path("bin/claude"))?;
    let missing = fleet.tell(&up, 1)?;
    assert!(missing.says("`claude`"), "{}", missing.stderr());
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()
}

/// What others run on the fleet's server is shown, left alone, or taken over on request.
#[test]
fn sessions_of_others_are_theirs() -> Answer<()> {
    let Some(fleet) = Fleet::new(Kind::Tmux)? else {
        return Ok(());
    };
    for name in ["mine", "review"] {
        let made = fleet.tmux(&["new-session", "-d", "-s", name, "--", "sleep", "300"])?;
        assert!(made.status.success());
    }
    let pid = |name: &str| -> Answer<Vec<u8>> {
        let target = format!("={name}:");
        Ok(fleet
            .tmux(&["display-message", "-p", "-t", &target, "#{pane_pid}"])?
            .stdout)
    };
    let before = (pid("mine")?, pid("review")?);
    let up = fleet.tell(&["up", "--profile", "team", "--full", "--wait"], 1)?;
    assert!(
        up.says("a session `review` that is not this fleet's is in the way"),
        "{}",
        up.stderr()
    );
    assert!(up.says("callsheet fleet adopt review"), "{}", up.stderr());
    let rows = fleet.rows()?;
    let states: Vec<_> = rows
        .iter()
        .map(|(name, row)| (&**name, &*row.state))
        .collect();
    let good = "in_sync";
    assert_eq!(
        states,
        [
            ("code0", good),
            ("code1", good),
            ("mine", "foreign"),
            ("planner", good),
            ("review", "foreign")
        ]
    );
    for verb in [
        &["restart", "review"][..],
        &["start", "review"],
        &["stop", "mine"],
        &["remove", "mine"],
    ] {
        fleet.tell(verb, 1)?;
    }
    let refused = fleet.ask(&["send", "review", "--message", "x"], 1)?;
    assert!(
        refused.says("seat `review` does not run"),
        "{}",
        refused.stderr()
    );
    assert_eq!((pid("mine")?, pid("review")?), before);
    let adopted = fleet.tell(&["adopt", "review"], 0)?;
    assert_eq!(adopted.stdout(), "Done: 1 session adopted.\n");
    assert_eq!(pid("review")?, before.1);
    let row = fleet.row("review")?;
    assert_eq!(
        (&*row.state, &*row.detail),
        ("runtime_drift", "`sleep` runs instead of claude")
    );
    fleet.tell(&["up"], 0)?;
    assert_eq!(pid("review")?, before.1);
    // Another fleet on the server is somebody else too.
    let other = fleet.stage.path("other-home");
    let roles =
        "id: duo\ntitle: D\ndescription: D\nlead: ceo\nfloor:\n  - ceo\nroster:\n  - class: ceo\n";
    fs::create_dir_all(other.join("fleet/profiles"))?;
    fs::write(other.join("fleet/profiles/duo.yaml"), roles)?;
    fs::create_dir_all(other.join("fleet/personas"))?;
    fs::copy(
        fleet.path("personas/code.json"),
        other.join("fleet/personas/ceo.json"),
    )?;
    let theirs = |verb: &[&str]| -> Answer<String> {
        let ended = fleet.change(verb)?.env("CALLSHEET_HOME", &other).run()?;
        tests::scene::expect(&ended, 0)?;
        Ok(ended.stdout())
    };
    let running = fleet.pids()?;
    assert_eq!(
        theirs(&["up", "--profile", "duo", "--wait"])?,
        "Done: 3 files written, 1 seat started.\n"
    );
    let rows = fleet.rows()?;
    assert_eq!(rows.get("ceo").map(|row| &*row.state), Some("foreign"));
    fleet.tell(&["down"], 0)?;
    let mut left = fleet.sessions()?;
    left.retain(|name| name != "_holder");
    assert_eq!(left, ["ceo", "mine"]);
    assert_eq!(fleet.left()?, [""; 0]);
    fleet.tell(&["up"], 0)?;
    assert_eq!(fleet.pids()?.len(), running.len() + 1);
    assert_eq!(theirs(&["down"])?, "Done: 1 seat stopped.\n");
    assert_eq!(fleet.pids()?.len(), 4);
    fleet.tell(&["down"], 0)?;
    assert_eq!(fleet.sessions()?, ["mine"]);
    assert_eq!(pid("mine")?, before.0);
    Ok(())
}
