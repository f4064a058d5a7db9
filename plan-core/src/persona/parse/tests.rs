//! What the recorded cases cannot tell: the strict edition, and the public forms.

use alloc::string::String;
use alloc::vec::Vec;

use super::*;
use crate::base::code::Code;
use crate::base::json::{print, read};

const PERSONA: &str = r#"{
    "id": "p", "intent": "review", "description": "d", "harness": "codex",
    "model": "m", "systemPrompt": "s",
    "harnessSettings": {"reasoning": "low", "timeoutSeconds": 1}
}"#;

/// A persona that is right but for the given members.
fn persona<'a>(members: &'a str) -> Value<'a> {
    let Value::Object(mut persona) = read(PERSONA).unwrap() else {
        panic!("the base is an object");
    };
    let members: Value<'a> = read(members).unwrap();
    for (key, value) in members.as_object().unwrap().entries() {
        persona.insert(key.clone(), value.clone());
    }
    persona.into()
}

fn strict(members: &str) -> Vec<Diagnostic> {
    let value = persona(members);
    parse_persona(&value, "review", Edition::V2026).unwrap_err()
}

fn pointers(problems: &[Diagnostic]) -> Vec<&str> {
    let pointers = problems.iter().map(|problem| problem.pointer.as_deref());
    pointers.flatten().collect()
}

#[test]
fn the_strict_parse_reports_every_problem_in_document_order() {
    let text = r#"{
        "onEvent": "/a.ts", "skills": [{"id": "a"}, 1], "model": 3, "harness": "cluade",
        "systemPrompt": "s", "intent": "reveiw", "description": "d",
        "env": {"A": 1, "B": "b", "C~/": null},
        "harnessSettings": {"timeoutSeconds": 0, "reasoning": "hgih"}
    }"#;
    let value = read(text).unwrap();
    let problems = parse_persona(&value, "review", Edition::V2026).unwrap_err();
    let expected = [
        "/id",
        "/onEvent",
        "/skills/0/source",
        "/skills/0/description",
        "/skills/1",
        "/model",
        "/harness",
        "/intent",
        "/env/A",
        "/env/C~0~1",
        "/harnessSettings/timeoutSeconds",
        "/harnessSettings/reasoning",
    ];
    assert_eq!(pointers(&problems), expected);
    let help: Vec<&str> = problems
        .iter()
        .filter_map(|one| one.help.as_deref())
        .collect();
    let meant = ["claude", "review", "high"].map(|word| alloc::format!("did you mean `{word}`?"));
    assert_eq!(help, meant);
    let first = parse_persona(&value, "review", Edition::PersonaKit4).unwrap_err();
    assert_eq!(pointers(&first), ["/id"]);
}

