//! One binary with every integration test: rules of the repository first, then
//! behaviour.

mod bad_input;
mod changes;
mod cli;
mod conformance;
mod editions;
mod examples;
mod faults;
mod fleet;
mod fuzz;
mod git_views;
mod guarantees;
mod harness_registry;
mod launches;
mod layering;
mod modules;
mod no_std;
mod outcomes;
mod overlay;
mod ownership;
mod prompts;
mod properties;
mod schema;
mod secrets;
mod skills;
mod tidy;
mod workflow;

use tests::repo::{Answer, files, read};

/// Cargo builds this file only; a test file that is not named here would never run.
#[test]
fn no_forgotten_files() -> Answer<()> {
    let main = read("tests/it/main.rs")?;
    for path in files("tests/it", ".rs")? {
        let name = path.trim_start_matches("tests/it/").trim_end_matches(".rs");
        let name = name.trim_end_matches("/mod");
        let top = !name.contains('/') && name != "main";
        let named = main.lines().any(|line| line == format!("mod {name};"));
        assert!(!top || named, "tests/it/main.rs lacks `mod {name};`");
    }
    Ok(())
}
