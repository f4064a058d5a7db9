//! The WebAssembly shell over `plan-core`: one exported function per public operation and
//! no logic.
//!
//! Every document and every answer crosses as JSON text, so that one reader decides what a
//! document means, here as in the native program. Calls themselves take and give numbers
//! only; how the texts cross is told in `door.rs`.

mod door;
mod failure;
mod operation;
pub mod persona_kit;

pub use door::Answer;
pub use failure::Failure;
pub use operation::{FLAG_COMPAT, FLAG_HELD, FLAG_MARKED};

use wasm_bindgen::prelude::wasm_bindgen;

/// Makes room for the texts of a request, in bytes; returns its address.
#[wasm_bindgen]
pub fn reserve(bytes: usize) -> usize {
    door::reserve(bytes)
}

/// Returns the address of the last answer.
#[wasm_bindgen(js_name = answerAt)]
pub fn answer_at() -> usize {
    door::answer_at()
}

/// Returns the length of the last answer in bytes.
#[wasm_bindgen(js_name = answerLength)]
pub fn answer_length() -> usize {
    door::answer_length()
}

/// Tells whether the request, so many bytes, has the character that encoders write for
/// half of a surrogate pair.
#[wasm_bindgen(js_name = hasReplacement)]
pub fn has_replacement(bytes: usize) -> bool {
    door::has_replacement(bytes)
}

/// Parts the last answer into what is ASCII and the rest, if that pays; returns the length
/// of the ASCII part, or 0.
#[wasm_bindgen(js_name = partAnswer)]
pub fn part_answer() -> usize {
    door::part_answer()
}

/// Forgets the last request and its answer.
#[wasm_bindgen]
pub fn forget() {
    door::forget();
}

/// Plans a persona: its text, and that of the options.
#[wasm_bindgen]
pub fn plan(flags: u32, persona: usize, options: usize) -> u32 {
    door::pass([persona, options], |texts| operation::plan(flags, texts))
}

/// Plans every persona of a list with the same options.
#[wasm_bindgen(js_name = planAll)]
pub fn plan_all(flags: u32, personas: usize, options: usize) -> u32 {
    door::pass([personas, options], |texts| {
        operation::plan_all(flags, texts)
    })
}

/// Keeps a persona for repeated planning; the answer is its number.
#[wasm_bindgen]
pub fn compile(persona: usize) -> u32 {
    door::pass([persona], operation::compile)
}

/// Plans a persona that is kept.
#[wasm_bindgen(js_name = planCompiled)]
pub fn plan_compiled(flags: u32, number: u32, options: usize) -> u32 {
    door::pass([options], |texts| {
        operation::plan_compiled(flags, number, texts)
    })
}

/// Forgets a persona that is kept.
#[wasm_bindgen]
pub fn release(number: u32) {
    operation::release(number);
}

/// Checks that a plan is whole and unchanged.
#[wasm_bindgen(js_name = checkPlan)]
pub fn check_plan(plan: usize) -> u32 {
    door::pass([plan], operation::check_plan)
}

/// Lists the actions that carry a plan out, with a line for people each.
#[wasm_bindgen(js_name = planEffects)]
pub fn plan_effects(plan: usize, places: usize) -> u32 {
    door::pass([plan, places], operation::plan_effects)
}

/// Parses a persona file; an empty intent stands for the file's own.
#[wasm_bindgen(js_name = parsePersona)]
pub fn parse_persona(flags: u32, document: usize, intent: usize) -> u32 {
    door::pass([document, intent], |texts| {
        operation::parse_persona(flags, texts)
    })
}

/// Parses an agent file.
#[wasm_bindgen(js_name = parseAgent)]
pub fn parse_agent(flags: u32, document: usize) -> u32 {
    door::pass([document], |texts| operation::parse_agent(flags, texts))
}

/// Resolves a reference to a persona in layers of files.
#[wasm_bindgen(js_name = resolvePersona)]
pub fn resolve_persona(flags: u32, reference: usize, facts: usize) -> u32 {
    door::pass([reference, facts], |texts| {
        operation::resolve_persona(flags, texts)
    })
}

/// Lists the personas of layers of files.
#[wasm_bindgen(js_name = listPersonas)]
pub fn list_personas(flags: u32, facts: usize) -> u32 {
    door::pass([facts], |texts| operation::list_personas(flags, texts))
}

/// Looks for likely mistakes in a persona: its integrations' scopes.
#[wasm_bindgen(js_name = lintPersona)]
pub fn lint_persona(flags: u32, persona: usize) -> u32 {
    door::pass([persona], |texts| operation::lint_persona(flags, texts))
}

/// Looks for likely mistakes in an agent: its triggers and watch rules.
#[wasm_bindgen(js_name = lintAgent)]
pub fn lint_agent(flags: u32, agent: usize) -> u32 {
    door::pass([agent], |texts| operation::lint_agent(flags, texts))
}

/// Finds line and column of the value that a JSON pointer names.
#[wasm_bindgen]
pub fn locate(document: usize, pointer: usize) -> u32 {
    door::pass([document, pointer], operation::locate)
}

/// Returns the JSON schema of `persona` or `agent` files.
#[wasm_bindgen]
pub fn schema(name: usize) -> u32 {
    door::pass([name], operation::schema)
}

/// Calls a pure function of persona-kit 4 by its name. The arguments are a JSON array;
/// those whose bit is set in `missing` are `undefined`.
#[wasm_bindgen(js_name = personaKit)]
pub fn persona_kit_call(missing: u32, name: usize, arguments: usize) -> u32 {
    door::pass([name, arguments], |[name, arguments]| {
        persona_kit::call_text(name, arguments, missing)
    })
}
