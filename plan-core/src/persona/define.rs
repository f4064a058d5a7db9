//! Defining a persona in code: what the types of persona-kit's `definePersona`
//! promise, checked on a value.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::Value;
use crate::base::text::{js_trim, nearest};

use super::parse::{PersonaSpec, parse_persona};
use super::vocabulary::TAGS;

/// When an integration's files are fetched.
pub const MATERIALIZATION_MODES: &[&str] = &["lazy", "eager"];

/// The words of one provider's `config.materialization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Materialization {
    /// The key of the integration.
    pub provider: &'static str,
    /// What can be fetched.
    pub resources: &'static [&'static str],
    /// The states by which it can be chosen.
    pub states: &'static [&'static str],
    /// The key of the list that says where to fetch from.
    pub targets: &'static str,
    /// The switch that writes arriving events for what is fetched lazily.
    pub lazy_writes: &'static str,
}

/// Materialization of GitHub.
pub const GITHUB: Materialization = Materialization {
    provider: "github",
    resources: &["issues", "pulls"],
    states: &["open", "closed", "all"],
    targets: "repos",
    lazy_writes: "webhookWritesForLazyRepos",
};

/// Materialization of GitLab.
pub const GITLAB: Materialization = Materialization {
    provider: "gitlab",
    resources: &["merge_requests", "issues", "pipelines", "commits"],
    states: &["opened", "closed", "locked", "merged", "all"],
    targets: "projects",
    lazy_writes: "webhookWritesForLazyProjects",
};

/// Parses a persona that is defined in code: it serves the intent that it names,
/// and its tags are taken from [`TAGS`].
///
/// # Errors
/// What [`parse_persona`] reports, or every tag that is not in the vocabulary.
pub fn define<'a>(value: &Value<'a>, edition: Edition) -> Result<PersonaSpec<'a>, Vec<Diagnostic>> {
    let intent = value.get_str("intent").unwrap_or("?");
    let persona = parse_persona(value, intent, edition)?;
    let problems = foreign_tags(value, intent);
    if problems.is_empty() {
        Ok(persona)
    } else {
        Err(problems)
    }
}

fn foreign_tags(value: &Value<'_>, intent: &str) -> Vec<Diagnostic> {
    let name = format!("persona[{intent}]");
    let root = Path::root(&name);
    let at = root.field("tags");
    let tags = value.get("tags").and_then(Value::as_array);
    let mut problems = vec![];
    for (place, tag) in tags.unwrap_or_default().iter().enumerate() {
        let tag = js_trim(tag.as_str().unwrap_or_default());
        if TAGS.contains(&tag) {
            continue;
        }
        let problem = format!("must be one of: {}", TAGS.join(", "));
        let problem = Diagnostic::at(Code::PERSONA_FIELD_INVALID, &at.index(place), &problem);
        problems.push(match nearest(tag, TAGS.iter().copied()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem,
        });
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    #[test]
    fn a_defined_persona_serves_its_own_intent() {
        let text = r#"{"id":"p","intent":"debugging","description":"d","onEvent":"a.ts",
            "tags":[" review "],"harnessSettings":{"reasoning":"low","timeoutSeconds":1}}"#;
        let persona = define(&read(text).unwrap(), Edition::V2026).unwrap();
        assert_eq!(persona.intent(), "debugging");
        assert_eq!(persona.tags().collect::<Vec<_>>(), ["review"]);
    }

    #[test]
    fn tags_come_from_the_vocabulary() {
        let text = r#"{"id":"p","intent":"debugging","description":"d","onEvent":"a.ts",
            "tags":["reviews","zzzzzzz"],"harnessSettings":{"reasoning":"low","timeoutSeconds":1}}"#;
        let problems = define(&read(text).unwrap(), Edition::V2026).unwrap_err();
        let pointers: Vec<_> = problems.iter().map(|one| one.pointer.as_deref()).collect();
        assert_eq!(pointers, [Some("/tags/0"), Some("/tags/1")]);
        assert_eq!(problems[0].help.as_deref(), Some("did you mean `review`?"));
        assert_eq!(problems[1].help, None);
    }

    #[test]
    fn a_persona_without_intent_is_refused() {
        let problems = define(&Value::Null, Edition::PersonaKit4).unwrap_err();
        assert_eq!(problems[0].message, "persona[?] must be an object");
    }
}
