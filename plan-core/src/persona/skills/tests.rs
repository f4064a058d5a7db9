//! Tests of the skill plans and cache records.

use alloc::borrow::Cow;

use super::cache::*;
use super::*;
use crate::base::json::{Value, print, read};

fn plan(json: &str, root: Option<&'static str>) -> String {
    let skills = read(json).expect("JSON");
    let options = SkillOptions {
        install_root: root,
        repo_root: Some("/r/"),
    };
    let skills = skills.as_array().unwrap_or_default();
    print(&materialize_skills(skills, "claude", options).expect("a plan"))
}

#[test]
fn plans_local_skills() {
    let text = plan(r#"[{"id":"i","source":"./s.md"}]"#, None);
    assert!(text.contains("mkdir -p .claude/skills/s && cp /r/s.md .claude/skills/s/SKILL.md"));
    let staged = plan(r#"[{"id":"i","source":"a/b"}]"#, Some("/it's"));
    assert!(staged.contains(r"cd '/it'\\''s' && npx -y prpm install a/b --as claude"));
    assert!(
        staged.ends_with(r#""cleanupPaths":[]}],"sessionInstallRoot":"/it's","repoRoot":"/r/"}"#)
    );
}

#[test]
fn refuses_roots_and_unknown_harnesses() {
    let rooted = SkillOptions {
        install_root: Some("/s"),
        repo_root: None,
    };
    let error = materialize_skills(&[], "codex", rooted).expect_err("no root");
    assert!(matches!(error, SkillError::RootUnsupported(_)));
    let error = materialize_skills(&[], "nobody", SkillOptions::default()).expect_err("unknown");
    assert_eq!(
        alloc::format!("{error}"),
        "No skill install target configured for harness: nobody"
    );
}

#[test]
fn fingerprints_as_recorded() {
    let key = |id, source| SkillKey {
        id,
        source,
        local_hash: None,
    };
    let skills = [key("b", "x/y"), key("a", "@s/t")];
    assert_eq!(
        fingerprint("claude", &skills),
        "4962ade63af537da1f6d1e43354f7620"
    );
    assert_eq!(
        fingerprint("claude", &[]),
        "47d6bdf5a5c4c11b9a84d5f8fde45789"
    );
    let skills = [
        key("\u{e000}", "x/y"),
        key("😀", "@s/t"),
        key("B", "https://h/x.md"),
        key("a", "é\""),
    ];
    assert_eq!(
        fingerprint("codex", &skills),
        "708e12bac32bc72fa6246be2cafbd03d"
    );
    // Skills of one id keep their order.
    let skills = [key("a", "x/y"), key("a", "@s/t")];
    assert_eq!(
        fingerprint("claude", &skills),
        "945c0db0d3f8d3fc1ae744e44da31431"
    );
}

fn marker(json: &str) -> Option<SkillCacheMarker<'_>> {
    SkillCacheMarker::read(&read(json).expect("JSON"))
}

#[test]
fn reads_both_versions_and_forgives_parts() {
    let text = r#"{"schemaVersion":1,"fingerprint":"f","harness":"h","installedAt":"i","skills":[5,{"id":"a","source":"b","upstream":{"kind":"prpm"}}]}"#;
    let marker = marker(text).expect("a marker");
    assert_eq!(
        print(&marker.skills),
        r#"[{"id":"","source":""},{"id":"a","source":"b"}]"#
    );
    let upstream = Upstream::Prpm {
        package_ref: Cow::Borrowed("a/b"),
        version: Cow::Borrowed("2"),
    };
    let updated = marker.with_upstream("now", &[("a", Some(upstream))]);
    assert!(print(&updated).starts_with(r#"{"schemaVersion":2,"#));
    assert!(print(&updated).contains(r#""version":"2""#));
    assert_eq!(self::marker(r#"{"schemaVersion":3}"#), None);
}

#[test]
fn knows_when_a_check_is_due() {
    let now = 1_767_312_000_000.0; // 2026-01-02T00:00:00Z
    for (last, due) in [
        (Value::Null, true),
        (Value::from("x"), true),
        (Value::from("2026-01-01T23:00:00.000Z"), true),
        (Value::from("2026-01-01T23:00:00.001Z"), false),
        (Value::from("2026-01-02T01:00:00+02:00"), true),
        (Value::from("2027-01-01T00:00:00Z"), false),
        (Value::from("2026-13-01T00:00:00Z"), true),
    ] {
        let text = alloc::format!(
            r#"{{"schemaVersion":2,"fingerprint":"f","harness":"h","installedAt":"i","skills":[],"lastUpstreamCheckAt":{}}}"#,
            print(&last)
        );
        let marker = marker(&text).expect("a marker");
        let interval = CheckInterval::Every(3.6e6);
        assert_eq!(
            is_upstream_check_due(&marker, interval, now),
            due,
            "{last:?}"
        );
        assert!(!is_upstream_check_due(&marker, CheckInterval::Never, now));
        assert!(is_upstream_check_due(
            &marker,
            CheckInterval::Every(0.0),
            now
        ));
    }
}

#[test]
fn reads_intervals() {
    let every = |number| Some(CheckInterval::Every(number));
    for (text, interval) in [
        (" Off ", Some(CheckInterval::Never)),
        ("1", every(3.6e6)),
        (" 2 D ", every(1.728e8)),
        ("10ms", every(10.0)),
        ("1.5h", None),
        ("", None),
        ("h", None),
    ] {
        assert_eq!(parse_check_interval(text), interval, "{text}");
    }
}

#[test]
fn local_files_count_in_fingerprints() {
    for (source, root, file) in [
        ("./a/s.md", Some("/r/"), Some("/r/a/s.md")),
        ("/abs/s.MD", None, Some("/abs/s.MD")),
        ("s.md", None, None),
        ("s.md", Some(""), None),
        ("a/b", Some("/r"), None),
        ("https://x.y/s.md", Some("/r"), None),
    ] {
        assert_eq!(
            fingerprinted_file(source, root).as_deref(),
            file,
            "{source}"
        );
    }
}
