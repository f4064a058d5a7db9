//! Many commands at once, commands that are killed, and machines where something is missing.
#![expect(clippy::print_stdout, reason = "says what is skipped")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::{Duration, Instant};

use tests::fleets::{Fleet, SEATS};
use tests::program::{Call, Ended, Running, is_root};
use tests::repo::Answer;
use tests::seats::Kind;
use tests::sweep::{is_possible, killed_at, points};

use super::up::on_both_fleets;

on_both_fleets! {
    a_hundred_ups_start_every_seat_once => hundred;
    ups_and_downs_end_in_one_of_both => both_ways;
    commands_that_are_killed_are_called_again => killed_any_time;
    a_command_is_killed_at_every_call => killed_at_calls;
    a_home_that_may_not_be_written_is_told => read_only;
    without_home_seats_need_a_place => homeless;
}

/// A user without rights.
const NOBODY: u32 = 65_534;

/// How often commands are killed; more with `CALLSHEET_FLEET_KILLS`.
fn kills() -> usize {
    let asked = std::env::var("CALLSHEET_FLEET_KILLS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(40)
}

/// Runs calls at the same time.
fn at_once(calls: Vec<Call>) -> Answer<Vec<Ended>> {
    let running = calls
        .into_iter()
        .map(Call::start)
        .collect::<Answer<Vec<_>>>()?;
    running.into_iter().map(Running::end).collect()
}

/// Expects every seat to run, once.
fn expect_up(fleet: &Fleet, seats: &[&str]) -> Answer<()> {
    let agents = || -> Answer<BTreeMap<String, usize>> {
        let mut found = BTreeMap::new();
        let agent = fleet.stage.path("bin/claude").display().to_string();
        for line in fleet.processes()? {
            // One that was just killed has no words any more.
            let (path, words) = line.split_once(' ').unwrap_or_default();
            if words.starts_with(&agent) {
                let environ = fs::read(format!("{path}/environ")).unwrap_or_default();
                let environ = String::from_utf8_lossy(&environ).into_owned();
                let seat = environ
                    .split('\0')
                    .find_map(|pair| pair.strip_prefix("CALLSHEET_SEAT="));
                *found
                    .entry(seat.unwrap_or_default().to_owned())
                    .or_default() += 1;
            }
        }
        Ok(found)
    };
    let once: BTreeMap<String, usize> = seats.iter().map(|seat| ((*seat).to_owned(), 1)).collect();
    let running = fleet.until("one agent each", || Ok((agents()? == once).then_some(())));
    running.map_err(|error| format!("{error}\n{:?}", agents()))?;
    assert_eq!(fleet.pids()?.keys().collect::<Vec<_>>(), seats);
    if fleet.kind == Kind::Tmux {
        let mut sessions = fleet.sessions()?;
        sessions.retain(|name| name != "_holder");
        assert_eq!(sessions, seats);
    }
    Ok(())
}

fn hundred(fleet: &Fleet) -> Answer<()> {
    let call = |_| fleet.change(&["up", "--profile", "team", "--full"]);
    let ended = at_once((0..100).map(call).collect::<Answer<_>>()?)?;
    let mut codes = BTreeMap::new();
    for ended in &ended {
        *codes.entry(ended.code()).or_insert(0) += 1;
        if ended.code() == Some(5) {
            assert!(
                ended.says("`callsheet fleet up` (process "),
                "{}",
                ended.stderr()
            );
        }
        assert!(
            matches!(ended.code(), Some(0 | 5)),
            "{:?} {}",
            ended.code(),
            ended.stderr()
        );
    }
    assert!(codes.contains_key(&Some(0)), "{codes:?}");
    expect_up(fleet, &SEATS)?;
    // Nobody was started and ended again meanwhile.
    let signed = fleet.says("signed", "\n")?;
    assert_eq!(signed.lines().count(), 4, "{signed}");
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()
}

fn both_ways(fleet: &Fleet) -> Answer<()> {
    fleet.up()?;
    let call = |number| match number % 2 {
        0 => fleet.change(&["up", "--lock-timeout", "60"]),
        _ => fleet.change(&["down", "--lock-timeout", "60"]),
    };
    for ended in at_once((0..12).map(call).collect::<Answer<_>>()?)? {
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    }
    let seats = fleet.pids()?;
    assert!(matches!(seats.len(), 0 | 4), "{seats:?}");
    if seats.is_empty() {
        fleet.expect_gone()?;
    }
    fleet.up()?;
    expect_up(fleet, &SEATS)?;
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()
}

/// Kills one command after the other, each at another moment. What comes next starts from
/// whatever is there.
fn killed_any_time(fleet: &Fleet) -> Answer<()> {
    let up = ["up", "--profile", "team", "--full"];
    // The first call of a test may have to build the binary, which says nothing about `up`.
    fleet.tell(&up, 0)?;
    fleet.tell(&["down"], 0)?;
    let began = Instant::now();
    fleet.tell(&up, 0)?;
    let whole = began.elapsed().max(Duration::from_millis(50));
    let count = kills();
    let (mut number, mut dead, mut took) = (0, 0, whole);
    while dead < count {
        assert!(number < 6 * count, "only {dead} of {number} were killed");
        let verb = if number % 2 == 0 { &["down"][..] } else { &up };
        let call = fleet.change(verb)?.start()?;
        // Every part of the time has its turn, in no order.
        let part = u32::try_from(number * 37 % count)? + 1;
        std::thread::sleep(took * part / u32::try_from(count)?);
        call.signal("KILL").ok();
        // What was begun before has less left to do, so commands are not equally long.
        took = if call.ended()?.code().is_none() {
            dead += 1;
            (took * 11 / 10).min(whole)
        } else {
            (took * 9 / 10).max(Duration::from_millis(20))
        };
        if number % 8 == 7 {
            fleet.tell(&up, 0)?;
            expect_up(fleet, &SEATS)?;
        }
        if number % 24 == 23 {
            fleet.tell(&["down"], 0)?;
            fleet.expect_gone()?;
        }
        number += 1;
    }
    fleet.tell(&up, 0)?;
    expect_up(fleet, &SEATS)?;
    fleet.tell(&["down"], 0)?;
    fleet.expect_gone()?;
    // A fleet that is down is up again as if nothing had happened.
    assert_eq!(fleet.stage.call(&["recover"])?.run()?.code(), Some(0));
    fleet.up()
}

/// Kills commands just before they change a file, start or end something.
fn killed_at_calls(fleet: &Fleet) -> Answer<()> {
    if !is_possible() {
        return Ok(());
    }
    let up = ["up", "--profile", "team"];
    for verb in [&up[..], &["down"]] {
        fleet
            .tell(if verb == up { &["down"] } else { &up[..] }, 0)
            .ok();
        let remove = || fs::remove_file(fleet.path("roster.yaml")).ok();
        if verb == up {
            remove();
        }
        let (ended, points) = points(&fleet.stage, fleet.change(verb)?)?;
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
        let mut dead = 0;
        for point in &points {
            let at =
                |error: Box<dyn std::error::Error>| format!("killed at {}\n{error}", point.line);
            if verb == up {
                fleet.tell(&["down"], 0).map_err(at)?;
                remove();
            } else {
                fleet.tell(&up, 0).map_err(at)?;
            }
            let ended = killed_at(fleet.change(verb)?, point)?;
            dead += usize::from(ended.code().is_none());
            if verb == up {
                fleet.tell(&up, 0).map_err(at)?;
                expect_up(fleet, &["planner"]).map_err(at)?;
            } else {
                fleet.tell(&["down"], 0).map_err(at)?;
                fleet.expect_gone().map_err(at)?;
            }
        }
        println!("{verb:?}: killed at {dead} of {} calls", points.len());
        assert!(dead * 2 > points.len(), "{verb:?} was killed {dead} times");
    }
    Ok(())
}

fn read_only(fleet: &Fleet) -> Answer<()> {
    let homes = [fleet.stage.path("fleet-home"), fleet.path("")];
    let allow = |mode: u32| {
        let mut homes = homes.iter();
        homes.try_for_each(|home| fs::set_permissions(home, Permissions::from_mode(mode)))
    };
    allow(0o555)?;
    let mut call = fleet.change(&["up", "--profile", "team"])?;
    if is_root() {
        // Root may write everywhere; so somebody else tries.
        fs::set_permissions(fleet.stage.path(""), Permissions::from_mode(0o755))?;
        chown(fleet.stage.path("state"), Some(NOBODY), Some(NOBODY))?;
        let tool = [&format!("--reuid={NOBODY}"), "--clear-groups"];
        call = call.under("setpriv", &tool);
    }
    let told = call.run()?;
    allow(0o755)?;
    chown(fleet.stage.path("state"), None, None)?;
    if is_root() && matches!(told.code(), Some(126 | 127)) {
        println!("skipped: another user may not run the binary");
        return Ok(());
    }
    assert_eq!(told.code(), Some(1), "{}", told.stderr());
    let words = ["Permission denied", "fleet-home/fleet/run"];
    assert!(
        words.iter().all(|words| told.says(words)),
        "{}",
        told.stderr()
    );
    assert!(!fleet.path("run").exists());
    Ok(())
}

fn homeless(fleet: &Fleet) -> Answer<()> {
    let text = |path: &str| fleet.stage.path(path).display().to_string();
    let call = |verb: &[&str]| -> Answer<Ended> {
        let call = fleet.change(verb)?.bare();
        let call = call.env("CALLSHEET_HOME", text("fleet-home"));
        let call = call.env("CALLSHEET_STATE_HOME", text("state"));
        let call = call.env("TMUX_TMPDIR", text("sockets"));
        call.env("PATH", format!("{}:/usr/bin:/bin", text("bin")))
            .run()
    };
    let rule = format!(
        "version: 1\nrules:\n  - class: \"*\"\n    working_directory: {}\n",
        text("project")
    );
    fleet.write("policy.yaml", &rule)?;
    let up = call(&["up", "--profile", "team", "--wait"])?;
    assert_eq!(up.code(), Some(0), "{}", up.stderr());
    assert_eq!(call(&["down"])?.code(), Some(0));
    fleet.expect_gone()
}

/// Without tmux seats are processes, and whoever wants tmux is told what to do.
#[test]
fn a_machine_without_tmux() -> Answer<()> {
    let Some(fleet) = Fleet::new(Kind::Process)? else {
        return Ok(());
    };
    let bin = fleet.stage.path("bin");
    let call = |verb: &[&str]| -> Answer<Call> { Ok(fleet.look(verb)?.env("PATH", &bin)) };
    let up = call(&["up", "--profile", "team", "--wait", "--json"])?.run()?;
    assert_eq!(up.code(), Some(0), "{}", up.stderr());
    assert!(
        up.stdout().contains("\"transport\":\"process\""),
        "{}",
        up.stdout()
    );
    let missing = call(&["up", "--transport", "tmux"])?.run()?;
    assert_eq!(missing.code(), Some(69));
    assert!(
        missing.says("tmux is not installed, or not on PATH"),
        "{}",
        missing.stderr()
    );
    assert!(
        missing.says("use the transport `process`"),
        "{}",
        missing.stderr()
    );
    assert_eq!(call(&["status", "--check"])?.run()?.code(), Some(0));
    assert_eq!(call(&["down"])?.run()?.code(), Some(0));
    fleet.expect_gone()
}
