//! Which crate may depend on which.

use plan_core::base::json::{self, Value};
use tests::repo::{Answer, cargo_text};

/// Every workspace package with those that it may name. Nothing may name `tests`
/// or `examples`, and `plan-wasm` may never reach `exec-native`.
const EDGES: [(&str, &[&str]); 7] = [
    ("plan-json", &[]),
    ("plan-core", &["plan-json"]),
    ("plan-wasm", &["plan-core"]),
    ("bindgen", &["plan-core", "plan-wasm"]),
    ("exec-native", &["plan-core"]),
    ("tests", &["plan-core", "plan-wasm", "exec-native"]),
    ("examples", &["plan-core", "exec-native"]),
];

/// What `plan-core` may be built from, macros at compile time included. A new line
/// needs its reason in ARCHITECTURE.md.
const CORE_CLOSURE: [&str; 19] = [
    "arraydeque",
    "block-buffer",
    "cfg-if",
    "crypto-common",
    "digest",
    "hybrid-array",
    "plan-core",
    "plan-json",
    "proc-macro2",
    "quote",
    "ryu-js",
    "saphyr-parser",
    "sha2",
    "syn",
    "thiserror",
    "thiserror-impl",
    "toml_writer",
    "typenum",
    "unicode-ident",
];

/// The members of an array field.
fn list<'v, 'a>(value: &'v Value<'a>, key: &str) -> &'v [Value<'a>] {
    value.get(key).and_then(Value::as_array).unwrap_or_default()
}

fn check_edges(package: &str, named: &[&str]) -> Result<(), String> {
    let row = EDGES.iter().find(|(name, _)| *name == package);
    let (_, allowed) = row.ok_or_else(|| format!("package {package} has no row in EDGES"))?;
    let ours = named
        .iter()
        .filter(|name| EDGES.iter().any(|(ours, _)| ours == *name));
    for name in ours {
        if !allowed.contains(name) {
            return Err(format!("{package} must not depend on {name}"));
        }
    }
    Ok(())
}

#[test]
fn crates_depend_only_downwards() -> Answer<()> {
    let text = cargo_text(&["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata = json::read(&text)?;
    let packages = list(&metadata, "packages");
    assert_eq!(packages.len(), EDGES.len(), "a package without a row");
    for package in packages {
        let name = package.get_str("name").unwrap_or_default();
        let named: Vec<&str> = list(package, "dependencies")
            .iter()
            .filter_map(|dependency| dependency.get_str("name"))
            .collect();
        check_edges(name, &named)?;
    }
    Ok(())
}

#[test]
fn a_forbidden_edge_is_noticed() {
    assert!(check_edges("plan-wasm", &["plan-core"]).is_ok());
    assert!(check_edges("plan-wasm", &["plan-core", "exec-native"]).is_err());
    assert!(check_edges("exec-native", &["serde", "tests"]).is_err());
    assert!(check_edges("new-crate", &[]).is_err());
}

#[test]
fn the_core_is_built_from_a_known_list_without_std() -> Answer<()> {
    let tree = cargo_text(&[
        "tree",
        "--package=plan-core",
        "--edges=normal",
        "--no-default-features",
        "--target=wasm32-unknown-unknown",
        "--prefix=none",
        "--format={p}|{f}",
    ])?;
    let mut seen = Vec::new();
    for line in tree.lines() {
        let (package, features) = line.split_once('|').ok_or("a line of another form")?;
        let name = package.split(' ').next().unwrap_or_default();
        let known = CORE_CLOSURE.contains(&name);
        assert!(known, "plan-core now pulls in {name}");
        let features = features.trim_end_matches(" (*)");
        let std = features.split(',').any(|feature| feature == "std");
        assert!(!std, "{name} is built with feature std");
        seen.push(name);
    }
    let gone = CORE_CLOSURE.iter().find(|name| !seen.contains(name));
    assert_eq!(gone, None, "remove it from CORE_CLOSURE");
    Ok(())
}
