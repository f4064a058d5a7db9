//! Paths do not depend on the order in which calls end.

use std::collections::BTreeSet;

use plan_core::workflow::vm::Event;

use super::*;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Runs a script in many orders; returns how many different maps of paths there are, and one.
fn orders(script: &str) -> (usize, Vec<(String, String)>) {
    let mut maps = BTreeSet::new();
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let whole = drive(
            &start_of(script),
            |open| dice.below(open),
            |call| text(&prompt(call)),
        );
        assert_eq!(whole.last.state, VmState::Done, "{:?}", whole.last.error);
        let mut map: Vec<_> = whole
            .calls()
            .iter()
            .map(|call| (call.path.clone(), prompt(call)))
            .collect();
        let unsorted = map.len();
        map.sort();
        map.dedup_by(|a, b| a.0 == b.0);
        assert_eq!(map.len(), unsorted, "a path was given twice");
        maps.insert(map);
    }
    (maps.len(), maps.pop_first().unwrap())
}

#[test]
fn branches_with_two_awaits() {
    let (count, map) = orders(
        "await parallel(Array.from({ length: 10 }, (_, i) => async () => { const a = await agent(`a${i}`); return agent(a + 'b') }))",
    );
    assert_eq!((count, map.len()), (1, 20));
    assert_eq!(map[1], ("/0p[0]/1".into(), "a0b".into()));
    assert_eq!(map[19], ("/0p[9]/1".into(), "a9b".into()));
}

#[test]
fn pipelines() {
    let (count, map) = orders(
        "const s = (n) => (p) => agent(p + n); await pipeline(Array.from({ length: 12 }, (_, i) => 'i' + i), s('a'), s('b'), s('c'))",
    );
    assert_eq!((count, map.len()), (1, 36));
    assert_eq!(map[2], ("/0l[0]/2".into(), "i0abc".into()));
}

#[test]
fn combinators_in_pipelines() {
    let (count, map) = orders(
        "await pipeline(['x', 'y', 'z'],
           async (p) => (await parallel([1, 2, 3].map((n) => () => agent(p + n)))).join(''),
           async (p, o) => { await verify(p); return agent('after ' + o) })",
    );
    assert_eq!((count, map.len()), (1, 18));
    assert!(
        map.contains(&("/0l[1]/0p[2]/0".into(), "y3".into())),
        "{map:?}"
    );
    assert!(
        map.contains(&("/0l[1]/2".into(), "after y".into())),
        "{map:?}"
    );
    assert!(
        map.iter().any(|(path, _)| path == "/0l[2]/1p[1]/0"),
        "{map:?}"
    );
}

#[test]
fn two_combinators_awaited_together() {
    let (count, map) = orders(
        "const two = (t) => parallel([0, 1, 2].map((i) => async () => agent(await agent(t + i) + '!')));
         await Promise.all([two('a'), two('b')]); await agent('end')",
    );
    assert_eq!((count, map.len()), (1, 13));
    assert_eq!(map[12], ("/2".into(), "end".into()));
}

#[test]
fn loops_after_a_join() {
    let (count, map) = orders(
        "const r = await parallel([0, 1, 2, 3].map((i) => () => agent('p' + i)));
         for (const x of r) { await agent('loop ' + x); await parallel([() => agent('q'), () => agent('r')]) }",
    );
    assert_eq!((count, map.len()), (1, 16));
    assert!(map.contains(&("/1".into(), "loop p0".into())), "{map:?}");
    assert!(map.contains(&("/8p[1]/0".into(), "r".into())), "{map:?}");
}

#[test]
fn stages_and_joins_without_calls_keep_their_scope() {
    let (count, map) = orders(
        "await parallel(['a', 'b', 'c'].map((t) => async () => { await parallel([]); await parallel([async () => 1]); return agent(t) }));
         await pipeline(['d', 'e'], async (x) => x + x, async (x) => { await null; return x }, (x) => agent(x));
         await agent('end')",
    );
    assert_eq!(count, 1);
    let wanted = [
        ("/0p[0]/2", "a"),
        ("/0p[1]/2", "b"),
        ("/0p[2]/2", "c"),
        ("/1l[0]/0", "dd"),
        ("/1l[1]/0", "ee"),
        ("/2", "end"),
    ];
    assert_eq!(
        map,
        wanted.map(|(path, prompt)| (path.to_owned(), prompt.to_owned()))
    );
}

#[test]
fn a_failed_fan_out_gives_the_scope_back() {
    let whole = drive(
        &start_of(
            "try { await parallel([() => agent('bad'), async () => { await agent('slow'); await agent('slower') }]) } catch {}
             await agent('after'); await agent('last')",
        ),
        |open| if open == 2 { 0 } else { open - 1 },
        |call| if prompt(call) == "bad" { Answer::Error("AGENT_LIMIT_EXCEEDED", "x", false) } else { text("x") },
    );
    let map: Vec<_> = whole
        .calls()
        .iter()
        .map(|call| (call.path.clone(), prompt(call)))
        .collect();
    assert!(map.contains(&("/1".into(), "after".into())), "{map:?}");
    assert!(map.contains(&("/2".into(), "last".into())), "{map:?}");
    assert!(
        map.contains(&("/0p[1]/1".into(), "slower".into())),
        "{map:?}"
    );
}

#[test]
fn the_order_of_answers_decides_everything() {
    let script = "const r = []; await parallel([1, 2, 3, 4].map((i) => async () => { r.push(await agent('a' + i)); await agent('b' + i) })); log(r.join()); return r";
    for seed in 0..20 {
        let run = || {
            let mut dice = Dice(seed);
            let whole = drive(
                &start_of(script),
                |open| dice.below(open),
                |call| text(&prompt(call)),
            );
            (whole.events, whole.last)
        };
        assert_eq!(run(), run());
    }
}

#[test]
fn scopes_open_and_join_once() {
    let whole = echo(
        "await parallel([() => parallel([() => agent('x')]), () => 1]); await pipeline([1, 2, 3], (x) => x)",
    );
    let opened: Vec<_> = whole
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Open(open) => Some((
                open.scope.as_str(),
                open.parent.as_str(),
                open.ordinal,
                open.branches,
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        opened,
        [
            ("/0p", "", 0, 2),
            ("/0p[0]/0p", "/0p[0]", 0, 1),
            ("/1l", "", 1, 3)
        ]
    );
    let joined: Vec<_> = whole
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Join(join) => Some(join.scope.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(joined, ["/0p[0]/0p", "/0p", "/1l"]);
}
