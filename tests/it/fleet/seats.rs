//! The supervisor of a seat: heartbeats, restarts, orderly ends and crashes.

use std::fs;
use std::time::Duration;

use exec_native::fleet::seat::{heartbeat_path, read_heartbeat};
use exec_native::fleet::transport::Stopped;
use plan_core::fleet::observed::{Beat, Heartbeat};
use tests::repo::Answer;
use tests::scene::{selection, sidecar};
use tests::seats::{Ground, Kind};

use super::transports::on_both;

const GRACE: Duration = Duration::from_secs(8);

on_both! {
    a_seat_runs_its_persona_and_leaves_nothing => runs_and_leaves;
    a_failing_agent_is_started_again_up_to_the_limit => fails;
    an_agent_that_is_done_is_not_started_again => done;
    an_agent_that_ignores_signals_is_ended_in_order => stubborn;
    a_killed_supervisor_is_recovered_by_the_next => killed;
}

/// A persona that writes into the project while it runs.
fn persona() -> String {
    selection("claude", &[], &sidecar("claudeMd", "mine", "overwrite"))
}

fn heartbeat(ground: &Ground, seat: &str) -> Option<Heartbeat> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    read_heartbeat(&heartbeat_path(&ground.stage.path("run"), seat), now)
}

/// Waits until an agent runs; returns its process.
fn running(ground: &Ground, seat: &str) -> Answer<u64> {
    ground.until("running agent", || {
        let beat = heartbeat(ground, seat);
        Ok(beat
            .filter(|beat| beat.status == Beat::Running)
            .map(|beat| beat.pid))
    })
}

