//! Journals that are only looked at. `tests/fixtures/workflow/replays.jsonl` holds journals
//! and what they tell, byte for byte; the tests of the npm package replay them in WebAssembly.
//! `UPDATE_EXPECT=1` rewrites it.

use std::fs;

use plan_core::base::frame::{crc32, encode};
use plan_core::base::json::{Object, print, read};
use plan_core::workflow::history::History;
use plan_core::workflow::policy::Limits;
use plan_core::workflow::record::RunRecord;
use plan_core::workflow::replay::{CallStatus, RunState, replay};
use proptest::prelude::{prop_assert, prop_assert_eq};
use tests::generate::Draw;
use tests::repo::{Answer, root};
use tests::toy::{Chance, Course, execute, opened, script};

use crate::properties::for_all;

fn text(journal: &[RunRecord]) -> String {
    let lines = journal.iter().map(|record| encode(&print(record), crc32));
    lines.collect()
}

/// The journal of a run that was killed now and then.
fn journal(draw: &mut Draw<'_>) -> Vec<RunRecord> {
    let made = script(draw);
    let mut journal = vec![opened(Limits::default())];
    let mut chance = Chance::new(draw.below(1 << 30) as u64);
    for round in 0..=draw.below(3) as u64 {
        let course = Course {
            killed: Some(chance.below(30)),
            failing: (chance.below(3) == 0).then_some(3),
            ..Course::new(round)
        };
        execute(&made, &mut journal, course);
    }
    journal
}

#[test]
fn a_replay_tells_what_the_records_say() {
    for_all(200, |words| {
        let draw = &mut Draw::new(words);
        let journal = journal(draw);
        let kept = 1 + draw.below(journal.len());
        let journal = &journal[..kept];
        let told = replay(&text(journal), crc32);
        prop_assert_eq!(&told.problems, &vec![]);
        let history = History::fold(journal).unwrap();
        prop_assert_eq!(told.records, kept as u64);
        prop_assert_eq!(told.epoch, history.epoch());
        prop_assert_eq!(told.calls.len(), history.calls().len());
        for (call, begun) in told.calls.iter().zip(history.calls()) {
            let ended = matches!(call.status, CallStatus::Settled | CallStatus::Failed);
            prop_assert_eq!(ended, begun.settled);
            prop_assert_eq!(ended, call.outcome.is_some());
            let works = call.status == CallStatus::Working;
            prop_assert_eq!(works, begun.at_work);
        }
        let open = matches!(told.state, RunState::Open | RunState::Opened);
        prop_assert_eq!(open, history.ended().is_none());
        // Cut anywhere, what is left tells as much as there is.
        let whole = text(journal);
        let cut = draw.below(whole.len());
        let told = replay(whole.get(..cut).unwrap_or_default(), crc32);
        prop_assert!(told.records <= kept as u64);
        prop_assert_eq!(&told.problems, &vec![]);
        Ok(())
    });
}

/// Makes journals that are whole, cut off, damaged, out of order, and of a later version.
fn make() -> Answer<Vec<String>> {
    let mut chance = Chance::new(26);
    let mut made: Vec<Vec<RunRecord>> = Vec::new();
    while made.len() < 6 {
        let words: Result<Vec<u32>, _> = (0..200)
            .map(|_| u32::try_from(chance.below(1 << 32)))
            .collect();
        let words = words?;
        let journal = journal(&mut Draw::new(&words));
        if (12..40).contains(&journal.len()) {
            made.push(journal);
        }
    }
    let mut texts: Vec<String> = made.iter().map(|journal| text(journal)).collect();
    let first = made.first().ok_or("no journal")?;
    let whole = text(first);
    let torn = whole.get(..whole.len() - 9).ok_or("no journal")?;
    texts.push(torn.to_owned());
    texts.push(whole.replacen("call.issued", "call.issuee", 1));
    let mut twisted = first.clone();
    twisted.swap(1, 2);
    texts.push(text(&twisted));
    texts.push(whole + &encode(r#"{"call.dreamt":{"epoch":1}}"#, crc32));
    texts.push(String::new());
    texts.push(fs::read_to_string(
        root().join("tests/fixtures/workflow/journal-1.log"),
    )?);
    Ok(texts)
}

const RECORDED: &str = "tests/fixtures/workflow/replays.jsonl";

/// The recorded journals.
fn journals() -> Answer<Vec<String>> {
    let recorded = fs::read_to_string(root().join(RECORDED))?;
    let journal = |line: &str| -> Answer<String> {
        let value = read(line)?;
        Ok(value.get_str("journal").ok_or("no journal")?.to_owned())
    };
    recorded.lines().map(journal).collect()
}

#[test]
fn replays_are_those_that_were_recorded() -> Answer<()> {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let journals = if update { make()? } else { journals()? };
    let mut lines = String::new();
    for journal in journals {
        let mut line = Object::new();
        line.insert("replay", print(&replay(&journal, crc32)));
        line.insert("journal", journal);
        lines.push_str(&print(&line));
        lines.push('\n');
    }
    let path = root().join(RECORDED);
    if update {
        fs::write(&path, &lines)?;
    }
    let known = fs::read_to_string(&path)?;
    assert_eq!(known.lines().count(), 12);
    for (line, expected) in lines.lines().zip(known.lines()) {
        assert_eq!(line, expected, "UPDATE_EXPECT=1 rewrites it; read the diff");
    }
    Ok(())
}

#[test]
fn what_is_wrong_is_told_with_its_line() -> Answer<()> {
    let problems: Vec<Vec<String>> = journals()?
        .iter()
        .map(|journal| {
            let told = replay(journal, crc32).problems;
            let told = told.iter().take(1);
            told.map(|problem| format!("{}: {}", problem.line, problem.message))
                .collect()
        })
        .collect();
    assert_eq!(problems[..7].concat(), Vec::<String>::new());
    assert_eq!(
        problems[7..].concat(),
        [
            "3: the line does not fit its checksum",
            "2: `call.issued` cannot stand here: execution 1 is not under way",
        ]
    );
    let later = journals()?.swap_remove(9);
    assert_eq!(replay(&later, crc32).unknown, 1);
    let none = replay("", crc32);
    assert_eq!((none.state, none.records), (RunState::Missing, 0));
    let released = replay(&journals()?.swap_remove(11), crc32);
    assert_eq!(released.state, RunState::Completed);
    assert_eq!(
        (released.epoch, released.results, released.unclaimed),
        (2, 6, 0)
    );
    assert!(released.calls.iter().all(|call| call.from.is_some()));
    assert_eq!(read(&print(&released))?.get_str("state"), Some("completed"));
    Ok(())
}
