//! What a plan takes from files that the user has: logins that it links to, and model
//! providers that a private configuration takes over.

use std::path::PathBuf;

use plan_core::base::json::{Object, Value};
use plan_core::persona::harness::launch::Inheritance;
use plan_core::persona::plan::PersonaSpawnPlan;

use crate::error::{ExecError, ExecErrorKind};
use crate::os::{env, fs, walk};
use crate::personas::DOCUMENT_LIMIT;

/// The user's files of one plan.
#[derive(Debug, Default)]
pub struct UserFiles {
    /// Where each private link points; `None` when there is no such file.
    pub link_targets: Vec<Option<String>>,
    /// What each private file takes members over from.
    pub inherited: Vec<Option<Object<'static>>>,
}

impl UserFiles {
    /// Looks for the files that a plan names.
    ///
    /// # Errors
    /// A configuration that cannot be read.
    pub fn of(plan: &PersonaSpawnPlan<'_>) -> Result<Self, ExecError> {
        let mut inherited = Vec::new();
        for file in plan.private_files.iter().flatten() {
            inherited.push(file.inherits.as_ref().map(read).transpose()?.flatten());
        }
        Ok(Self {
            link_targets: link_targets(plan),
            inherited,
        })
    }
}

/// Finds where the private links of a plan point.
pub fn link_targets(plan: &PersonaSpawnPlan<'_>) -> Vec<Option<String>> {
    let links = plan.private_links.iter().flatten();
    links
        .map(|link| place(&link.home_env, &link.home_default, &link.target))
        .map(|path| Some(walk::text_of(&path?)))
        .collect()
}

/// Finds a file of the user's in a harness's home.
fn place(home_env: &str, home_default: &str, target: &str) -> Option<PathBuf> {
    let home = env::var(home_env).map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(home_default)))?;
    Some(home.join(target)).filter(|path| fs::is_file(path))
}

/// Reads the members that a private file takes over.
fn read(inherits: &Inheritance<'_>) -> Result<Option<Object<'static>>, ExecError> {
    let Some(path) = place(&inherits.home_env, &inherits.home_default, &inherits.target) else {
        return Ok(None);
    };
    let failed = |why: String| ExecError::new(ExecErrorKind::Config, why).at(&path);
    let text = walk::read_text_limited(&walk::text_of(&path), DOCUMENT_LIMIT)
        .map_err(|why| failed(why.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|_| failed("the file is not valid TOML".to_owned()))?;
    let wanted = |name: &str| inherits.members.iter().any(|member| *member == name);
    let members = table.into_iter().filter(|(name, _)| wanted(name));
    Ok(Some(
        members
            .map(|(name, value)| (name.into(), json(value)))
            .collect(),
    ))
}

fn json(value: toml::Value) -> Value<'static> {
    match value {
        toml::Value::String(text) => text.into(),
        #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
        toml::Value::Integer(number) => Value::Number(number as f64),
        toml::Value::Float(number) => Value::Number(number),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(json).collect()),
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(name, value)| (name.into(), json(value)))
                .collect(),
        ),
    }
}
