//! What holds for every script, every order of answers, every kill and every edit.

use std::collections::{BTreeMap, BTreeSet};

use plan_core::base::json::{print, read};
use plan_core::workflow::history::History;
use plan_core::workflow::machine::Terms;
use plan_core::workflow::policy::{Limits, Reuse};
use plan_core::workflow::preview::{Fate, Preview};
use plan_core::workflow::record::{RunEnd, RunRecord};
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;
use tests::generate::Draw;
use tests::toy::{Chance, Course, Script, Seen, execute, opened, script};

use crate::properties::for_all;

fn limits(draw: &mut Draw<'_>) -> Limits {
    Limits {
        concurrency: draw.pick(8, &[1, 2, 64]),
        ..Limits::default()
    }
}

fn seed(draw: &mut Draw<'_>) -> u64 {
    draw.below(1 << 30) as u64
}

/// The contents whose results are durable, and how often.
fn settled(journal: &[RunRecord]) -> BTreeMap<String, usize> {
    let mut contents = BTreeMap::new();
    let mut open = BTreeMap::new();
    for record in journal {
        match record {
            RunRecord::Issued(issued) => {
                open.insert((issued.epoch, issued.call), issued.content.clone());
            }
            RunRecord::Settled(settled) if settled.outcome.is_value() => {
                let content = open.get(&(settled.epoch, settled.call));
                *contents
                    .entry(content.cloned().unwrap_or_default())
                    .or_default() += 1;
            }
            _ => {}
        }
    }
    contents
}

/// Runs to the end, killed up to five times on the way.
fn killed(
    made: &Script,
    limits: Limits,
    seed: u64,
    failing: Option<u64>,
) -> Result<(Vec<RunRecord>, Vec<Seen>), TestCaseError> {
    let mut journal = vec![opened(limits)];
    let mut chance = Chance::new(seed);
    let mut runs = Vec::new();
    for round in 0..6 {
        let before = journal.clone();
        // What failed is run again, and may have changed what others saw.
        let paid = match failing {
            Some(_) => BTreeMap::new(),
            None => settled(&before),
        };
        let seen = execute(
            made,
            &mut journal,
            Course {
                killed: (round < 5).then(|| chance.below(12)),
                failing,
                ..Course::new(seed + round)
            },
        );
        // P1: nothing is begun again whose result was durable.
        let asked = settled(&journal);
        let adopted = journal.len() - before.len();
        prop_assert!(adopted > 0);
        for content in &seen.started {
            let (paid, all) = (paid.get(content), asked.get(content));
            // The same prompt may be called several times; each result stands once.
            let calls = called(&journal, content);
            prop_assert!(
                paid.copied().unwrap_or(0) < calls || all > paid,
                "{content} was paid for and begun again"
            );
        }
        prop_assert!(!seen.hasty, "work began while a result could be told");
        History::fold(&journal).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let end = seen.end;
        runs.push(seen);
        if end == Some(RunEnd::Completed) {
            break;
        }
        // A crash loses what was not promised.
        let promised = journal.iter().rposition(RunRecord::is_promise);
        let least = promised
            .map_or(1, |place| place + 1)
            .max(before.len().min(1));
        let kept = least + draw(&mut chance, journal.len() - least + 1);
        journal.truncate(kept);
    }
    Ok((journal, runs))
}

fn draw(chance: &mut Chance, bound: usize) -> usize {
    usize::try_from(chance.below(bound as u64)).unwrap_or(0)
}

/// How often the latest execution called something.
fn called(journal: &[RunRecord], content: &str) -> usize {
    let latest = journal
        .iter()
        .rev()
        .take_while(|record| !matches!(record, RunRecord::Started(_)));
    latest
        .filter(|record| matches!(record, RunRecord::Issued(issued) if issued.content == content))
        .count()
}

#[test]
fn nothing_that_was_paid_for_is_begun_again() {
    for_all(400, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let (journal, runs) = killed(&made, limits(draw), seed(draw), None)?;
        let last = runs.last().and_then(|seen| seen.end);
        prop_assert_eq!(last, Some(RunEnd::Completed));
        // All calls of the last execution have a result, and nothing was paid for twice.
        let paid: usize = settled(&journal).values().sum();
        let calls = runs.last().map_or(0, |seen| seen.issued.len());
        prop_assert_eq!(paid, calls);
        Ok(())
    });
}

#[test]
fn a_resumed_script_is_told_the_same_in_the_same_order() {
    for_all(400, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let (_, runs) = killed(&made, limits(draw), seed(draw), None)?;
        for pair in runs.windows(2) {
            let [before, after] = pair else { continue };
            // The very last answer may have been told and not have been durable.
            let common = before.told.len().min(after.told.len());
            prop_assert_eq!(&before.told[..common], &after.told[..common]);
            for (path, causal) in &before.issued {
                let again = after.issued.get(path);
                prop_assert!(
                    again.is_none_or(|again| again == causal),
                    "{} changed",
                    path
                );
            }
        }
        Ok(())
    });
}

