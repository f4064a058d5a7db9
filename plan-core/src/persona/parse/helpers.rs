//! The field parsers by themselves, with the answers of persona-kit 4: the first
//! problem ends the parse, `None` stands for `undefined`.

use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::Value;

use super::cx::{Cx, Rule};
use super::{
    access, agent, capabilities, files, inputs, integrations, leaf, mcp, memory, relay, schedules,
    settings, skills, tags, watch,
};

/// Runs one rule on a value that messages call `context`.
fn run<'a>(
    rule: &dyn Rule<'a>,
    value: Option<&Value<'a>>,
    context: &str,
) -> Result<Option<Value<'a>>, Diagnostic> {
    let mut cx = Cx::new(Edition::PersonaKit4);
    let parsed = rule(&mut cx, value, &Path::root(context));
    match (parsed, cx.into_problem()) {
        (Ok(parsed), None) => Ok(parsed),
        (_, Some(problem)) => Err(problem),
        // A stop always has its problem.
        (Err(_), None) => Ok(None),
    }
}

macro_rules! helpers {
    ($( $(#[$meta:meta])* $name:ident => $rule:path; )*) => {
        $(
            $(#[$meta])*
            ///
            /// # Errors
            /// The first problem, with its path from `context`.
            pub fn $name<'a>(
                value: Option<&Value<'a>>,
                context: &str,
            ) -> Result<Option<Value<'a>>, Diagnostic> {
                run(&$rule, value, context)
            }
        )*
    };
}

helpers! {
    /// Parses the tags of a persona.
    parse_tags => tags::parse;
    /// Parses the settings of a harness.
    parse_harness_settings => settings::parse;
    /// Parses the skills of a persona.
    parse_skills => skills::parse;
    /// Parses a list of texts.
    parse_string_list => leaf::string_list;
    /// Parses a map of texts.
    parse_string_map => leaf::string_map;
    /// Parses a mount policy.
    parse_mount => access::mount;
    /// Parses the sandbox switch.
    parse_sandbox => access::sandbox;
    /// Parses permissions.
    parse_permissions => access::permissions;
    /// Parses the inputs of a persona.
    parse_inputs => inputs::parse;
    /// Parses servers of the model context protocol.
    parse_mcp_servers => mcp::parse;
    /// Parses the path of an event handler.
    parse_on_event => files::on_event;
    /// Parses whose account an integration acts for.
    parse_integration_source => integrations::source;
    /// Parses one integration.
    parse_integration_config => integrations::integration;
    /// Parses the integrations of a persona.
    parse_integrations => integrations::parse;
    /// Parses one trigger of an agent.
    parse_integration_trigger => agent::trigger;
    /// Parses the schedules of an agent.
    parse_schedules => schedules::parse;
    /// Parses the watch rules of an agent.
    parse_watch => watch::parse;
    /// Parses the memory of a persona.
    parse_memory => memory::parse;
    /// Parses the relay settings of a persona.
    parse_relay => relay::parse;
    /// Parses the capabilities of a persona.
    parse_capabilities => capabilities::parse;
    /// Checks the name of an input.
    assert_input_name => inputs::assert_name;
    /// Checks the path of a sidecar.
    assert_sidecar_path => files::assert_sidecar;
}
