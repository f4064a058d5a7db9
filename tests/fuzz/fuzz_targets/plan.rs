//! A text that is JSON more often than not: the input picks a seed and is its mutation.
#![no_main]

use tests::fuzz::{Noise, exercise, mutate};

/// A persona with every section, so that mutations reach the planner.
const PERSONA: &str = include_str!("../../../examples/personas/careful-reviewer.json");

libfuzzer_sys::fuzz_target!(|noise: u64| {
    if let Err(why) = exercise(&mutate(PERSONA, &mut Noise::new(noise))) {
        panic!("{why}");
    }
});
