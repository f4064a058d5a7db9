//! Reading and emitting.

use alloc::string::{String, ToString as _};
use alloc::vec;

use super::*;

fn read_ok(text: &str) -> Node<'_> {
    read(text, Limits::default()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The problem of a text: code, line, column.
fn problem(text: &str) -> (String, u64, u64) {
    let error = read(text, Limits::default()).expect_err(text);
    let place = error.place.expect("a place");
    (error.code.as_str().to_string(), place.line, place.column)
}

#[test]
fn scalars_mean_what_the_core_schema_says() {
    for (text, scalar) in [
        ("014", Scalar::Number(14.0)),
        ("0o14", Scalar::Number(12.0)),
        ("0x1F", Scalar::Number(31.0)),
        ("-1.5e1", Scalar::Number(-15.0)),
        ("~", Scalar::Null),
        ("", Scalar::Null),
        ("True", Scalar::Bool(true)),
        ("yes", Scalar::Text("yes".into())),
        ("1_000", Scalar::Text("1_000".into())),
        ("2026-06-24", Scalar::Text("2026-06-24".into())),
        ("12:30", Scalar::Text("12:30".into())),
        ("'014'", Scalar::Text("014".into())),
        ("\"a\\tb\"", Scalar::Text("a\tb".into())),
    ] {
        assert_eq!(read_ok(text).as_scalar(), Some(&scalar), "{text}");
    }
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "a: 1\nb:\n  - näme: x # note\n    k: [1, 2]\n";
    let root = read_ok(text);
    let item = root.get("b").and_then(Node::as_list).map(|items| &items[0]);
    let entries = item.and_then(Node::as_map).expect("a map");
    let cut = |span: Span| text.get(span.start..span.end).unwrap_or_default();
    assert_eq!(cut(entries[0].key_span), "näme");
    assert_eq!(cut(entries[0].value.span), "x");
    let place = entries[0].value.span;
    assert_eq!((place.line, place.column), (3, 11));
    assert_eq!(cut(entries[1].value.span), "[1, 2]");
    assert_eq!(entries[1].value.style, Style::Flow);
}

#[test]
fn what_is_outside_the_strict_part_is_refused_with_its_place() {
    for (text, code, line, column) in [
        ("a: 1\na: 2\n", "yaml.malformed", 2, 1),
        ("a: &x 1\n", "yaml.unsupported", 1, 4),
        ("a: *x\n", "yaml.malformed", 1, 4),
        ("a: !!str 1\n", "yaml.unsupported", 1, 4),
        ("b:\n  <<: {a: 1}\n", "yaml.unsupported", 2, 3),
        ("a: 1\n---\nb: 2\n", "yaml.unsupported", 2, 1),
        ("a:\n\tb: 1\n", "yaml.malformed", 2, 2),
        ("? [a]\n: 1\n", "yaml.unsupported", 1, 3),
    ] {
        assert_eq!(problem(text), (code.to_string(), line, column), "{text:?}");
    }
}

#[test]
fn limits_hold() {
    let deep = "[".repeat(100_000);
    assert!(read(&deep, Limits::default()).is_err());
    let nested: String = (0..500).map(|level| " ".repeat(level) + "a:\n").collect();
    assert_eq!(problem(&nested).0, "yaml.unsupported");
    let long = "a: ".to_string() + &"x".repeat(1 << 20);
    let error = read(&long, Limits::default()).expect_err("too long");
    assert_eq!(error.code.as_str(), "document.too-large");
}

#[test]
fn a_mark_of_byte_order_and_carriage_returns_change_nothing() {
    let root = read_ok("\u{feff}a: 1\r\nb: x\r\n");
    assert_eq!(root.get("b").and_then(Node::as_str), Some("x"));
    assert!(root.get("a").is_some());
}

#[test]
fn emits_what_javascript_does() {
    for (text, emitted) in [
        ("~", "\"~\""),
        ("", "\"\""),
        ("yes", "yes"),
        ("014", "\"014\""),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("~/src", "~/src"),
        ("a: b", "\"a: b\""),
        ("a #b", "\"a #b\""),
        ("a#b", "a#b"),
        ("-", "\"-\""),
        ("-a", "-a"),
        ("- a", "\"- a\""),
        ("?", "\"?\""),
        ("a:", "\"a:\""),
        ("say \"x\"", "say \"x\""),
        ("\"x\"", "'\"x\"'"),
        ("\"x'\"", "\"\\\"x'\\\"\""),
        ("@a", "\"@a\""),
        (".5", "\".5\""),
        ("1e3", "\"1e3\""),
    ] {
        assert_eq!(emit_scalar(text), emitted, "{text:?}");
    }
    let seat = |name: &str| {
        Block::Map(vec![
            ("name".to_string(), Block::text(name)),
            ("persistent".to_string(), Block::Bool(true)),
        ])
    };
    let document = Block::Map(vec![
        ("version".to_string(), Block::Number(1)),
        (
            "tmux".to_string(),
            Block::Map(vec![("dir".to_string(), Block::text("~"))]),
        ),
        (
            "agents".to_string(),
            Block::List(vec![seat("a"), seat("null")]),
        ),
        ("none".to_string(), Block::List(vec![])),
    ]);
    let text = "version: 1\ntmux:\n  dir: \"~\"\nagents:\n  - name: a\n    persistent: true\n  - name: \"null\"\n    persistent: true\nnone: []\n";
    assert_eq!(emit(&document), text);
    assert_eq!(
        read_ok(text)
            .get("agents")
            .and_then(Node::as_list)
            .map(<[_]>::len),
        Some(2)
    );
}
