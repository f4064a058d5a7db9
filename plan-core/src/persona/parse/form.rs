//! How the documents that parsers read are put together, as a document itself. A host
//! whose objects hold more than JSON can carry sees from it which members are read, and
//! keeps the others as they are.

use crate::base::json::Object;

use super::section::Shape;
use super::{access, agent, inputs, integrations, mcp, memory, persona, relay};
use super::{schedules, settings, skills, watch};

/// Returns the form of each document by the parser of persona-kit that reads it. A form
/// has `fields` by name; `entries`, for every other member of a map; `items`, for those
/// of a list. Its `mark` is `kept` for a value that is only looked at from outside,
/// `present` for a member that counts even when it has no value, `sparse` for a map whose
/// entries without a value do not count, `same` for a value that is handed on as it
/// is, `copied` for an object that is handed on member by member, `quoted` for a value that errors repeat, and `implicit` for integrations, which
/// may leave their source out.
pub fn forms() -> Object<'static> {
    let mut all = Object::new();
    let mut add = |name: &'static str, form: Object<'static>| all.insert(name, form);
    add("parsePersonaSpec", persona_form());
    add("parseAgentSpec", agent_form());
    add("parseHarnessSettings", fields(&settings::SHAPE, []));
    add("parseSkills", items(fields(&skills::SHAPE, [])));
    add("parseMount", fields(&access::MOUNT, []));
    add("parsePermissions", permissions());
    add("parseInputs", inputs_form());
    add("parseMcpServers", servers());
    add("parseIntegrationSource", fields(&integrations::SOURCE, []));
    add("parseIntegrationConfig", integration());
    add("parseIntegrations", entries(integration()));
    add("parseIntegrationTrigger", fields(&agent::TRIGGER, []));
    add("parseSchedules", items(fields(&schedules::SHAPE, [])));
    add("parseWatch", items(fields(&watch::SHAPE, [])));
    add("parseMemory", memory_form());
    add("parseRelay", fields(&relay::SHAPE, []));
    add("parseCapabilities", capabilities());
    add("buildPersonaSpawnPlan", selection());
    all
}

fn persona_form() -> Object<'static> {
    let known = [
        ("skills", items(fields(&skills::SHAPE, []))),
        ("inputs", inputs_form()),
        ("harnessSettings", fields(&settings::SHAPE, [])),
        ("mcpServers", servers()),
        ("permissions", permissions()),
        ("mount", fields(&access::MOUNT, [])),
        ("integrations", entries(integration())),
        ("capabilities", capabilities()),
        ("memory", memory_form()),
        ("relay", fields(&relay::SHAPE, [])),
    ];
    let removed = persona::REMOVED.map(|(name, _)| (name, mark("present")));
    let quoted = [("sandbox", mark("quoted"))];
    fields(
        &persona::SHAPE,
        known.into_iter().chain(removed).chain(quoted),
    )
}

fn agent_form() -> Object<'static> {
    let known = [
        ("triggers", entries(items(fields(&agent::TRIGGER, [])))),
        ("schedules", items(fields(&schedules::SHAPE, []))),
        ("watch", items(fields(&watch::SHAPE, []))),
    ];
    fields(&agent::AGENT, known)
}

fn permissions() -> Object<'static> {
    let lists = ["allow", "deny"].map(|name| (name, mark("same")));
    fields(&access::PERMISSIONS, lists)
}

fn inputs_form() -> Object<'static> {
    let picker = fields(&inputs::PICKER, []);
    entries(fields(&inputs::INPUT, [("picker", picker)]))
}

fn servers() -> Object<'static> {
    // Which of them are known depends on a server's type.
    let known = mcp::LOCAL.iter().map(|name| (*name, Object::new()));
    entries(fields(&mcp::SERVER, known.chain([("args", mark("same"))])))
}

fn integration() -> Object<'static> {
    let known = [
        ("source", fields(&integrations::SOURCE, [])),
        ("config", mark("kept")),
        ("triggers", mark("present")),
    ];
    let mut form = fields(&integrations::INTEGRATION, known);
    form.insert("mark", "implicit");
    form
}

fn memory_form() -> Object<'static> {
    let known = [
        ("trajectories", fields(&memory::TRAJECTORIES, [])),
        ("aiMemory", fields(&memory::AI_MEMORY, [])),
    ];
    fields(&memory::MEMORY, known)
}

/// Every capability may have members of its own, `httpRead` only those that are known.
fn capabilities() -> Object<'static> {
    let rule = names(&["method", "urlGlob"]);
    let mut http_read = names(&["enabled", "allow"]);
    http_read.insert("allow", items(under("fields", rule)));
    let mut capability = under("fields", names(&["enabled"]));
    capability.insert("mark", "copied");
    let mut form = entries(capability);
    let mut known = Object::new();
    known.insert("httpRead", under("fields", http_read));
    form.insert("fields", known);
    form.insert("mark", "sparse");
    form
}

/// What the planner reads of a selection.
fn selection() -> Object<'static> {
    under(
        "fields",
        names(&[
            "personaId",
            "harness",
            "model",
            "systemPrompt",
            "harnessSettings",
            "skills",
            "inputs",
            "inputValues",
            "env",
            "mcpServers",
            "permissions",
            "mount",
            "memory",
            "claudeMd",
            "claudeMdContent",
            "claudeMdMode",
            "agentsMd",
            "agentsMdContent",
            "agentsMdMode",
        ]),
    )
}

fn fields(
    shape: &Shape,
    forms: impl IntoIterator<Item = (&'static str, Object<'static>)>,
) -> Object<'static> {
    let mut known = names(shape.fields);
    for (name, form) in forms {
        known.insert(name, form);
    }
    under("fields", known)
}

fn names(names: &[&'static str]) -> Object<'static> {
    let names = names.iter();
    names
        .map(|name| ((*name).into(), Object::new().into()))
        .collect()
}

fn items(form: Object<'static>) -> Object<'static> {
    under("items", form)
}

fn entries(form: Object<'static>) -> Object<'static> {
    under("entries", form)
}

fn under(name: &'static str, form: Object<'static>) -> Object<'static> {
    let mut outer = Object::new();
    outer.insert(name, form);
    outer
}

fn mark(mark: &'static str) -> Object<'static> {
    let mut form = Object::new();
    form.insert("mark", mark);
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::print;

    #[test]
    fn a_form_names_what_is_read() {
        let forms = forms();
        let form = |name| print(forms.get(name).expect("a form"));
        assert_eq!(
            form("parseSkills"),
            r#"{"items":{"fields":{"id":{},"source":{},"description":{}}}}"#
        );
        let persona = form("parsePersonaSpec");
        for part in [
            r#""traits":{"mark":"present"}"#,
            r#""config":{"mark":"kept"}"#,
            r#""onEvent":{}"#,
        ] {
            assert!(persona.contains(part), "{part}");
        }
        let server = form("parseMcpServers");
        assert!(server.contains(r#""url":{}"#) && server.contains(r#""command":{}"#));
    }
}
