//! Bad files of a home: each is told with file, line, column, caret and help.
//!
//! A directory of `tests/fixtures/fleet/bad` is one case, named after the code that it
//! provokes: `home/` is the home, `told.txt` what is told. `UPDATE_EXPECT=1` rewrites it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use plan_core::base::code::Code;
use tests::program::{Ended, Stage};
use tests::repo::{Answer, root};
use tests::scene::expect;

/// Codes of values that are named on the command line, and of what is not a file's.
const NAMED: [(&str, &[&str]); 2] = [
    ("library.class-unknown", &["persona", "show", "cod"]),
    ("profile.unknown", &["profile", "show", "busines"]),
];

/// Codes that have their own tests: the sizes would fill the repository.
const ELSEWHERE: [&str; 1] = ["document.too-large"];

/// The classes that every case has.
const CLASSES: [&str; 3] = ["lead", "code", "review"];

fn copy(from: &Path, to: &Path) -> Answer<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Calls a command in the home of a case.
fn told(case: &Path, arguments: &[&str]) -> Answer<(Ended, String)> {
    let mut stage = Stage::new()?;
    if case.join("home").exists() {
        for class in CLASSES {
            stage = stage.file(&format!("h/fleet/roles/{class}.md"), "Role.\n")?;
        }
        copy(&case.join("home"), &stage.project().join("h"))?;
    }
    let all = [&["fleet", "--home", "h"], arguments].concat();
    let ended = stage.call(&all)?.run()?;
    let project = stage.project().canonicalize()?.display().to_string();
    let text = ended.stderr().replace(&project, "PROJECT");
    let text = text.replace(&stage.project().display().to_string(), "PROJECT");
    Ok((ended, text))
}

#[test]
fn every_bad_file_is_told_with_its_place() -> Answer<()> {
    let folder = root().join("tests/fixtures/fleet/bad");
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut cases: Vec<_> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Answer<_>>()?;
    cases.sort();
    let (mut shown, mut stale) = (BTreeSet::new(), Vec::new());
    for case in &cases {
        let name = case
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let code = Code::ALL
            .iter()
            .map(|code| code.as_str())
            .filter(|code| name.starts_with(code))
            .max_by_key(|code| code.len())
            .ok_or_else(|| format!("{name} begins with no code"))?;
        let named = NAMED.iter().find(|(named, _)| *named == code);
        let arguments = named.map_or(&["validate", "--strict"][..], |(_, arguments)| arguments);
        let (ended, text) = told(case, arguments)?;
        expect(&ended, 1)?;
        let told = text.lines().any(|line| line.trim() == code);
        assert!(told, "{name} is told as:\n{text}");
        // Everything but a whole file and a word of the command line has its place.
        if named.is_none() && code != "document.unreadable" {
            assert!(text.contains("PROJECT/h/fleet/"), "{name}:\n{text}");
            assert!(text.contains("╰── here"), "{name} has no caret:\n{text}");
        }
        shown.insert(code);
        let file = case.join("told.txt");
        if fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            if update {
                fs::write(&file, text)?;
            } else {
                stale.push(format!("{name}:\n{text}"));
            }
        }
    }
    assert!(
        stale.is_empty(),
        "{}\nUPDATE_EXPECT=1 rewrites these; read the diff",
        stale.join("\n")
    );
    let domains = [
        "profile.", "roster.", "yaml.", "library.", "policy.", "env.",
    ];
    let ours = Code::ALL.iter().map(|code| code.as_str());
    let ours = ours.filter(|code| domains.iter().any(|domain| code.starts_with(domain)));
    let missing: Vec<_> = ours.filter(|code| !shown.contains(code)).collect();
    assert_eq!(missing, [""; 0], "codes without a fixture");
    Ok(())
}

#[test]
fn a_large_file_is_told() -> Answer<()> {
    for code in ELSEWHERE {
        let stage = Stage::new()?
            .file("h/fleet/roles/lead.md", "Role.\n")?
            .file("h/fleet/profiles/p.yaml", "#".repeat((1 << 20) + 1))?;
        let ended = stage.call(&["fleet", "--home", "h", "validate"])?.run()?;
        expect(&ended, 1)?;
        assert!(ended.says(code), "{}", ended.stderr());
        assert!(ended.says("h/fleet/profiles/p.yaml"), "{}", ended.stderr());
    }
    Ok(())
}

#[test]
fn marks_and_line_ends_of_other_systems_are_read() -> Answer<()> {
    let text = "\u{feff}id: p\r\ntitle: T\r\ndescription: D\r\nlead: lead\r\nroster:\r\n  - class: lead\r\n  - class: cod\r\n    reports_to: lead\r\n";
    let stage = Stage::new()?
        .file("h/fleet/roles/lead.md", "Role.\n")?
        .file("h/fleet/profiles/p.yaml", text)?;
    let ended = stage.call(&["fleet", "--home", "h", "validate"])?.run()?;
    expect(&ended, 1)?;
    assert!(ended.says("p.yaml:7:12"), "{}", ended.stderr());
    let stage = stage.file("h/fleet/profiles/p.yaml", text.replace("cod\r", "lead\r"))?;
    let ended = stage
        .call(&["fleet", "--home", "h", "profile", "show", "p", "--json"])?
        .run()?;
    expect(&ended, 0)?;
    Ok(())
}
