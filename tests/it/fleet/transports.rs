//! What every transport promises, on real tmux servers and real terminals.

use std::fs;
use std::time::Duration;

use exec_native::fleet::transport::{Stopped, Tags};
use exec_native::os::proc::Cancel;
use exec_native::{ExecError, ExecErrorKind};
use tests::repo::Answer;
use tests::seats::{Ground, Kind};

/// Time enough to end.
const GRACE: Duration = Duration::from_secs(8);

/// Makes a test of a body for each transport.
macro_rules! on_both {
    ($( $(#[$meta:meta])* $name:ident => $body:ident; )*) => {
        mod on_tmux {
            use super::*;
            $( $(#[$meta])* #[test] fn $name() -> Answer<()> { $body(&Ground::new(Kind::Tmux)?) } )*
        }
        mod on_processes {
            use super::*;
            $( $(#[$meta])* #[test] fn $name() -> Answer<()> { $body(&Ground::new(Kind::Process)?) } )*
        }
    };
}
pub(super) use on_both;

on_both! {
    an_end_at_once_is_kept => ends_at_once;
    a_killed_seat_is_dead_by_its_signal => killed;
    one_of_many_starts_wins => one_wins;
    a_program_gets_what_it_was_given => given;
    a_seat_says_what_it_is => described;
    bad_seats_are_refused => refused;
    messages_arrive_as_they_are => messages;
    what_ignores_signals_is_ended => stubborn;
    what_outlives_its_leader_is_ended => orphans;
    only_dead_seats_are_started_again => again;
    sessions_are_adopted_and_forgotten => adopted;
    the_last_lines_are_shown => shown;
    a_seat_that_is_gone_is_no_failure => gone;
}

fn ends_at_once(ground: &Ground) -> Answer<()> {
    ground
        .transport
        .start(&ground.seat("a", &["sh", "-c", "exit 9"]))?;
    let exit = ground.dead("a")?;
    assert_eq!((exit.status, exit.signal), (Some(9), None));
    // A program that does not exist is no other case.
    ground
        .transport
        .start(&ground.seat("b", &["/nonexistent/program", "x"]))?;
    let exit = ground.dead("b")?;
    assert!(exit.status.is_some_and(|status| status != 0), "{exit:?}");
    let session = ground.session("a")?;
    assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Dead);
    assert!(ground.session("a").is_err());
    Ok(())
}

fn killed(ground: &Ground) -> Answer<()> {
    let started = ground
        .transport
        .start(&ground.seat("a", &["sleep", "300"]))?;
    assert_eq!(ground.session("a")?.dead, None);
    ground.kill(started.pid)?;
    let exit = ground.dead("a")?;
    assert_eq!((exit.status, exit.signal), (None, Some(9)));
    Ok(())
}

fn one_wins(ground: &Ground) -> Answer<()> {
    // Nothing runs yet: they race for the server too.
    let answers: Vec<(String, Result<_, _>)> = std::thread::scope(|scope| {
        let start = |number: usize| {
            let mut seat = ground.seat("orchestrator", &["sleep", "300"]);
            seat.hash = format!("hash-{number}");
            scope.spawn(move || (seat.hash.clone(), ground.transport.start(&seat)))
        };
        let threads: Vec<_> = (0..8).map(start).collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let won: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| answer.is_ok())
        .collect();
    assert_eq!((answers.len(), won.len()), (8, 1), "{answers:?}");
    for (_, lost) in &answers {
        if let Err(error) = lost {
            assert_eq!(error.kind(), ExecErrorKind::Busy, "{error:?}");
        }
    }
    let session = ground.session("orchestrator")?;
    assert_eq!(session.hash.as_ref(), won.first().map(|(hash, _)| hash));
    assert_eq!(ground.transport.observe()?.len(), 1);
    Ok(())
}

fn given(ground: &Ground) -> Answer<()> {
    let dir = ground.stage.project().join("#{session_name} ü~ ##");
    fs::create_dir(&dir)?;
    let script = "printf '%s\\n' \"$@\" \"$PWD\" \"$K\" \"$PATH\" > out; mv out done";
    let words = [
        "",
        "a b;",
        ";",
        "$HOME",
        "#{x}",
        "~",
        "it's \"q\"\\n",
        "x\ny",
    ];
    let argv = [&["sh", "-c", script, "sh"][..], &words].concat();
    let mut start = ground.seat("a", &argv);
    let long = format!(
        "two\n  lines \"$HOME\" '#{{x}}' ~ \\;{}",
        "x".repeat(60_000)
    );
    start.env.insert("K".to_owned(), long.clone());
    start.cwd.clone_from(&dir);
    ground.transport.start(&start)?;
    let exit = ground.dead("a")?;
    assert_eq!(exit.status, Some(0));
    let path = start.env.get("PATH").ok_or("no path")?;
    let expected = format!("{}\n{}\n{long}\n{path}\n", words.join("\n"), dir.display());
    let found = fs::read_to_string(dir.join("done"))?;
    assert!(found == expected, "{}\n{}", head(&found), head(&expected));
    // One word alone is a program, not a command line.
    fs::write(
        ground.stage.path("bin/one; word"),
        "#!/bin/sh\n: > single\n",
    )?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(ground.stage.path("bin/one; word"), mode)?;
    ground.transport.start(&ground.seat("b", &["one; word"]))?;
    assert_eq!(ground.dead("b")?.status, Some(0));
    assert!(ground.stage.project().join("single").exists());
    Ok(())
}

/// What outlives its leader in a session goes with the session.
fn orphans(ground: &Ground) -> Answer<()> {
    let script = "trap '' HUP TERM; sh -c 'trap \"\" HUP TERM; : > begun; sleep 300; :' & \
        while [ ! -e begun ]; do sleep 0.01; done; exit 4";
    ground
        .transport
        .start(&ground.seat("a", &["sh", "-c", script]))?;
    assert_eq!(ground.dead("a")?.status, Some(4));
    let stopped = ground
        .transport
        .stop(&ground.session("a")?, Duration::from_millis(100))?;
    assert_eq!(stopped, Stopped::Dead);
    assert_eq!(ground.processes()?, [""; 0]);
    Ok(())
}

fn head(text: &str) -> String {
    text.chars().take(400).collect()
}

fn described(ground: &Ground) -> Answer<()> {
    let start = ground.seat("code0", &["sleep", "300"]);
    let other = ground.seat("code", &["sleep", "300"]);
    let answers = ground.transport.start_all(&[start, other]);
    let started = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let session = ground.session("code0")?;
    let first = started.first().ok_or("nothing started")?;
    assert_eq!((&session.id, session.pid), (&first.id, first.pid));
    assert_eq!(session.fleet.as_deref(), Some("fleet"));
    assert_eq!(session.seat.as_deref(), Some("code0"));
    assert_eq!(session.hash.as_deref(), Some("hash-of-code0"));
    assert_eq!(session.command, "sleep");
    assert!(session.quiet < 60, "{session:?}");
    // A seat is not taken for one whose name begins alike.
    let stopped = ground.transport.stop(&ground.session("code")?, GRACE)?;
    assert_eq!(stopped, Stopped::Ended);
    assert_eq!(ground.session("code0")?.dead, None);
    assert_eq!(ground.transport.observe()?.len(), 1);
    Ok(())
}

fn refused(ground: &Ground) -> Answer<()> {
    for name in ["a.b", "a:b", "$1", "", "_holder"] {
        let error = ground.transport.start(&ground.seat(name, &["true"])).err();
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(ExecErrorKind::Usage), "{name}");
    }
    let mut start = ground.seat("a", &["true"]);
    start.cwd = ground.stage.path("missing");
    let good = ground.seat("b", &["sleep", "300"]);
    let answers = ground.transport.start_all(&[start, good]);
    let kinds: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().err().map(ExecError::kind))
        .collect();
    assert_eq!(kinds, [Some(ExecErrorKind::Usage), None]);
    assert_eq!(ground.session("b")?.dead, None);
    Ok(())
}

fn messages(ground: &Ground) -> Answer<()> {
    ground
        .transport
        .start(&ground.player("a", "LISTEN heard"))?;
    let heard = ground.stage.project().join("heard");
    // It listens as soon as it says so.
    ground.until("greeting", || {
        let shown = ground.transport.capture(&ground.session("a")?, 5)?;
        Ok(shown.contains("I am listening.").then_some(()))
    })?;
    let line = "Grüße; $(rm -rf ~) `x` #{y} 'z' \"q\" \\n\t日本語;\n";
    let text = format!("{}end;", line.repeat(100_000 / line.len() + 1));
    assert!(text.len() > 100_000);
    let session = ground.session("a")?;
    ground.transport.send(&session, &text)?;
    ground.transport.send(&session, "a second one")?;
    let expected = format!("\u{1b}[200~{text}\u{1b}[201~\r\u{1b}[200~a second one\u{1b}[201~\r");
    ground.until("message", || {
        let found = fs::read_to_string(&heard).unwrap_or_default();
        Ok((found.len() >= expected.len()).then_some(()))
    })?;
    assert!(fs::read_to_string(&heard)? == expected);
    let keys = ground.transport.send(&session, "x\u{1b}[201~\rrm");
    assert_eq!(
        keys.err().map(|error| error.kind()),
        Some(ExecErrorKind::Usage)
    );
    Ok(())
}

fn stubborn(ground: &Ground) -> Answer<()> {
    let script = "IGNORE\nLEAVE\nSIGN signed\nHANG";
    ground.transport.start(&ground.player("a", script))?;
    ground.lines("signed", 1)?;
    assert_eq!(ground.processes()?.len(), 2, "{:?}", ground.processes()?);
    let session = ground.session("a")?;
    let stopped = ground
        .transport
        .stop(&session, Duration::from_millis(100))?;
    assert_eq!(stopped, Stopped::Killed);
    assert_eq!(ground.processes()?, [""; 0]);
    assert!(ground.session("a").is_err());
    Ok(())
}

fn again(ground: &Ground) -> Answer<()> {
    let first = ground.seat("a", &["sh", "-c", "echo first; exit 3"]);
    ground.transport.start(&first)?;
    assert_eq!(ground.dead("a")?.status, Some(3));
    // The name is taken by the dead one too.
    let taken = ground.transport.start(&first).err();
    assert_eq!(taken.map(|error| error.kind()), Some(ExecErrorKind::Busy));
    let mut second = ground.seat("a", &["sh", "-c", "echo $K; sleep 300"]);
    "other".clone_into(&mut second.hash);
    second.env.insert("K".to_owned(), "second".to_owned());
    let started = ground.transport.restart(&ground.session("a")?, &second)?;
    let session = ground.session("a")?;
    assert_eq!((&session.id, session.pid), (&started.id, started.pid));
    assert_eq!(
        (session.dead.clone(), session.hash.as_deref()),
        (None, Some("other"))
    );
    ground.until("words", || {
        let shown = ground.transport.capture(&ground.session("a")?, 50)?;
        Ok(shown.contains("second").then_some(()))
    })?;
    let running = ground.transport.restart(&session, &second).err();
    assert_eq!(running.map(|error| error.kind()), Some(ExecErrorKind::Busy));
    assert_eq!(ground.session("a")?.pid, started.pid);
    Ok(())
}

fn adopted(ground: &Ground) -> Answer<()> {
    let transport = &ground.transport;
    transport.start(&ground.seat("a", &["sleep", "300"]))?;
    let session = ground.session("a")?;
    let tags = Tags {
        fleet: "other",
        seat: "a",
        hash: "h;",
    };
    let theirs = transport.adopt(&session, tags).err();
    assert_eq!(
        theirs.map(|error| error.kind()),
        Some(ExecErrorKind::Refused)
    );
    transport.forget(&session)?;
    let foreign = ground.session("a")?;
    assert_eq!(
        (&foreign.fleet, &foreign.seat, &foreign.hash),
        (&None, &None, &None)
    );
    for refused in [
        transport.stop(&foreign, GRACE).err(),
        transport.send(&foreign, "hello").err(),
        transport
            .restart(&foreign, &ground.seat("a", &["true"]))
            .err(),
        transport.forget(&foreign).err(),
        // Who believes that it is still ours is told otherwise.
        transport.stop(&session, GRACE).err(),
    ] {
        let kind = refused.map(|error| error.kind());
        assert_eq!(kind, Some(ExecErrorKind::Refused));
    }
    transport.adopt(&foreign, tags)?;
    let session = ground.session("a")?;
    assert_eq!(session.fleet.as_deref(), Some("other"));
    assert_eq!(session.hash.as_deref(), Some("h;"));
    assert_eq!(session.pid, foreign.pid);
    assert_eq!(transport.stop(&session, GRACE)?, Stopped::Ended);
    Ok(())
}

fn shown(ground: &Ground) -> Answer<()> {
    let script = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); printf '\\033[31mline %s\\033[0m\\n' $i; done; sleep 300";
    ground
        .transport
        .start(&ground.seat("a", &["sh", "-c", script]))?;
    let session = ground.session("a")?;
    ground.until("last line", || {
        let shown = ground.transport.capture(&session, 3)?;
        Ok((shown == "line 298\nline 299\nline 300").then_some(()))
    })?;
    let all = ground.transport.capture(&session, 299)?;
    assert!(all.starts_with("line 2\nline 3\n"), "{}", head(&all));
    Ok(())
}

fn gone(ground: &Ground) -> Answer<()> {
    assert_eq!(ground.transport.observe()?, []);
    ground
        .transport
        .start(&ground.seat("a", &["sleep", "300"]))?;
    let session = ground.session("a")?;
    assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Ended);
    assert_eq!(ground.transport.stop(&session, GRACE)?, Stopped::Gone);
    assert!(ground.transport.capture(&session, 5).is_err());
    assert!(ground.transport.send(&session, "hello").is_err());
    // Another session of that name is not the one that was meant.
    ground
        .transport
        .start(&ground.seat("a", &["sleep", "300"]))?;
    assert_ne!(
        ground.transport.stop(&session, GRACE).ok(),
        Some(Stopped::Ended)
    );
    assert_eq!(ground.session("a")?.dead, None);
    Ok(())
}

/// What others run on the fleet's server is listed, never touched, and keeps the server.
#[test]
fn foreign_sessions_are_left_alone() -> Answer<()> {
    let ground = Ground::new(Kind::Tmux)?;
    ground.tmux(&["new-session", "-d", "-s", "orch.x", "--", "sleep", "300"])?;
    ground
        .transport
        .start(&ground.seat("orch", &["sleep", "300"]))?;
    let foreign = ground.session("orch_x")?;
    assert_eq!(
        (foreign.fleet.as_deref(), foreign.command.as_str()),
        (None, "sleep")
    );
    let stopped = ground.transport.stop(&foreign, GRACE).err();
    assert_eq!(
        stopped.map(|error| error.kind()),
        Some(ExecErrorKind::Refused)
    );
    ground.transport.stop(&ground.session("orch")?, GRACE)?;
    assert!(!ground.transport.shut("fleet")?);
    assert_eq!(ground.session("orch_x")?, foreign_now(&ground)?);
    // Its name is nobody's to take.
    let taken = ground
        .transport
        .start(&ground.seat("orch_x", &["true"]))
        .err();
    assert_eq!(taken.map(|error| error.kind()), Some(ExecErrorKind::Busy));
    assert_eq!(ground.session("orch_x")?.fleet, None);
    Ok(())
}

fn foreign_now(ground: &Ground) -> Answer<plan_core::fleet::observed::Session> {
    let mut sessions = ground.transport.observe()?;
    assert_eq!(sessions.len(), 1);
    sessions.pop().ok_or_else(|| "no session".into())
}

/// The server goes when only the fleet's own holder is left, and the next start does not
/// meet it on its way out.
#[test]
fn a_server_goes_and_comes() -> Answer<()> {
    let ground = Ground::new(Kind::Tmux)?;
    let transport = &ground.transport;
    for _ in 0..5 {
        transport.hold("fleet", "_holder")?;
        transport.hold("fleet", "_holder")?;
        assert_eq!(ground.session("_holder")?.fleet.as_deref(), Some("fleet"));
        transport.start(&ground.seat("a", &["sleep", "300"]))?;
        assert!(!transport.shut("fleet")?);
        transport.stop(&ground.session("a")?, GRACE)?;
        assert!(!transport.shut("another")?);
        assert!(transport.shut("fleet")?);
        assert_eq!(transport.observe()?, []);
        assert!(!ground.tmux(&["list-sessions"])?.status.success());
    }
    Ok(())
}

/// The server has nothing of the environment of who started it but what is harmless.
#[test]
fn the_server_is_clean() -> Answer<()> {
    let ground = Ground::new(Kind::Tmux)?;
    ground
        .transport
        .start(&ground.seat("a", &["sleep", "300"]))?;
    let shown = ground.tmux(&["show-environment", "-g"])?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    // Cargo sets it for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!text.contains("CARGO_MANIFEST_DIR"), "{text}");
    assert!(text.contains("PATH="), "{text}");
    Ok(())
}

/// Without a terminal nobody can look on; nothing is left of the try.
#[test]
fn a_viewer_never_stays() -> Answer<()> {
    let ground = Ground::new(Kind::Tmux)?;
    ground
        .transport
        .start(&ground.seat("a", &["sleep", "300"]))?;
    let session = ground.session("a")?;
    let watched = ground.transport.watch(&session, &Cancel::new());
    assert!(watched.is_err());
    let listed = ground.tmux(&["list-sessions", "-F", "#{session_name}"])?;
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "a\n");
    Ok(())
}

/// A host that is killed is noticed; its seat loses the terminal, and nothing stays.
#[test]
fn a_killed_host_is_noticed() -> Answer<()> {
    let ground = Ground::new(Kind::Process)?;
    let started = ground
        .transport
        .start(&ground.player("a", "IGNORE\nSIGN signed\nHANG"))?;
    ground.lines("signed", 1)?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", started.pid))?;
    let parent = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.split_whitespace().nth(1));
    ground.kill(parent.ok_or("no parent")?.parse()?)?;
    let exit = ground.dead("a")?;
    assert_eq!((exit.status, exit.signal), (None, Some(9)));
    // The program itself goes on as if nothing had happened.
    assert_eq!(ground.processes()?.len(), 1);
    let stopped = ground
        .transport
        .stop(&ground.session("a")?, Duration::from_millis(50))?;
    assert_eq!(stopped, Stopped::Killed);
    assert_eq!(ground.processes()?, [""; 0]);
    assert_eq!(ground.transport.observe()?, []);
    Ok(())
}
