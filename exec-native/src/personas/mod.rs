//! Persona files on disk: reads the layers that a resolution needs and hands them
//! to the resolver of `plan-core`.

mod config;
mod layers;
mod read;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Value};
use plan_core::base::path;
use plan_core::persona::parse::parse_persona;
use plan_core::persona::resolve::{
    self, DocumentKind, Facts, Layer, Listed, PATH, PersonaFile, PersonaResolutionError, Problem,
    ResolveOptions, Unread, Validate,
};

use crate::os::{env, walk};

pub use read::DOCUMENT_LIMIT;

/// Where personas are looked for, and how they are judged.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The dialect.
    pub edition: Edition,
    /// The check of whole persona documents.
    pub validate: Validate,
    /// The working directory, absolute.
    pub cwd: String,
    /// The user's home directory.
    pub home: Option<String>,
    /// The directory in place of `~/.agentworkforce/workforce`.
    pub workforce_home: Option<String>,
    /// The directory in place of `~/.config`.
    pub config_home: Option<String>,
}

impl LoadOptions {
    /// Takes the directories from the environment: `AGENT_WORKFORCE_HOME`, the
    /// older `AGENT_WORKFORCE_CONFIG_DIR`, and `XDG_CONFIG_HOME`.
    ///
    /// # Errors
    /// The working directory cannot be found.
    pub fn from_environment(edition: Edition, validate: Validate) -> std::io::Result<Self> {
        let legacy = || env::var("AGENT_WORKFORCE_CONFIG_DIR");
        Ok(Self {
            edition,
            validate,
            cwd: walk::text_of(&env::current_dir()?),
            home: env::home_dir().map(|home| walk::text_of(&home)),
            workforce_home: env::var("AGENT_WORKFORCE_HOME").or_else(legacy),
            config_home: env::var("XDG_CONFIG_HOME"),
        })
    }

    const fn resolve_options(&self) -> ResolveOptions {
        ResolveOptions {
            edition: self.edition,
            validate: self.validate,
        }
    }
}

/// What a reference led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What the planner plans.
    pub selection: Object<'static>,
    /// The merged persona; a file that is a selection already has none.
    pub spec: Option<Object<'static>>,
    /// The name of the layer.
    pub source: String,
    /// The file.
    pub path: Option<String>,
    /// What went wrong on the way without stopping it.
    pub warnings: Vec<Problem>,
}

/// Loads what a reference names: a persona by id, a persona file, or a file that
/// holds a selection.
///
/// # Errors
/// As [`resolve::resolve`].
pub fn load_reference(
    reference: &str,
    options: &LoadOptions,
) -> Result<Loaded, PersonaResolutionError> {
    let reference = plan_core::base::text::js_trim(reference);
    let given = resolve::looks_like_path(reference).then(|| {
        let path = path::join(&options.cwd, reference);
        read::read_given(&path)
    });
    load(reference, given, options)
}

/// Loads a document that somebody holds as text, as if it were a file in the working
/// directory by a name that ends in `.json`.
///
/// # Errors
/// As [`resolve::resolve`].
pub fn load_document(
    name: &str,
    text: &str,
    options: &LoadOptions,
) -> Result<Loaded, PersonaResolutionError> {
    let path = path::join(&options.cwd, name);
    let file = PersonaFile {
        path: path.clone(),
        text: Ok(text.to_owned()),
    };
    let layer = Layer {
        source: PATH.to_owned(),
        files: vec![file],
    };
    load(&path, Some(layer), options)
}

/// Checks a whole persona document.
///
/// # Errors
/// Every problem.
pub fn validate(value: &Value<'_>, edition: Edition) -> Result<(), Vec<Diagnostic>> {
    let intent = value.get_str("intent").unwrap_or_default();
    parse_persona(value, intent, edition).map(drop)
}

fn load(
    reference: &str,
    given: Option<Layer>,
    options: &LoadOptions,
) -> Result<Loaded, PersonaResolutionError> {
    if let Some(loaded) = given
        .as_ref()
        .and_then(|layer| load_selection(reference, layer))
    {
        return Ok(loaded);
    }
    let facts = read_facts(given, options);
    let found = resolve::resolve(reference, &facts, &options.resolve_options())?;
    Ok(Loaded {
        selection: owned(&found.selection),
        spec: Some(owned(&found.spec)),
        source: found.source,
        path: found.path,
        warnings: found.warnings,
    })
}

/// Lists every persona that a reference could name, and every broken file.
pub fn list_personas(options: &LoadOptions) -> Vec<Listed> {
    let facts = read_facts(None, options);
    resolve::resolve_listing(&facts, &options.resolve_options())
}

/// Takes a given file that holds a selection as it is.
fn load_selection(reference: &str, layer: &Layer) -> Option<Loaded> {
    let file = layer.files.first().filter(|_| read::is_json(reference))?;
    let value = json::read(file.text.as_ref().ok()?).ok()?;
    if resolve::document_kind(&value) != DocumentKind::Selection {
        return None;
    }
    Some(Loaded {
        selection: owned(value.as_object()?),
        spec: None,
        source: layer.source.clone(),
        path: Some(file.path.clone()),
        warnings: Vec::new(),
    })
}

/// Reads every layer, then looks at the paths that their files lead to.
fn read_facts(given: Option<Layer>, options: &LoadOptions) -> Facts {
    let mut layers: Vec<Layer> = given.into_iter().collect();
    let missing = layers.first().and_then(|layer| layer.files.first());
    // The resolver answers at once when the given file is missing.
    if missing.is_none_or(|file| file.text != Err(Unread::Missing)) {
        layers.extend(layers::read_layers(options));
    }
    let mut existing = resolve::probe_paths(&layers, &options.cwd);
    existing.retain(|path| walk::exists(path));
    Facts {
        cwd: options.cwd.clone(),
        layers,
        existing,
        ..Facts::default()
    }
}

fn owned(object: &Object<'_>) -> Object<'static> {
    let entries = object.iter();
    entries
        .map(|(key, value)| (key.to_owned().into(), value.to_owned_value()))
        .collect()
}

#[cfg(test)]
mod tests;
