//! Not a test by itself: what `tests/bench/worktree.sh` measures.

use std::thread;
use std::time::{Duration, Instant};

use super::*;

const TREES: usize = 20;

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

/// One `git worktree add` after the other.
fn serial(desk: &Desk) -> Duration {
    let path = |number: usize| desk.root.join(format!("plain-{number}"));
    let text = |number| path(number).to_str().unwrap().to_owned();
    let time = timed(|| {
        for number in 0..TREES {
            let branch = format!("plain-{number}");
            let args = [
                "worktree",
                "add",
                "-q",
                "-b",
                &branch,
                &text(number),
                "HEAD",
            ];
            git(&desk.repo(), &args);
        }
    });
    for number in 0..TREES {
        git(
            &desk.repo(),
            &["worktree", "remove", "--force", &text(number)],
        );
        git(&desk.repo(), &["branch", "-qD", &format!("plain-{number}")]);
    }
    time
}

/// All at once, as a run asks for them.
fn two_phases(trees: &Trees) -> (Duration, Duration) {
    let base = trees.repo().resolve("HEAD").unwrap();
    let calls: Vec<String> = (0..TREES).map(|number| number.to_string()).collect();
    let mut made = Vec::new();
    let making = timed(|| {
        made = thread::scope(|scope| {
            let make = |call| trees.create(&spec(call, &base), &mut announced).unwrap();
            let makers: Vec<_> = calls
                .iter()
                .map(|call| scope.spawn(move || make(call)))
                .collect();
            makers
                .into_iter()
                .map(|maker| maker.join().unwrap())
                .collect::<Vec<Tree>>()
        });
    });
    let removing = timed(|| {
        thread::scope(|scope| {
            for tree in made {
                scope.spawn(move || tree.remove(End::Remove).unwrap());
            }
        });
    });
    (making, removing)
}

#[test]
fn twenty_trees() {
    let Ok(root) = std::env::var("CALLSHEET_BENCH_TREES") else {
        return;
    };
    let desk = Desk::at(Path::new(&root));
    let trees = desk.trees();
    let rounds = std::env::var("REPS")
        .ok()
        .and_then(|text| text.parse().ok());
    let (mut plain, mut making, mut removing) = (Vec::new(), Vec::new(), Vec::new());
    // They take turns, so that a busy machine is one for both.
    for _ in 0..rounds.unwrap_or(5) {
        plain.push(serial(&desk));
        let (made, removed) = two_phases(&trees);
        making.push(made);
        removing.push(removed);
    }
    let row = |what: &str, times: &mut Vec<Duration>| {
        times.sort();
        let of = |time: &Duration| time.as_secs_f64();
        let (least, most) = (of(&times[0]), of(&times[times.len() - 1]));
        let middle = of(&times[times.len() / 2]);
        println!("| {what} | {middle:.2} | {least:.2} | {most:.2} |");
        middle
    };
    println!("| 20 trees of 10 000 files | median, s | least | most |");
    println!("| --- | --- | --- | --- |");
    let one = row("`git worktree add`, one after the other", &mut plain);
    let other = row("in two phases", &mut making);
    row("removing these", &mut removing);
    println!("| ratio of the first two | **{:.1}×** | | |", one / other);
}
