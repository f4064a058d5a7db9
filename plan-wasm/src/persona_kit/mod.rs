//! The pure functions of persona-kit 4, called by their JavaScript names.

mod constants;
mod functions;
mod parse;
mod skills;
mod specs;

use alloc::format;
use alloc::vec::Vec;

use plan_core::base::json::{self, Object, Value};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::door::{Answer, pass};
use crate::failure::Failure;

/// The arguments of a call; `None` stands for `undefined`.
pub type Arguments<'v> = &'v [Option<Value<'v>>];

/// Calls a pure function by its JavaScript name; `None` when there is no such function.
pub fn call(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    parse::call(name, arguments)
        .or_else(|| functions::call(name, arguments))
        .or_else(|| skills::call(name, arguments))
        .or_else(|| specs::call(name, arguments))
        .or_else(|| (name == "constants").then(constants::constants))
}

/// Calls a pure function of persona-kit 4 by its name. The arguments are a JSON array;
/// those whose bit is set in `missing` are `undefined`.
#[wasm_bindgen(js_name = personaKit)]
pub fn persona_kit_call(missing: u32, name: usize, arguments: usize) -> u32 {
    pass(&[name, arguments], &|[name, arguments, _]| {
        call_text(name, arguments, missing)
    })
}

fn call_text(name: &str, arguments: &str, missing: u32) -> Answer {
    let read = json::read(arguments);
    let read = read.map_err(|error| Failure::unread("an argument", arguments, &error))?;
    let given = read.as_array().unwrap_or_default().iter().enumerate();
    let is_missing = |place: usize| place < 32 && (missing >> place) & 1 == 1;
    let given = given.map(|(place, value)| (!is_missing(place)).then(|| value.clone()));
    let given: Vec<Option<Value<'_>>> = given.collect();
    call(name, &given).unwrap_or_else(|| Err(Failure::error(format!("no function `{name}`"))))
}

/// Returns an argument; `None` when it is missing or `undefined`.
fn argument<'v, 'a>(arguments: &'v [Option<Value<'a>>], place: usize) -> Option<&'v Value<'a>> {
    arguments.get(place).and_then(Option::as_ref)
}

/// Returns a text argument.
fn text(arguments: Arguments<'_>, place: usize) -> Option<&str> {
    argument(arguments, place).and_then(Value::as_str)
}

/// Returns an object argument; an empty one for `undefined` and `null`.
fn object<'v>(arguments: Arguments<'v>, place: usize, none: &'v Object<'v>) -> &'v Object<'v> {
    argument(arguments, place)
        .and_then(Value::as_object)
        .unwrap_or(none)
}