/// What the project and the state hold, but for what agents note.
fn left(ground: &Ground) -> Answer<Vec<String>> {
    let mut names = Vec::new();
    for dir in [ground.stage.project(), ground.stage.path("state/runs")] {
        for entry in fs::read_dir(dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && name != "signed" {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn runs_and_leaves(ground: &Ground) -> Answer<()> {
    fs::write(ground.stage.project().join("CLAUDE.md"), "yours")?;
    let start = ground.supervised("a", &persona(), "SIGN signed\nHANG")?;
    ground.transport.start(&start)?;
    let agent = running(ground, "a")?;
    assert_eq!(ground.lines("signed", 1)?, [agent.to_string()]);
    let beat = heartbeat(ground, "a").ok_or("no heartbeat")?;
    assert_eq!((beat.restarts, beat.age < 15), (0, true));
    let file = ground.stage.project().join("CLAUDE.md");
    assert_eq!(fs::read_to_string(&file)?.trim(), "mine");
    let session = ground.session("a")?;
    assert_ne!(session.pid, agent);
    // Another supervisor of the seat says so, and touches nothing.
    let own = ground.run("a.seat.json").display().to_string();
    let second = ground.stage.call(&["__seat", &own])?.run()?;
    assert_eq!(second.code(), Some(75));
    assert!(
        second.says("has a supervisor already"),
        "{}",
        second.stderr()
    );
    assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Ended);
    assert_eq!(heartbeat(ground, "a"), None);
    assert_eq!(fs::read_to_string(&file)?, "yours");
    assert_eq!(left(ground)?, ["CLAUDE.md"]);
    assert_eq!(ground.processes()?, [""; 0]);
    Ok(())
}

fn fails(ground: &Ground) -> Answer<()> {
    let start = ground.supervised("a", &persona(), "SIGN signed\nFAIL exit 7")?;
    ground.transport.start(&start)?;
    let exit = ground.dead("a")?;
    assert_eq!((exit.status, exit.signal), (Some(7), None));
    assert_eq!(ground.lines("signed", 3)?.len(), 3);
    let shown = ground.transport.capture(&ground.session("a")?, 50)?;
    for words in ["started again in 10 ms", "started again in 20 ms"] {
        assert!(shown.contains(words), "{shown}");
    }
    assert_eq!(heartbeat(ground, "a"), None);
    assert_eq!(left(ground)?, [""; 0]);
    Ok(())
}

fn done(ground: &Ground) -> Answer<()> {
    let start = ground.supervised("a", &persona(), "SIGN signed")?;
    ground.transport.start(&start)?;
    assert_eq!(ground.dead("a")?.status, Some(0));
    assert_eq!(ground.lines("signed", 1)?.len(), 1);
    let shown = ground.transport.capture(&ground.session("a")?, 50)?;
    assert!(shown.contains("Hello. I was told: Look."), "{shown}");
    Ok(())
}

fn stubborn(ground: &Ground) -> Answer<()> {
    let script = "IGNORE\nLEAVE\nSIGN signed\nHANG";
    ground
        .transport
        .start(&ground.supervised("a", &persona(), script)?)?;
    ground.lines("signed", 1)?;
    running(ground, "a")?;
    let session = ground.session("a")?;
    // The supervisor kills its agent, and has time to take the run back.
    assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Ended);
    assert_eq!(ground.processes()?, [""; 0]);
    assert_eq!(left(ground)?, [""; 0]);
    Ok(())
}

fn killed(ground: &Ground) -> Answer<()> {
    let file = ground.stage.project().join("CLAUDE.md");
    fs::write(&file, "yours")?;
    let start = ground.supervised("a", &persona(), "IGNORE\nSIGN signed\nHANG")?;
    let started = ground.transport.start(&start)?;
    ground.lines("signed", 1)?;
    let first = running(ground, "a")?;
    ground.kill(started.pid)?;
    let exit = ground.dead("a")?;
    assert_eq!((exit.status, exit.signal), (None, Some(9)));
    assert_eq!(fs::read_to_string(&file)?.trim(), "mine");
    ground.transport.restart(&ground.session("a")?, &start)?;
    let signed = ground.lines("signed", 2)?;
    assert_ne!(signed.last(), Some(&first.to_string()));
    let first = format!("/proc/{first} ");
    let alive = ground.processes()?;
    assert!(
        !alive.iter().any(|line| line.starts_with(&first)),
        "{alive:?}"
    );
    ground.transport.stop(&ground.session("a")?, GRACE)?;
    assert_eq!(fs::read_to_string(&file)?, "yours");
    assert_eq!(left(ground)?, ["CLAUDE.md"]);
    assert_eq!(ground.processes()?, [""; 0]);
    Ok(())
}

/// Seats that lay out other files in one directory do not meet there.
#[test]
fn seats_have_views_of_their_own() -> Answer<()> {
    let mut ground = Ground::new(Kind::Tmux)?;
    ground.own_view = true;
    let file = ground.stage.project().join("CLAUDE.md");
    fs::write(&file, "yours")?;
    for (seat, text) in [("a", "of a"), ("b", "of b")] {
        let persona = selection("claude", &[], &sidecar("claudeMd", text, "overwrite"));
        let start = ground.supervised(seat, &persona, "IGNORE\nLEAVE\nHANG")?;
        ground.transport.start(&start)?;
    }
    for seat in ["a", "b"] {
        let agent = running(&ground, seat)?;
        // It is started outside, and goes in.
        ground.until("file in the view", || {
            let seen = fs::read_link(format!("/proc/{agent}/cwd"))?;
            let root = format!("/proc/{agent}/root{}", seen.join("CLAUDE.md").display());
            let text = fs::read_to_string(root).unwrap_or_default();
            Ok((text.trim() == format!("of {seat}")).then_some(()))
        })?;
    }
    assert_eq!(fs::read_to_string(&file)?, "yours");
    for seat in ["a", "b"] {
        let session = ground.session(seat)?;
        assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Ended);
    }
    assert_eq!(fs::read_to_string(&file)?, "yours");
    assert_eq!(left(&ground)?, ["CLAUDE.md"]);
    assert_eq!(ground.processes()?, [""; 0]);
    Ok(())
}

/// What can never run is not tried again and again.
#[test]
fn a_seat_that_cannot_run_says_why() -> Answer<()> {
    let ground = Ground::new(Kind::Process)?;
    let call = |file: &str, code| -> Answer<String> {
        let path = ground.run(file).display().to_string();
        let ended = ground.stage.call(&["__seat", &path])?.run()?;
        assert_eq!(ended.code(), Some(code), "{}", ended.stderr());
        Ok(ended.stderr())
    };
    ground.supervised("a", "{}", "")?;
    call("a.seat.json", 64)?;
    ground.supervised("b", &persona(), "")?;
    fs::remove_file(ground.stage.path("bin/claude"))?;
    call("b.seat.json", 69)?;
    fs::write(
        ground.run("c.seat.json"),
        r#"{"schema": "callsheet.seat/9"}"#,
    )?;
    let said = call("c.seat.json", 64)?;
    assert!(said.contains("not the file of a seat"), "{said}");
    assert_eq!(left(&ground)?, [""; 0]);
    Ok(())
}

/// A supervisor whose agent is about to be started again ends when it is asked to.
#[test]
fn a_pause_can_be_ended() -> Answer<()> {
    let ground = Ground::new(Kind::Process)?;
    let start = ground.supervised("a", &persona(), "SIGN signed\nFAIL exit 7")?;
    let file = ground.run("a.seat.json");
    let text = fs::read_to_string(&file)?.replace("\"delay\": 10", "\"delay\": 60000");
    let text = text.replace("\"longest\": 1000", "\"longest\": 60000");
    fs::write(&file, text)?;
    ground.transport.start(&start)?;
    ground.until("pause", || {
        let beat = heartbeat(&ground, "a");
        Ok(beat.filter(|beat| beat.status == Beat::Waiting))
    })?;
    let session = ground.session("a")?;
    assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Ended);
    assert_eq!(ground.lines("signed", 1)?.len(), 1);
    Ok(())
}

/// Sixteen seats in one directory come up and go without a trace.
#[test]
fn a_fleet_shares_a_project() -> Answer<()> {
    let ground = Ground::new(Kind::Tmux)?;
    let persona = selection("claude", &[], "");
    let seat = |number| ground.supervised(&format!("code{number}"), &persona, "SIGN signed\nHANG");
    let starts = (0..16).map(seat).collect::<Answer<Vec<_>>>()?;
    for answer in ground.transport.start_all(&starts) {
        answer?;
    }
    ground.lines("signed", 16)?;
    for start in &starts {
        running(&ground, &start.seat)?;
    }
    let sessions = ground.transport.observe()?;
    assert_eq!(sessions.len(), 16);
    let stopped = std::thread::scope(|scope| {
        let transport = &ground.transport;
        let stop = |session| scope.spawn(move || transport.stop(session, GRACE));
        let threads: Vec<_> = sessions.iter().map(stop).collect();
        let ended = threads.into_iter().filter_map(|thread| thread.join().ok());
        ended.collect::<Result<Vec<_>, _>>()
    })?;
    assert_eq!(stopped, [Stopped::Ended; 16]);
    assert_eq!(left(&ground)?, [""; 0]);
    assert!(ground.transport.shut("fleet")?);
    Ok(())
}
