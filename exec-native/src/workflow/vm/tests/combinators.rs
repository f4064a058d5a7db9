//! `agent`, the combinators and the helpers: texts and rules.

use plan_core::workflow::vm::{CallKind, Event, ScopeKind};

use super::*;

fn drive_with(script: &str, answer: impl FnMut(&Call) -> Answer) -> Whole {
    drive(&start_of(script), |_| 0, answer)
}

/// Answers with a value that the prompt holds after `=`, or fails as `!CODE` says.
fn told(call: &Call) -> Answer {
    let prompt = prompt(call);
    match prompt.split_once('!') {
        Some((_, "timeout")) => Answer::Error("AGENT_TIMEOUT", "too slow", true),
        Some((_, "abort")) => Answer::Error("WORKFLOW_ABORTED", "stopped", true),
        Some((_, "limit")) => Answer::Error("AGENT_LIMIT_EXCEEDED", "1000 of 1000 agents", false),
        Some((_, _)) => Answer::Error("TOKEN_BUDGET_EXHAUSTED", "no tokens left", false),
        None => text(&prompt),
    }
}

#[test]
fn an_agent_answers_null_after_a_failure_that_can_be_gone_on_after() {
    let whole = drive_with(
        "return [await agent('a!timeout'), await agent('b', { label: ' me ' })]",
        told,
    );
    assert_eq!(whole.value(), r#"[null,"b"]"#);
    assert_eq!(whole.log(), ["agent 1 failed: too slow"]);
    let labels: Vec<_> = whole
        .calls()
        .iter()
        .map(|call| call.label.clone())
        .collect();
    assert_eq!(labels, [Some("agent 1".to_owned()), Some("me".to_owned())]);
    let whole = drive_with(
        "return [await agent.try('a!timeout'), await agent.try('b')]",
        told,
    );
    assert_eq!(
        whole.value(),
        r#"[{"ok":false,"value":null,"code":"AGENT_TIMEOUT","call":"/0"},{"ok":true,"value":"b","code":null,"call":"/1"}]"#
    );
    for (prompt, code) in [
        ("!limit", "AGENT_LIMIT_EXCEEDED"),
        ("!budget", "TOKEN_BUDGET_EXHAUSTED"),
        ("!abort", "WORKFLOW_ABORTED"),
    ] {
        let script = format!("await agent('{prompt}')");
        assert_eq!(drive_with(&script, told).error().code, code);
        let script = format!("await agent.try('{prompt}')");
        assert_eq!(drive_with(&script, told).error().code, code);
        let script = format!(
            "try {{ await agent('{prompt}') }} catch (e) {{ return [e.code, e.recoverable, e instanceof Error] }}"
        );
        let recoverable = code == "WORKFLOW_ABORTED";
        assert_eq!(
            drive_with(&script, told).value(),
            format!(r#"["{code}",{recoverable},true]"#)
        );
    }
}

#[test]
fn agents_carry_what_the_script_gave() {
    let mut start = start_of(
        "const a = agent('one', { schema: { type: 'object' }, model: 'm', timeoutMs: null, isolation: false, extra: 1 });
         phase('Build', { budget: 500 }); const b = agent('two', { effect: 'pure' });
         const c = agent('three', { phase: 'Other', label: 'L' }); await Promise.all([a, b, c])",
    );
    start.phases = vec![String::from("Plan"), String::from("Build")];
    let whole = drive(&start, |_| 0, |_| text("x"));
    let calls = whole.calls();
    assert_eq!(
        calls[0].payload.as_str(),
        r#"{"prompt":"one","options":{"schema":{"type":"object"},"model":"m","timeoutMs":null,"isolation":false,"extra":1}}"#
    );
    assert_eq!(
        calls[1].payload.as_str(),
        r#"{"prompt":"two","options":{"effect":"pure"}}"#
    );
    let shown: Vec<_> = calls
        .iter()
        .map(|call| (call.phase.as_deref(), call.label.as_deref()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("Plan"), Some("Plan agent 1")),
            (Some("Build"), Some("Build agent 2")),
            (Some("Other"), Some("L")),
        ]
    );
    let entered = whole.events.iter().find_map(|event| match event {
        Event::Phase(entered) => Some((entered.title.as_str(), entered.budget)),
        _ => None,
    });
    assert_eq!(entered, Some(("Build", Some(500))));
}

#[test]
fn options_that_are_wrong_are_refused_at_the_call() {
    for (call, message) in [
        (
            "agent('')",
            "agent() expects a prompt: a string that is not empty",
        ),
        (
            "agent(['x'])",
            "agent() expects a prompt: a string that is not empty",
        ),
        (
            "agent('x', 'y')",
            "agent() expects an object as its options",
        ),
        (
            "agent('x', { timeoutMs: 0 })",
            "agent() option timeoutMs must be null or a finite number from 1 to 2147483647",
        ),
        (
            "agent('x', { timeoutMs: Infinity })",
            "agent() option timeoutMs must be null or a finite number from 1 to 2147483647",
        ),
        (
            "agent('x', { thread: ' ' })",
            "agent() option thread must be a string that is not empty",
        ),
        (
            "agent('x', { thinking: 'lots' })",
            "agent() option thinking must be one of off, minimal, low, medium, high, xhigh, max",
        ),
        (
            "agent('x', { isolation: 'branch' })",
            "agent() option isolation must be \"worktree\", \"clone\", \"prefer\" or false",
        ),
        (
            "agent('x', { isolation: 'worktree', cwd: '/x' })",
            "agent() option cwd cannot be combined with isolation",
        ),
        (
            "agent('x', { isolation: 'worktree', thread: 't' })",
            "agent() option thread cannot be combined with isolation",
        ),
        (
            "agent('x', { cwd: 'sub' })",
            "agent() option cwd must be an absolute path",
        ),
        (
            "agent('x', { effect: 'none' })",
            "agent() option effect must be one of pure, isolated, workspace, external",
        ),
        ("sleep(-1)", "sleep() expects a number of milliseconds"),
        ("env('')", "env() expects the name of a variable"),
        (
            "merge('x')",
            "merge() expects an array of labels, or of what agent.try() returned",
        ),
        ("task()", "task() expects the id of a task"),
        ("flow(1)", "flow() expects a program or its name"),
        (
            "workflow('')",
            "workflow() expects the name or the text of a workflow",
        ),
        (
            "phase('x', { budget: -1 })",
            "phase() option budget must be a whole number of tokens",
        ),
    ] {
        let script = format!(
            "try {{ {call}; return 'no error' }} catch (e) {{ return [e.name, e.message] }}"
        );
        let wanted = Value::Array(vec![
            "TypeError".to_owned().into(),
            message.to_owned().into(),
        ]);
        assert_eq!(echo(&script).value(), json::print(&wanted), "{call}");
        // A branch does not hide it.
        let error = failure(&format!("await parallel([() => {call}])"));
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("SCRIPT_VALIDATION_ERROR", message)
        );
    }
}

