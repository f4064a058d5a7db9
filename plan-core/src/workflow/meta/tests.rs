//! Statements that say what a script is, and statements that do not.

use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::{parse, unfenced};
use crate::base::json::print;

fn meta(literal: &str) -> Result<String, String> {
    let text =
        format!("export const meta = {{ name: 'n', description: 'd', x: {literal} }}\nreturn 1");
    let script = parse(&text).map_err(|problem| problem.message.clone())?;
    Ok(print(script.meta.get("x").expect("a value")))
}

#[test]
fn a_script_says_what_it_is() {
    let text = "// A script.\nexport const meta = {\n  name: 'audit', description: \"Audits.\", model: `m`,\n  phases: [{ title: 'Find', detail: 'look' }, { title: 'Fix', model: 'big' },],\n};\nphase('Find')\n";
    let script = parse(text).expect("a script");
    assert_eq!((&*script.name, &*script.description), ("audit", "Audits."));
    assert_eq!(script.model.as_deref(), Some("m"));
    let titles: Vec<_> = script.phases.iter().map(|phase| &*phase.title).collect();
    assert_eq!(titles, ["Find", "Fix"]);
    let statement = text.get(script.statement.clone());
    assert!(statement.is_some_and(|text| text.starts_with("export const meta")));
    assert_eq!(text.get(script.statement.end..), Some("\nphase('Find')\n"));
}

#[test]
fn literals_are_read_as_javascript_reads_them() {
    for (literal, value) in [
        ("1", "1"),
        ("-1.5e3", "-1500"),
        ("0xFF", "255"),
        ("0b101", "5"),
        ("1_000", "1000"),
        (".5", "0.5"),
        ("5.", "5"),
        ("'a\\n\\x41\\u0042\\u{43}\\'\\\nb'", r#""a\nABC'b""#),
        (r#""\ud83d\ude00""#, "\"\u{1f600}\""),
        (r#""\ud83d""#, "\"\u{fffd}\""),
        ("`two\nlines`", r#""two\nlines""#),
        ("[1, 'a', null, true, [],]", r#"[1,"a",null,true,[]]"#),
        (
            "{ a: 1, 'b c': 2, 3: 4, 0x10: 5 }",
            r#"{"3":4,"16":5,"a":1,"b c":2}"#,
        ),
        ("/a[/]b/gi", "{}"),
        ("{ /* c */ a: // d\n 1 }", r#"{"a":1}"#),
    ] {
        assert_eq!(meta(literal).as_deref(), Ok(value), "{literal}");
    }
}

#[test]
fn what_would_have_to_be_run_is_refused_by_its_path() {
    for (literal, problem) in [
        ("[1, ...y]", "spread not allowed in meta.x"),
        ("{ ...y }", "spread not allowed in meta.x"),
        ("{ [k]: 1 }", "computed keys not allowed in meta.x"),
        ("{ f() {} }", "methods/accessors not allowed in meta.x"),
        (
            "{ get f() { return 1 } }",
            "methods/accessors not allowed in meta.x",
        ),
        ("{ y }", "non-literal node type in meta.x.y: Identifier"),
        ("[1,,2]", "sparse arrays not allowed in meta.x"),
        ("`a${1}`", "template interpolation not allowed in meta.x"),
        ("+1", "non-literal node type in meta.x: UnaryExpression"),
        ("-y", "non-literal node type in meta.x: UnaryExpression"),
        ("y", "non-literal node type in meta.x: Identifier"),
        (
            "[{ z: f }]",
            "non-literal node type in meta.x[0].z: Identifier",
        ),
        (
            "new Date()",
            "non-literal node type in meta.x: NewExpression",
        ),
        (
            "1 + 1",
            "non-literal node type in meta.x: the value goes on behind the literal",
        ),
        (
            "{ __proto__: {} }",
            "key name __proto__ not allowed in meta.x",
        ),
        (
            "{ 'constructor': 1 }",
            "key name constructor not allowed in meta.x",
        ),
        ("1n", "meta.x is a BigInt, which JSON cannot hold"),
        ("01", "meta.x is not a number"),
        ("1__0", "meta.x is not a number"),
        ("'open", "unterminated string in meta.x"),
    ] {
        assert_eq!(
            meta(literal).as_ref().map_err(|text| &**text),
            Err(problem),
            "{literal}"
        );
    }
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    assert!(
        meta(&deep)
            .expect_err("a problem")
            .ends_with("is nested too deeply")
    );
}

#[test]
fn the_first_statement_must_be_the_one() {
    let shape = "`export const meta = { name, description, phases }` must be the FIRST statement in the script";
    for (text, problem, place) in [
        ("", shape, (1, 1)),
        ("const a = 1", shape, (1, 1)),
        ("\n  import x from 'y'", shape, (2, 3)),
        ("export default 1", shape, (1, 1)),
        (
            "export let meta = {}",
            "meta export must be `export const meta = ...`",
            (1, 8),
        ),
        (
            "export const other = {}",
            "meta export must declare `meta`",
            (1, 14),
        ),
        (
            "export const meta",
            "meta must have a literal value",
            (1, 18),
        ),
        (
            "export const meta = {}, b = 1",
            "meta export must declare only `meta`",
            (1, 23),
        ),
        ("export const meta = 1", "meta must be an object", (1, 1)),
        (
            "export const meta = {}",
            "meta.name must be a non-empty string",
            (1, 1),
        ),
        (
            "export const meta = { name: 'a', description: ' ' }",
            "meta.description must be a non-empty string",
            (1, 1),
        ),
        (
            "export const meta = { name: 'a', description: 'b', phases: [{}] }",
            "meta.phases[0].title must be a string",
            (1, 1),
        ),
        (
            "export const meta = { name: 'a', description: 'b' }.x",
            "non-literal node type in meta: the value goes on behind the literal",
            (1, 52),
        ),
        ("/* open", "unterminated comment", (1, 1)),
    ] {
        let found = parse(text).expect_err(text);
        let at = found.place.as_ref().map(|place| (place.line, place.column));
        assert_eq!((&*found.message, at), (problem, Some(place)), "{text}");
    }
}

#[test]
fn a_statement_ends_with_its_line() {
    for (text, rest) in [
        (
            "export const meta = { name: 'a', description: 'b' }\nlog(1)",
            "\nlog(1)",
        ),
        (
            "export const meta = { name: 'a', description: 'b' } ;log(1)",
            "log(1)",
        ),
        ("export const meta = { name: 'a', description: 'b' }", ""),
    ] {
        let script = parse(text).expect(text);
        assert_eq!(text.get(script.statement.end..), Some(rest));
    }
}

#[test]
fn a_fence_around_the_whole_script_is_taken_off() {
    let cases = vec![
        ("```js\nbody\n```", "body\n"),
        ("```\nbody\n```\n", "body\n"),
        ("body", "body"),
        (
            "```js\na\n```\ntext\n```\nb\n```",
            "```js\na\n```\ntext\n```\nb\n```",
        ),
    ];
    for (text, body) in cases {
        assert_eq!(unfenced(text), body);
    }
}
