//! What a file extends.

use super::*;

fn failure(layers: &Facts, id: &str) -> PersonaResolutionError {
    resolve(id, layers, &options(Edition::V2026)).unwrap_err()
}

#[test]
fn searches_strictly_below() {
    let base = standalone("base", "");
    let over = "{\"id\":\"p\",\"extends\":\"base\",\"model\":\"over\"}";
    for (layers, found) in [
        // In a layer below.
        (
            facts(&[
                ("cwd", &[("/w/p.json", over)]),
                ("user", &[("/u/b.json", &base)]),
            ]),
            true,
        ),
        // Two below, with an empty layer between.
        (
            facts(&[
                ("cwd", &[("/w/p.json", over)]),
                ("user", &[]),
                ("dir:2", &[("/d/b.json", &base)]),
            ]),
            true,
        ),
        // Among the built-ins.
        (
            facts(&[
                ("cwd", &[("/w/p.json", over)]),
                (BUILT_IN, &[("b.json", &base)]),
            ]),
            true,
        ),
        // In its own layer, then above.
        (
            facts(&[("cwd", &[("/w/b.json", &base), ("/w/p.json", over)])]),
            false,
        ),
        (
            facts(&[
                ("cwd", &[("/w/b.json", &base)]),
                ("user", &[("/u/p.json", over)]),
            ]),
            false,
        ),
    ] {
        for edition in BOTH {
            let result = resolve("p", &layers, &options(edition));
            // The recorded loader looks strictly below; today's also beside the file.
            let beside = edition == Edition::V2026 && layers.layers.len() == 1;
            assert_eq!(result.is_ok(), found || beside, "{layers:?}");
            if let Ok(result) = result {
                let expected = plain_selection("p").replace("\"m\"", "\"over\"");
                assert_eq!(print(&result.selection), expected);
            }
        }
    }
}

#[test]
fn implies_the_same_id() {
    let layers = facts(&[
        ("cwd", &[("/w/p.json", "{\"id\":\"p\",\"model\":\"one\"}")]),
        (
            "user",
            &[(
                "/u/p.json",
                "{\"id\":\"p\",\"model\":\"two\",\"tags\":[\"t\"]}",
            )],
        ),
        ("dir:2", &[("/d/p.json", &standalone("p", ""))]),
    ]);
    let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
    assert_eq!(found.spec.get("model").and_then(Value::as_str), Some("one"));
    assert_eq!(
        found.spec.get("tags").map(print).as_deref(),
        Some("[\"t\"]")
    );
    assert_eq!(
        found.spec.get("intent").and_then(Value::as_str),
        Some("review")
    );
}

#[test]
fn takes_an_intent_that_one_persona_has() {
    let over = "{\"id\":\"p\",\"extends\":\"review\"}";
    let (a, b) = (standalone("a", ""), standalone("b", ""));
    let one = facts(&[
        ("cwd", &[("/w/p.json", over)]),
        ("user", &[("/u/a.json", &a)]),
    ]);
    let found = resolve("p", &one, &options(Edition::V2026)).unwrap();
    assert_eq!(found.spec.get("id").and_then(Value::as_str), Some("p"));

    let two = facts(&[
        ("cwd", &[("/w/p.json", over)]),
        ("user", &[("/u/a.json", &a), ("/u/b.json", &b)]),
    ]);
    let error = failure(&two, "p");
    assert_eq!(
        error.problems()[0].to_string(),
        "[cwd] /w/p.json: extends \"review\" is ambiguous in user; it is the intent of a, b"
    );
    assert_eq!(
        error.problems()[0].diagnostic.pointer.as_deref(),
        Some("/extends")
    );

    // An id wins over an intent of the same name.
    let named = standalone("review", "\"tags\":[\"by-id\"]");
    let both = facts(&[
        ("cwd", &[("/w/p.json", over)]),
        (
            "user",
            &[("/u/a.json", &a), ("/u/b.json", &b), ("/u/r.json", &named)],
        ),
    ]);
    let found = resolve("p", &both, &options(Edition::V2026)).unwrap();
    assert_eq!(
        found.spec.get("tags").map(print).as_deref(),
        Some("[\"by-id\"]")
    );
}

