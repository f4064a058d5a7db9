//! Workflows that have a name: saved, hidden, forgotten, called by others, and those that come
//! with callsheet; and what they are given.

use std::fs;

use plan_core::base::json::Value;
use tests::repo::{Answer, root};

use super::runs::Desk;

const GREET: &str = "\
export const meta = {
  name: 'greet', description: 'Greets',
  parameters: {
    whom: { type: 'string', required: true, description: 'Whom to greet' },
    times: { type: 'integer', default: 2 },
    with: { type: 'array', default: [] },
  },
};
return `${args.whom} ${args.times} ${args.with.join('+')}`;
";

fn other(text: &str) -> String {
    format!("export const meta = {{ name: 'other', description: 'Other' }};\nreturn '{text}';\n")
}

/// The name and the place of what is listed.
fn listed(desk: &Desk) -> Answer<Vec<(String, String, bool)>> {
    let envelope = desk.ask(&["saved", "--json"], 0)?.envelope()?;
    let rows = envelope
        .get("data")
        .and_then(|data| data.get("workflows")?.as_array());
    let text = |row: &Value<'_>, key: &str| row.get_str(key).unwrap_or_default().to_owned();
    let rows = rows.ok_or("no list")?.iter();
    Ok(rows
        .map(|row| {
            let shadowed = row.get("shadowed").and_then(Value::as_bool);
            (
                text(row, "name"),
                text(row, "place"),
                shadowed == Some(true),
            )
        })
        .filter(|(_, place, shadowed)| place != "bundled" || *shadowed)
        .collect())
}

