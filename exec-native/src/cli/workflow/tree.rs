//! The calls of a run as a tree: what a combinator holds together stands below it.

use super::lines::{one_line, span, tokens};
use crate::workflow::view::{Call, Stage};

/// A line for every call, and for every combinator and branch around it.
pub(super) fn tree(calls: &[Call]) -> Vec<String> {
    // By place: calls of a branch are made between those of others.
    let mut sorted: Vec<(Vec<Step<'_>>, &Call)> =
        calls.iter().map(|call| (steps(&call.path), call)).collect();
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    let mut lines = Vec::new();
    let mut around: Vec<Step<'_>> = Vec::new();
    for (place, call) in &sorted {
        let scope = place.split_last().map_or(&[][..], |(_, scope)| scope);
        let same = around
            .iter()
            .zip(scope)
            .take_while(|(one, other)| one == other)
            .count();
        for (depth, step) in scope.iter().enumerate().skip(same) {
            lines.push(format!("{}{}", "  ".repeat(depth), step.told()));
        }
        lines.push(format!("{}{}", "  ".repeat(scope.len()), told(call)));
        around = scope.to_vec();
    }
    lines
}

/// A part of a path: numbers as numbers, so that they can be sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step<'p> {
    /// The number of a call or a combinator in its scope, and the combinator's letter.
    Thing(u64, &'p str),
    /// The number of a branch.
    Branch(u64),
}

impl Step<'_> {
    fn told(&self) -> String {
        match self {
            Step::Thing(_, "p") => "parallel".to_owned(),
            Step::Thing(_, "l") => "pipeline".to_owned(),
            Step::Thing(_, "w") => "workflow".to_owned(),
            Step::Thing(number, letters) => format!("{number}{letters}"),
            Step::Branch(number) => format!("[{number}]"),
        }
    }
}

/// Takes a path such as `/2p[5]/1` apart.
fn steps(path: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let (thing, branch) = match part.split_once('[') {
            None => (part, None),
            Some((thing, branch)) => (thing, branch.strip_suffix(']')),
        };
        let end = thing.find(|letter: char| !letter.is_ascii_digit());
        let (number, letters) = thing.split_at(end.unwrap_or(thing.len()));
        steps.push(Step::Thing(number.parse().unwrap_or(0), letters));
        steps.extend(branch.map(|branch| Step::Branch(branch.parse().unwrap_or(0))));
    }
    steps
}

fn told(call: &Call) -> String {
    let mark = match call.stage {
        Stage::Waiting => "·",
        Stage::Working => "▸",
        Stage::Asking => "?",
        Stage::Done => "✓",
        Stage::Reused => "=",
        Stage::Failed => "✗",
    };
    let time = call.begun.zip(call.ended);
    let time = time.map(|(begun, ended)| span(ended.saturating_sub(begun)));
    let taken = call.usage.as_ref().map(tokens);
    let problem = call.problem.as_deref().map(one_line);
    let again = (call.attempt > 1).then(|| format!("attempt {}", call.attempt));
    let notes: Vec<String> = time
        .into_iter()
        .chain(again)
        .chain(taken)
        .chain(problem)
        .collect();
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!("  {}", notes.join(", "))
    };
    format!("{mark} {}{notes}", one_line(&call.label))
}

#[cfg(test)]
mod tests {
    use plan_core::workflow::vm::CallKind;

    use super::*;

    fn call(path: &str, stage: Stage) -> Call {
        Call {
            path: path.into(),
            kind: CallKind::Agent,
            label: format!("at {path}"),
            phase: None,
            stage,
            attempt: 1,
            begun: Some(1000),
            ended: (stage == Stage::Done).then_some(3500),
            usage: None,
            problem: None,
        }
    }

    #[test]
    fn branches_stand_below_what_holds_them() {
        let calls = [
            call("/0", Stage::Done),
            call("/1p[10]/0", Stage::Working),
            call("/1p[2]/0", Stage::Done),
            call("/1p[2]/1l[0]/0", Stage::Waiting),
            call("/2", Stage::Waiting),
        ];
        assert_eq!(
            tree(&calls),
            [
                "✓ at /0  2s",
                "parallel",
                "  [2]",
                "    ✓ at /1p[2]/0  2s",
                "    pipeline",
                "      [0]",
                "        · at /1p[2]/1l[0]/0",
                "  [10]",
                "    ▸ at /1p[10]/0",
                "· at /2",
            ]
        );
    }
}
