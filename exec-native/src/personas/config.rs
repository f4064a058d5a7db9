//! The workforce tool's `config.json`: which directories hold personas.

use plan_core::base::json::{self, Value, position};
use plan_core::base::path;
use plan_core::persona::resolve::{PersonaFile, Unread};

use super::read::{DOCUMENT_LIMIT, failed};
use crate::os::walk;

/// The configured persona directories.
#[derive(Debug)]
pub(super) struct Config {
    /// The directories, the strongest first.
    pub(super) directories: Vec<String>,
    /// Why the file was not used, or not fully.
    pub(super) problem: Option<PersonaFile>,
}

/// Reads `<root>/config.json`; `<root>/personas` stands for a missing list.
pub(super) fn read_config(root: &str, home: Option<&str>) -> Config {
    let file = format!("{root}/config.json");
    let default = format!("{root}/personas");
    let places = walk::read_text_limited(&file, DOCUMENT_LIMIT)
        .and_then(|text| directories(&text).map_err(Unread::Failed));
    let (mut given, problem) = match places {
        Ok(given) => (given, None),
        Err(Unread::Missing) => (Given::default(), None),
        Err(why) => (Given::default(), Some(failed(&file, why))),
    };
    let mut directories = Vec::new();
    let listed = given.listed.take().unwrap_or_else(|| vec![default]);
    // New personas are created there, so they must be found there.
    for place in listed.into_iter().chain(given.target) {
        let place = expand(&place, root, home);
        if !directories.contains(&place) {
            directories.push(place);
        }
    }
    Config {
        directories,
        problem,
    }
}

#[derive(Default)]
struct Given {
    listed: Option<Vec<String>>,
    target: Option<String>,
}

fn directories(text: &str) -> Result<Given, String> {
    let value = json::read(text).map_err(|error| {
        let at = position(text, error.offset);
        format!("{error} (line {}, column {})", at.line, at.column)
    })?;
    let text_of = |value: &Value<'_>| {
        let text = value.as_str().filter(|text| !text.trim().is_empty());
        text.map(str::to_owned)
    };
    let listed = match value.get("personaDirs") {
        None | Some(Value::Null) => None,
        Some(given) => {
            let given = given
                .as_array()
                .map(|items| items.iter().map(text_of).collect());
            let given: Option<Option<Vec<String>>> = given;
            let wrong = || "personaDirs must be an array of non-empty strings".to_owned();
            Some(given.flatten().ok_or_else(wrong)?)
        }
    };
    // Other values name a layer rather than a directory.
    let target = value.get("defaultCreateTarget").and_then(text_of);
    let target = target.filter(|target| target.contains(['/', '\\']) || target.starts_with('~'));
    Ok(Given { listed, target })
}

/// Makes a configured directory absolute: `~` is the home directory, anything
/// relative stands beside the file.
fn expand(place: &str, root: &str, home: Option<&str>) -> String {
    let below_home = place.strip_prefix("~/").map(|rest| (rest, home));
    let place = match (place, below_home, home) {
        ("~", _, Some(home)) => home.to_owned(),
        (_, Some((rest, Some(home))), _) => path::join(home, rest),
        _ => path::join(root, place),
    };
    place.strip_suffix('/').map_or(place.clone(), str::to_owned)
}
