//! How fields are merged, and what reaches the selection.

use super::*;

#[test]
fn merges_by_rule() {
    for (member, base, over, expected) in [
        (
            "description",
            "\"x\":1",
            "\"description\":\"new\"",
            "\"new\"",
        ),
        ("model", "\"x\":1", "\"model\":\" new \"", "\" new \""),
        ("harness", "\"x\":1", "\"model\":\"y\"", "\"claude\""),
        ("cloud", "\"cloud\":true", "\"cloud\":false", "false"),
        (
            "harnessSettings",
            "\"x\":1",
            "\"harnessSettings\":{\"reasoning\":\"high\",\"webSearch\":true}",
            "{\"reasoning\":\"high\",\"timeoutSeconds\":1,\"webSearch\":true}",
        ),
        (
            "env",
            "\"env\":{\"A\":\"1\",\"B\":\"2\"}",
            "\"env\":{\"B\":\"3\",\"C\":\"4\"}",
            "{\"A\":\"1\",\"B\":\"3\",\"C\":\"4\"}",
        ),
        (
            "inputs",
            "\"inputs\":{\"A\":\"1\",\"B\":{\"env\":\"E\",\"default\":\"2\"}}",
            "\"inputs\":{\"B\":{\"optional\":true}}",
            "{\"A\":{\"default\":\"1\"},\"B\":{\"optional\":true}}",
        ),
        ("inputs", "\"inputs\":{}", "\"x\":1", "absent"),
        (
            "mcpServers",
            "\"mcpServers\":{\"a\":{\"type\":\"http\",\"url\":\"u\"}}",
            "\"mcpServers\":{\"a\":{\"type\":\"stdio\",\"command\":\"c\"}}",
            "{\"a\":{\"type\":\"stdio\",\"command\":\"c\"}}",
        ),
        (
            "skills",
            "\"skills\":[{\"id\":\"a\",\"source\":\"s/a\",\"description\":\"d\"}]",
            "\"skills\":[]",
            "[]",
        ),
        (
            "tags",
            "\"tags\":[\"b\",\"a\"]",
            "\"tags\":[\" z \",\"y\",\"z\"]",
            "[\"y\",\"z\"]",
        ),
        ("tags", "\"tags\":[\"b\"]", "\"tags\":null", "[\"b\"]"),
        (
            "permissions",
            "\"permissions\":{\"allow\":[\"A\",\"B\"],\"mode\":\"plan\",\"note\":1}",
            "\"permissions\":{\"allow\":[\"B\",\"C\"],\"deny\":[\"D\"],\"mode\":\"default\"}",
            "{\"allow\":[\"A\",\"B\",\"C\"],\"mode\":\"default\",\"note\":1,\"deny\":[\"D\"]}",
        ),
        ("permissions", "\"permissions\":{}", "\"x\":1", "absent"),
        (
            "mount",
            "\"mount\":{\"ignoredPatterns\":[\"a\"],\"readonlyPatterns\":[\"r\"]}",
            "\"mount\":{\"ignoredPatterns\":[\"a\",\"b\"],\"enabled\":false}",
            "{\"enabled\":false,\"ignoredPatterns\":[\"a\",\"a\",\"b\"],\"readonlyPatterns\":[\"r\"]}",
        ),
        (
            "mount",
            "\"mount\":{\"enabled\":false}",
            "\"x\":1",
            "absent",
        ),
        (
            "mount",
            "\"mount\":{\"enabled\":false}",
            "\"mount\":{\"enabled\":true}",
            "{\"enabled\":true}",
        ),
        (
            "mount",
            "\"mount\":{\"ignoredPatterns\":[]}",
            "\"x\":1",
            "absent",
        ),
    ] {
        for edition in BOTH {
            assert_eq!(
                merged(base, over, member, edition),
                expected,
                "{member}: {base} + {over}"
            );
        }
    }
}

#[test]
fn replaces_both_forms_of_a_sidecar() {
    let base =
        "\"claudeMdContent\":\"old\",\"claudeMdMode\":\"extend\",\"agentsMdContent\":\"keep\"";
    for (over, content, mode) in [
        ("\"claudeMdContent\":\"new\"", "\"new\"", "\"extend\""),
        (
            "\"claudeMdContent\":\"new\",\"claudeMdMode\":\"overwrite\"",
            "\"new\"",
            "\"overwrite\"",
        ),
        ("\"model\":\"x\"", "\"old\"", "\"extend\""),
    ] {
        assert_eq!(
            merged(base, over, "claudeMdContent", Edition::V2026),
            content
        );
        assert_eq!(merged(base, over, "claudeMdMode", Edition::V2026), mode);
        assert_eq!(
            merged(base, over, "agentsMdContent", Edition::V2026),
            "\"keep\""
        );
    }
    let base = standalone("p", base);
    let mut layers = facts(&[
        (
            "cwd",
            &[("/w/p.json", "{\"id\":\"p\",\"claudeMd\":\"C.md\"}")],
        ),
        ("user", &[("/u/p.json", &base)]),
    ]);
    layers.existing.insert("/w/C.md".into());
    let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
    assert!(!found.spec.contains("claudeMdContent"));
    let tail = print(&found.selection);
    let tail = tail.split("\"local-override: p\"").nth(1).unwrap();
    assert_eq!(
        tail,
        ",\"claudeMd\":\"/w/C.md\",\"claudeMdMode\":\"extend\",\
         \"agentsMdContent\":\"keep\",\"agentsMdMode\":\"overwrite\"}"
    );
}

