//! Runs in the background, and those who look on.

use tests::program::Stage;
use tests::repo::Answer;

use super::runs::Desk;

const SLOW: &str = "\
export const meta = { name: 'slow one', description: 's', phases: [{ title: 'One' }, { title: 'Two' }] };
log('begun');
await agent('quick', { label: 'the quick one' });
phase('Two');
return await agent('slow', { label: 'the slow one' });
";

const ASKS: &str = "\
export const meta = { name: 'a', description: 'a' };
return await checkpoint({ kind: 'k', checkpointId: 'go', payload: { ok: 1 } });
";

#[test]
fn a_run_goes_on_in_the_background() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("s.js", SLOW)?;
    let begun = desk.tell(
        &["run", "s.js", "--run-id", "one", "--background", "--json"],
        0,
    )?;
    let begun = begun.envelope()?;
    let data = begun.get("data").ok_or("no data")?;
    assert_eq!(data.get_str("run"), Some("one"));
    // It runs although whoever started it has ended.
    desk.stage.until(|_| Ok(desk.began().len() == 2))?;
    assert!(desk.ask(&["list"], 0)?.stdout().starts_with("one  running"));
    let busy = desk.tell(&["resume", "one", "--background"], 5)?;
    assert!(busy.says("drives the run `one`"), "{}", busy.stderr());
    // Whoever looks on sees it from the beginning, and how it ends.
    let watch = desk.call(&["watch", "one"])?.start()?;
    let follow = desk.call(&["logs", "one", "--follow"])?.start()?;
    let json = desk
        .call(&["watch", "one", "--json", "--since", "2"])?
        .start()?;
    desk.ask(&["stop", "one", "--reason", "enough"], 0)?;
    let (watched, logs, json) = (watch.ended()?, follow.ended()?, json.ended()?);
    assert_eq!(watched.code(), Some(4));
    let told = watched.stdout();
    assert!(
        told.starts_with("run one: slow one\n  begun\n  the quick one …\n"),
        "{told}"
    );
    assert!(told.contains("Two\n  the slow one …\n"), "{told}");
    assert!(watched.says("stopped: enough"), "{}", watched.stderr());
    assert_eq!(logs.stdout(), "begun\n# Two\n");
    assert_eq!(json.code(), Some(4));
    let lines: Vec<String> = json.stdout().lines().map(String::from).collect();
    assert!(
        !lines.iter().any(|line| line.starts_with("{\"run.opened\"")),
        "{lines:?}"
    );
    let last = lines.last().ok_or("no lines")?;
    assert!(last.contains("\"end\":\"stopped\""), "{last}");
    // What it said is kept, and it can go on, to an end of its own.
    let log = std::fs::read_to_string(desk.stage.path("state/workflows/one/background.log"))?;
    assert!(log.starts_with("run one\n"), "{log}");
    desk.tell(&["resume", "one", "--background", "--quiet"], 0)?;
    let watched = desk.call(&["watch", "one"])?.run()?;
    assert_eq!(watched.code(), Some(0), "{}", watched.stderr());
    assert!(watched.stdout().contains("<slow "), "{}", watched.stdout());
    let none = tests::fleets::left_over(&desk.stage.path("").display().to_string())?;
    assert_eq!(none, [""; 0]);
    Ok(())
}

#[test]
fn a_question_pauses_a_run_in_the_background() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("a.js", ASKS)?;
    desk.tell(&["run", "a.js", "--run-id", "one", "--background"], 0)?;
    let watched = desk.call(&["watch", "one"])?.run()?;
    assert_eq!(watched.code(), Some(4));
    assert!(
        watched.stdout().contains("asks go: {\"ok\":1}"),
        "{}",
        watched.stdout()
    );
    assert!(
        desk.ask(&["show", "one"], 0)?
            .stdout()
            .contains("  asks go: {\"ok\":1}\n")
    );
    desk.ask(&["answer", "one", "go", "\"yes\""], 0)?;
    desk.tell(&["resume", "one", "--background"], 0)?;
    let watched = desk.call(&["watch", "one"])?.run()?;
    assert_eq!(
        (watched.code(), watched.stdout().ends_with("yes\n")),
        (Some(0), true)
    );
    Ok(())
}

#[test]
fn what_cannot_be_driven_is_said_at_once() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("a.js", ASKS)?;
    for arguments in [
        &["run", "a.js", "--background", "--env", "API_TOKEN"][..],
        &["run", "nosuch", "--background"],
        &["resume", "nosuch", "--background"],
    ] {
        let ended = desk.work(arguments)?.run()?;
        assert!(
            matches!(ended.code(), Some(64 | 69)),
            "{arguments:?}: {:?}",
            ended.code()
        );
    }
    assert_eq!(desk.ask(&["list"], 0)?.stdout(), "");
    Ok(())
}

#[test]
fn a_watcher_leaves_and_the_run_goes_on() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("s.js", SLOW)?;
    desk.tell(&["run", "s.js", "--run-id", "one", "--background"], 0)?;
    let watch = desk.call(&["watch", "one"])?.start()?;
    desk.stage.until(|_| Ok(desk.began().len() == 2))?;
    // One that does not listen yet would be ended by the signal itself.
    let status = format!("/proc/{}/status", watch.id());
    desk.stage.until(|_| {
        let status = std::fs::read_to_string(&status)?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap_or("0").trim(), 16)?;
        Ok(caught & (1 << 1) != 0)
    })?;
    watch.signal("INT")?;
    assert_eq!(watch.ended()?.code(), Some(130));
    assert!(desk.ask(&["list"], 0)?.stdout().starts_with("one  running"));
    if Stage::can(&["script", "--version"]) {
        // A terminal of its own, in which somebody types a key.
        let live = desk.call(&["watch", "one"])?.under(
            "/bin/sh",
            &["-c", "exec script -qefc \"$*\" /dev/null", "sh"],
        );
        let live = live.env("TERM", "xterm").stdin("q").run()?;
        let told = live.stdout();
        assert_eq!(live.code(), Some(0), "{told}");
        assert!(told.contains("one  running"), "{told:?}");
        assert!(told.contains("▸ the slow one"), "{told:?}");
        // The cursor is hidden first, and there again at last.
        let (hides, shows) = (told.find("\u{1b}[?25l"), told.rfind("\u{1b}[?25h"));
        assert!(hides.is_some() && hides < shows, "{told:?}");
        assert!(desk.ask(&["list"], 0)?.stdout().starts_with("one  running"));
    } else {
        println!("skipped: there is no `script` to make a terminal with");
    }
    desk.ask(&["stop", "one"], 0)?;
    assert_eq!(desk.call(&["watch", "one"])?.run()?.code(), Some(4));
    Ok(())
}
