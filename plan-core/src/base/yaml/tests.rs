//! Reading and emitting.

use alloc::string::{String, ToString as _};
use alloc::{format, vec};

use super::*;

fn read_ok(text: &str) -> Node<'_> {
    read(text, Limits::default()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The problem of a text: code, line, column.
fn problem(text: &str) -> (String, u64, u64) {
    let error = read(text, Limits::default()).expect_err(text);
    let place = error.place.as_deref().expect("a place");
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
        ("a: *x\n", "yaml.unsupported", 1, 4),
        ("a: &x [1]\nb: *x\n", "yaml.unsupported", 1, 4),
        ("%YAML 1.2\n---\na: 1\n", "yaml.unsupported", 1, 1),
        ("a: 1\rb: 2\n", "yaml.unsupported", 1, 5),
        ("\ta\n", "yaml.unsupported", 1, 2),
        ("- \ta: 1\n", "yaml.unsupported", 1, 4),
        (": a\n", "yaml.unsupported", 1, 1),
        ("a: [|b]\n", "yaml.unsupported", 1, 5),
        ("- \"a\n- b\"\n", "yaml.malformed", 2, 1),
        ("a:\n  b: {c,\n  d}\n", "yaml.malformed", 3, 3),
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
fn several_lines_are_one_value_when_they_are_indented() {
    let text = "a: \"x\n  y\"\nb: [\n  1,\n  2\n ]\nc: one\n  two\nd:\n- 'p\n  q'\n";
    let root = read_ok(text);
    assert_eq!(root.get("a").and_then(Node::as_str), Some("x y"));
    assert_eq!(
        root.get("b").and_then(Node::as_list).map(<[_]>::len),
        Some(2)
    );
    assert_eq!(root.get("c").and_then(Node::as_str), Some("one two"));
    let list = root.get("d").and_then(Node::as_list).expect("a list");
    assert_eq!(list[0].as_str(), Some("p q"));
    for text in [
        "d:\n- -x\n  y\n",
        "d:\n- - a\n- 'p\n  q'\n",
        "d:\n-\n  'p\n  q'\n",
        "d:\n  # -\n  - 'p\n    q'\n",
        "- - - 'p\n      q'\n",
    ] {
        read_ok(text);
    }
}

#[test]
fn a_list_may_stand_in_the_column_of_its_key() {
    for text in [
        "b:\n- {x: 1}\n- {x: 2}\nc: 3\n",
        "b:\n- [1]\n- [2]\nc: 3\n",
        "b:\n-\n  x: 1\n- # two\n  x: 2\nc: 3\n",
        "b:\n- 'p\n q'\n- - 1\n  - 2\nc: 3\n",
        "- {x: 1}\n- {x: [1,\n 2]}\n",
    ] {
        read_ok(text);
    }
    let open = "b:\n- \"x\nc: \"\n";
    assert_eq!(problem(open).1, 3);
}

#[test]
fn keys_are_named_as_in_javascript() {
    let root = read_ok("014: a\nnull: b\nTRUE: c\n.inf: d\n'014': e\n1.50: f\n");
    let keys = root.as_map().expect("a map").iter();
    assert!(
        keys.map(Entry::name)
            .eq(["14", "", "true", "Infinity", "014", "1.5"])
    );
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
        ("a\u{1b}\u{1}", "\"a\\e\\x01\""),
        ("a\u{feff}", "\"a\u{feff}\""),
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

const EDITED: &str = "# The fleet.
version: 1   # always
agents:
  # The boss.
  - name: a # first
    runtime: claude
    model_hint:

  # A worker.
  # Two lines about it.
  - name: 'b'
    runtime: \"pi\" # quoted
  -
    name: c
    runtime: pi
# The end.
";

/// Edits the text and gives it back.
fn edited(act: impl FnOnce(&mut Patch<'_>, &Node<'_>)) -> String {
    let root = read_ok(EDITED);
    let mut patch = Patch::new(EDITED);
    act(&mut patch, root.get("agents").expect("agents"));
    patch.finish()
}

fn item<'n, 'a>(agents: &'n Node<'a>, place: usize) -> &'n Node<'a> {
    &agents.as_list().expect("a list")[place]
}

#[test]
fn nothing_to_edit_changes_nothing() {
    assert_eq!(edited(|_, _| {}), EDITED);
}

#[test]
fn values_change_alone() {
    let text = edited(|patch, agents| {
        patch
            .set(item(agents, 0), "runtime", &Block::text("codex"))
            .expect("set");
        patch
            .set(item(agents, 0), "model_hint", &Block::text("1"))
            .expect("set");
        patch
            .set(item(agents, 1), "runtime", &Block::text("claude"))
            .expect("set");
        patch
            .set(item(agents, 1), "name", &Block::text("null"))
            .expect("set");
        patch
            .set(item(agents, 2), "persistent", &Block::Bool(true))
            .expect("set");
    });
    let expected = EDITED
        .replace("    runtime: claude\n", "    runtime: codex\n")
        .replace("model_hint:\n", "model_hint: \"1\"\n")
        .replace("runtime: \"pi\" # quoted", "runtime: claude # quoted")
        .replace("- name: 'b'", "- name: \"null\"")
        .replace(
            "    runtime: pi\n#",
            "    runtime: pi\n    persistent: true\n#",
        );
    assert_eq!(text, expected);
}

#[test]
fn elements_go_with_their_comments_and_come_at_the_end() {
    let text = edited(|patch, agents| {
        patch.take(agents, 1).expect("take");
        let seat = Block::Map(vec![("name".to_string(), Block::text("d"))]);
        patch.push(agents, seat).expect("push");
    });
    let gone =
        "  # A worker.\n  # Two lines about it.\n  - name: 'b'\n    runtime: \"pi\" # quoted\n";
    let expected = EDITED
        .replace(gone, "")
        .replace("    runtime: pi\n#", "    runtime: pi\n  - name: d\n#");
    assert_eq!(text, expected);
    assert!(read(&text, Limits::default()).is_ok());
}

#[test]
fn keys_go_with_their_line() {
    let text = edited(|patch, agents| {
        patch.remove(item(agents, 0), "name").expect("remove");
        patch.remove(item(agents, 1), "runtime").expect("remove");
        patch
            .remove(item(agents, 2), "none")
            .expect("nothing to remove");
    });
    let root = read_ok(&text);
    let agents = root.get("agents").expect("agents");
    assert_eq!(item(agents, 0).get("name"), None);
    assert!(text.contains("  - runtime: claude\n"), "{text}");
    assert!(!text.contains("quoted"), "{text}");
}

#[test]
fn a_comment_on_the_next_key_outlives_the_first_one() {
    let text = "- k: 1 # one\r\n  # the name\r\n  name: a\r\n";
    let root = read_ok(text);
    let mut patch = Patch::new(text);
    patch.remove(item(&root, 0), "k").expect("remove");
    let left = "-\r\n  # the name\r\n  name: a\r\n";
    assert_eq!(patch.finish(), left);
    assert!(read(left, Limits::default()).is_ok());
}

#[test]
fn braces_are_edited_within() {
    let text = "agents: # all\n  - { name: a, k: [1] } # one\n  - {name: 'b', x: 1, y: 2} # two\n  - {} # none\n# end\nmore: {} # nothing yet\n";
    let root = read_ok(text);
    let agents = root.get("agents").expect("agents");
    let mut patch = Patch::new(text);
    let mut set = |place, key, value| patch.set(item(agents, place), key, &value);
    set(0, "name", Block::text("a, b")).expect("set");
    set(1, "name", Block::text("12")).expect("set");
    set(1, "z", Block::Bool(true)).expect("set");
    set(2, "n", Block::text("a b")).expect("set");
    let problem = set(0, "z", Block::Bool(true)).expect_err("behind a list");
    assert_eq!(
        problem.to_string(),
        "line 2: the value is more than one line"
    );
    patch.remove(item(agents, 1), "y").expect("remove");
    let inner = Block::Map(vec![("k".to_string(), Block::text("v"))]);
    patch.set(&root, "more", &inner).expect("set");
    assert_eq!(
        patch.finish(),
        "agents: # all\n  - { name: \"a, b\", k: [1] } # one\n  - {name: \"12\", x: 1, z: true} # two\n  - {n: a b} # none\n# end\nmore: # nothing yet\n  k: v\n"
    );
    let removed = |key| {
        let mut patch = Patch::new(text);
        patch.remove(item(agents, 1), key).expect("remove");
        patch.finish()
    };
    let mut patch = Patch::new(text);
    patch.take(agents, 2).expect("take");
    assert_eq!(patch.finish(), text.replace("  - {} # none\n", ""));
    assert!(removed("name").contains("  - {x: 1, y: 2} # two\n"));
    assert!(removed("x").contains("  - {name: 'b', y: 2} # two\n"));
    assert_eq!(removed("none"), text);
}

#[test]
fn what_is_in_brackets_is_left_to_others() {
    let text = "agents: [{name: a, # one\n  k: 1}]\n";
    let root = read_ok(text);
    let agents = root.get("agents").expect("agents");
    let mut patch = Patch::new(text);
    let problem = patch.push(agents, Block::Bool(true)).expect_err("push");
    let braces = "line 1: it is written in braces or brackets";
    assert_eq!(problem.to_string(), braces);
    assert!(patch.take(agents, 0).is_err());
    let problem = patch.remove(item(agents, 0), "k").expect_err("a comment");
    assert_eq!(problem.to_string(), braces.replace('1', "2"));
}

#[test]
fn carriage_returns_stay() {
    let text = "agents:\r\n  - name: a\r\n    k: 1";
    let root = read_ok(text);
    let agents = root.get("agents").expect("agents");
    let mut patch = Patch::new(text);
    let seat = Block::Map(vec![("name".to_string(), Block::text("b"))]);
    patch.push(agents, seat).expect("push");
    assert_eq!(
        patch.finish(),
        "agents:\r\n  - name: a\r\n    k: 1\r\n  - name: b\r\n"
    );
}

#[test]
fn new_lines_at_one_place_come_from_the_inside_out() {
    let text = "# all\nagents:\n- # one -\n  # -\n  name: a";
    let root = read_ok(text);
    let agents = root.get("agents").expect("agents");
    let mut patch = Patch::new(text);
    patch.set(&root, "version", &Block::Number(1)).expect("set");
    for name in ["b", "c"] {
        let seat = Block::Map(vec![("name".to_string(), Block::text(name))]);
        patch.push(agents, seat).expect("push");
    }
    patch
        .set(item(agents, 0), "k", &Block::Bool(true))
        .expect("set");
    assert_eq!(
        patch.finish(),
        format!("{text}\n  k: true\n- name: b\n- name: c\nversion: 1\n")
    );
    let mut patch = Patch::new(text);
    patch.take(agents, 0).expect("take");
    assert_eq!(patch.finish(), "# all\nagents:\n");
}

#[test]
fn a_comment_that_is_indented_further_belongs_to_what_stands_above() {
    let text =
        "- name: a\n  # the end of a\n# of b\n- name: b\n  # of k\n  k: 1\n  # the end of b\n";
    let root = read_ok(text);
    let mut patch = Patch::new(text);
    patch.take(&root, 1).expect("take");
    let left = "- name: a\n  # the end of a\n  # the end of b\n";
    assert_eq!(patch.finish(), left);
    let mut patch = Patch::new(text);
    patch.remove(item(&root, 1), "k").expect("remove");
    assert_eq!(patch.finish(), text.replace("  # of k\n  k: 1\n", ""));
}