#[test]
fn keeps_every_field_only_when_complete() {
    let base = "\"future\":{\"a\":1},\"memory\":{\"aiMemory\":true},\"relay\":{\"channels\":[\"#x\"]},\
                \"sandbox\":false,\"integrations\":{\"github\":{}},\"capabilities\":{\"review\":true}";
    for (member, over, complete) in [
        ("future", "\"model\":\"x\"", "{\"a\":1}"),
        ("future", "\"future\":2", "2"),
        (
            "memory",
            "\"memory\":{\"enabled\":true}",
            "{\"aiMemory\":true,\"enabled\":true}",
        ),
        ("memory", "\"memory\":false", "false"),
        ("relay", "\"relay\":{\"channels\":[]}", "{\"channels\":[]}"),
        ("sandbox", "\"sandbox\":true", "true"),
        (
            "integrations",
            "\"integrations\":{\"slack\":{}}",
            "{\"github\":{},\"slack\":{}}",
        ),
        (
            "capabilities",
            "\"capabilities\":{\"review\":false}",
            "{\"review\":false}",
        ),
    ] {
        assert_eq!(merged(base, over, member, Edition::V2026), complete);
        assert_eq!(merged(base, over, member, Edition::PersonaKit4), "absent");
    }
}

#[test]
fn carries_the_fields_of_a_selection_in_order() {
    let text = standalone(
        "p",
        "\"relay\":true,\"memory\":true,\"permissions\":{\"mode\":\"plan\"},\
         \"agentsMdContent\":\"a\",\"claudeMdContent\":\"c\",\"env\":{},\
         \"mount\":{\"ignoredPatterns\":[\"x\"]},\"mcpServers\":{},\"inputs\":{\"A\":\"1\"},\
         \"future\":1,\"extra\":2",
    );
    let layers = facts(&[("cwd", &[("/w/p.json", &text)])]);
    let names = |edition| {
        let found = resolve("p", &layers, &options(edition)).unwrap();
        let names = found.selection.iter().map(|(name, _)| String::from(name));
        names.skip(7).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(Edition::V2026),
        "inputs env mcpServers permissions mount memory relay \
         claudeMdContent claudeMdMode agentsMdContent agentsMdMode"
    );
    assert_eq!(
        names(Edition::PersonaKit4),
        "inputs env mcpServers permissions mount \
         claudeMdContent claudeMdMode agentsMdContent agentsMdMode"
    );
    let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
    let names: Vec<_> = found.spec.iter().map(|(name, _)| name).take(4).collect();
    assert_eq!(names, ["future", "extra", "id", "intent"]);
}

#[test]
fn names_the_harness_in_the_prompt() {
    let text = standalone("p", "").replace("\"s\"", "\"<harness> is <harness>, not <Harness>\"");
    let layers = facts(&[("cwd", &[("/w/p.json", &text)])]);
    let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
    let prompt = found.selection.get("systemPrompt").and_then(Value::as_str);
    assert_eq!(prompt, Some("claude is claude, not <Harness>"));
    let prompt = found.spec.get("systemPrompt").and_then(Value::as_str);
    assert_eq!(prompt, Some("<harness> is <harness>, not <Harness>"));
}

#[test]
fn falls_back_to_the_sidecar_for_a_prompt() {
    for (more, prompt) in [
        ("\"agentsMdContent\":\"a\",\"claudeMdContent\":\"c\"", "c"),
        ("\"agentsMdContent\":\"a\"", "a"),
    ] {
        let text = standalone("p", more).replace("\"systemPrompt\":\"s\",", "");
        let layers = facts(&[("cwd", &[("/w/p.json", &text)])]);
        for edition in BOTH {
            let found = resolve("p", &layers, &options(edition)).unwrap();
            let given = found.selection.get("systemPrompt").and_then(Value::as_str);
            assert_eq!(given, Some(prompt));
        }
    }
    // An overlay's sidecar is no prompt.
    assert_eq!(
        merged(
            "\"x\":1",
            "\"claudeMdContent\":\"c\"",
            "systemPrompt",
            Edition::V2026
        ),
        "\"s\""
    );
}