#[test]
fn parallel_starts_everything_at_once_and_keeps_the_order() {
    let script = "return await parallel(['a', 'b', 'c'].map((x) => () => agent(x)))";
    let (_, report) = begin(script);
    assert_eq!(calls(&report.events).len(), 3);
    let whole = drive(&start_of(script), |open| open - 1, told);
    assert_eq!(whole.value(), r#"["a","b","c"]"#);
    assert_eq!(echo("return await parallel([])").value(), "[]");
    assert_eq!(
        echo("return await parallel([() => 1, async () => 2, () => undefined])").value(),
        "[1,2,null]"
    );
    let text =
        "parallel() expects an array of functions, not promises. Wrap each call: () => agent(...)";
    for wrong in [
        "parallel()",
        "parallel([agent('x')])",
        "parallel({})",
        "parallel([() => 1, null])",
    ] {
        assert_eq!(failure(&format!("await {wrong}")).message, text);
    }
}

#[test]
fn a_branch_that_fails_becomes_null_and_a_line() {
    let whole = drive_with(
        "return await parallel([() => agent('a'), () => { throw new Error('broken') }, async () => { await agent('b'); throw 'text' }])",
        told,
    );
    assert_eq!(whole.value(), r#"["a",null,null]"#);
    assert_eq!(
        whole.log(),
        ["parallel[1] failed: broken", "parallel[2] failed: text"]
    );
    for (what, code) in [
        ("limit", "AGENT_LIMIT_EXCEEDED"),
        ("abort", "WORKFLOW_ABORTED"),
        ("budget", "TOKEN_BUDGET_EXHAUSTED"),
    ] {
        let script = format!("await parallel([() => agent('a'), () => agent('!{what}')])");
        let whole = drive_with(&script, told);
        assert_eq!(whole.error().code, code);
        assert_eq!(whole.log(), [""; 0]);
    }
}

#[test]
fn pipelines_take_each_item_through_the_stages() {
    let whole = drive_with(
        "return await pipeline(['a', 'b'], (p, o, i) => agent(`${p}${o}${i}`), (p, o, i) => [p, o, i])",
        told,
    );
    assert_eq!(whole.value(), r#"[["aa0","a",0],["bb1","b",1]]"#);
    // `null` goes on to the next stage; what is thrown ends the item.
    let whole = drive_with(
        "return await pipeline([1, 2], (x) => { if (x === 2) throw new Error('no 2'); return agent('!timeout') }, (p, o) => [p, o])",
        told,
    );
    assert_eq!(whole.value(), "[[null,1],null]");
    assert_eq!(
        whole.log(),
        ["pipeline[1] failed: no 2", "agent 1 failed: too slow"]
    );
    assert_eq!(
        drive_with("await pipeline([1], () => agent('!limit'))", told)
            .error()
            .code,
        "AGENT_LIMIT_EXCEEDED"
    );
    assert_eq!(echo("return await pipeline([1, 2])").value(), "[1,2]");
    assert_eq!(
        failure("await pipeline('ab', (x) => x)").message,
        "pipeline() expects an array of items as its first argument"
    );
    assert_eq!(
        failure("await pipeline([1], 2)").message,
        "pipeline() expects functions as its stages"
    );
}

#[test]
fn verify_counts_votes() {
    let votes = |call: &Call| match call.label.as_deref() {
        Some("verify 1") => Answer::Value(r#"{"real":true,"reason":"yes"}"#.into()),
        Some("verify 2") => Answer::Value(r#"{"real":false}"#.into()),
        _ => Answer::Error("AGENT_TIMEOUT", "too slow", true),
    };
    let whole = drive_with(
        "return await verify('claim', { reviewers: 3, lens: ['speed', 'safety'] })",
        votes,
    );
    assert_eq!(
        whole.value(),
        r#"{"real":true,"realCount":1,"total":2,"votes":[{"real":true,"reason":"yes"},{"real":false}]}"#
    );
    let schema = r#"{"type":"object","properties":{"real":{"type":"boolean"},"reason":{"type":"string"}},"required":["real"]}"#;
    let payload = whole.calls()[0].payload.value();
    assert_eq!(
        json::print(payload.get("options").unwrap().get("schema").unwrap()),
        schema
    );
    let lenses: Vec<bool> = whole
        .prompts()
        .iter()
        .map(|text| text.contains("side: speed"))
        .collect();
    assert_eq!(lenses, [true, false, true]);
    assert_eq!(whole.paths(), ["/0p[0]/0", "/0p[1]/0", "/0p[2]/0"]);
    let whole = drive_with(
        "return (await verify('claim', { threshold: 0.6 })).real",
        votes,
    );
    assert_eq!((whole.value(), whole.calls().len()), ("false", 2));
    let whole = drive_with("return await verify('claim', { reviewers: 1 })", |_| {
        Answer::Error("AGENT_TIMEOUT", "x", true)
    });
    assert_eq!(
        whole.value(),
        r#"{"real":false,"realCount":0,"total":0,"votes":[]}"#
    );
    for bad in ["0", "1.5", "Infinity", "'2'"] {
        let error = failure(&format!("await verify('x', {{ reviewers: {bad} }})"));
        assert_eq!(
            error.message,
            "verify() option reviewers must be a finite integer of at least 1"
        );
    }
}

#[test]
fn a_panel_chooses_the_best_and_the_first_of_equals() {
    let scores = |call: &Call| match call.label.as_deref() {
        Some("judge 2.1") => Answer::Value(r#"{"score":9}"#.into()),
        Some("judge 2.2") => Answer::Error("AGENT_TIMEOUT", "x", true),
        _ => Answer::Value(r#"{"score":4}"#.into()),
    };
    let whole = drive_with(
        "return await judgePanel(['a', 'b', 'c'], { judges: 2, rubric: 'short' })",
        scores,
    );
    assert_eq!(
        whole.value(),
        r#"{"index":1,"attempt":"b","score":9,"judgments":[{"score":9}]}"#
    );
    assert_eq!(whole.calls().len(), 6);
    let whole = drive_with(
        "return [(await judgePanel(['a', 'b'])).index, typeof await judgePanel([])]",
        |_| Answer::Value(r#"{"score":1}"#.into()),
    );
    assert_eq!(whole.value(), r#"[0,"undefined"]"#);
    let whole = drive_with(
        "return (await judgePanel(['a'], { judges: 1 })).score",
        |_| Answer::Error("AGENT_TIMEOUT", "x", true),
    );
    assert_eq!(whole.value(), "0");
}

#[test]
fn loops_end_when_they_are_dry() {
    let whole = echo(
        "const rounds = [[1, null, 1], [], [2, 1], [], [], [3]]; const asked = [];
         const found = await loopUntilDry({ round: async (i) => { asked.push(i); return rounds[i] } });
         return [found, asked]",
    );
    assert_eq!(whole.value(), "[[1,2],[0,1,2,3,4]]");
    let script = "return await loopUntilDry({ round: (i) => [{ id: i % 2 }], key: (x) => x.id, maxRounds: 3, consecutiveEmpty: 9 })";
    assert_eq!(echo(script).value(), r#"[{"id":0},{"id":1}]"#);
    let script =
        "return await loopUntilDry({ round: async (i) => [await agent(i ? '!budget' : 'a')] })";
    assert_eq!(drive_with(script, told).value(), r#"["a"]"#);
    let script = "return await loopUntilDry({ round: async () => { throw new Error('mine') } })";
    assert_eq!(drive_with(script, told).error().message, "Error: mine");
    assert_eq!(
        failure("await loopUntilDry({})").message,
        "loopUntilDry() expects a function as option round"
    );
}

#[test]
fn the_critic_sees_so_much() {
    let whole = drive_with(
        "return await completenessCheck('the task', ['x'.repeat(5000)])",
        |_| Answer::Value(r#"{"complete":false,"missing":["y"]}"#.into()),
    );
    assert_eq!(whole.value(), r#"{"complete":false,"missing":["y"]}"#);
    assert_eq!(
        whole.calls()[0].label.as_deref(),
        Some("completeness critic")
    );
    assert_eq!(
        whole.prompts()[0].matches('x').count() - "Task".matches('x').count(),
        3998
    );
}

#[test]
fn retry_and_gate_try_so_often() {
    assert_eq!(echo("return await retry((i) => i)").value(), "0");
    assert_eq!(
        echo("return await retry((i) => i, { until: (x) => x === 1 })").value(),
        "1"
    );
    assert_eq!(
        echo("return await retry((i) => i, { until: () => false })").value(),
        "2"
    );
    assert_eq!(
        echo("return await gate((f, i) => [f ?? null, i], (v) => ({ ok: v[1] === 1, feedback: 'more' }))").value(),
        r#"{"ok":true,"value":["more",1],"attempts":2}"#
    );
    assert_eq!(
        echo("return await gate((f, i) => i, () => ({ ok: false }), { attempts: 2 })").value(),
        r#"{"ok":false,"value":1,"attempts":2}"#
    );
}

#[test]
fn a_workflow_runs_in_another_one() {
    let child = r#"{"script":"export const meta = {}; phase('C'); log(args.n); const r = await parallel([() => agent('in')]); return [args.n, r]","statement":[0,23],"name":"child.js","phases":["First"]}"#;
    let whole = drive_with(
        "phase('P'); const a = await workflow('child', { n: 7 }); const b = await agent('after'); return [a, b, args]",
        |call| match call.kind {
            CallKind::Workflow => Answer::Value(child.into()),
            _ => text(&prompt(call)),
        },
    );
    assert_eq!(whole.value(), r#"[[7,["in"]],"after",null]"#);
    assert_eq!(whole.paths(), ["/0", "/0w[0]/0p[0]/0", "/1"]);
    assert_eq!(
        whole.calls()[0].payload.as_str(),
        r#"{"source":"child","args":{"n":7}}"#
    );
    let phases: Vec<_> = whole
        .calls()
        .iter()
        .map(|call| call.phase.clone().unwrap())
        .collect();
    assert_eq!(phases, ["P", "C", "P"]);
    let kinds: Vec<_> = whole
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Open(open) => Some((open.scope.as_str(), open.kind, open.branches)),
            _ => None,
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("/0w", ScopeKind::Workflow, 1),
            ("/0w[0]/0p", ScopeKind::Parallel, 1)
        ]
    );
    let nested =
        r#"{"script":"await workflow('again')","statement":[0,0],"name":"child.js","phases":[]}"#;
    let whole = drive_with("await workflow('child')", |_| Answer::Value(nested.into()));
    assert_eq!(whole.error().code, "SCRIPT_VALIDATION_ERROR");
    assert_eq!(
        whole.error().message,
        "workflow() can only be nested one level deep"
    );
    let broken = r#"{"script":"\nconst = 1","statement":[0,0],"name":"child.js","phases":[]}"#;
    let whole = drive_with("await workflow('child')", |_| Answer::Value(broken.into()));
    assert_eq!(
        (whole.error().code.as_str(), whole.error().line),
        ("SCRIPT_VALIDATION_ERROR", Some(2))
    );
}

#[test]
fn checkpoints_come_in_two_kinds() {
    let whole = drive_with(
        "const a = await checkpoint('go on?', { default: false, headless: 'abort' });
         const b = await checkpoint({ kind: 'review', checkpointId: 'r-1', payload: { x: [1, 'a', null] } });
         return [a, b]",
        |_| Answer::Value("true".into()),
    );
    assert_eq!(whole.value(), "[true,true]");
    assert_eq!(
        whole.calls()[0].payload.as_str(),
        r#"{"prompt":"go on?","options":{"default":false,"headless":"abort"}}"#
    );
    assert_eq!(
        whole.calls()[1].payload.as_str(),
        r#"{"durable":{"kind":"review","checkpointId":"r-1","payload":{"x":[1,"a",null]}}}"#
    );
    for bad in [
        "{ kind: 'a', checkpointId: 'b' }",
        "{ kind: 'a', checkpointId: 'b', payload: 1, more: 1 }",
        "{ kind: 'a b', checkpointId: 'b', payload: 1 }",
        "{ kind: 'a', checkpointId: 'x'.repeat(201), payload: 1 }",
        "{ kind: 'a', checkpointId: 'b', payload: { u: undefined } }",
        "{ kind: 'a', checkpointId: 'b', payload: new Map() }",
        "{ kind: 'a', checkpointId: 'b', payload: [,1] }",
        "{ kind: 'a', checkpointId: 'b', payload: NaN }",
    ] {
        assert_eq!(
            failure(&format!("await checkpoint({bad})")).code,
            "SCRIPT_VALIDATION_ERROR",
            "{bad}"
        );
    }
    let twice = "const c = { kind: 'a', checkpointId: 'b', payload: 1 }; await checkpoint(c); await checkpoint(c)";
    assert_eq!(
        drive_with(twice, |_| Answer::Value("1".into()))
            .error()
            .message,
        "checkpoint() checkpointId b is used already"
    );
}
