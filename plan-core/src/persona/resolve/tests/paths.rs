//! Paths inside persona files.

use super::*;

const SKILL: &str = "\"id\":\"k\",\"description\":\"d\"";

fn with_skill(source: &str) -> String {
    standalone(
        "p",
        &format!("\"skills\":[{{\"source\":\"{source}\",{SKILL}}}]"),
    )
}

#[test]
fn lists_what_the_host_must_look_at() {
    let text = standalone(
        "p",
        &format!(
            "\"claudeMd\":\"./C.md\",\"agentsMd\":\"docs/A.md\",\"skills\":[\
             {{\"source\":\"skills/l.MD\",{SKILL}}},{{\"source\":\"../up.md\",{SKILL}}},\
             {{\"source\":\"@a/b\",{SKILL}}},{{\"source\":\"https://x/y.md\",{SKILL}}},\
             {{\"source\":\"/abs/z.md\",{SKILL}}}]"
        ),
    );
    let layers = facts(&[("cwd", &[("/w/.a/p.json", &text), ("/w/.a/bad.json", "{")])]).layers;
    let paths: Vec<_> = probe_paths(&layers, "/w").into_iter().collect();
    assert_eq!(
        paths,
        [
            "/up.md",
            "/w/.a/C.md",
            "/w/.a/docs/A.md",
            "/w/.a/skills/l.MD",
            "/w/skills/l.MD",
            "/w/up.md",
        ]
    );
}

#[test]
fn finds_a_skill_beside_above_or_in_the_working_directory() {
    for (existing, expected) in [
        (&["/d/e/s.md", "/d/s.md", "/w/s.md"][..], Some("/d/e/s.md")),
        (&["/d/s.md", "/w/s.md"], Some("/d/s.md")),
        (&["/w/s.md"], Some("/w/s.md")),
        (&[], None),
    ] {
        let text = with_skill("./s.md");
        let mut layers = facts(&[("dir:1", &[("/d/e/p.json", &text)])]);
        layers.existing = existing.iter().map(|path| (*path).to_string()).collect();
        for edition in BOTH {
            let found = resolve("p", &layers, &options(edition)).unwrap();
            let skills = found
                .selection
                .get("skills")
                .and_then(Value::as_array)
                .unwrap();
            let source = skills.first().and_then(|skill| skill.get_str("source"));
            assert_eq!(source, expected);
            let warnings: &[&str] = if expected.is_some() {
                &[]
            } else {
                &["[dir:1] /d/e/p.json: skill file not found: ./s.md, the skill is left out"]
            };
            assert_eq!(lines(&found.warnings), warnings);
        }
    }
}

#[test]
fn leaves_other_skill_sources_alone() {
    for source in [
        "@a/b",
        "https://github.com/o/r#n",
        "/abs/z.md",
        "ssh+x://h/a.md",
        "md",
    ] {
        let text = with_skill(source);
        let layers = facts(&[("cwd", &[("/w/p.json", &text)])]);
        let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
        let skills = found
            .selection
            .get("skills")
            .and_then(Value::as_array)
            .unwrap();
        assert_eq!(skills[0].get_str("source"), Some(source));
        assert!(found.warnings.is_empty());
    }
}

#[test]
fn makes_sidecars_absolute_or_leaves_them_out() {
    for (directory, given, absolute) in [
        ("/d/e", "./C.md", "/d/e/C.md"),
        ("/d/e", "x/./C.md", "/d/e/x/C.md"),
        ("", "C.md", "/C.md"),
    ] {
        let text = standalone(
            "p",
            &format!("\"claudeMd\":\"{given}\",\"claudeMdMode\":\"extend\""),
        );
        let path = format!("{directory}/p.json");
        let mut layers = facts(&[("cwd", &[(&path, &text)])]);
        let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
        assert!(!found.selection.contains("claudeMd") && !found.selection.contains("claudeMdMode"));
        assert_eq!(
            lines(&found.warnings),
            [format!(
                "[cwd] {path}: claudeMd file not found: {absolute}, the field is left out"
            )]
        );
        assert_eq!(
            found.warnings[0].diagnostic.pointer.as_deref(),
            Some("/claudeMd")
        );
        layers.existing.insert(absolute.into());
        let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
        assert_eq!(
            found.selection.get("claudeMd").and_then(Value::as_str),
            Some(absolute)
        );
    }
}

#[test]
fn resolves_each_path_against_the_file_that_says_it() {
    let base = standalone("p", "\"claudeMd\":\"C.md\",\"agentsMd\":\"A.md\"");
    let over = "{\"id\":\"p\",\"agentsMd\":\"A.md\",\"claudeMd\":\"gone.md\"}";
    let mut layers = facts(&[
        ("cwd", &[("/w/p.json", over)]),
        ("user", &[("/u/p.json", &base)]),
    ]);
    layers.existing = ["/u/C.md", "/u/A.md", "/w/A.md"].map(String::from).into();
    let found = resolve("p", &layers, &options(Edition::V2026)).unwrap();
    // A field that is left out does not hide the inherited one.
    assert_eq!(
        found.selection.get("claudeMd").and_then(Value::as_str),
        Some("/u/C.md")
    );
    assert_eq!(
        found.selection.get("agentsMd").and_then(Value::as_str),
        Some("/w/A.md")
    );
    assert_eq!(found.warnings.len(), 1);
}
