//! What the editions do differently: one directory a deviation, both answers beside
//! the input. `UPDATE_EXPECT=1` rewrites the answers.

use std::fmt::Write as _;
use std::fs;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Print, Value, Writer};
use plan_core::effect::describe_action;
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::harness;
use plan_core::persona::lower::{Places, lower};
use plan_core::persona::mount::plain_view;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::parse::{parse_agent, parse_persona};
use plan_core::persona::plan::PersonaSpawnPlan;
use plan_core::persona::resolve::{self, Facts, Layer, PATH, PersonaFile, ResolveOptions};
use tests::repo::{Answer, files, read, root};

const FOLDER: &str = "tests/fixtures/editions";

/// The names of the fixtures.
fn names() -> Answer<Vec<String>> {
    let mut names = Vec::new();
    for path in files(FOLDER, ".json")? {
        let name = path.trim_start_matches(FOLDER).trim_start_matches('/');
        let name = name.split_once('/').map_or(name, |(name, _)| name);
        if names.last().is_none_or(|last| last != name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// What an edition says about a fixture: a selection is planned and lowered, a persona
/// or an agent is parsed, layers are resolved.
fn answer(name: &str, edition: Edition) -> Answer<String> {
    let input = |file: &str| read(&format!("{FOLDER}/{name}/{file}.json"));
    if let Ok(text) = input("selection") {
        let options = input("options")?;
        return planned(&json::read(&text)?, &json::read(&options)?, edition);
    }
    if let Ok(text) = input("persona") {
        let value = json::read(&text)?;
        let intent = value.get_str("intent").unwrap_or("review");
        return Ok(match parse_persona(&value, intent, edition) {
            Ok(persona) => pretty("persona", persona.as_object()),
            Err(problems) => refused(&problems),
        });
    }
    if let Ok(text) = input("agent") {
        return Ok(match parse_agent(&json::read(&text)?, "agent", edition) {
            Ok(agent) => pretty("agent", &agent),
            Err(problems) => refused(&problems),
        });
    }
    let text = input("layers").map_err(|_| format!("{name} has no input"))?;
    resolved(&json::read(&text)?, edition)
}

fn pretty(name: &str, value: &(impl Print + ?Sized)) -> String {
    members(|out| out.field(name, value))
}

fn members(fill: impl FnOnce(&mut Writer)) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    fill(&mut out);
    out.end_object();
    let text = out.finish();
    json::read(&text).map_or(text.clone(), |value| json::pretty(&value) + "\n")
}

fn refused(problems: &[Diagnostic]) -> String {
    pretty("problems", problems)
}

fn planned(selection: &Value<'_>, options: &Value<'_>, edition: Edition) -> Answer<String> {
    let nothing = Object::new();
    let options = if edition.switches().strict_parse {
        PlanOptions::strict(options, &nothing)?
    } else {
        PlanOptions::lenient(options, &nothing)
    };
    Ok(
        match build_persona_spawn_plan(selection, &options, edition) {
            Ok(plan) => {
                let actions = actions(&plan);
                members(|out| {
                    out.field("plan", &plan);
                    out.field("actions", &actions);
                })
            }
            Err(error) => refused(&error.diagnostics()),
        },
    )
}

/// The phases and actions of a plan, a line each; or why there are none.
fn actions(plan: &PersonaSpawnPlan<'_>) -> Vec<String> {
    let links = plan.private_links.iter().flatten();
    let link_targets: Vec<_> = links.map(|_| Some("/home/u/file".to_owned())).collect();
    let places = Places {
        cwd: "/repo/project",
        stage: "/state/r/stage",
        mount: "/state/r/mount",
        include_git: true,
        view: plain_view(plan.mount.as_ref()),
        ignored: &[],
        readonly: &[],
        link_targets: &link_targets,
        inherited: &[],
        kept_skills: &[],
    };
    match lower(plan, &places) {
        Ok(actions) => actions
            .iter()
            .map(|action| {
                format!(
                    "{}: {}",
                    action.phase.as_str(),
                    describe_action(&action.kind)
                )
            })
            .collect(),
        Err(problems) => problems
            .iter()
            .map(|problem| format!("refused: {problem}"))
            .collect(),
    }
}

/// Resolves the persona that `reference` names in `layers`: lists of documents by name.
fn resolved(value: &Value<'_>, edition: Edition) -> Answer<String> {
    let layers = value
        .get("layers")
        .and_then(Value::as_object)
        .ok_or("no layers")?;
    let layer = |(source, documents): (&str, &Value<'_>)| Layer {
        source: source.to_owned(),
        files: documents
            .as_array()
            .unwrap_or_default()
            .iter()
            .map(|document| PersonaFile {
                path: format!(
                    "/repo/{source}/{}.json",
                    document.get_str("id").unwrap_or("x")
                ),
                text: Ok(json::print(document)),
            })
            .collect(),
    };
    let facts = Facts {
        cwd: "/work".to_owned(),
        layers: layers.iter().map(layer).collect(),
        ..Facts::default()
    };
    debug_assert!(facts.layers.iter().all(|layer| layer.source != PATH));
    let options = ResolveOptions {
        edition,
        validate: |value, edition| {
            let intent = value.get_str("intent").unwrap_or_default();
            parse_persona(value, intent, edition).map(drop)
        },
    };
    let reference = value.get_str("reference").unwrap_or_default();
    Ok(match resolve::resolve(reference, &facts, &options) {
        Ok(found) => members(|out| {
            out.field("selection", &found.selection);
            out.field("warnings", &found.warnings);
        }),
        Err(error) => members(|out| {
            out.field("error", &*error.to_string());
            out.field("problems", error.problems());
        }),
    })
}

#[test]
fn every_deviation_is_as_recorded() -> Answer<()> {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    assert!(
        !update || std::env::var_os("CI").is_none(),
        "CI rewrites nothing"
    );
    let mut stale = String::new();
    let harnesses: Vec<&str> = harness::ALL.iter().map(|def| def.id).collect();
    let harnesses = harnesses.join(", ");
    for name in names()? {
        let mut answers = Vec::new();
        for edition in Edition::ALL.iter().copied() {
            let path = format!("{FOLDER}/{name}/{}.json", edition.as_str());
            let answer = answer(&name, edition).map_err(|error| format!("{path}: {error}"))?;
            // A new harness must not need this folder.
            let answer = answer.replace(&harnesses, "{{harnesses}}");
            if update {
                fs::write(root().join(&path), &answer)?;
            } else if read(&path).ok().as_deref() != Some(&*answer) {
                writeln!(stale, "{path} is not what came:\n{answer}")?;
            }
            answers.push(answer);
        }
        answers.dedup();
        assert!(
            answers.len() > 1,
            "{name} is no deviation: the editions agree"
        );
    }
    assert!(
        stale.is_empty(),
        "{stale}UPDATE_EXPECT=1 rewrites these; read the diff"
    );
    Ok(())
}

#[test]
fn every_switch_and_fixture_is_documented() -> Answer<()> {
    let docs = read("docs/editions.md")?;
    let source = read("plan-core/src/base/edition.rs")?;
    let switches = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.strip_suffix(": bool,"));
    let switches: Vec<&str> = switches.collect();
    assert!(switches.len() >= 9, "{switches:?}");
    let names = names()?;
    let missing: Vec<&str> = switches
        .iter()
        .copied()
        .chain(names.iter().map(String::as_str))
        .filter(|name| !docs.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/editions.md lacks {missing:?}");
    // And the other way round: a fixture that is named there exists.
    for line in docs
        .lines()
        .filter_map(|line| line.strip_prefix("Fixtures: "))
    {
        for name in line.trim_end_matches('.').split(", ") {
            let name = name.trim_matches('`');
            assert!(names.iter().any(|own| own == name), "no fixture `{name}`");
        }
    }
    Ok(())
}
