//! References, layers and errors.

use super::*;

#[test]
fn refuses_malformed_references() {
    let facts = facts(&[]);
    for (reference, message) in [
        (" \u{feff} ", "persona reference must be non-empty"),
        (
            "reviewer@best",
            "@<tier> selectors were removed; pass the persona id without a tier suffix",
        ),
        ("./none.json", "persona file not found: ./none.json"),
        ("dir\\none", "persona file not found: dir\\none"),
        ("a@b/c.json", "persona file not found: a@b/c.json"),
    ] {
        for edition in BOTH {
            let error = resolve(reference, &facts, &options(edition)).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.code(), ResolutionErrorCode::InvalidReference);
        }
    }
}

#[test]
fn refuses_files_that_hold_no_persona() {
    let file = |text: Result<&str, Unread>| Facts {
        layers: vec![Layer {
            source: PATH.into(),
            files: vec![PersonaFile {
                path: "/w/x".into(),
                text: text.map(String::from),
            }],
        }],
        ..Facts::default()
    };
    for (reference, text, message) in [
        (
            "x.json",
            Err(Unread::Missing),
            "persona file not found: x.json",
        ),
        (
            "./x.yaml",
            Err(Unread::Missing),
            "persona file not found: ./x.yaml",
        ),
        (
            "./x.yaml",
            Ok("{}"),
            "interactive persona paths must point to a JSON persona file",
        ),
        (
            "x.json",
            Err(Unread::Failed("permission denied".into())),
            "could not read persona file: permission denied",
        ),
        (
            "x.json",
            Err(Unread::TooLarge { limit: 9 }),
            "could not read persona file: the file is larger than 9 bytes",
        ),
        (
            "x.json",
            Err(Unread::NotUtf8),
            "could not read persona file: the file is not UTF-8 text",
        ),
        (
            "x.json",
            Ok("{\n ]"),
            "could not read persona file: expected a quoted key, found `]` (line 2, column 2)",
        ),
        (
            "x.json",
            Ok("[]"),
            "persona file x.json is missing a non-empty id",
        ),
        (
            "x.json",
            Ok("{\"id\":\" \"}"),
            "persona file x.json is missing a non-empty id",
        ),
        (
            "x.json",
            Ok("{\"id\":7}"),
            "persona file x.json is missing a non-empty id",
        ),
    ] {
        let error = resolve(reference, &file(text), &options(Edition::V2026)).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.diagnostic().code, Code::PERSONA_RESOLUTION_FAILED);
    }
}

#[test]
fn names_the_known_personas_and_the_nearest() {
    let (b, a) = (standalone("builder", ""), standalone("Ada", ""));
    let known = facts(&[
        ("cwd", &[("/w/b.json", &b)]),
        ("user", &[("/u/a.json", &a), ("/u/b.json", &b)]),
    ]);
    let error = resolve(" bulider ", &known, &options(Edition::V2026)).unwrap_err();
    assert_eq!(error.code(), ResolutionErrorCode::UnknownPersona);
    assert_eq!(
        error.to_string(),
        "Unknown persona \"bulider\". Known personas: Ada, builder"
    );
    assert_eq!(error.help(), Some("did you mean `builder`?"));
    let error = resolve("x", &facts(&[]), &options(Edition::V2026)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Unknown persona \"x\". Known personas: (none)"
    );
    assert_eq!(error.help(), None);
}

#[test]
fn lets_the_first_layer_win() {
    let one = standalone("p", "\"tags\":[\"one\"]");
    let two = standalone("p", "\"tags\":[\"two\"]");
    let layers = facts(&[
        ("path", &[("/x/p.json", &one)]),
        ("cwd", &[]),
        ("dir:1", &[("/u/p.json", &two)]),
    ]);
    for edition in BOTH {
        let found = resolve("./p.json", &layers, &options(edition)).unwrap();
        assert_eq!(
            (&*found.source, found.path.as_deref()),
            ("path", Some("/x/p.json"))
        );
        assert_eq!(print(&found.selection), plain_selection("p"));
        assert!(found.warnings.is_empty());
    }
    let below = facts(&[("cwd", &[]), ("dir:1", &[("/u/p.json", &two)])]);
    let found = resolve("p", &below, &options(Edition::V2026)).unwrap();
    assert_eq!(found.source, "dir:1");
}