#[test]
fn a_saved_workflow_is_run_by_its_name() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("greet.js", GREET)?;
    desk.ask(&["save", "greet", "greet.js"], 0)?;
    fs::remove_file(desk.stage.project().join("greet.js"))?;
    let saved = desk.stage.project().join(".callsheet/workflows/greet.js");
    assert_eq!(fs::read_to_string(&saved)?, GREET);
    let ran = desk.tell(&["run", "greet", "--arg", "whom=you", "--run-id", "one"], 0)?;
    assert_eq!(ran.stdout(), "you 2 \n");
    // What it was given is kept, with what it was not given.
    let file = desk.file("one")?;
    let args = file
        .history
        .opened()
        .map(|opened| opened.args.as_str().to_owned());
    assert_eq!(
        args.as_deref(),
        Some(r#"{"whom":"you","times":2,"with":[]}"#)
    );
    // The run goes on without what it was made of.
    desk.ask(&["forget", "greet"], 0)?;
    assert_eq!(desk.tell(&["resume", "one"], 0)?.stdout(), "you 2 \n");
    let again = [
        "resume", "one", "--arg", "times=3", "--arg", "with=a", "--arg", "with=b",
    ];
    assert_eq!(desk.tell(&again, 0)?.stdout(), "you 3 a+b\n");
    // And gives it back.
    desk.ask(&["save", "back", "--run", "one"], 0)?;
    let back = desk.tell(&["run", "back", "--args", r#"{"whom":"me","times":1}"#], 0)?;
    assert_eq!(back.stdout(), "me 1 \n");
    Ok(())
}

#[test]
fn arguments_that_do_not_fit_are_named() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("greet.js", GREET)?;
    for (arguments, says) in [
        (&[][..], "args.whom is required"),
        (&["--arg", "whm=x"], "did you mean `whom`?"),
        (
            &["--arg", "whom=x", "--arg", "times=often"],
            "args.times must be a whole number, not `often`",
        ),
        (&["--args", r#"{"whom":1}"#], "args.whom must be a string"),
        (&["--args", "[1]"], "the arguments must be an object"),
        (&["--args", "{"], "--args is no JSON"),
        (&["--arg", "whom"], "--arg whom: must be NAME=VALUE"),
    ] {
        let ended = desk.tell(&[&["run", "greet.js"], arguments].concat(), 64)?;
        assert!(ended.says(says), "{arguments:?}: {}", ended.stderr());
    }
    // Nothing was begun.
    assert_eq!(desk.ask(&["list"], 0)?.stdout(), "");
    let described = desk.ask(&["describe", "greet.js"], 0)?.stdout();
    assert_eq!(
        described,
        "greet: Greets\nParameters:\n  whom (string, required)  Whom to greet\n  times (integer, 2 by default)\n  with (array, [] by default)\n"
    );
    Ok(())
}

#[test]
fn the_project_goes_over_the_user_and_both_over_ours() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("user.js", &other("user"))?;
    desk.script("project.js", &other("project"))?;
    let run = || {
        desk.tell(&["run", "deep-research"], 0)
            .map(|ran| ran.stdout())
    };
    desk.ask(&["save", "deep-research", "user.js", "--user"], 0)?;
    assert_eq!(run()?, "user\n");
    desk.ask(&["save", "deep-research", "project.js"], 0)?;
    assert_eq!(run()?, "project\n");
    let row = |place: &str, shadowed| ("deep-research".to_owned(), place.to_owned(), shadowed);
    assert_eq!(
        listed(&desk)?,
        [
            row("project", false),
            row("user", true),
            row("bundled", true)
        ]
    );
    desk.ask(&["forget", "deep-research"], 0)?;
    assert_eq!(run()?, "user\n");
    desk.ask(&["forget", "deep-research", "--user"], 0)?;
    // Ours wants to know what to find out.
    desk.tell(&["run", "deep-research"], 64)?;
    let refused = desk.ask(&["forget", "deep-research"], 77)?;
    assert!(
        refused.says("comes with callsheet and stays"),
        "{}",
        refused.stderr()
    );
    Ok(())
}

#[test]
fn nothing_is_lost_by_saving_and_forgetting() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("one.js", &other("one"))?;
    desk.script("two.js", &other("two"))?;
    let dir = desk.stage.project().join(".callsheet/workflows");
    desk.ask(&["save", "w", "one.js"], 0)?;
    desk.ask(&["save", "w", "one.js"], 0)?;
    let taken = desk.ask(&["save", "w", "two.js"], 77)?;
    assert!(taken.says("--replace"), "{}", taken.stderr());
    assert_eq!(fs::read_to_string(dir.join("w.js"))?, other("one"));
    desk.ask(&["save", "w", "two.js", "--replace"], 0)?;
    assert_eq!(fs::read_to_string(dir.join("w.js"))?, other("two"));
    let told = desk.ask(&["forget", "w"], 0)?;
    assert!(!dir.join("w.js").exists());
    let mut kept = Vec::new();
    for entry in fs::read_dir(dir.join(".forgotten"))? {
        let path = entry?.path();
        kept.push(fs::read_to_string(&path)?);
    }
    kept.sort();
    assert_eq!(kept, [other("one"), other("two")]);
    assert!(told.says(".forgotten/w-"), "{}", told.stderr());
    desk.ask(&["forget", "w"], 69)?;
    // A name cannot lead elsewhere.
    for name in ["../w", "a b", ".w", ""] {
        desk.ask(&["save", name, "one.js"], 64)?;
    }
    // What is no script is not saved.
    desk.script("bad.js", "return 1")?;
    desk.ask(&["save", "bad", "bad.js"], 1)?;
    assert_eq!(listed(&desk)?, []);
    Ok(())
}

#[test]
fn scripts_call_one_another_by_name() -> Answer<()> {
    let desk = Desk::new()?;
    desk.script("greet.js", GREET)?;
    desk.ask(&["save", "greet", "greet.js"], 0)?;
    let calls = |call: &str| {
        format!("export const meta = {{ name: 'c', description: 'c' }};\nreturn await {call};\n")
    };
    desk.script("c.js", &calls("workflow('greet', { whom: 'all' })"))?;
    let ran = desk.tell(&["run", "c.js", "--run-id", "one"], 0)?;
    assert_eq!(ran.stdout(), "all 2 \n");
    // The text that was found is part of the answer, so the run does not change with the file.
    desk.script(
        "loud.js",
        &GREET.replace("`${args.whom}", "`LOUD ${args.whom}"),
    )?;
    desk.ask(&["save", "greet", "loud.js", "--replace"], 0)?;
    assert_eq!(desk.tell(&["resume", "one"], 0)?.stdout(), "all 2 \n");
    assert_eq!(desk.tell(&["run", "c.js"], 0)?.stdout(), "LOUD all 2 \n");
    for (call, says) in [
        ("workflow('greeet')", "did you mean `greet`?"),
        ("workflow('greet')", "args.whom is required"),
        (
            "workflow('greet', { whom: 'x', tims: 3 })",
            "args.tims is not a parameter",
        ),
    ] {
        desk.script("bad.js", &calls(call))?;
        let ended = desk.tell(&["run", "bad.js"], 1)?;
        assert!(ended.says(says), "{call}: {}", ended.stderr());
    }
    Ok(())
}

/// What comes with us, with the stand-in of the examples.
fn bundled(arguments: &[&str]) -> Answer<(Value<'static>, Vec<String>)> {
    let desk = Desk::new()?;
    let agent = root().join("examples/workflow/answers.sh");
    let calls = desk.stage.path("home/calls");
    let agent = agent.display().to_string();
    let all = [&["run"], arguments, &["--json", "--agent-command", &agent]].concat();
    let ended = desk.call(&all)?.env("CALLS", &calls).run()?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr());
    let told = ended.stdout();
    let last = told.lines().last().ok_or("no outcome")?;
    let last = plan_core::base::json::read(last)?.to_owned_value();
    let result = last
        .get("data")
        .and_then(|data| data.get("result"))
        .cloned();
    let mut labels: Vec<String> = fs::read_to_string(calls)?
        .lines()
        .map(String::from)
        .collect();
    labels.sort();
    Ok((result.ok_or("no result")?, labels))
}

