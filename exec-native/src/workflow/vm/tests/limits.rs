//! What a script may not do to its host: the rows of the sandbox.

use plan_core::workflow::vm::VmState;

use super::*;

fn code_and_place(script: &str) -> (String, Option<u64>, Option<u64>) {
    let error = failure(script);
    (error.code, error.line, error.column)
}

#[test]
fn what_is_not_repeatable_or_reaches_out_is_not_there() {
    let names = [
        "WeakRef",
        "FinalizationRegistry",
        "performance",
        "setTimeout",
        "setInterval",
        "require",
        "fetch",
        "Intl",
        "Atomics",
        "SharedArrayBuffer",
        "eval",
        "navigator",
        "InternalError",
        "host",
        "gc",
        "print",
        "std",
        "os",
        "module",
        "exports",
        "structuredClone",
    ];
    let list = names.map(|name| format!("typeof {name}")).join(", ");
    let whole = echo(&format!("return [{list}]"));
    let wanted = names.map(|_| "\"undefined\"").join(",");
    assert_eq!(whole.value(), format!("[{wanted}]"));
    let whole = echo("return [typeof process, Object.keys(process), process.cwd(), cwd]");
    assert_eq!(whole.value(), r#"["object",["cwd"],"/project","/project"]"#);
}

#[test]
fn clocks_and_chance_name_what_to_use_instead() {
    let error = failure("const x = 1; return Math.random()");
    assert_eq!(error.code, "SCRIPT_VALIDATION_ERROR");
    assert_eq!(
        error.message,
        "Math.random() is unavailable: workflow scripts must be deterministic; use await random()"
    );
    assert_eq!((error.line, error.column), (Some(1), Some(26)));
    for (script, what) in [
        ("return Date()", "Date()"),
        ("return new Date()", "new Date()"),
        ("return Date.now()", "Date.now()"),
        ("class D extends Date {}; return new D()", "new Date()"),
        ("return Reflect.construct(Date, [])", "new Date()"),
        ("return new (new Date(0).constructor)()", "new Date()"),
    ] {
        let message = failure(script).message;
        assert_eq!(
            message,
            format!(
                "{what} is unavailable: workflow scripts must be deterministic; use await now()"
            )
        );
    }
}

#[test]
fn dates_that_are_given_work() {
    let whole = echo(
        "const d = new Date('2024-02-29T12:00:00Z');
         return [d.toISOString(), Date.UTC(2020, 0, 1), Date.parse('1970-01-02T00:00:00Z'),
                 d instanceof Date, new Date(5).getTime(), Date.name, d.constructor === Date]",
    );
    assert_eq!(
        whole.value(),
        r#"["2024-02-29T12:00:00.000Z",1577836800000,86400000,true,5,"Date",true]"#
    );
}

#[test]
fn texts_never_become_programs() {
    for (script, name) in [
        ("return Function('return 1')()", "Function"),
        ("return (() => {}).constructor('return 1')()", "Function"),
        (
            "return (async () => {}).constructor('return 1')",
            "AsyncFunction",
        ),
        (
            "return (function* () {}).constructor('yield 1')",
            "GeneratorFunction",
        ),
        (
            "return new ((async function* () {}).constructor)('1')",
            "AsyncGeneratorFunction",
        ),
    ] {
        let error = failure(script);
        assert_eq!(
            error.message,
            format!("{name} is unavailable: a workflow cannot make programs of text")
        );
    }
    let error = failure("return eval('1')");
    assert_eq!(error.message, "ReferenceError: eval is not defined");
    assert_eq!(
        echo("return (() => {}) instanceof Function").value(),
        "true"
    );
    let whole = echo("try { await import('fs') } catch (e) { return e.message }");
    assert_eq!(whole.value(), r#""could not load module 'fs'""#);
}

#[test]
fn fuel_ends_every_endless_loop_and_cannot_be_caught() {
    for script in [
        "for (;;) {}",
        "for (;;) { try { for (;;) {} } catch {} finally { continue } }",
        "try { for (;;) {} } catch { return 'caught' }",
        "[3, 1, 2].sort(() => { for (;;) {} })",
        "return /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "for (;;) await null",
        "const spin = {}; spin.then = Promise.resolve.bind(Promise, spin); await spin",
        "await agent('x'); for (;;) {}",
        "await parallel([async () => { for (;;) {} }])",
        "JSON.stringify({ toJSON() { for (;;) {} } })",
        "return { toJSON() { for (;;) {} } }",
    ] {
        let mut start = start_of(script);
        start.fuel = 300;
        let whole = drive(&start, |_| 0, |_| text("x"));
        assert_eq!(whole.last.state, VmState::Failed, "{script}");
        assert_eq!(whole.error().code, "FUEL_EXHAUSTED", "{script}");
    }
}

#[test]
fn an_endless_loop_is_found_by_its_line() {
    let mut start = start_of("await null;\n\n  for (;;) { Math.abs(1); Math.abs(2) }\n");
    // The engine knows where it is at a call, not at the jump back; which of the three ends
    // the loop depends on all that ran before.
    let lines = [100, 101, 102].map(|fuel| {
        start.fuel = fuel;
        let whole = drive(&start, |_| 0, |_| text("x"));
        whole.error().line
    });
    let found = lines.iter().filter(|line| **line == Some(3)).count();
    assert!(found >= 2, "{lines:?}");
}

#[test]
fn fuel_is_counted_the_same_every_time() {
    let script = "let n = 0; for (let i = 0; i < 2_000_000; i++) { n += i % 7 }
        await agent('a'); const words = 'a b c'.repeat(5000).split(' ').sort(); return n";
    let used: Vec<u64> = (0..5).map(|_| echo(script).last.fuel).collect();
    assert!(used[0] > 100, "{used:?}");
    assert_eq!(used, vec![used[0]; 5]);
}

/// Memory that is used up piece by piece shows only in a process of its own.
#[test]
fn memory_that_was_refused_fails_the_run_whatever_the_script_does() {
    for script in [
        "return 'x'.repeat(2 ** 28)",
        "try { 'x'.repeat(2 ** 28) } catch { return 'went on' }",
        "try { new Uint8Array(2 ** 28) } catch {} await agent('x'); return 1",
        "return await parallel([() => new ArrayBuffer(2 ** 28)])",
        "return await Promise.resolve(2 ** 28).then((n) => 'y'.repeat(n)).catch(() => 'ok')",
    ] {
        let whole = echo(script);
        assert_eq!(whole.last.state, VmState::Failed, "{script}");
        assert_eq!(whole.error().code, "MEMORY_LIMIT", "{script}");
        assert_eq!(
            whole.error().message,
            "the script needed more than its 33554432 bytes of memory"
        );
    }
}

#[test]
fn deep_recursion_is_an_error_that_can_be_caught() {
    let whole =
        echo("const f = () => f() + 1; try { f() } catch (e) { return [e.name, e.message] }");
    assert_eq!(
        whole.value(),
        r#"["RangeError","Maximum call stack size exceeded"]"#
    );
    assert_eq!(failure("const f = () => f() + 1; f()").code, "SCRIPT_ERROR");
}

#[test]
fn places_are_those_of_the_file() {
    let script = "export const meta = { name: 'ä' }; /*-*/\n\n  const x = ;";
    let place = code_and_place(script);
    assert_eq!(place, ("SCRIPT_VALIDATION_ERROR".into(), Some(3), Some(13)));
    // Behind the statement, on the first line, and behind characters of several bytes.
    let script = "export const meta = { name: 'äöü' }; /*-*/\nnull.x";
    let place = code_and_place(script);
    assert_eq!(place, ("SCRIPT_ERROR".into(), Some(2), Some(1)));
    let script = "export const meta = {\n  name: 'äöü' }; /*-*/ null.x";
    let place = code_and_place(script);
    assert_eq!(place, ("SCRIPT_ERROR".into(), Some(2), Some(24)));
    for (script, column) in [
        ("null.x", 1),
        ("const ä = 'ö'; null.x", 16),
        ("const ä = 'ö😀'; throw new Error('x')", 27),
        ("const ä = 'ö'; nameless", 16),
    ] {
        let place = code_and_place(script);
        assert_eq!(
            place,
            ("SCRIPT_ERROR".into(), Some(1), Some(column)),
            "{script}"
        );
    }
    let script = "\n\nconst inner = async () => {\n  await agent('x');\n  throw new Error('no')\n}\nawait inner()";
    let error = failure(script);
    assert_eq!((error.line, error.column), (Some(5), Some(13)));
    assert_eq!(error.message, "Error: no");
    assert_eq!(error.stack.unwrap(), "    at inner (wf.js:5:13)\n");
    let error = failure("function a() { b() }\nfunction b() { throw new TypeError('no') }\na()");
    assert_eq!(
        error.stack.unwrap(),
        "    at b (wf.js:2:26)\n    at a (wf.js:1:16)\n    at <anonymous> (wf.js:3:1)\n"
    );
    // What an agent failed of is found where the script waits for it.
    let whole = drive(
        &start_of("\n\n  await agent('x')"),
        |_| 0,
        |_| Answer::Error("MODEL_NOT_FOUND", "no such model", false),
    );
    assert_eq!(
        (whole.error().line, whole.error().column),
        (Some(3), Some(9))
    );
}

#[test]
fn what_is_no_script_is_said_to_be_none() {
    let error = failure("const n: number = 1");
    assert_eq!(error.code, "SCRIPT_VALIDATION_ERROR");
    assert!(
        error
            .message
            .ends_with("(scripts are JavaScript: types are not understood)"),
        "{}",
        error.message
    );
    assert_eq!(
        failure("const o = { a: b, c: }").message,
        "unexpected token in expression: '}'"
    );
    assert_eq!(
        failure("return 1 }; async () => {").code,
        "SCRIPT_VALIDATION_ERROR"
    );
    assert_eq!(failure("return '\0'").code, "SCRIPT_VALIDATION_ERROR");
    assert_eq!(
        failure("import fs from 'fs'").code,
        "SCRIPT_VALIDATION_ERROR"
    );
    assert_eq!(
        failure("export const b = 1").code,
        "SCRIPT_VALIDATION_ERROR"
    );
    assert_eq!(echo("return 1 // the end").value(), "1");
    assert_eq!(
        echo("const args = 5; const phase = 6; return args + phase").value(),
        "11"
    );
}

#[test]
fn waiting_for_nothing_is_found_at_once() {
    let (_, report) = begin("await new Promise(() => {})");
    assert_eq!(report.state, VmState::Deadlock);
    assert_eq!(report.error.unwrap().code, "DEADLOCK");
    let whole = echo("await agent('x'); await new Promise(() => {})");
    assert_eq!(whole.last.state, VmState::Deadlock);
}

#[test]
fn results_cross_as_json_or_fail_the_run() {
    let whole = echo("return { f() {}, u: undefined, n: NaN, z: -0, i: Infinity, a: [undefined] }");
    assert_eq!(whole.value(), r#"{"n":null,"z":0,"i":null,"a":[null]}"#);
    assert_eq!(echo("").value(), "null");
    assert_eq!(echo("return '\\ud800x\\\\ud800'").value(), r#""�x\\ud800""#);
    for script in [
        "return 1n",
        "const a = {}; a.a = a; return a",
        "return { toJSON() { throw new Error('no') } }",
        "let a = []; for (let i = 0; i < 200; i++) a = [a]; return a",
    ] {
        let whole = echo(script);
        assert_eq!(whole.last.state, VmState::Failed, "{script}");
        assert_eq!(whole.error().code, "SCRIPT_ERROR", "{script}");
    }
    let error =
        failure("let a = []; for (let i = 0; i < 200; i++) a = [a]; await agent('x', { deep: a })");
    assert_eq!(
        error.message,
        "TypeError: a value is nested deeper than 100 levels"
    );
}

#[test]
fn codes_of_ours_stay_those_of_others_do_not() {
    let whole = drive(
        &start_of("await agent('x')"),
        |_| 0,
        |_| Answer::Error("SCHEMA_NONCOMPLIANCE", "not JSON", false),
    );
    assert_eq!(whole.error().code, "SCHEMA_NONCOMPLIANCE");
    assert_eq!(whole.error().message, "not JSON");
    assert_eq!(
        failure("throw Object.assign(new Error('x'), { code: 'ENOENT' })").code,
        "SCRIPT_ERROR"
    );
    let error = failure("throw 'just text'");
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("SCRIPT_ERROR", "just text")
    );
    assert_eq!(failure("throw undefined").message, "undefined");
    assert_eq!(
        failure("throw { get message() { throw 1 } }").code,
        "SCRIPT_ERROR"
    );
}

#[test]
fn prompts_may_be_large() {
    let script = "const p = 'ä'.repeat(2 * 1024 * 1024); const r = await agent(p); return r.length";
    assert_eq!(echo(script).value(), "2097152");
}

#[test]
fn calls_are_settled_once_and_only_when_they_exist() {
    let (mut machine, _) = begin("await agent('a'); await agent('b')");
    let wrong = Settle {
        call: 7,
        value: None,
        error: None,
        spent: 0,
    };
    assert!(machine.settle(&wrong).is_err());
    let report = settle(&mut machine, 0, &text("a"));
    assert_eq!(report.state, VmState::Waiting);
    assert!(
        machine
            .settle(&Settle {
                call: 0,
                ..wrong.clone()
            })
            .is_err()
    );
    assert_eq!(settle(&mut machine, 1, &text("b")).state, VmState::Done);
    assert!(machine.settle(&Settle { call: 1, ..wrong }).is_err());
}

#[test]
fn engines_go_in_every_state() {
    for script in [
        "return 1",
        "await agent('x')",
        "Promise.reject(1)",
        "for(;;){}",
        "'x'.repeat(2**28)",
    ] {
        let mut start = start_of(script);
        start.fuel = 50;
        drop(Machine::start(&start, no_gauge()).unwrap());
    }
}