#[test]
fn keeps_the_first_of_equal_ids_in_a_layer() {
    let one = standalone("p", "");
    let two = standalone("p", "\"env\":{\"A\":\"1\"}");
    let layers = facts(&[("cwd", &[("/w/1.json", &one), ("/w/2.json", &two)])]);
    for edition in BOTH {
        let found = resolve("p", &layers, &options(edition)).unwrap();
        assert_eq!(found.path.as_deref(), Some("/w/1.json"));
        assert_eq!(
            lines(&found.warnings),
            ["[cwd] /w/2.json: duplicate persona id \"p\", keeping /w/1.json"]
        );
        assert_eq!(found.warnings[0].diagnostic.pointer.as_deref(), Some("/id"));
    }
}

#[test]
fn reports_files_that_do_not_load() {
    let good = standalone("p", "");
    let mut layers = facts(&[(
        "cwd",
        &[
            ("/w/array.json", "[]"),
            ("/w/noid.json", "{}"),
            (
                "/w/tiers.json",
                "{\"id\":\"t\",\"intent\":\"x\",\"tiers\":{},\"defaultTier\":\"best\"}",
            ),
            (
                "/w/both.json",
                "{\"id\":\"b\",\"intent\":\"x\",\"extends\":\"p\"}",
            ),
            (
                "/w/types.json",
                "{\"id\":\"y\",\"intent\":1,\"extends\":\"\"}",
            ),
            ("/w/p.json", &good),
        ],
    )]);
    layers.layers[0].files.push(PersonaFile {
        path: "/w/secret.json".into(),
        text: Err(Unread::Failed("permission denied".into())),
    });
    for edition in BOTH {
        let found = resolve("p", &layers, &options(edition)).unwrap();
        assert_eq!(
            lines(&found.warnings),
            [
                "[cwd] /w/array.json: persona must be an object",
                "[cwd] /w/noid.json: persona.id must be a non-empty string",
                "[cwd] /w/tiers.json: persona.tiers is no longer allowed: tiers were removed",
                "[cwd] /w/tiers.json: persona.defaultTier is no longer allowed: tiers were removed",
                "[cwd] /w/both.json: persona.extends cannot be set together with `intent`",
                "[cwd] /w/types.json: persona.intent must be a non-empty string",
                "[cwd] /w/types.json: persona.extends must be a non-empty string",
                "[cwd] /w/secret.json: permission denied",
            ]
        );
        let severities = found.warnings.iter().map(|one| one.diagnostic.severity);
        assert!(
            severities
                .into_iter()
                .all(|one| one == crate::base::diag::Severity::Warning)
        );
    }
}

#[test]
fn stops_at_a_broken_file_only_when_complete() {
    let broken = standalone("p", "\"env\":\"x\"");
    let good = standalone("p", "");
    let layers = facts(&[
        ("cwd", &[("/w/p.json", &broken)]),
        ("user", &[("/u/p.json", &good)]),
    ]);
    let found = resolve("p", &layers, &options(Edition::PersonaKit4)).unwrap();
    assert_eq!(found.source, "user");
    assert_eq!(
        lines(&found.warnings),
        ["[cwd] /w/p.json: persona.env must be an object"]
    );

    let error = resolve("p", &layers, &options(Edition::V2026)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "persona \"p\" has problems: [cwd] /w/p.json: persona.env must be an object"
    );
    assert_eq!(error.code(), ResolutionErrorCode::InvalidReference);
    assert_eq!(
        error.problems()[0].diagnostic.pointer.as_deref(),
        Some("/env")
    );
}

