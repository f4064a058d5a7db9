//! The persona of a seat: its role as the prompt, its harness and model as the plan has
//! them, and what its persona file adds.

use std::path::Path;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::{Object, Value, position, read};
use plan_core::base::text::nearest;
use plan_core::fleet::library::RoleFile;
use plan_core::fleet::plan::PlannedSeat;
use plan_core::persona::harness;

use crate::os::walk::text_of;

/// What a persona file of a class may say; the fleet says the rest.
const KEYS: [&str; 15] = [
    "systemPrompt",
    "harnessSettings",
    "skills",
    "inputs",
    "inputValues",
    "env",
    "mcpServers",
    "permissions",
    "mount",
    "claudeMd",
    "claudeMdContent",
    "claudeMdMode",
    "agentsMd",
    "agentsMdContent",
    "agentsMdMode",
];

/// The files that a persona may lay into the project.
const LAYS: [&str; 4] = ["claudeMd", "claudeMdContent", "agentsMd", "agentsMdContent"];

/// The persona of a seat.
#[derive(Debug, Clone, PartialEq)]
pub struct Composed {
    /// What is planned.
    pub selection: Object<'static>,
    /// Whether it lays files into the project that another seat's would stand beside.
    pub lays_files: bool,
}

/// Puts the persona of a seat together.
///
/// # Errors
/// The class's persona file is no JSON object, or has keys that are not known.
pub fn compose(
    seat: &PlannedSeat,
    contract: &str,
    file: Option<&RoleFile>,
    dir: &Path,
) -> Result<Composed, Diagnostic> {
    let mut given = match file {
        None => Object::new(),
        Some(file) => parse(file, dir)?,
    };
    let mut prompt = String::from(contract.trim_end());
    if let Some(own) = given
        .remove("systemPrompt")
        .as_ref()
        .and_then(Value::as_str)
    {
        prompt.push_str("\n\n");
        prompt.push_str(own.trim());
    }
    prompt.push_str("\n\n");
    prompt.push_str(&place(seat));
    let def = harness::find(&seat.runtime);
    let usual = def.map_or("", |def| def.usual_model);
    let mut selection = Object::new();
    selection.insert("personaId", seat.class.clone());
    selection.insert("harness", seat.runtime.clone());
    let model = seat.model.as_deref().unwrap_or(usual);
    selection.insert("model", model.to_owned());
    selection.insert("systemPrompt", prompt);
    let settings = given.remove("harnessSettings");
    selection.insert("harnessSettings", settings.unwrap_or_else(usual_settings));
    let skills = given.remove("skills");
    selection.insert("skills", skills.unwrap_or(Value::Array(Vec::new())));
    let lays_files = LAYS.iter().any(|key| given.contains(key)) && !given.contains("mount");
    for (key, value) in given.entries() {
        selection.insert(key.clone(), value.clone());
    }
    Ok(Composed {
        selection,
        lays_files,
    })
}

fn usual_settings() -> Value<'static> {
    let mut settings = Object::new();
    settings.insert("reasoning", "medium");
    settings.insert("timeoutSeconds", Value::Number(3600.0));
    Value::Object(settings)
}

/// Where a seat stands, for its agent to read.
fn place(seat: &PlannedSeat) -> String {
    let mut text = format!(
        "# Your seat\n\nYou are the seat `{}` of a fleet of agents.",
        seat.name
    );
    if let Some(manager) = &seat.reports_to {
        text.extend([
            " You report to the seat `",
            &**manager,
            "`: tell it what you finish and what stops you.",
        ]);
    }
    text.push_str(
        " `callsheet fleet comms-block SEAT` shows whom a seat works with, `callsheet fleet status` who is \
         there, and `callsheet fleet send SEAT --message TEXT` speaks to a seat.\n",
    );
    text
}