#[test]
fn an_unknown_harness_has_its_own_code_and_every_name() {
    let problems = strict(r#"{"harness": "vim"}"#);
    assert_eq!(problems[0].code, Code::PERSONA_HARNESS_UNKNOWN);
    for def in crate::persona::harness::ALL {
        assert!(problems[0].message.contains(def.id), "{}", def.id);
    }
    let problems = strict(r#"{"harness": null}"#);
    assert_eq!(problems[0].code, Code::PERSONA_FIELD_INVALID);
}

#[test]
fn the_strict_parse_closes_the_holes() {
    for (members, pointer) in [
        (r#"{"env": []}"#, "/env"),
        (r#"{"mcpServers": []}"#, "/mcpServers"),
        (r#"{"inputs": []}"#, "/inputs"),
        (r#"{"permissions": []}"#, "/permissions"),
        (r#"{"mount": []}"#, "/mount"),
        (r#"{"integrations": []}"#, "/integrations"),
        (r#"{"memory": []}"#, "/memory"),
        (r#"{"memory": {"aiMemory": []}}"#, "/memory/aiMemory"),
        (r#"{"relay": []}"#, "/relay"),
        (r#"{"tags": null}"#, "/tags"),
        (r#"{"env": {"__proto__": "x"}}"#, "/env/__proto__"),
        (r#"{"inputs": {"__proto__": "x"}}"#, "/inputs/__proto__"),
        (r#"{"x": [{"__proto__": 1}]}"#, "/x/0/__proto__"),
        (r#"{"claudeMd": "C:\\a.md"}"#, "/claudeMd"),
        (r#"{"onEvent": "\\a.ts"}"#, "/onEvent"),
        (r#"{"cloud": true}"#, "/onEvent"),
        (
            r#"{"harnessSettings": {"reasoning": ["low"], "timeoutSeconds": 1}}"#,
            "/harnessSettings/reasoning",
        ),
        (
            r#"{"integrations": {"slack": {"optional": true, "enabledByInput": "ON"}}}"#,
            "/integrations/slack/enabledByInput",
        ),
        (
            r#"{"inputs": {"A": {"picker": {"provider": "slack", "resource": "r"}}}}"#,
            "/inputs/A/picker/provider",
        ),
    ] {
        assert_eq!(pointers(&strict(members)), [pointer], "{members}");
        let value = persona(members);
        let lenient = parse_persona(&value, "review", Edition::PersonaKit4);
        // A prototype is no input name, and one backslash is a file name.
        assert_eq!(lenient.is_ok(), pointer != "/inputs/__proto__", "{members}");
    }
}

#[test]
fn names_that_are_declared_may_be_used() {
    let members = r#"{
        "inputs": {"ON": {"picker": {"provider": "slack", "resource": "channels"}}},
        "integrations": {"slack": {"optional": true, "enabledByInput": "ON"}},
        "cloud": true, "onEvent": "a.ts"
    }"#;
    let value = persona(members);
    assert!(parse_persona(&value, "review", Edition::V2026).is_ok());
    let problems = strict(
        r#"{"inputs": {"TOPIC": "x"},
            "integrations": {"slack": {"optional": true, "enabledByInput": "TOPIK"}}}"#,
    );
    assert_eq!(problems[0].help.as_deref(), Some("did you mean `TOPIC`?"));
}

#[test]
fn a_strict_agent_is_told_everything() {
    let text = r#"{
        "triggers": {"github": [{"on": "push", "maxConcurrency": 0, "paths": ["a", "/b "]}],
                     "slack": [], "gitlab": [[]]},
        "schedules": [{"name": "a", "cron": "60 * * * *"}, {"name": " a", "cron": "*/0 * * * *"},
                      {"name": "b", "cron": "5-1 * * * *"}, {"name": "c", "cron": "* * * * mon"}],
        "watch": [{"paths": ["/a"], "events": ["deleted", "udpated"]}]
    }"#;
    let value = read(text).unwrap();
    let problems = parse_agent(&value, "agent", Edition::V2026).unwrap_err();
    let expected = [
        "/triggers/github/0/maxConcurrency",
        "/triggers/github/0/paths/0",
        "/triggers/github/0/paths/1",
        "/triggers/slack",
        "/triggers/gitlab/0",
        "/schedules/0/cron",
        "/schedules/1/name",
        "/schedules/1/cron",
        "/schedules/2/cron",
        "/schedules/3/cron",
        "/watch/0/events/1",
    ];
    assert_eq!(pointers(&problems), expected);
    assert_eq!(
        problems[5].message,
        "agent.schedules[0].cron field 1 is out of range: \"60\" (the minute is 0-59)"
    );
    let last = problems.last().unwrap();
    assert_eq!(last.help.as_deref(), Some("did you mean `updated`?"));
}

#[test]
fn both_editions_agree_on_a_good_persona() {
    let members = r#"{"z": 1, "9": 2, "model": " m ", "tags": ["b", " a"], "env": {"K": "v"}}"#;
    let value = persona(members);
    let lenient = parse_persona(&value, "review", Edition::PersonaKit4).unwrap();
    let strict = parse_persona(&value, "review", Edition::V2026).unwrap();
    assert_eq!(lenient, strict);
    assert!(
        print(&strict).starts_with(r#"{"9":2,"z":1,"id":"p","intent":"review","tags":["a","b"]"#)
    );
    assert_eq!((strict.id(), strict.model()), ("p", Some("m")));
    assert!(!strict.is_handler() && strict.is_sandboxed() && strict.skills().is_empty());
    // The normal form is a fixed point.
    let again = Value::Object(strict.clone().into_object());
    assert_eq!(parse_persona(&again, "review", Edition::V2026), Ok(strict));
}

#[test]
fn an_implicit_source_is_not_printed_but_known() {
    let value = read(r#"{"a": {}, "b": {"source": {"kind": "workspace"}}}"#).unwrap();
    let parsed = parse_integrations(Some(&value), "c").unwrap().unwrap();
    assert_eq!(print(&parsed), print(&value));
    let kinds = ["a", "b"].map(|name| {
        let integration = parsed.get(name).unwrap();
        let source = effective_source(integration);
        let kind = String::from(source.get_str("kind").unwrap());
        (kind, is_implicit_integration_source(integration))
    });
    assert_eq!(
        kinds,
        [("deployer_user".into(), true), ("workspace".into(), false)]
    );
}

#[test]
fn field_parsers_know_undefined() {
    assert_eq!(parse_tags(None, "c"), Ok(None));
    assert_eq!(parse_skills(None, "c"), Ok(Some(Value::Array(Vec::new()))));
    let missing = parse_harness_settings(None, "c").unwrap_err();
    assert_eq!(missing.message, "c must be an object");
    assert_eq!(assert_input_name(Some(&"A".into()), "c"), Ok(None));
    assert!(assert_sidecar_path(Some(&"/a.md".into()), "c").is_err());
}
