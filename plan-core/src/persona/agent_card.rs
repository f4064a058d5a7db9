//! Agent cards: what a persona tells other agents about itself.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Text, Value};
use crate::base::record::record;
use crate::base::text::js_trim;

record! {
    /// A card, as the A2A protocol wants it.
    pub struct AgentCard<'a> {
        /// The agent's name.
        pub name: Text<'a> => "name",
        /// What it does.
        pub description: Text<'a> => "description",
        /// Where it answers.
        pub url: Text<'a> => "url",
        /// Its version.
        pub version: Text<'a> => "version",
        /// What it can do; never empty.
        pub skills: Vec<CardSkill<'a>> => "skills",
        /// Who runs it.
        pub provider: CardProvider<'a> => "provider",
        /// The optional parts of the protocol that it speaks.
        pub capabilities: CardCapabilities => "capabilities",
        /// The media types that it takes.
        pub default_input_modes: Vec<Text<'a>> => "default_input_modes",
        /// The media types that it gives.
        pub default_output_modes: Vec<Text<'a>> => "default_output_modes",
        /// Where it is documented.
        pub documentation_url: Option<Text<'a>> => "documentation_url",
    }
}

record! {
    /// Something that an agent can do.
    pub struct CardSkill<'a> {
        /// Its id.
        pub id: Text<'a> => "id",
        /// Its name for people.
        pub name: Text<'a> => "name",
        /// What it does.
        pub description: Text<'a> => "description",
        /// Words to find it by.
        pub tags: Vec<Text<'a>> => "tags",
    }
}

record! {
    /// Who runs an agent.
    pub struct CardProvider<'a> {
        /// Always `AgentWorkforce`.
        pub organization: Text<'a> => "organization",
        /// The persona's id.
        pub persona_id: Text<'a> => "persona_id",
        /// The persona's intent.
        pub intent: Text<'a> => "intent",
        /// The persona's tags.
        pub tags: Value<'a> => "tags",
    }
}

record! {
    /// The optional parts of the protocol that an agent speaks.
    pub struct CardCapabilities {
        /// Whether it streams its answers.
        pub streaming: bool => "streaming",
        /// Whether it notifies without being asked.
        pub push_notifications: bool => "pushNotifications",
    }
}

/// The capabilities that are parts of the protocol and no skills.
const STREAMING: &str = "streaming";
const PUSH_NOTIFICATIONS: &str = "pushNotifications";

/// Derives a card from a persona. Of `options`, `baseUrl` and `version` are needed;
/// `documentationUrl`, `inputModes` and `outputModes` are not.
///
/// # Errors
/// The first part that a card may not have: an address that is none, an empty
/// version or name.
pub fn derive_agent_card<'a>(
    persona: &'a Value<'a>,
    options: &'a Value<'a>,
) -> Result<AgentCard<'a>, Diagnostic> {
    let relay_name = persona
        .get("relay")
        .and_then(|relay| relay.get("agentName"));
    let id = text(persona, "id");
    let name = match relay_name {
        None | Some(Value::Null) => id.clone(),
        Some(name) => Cow::Borrowed(name.as_str().unwrap_or_default()),
    };
    let enabled = |name| capability(persona, name).is_some_and(is_enabled);
    let card = AgentCard {
        name,
        description: text(persona, "description"),
        url: text(options, "baseUrl"),
        version: text(options, "version"),
        skills: skills(persona),
        provider: CardProvider {
            organization: Cow::Borrowed("AgentWorkforce"),
            persona_id: id,
            intent: text(persona, "intent"),
            tags: tags(persona),
        },
        capabilities: CardCapabilities {
            streaming: enabled(STREAMING),
            push_notifications: enabled(PUSH_NOTIFICATIONS),
        },
        default_input_modes: modes(options, "inputModes"),
        default_output_modes: modes(options, "outputModes"),
        documentation_url: options
            .get("documentationUrl")
            .and_then(Value::as_str)
            .map(Cow::Borrowed),
    };
    check(&card)?;
    Ok(card)
}

