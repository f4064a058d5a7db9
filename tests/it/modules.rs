//! The order of the modules inside `plan-core`.

use tests::repo::{Answer, files, read};
use tests::source::Source;

/// Every top module of `plan-core` with those that it may name besides itself. The
/// five domains never name one another.
const ROWS: [(&str, &[&str]); 7] = [
    ("base", &[]),
    ("effect", &["base"]),
    ("persona", &["base", "effect"]),
    ("fleet", &["base", "effect"]),
    ("workflow", &["base", "effect"]),
    ("kernel", &["base", "effect"]),
    ("daemon", &["base", "effect"]),
];

const SOURCES: &str = "plan-core/src/";

/// Checks one file, given by its path below `plan-core/src/`.
fn check(path: &str, text: &str) -> Result<(), String> {
    let top = path.split('/').next().unwrap_or_default();
    let top = top.trim_end_matches(".rs");
    if top == "lib" {
        return Ok(());
    }
    let row = ROWS.iter().find(|(name, _)| *name == top);
    let (_, allowed) = row.ok_or_else(|| format!("module {top} has no row in ROWS"))?;
    for (line, named) in named_modules(path, &Source::scan(text)) {
        if named != top && !allowed.contains(&named.as_str()) {
            return Err(format!("{path}:{line}: {top} must not name {named}"));
        }
    }
    Ok(())
}

/// Lists the top modules that a file names, by `crate::` or by climbing up with
/// `super::` as far as the crate. A visibility such as `pub(crate)` names none.
fn named_modules(path: &str, source: &Source) -> Vec<(usize, String)> {
    let file = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
    let depth = file.split('/').count();
    let climbed = |path: &Vec<String>| {
        let supers = path.iter().take_while(|word| *word == "super").count();
        (supers >= depth).then_some(supers)
    };
    let direct = source.paths("crate").into_iter();
    let upward = source.paths("super").into_iter();
    direct
        .filter_map(|(line, path)| Some((line, path.get(1)?.clone())))
        .chain(upward.filter_map(|(line, path)| {
            let supers = climbed(&path)?;
            Some((line, path.get(supers)?.clone()))
        }))
        .collect()
}

#[test]
fn modules_name_only_the_layers_below() -> Answer<()> {
    let paths = files(SOURCES.trim_end_matches('/'), ".rs")?;
    assert!(paths.len() > 10, "the sources of plan-core were not found");
    for path in paths {
        check(path.trim_start_matches(SOURCES), &read(&path)?)?;
    }
    Ok(())
}

#[test]
fn a_forbidden_name_is_noticed() {
    let refused = [
        ("base/json/read.rs", "use crate::effect::phase;"),
        ("base/path.rs", "use super::super::persona::plan;"),
        ("persona/mcp.rs", "fn f() { crate::fleet::roster::x() }"),
        ("fleet/mod.rs", "use crate::{base::json, persona};"),
        ("effect/mod.rs", "use crate::*;"),
        ("newcomer/mod.rs", ""),
        ("helpers.rs", ""),
    ];
    for (path, text) in refused {
        assert!(check(path, text).is_err(), "{path}: {text}");
    }
    let fine = [
        ("lib.rs", "pub use crate::persona::plan;"),
        (
            "persona/mcp.rs",
            "use crate::{base::json, effect, persona::env};",
        ),
        (
            "persona/harness/grok.rs",
            "use super::super::mcp; // crate::fleet",
        ),
        (
            "base/text.rs",
            "#[cfg(test)]\nmod tests { use crate::effect::x; }",
        ),
    ];
    for (path, text) in fine {
        assert_eq!(check(path, text), Ok(()));
    }
}
