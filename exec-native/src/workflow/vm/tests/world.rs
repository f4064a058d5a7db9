//! The other globals.

use plan_core::workflow::vm::{CallKind, Event, Level};

use super::*;

#[test]
fn what_comes_from_outside_is_a_call() {
    let whole = drive(
        &start_of(
            "return [await now(), await random(), await uuid(), await sleep(50), await env('HOME'),
                     await merge([{ call: '/9' }], { into: 'next' }), await task('t1', { x: 1 }), await flow('ship', { y: 2 })]",
        ),
        |_| 0,
        |call| Answer::Value(format!("{}", call.id)),
    );
    assert_eq!(whole.value(), "[0,1,2,3,4,5,6,7]");
    let calls: Vec<_> = whole
        .calls()
        .iter()
        .map(|call| (call.kind, call.payload.as_str()))
        .collect();
    assert_eq!(
        calls,
        [
            (CallKind::Now, "{}"),
            (CallKind::Random, "{}"),
            (CallKind::Uuid, "{}"),
            (CallKind::Sleep, r#"{"ms":50}"#),
            (CallKind::Env, r#"{"name":"HOME"}"#),
            (
                CallKind::Merge,
                r#"{"calls":["/9"],"options":{"into":"next"}}"#
            ),
            (CallKind::Task, r#"{"id":"t1","options":{"x":1}}"#),
            (CallKind::Flow, r#"{"program":"ship","input":{"y":2}}"#),
        ]
    );
}

#[test]
fn lines_of_the_log_keep_their_level() {
    let whole = echo(
        "log(5); console.log('a', { b: 1 }); console.info([1]); console.warn('w'); console.error(new Error('e').message, undefined)",
    );
    let lines: Vec<_> = whole
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Log(line) => Some((line.level, line.message.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        lines,
        [
            (Level::Log, "5"),
            (Level::Log, r#"a {"b":1}"#),
            (Level::Info, "[1]"),
            (Level::Warn, "w"),
            (Level::Error, "e undefined"),
        ]
    );
}

#[test]
fn the_budget_is_that_of_the_last_answer() {
    let mut start = start_of(
        "const a = [budget.total, budget.spent(), budget.remaining()]; await agent('x'); return [a, budget.spent(), budget.remaining()]",
    );
    start.budget = Budget {
        total: Some(100),
        spent: 30,
    };
    let (mut machine, _) = Machine::start(&start, no_gauge()).unwrap();
    let settle = Settle {
        call: 0,
        value: None,
        error: None,
        spent: 130,
    };
    let report = machine.settle(&settle).unwrap();
    assert_eq!(report.value.unwrap().as_str(), "[[100,30,70],130,0]");
    assert_eq!(
        echo("return [budget.total, budget.remaining() === Infinity]").value(),
        "[null,true]"
    );
}

#[test]
fn arguments_come_unchanged() {
    let mut start = start_of("args.list.push(2); return args");
    start.args = JsonText::new(&json::read(r#"{"list":[1],"__proto__":{"x":1},"t":"é"}"#).unwrap());
    let whole = drive(&start, |_| 0, |_| text(""));
    assert_eq!(
        whole.value(),
        r#"{"list":[1,2],"__proto__":{"x":1},"t":"é"}"#
    );
}

#[test]
fn rejections_that_nobody_hears_are_warnings_at_the_end() {
    let whole = echo(
        "Promise.reject(new Error('lost')); const p = Promise.reject(1); await agent('x'); p.catch(() => {}); return 1",
    );
    assert_eq!(
        whole.warnings(),
        ["a rejected promise was never awaited: lost"]
    );
    let whole = drive(
        &start_of("agent('forgotten'); await agent('x'); return 1"),
        |_| 0,
        |call| {
            if call.id == 0 {
                Answer::Error("SCHEMA_NONCOMPLIANCE", "bad", false)
            } else {
                text("x")
            }
        },
    );
    assert_eq!(whole.value(), "1");
    assert_eq!(
        whole.warnings(),
        ["a rejected promise was never awaited: bad"]
    );
}

#[test]
fn ordinary_scripts_are_not_hurt_by_frozen_built_ins() {
    let whole = echo(
        "class MyError extends Error { constructor(m) { super(m); this.name = 'MyError' } }
         const e = new Error('x'); e.name = 'Renamed'; e.message = 'y';
         const thing = { a: 1 }; thing.toString = () => 'thing'; thing.constructor = 5;
         const out = []; for (const [k, v] of new Map([[1, 2]])) out.push(k, v);
         Error.stackTraceLimit = 5;
         return [String(new MyError('m')), String(e), `${thing}`, thing.constructor, out, [...'ab'].map((x) => x + x),
                 (await Promise.all([1, 2])).length, Object.entries({ z: 1 }), 'x'.hasOwnProperty('length'),
                 (await Promise.race([agent('r'), new Promise(() => {})]))]",
    );
    assert_eq!(
        whole.value(),
        r#"["MyError: m","Renamed: y","thing",5,[1,2],["aa","bb"],2,[["z",1]],true,"r"]"#
    );
}
