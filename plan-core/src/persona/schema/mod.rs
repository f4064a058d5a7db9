//! The JSON schemas of persona and agent files, for editors.
//!
//! They are written by hand and accept what the parser accepts in edition 2026; a
//! test of the workspace tries both on mutated documents. Four rules have no form
//! in a schema and are the parser's alone: names of inputs and integrations refer to
//! declared ones, schedule names are unique, the ends of a cron range are in order,
//! and lengths count UTF-16 units.

/// The schema of a persona file that stands alone.
pub const PERSONA: &str = include_str!("persona.schema.json");

/// The schema of an agent file.
pub const AGENT: &str = include_str!("agent.schema.json");

/// Finds a schema by the name of what it describes: `persona` or `agent`.
pub fn find(name: &str) -> Option<&'static str> {
    match name {
        "persona" => Some(PERSONA),
        "agent" => Some(AGENT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::base::json::{Value, read};
    use crate::persona::harness;

    #[test]
    fn schemas_are_documents_that_name_every_harness() {
        assert!(find("agent").is_some_and(|text| read(text).is_ok()));
        let persona = read(PERSONA).unwrap();
        let names = persona
            .get("$defs")
            .and_then(|defs| defs.get("harness")?.get("enum"));
        let names: Vec<_> = names
            .and_then(Value::as_array)
            .unwrap()
            .iter()
            .map(Value::as_str)
            .collect();
        let known: Vec<_> = harness::ALL.iter().map(|def| Some(def.id)).collect();
        assert_eq!(
            names, known,
            "persona.schema.json has another list of harnesses"
        );
    }
}