fn parse(file: &RoleFile, dir: &Path) -> Result<Object<'static>, Diagnostic> {
    let path = text_of(&dir.join(&file.name));
    let value = read(&file.text).map_err(|error| {
        let place = position(&file.text, error.offset);
        let message = format!("{path}:{}:{}: {error}", place.line, place.column);
        Diagnostic::error(Code::DOCUMENT_MALFORMED, message)
    })?;
    let Value::Object(object) = value.to_owned_value() else {
        let message = format!("{path}: the persona of a class must be a JSON object");
        return Err(Diagnostic::error(Code::PERSONA_FIELD_INVALID, message));
    };
    let unknown = object.iter().find(|(key, _)| !KEYS.contains(key));
    if let Some((key, _)) = unknown {
        let message = format!("{path}: the persona of a class has no field `{key}`");
        let problem = Diagnostic::error(Code::PERSONA_FIELD_INVALID, message);
        let help = nearest(key, KEYS).map_or_else(
            || "harness and model are said by the roster, the profile or the policy".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(problem.help(help));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plan_core::base::edition::Edition;
    use plan_core::persona::parse::check_selection;

    fn seat() -> PlannedSeat {
        PlannedSeat {
            name: "code0".into(),
            class: "code".into(),
            runtime: harness::any().into(),
            model: None,
            working_directory: "~".into(),
            domain: "engineering".into(),
            persistent: false,
            reports_to: Some("planner".into()),
            wave: 1,
            hash: "h".into(),
            startable: true,
            why: Vec::new(),
        }
    }

    fn file(text: &str) -> RoleFile {
        RoleFile {
            name: "code.json".into(),
            text: text.into(),
        }
    }

    #[test]
    fn a_role_alone_makes_a_persona_that_can_be_planned() {
        let made = compose(
            &seat(),
            "# Persona Contract (code)\n\nWrite.\n",
            None,
            Path::new("/h"),
        );
        let made = made.expect("a persona");
        let prompt = made.selection.get("systemPrompt").and_then(Value::as_str);
        let prompt = prompt.expect("a prompt");
        assert!(prompt.starts_with("# Persona Contract (code)\n\nWrite.\n\n# Your seat\n"));
        assert!(prompt.contains("You report to the seat `planner`"));
        let selection = Value::Object(made.selection);
        assert_eq!(check_selection(&selection, Edition::V2026), Ok(()));
        assert!(!made.lays_files);
    }

    #[test]
    fn a_persona_file_adds_what_a_role_cannot_say() {
        let text = r#"{"env": {"A": "1"}, "systemPrompt": "Be brief.", "claudeMdContent": "x"}"#;
        let made = compose(&seat(), "Write.", Some(&file(text)), Path::new("/h"));
        let made = made.expect("a persona");
        assert!(made.lays_files);
        let prompt = made.selection.get("systemPrompt").and_then(Value::as_str);
        assert!(prompt.is_some_and(|prompt| prompt.starts_with("Write.\n\nBe brief.\n\n#")));
        let selection = Value::Object(made.selection);
        assert_eq!(check_selection(&selection, Edition::V2026), Ok(()));
    }

    #[test]
    fn what_a_persona_file_cannot_say_is_refused_by_name() {
        let told = |text: &str| {
            let problem = compose(&seat(), "x", Some(&file(text)), Path::new("/h"));
            let problem = problem.expect_err("a problem");
            format!(
                "{}; {}",
                problem.message,
                problem.help.clone().unwrap_or_default()
            )
        };
        assert_eq!(
            told(r#"{"skils": []}"#),
            "/h/code.json: the persona of a class has no field `skils`; did you mean `skills`?"
        );
        assert_eq!(
            told(r#"{"harness": "x"}"#),
            "/h/code.json: the persona of a class has no field `harness`; harness and model are said by the roster, the profile or the policy"
        );
        assert!(told("{").starts_with("/h/code.json:1:2: "));
        assert!(told("[]").contains("must be a JSON object"));
    }
}
