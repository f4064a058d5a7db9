//! The constants of persona-kit as a TypeScript module: literals, so that they are plain
//! arrays and objects with types of their own, and nothing has to run for them.

use plan_core::base::json::{Object, Value, print, read};
use plan_core::persona::parse::forms;

const HEAD: &str = "/**
 * The constants of persona-kit 4. Made from the Rust sources by `npm run types`; changes
 * belong there.
 */
";

const FORMS: &str = "/**
 * Which members the parsers read. Made from the Rust sources by `npm run types`; see
 * `forms` in plan-core.
 */

import type { Form } from './form.cjs';

export const FORMS: Readonly<Record<string, Form>> = ";

/// Prints the module of the forms.
pub(crate) fn form_module() -> String {
    format!("{FORMS}{};\n", print(&forms()))
}

/// Prints the module of the constants.
///
/// # Errors
/// The constants are no document, which is a mistake.
pub(crate) fn module() -> Result<String, String> {
    let Some(Ok(Some(text))) = plan_wasm::persona_kit::call("constants", &[]) else {
        return Err("there are no constants".into());
    };
    let constants = read(&text).map_err(|error| error.to_string())?;
    let mut module = String::from(HEAD);
    for (name, value) in constants.as_object().into_iter().flat_map(Object::iter) {
        module.push_str("\nexport const ");
        module.push_str(name);
        module.push_str(&match (name, value) {
            // Its lists are those of the catalog itself.
            ("KNOWN_TRIGGERS", _) => triggers(constants.get("KNOWN_TRIGGER_PROVIDER_ALIASES")),
            _ => declaration(name, value),
        });
    }
    Ok(module)
}

fn triggers(aliases: Option<&Value<'_>>) -> String {
    let aliases = aliases.and_then(Value::as_object).into_iter();
    let aliases = aliases.flat_map(Object::iter);
    let row = |alias: &str, provider: &Value<'_>| {
        format!("  {alias:?}: KNOWN_TRIGGER_CATALOG[{}],\n", print(provider))
    };
    let rows: String = aliases
        .map(|(alias, provider)| row(alias, provider))
        .collect();
    format!(" = {{\n  ...KNOWN_TRIGGER_CATALOG,\n{rows}}} as const;\n")
}

fn declaration(name: &str, value: &Value<'_>) -> String {
    match value {
        Value::String(pattern) => format!(": RegExp = /{pattern}/;\n"),
        _ if name == "HARNESS_SKILL_TARGETS" || name.starts_with("ADAPTERS_") => {
            format!(" = {};\n", print(value))
        }
        _ => format!(" = {} as const;\n", print(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_what_the_sources_say() {
        let constants = include_str!("../../../npm/src/persona-kit/constants.cts");
        assert_eq!(module().as_deref(), Ok(constants));
        let forms = include_str!("../../../npm/src/persona-kit/forms.cts");
        assert_eq!(form_module(), forms);
    }
}