#[test]
fn a_whole_journal_gives_the_result_without_anybody_working() {
    for_all(200, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let (mut journal, runs) = killed(&made, limits(draw), seed(draw), None)?;
        let seen = execute(&made, &mut journal, Course::new(seed(draw)));
        prop_assert_eq!(&seen.started, &Vec::<String>::new());
        prop_assert_eq!(seen.end, Some(RunEnd::Completed));
        prop_assert_eq!(
            &seen.value,
            &runs.last().and_then(|seen| seen.value.clone())
        );
        Ok(())
    });
}

#[test]
fn a_preview_says_what_a_resume_then_does() {
    for_all(200, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let limits = limits(draw);
        let mut journal = vec![opened(limits)];
        let killed = Some(draw.below(12) as u64);
        let course = Course {
            killed,
            ..Course::new(seed(draw))
        };
        execute(&made, &mut journal, course);
        // The same script goes on, or another one.
        let (next, name) = if draw.once_in(2) {
            (script(draw), "other")
        } else {
            (made, "script")
        };
        let history = History::fold(&journal).unwrap_or_default();
        let course = Course {
            script: name.to_owned(),
            ..Course::new(seed(draw))
        };
        let replay = |killed| {
            let mut records = journal.clone();
            let course = Course {
                killed,
                ..course.clone()
            };
            execute(&next, &mut records, course);
            records.split_off(journal.len())
        };
        let preview = Preview::new(&history, &replay(Some(0)));
        let real = Preview::new(&history, &replay(None));
        for step in &preview.steps {
            let same = real
                .steps
                .iter()
                .find(|other| other.call.path == step.call.path);
            prop_assert_eq!(Some(step.fate), same.map(|other| other.fate));
        }
        let reused = preview.count(Fate::Reused);
        prop_assert_eq!(reused + preview.unclaimed, history.past().len() as u64);
        Ok(())
    });
}

#[test]
fn the_order_of_answers_changes_no_path_and_no_past() {
    for_all(150, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        // Answers that are always the same: only their order differs.
        let steady = |seed| {
            let mut journal = vec![opened(Limits::default())];
            let course = Course {
                failing: Some(1),
                ..Course::new(seed)
            };
            let seen = execute(&made, &mut journal, course);
            (seen.paths, seen.issued)
        };
        let first = steady(0);
        for seed in 1..12 {
            prop_assert_eq!(&steady(seed), &first);
        }
        Ok(())
    });
}

#[test]
fn a_pause_loses_nothing() {
    for_all(200, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let mut journal = vec![opened(limits(draw))];
        let mut value = None;
        for round in 0..8 {
            let seen = execute(
                &made,
                &mut journal,
                Course {
                    paused: (round < 7).then(|| draw.below(8) as u64),
                    ..Course::new(round)
                },
            );
            value.clone_from(&seen.value);
            if seen.end == Some(RunEnd::Completed) {
                break;
            }
            prop_assert_eq!(seen.end, Some(RunEnd::Paused));
        }
        prop_assert!(value.is_some());
        let paid: usize = settled(&journal).values().sum();
        let again = execute(&made, &mut journal, Course::new(9));
        prop_assert_eq!(again.value, value);
        prop_assert_eq!(paid, again.issued.len());
        Ok(())
    });
}

#[test]
fn calls_at_the_same_time_are_never_more_than_they_may() {
    for_all(200, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let limits = limits(draw);
        let most = usize::try_from(limits.concurrency).unwrap_or(0);
        let mut journal = vec![opened(limits)];
        let seen = execute(&made, &mut journal, Course::new(seed(draw)));
        prop_assert!(seen.most <= most, "{} at once", seen.most);
        prop_assert_eq!(seen.end, Some(RunEnd::Completed));
        Ok(())
    });
}

#[test]
fn what_failed_is_run_again_and_the_rest_is_not() {
    for_all(150, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let (mut journal, _) = killed(&made, limits(draw), seed(draw), Some(3))?;
        let free: usize = settled(&journal).values().sum();
        let seen = execute(&made, &mut journal, Course::new(seed(draw)));
        prop_assert_eq!(seen.end, Some(RunEnd::Completed));
        let paid: usize = settled(&journal).values().sum();
        prop_assert_eq!(paid - free, seen.started.len());
        Ok(())
    });
}

/// Every call of a script, to change one.
fn prompts(made: &mut Script) -> Vec<&mut String> {
    match made {
        Script::Call { prompt, .. } | Script::Loop(prompt) => vec![prompt],
        Script::Seq(all) | Script::Par(all) => all.iter_mut().flat_map(prompts).collect(),
        Script::Pipe { items, .. } => items.iter_mut().collect(),
    }
}

#[test]
fn an_edit_that_is_taken_back_runs_nothing() {
    for_all(300, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let mut journal = vec![opened(limits(draw))];
        let first = execute(&made, &mut journal, Course::new(seed(draw)));
        prop_assert_eq!(first.end, Some(RunEnd::Completed));
        let edited = reworded(&made, draw);
        let edit = Course {
            script: "edited".to_owned(),
            ..Course::new(7)
        };
        let second = execute(&edited, &mut journal, edit);
        prop_assert_eq!(second.end, Some(RunEnd::Completed));
        let third = execute(&made, &mut journal, Course::new(8));
        prop_assert_eq!(&third.started, &Vec::<String>::new());
        prop_assert_eq!(third.value, first.value);
        Ok(())
    });
}

