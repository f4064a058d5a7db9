//! `resume --plan`: it says what a resume does, and does nothing.

use std::fs;

use plan_core::base::json::Value;
use tests::repo::Answer;

use super::runs::{Desk, PIPELINE};

/// The number of calls with a fate.
fn count(plan: &Value<'_>, fate: &str) -> Option<f64> {
    plan.get(fate)?.as_number()
}

fn plan(desk: &Desk, arguments: &[&str]) -> Answer<Value<'static>> {
    let before = fs::read(desk.journal("one"))?;
    let all = [&["resume", "one", "--plan", "--json"], arguments].concat();
    let envelope = desk.tell(&all, 0)?.envelope()?;
    // Not a byte is written, and nobody is started.
    assert!(fs::read(desk.journal("one"))?.starts_with(&before));
    Ok(envelope.get("data").cloned().ok_or("no data")?)
}

/// The paths of the first differences, and why.
fn divergences(plan: &Value<'_>) -> Vec<(String, String)> {
    let all = plan.get("divergences").and_then(Value::as_array);
    let text = |step: &Value<'_>, key: &str| step.get_str(key).unwrap_or_default().to_owned();
    all.unwrap_or_default()
        .iter()
        .map(|step| (text(step, "path"), text(step, "change")))
        .collect()
}

#[test]
fn a_plan_says_what_a_resume_then_does() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("p.js", PIPELINE)?;
    desk.tell(&["run", "p.js", "--run-id", "one"], 0)?;
    desk.forget();
    let same = plan(&desk, &[])?;
    assert_eq!(
        (
            count(&same, "reused"),
            count(&same, "runs"),
            count(&same, "unclaimed")
        ),
        (Some(21.0), Some(0.0), Some(0.0))
    );
    assert_eq!(same.get_str("end"), Some("completed"));
    assert_eq!(divergences(&same), []);
    // One branch is reworded: what comes after it is not known yet.
    let edited = PIPELINE.replace("agent('left')", "agent('left again')");
    desk.script("edited.js", &edited)?;
    let planned = plan(&desk, &["--script", "edited.js"])?;
    assert_eq!(
        (
            count(&planned, "reused"),
            count(&planned, "runs"),
            count(&planned, "unclaimed")
        ),
        (Some(19.0), Some(1.0), Some(2.0))
    );
    assert_eq!(
        divergences(&planned),
        [("/1p[0]/0".to_owned(), "content".to_owned())]
    );
    assert_eq!(planned.get("end"), None);
    assert_eq!(desk.began(), [""; 0]);
    let told = desk
        .tell(&["resume", "one", "--plan", "--script", "edited.js"], 0)?
        .stdout();
    assert!(
        told.contains("  reused     19 (133 tokens, $9.5000 not paid again)\n"),
        "{told}"
    );
    // And so it is.
    desk.tell(&["resume", "one", "--script", "edited.js"], 0)?;
    assert_eq!(desk.began().first().map(String::as_str), Some("left again"));
    assert_eq!(desk.began().len(), 2);
    Ok(())
}

#[test]
fn a_plan_knows_failures_and_what_a_past_has_to_do_with_it() -> Answer<()> {
    let desk = Desk::new()?;
    let script = |first: &str| {
        format!(
            "export const meta = {{ name: 's', description: 's' }};\nawait agent('{first}');\n\
             return [await agent('second'), await agent('will fail')];\n"
        )
    };
    desk.script("s.js", &script("first"))?;
    desk.tell(&["run", "s.js", "--run-id", "one"], 0)?;
    desk.forget();
    let same = plan(&desk, &[])?;
    assert_eq!(divergences(&same), [("/2".to_owned(), "failed".to_owned())]);
    let kept = plan(&desk, &["--keep-failures"])?;
    assert_eq!(
        (count(&kept, "reused"), count(&kept, "runs")),
        (Some(3.0), Some(0.0))
    );
    let alone = plan(&desk, &["--reuse", "nothing"])?;
    assert_eq!(divergences(&alone), [("/0".to_owned(), "past".to_owned())]);
    // What was done outside is not done again after something else.
    desk.script(
        "out.js",
        "export const meta = { name: 'o', description: 'o' };\nawait agent(args.first);\n\
         return await agent('publish', { effect: 'external' });\n",
    )?;
    desk.tell(
        &[
            "run",
            "out.js",
            "--run-id",
            "two",
            "--args",
            r#"{"first":"a"}"#,
        ],
        0,
    )?;
    desk.tell(&["resume", "two", "--args", r#"{"first":"b"}"#], 4)?;
    let planned = desk
        .tell(&["resume", "two", "--plan", "--json"], 0)?
        .envelope()?;
    let planned = planned.get("data").cloned().ok_or("no data")?;
    assert_eq!(planned.get_str("end"), Some("completed"));
    desk.forget();
    let args = [
        "resume",
        "two",
        "--plan",
        "--json",
        "--args",
        r#"{"first":"b"}"#,
    ];
    let planned = desk.tell(&args, 0)?.envelope()?;
    let planned = planned.get("data").cloned().ok_or("no data")?;
    assert_eq!(count(&planned, "external"), Some(1.0));
    assert_eq!(desk.began(), [""; 0]);
    Ok(())
}

#[test]
fn a_run_that_somebody_drives_can_be_planned() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script(
        "s.js",
        "export const meta = { name: 's', description: 's' };\nawait agent('first');\nreturn await agent('slow');\n",
    )?;
    let running = desk.work(&["run", "s.js", "--run-id", "one"])?.start()?;
    desk.stage.until(|_| Ok(desk.began().len() == 2))?;
    let planned = plan(&desk, &[])?;
    assert_eq!(
        (count(&planned, "reused"), count(&planned, "runs")),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(
        divergences(&planned),
        [("/1".to_owned(), "unfinished".to_owned())]
    );
    desk.ask(&["stop", "one"], 0)?;
    assert_eq!(running.ended()?.code(), Some(4));
    Ok(())
}
