//! The list of harnesses, written from the files of their folder.
//!
//! A new harness is one source file and one fixture directory; the lines that name
//! it are this test's business. It rewrites them, fails once, and then passes.

use std::fmt::Write as _;
use std::fs;

use plan_core::persona::harness;
use tests::repo::{Answer, files, read, root};

const FOLDER: &str = "plan-core/src/persona/harness/";
const BEGIN: &str = "// The next lines are written by tests/it/harness_registry.rs.\n";
const END: &str = "// End of the written lines.\n";

const SCHEMA: &str = "plan-core/src/persona/schema/persona.schema.json";

/// The harness files, by name: those that define one. The folder also holds what the
/// harnesses share.
fn names() -> Answer<Vec<String>> {
    let mut names = Vec::new();
    for path in files(FOLDER.trim_end_matches('/'), ".rs")? {
        let name = path.trim_start_matches(FOLDER).trim_end_matches(".rs");
        if !name.contains('/') && read(&path)?.contains("const DEF: HarnessDef") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The text of `registry.rs`.
fn registry(names: &[String]) -> String {
    let mut text = String::from(
        "//! The list of harnesses. A test writes it from the files of this folder.\n\n\
         use super::HarnessDef;\n\n\
         /// Every harness, by name.\n\
         pub const ALL: &[&HarnessDef] = &[\n",
    );
    for name in names {
        let _ = writeln!(text, "    &super::{name}::DEF,");
    }
    text + "];\n"
}

/// The text of `mod.rs` with the module lines between the markers replaced.
fn module_list(old: &str, names: &[String]) -> Answer<String> {
    let (head, rest) = old
        .split_once(BEGIN)
        .ok_or("mod.rs lost its first marker")?;
    let (_, tail) = rest.split_once(END).ok_or("mod.rs lost its last marker")?;
    let lines = names.iter().fold(String::new(), |mut lines, name| {
        let _ = writeln!(lines, "mod {name};");
        lines
    });
    Ok(format!("{head}{BEGIN}{lines}{END}{tail}"))
}

/// The text of the persona schema with the words for a harness replaced.
fn schema(old: &str, names: &[String]) -> Answer<String> {
    let (head, rest) = old
        .split_once("\"harness\": {\n      \"enum\": [\n")
        .ok_or("the schema lost its list of harnesses")?;
    let (_, tail) = rest.split_once("      ]").ok_or("the list has no end")?;
    let words: Vec<_> = names
        .iter()
        .map(|name| format!("        \"{name}\""))
        .collect();
    let words = words.join(",\n");
    Ok(format!(
        "{head}\"harness\": {{\n      \"enum\": [\n{words}\n      ]{tail}"
    ))
}

/// Writes a file if it differs; tells whether it did.
fn refresh(path: &str, text: &str) -> Answer<bool> {
    if read(path)? == text {
        return Ok(false);
    }
    fs::write(root().join(path), text)?;
    Ok(true)
}

#[test]
fn the_registry_is_fresh() -> Answer<()> {
    let names = names()?;
    let list = format!("{FOLDER}mod.rs");
    let modules = module_list(&read(&list)?, &names)?;
    let schema = schema(&read(SCHEMA)?, &names)?;
    let stale = [
        refresh(&list, &modules)?,
        refresh(&format!("{FOLDER}registry.rs"), &registry(&names))?,
        refresh(SCHEMA, &schema)?,
    ];
    assert_eq!(
        stale, [false; 3],
        "the list was stale and is now rewritten: run again"
    );
    let built: Vec<&str> = harness::ALL.iter().map(|def| def.id).collect();
    assert_eq!(built, names, "a harness file is not named after its id");
    Ok(())
}

#[test]
fn every_harness_has_a_fixture() -> Answer<()> {
    for name in names()? {
        let input = format!("tests/fixtures/persona/{name}-minimal/input.json");
        assert!(
            root().join(&input).is_file(),
            "no fixture for harness `{name}`: add {input}"
        );
    }
    Ok(())
}

#[test]
fn the_module_list_is_replaced_between_the_markers() -> Answer<()> {
    let old = format!("//! Docs.\n{BEGIN}mod gone;\n{END}mod registry;\n");
    let new = module_list(&old, &["a".to_owned(), "b".to_owned()])?;
    assert_eq!(
        new,
        format!("//! Docs.\n{BEGIN}mod a;\nmod b;\n{END}mod registry;\n")
    );
    assert!(module_list("mod a;", &[]).is_err());
    Ok(())
}
