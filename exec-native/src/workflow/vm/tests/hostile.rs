//! Scripts that attack the prelude.

use super::*;

/// What every attack is followed by: it must still work.
const PROOF: &str = "
    const got = await parallel([() => agent('a'), async () => { await agent('b'); return agent('c') }]);
    const piped = await pipeline([1], (x) => agent('s' + x));
    return [got, piped, Object.keys(globalThis).length]";

fn survives(attack: &str) {
    let quiet = echo(PROOF);
    let whole = echo(&format!("try {{ {attack} }} catch (e) {{}}\n{PROOF}"));
    assert_eq!(whole.value(), quiet.value(), "{attack}");
    assert_eq!(whole.paths(), quiet.paths(), "{attack}");
}

#[test]
fn built_ins_cannot_be_replaced() {
    for attack in [
        "Promise.all = () => 1",
        "Promise = function () {}",
        "Promise.prototype.then = () => 1",
        "Object.defineProperty(Promise.prototype, 'then', { value: 1 })",
        "Object.defineProperty(Promise, Symbol.species, { value: 1 })",
        "Array.prototype.map = () => []",
        "Array.prototype.push = () => 0",
        "Array.prototype[0] = 'x'",
        "Object.prototype.then = (f) => f('stolen')",
        "Object.defineProperty(Object.prototype, 'then', { value: (f) => f('stolen') })",
        "Object.prototype.code = 'WORKFLOW_ABORTED'",
        "Object.prototype.toString = 1",
        "Object.setPrototypeOf(Object.prototype, { then: 1 })",
        "Object.setPrototypeOf(Array.prototype, null)",
        "Object.prototype.__proto__ = { then: 1 }",
        "JSON.stringify = () => '{}'",
        "JSON = {}",
        "Map.prototype.get = () => undefined",
        "Map.prototype.delete = () => undefined",
        "WeakMap.prototype.set = () => { throw 1 }",
        "String.prototype.slice = () => ''",
        "Function.prototype.call = () => 1",
        "Array.prototype[Symbol.iterator] = function* () {}",
        "Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true })",
        "Object.getPrototypeOf(async () => {}).x = 1",
        "Error.prepareStackTrace = () => { throw 1 }",
        "Error.stackTraceLimit = 0",
        "Object.freeze = (x) => x",
        "Reflect.ownKeys = () => []",
        "Symbol.iterator = 1",
        "Date.now = () => 5",
    ] {
        survives(attack);
    }
}

#[test]
fn our_globals_cannot_be_replaced() {
    for name in [
        "agent",
        "parallel",
        "pipeline",
        "phase",
        "log",
        "cwd",
        "process",
        "budget",
        "console",
        "workflow",
        "verify",
        "checkpoint",
        "now",
    ] {
        survives(&format!("globalThis.{name} = () => 1"));
        survives(&format!("delete globalThis.{name}"));
        survives(&format!(
            "Object.defineProperty(globalThis, '{name}', {{ value: 1 }})"
        ));
    }
    survives("agent.try = 1");
    survives("process.cwd = 1");
    survives("budget.spent = () => -1");
    survives("console.log = 1");
    survives("agent.constructor('return this')()");
}

#[test]
fn what_is_handed_over_is_not_trusted() {
    for (script, wanted) in [
        // A list that grows while it is read.
        (
            "const t = [() => { t.push(() => agent('more')); return 1 }]; return await parallel(t)",
            "[1]",
        ),
        // A thunk that answers with a promise of its own kind.
        (
            "return await parallel([() => ({ then(f) { f(agent('late')) } })])",
            r#"["late"]"#,
        ),
        (
            "return await parallel([() => ({ get then() { throw new Error('no') } })])",
            "[null]",
        ),
        (
            "return await parallel([() => { throw new Proxy({}, { get() { throw 1 } }) }])",
            "[null]",
        ),
        (
            "return await parallel([() => { throw { code: 'AGENT_TIMEOUT', get recoverable() { throw 1 } } }])",
            "[null]",
        ),
        ("return await parallel(new Proxy([() => 1], {}))", "[1]"),
        // Options that change between two looks.
        (
            "let n = 0; return await agent('x', { get label() { n++; return n > 1 ? {} : 'l' } })",
            r#""x""#,
        ),
        // A payload that calls while it is printed.
        (
            "return await agent('x', { extra: { toJSON() { agent('inner'); return 1 } } })",
            r#""x""#,
        ),
        // Promises that carry properties.
        (
            "const p = agent('x'); for (const k of ['then', 'constructor']) Object.defineProperty(p, k, { value: 5 }); return await Promise.resolve(1)",
            "1",
        ),
        (
            "class P extends Promise {}; return await P.all([agent('x')])",
            r#"["x"]"#,
        ),
    ] {
        assert_eq!(echo(script).value(), wanted, "{script}");
    }
    let whole = echo("await agent('x', { extra: { toJSON() { agent('inner'); return 1 } } })");
    let ids: Vec<_> = whole
        .calls()
        .iter()
        .map(|call| (call.id, call.ordinal))
        .collect();
    assert_eq!(ids, [(0, 0), (1, 1)]);
}

#[test]
fn the_host_is_out_of_reach() {
    for script in [
        "const e = new Error('x'); return String(e.stack).includes('callsheet')",
        "try { null.x } catch (e) { return e.stack.includes('callsheet') }",
        "return agent.toString().includes('host.emit')",
        "return [agent.caller, agent.arguments].some(Boolean)",
    ] {
        let whole = echo(script);
        // Strict functions throw where old ones told who called them.
        assert!(
            whole.last.state == VmState::Failed || whole.value() == "false",
            "{script}"
        );
    }
}
