//! Generators of values, selections, options and wire records.
//!
//! A generator is a function of a [`Draw`], a list of words that somebody else chose:
//! proptest, a fuzzer, a test. Words that are missing count as 0, and 0 always means
//! the simplest choice, so a shorter list of smaller words gives a simpler value.

pub mod fleet;
pub mod hand;
mod selection;
mod wire;
mod workflow;

pub use selection::{options, selection};
pub use wire::Make;

use plan_core::base::json::{Object, Value};

/// The choices that a generator has left.
#[derive(Debug, Clone)]
pub struct Draw<'w>(std::slice::Iter<'w, u32>);

impl<'w> Draw<'w> {
    /// Starts a list of choices.
    pub fn new(words: &'w [u32]) -> Self {
        Self(words.iter())
    }

    /// Chooses a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        let word = self.0.next().copied().unwrap_or_default();
        usize::try_from(word).unwrap_or_default() % bound.max(1)
    }

    /// Chooses one of several; the first is the simplest.
    pub fn pick<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let place = self.below(others.len() + 1).checked_sub(1);
        let other = place.and_then(|place| others.get(place));
        other.copied().unwrap_or(first)
    }

    /// Says yes once in `times`; the simplest answer is no.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }
}

/// Texts that something in this repository has an opinion about.
const TEXTS: [&str; 22] = [
    "a",
    "B c",
    " ",
    "1",
    "-x",
    "--",
    "$NAME",
    "${A}",
    "${",
    "$$",
    "../x",
    "/etc/passwd",
    "a/b.md",
    "\\",
    "\"",
    "\n",
    "\u{0}",
    "\u{7f}",
    "é😀",
    "\u{2028}",
    "__proto__",
    "{{stage}}",
];

/// Makes a text of a few pieces.
pub fn text(draw: &mut Draw<'_>) -> String {
    (0..draw.below(4)).map(|_| draw.pick("", &TEXTS)).collect()
}

/// Makes any JSON value, of a few levels.
pub fn value(draw: &mut Draw<'_>) -> Value<'static> {
    nested(draw, 3)
}

fn nested(draw: &mut Draw<'_>, levels: usize) -> Value<'static> {
    let leaf = levels == 0;
    match draw.below(if leaf { 4 } else { 6 }) {
        0 => Value::Null,
        1 => Value::Bool(draw.once_in(2)),
        2 => Value::Number(number(draw)),
        3 => text(draw).into(),
        4 => (0..draw.below(4))
            .map(|_| nested(draw, levels - 1))
            .collect::<Vec<_>>()
            .into(),
        _ => Value::Object(members(draw, |draw| nested(draw, levels - 1))),
    }
}

/// Makes an object with a few members.
fn members(
    draw: &mut Draw<'_>,
    mut member: impl FnMut(&mut Draw<'_>) -> Value<'static>,
) -> Object<'static> {
    let mut object = Object::new();
    for _ in 0..draw.below(4) {
        object.insert(text(draw), member(draw));
    }
    object
}

/// Makes a number that JSON can hold.
fn number(draw: &mut Draw<'_>) -> f64 {
    draw.pick(
        0.0,
        &[
            1.0,
            -1.0,
            0.5,
            600.0,
            1e21,
            1e-7,
            -0.1,
            9_007_199_254_740_991.0,
        ],
    )
}
