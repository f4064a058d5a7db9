//! What a call changes outside happens once, wherever a run is killed.

use std::fs;
use std::time::Duration;

use exec_native::state::StateHome;
use exec_native::workflow::store::read;
use plan_core::workflow::record::RunRecord;
use tests::program::{Call, Stage};
use tests::repo::Answer;
use tests::scene::expect;
use tests::sweep;
use tests::toy::Chance;

/// Notes what it did outside, where its probe can find it, and takes its time before and after.
const AGENT: &str = "
cat > /dev/null
sleep \"${BEFORE:-0}\"
[ -z \"$CALLSHEET_KEY\" ] || echo \"$CALLSHEET_KEY\" >> \"$HOME/outside\"
sleep \"${AFTER:-0}\"
echo \"did $CALLSHEET_KEY\"
";

const SCRIPT: &str = "\
export const meta = { name: 'open', description: 'Opens something once' };
await agent('look');
const probe = 'grep -q \"$CALLSHEET_KEY\" \"$HOME/outside\" && echo \"found $CALLSHEET_KEY\"';
const opened = await agent('open it', { effect: 'external', probe });
await agent('after');
return opened;
";

struct Desk {
    stage: Stage,
}

impl Desk {
    fn new() -> Answer<Self> {
        let stage = Stage::new()?.script("agent", AGENT)?.file("s.js", SCRIPT)?;
        fs::write(stage.path("home/outside"), "")?;
        Ok(Self { stage })
    }

    fn run(&self) -> Answer<Call> {
        let words = [
            "workflow",
            "run",
            "s.js",
            "--run-id",
            "r",
            "--agent-command",
            "agent",
        ];
        self.stage.call(&words)
    }

    /// Goes on, if there is something to go on with.
    fn resume(&self) -> Answer<String> {
        let words = ["workflow", "resume", "r", "--agent-command", "agent"];
        let mut ended = self.stage.call(&words)?.run()?;
        if ended.code() == Some(69) {
            // It was killed before there was a run.
            ended = self.run()?.run()?;
        }
        expect(&ended, 0)?;
        Ok(ended.stdout())
    }

    fn outside(&self) -> Answer<usize> {
        Ok(self.stage.note("outside")?.lines().count())
    }

    fn records(&self) -> Answer<Vec<RunRecord>> {
        let file = read(&StateHome::at(self.stage.path("state")), "r")?;
        Ok(file.ok_or("there is no run")?.records)
    }
}

#[test]
fn an_effect_outside_happens_once_wherever_the_run_is_killed() -> Answer<()> {
    if !sweep::is_possible() {
        return Ok(());
    }
    let desk = Desk::new()?;
    let (ended, points) = sweep::points(&desk.stage, desk.run()?)?;
    expect(&ended, 0)?;
    assert_eq!(desk.outside()?, 1);
    assert!(points.len() > 15, "{} points", points.len());
    for point in &points {
        let desk = Desk::new()?;
        sweep::killed_at(desk.run()?, point)?;
        let told = desk.resume()?;
        assert!(
            told.starts_with("did ") || told.starts_with("found "),
            "{told}"
        );
        assert_eq!(desk.outside()?, 1, "killed at {}", point.line);
    }
    Ok(())
}

#[test]
fn an_effect_outside_happens_once_whenever_the_run_is_killed() -> Answer<()> {
    let mut chance = Chance::new(7);
    let mut found = 0;
    for _ in 0..12 {
        let desk = Desk::new()?;
        let running = desk
            .run()?
            .env("BEFORE", "0.05")
            .env("AFTER", "0.3")
            .start()?;
        desk.stage
            .until(|stage| Ok(stage.path("state/workflows/r/marks/1-1-1").exists()))?;
        std::thread::sleep(Duration::from_millis(chance.below(300)));
        running.signal("KILL")?;
        running.ended()?;
        found += usize::from(desk.resume()?.starts_with("found "));
        assert_eq!(desk.outside()?, 1);
        let records = desk.records()?;
        let done = records
            .iter()
            .filter(|record| matches!(record, RunRecord::Done(_)));
        assert!(done.count() <= 1);
    }
    assert!(found > 0, "no kill came between the effect and its result");
    Ok(())
}

#[test]
fn without_a_probe_it_is_done_again_with_the_same_key_and_that_is_said() -> Answer<()> {
    let desk = Desk::new()?;
    let script = SCRIPT.replace(", probe })", ", key: 'the one' })");
    fs::write(desk.stage.project().join("s.js"), script)?;
    let running = desk.run()?.env("AFTER", "5").start()?;
    desk.stage.until(|_| Ok(desk.outside()? == 1))?;
    running.signal("KILL")?;
    running.ended()?;
    desk.resume()?;
    let outside = desk.stage.note("outside")?;
    let keys: Vec<&str> = outside.lines().collect();
    let [first, second] = keys.as_slice() else {
        return Err(format!("{keys:?}").into());
    };
    assert_eq!(first, second);
    let warned = desk.records()?.iter().any(
        |record| matches!(record, RunRecord::Logged(log) if log.message.contains("has no probe")),
    );
    assert!(warned, "nothing was said");
    Ok(())
}

#[test]
fn a_probe_that_cannot_tell_fails_the_call() -> Answer<()> {
    let desk = Desk::new()?;
    let probe = "'grep -q \"$CALLSHEET_KEY\" \"$HOME/outside\" && echo \"found $CALLSHEET_KEY\"'";
    let script = SCRIPT.replace(probe, "'echo no idea >&2; exit 3'");
    fs::write(desk.stage.project().join("s.js"), script)?;
    let running = desk.run()?.env("AFTER", "5").start()?;
    desk.stage.until(|_| Ok(desk.outside()? == 1))?;
    running.signal("KILL")?;
    running.ended()?;
    let words = ["workflow", "resume", "r", "--agent-command", "agent"];
    let ended = desk.stage.call(&words)?.run()?;
    expect(&ended, 1)?;
    assert!(ended.says("its probe cannot tell whether it has happened: it ended with 3: no idea"));
    assert_eq!(desk.outside()?, 1);
    Ok(())
}
