//! How long seats take: to come up, alone and under supervisors, and to be looked at.
//!
//! `CALLSHEET=target/release/callsheet STAND_IN=target/release/stand-in cargo run -p tests
//! --bin bench_fleet` measures a release build.
#![expect(clippy::print_stdout, reason = "says what it measured")]

use std::time::{Duration, Instant};

use exec_native::fleet::seat::{heartbeat_path, read_heartbeat};
use plan_core::fleet::observed::Beat;
use tests::repo::Answer;
use tests::scene::selection;
use tests::seats::{Ground, Kind};

const SEATS: usize = 16;
const ROUNDS: usize = 7;

fn main() -> Answer<()> {
    for kind in [Kind::Tmux, Kind::Process] {
        let (mut up, mut supervised, mut looks, mut down) = (vec![], vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            up.push(trivial(kind)?);
            let (running, look, end) = real(kind)?;
            supervised.push(running);
            looks.extend(look);
            down.push(end);
        }
        println!("{kind:?}, {SEATS} seats, median (least-most) of {ROUNDS}:");
        say("started, trivial programs", up);
        say("up: every agent runs under its supervisor", supervised);
        say("one look at all", looks);
        say("all stopped and taken back", down);
    }
    Ok(())
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |place: usize| times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3;
    let (middle, last) = (times.len() / 2, times.len().saturating_sub(1));
    println!(
        "  {what}: {:.1} ms ({:.1}-{:.1})",
        at(middle),
        at(0),
        at(last)
    );
}

fn trivial(kind: Kind) -> Answer<Duration> {
    let ground = Ground::new(kind)?;
    let seat = |number| ground.seat(&format!("code{number}"), &["sleep", "300"]);
    let starts: Vec<_> = (0..SEATS).map(seat).collect();
    let began = Instant::now();
    for answer in ground.transport.start_all(&starts) {
        answer?;
    }
    Ok(began.elapsed())
}

fn real(kind: Kind) -> Answer<(Duration, Vec<Duration>, Duration)> {
    let ground = Ground::new(kind)?;
    let persona = selection("claude", &[], "");
    let seat = |number| ground.supervised(&format!("code{number}"), &persona, "HANG");
    let starts = (0..SEATS).map(seat).collect::<Answer<Vec<_>>>()?;
    let began = Instant::now();
    for answer in ground.transport.start_all(&starts) {
        answer?;
    }
    for start in &starts {
        let path = heartbeat_path(&ground.stage.path("run"), &start.seat);
        ground.until("agent", || {
            let beat = read_heartbeat(&path, 0);
            Ok(beat.filter(|beat| beat.status == Beat::Running))
        })?;
    }
    let running = began.elapsed();
    let look = |_| {
        let began = Instant::now();
        let seen = ground.transport.observe()?.len();
        (seen == SEATS)
            .then(|| began.elapsed())
            .ok_or_else(|| "seats are missing".into())
    };
    let looks = (0..20).map(look).collect::<Answer<Vec<_>>>()?;
    let sessions = ground.transport.observe()?;
    let began = Instant::now();
    std::thread::scope(|scope| {
        let transport = &ground.transport;
        let stop = |session| scope.spawn(move || transport.stop(session, Duration::from_secs(9)));
        let threads: Vec<_> = sessions.iter().map(stop).collect();
        for thread in threads {
            drop(thread.join());
        }
    });
    Ok((running, looks, began.elapsed()))
}