fn counted(value: &Value<'_>, key: &str) -> Option<usize> {
    value.get(key)?.as_array().map(<[_]>::len)
}

#[test]
fn deep_research_goes_back_for_gaps_and_checks_claims() -> Answer<()> {
    let (result, labels) = bundled(&["deep-research", "--arg", "question=Why?"])?;
    assert_eq!(counted(&result, "claims"), Some(3));
    assert_eq!(result.get_str("report"), Some("report: done"));
    let searches = labels.iter().filter(|label| label.starts_with("search"));
    assert_eq!(
        searches.collect::<Vec<_>>(),
        ["search cost", "search gap 1.1", "search use"]
    );
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("verify"))
            .count(),
        6
    );
    Ok(())
}

#[test]
fn adversarial_review_puts_the_worst_first() -> Answer<()> {
    let (result, labels) = bundled(&["adversarial-review", "--arg", "reviewers=1"])?;
    let confirmed = result.get("confirmed").and_then(Value::as_array);
    let titles: Vec<_> = confirmed
        .unwrap_or_default()
        .iter()
        .filter_map(|finding| finding.get_str("title"))
        .collect();
    assert_eq!(titles, ["Overflow", "Off by one"]);
    assert_eq!(
        labels
            .iter()
            .filter(|label| label.starts_with("find"))
            .count(),
        4
    );
    Ok(())
}

#[test]
fn codebase_audit_looks_at_a_part_until_nothing_new_turns_up() -> Answer<()> {
    let (result, labels) = bundled(&["codebase-audit"])?;
    assert_eq!(counted(&result, "findings"), Some(1));
    let audits = labels.iter().filter(|label| label.starts_with("audit"));
    assert_eq!(
        audits.collect::<Vec<_>>(),
        ["audit core 1", "audit core 2", "audit shell 1"]
    );
    Ok(())
}

#[test]
fn fix_until_green_ends_with_a_review() -> Answer<()> {
    let (result, labels) = bundled(&["fix-until-green", "--arg", "command=make test"])?;
    assert_eq!(result.get("green").and_then(Value::as_bool), Some(true));
    assert_eq!(
        labels,
        [
            "check 0", "check 1", "check 2", "fix 1", "fix 2", "review 2"
        ]
    );
    Ok(())
}
