//! What the benchmarks measure: the cases, made of the example personas, and the
//! operations on them. `tests/bench/persona.sh` lets the peer do the same.

use exec_native::personas::{LoadOptions, load_reference};
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Source, Value, print};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::parse::parse_persona;

use crate::repo::{Answer, files, read, root};

/// The directory that the overlay among the examples needs as working directory.
const TEAM: &str = "examples/team";

/// One input of the planner or of the parser, as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What people call it.
    pub name: String,
    /// A selection, or a whole persona.
    pub document: String,
    /// The options of the plan; `None` for a case of the parser.
    pub options: Option<String>,
}

impl Case {
    /// Reads the texts once, for the operations on values.
    ///
    /// # Errors
    /// A text that is not JSON.
    pub fn read(&self) -> Answer<Inputs<'_>> {
        Ok(Inputs {
            document: json::read_source(&self.document)?,
            options: json::read(self.options.as_deref().unwrap_or("{}"))?,
            ambient: Object::new(),
        })
    }

    /// Text to text: reads both documents, plans, prints.
    ///
    /// # Errors
    /// As [`Case::read`] and [`Inputs::plan`].
    pub fn text(&self, edition: Edition) -> Answer<String> {
        self.read()?.plan(edition, |plan| print(plan))
    }

    /// Text to value: reads the document and parses it.
    ///
    /// # Errors
    /// As [`Case::read`] and [`Inputs::parse`].
    pub fn parse_text(&self) -> Answer<usize> {
        self.read()?.parse(count)
    }
}

/// The values of a case.
#[derive(Debug)]
pub struct Inputs<'a> {
    document: Source<'a>,
    options: Value<'a>,
    ambient: Object<'a>,
}

impl Inputs<'_> {
    /// Plans, and hands the plan to `look`.
    ///
    /// # Errors
    /// Options that are refused, or a plan that cannot be built.
    pub fn plan<T>(&self, edition: Edition, look: impl FnOnce(&Plan<'_>) -> T) -> Answer<T> {
        let options = if edition.switches().strict_parse {
            PlanOptions::strict(&self.options, &self.ambient).map_err(|why| why.to_string())?
        } else {
            PlanOptions::lenient(&self.options, &self.ambient)
        };
        let plan = build_persona_spawn_plan(&self.document, &options, edition)?;
        Ok(look(&plan))
    }

    /// Parses a whole persona as persona-kit 4 does, and hands it to `look`.
    ///
    /// # Errors
    /// The first problem of the persona.
    pub fn parse<T>(&self, look: impl FnOnce(&Object<'_>) -> T) -> Answer<T> {
        let intent = self.document.value.get_str("intent").unwrap_or_default();
        let persona = parse_persona(&self.document.value, intent, Edition::PersonaKit4)
            .map_err(|why| why.first().map(ToString::to_string).unwrap_or_default())?;
        Ok(look(&persona.into_object()))
    }
}

/// The plan that the planner gives.
pub type Plan<'a> = plan_core::persona::plan::PersonaSpawnPlan<'a>;

/// Every example persona: as a selection with options that give each input a value,
/// and, for those that extend nothing, as a document for the parser.
///
/// # Errors
/// An example that cannot be read or resolved.
pub fn examples(edition: Edition) -> Answer<Vec<Case>> {
    let mut cases = Vec::new();
    for path in files("examples/personas", ".json")? {
        let text = read(&path)?;
        let document = json::read(&text)?;
        let name = document.get_str("id").unwrap_or_default().to_owned();
        let extends = document.get_str("extends").is_some();
        let selection = selection(&path, extends, edition)?;
        cases.push(Case {
            name: name.clone(),
            document: print(&selection),
            options: Some(print(&options(&selection, edition))),
        });
        if !extends {
            cases.push(Case {
                name,
                document: print(&document),
                options: None,
            });
        }
    }
    Ok(cases)
}

fn selection(path: &str, extends: bool, edition: Edition) -> Answer<Object<'static>> {
    let cwd = if extends { root().join(TEAM) } else { root() };
    let load = LoadOptions {
        edition,
        validate: |value, edition| {
            let intent = value.get_str("intent").unwrap_or_default();
            parse_persona(value, intent, edition).map(drop)
        },
        cwd: cwd.to_string_lossy().into_owned(),
        home: None,
        workforce_home: None,
        config_home: None,
    };
    let path = root().join(path);
    let loaded = load_reference(&path.to_string_lossy(), &load)?;
    Ok(loaded.selection)
}

fn options(selection: &Object<'_>, edition: Edition) -> Object<'static> {
    let object = |pairs: &[(&str, &str)]| -> Object<'static> {
        let owned = pairs
            .iter()
            .map(|(key, text)| ((*key).to_owned().into(), Value::from((*text).to_owned())));
        owned.collect()
    };
    let declared = selection.get("inputs").and_then(Value::as_object);
    let names = declared.into_iter().flat_map(Object::iter);
    let values: Vec<(&str, &str)> = names
        .map(|(name, _)| (name, "a value of one line"))
        .collect();
    let mut options = Object::new();
    let env = [
        ("PATH", "/usr/bin:/bin"),
        ("HOME", "/home/agent"),
        ("LANG", "C.UTF-8"),
    ];
    options.insert("processEnv", object(&env));
    options.insert("inputValues", object(&values));
    if edition.switches().safe_arguments {
        options.insert("repoRoot", "/home/agent/project".to_owned());
    }
    options
}

/// Returns the number of members.
fn count(object: &Object<'_>) -> usize {
    object.len()
}