#[test]
fn refuses_what_is_not_there_and_cycles() {
    let base = standalone("builder", "");
    for (files, built_in, message, help) in [
        (
            "{\"id\":\"p\",\"extends\":\"bulider\"}",
            &*base,
            "extends \"bulider\" was not found in cwd or below",
            Some("did you mean `builder`?"),
        ),
        (
            "{\"id\":\"lonely\"}",
            &*base,
            "extends \"lonely\" was not found in cwd or below",
            Some(
                "a file without `intent` extends the persona of the same id; add `intent` if it stands alone",
            ),
        ),
        (
            "{\"id\":\"p\",\"extends\":\"loop\"}",
            "{\"id\":\"loop\"}",
            "extends cycle detected through p -> loop -> loop",
            None,
        ),
    ] {
        let layers = facts(&[
            ("cwd", &[("/w/p.json", files)]),
            (BUILT_IN, &[("b.json", built_in)]),
        ]);
        let id = if files.contains("lonely") {
            "lonely"
        } else {
            "p"
        };
        let error = failure(&layers, id);
        assert_eq!(error.problems()[0].diagnostic.message, message);
        assert_eq!(error.help(), help);
        // The recorded loader drops the file and looks on.
        let error = resolve(id, &layers, &options(Edition::PersonaKit4)).unwrap_err();
        assert_eq!(error.code(), ResolutionErrorCode::UnknownPersona);
    }
}

#[test]
fn detects_a_cycle_of_two_built_ins() {
    let layers = facts(&[(
        BUILT_IN,
        &[
            ("a.json", "{\"id\":\"a\",\"extends\":\"b\"}"),
            ("b.json", "{\"id\":\"b\",\"extends\":\"a\"}"),
        ],
    )]);
    let error = failure(&layers, "a");
    assert_eq!(
        error.problems()[0].diagnostic.message,
        "extends cycle detected through a -> b -> a"
    );
}

#[test]
fn never_lays_a_file_over_itself() {
    // The given file is also found in its directory's layer.
    let over = "{\"id\":\"p\",\"mount\":{\"ignoredPatterns\":[\"x\"]}}";
    let layers = facts(&[
        ("path", &[("/w/p.json", over)]),
        ("cwd", &[("/w/p.json", over)]),
        ("user", &[("/u/p.json", &standalone("p", ""))]),
    ]);
    let found = resolve("p.json", &layers, &options(Edition::V2026)).unwrap();
    assert_eq!(
        found.spec.get("mount").map(print).as_deref(),
        Some("{\"enabled\":true,\"ignoredPatterns\":[\"x\"]}")
    );
}

#[test]
fn checks_settings_across_files() {
    let base = "\"x\":1";
    let over = "\"harnessSettings\":{\"dangerouslyBypassApprovalsAndSandbox\":true}";
    assert_eq!(
        merged(base, over, "harnessSettings", Edition::V2026),
        "{\"reasoning\":\"low\",\"timeoutSeconds\":1,\"dangerouslyBypassApprovalsAndSandbox\":true}"
    );
    let sandboxed = standalone("p", "").replace(
        "\"timeoutSeconds\"",
        "\"sandboxMode\":\"read-only\",\"timeoutSeconds\"",
    );
    let over = format!("{{\"id\":\"p\",{over}}}");
    let layers = facts(&[
        ("cwd", &[("/w/p.json", &over)]),
        ("user", &[("/u/p.json", &sandboxed)]),
    ]);
    let error = failure(&layers, "p");
    assert!(
        error
            .to_string()
            .ends_with("persona.harnessSettings is mutually exclusive"),
        "{error}"
    );
}

#[test]
fn checks_what_is_merged_and_names_the_file() {
    let gate = "\"integrations\":{\"g\":{\"optional\":true,\"enabledByInput\":\"A\"}}";
    for (base, over, problem) in [
        // An overlay may refer to what it inherits.
        ("\"inputs\":{\"A\":\"1\"}", gate, None),
        (
            "\"x\":1",
            gate,
            Some(("/w/p.json", "/integrations/g/enabledByInput")),
        ),
        ("\"x\":1", "\"env\":\"x\"", Some(("/w/p.json", "/env"))),
        (
            "\"x\":1",
            "\"harnessSettings\":{\"reasoning\":\"max\"}",
            Some(("/w/p.json", "/harnessSettings/reasoning")),
        ),
        // Broken before anything is laid over it.
        (
            "\"env\":\"x\"",
            "\"model\":\"y\"",
            Some(("/u/p.json", "/env")),
        ),
    ] {
        let base = standalone("p", base);
        let over = format!("{{\"id\":\"p\",{over}}}");
        let layers = facts(&[
            ("cwd", &[("/w/p.json", &over)]),
            ("user", &[("/u/p.json", &base)]),
        ]);
        let result = resolve("p", &layers, &options(Edition::V2026));
        let found = result.as_ref().err().map(|error| {
            let first = &error.problems()[0];
            (&*first.path, first.diagnostic.pointer.as_deref().unwrap())
        });
        assert_eq!(found, problem, "{over}");
    }
}
