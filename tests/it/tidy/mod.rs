//! Rules that need no types: sizes, names, words and the shape of the tree.

mod settings;
mod tree;
mod words;

use tests::repo::{Answer, files, read};
use tests::source::Source;

/// The most lines outside tests that a file may have.
const FILE_LINES: usize = 600;

/// The most lines that the body of a function may have.
const FUNCTION_LINES: usize = 80;

/// Files with a budget of their own: path, most lines, reason. A larger budget needs
/// an owner in its reason.
const FILE_BUDGETS: [(&str, usize, &str); 2] = [
    ("plan-wasm/src/lib.rs", 250, "a shell holds no logic"),
    ("exec-native/src/main.rs", 40, "the library does the work"),
];

/// Functions that may be longer: path, name, most lines, reason.
const FUNCTION_BUDGETS: [(&str, &str, usize, &str); 0] = [];

/// Where Rust sources are.
const PACKAGES: [&str; 6] = [
    "plan-json",
    "plan-core",
    "plan-wasm",
    "exec-native",
    "tests",
    "examples",
];

/// Every Rust source of the workspace, scanned, with its path.
fn sources(packages: &[&str]) -> Answer<Vec<(String, String, Source)>> {
    let mut found = Vec::new();
    for package in packages {
        for path in files(package, ".rs")? {
            let text = read(&path)?;
            let source = Source::scan(&text);
            found.push((path, text, source));
        }
    }
    Ok(found)
}

/// Tells whether a file holds nothing but tests.
fn is_test_file(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// Fails with every complaint at once.
fn none(complaints: &[String]) -> Answer<()> {
    if complaints.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    )
    .into())
}

#[test]
fn files_are_short() -> Answer<()> {
    let mut complaints = Vec::new();
    for (path, _, source) in sources(&PACKAGES)? {
        let own = FILE_BUDGETS.iter().find(|(file, ..)| *file == path);
        let budget = own.map_or(FILE_LINES, |(_, budget, _)| *budget);
        let lines = source.budgeted_lines();
        if lines > budget && !is_test_file(&path) {
            complaints.push(format!("{path}: {lines} lines, {budget} are allowed"));
        }
    }
    none(&complaints)
}

#[test]
fn functions_are_short() -> Answer<()> {
    let mut complaints = Vec::new();
    for (path, _, source) in sources(&PACKAGES)? {
        for function in source.functions() {
            let name = function.name.as_str();
            let own = FUNCTION_BUDGETS
                .iter()
                .find(|(file, own, ..)| *file == path && *own == name);
            let budget = own.map_or(FUNCTION_LINES, |(_, _, budget, _)| *budget);
            if function.lines > budget {
                let (line, lines) = (function.line, function.lines);
                complaints.push(format!(
                    "{path}:{line}: {name} has {lines} lines, not ≤ {budget}"
                ));
            }
        }
    }
    none(&complaints)
}

#[test]
fn every_file_says_what_it_is_for() -> Answer<()> {
    let missing: Vec<String> = sources(&PACKAGES)?
        .into_iter()
        .filter(|(_, text, _)| !text.trim_start().starts_with("//!"))
        .map(|(path, ..)| format!("{path}: no `//!` docs at the top"))
        .collect();
    none(&missing)
}

#[test]
fn budgets_name_files_that_exist() -> Answer<()> {
    for (path, _, reason) in FILE_BUDGETS {
        assert!(read(path).is_ok() && !reason.is_empty(), "{path}");
    }
    for (path, name, _, reason) in FUNCTION_BUDGETS {
        let source = Source::scan(&read(path)?);
        let exists = source.functions().iter().any(|own| own.name == name);
        assert!(exists && !reason.is_empty(), "{path} {name}");
    }
    Ok(())
}
