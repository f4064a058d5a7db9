//! Scripts that are looked at without being run.

use tests::program::Stage;
use tests::repo::Answer;
use tests::scene::expect;

const HEAD: &str = "export const meta = {\n  name: 's',\n  description: 's',\n};\n";

/// What is found in a body: its code and its place.
fn found(body: &str, code: i32) -> Answer<Vec<String>> {
    let stage = Stage::new()?.file("s.js", format!("{HEAD}{body}"))?;
    let before = stage.snapshot()?;
    let ended = stage
        .call(&["workflow", "check", "s.js", "--json"])?
        .run()?;
    expect(&ended, code)?;
    let envelope = ended.envelope()?;
    let problems = envelope.get("diagnostics").and_then(|list| list.as_array());
    let line = |problem: &plan_core::base::json::Value<'_>| {
        let place = problem.get("place").map(plan_core::base::json::print);
        let word = |name| problem.get_str(name).unwrap_or_default();
        format!("{} {}", word("code"), place.unwrap_or_default())
    };
    assert_eq!(stage.snapshot()?, before, "something was left");
    Ok(problems.unwrap_or_default().iter().map(line).collect())
}

#[test]
fn what_the_engine_cannot_read_is_named_by_its_place() -> Answer<()> {
    for (body, line, column) in [
        ("const b = await agent('x'));", 5, 27),
        ("const a = 1;\nconst a = 2;", 6, 9),
    ] {
        let problems = found(body, 1)?;
        let place = format!(r#""line":{line},"column":{column}"#);
        let [problem] = problems.as_slice() else {
            return Err(format!("{body}: {problems:?}").into());
        };
        assert!(problem.starts_with("workflow.script-invalid "), "{problem}");
        assert!(problem.contains(&place), "{body}: {problem}");
    }
    Ok(())
}

#[test]
fn likely_mistakes_are_warnings_and_nothing_runs() -> Answer<()> {
    let body = "if (env('GO') === 'on') await agent('x');\nwhile (true) {}";
    let problems = found(body, 0)?;
    assert_eq!(
        problems,
        [r#"workflow.not-awaited {"file":"s.js","line":5,"column":5,"length":3}"#]
    );
    assert_eq!(found("return agent('x')", 0)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_run_begins_with_what_is_likely_to_be_a_mistake() -> Answer<()> {
    let stage = Stage::new()?
        .script("agent", "cat > /dev/null; echo done")?
        .file("s.js", format!("{HEAD}agent('x');\nreturn 1;"))?;
    let words = ["workflow", "run", "s.js", "--agent-command", "agent"];
    let ended = stage.call(&words)?.run()?;
    expect(&ended, 0)?;
    assert!(
        ended.says("nobody waits for `agent()`"),
        "{}",
        ended.stderr()
    );
    assert!(ended.says("s.js:5:1"), "{}", ended.stderr());
    Ok(())
}
