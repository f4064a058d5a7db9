//! The examples are complete, listed and free of mistakes.

use std::path::Path;

use plan_core::base::json::{self, Value};
use tests::repo::{Answer, files, read, root};

/// Every persona file of the examples.
fn personas() -> Answer<Vec<String>> {
    let mut paths = files("examples/personas", ".json")?;
    paths.extend(files("examples/team", ".json")?);
    Ok(paths)
}

/// The text values of a member, wherever it stands in the document.
fn collect<'v>(value: &'v Value<'_>, key: &str, found: &mut Vec<&'v str>) {
    if let Some(object) = value.as_object() {
        for (name, member) in object.iter() {
            if name == key {
                found.extend(member.as_str());
            }
            collect(member, key, found);
        }
    }
    for item in value.as_array().unwrap_or_default() {
        collect(item, key, found);
    }
}

/// Tells whether a value names a Markdown file of the repository.
fn is_local_text(value: &str) -> bool {
    let extension = Path::new(value).extension();
    extension.is_some_and(|extension| extension == "md") && !value.contains("://")
}

#[test]
fn every_persona_is_listed_and_reads() -> Answer<()> {
    let list = read("examples/README.md")?;
    let paths = personas()?;
    assert!(paths.len() >= 7, "only {} personas", paths.len());
    for path in paths {
        json::read(&read(&path)?).map_err(|error| format!("{path}: {error}"))?;
        let short = path.trim_start_matches("examples/");
        assert!(list.contains(short), "examples/README.md lacks {short}");
    }
    Ok(())
}

#[test]
fn every_file_of_the_fleet_is_listed() -> Answer<()> {
    let list = read("examples/README.md")?;
    let place = "examples/fleet/home/fleet/";
    let mut paths = Vec::new();
    for ending in [".yaml", ".md", ".json"] {
        paths.extend(files(place.trim_end_matches('/'), ending)?);
    }
    assert!(paths.len() >= 6, "only {paths:?}");
    for path in paths {
        let short = path.trim_start_matches(place);
        assert!(list.contains(short), "examples/README.md lacks {short}");
    }
    Ok(())
}

#[test]
fn every_harness_and_feature_is_shown() -> Answer<()> {
    let texts: Vec<String> = personas()?
        .iter()
        .map(|path| read(path))
        .collect::<Answer<_>>()?;
    let shown = |needle: &str| texts.iter().any(|text| text.contains(needle));
    for id in ["claude", "codex", "opencode", "grok"] {
        assert!(
            shown(&format!("\"harness\": \"{id}\"")),
            "no persona on {id}"
        );
    }
    let features = [
        "inputs",
        "env",
        "default",
        "optional",
        "picker",
        "skills",
        "mcpServers",
        "stdio",
        "http",
        "headers",
        "permissions",
        "allow",
        "deny",
        "mode",
        "mount",
        "ignoredPatterns",
        "readonlyPatterns",
        "claudeMd",
        "claudeMdContent",
        "claudeMdMode",
        "agentsMd",
        "agentsMdContent",
        "agentsMdMode",
        "extend",
        "memory",
        "relay",
        "integrations",
        "capabilities",
        "extends",
        "sandboxMode",
        "webSearch",
        "tags",
    ];
    for feature in features {
        assert!(
            shown(&format!("\"{feature}\"")),
            "no persona shows {feature}"
        );
    }
    for source in ["prpm.dev/", "github.com/", ".md\"", "$"] {
        assert!(shown(source), "no persona shows a value with {source}");
    }
    Ok(())
}

#[test]
fn files_that_personas_name_exist() -> Answer<()> {
    for path in personas()? {
        let text = read(&path)?;
        let persona = json::read(&text)?;
        let mut named = Vec::new();
        for key in ["source", "claudeMd", "agentsMd"] {
            collect(&persona, key, &mut named);
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let local = named.into_iter().filter(|name| is_local_text(name));
        for name in local {
            let file = root().join(folder).join(name);
            assert!(file.is_file(), "{path} names {name}, which does not exist");
        }
    }
    Ok(())
}
