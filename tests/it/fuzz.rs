//! A short run of the fuzz targets on the stable compiler, seeded from the examples.

use tests::fuzz::{Noise, drive, exercise, mutate};
use tests::repo::{Answer, files, read};

/// Mutations of each seed text; `CALLSHEET_FUZZ_ROUNDS` asks for more.
const ROUNDS: usize = 800;

const SEED: u64 = 2026;

fn seeds() -> Answer<Vec<String>> {
    let personas = files("examples", ".json")?;
    let fixtures = files("tests/fixtures/persona", ".json")?;
    let paths = personas.iter().chain(&fixtures);
    paths.map(|path| read(path)).collect()
}

#[test]
fn no_text_makes_the_core_panic() -> Answer<()> {
    let asked = std::env::var("CALLSHEET_FUZZ_ROUNDS").ok();
    let rounds = asked.map_or(Ok(ROUNDS), |rounds| rounds.parse())?;
    let seeds = seeds()?;
    assert!(seeds.len() >= 7, "only {} seeds were found", seeds.len());
    let done = drive(&seeds, SEED, rounds)?;
    assert_eq!(done, seeds.len() * rounds);
    Ok(())
}

#[test]
fn deep_and_odd_texts_are_answered() -> Result<(), String> {
    let deep = [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "\"".repeat(99_999),
    ];
    for text in deep.iter().map(String::as_str) {
        exercise(text)?;
    }
    [
        "",
        "\u{feff}{}",
        "{\"a\":1,\"a\":2}",
        "[1e400]",
        "\"\\u0000\"",
    ]
    .into_iter()
    .try_for_each(exercise)
}

#[test]
fn equal_seeds_give_equal_mutations() {
    let run = |seed| {
        let mut noise = Noise::new(seed);
        (0..50)
            .map(|_| mutate("{\"id\": \"ä\",\n\"b\": [1]}", &mut noise))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
