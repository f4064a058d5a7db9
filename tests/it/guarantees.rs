//! Every promise of `docs/guarantees.md` names tests that exist.

use tests::repo::{Answer, files, read};

#[test]
fn every_promise_is_held_by_a_test_that_exists() -> Answer<()> {
    let mut sources = String::new();
    for (folder, end) in [
        ("exec-native/src", ".rs"),
        ("tests/it", ".rs"),
        ("npm/test", ".js"),
        ("tests/harness/test", ".js"),
        ("examples/relay-sdk/test", ".js"),
    ] {
        for path in files(folder, end)? {
            sources += &read(&path)?;
        }
    }
    let document = read("docs/guarantees.md")?;
    let rows: Vec<_> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter(|row| !row.starts_with("promise |") && !row.starts_with("---"))
        .collect();
    assert!(rows.len() > 30, "only {} promises", rows.len());
    let mut missing = Vec::new();
    for row in rows {
        let (promise, held) = row.split_once(" | ").ok_or("a row of two columns")?;
        let names: Vec<_> = held.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            missing.push(format!("nothing holds: {promise}"));
        }
        for name in names {
            // A test of several transports is named once, in front of its body.
            let known = [
                format!("fn {name}("),
                format!("test('{name}'"),
                format!(" {name} => "),
            ];
            if !known.iter().any(|text| sources.contains(text)) {
                missing.push(format!("there is no test `{name}`"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
    Ok(())
}
