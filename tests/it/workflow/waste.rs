//! What a resumed run pays for again: nothing, where nobody changed its script.

use tests::repo::Answer;
use tests::waste::{Cell, ROWS, Row, Rule, trials};

const TRIALS: u64 = 6;

fn cell(row: &Row, rule: Rule) -> Answer<Cell> {
    trials(row, rule, TRIALS, 1)
}

fn row(name: &str) -> Answer<&'static Row> {
    let mut rows = ROWS.iter().filter(|row| row.name.contains(name));
    Ok(rows.next_back().ok_or("no such row")?)
}

#[test]
fn an_unedited_script_wastes_nothing() -> Answer<()> {
    for row in ROWS.iter().filter(|row| row.edited.is_none()) {
        for rule in [Rule::Caused, Rule::Content] {
            let cell = cell(row, rule)?;
            assert!(cell.paid >= TRIALS, "{}", row.name);
            assert_eq!(cell.wasted, 0, "{}, {rule:?}", row.name);
        }
    }
    Ok(())
}

#[test]
fn an_edit_wastes_what_it_must() -> Answer<()> {
    // A call in front of everything may have changed what all others saw.
    let front = row("in front of")?;
    let caused = cell(front, Rule::Caused)?;
    assert_eq!(caused.wasted, caused.paid);
    assert_eq!(cell(front, Rule::Content)?.wasted, 0);
    for rule in [Rule::Caused, Rule::Content] {
        // One call has another prompt.
        assert!(cell(row("reword")?, rule)?.worst <= 1);
        // One item has gone, with its two calls.
        assert!(cell(row("drop")?, rule)?.worst <= 2);
    }
    Ok(())
}

#[test]
fn the_rules_of_others_waste_what_their_users_complain_about() -> Answer<()> {
    let pipeline = row("3 stages")?;
    assert!(cell(pipeline, Rule::Index)?.wasted > 0);
    assert!(cell(pipeline, Rule::Prefix)?.wasted > 0);
    assert_eq!(cell(pipeline, Rule::Recorded)?.wasted, 0);
    let dropped = cell(row("drop")?, Rule::Recorded)?;
    assert_eq!(dropped.wasted, dropped.paid);
    Ok(())
}