fn tags<'a>(persona: &'a Value<'a>) -> Value<'a> {
    let tags = persona.get("tags").filter(|tags| **tags != Value::Null);
    tags.cloned().unwrap_or(Value::Array(Vec::new()))
}

fn text<'a>(value: &'a Value<'a>, field: &str) -> Text<'a> {
    Cow::Borrowed(value.get_str(field).unwrap_or_default())
}

fn modes<'a>(options: &'a Value<'a>, field: &str) -> Vec<Text<'a>> {
    let Some(modes) = options.get(field).and_then(Value::as_array) else {
        return ["text/plain", "application/json"]
            .map(Cow::Borrowed)
            .to_vec();
    };
    let texts = modes.iter().filter_map(Value::as_str);
    texts.map(Cow::Borrowed).collect()
}

fn capability<'a>(persona: &'a Value<'a>, name: &str) -> Option<&'a Value<'a>> {
    persona.get("capabilities")?.get(name)
}

/// Tells whether the value of a capability switches it on.
fn is_enabled(value: &Value<'_>) -> bool {
    match value {
        Value::Bool(enabled) => *enabled,
        Value::Object(_) => value.get("enabled") != Some(&Value::Bool(false)),
        Value::Array(_) => true,
        Value::Null | Value::Number(_) | Value::String(_) => false,
    }
}

/// Lists what the persona can do: its skills, its capabilities, or else its intent.
fn skills<'a>(persona: &'a Value<'a>) -> Vec<CardSkill<'a>> {
    let own = persona.get("skills").and_then(Value::as_array);
    let own = own.unwrap_or_default().iter().map(|skill| {
        let source = skill.get_str("source").into_iter();
        CardSkill {
            id: text(skill, "id"),
            name: Cow::Owned(humanize(skill.get_str("id").unwrap_or_default())),
            description: text(skill, "description"),
            tags: unique(source.chain(integrations(persona))),
        }
    });
    let mut skills: Vec<_> = own.collect();
    for (name, _) in members(persona, "capabilities").filter(|(_, value)| is_enabled(value)) {
        match name {
            STREAMING | PUSH_NOTIFICATIONS => {}
            "pullRequest" => add_capability("review", persona, &mut skills),
            _ => add_capability(name, persona, &mut skills),
        }
    }
    if skills.is_empty() {
        let intent = text(persona, "intent");
        skills.push(CardSkill {
            name: Cow::Owned(humanize(&intent)),
            id: intent,
            description: text(persona, "description"),
            tags: unique(integrations(persona)),
        });
    }
    skills
}

/// Adds a capability, to the skill of this id if there is one.
fn add_capability<'a>(id: &'a str, persona: &'a Value<'a>, skills: &mut Vec<CardSkill<'a>>) {
    if let Some(skill) = skills.iter_mut().find(|skill| skill.id == id) {
        add_tags(&mut skill.tags, integrations(persona));
        return;
    }
    let name = humanize(id);
    skills.push(CardSkill {
        id: Cow::Borrowed(id),
        description: Cow::Owned(format!("Persona capability: {name}")),
        name: Cow::Owned(name),
        tags: unique(integrations(persona)),
    });
}

fn integrations<'a>(persona: &'a Value<'a>) -> impl Iterator<Item = &'a str> {
    members(persona, "integrations").map(|(provider, _)| provider)
}

fn members<'a>(
    persona: &'a Value<'a>,
    field: &str,
) -> impl Iterator<Item = (&'a str, &'a Value<'a>)> {
    let object = persona.get(field).and_then(Value::as_object);
    object.into_iter().flat_map(Object::iter)
}

fn unique<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Text<'a>> {
    let mut tags = Vec::new();
    add_tags(&mut tags, words);
    tags
}

/// Adds the trimmed words that are not empty and not there yet.
fn add_tags<'a>(tags: &mut Vec<Text<'a>>, words: impl Iterator<Item = &'a str>) {
    for word in words.map(js_trim).filter(|word| !word.is_empty()) {
        if tags.iter().all(|tag| tag != word) {
            tags.push(Cow::Borrowed(word));
        }
    }
}

