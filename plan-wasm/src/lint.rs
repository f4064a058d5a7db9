//! Likely mistakes.

use plan_core::persona::lint;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::document::{edition, give, read};
use crate::door::pass;
use crate::failure::Failure;

/// Looks for likely mistakes in a persona: its integrations' scopes.
#[wasm_bindgen(js_name = lintPersona)]
pub fn lint_persona(flags: u32, persona: usize) -> u32 {
    pass(&[persona], &|[persona, ..]| {
        let persona = read("persona", persona)?.value;
        give(&lint::lint_scopes(&persona, edition(flags)))
    })
}

/// Looks for likely mistakes in an agent: its triggers and watch rules.
#[wasm_bindgen(js_name = lintAgent)]
pub fn lint_agent(flags: u32, agent: usize) -> u32 {
    pass(&[agent], &|[agent, ..]| {
        let agent = read("agent", agent)?.value;
        let issues = lint::lint_triggers(&agent, edition(flags));
        let named = |error| Failure::named(lint::TriggerLintError::NAME, &error);
        give(&issues.map_err(named)?)
    })
}
