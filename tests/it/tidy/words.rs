//! Words that belong into one place only.

use plan_core::persona::harness;
use tests::repo::Answer;
use tests::source::{Kind, Source};

use super::{is_test_file, none, sources};

/// Paths that reach the operating system. A module of the standard library that is
/// imported whole counts as its worst member.
const SYSTEM: [&[&str]; 22] = [
    &["std", "fs"],
    &["std", "env"],
    &["std", "net"],
    &["std", "os", "fd"],
    &["std", "os", "unix", "fs"],
    &["std", "os", "unix", "net"],
    &["std", "os", "unix", "process"],
    &["std", "process", "Command"],
    &["std", "process", "exit"],
    &["std", "process", "abort"],
    &["std", "process", "id"],
    &["std", "time", "SystemTime"],
    &["std", "time", "Instant"],
    &["std", "thread", "sleep"],
    &["tokio", "fs"],
    &["tokio", "net"],
    &["tokio", "process"],
    &["fs_err"],
    &["rustix"],
    &["signal_hook"],
    &["rustls"],
    &["ureq"],
];

/// The only directory that may name them.
const SYSTEM_HOME: &str = "exec-native/src/os/";

/// The only directory that may name a harness.
const HARNESS_HOME: &str = "plan-core/src/persona/harness/";

/// Prefixes of functions that change the world. The core changes nothing.
const DEEDS: [&str; 5] = ["apply_", "run_", "write_", "spawn_", "undo_"];

/// The paths in a source that reach the operating system.
fn system_words(source: &Source) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut roots: Vec<&str> = SYSTEM
        .iter()
        .filter_map(|path| path.first().copied())
        .collect();
    roots.dedup();
    for (line, path) in roots.iter().flat_map(|root| source.paths(root)) {
        let reaches = SYSTEM.iter().any(|banned| {
            let whole = path.len() > 1 || banned.len() == 1;
            let below = path.iter().map(String::as_str).zip(banned.iter().copied());
            whole
                && below
                    .clone()
                    .all(|(named, banned)| named == banned || named == "*")
        });
        if reaches {
            found.push((line, path.join("::")));
        }
    }
    found
}

/// The harness ids that a source spells as text.
fn harness_words(source: &Source, ids: &[&str]) -> Vec<(usize, String)> {
    let texts = source.tokens().filter(|token| token.kind == Kind::Text);
    texts
        .filter(|token| ids.contains(&token.text.as_str()))
        .map(|token| (token.line, token.text.clone()))
        .collect()
}

/// The lines with an `allow` attribute.
fn allow_attributes(source: &Source) -> Vec<usize> {
    let tokens: Vec<_> = source.tokens().collect();
    tokens
        .windows(3)
        .filter_map(|window| match window {
            [open, word, bracket] => {
                let attribute = open.text == "[" || open.text == ",";
                let allow = word.kind == Kind::Word && word.text == "allow" && bracket.text == "(";
                (attribute && allow && open.kind == Kind::Mark).then_some(word.line)
            }
            _ => None,
        })
        .collect()
}

#[test]
fn the_operating_system_is_touched_in_one_place() -> Answer<()> {
    let mut complaints = Vec::new();
    for (path, _, source) in sources(&[
        "plan-json/src",
        "plan-core/src",
        "plan-wasm/src",
        "exec-native/src",
    ])? {
        if path.starts_with(SYSTEM_HOME) || is_test_file(&path) {
            continue;
        }
        for (line, word) in system_words(&source) {
            complaints.push(format!("{path}:{line}: {word} belongs into {SYSTEM_HOME}"));
        }
    }
    none(&complaints)
}

#[test]
fn harnesses_are_named_in_one_place() -> Answer<()> {
    let ids: Vec<&str> = harness::ALL.iter().map(|def| def.id).collect();
    let mut complaints = Vec::new();
    for (path, _, source) in sources(&[
        "plan-json/src",
        "plan-core/src",
        "plan-wasm/src",
        "exec-native/src",
    ])? {
        if path.starts_with(HARNESS_HOME) || is_test_file(&path) {
            continue;
        }
        for (line, word) in harness_words(&source, &ids) {
            complaints.push(format!(
                "{path}:{line}: \"{word}\" belongs into {HARNESS_HOME}"
            ));
        }
    }
    none(&complaints)
}

#[test]
fn no_lint_is_allowed_away() -> Answer<()> {
    let mut complaints = Vec::new();
    for (path, _, source) in sources(&super::PACKAGES)? {
        for line in allow_attributes(&source) {
            complaints.push(format!(
                "{path}:{line}: use `expect` with a reason, not `allow`"
            ));
        }
    }
    none(&complaints)
}

#[test]
fn the_core_has_no_functions_named_after_deeds() -> Answer<()> {
    let mut complaints = Vec::new();
    let all = sources(&["plan-json/src", "plan-core/src"])?;
    for (path, _, source) in all.iter().filter(|(path, ..)| !is_test_file(path)) {
        for function in source.functions() {
            if let Some(deed) = DEEDS.iter().find(|deed| function.name.starts_with(**deed)) {
                let (line, name) = (function.line, &function.name);
                complaints.push(format!(
                    "{path}:{line}: {name}: `{deed}…` is for exec-native"
                ));
            }
        }
    }
    none(&complaints)
}

#[test]
fn forbidden_words_are_noticed() {
    let found = |text: &str| system_words(&Source::scan(text)).len();
    assert_eq!(found("use std::{fs, io::Read, process};"), 2);
    assert_eq!(found("fn f() { std::process::Command::new(\"x\"); }"), 1);
    assert_eq!(found("use std::time::*; use rustix::fs;"), 2);
    assert_eq!(
        found("use std::time::Duration; use std::process::ExitCode; // std::fs"),
        0
    );
    assert_eq!(found("use std::os::unix::ffi::OsStrExt;"), 0);
    assert_eq!(found("use std::os::unix::fs::symlink;"), 1);
    assert_eq!(found("#[cfg(test)]\nmod tests { use std::fs; }"), 0);

    let named = |text: &str| harness_words(&Source::scan(text), &["claude"]).len();
    assert_eq!(
        named("/// \"claude\"\nfn f(x: &str) -> bool { x == \"claude\" }"),
        1
    );
    assert_eq!(named("const X: &str = \"claude.md\";"), 0);

    let allowed = |text: &str| allow_attributes(&Source::scan(text)).len();
    assert_eq!(
        allowed("#![allow(dead_code)]\n#[cfg_attr(x, allow(unused))] fn f() {}"),
        2
    );
    assert_eq!(
        allowed("#[expect(dead_code, reason = \"allow(x)\")] fn f() { allow(1) }"),
        0
    );
}
