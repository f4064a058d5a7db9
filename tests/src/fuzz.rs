//! The bodies of the fuzz targets, and a small mutating driver that runs them on
//! the stable compiler.
//!
//! `tests/fuzz/` hands the same bodies to cargo-fuzz.

use plan_core::base::json;

/// Feeds one text to everything that reads text. It must return, whatever the text.
///
/// # Errors
/// A property that does not hold for this text.
pub fn exercise(text: &str) -> Result<(), String> {
    let Ok(value) = json::read(text) else {
        return Ok(());
    };
    round_trip(&value)
    // ---- What follows reading joins here: parse the value as a persona under every
    // ---- edition, plan what parses, and compare two plans of one value.
}

/// What is printed reads back as the same value and prints as the same text. Numbers
/// beyond a double print as `null`, as in JavaScript, and do not come back.
fn round_trip(value: &json::Value<'_>) -> Result<(), String> {
    let printed = json::print(value);
    let again = json::read(&printed).map_err(|error| format!("printed text unread: {error}"))?;
    let same = (again == *value || !is_finite(value)) && json::print(&again) == printed;
    same.then_some(())
        .ok_or_else(|| format!("print and read disagree: {printed}"))
}

fn is_finite(value: &json::Value<'_>) -> bool {
    let members = value.as_object().is_none_or(|object| {
        let mut members = object.iter();
        members.all(|(_, member)| is_finite(member))
    });
    members
        && value.as_number().is_none_or(f64::is_finite)
        && value.as_array().unwrap_or_default().iter().all(is_finite)
}

/// A small generator of repeatable noise (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// Creates a generator; equal seeds give equal noise.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn pick<'t, T: ?Sized>(&mut self, from: &[&'t T]) -> Option<&'t T> {
        let place = self.below(from.len());
        from.get(place).copied()
    }
}

/// Pieces that parsers of this repository have an opinion about.
const PIECES: [&str; 30] = [
    "{}",
    "[]",
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1e999",
    "1e21",
    "\"\"",
    "\"..\"",
    "\"/etc/passwd\"",
    "\"-x\"",
    "\"$NAME\"",
    "\"${A}${\"",
    "\"\\ud83d\"",
    "\"\\u0000\"",
    "\"claude\"",
    "\"codex\"",
    "\"bypassPermissions\"",
    "\"extend\"",
    "\"__proto__\":1",
    "\"0\":0",
    "\"skills\":[{}]",
    "\"mcpServers\":{\"a b\":{}}",
    "\"inputs\":{\"A\":\"\"}",
    ",",
    ":",
    "[[[[[[[[",
    "\u{2028}",
];

/// Changes a text a little: one to four edits, each at a character boundary.
pub fn mutate(seed_text: &str, noise: &mut Noise) -> String {
    let mut text = seed_text.to_owned();
    for _ in 0..=noise.below(3) {
        text = edit(&text, noise);
    }
    text
}

fn edit(text: &str, noise: &mut Noise) -> String {
    let from = boundary(text, noise.below(text.len() + 1));
    let to = boundary(text, from + noise.below(24)).max(from);
    let (head, tail) = text.split_at(from);
    let cut = text.get(to..).unwrap_or_default();
    let middle = text.get(from..to).unwrap_or_default();
    match noise.below(6) {
        0 => format!("{head}{cut}"),
        1 => format!("{head}{middle}{tail}"),
        2 => head.to_owned(),
        3 => format!("{head}{}{cut}", noise.pick(&PIECES).unwrap_or_default()),
        4 => replace_value(text, noise),
        _ => format!("{head}{}{tail}", noise.pick(&PIECES).unwrap_or_default()),
    }
}

/// Replaces what stands behind one `": "`, up to the end of its line, so that the
/// text stays JSON more often than not.
fn replace_value(text: &str, noise: &mut Noise) -> String {
    let places: Vec<usize> = text.match_indices("\": ").map(|(at, _)| at + 3).collect();
    let Some(from) = places.get(noise.below(places.len())).copied() else {
        return text.to_owned();
    };
    let (head, tail) = text.split_at(from);
    let line = tail.find('\n').unwrap_or(tail.len());
    let rest = tail.get(line..).unwrap_or_default();
    let comma = if tail.get(..line).is_some_and(|value| value.ends_with(',')) {
        ","
    } else {
        ""
    };
    format!(
        "{head}{}{comma}{rest}",
        noise.pick(&PIECES).unwrap_or_default()
    )
}

fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Runs `exercise` on each seed text and `rounds` mutations of it; returns how many
/// mutations ran.
///
/// # Errors
/// The first property that does not hold, or panic, with the text.
pub fn drive(seeds: &[String], seed: u64, rounds: usize) -> Result<usize, String> {
    let mut noise = Noise::new(seed);
    let mut done = 0;
    for text in seeds {
        exercise(text).map_err(|why| format!("{why}\nfor the seed {text}"))?;
        for _ in 0..rounds {
            let mutant = mutate(text, &mut noise);
            guarded(&mutant).map_err(|why| format!("{why}\nseed {seed}, text:\n{mutant}"))?;
            done += 1;
        }
    }
    Ok(done)
}

/// Turns a panic into an answer, so that the text which caused it is shown.
fn guarded(text: &str) -> Result<(), String> {
    std::panic::catch_unwind(|| exercise(text)).unwrap_or_else(|_| Err("it panicked".to_owned()))
}
