//! Scripts of calls, branches and loops, made from choices.

use plan_core::workflow::identity::Effect;

use crate::generate::Draw;

/// A script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Calls an agent. Its prompt may hold what the step before it answered.
    Call {
        /// The prompt.
        prompt: String,
        /// Whether the answer before it is part of the prompt.
        asks: bool,
        /// What it may change.
        effect: Effect,
    },
    /// One after the other.
    Seq(Vec<Script>),
    /// All at once.
    Par(Vec<Script>),
    /// Each item through all stages.
    Pipe {
        /// The items.
        items: Vec<String>,
        /// The stages' prompts.
        stages: Vec<String>,
    },
    /// Again and again, until an answer says that it is enough, five times at most.
    Loop(String),
}

/// Makes a script from choices.
pub fn script(draw: &mut Draw<'_>) -> Script {
    let mut number = 0;
    let steps = 1 + draw.below(4);
    Script::Seq((0..steps).map(|_| node(draw, 3, &mut number)).collect())
}

fn node(draw: &mut Draw<'_>, depth: usize, number: &mut usize) -> Script {
    *number += 1;
    // Some prompts are the same, as those of people are.
    let name = if draw.once_in(6) {
        "the same".to_owned()
    } else {
        format!("p{number}")
    };
    if depth == 0 {
        return call(draw, name);
    }
    match draw.below(6) {
        0 | 1 => call(draw, name),
        2 => Script::Seq(some(draw, depth, number)),
        3 => Script::Par(some(draw, depth, number)),
        4 => Script::Pipe {
            items: (0..=draw.below(4))
                .map(|item| format!("{number}i{item}"))
                .collect(),
            stages: (0..=draw.below(3))
                .map(|stage| format!("s{stage}"))
                .collect(),
        },
        _ => Script::Loop(format!("loop {number}")),
    }
}

fn call(draw: &mut Draw<'_>, prompt: String) -> Script {
    Script::Call {
        prompt,
        asks: draw.once_in(2),
        effect: draw.pick(Effect::Workspace, &[Effect::Pure, Effect::Isolated]),
    }
}

fn some(draw: &mut Draw<'_>, depth: usize, number: &mut usize) -> Vec<Script> {
    (0..=draw.below(3))
        .map(|_| node(draw, depth - 1, number))
        .collect()
}