/// Turns an id into a name for people: `pullRequest_x` into `Pull Request X`.
fn humanize(id: &str) -> String {
    let mut name = String::with_capacity(id.len() + 4);
    let mut before = None;
    let mut in_word = false;
    for character in id.chars() {
        let lower_before = before
            .is_some_and(|before: char| before.is_ascii_lowercase() || before.is_ascii_digit());
        if lower_before && character.is_ascii_uppercase() {
            name.push(' ');
            in_word = false;
        }
        let separates = matches!(character, '-' | '_' | ':');
        if separates && matches!(before, Some('-' | '_' | ':')) {
            continue;
        }
        let shown = match character {
            _ if separates => ' ',
            _ if !in_word => character.to_ascii_uppercase(),
            _ => character,
        };
        in_word = shown.is_ascii_alphanumeric() || shown == '_';
        name.push(shown);
        before = Some(character);
    }
    name
}

/// Checks what the protocol demands of a card.
fn check(card: &AgentCard<'_>) -> Result<(), Diagnostic> {
    let root = Path::root("agentCard");
    let invalid =
        |at: &Path<'_>, problem| Err(Diagnostic::at(Code::PERSONA_FIELD_INVALID, at, problem));
    for (field, value) in [("name", &card.name), ("version", &card.version)] {
        if value.is_empty() {
            return invalid(&root.field(field), "must not be empty");
        }
    }
    if !is_url(&card.url) {
        return invalid(&root.field("url"), "must be a URL");
    }
    let documentation = card.documentation_url.as_deref();
    if documentation.is_some_and(|url| !is_url(url)) {
        return invalid(&root.field("documentation_url"), "must be a URL");
    }
    let skills = root.field("skills");
    for (place, skill) in card.skills.iter().enumerate() {
        for (field, value) in [("id", &skill.id), ("name", &skill.name)] {
            if value.is_empty() {
                return invalid(&skills.index(place).field(field), "must not be empty");
            }
        }
    }
    Ok(())
}

/// Tells whether a text has a scheme and something behind it; web addresses need
/// a host.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = js_trim(text).split_once(':') else {
        return false;
    };
    let mut bytes = scheme.bytes();
    let valid = bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    let web = ["http", "https", "ws", "wss", "ftp"];
    if web.iter().any(|web| scheme.eq_ignore_ascii_case(web)) {
        let host = rest.trim_start_matches(['/', '\\']);
        let host = host.split(['/', '\\', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        return !host.is_empty()
            && !host.starts_with(':')
            && !host.contains([' ', '<', '>', '^', '|', '%']);
    }
    valid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::{print, read};

    #[test]
    fn words_names_for_people() {
        for (id, name) in [
            ("issueClaim", "Issue Claim"),
            ("a-b__c:d", "A B C D"),
            ("HTTPRead2Go", "HTTPRead2 Go"),
        ] {
            assert_eq!(humanize(id), name);
        }
    }

    #[test]
    fn derives_skills_from_capabilities() {
        let persona = read(
            r#"{"id":"p","intent":"review","description":"d","integrations":{"github":{}},
                "skills":[{"id":"review","source":"a/b","description":"s"}],
                "capabilities":{"pullRequest":true,"issueClaim":{},"x":false,"streaming":true}}"#,
        )
        .expect("JSON");
        let options = read(r#"{"baseUrl":"https://x.test","version":"1"}"#).expect("JSON");
        let card = derive_agent_card(&persona, &options).expect("a card");
        assert_eq!(
            print(&card.skills),
            concat!(
                r#"[{"id":"review","name":"Review","description":"s","tags":["a/b","github"]},"#,
                r#"{"id":"issueClaim","name":"Issue Claim","#,
                r#""description":"Persona capability: Issue Claim","tags":["github"]}]"#
            )
        );
        assert!(card.capabilities.streaming);
        let nowhere = read(r#"{"baseUrl":"x","version":"1"}"#).expect("JSON");
        assert!(derive_agent_card(&persona, &nowhere).is_err());
    }
}
