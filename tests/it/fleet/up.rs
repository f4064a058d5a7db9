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
        "Nothing to do: the fleet is as it should be.\n"
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