/// The calls of an execution, by path: number, and whether an earlier result stood for it.
fn issued(journal: &[RunRecord], of: u64) -> BTreeMap<String, (u64, bool)> {
    let mut calls = BTreeMap::new();
    for record in journal {
        match record {
            RunRecord::Issued(issued) if issued.epoch == of => {
                calls.insert(issued.path.clone(), (issued.call, false));
            }
            RunRecord::Adopted(adopted) if adopted.epoch == of => {
                let mut calls = calls.values_mut();
                if let Some((_, reused)) = calls.find(|(call, _)| *call == adopted.call) {
                    *reused = true;
                }
            }
            _ => {}
        }
    }
    calls
}

fn reworded(made: &Script, draw: &mut Draw<'_>) -> Script {
    let mut edited = made.clone();
    let mut all = prompts(&mut edited);
    let place = draw.below(all.len());
    if let Some(prompt) = all.get_mut(place) {
        prompt.push_str(" reworded");
    }
    edited
}

#[test]
fn whatever_was_called_before_an_edit_is_reused() {
    for_all(300, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let mut journal = vec![opened(limits(draw))];
        let first = execute(&made, &mut journal, Course::new(seed(draw)));
        let edited = reworded(&made, draw);
        let course = Course {
            script: "edited".to_owned(),
            ..Course::new(seed(draw))
        };
        let second = execute(&edited, &mut journal, course);
        prop_assert_eq!(second.end, Some(RunEnd::Completed));
        let (before, after) = (issued(&journal, 1), issued(&journal, 2));
        let changed = before
            .iter()
            .filter(|(path, _)| second.paths.get(*path) != first.paths.get(*path));
        let edge = changed.map(|(_, (call, _))| *call).min();
        for (path, (call, _)) in &before {
            if edge.is_none_or(|edge| *call < edge) {
                let again = after.get(path);
                prop_assert!(again.is_some_and(|(_, reused)| *reused), "{}", path);
            }
        }
        Ok(())
    });
}

#[test]
fn a_reused_result_is_what_a_fresh_run_would_give() {
    for_all(400, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let limits = limits(draw);
        let reuse = draw.pick(Reuse::Caused, &[Reuse::Content]);
        let course = |script: &str, seed| Course {
            steady: true,
            script: script.to_owned(),
            terms: Terms {
                reuse,
                ..Terms::default()
            },
            ..Course::new(seed)
        };
        let mut journal = vec![opened(limits.clone())];
        let mut edited = made;
        for round in 0..3 {
            let stopped = Course {
                killed: draw.once_in(2).then(|| draw.below(20) as u64),
                ..course(&format!("round {round}"), seed(draw))
            };
            execute(&edited, &mut journal, stopped);
            edited = reworded(&edited, draw);
        }
        let resumed = execute(&edited, &mut journal, course("last", seed(draw)));
        let mut empty = vec![opened(limits)];
        let fresh = execute(&edited, &mut empty, course("last", seed(draw)));
        prop_assert_eq!(resumed.end, Some(RunEnd::Completed));
        let told =
            |seen: &Seen| -> BTreeMap<String, String> { seen.told.iter().cloned().collect() };
        prop_assert_eq!(told(&resumed), told(&fresh));
        prop_assert_eq!(resumed.value, fresh.value);
        Ok(())
    });
}

#[test]
fn no_result_stands_twice_and_none_is_told_twice() {
    for_all(200, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let (journal, runs) = killed(&made, limits(draw), seed(draw), Some(5))?;
        let mut claims = BTreeSet::new();
        for record in &journal {
            match record {
                RunRecord::Adopted(adopted) => {
                    prop_assert!(claims.insert((adopted.epoch, adopted.from)));
                }
                RunRecord::Started(_) => claims.clear(),
                _ => {}
            }
        }
        for seen in &runs {
            let paths: BTreeSet<_> = seen.told.iter().map(|(path, _)| path).collect();
            prop_assert_eq!(paths.len(), seen.told.len());
        }
        Ok(())
    });
}

#[test]
fn the_machine_is_a_function_of_what_it_is_told() {
    for_all(100, |words| {
        let draw = &mut Draw::new(words);
        let made = script(draw);
        let (limits, seed) = (limits(draw), seed(draw));
        let run = || {
            let mut journal = vec![opened(limits.clone())];
            execute(&made, &mut journal, Course::new(seed));
            journal.iter().map(print).collect::<Vec<_>>()
        };
        let once = run();
        prop_assert_eq!(&once, &run());
        // And every record reads back as it was printed.
        for line in once {
            let value = read(&line).map_err(|error| TestCaseError::fail(error.message))?;
            let again = RunRecord::parse(&value).ok().flatten();
            prop_assert_eq!(again.as_ref().map(print), Some(line.clone()));
        }
        Ok(())
    });
}