#[test]
fn needs_what_an_interactive_run_needs() {
    let settings = "\"harnessSettings\":{\"reasoning\":\"low\",\"timeoutSeconds\":1}";
    for (members, omitted) in [
        ("", "harness, model, systemPrompt"),
        (
            ",\"harness\":\"claude\",\"systemPrompt\":\" \"",
            "model, systemPrompt",
        ),
        (",\"model\":\"m\",\"systemPrompt\":\"s\"", "harness"),
    ] {
        let text = format!(
            "{{\"id\":\"p\",\"intent\":\"review\",\"onEvent\":\"./a.ts\",{settings}{members}}}"
        );
        let layers = facts(&[("cwd", &[("/w/p.json", &text)])]);
        let error = resolve("p", &layers, &options(Edition::V2026)).unwrap_err();
        assert_eq!(error.code().as_str(), "not_interactive");
        let message =
            format!("persona \"p\" cannot be spawned interactively because it omits {omitted}");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn finds_built_ins_by_intent_and_says_why() {
    let one = standalone("author", "");
    let mut layers = facts(&[("cwd", &[]), (BUILT_IN, &[("author.json", &one)])]);
    for reference in ["author", "review"] {
        let found = resolve(reference, &layers, &options(Edition::V2026)).unwrap();
        assert_eq!((&*found.source, found.path), (BUILT_IN, None));
        assert_eq!(
            found.selection.get("rationale").and_then(Value::as_str),
            Some("registry: author")
        );
    }
    layers
        .routing
        .insert("review".into(), "reads code best".into());
    let found = resolve("review", &layers, &options(Edition::V2026)).unwrap();
    assert_eq!(
        found.selection.get("rationale").and_then(Value::as_str),
        Some("reads code best")
    );
    // A local persona is found by its id only.
    let local = facts(&[("cwd", &[("/w/author.json", &one)])]);
    assert!(resolve("review", &local, &options(Edition::V2026)).is_err());
}

#[test]
fn tells_a_selection_from_a_persona() {
    for (text, kind) in [
        (
            "{\"personaId\":\"p\",\"id\":\"p\"}",
            DocumentKind::Selection,
        ),
        ("{\"id\":\"p\"}", DocumentKind::Persona),
        ("{\"personaId\":\"\",\"id\":\"p\"}", DocumentKind::Persona),
        ("{\"name\":\"p\"}", DocumentKind::Neither),
        ("[]", DocumentKind::Neither),
    ] {
        assert_eq!(document_kind(&read(text).unwrap()), kind, "{text}");
    }
    for (reference, path) in [
        ("a", false),
        ("a.json", true),
        ("a/b", true),
        ("a\\b", true),
        ("a.JSON", false),
    ] {
        assert_eq!(looks_like_path(reference), path, "{reference}");
    }
}

#[test]
fn lists_every_persona_once() {
    let (one, two) = (standalone("p", ""), standalone("q", ""));
    let over = "{\"id\":\"q\",\"model\":\"big\"}";
    let layers = facts(&[
        (
            "cwd",
            &[
                ("/w/bad.json", "{"),
                ("/w/q.json", over),
                ("/w/r.json", "{\"id\":\"r\"}"),
            ],
        ),
        ("user", &[("/u/p.json", &one), ("/u/q.json", &two)]),
    ]);
    let listed = resolve_listing(&layers, &options(Edition::V2026));
    let rows: Vec<_> = listed
        .iter()
        .map(|one| {
            (
                &*one.id,
                &*one.source,
                one.model.as_deref(),
                one.problems.len(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("bad", "cwd", None, 1),
            ("q", "cwd", Some("big"), 0),
            ("r", "cwd", None, 1),
            ("p", "user", Some("m"), 0),
        ]
    );
    assert_eq!(listed[1].intent.as_deref(), Some("review"));
    assert_eq!(listed[1].path.as_deref(), Some("/w/q.json"));
}

#[test]
fn takes_an_intent_that_is_not_listed() {
    let text = standalone("p", "").replace("\"review\"", "\"own\"");
    let layers = facts(&[("cwd", &[("/w/p.json", &text)])]);
    let found = resolve("p", &layers, &options(Edition::PersonaKit4)).unwrap();
    assert!(found.warnings.is_empty());
    let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
    assert_eq!(
        found.spec.get("intent").and_then(Value::as_str),
        Some("own")
    );
    assert_eq!(
        lines(&found.warnings),
        ["[cwd] /w/p.json: persona.intent is invalid"]
    );
}
