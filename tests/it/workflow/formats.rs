//! Journals of every version that was ever written can be read.

use std::fs;

use exec_native::journal::split;
use plan_core::base::json::{print, read};
use plan_core::workflow::history::History;
use plan_core::workflow::record::{RUN_VERSION, RunEnd, RunRecord};
use tests::repo::{Answer, root};

#[test]
fn every_released_journal_can_be_read() -> Answer<()> {
    for version in 1..=RUN_VERSION {
        let path = root().join(format!("tests/fixtures/workflow/journal-{version}.log"));
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let frames = split(&bytes).map_err(|(line, problem)| format!("line {line}: {problem}"))?;
        assert_eq!(frames.torn_bytes, 0);
        let mut history = History::default();
        for line in &frames.lines {
            let record = RunRecord::parse(&read(line)?)?.ok_or("an unknown record")?;
            history.accept(&record)?;
            if version == RUN_VERSION {
                assert_eq!(print(&record), *line);
            }
        }
        // Two executions: the first called everything, the second nothing.
        assert_eq!(history.epoch(), 2);
        assert_eq!(history.past().len(), 6);
        assert_eq!(history.calls().len(), 6);
        assert_eq!(
            history.ended().map(|ended| ended.end),
            Some(RunEnd::Completed)
        );
        assert_eq!(history.ledger().spent().tokens(), 75);
    }
    Ok(())
}

#[test]
fn records_of_later_versions_are_passed_over() -> Answer<()> {
    let later = read(r#"{"call.dreamt":{"epoch":1}}"#)?;
    assert_eq!(RunRecord::parse(&later)?, None);
    let newer = read(
        r#"{"run.opened":{"version":99,"run":"r","name":"n","script":"s","cwd":"/","args":null,"limits":{"concurrency":1,"maxAgents":1,"retries":0},"at":0}}"#,
    )?;
    let told = RunRecord::parse(&newer).err().ok_or("it was taken")?;
    assert_eq!(told.message, "record.version is not a known version");
    Ok(())
}
