//! A persona that was parsed.

use crate::base::json::{Object, Print, Value, Writer};

use super::persona::is_handler;

/// A persona in its normal form. Only the parser makes one, so its fields keep
/// the promises of the persona format.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonaSpec<'a>(Object<'a>);

impl<'a> PersonaSpec<'a> {
    pub(super) fn new(normal: Object<'a>) -> Self {
        Self(normal)
    }

    /// Returns a field in its normal form.
    pub fn get(&self, field: &str) -> Option<&Value<'a>> {
        self.0.get(field)
    }

    /// Returns the name of the persona.
    pub fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// Returns what the persona is for.
    pub fn intent(&self) -> &str {
        self.text("intent").unwrap_or_default()
    }

    /// Returns what the persona does, in prose.
    pub fn description(&self) -> &str {
        self.text("description").unwrap_or_default()
    }

    /// Walks the tags, sorted.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.list("tags").iter().filter_map(Value::as_str)
    }

    /// Returns the harness; only a handler may have none.
    pub fn harness(&self) -> Option<&str> {
        self.text("harness")
    }

    /// Returns the model; only a handler may have none.
    pub fn model(&self) -> Option<&str> {
        self.text("model")
    }

    /// Returns the system prompt; only a handler may have none.
    pub fn system_prompt(&self) -> Option<&str> {
        self.text("systemPrompt")
    }

    /// Returns the settings of the harness.
    pub fn harness_settings(&self) -> Option<&Object<'a>> {
        self.object("harnessSettings")
    }

    /// Returns the skills.
    pub fn skills(&self) -> &[Value<'a>] {
        self.list("skills")
    }

    /// Returns the inputs by name.
    pub fn inputs(&self) -> Option<&Object<'a>> {
        self.object("inputs")
    }

    /// Returns the integrations by provider; their sources are asked for with
    /// [`effective_source`](super::effective_source).
    pub fn integrations(&self) -> Option<&Object<'a>> {
        self.object("integrations")
    }

    /// Returns the path of the event handler.
    pub fn on_event(&self) -> Option<&str> {
        self.text("onEvent")
    }

    /// Tells whether events start the persona, which then needs no harness.
    pub fn is_handler(&self) -> bool {
        is_handler(self.get("onEvent"))
    }

    /// Tells whether the agent runs in a sandbox, which is the default.
    pub fn is_sandboxed(&self) -> bool {
        self.get("sandbox").and_then(Value::as_bool).unwrap_or(true)
    }

    /// Returns the normal form as an object.
    pub fn as_object(&self) -> &Object<'a> {
        &self.0
    }

    /// Takes the normal form as an object.
    pub fn into_object(self) -> Object<'a> {
        self.0
    }

    fn text(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    fn list(&self, field: &str) -> &[Value<'a>] {
        let list = self.get(field).and_then(Value::as_array);
        list.unwrap_or_default()
    }

    fn object(&self, field: &str) -> Option<&Object<'a>> {
        self.get(field).and_then(Value::as_object)
    }
}

impl Print for PersonaSpec<'_> {
    fn print(&self, out: &mut Writer) {
        self.0.print(out);
    }
}
