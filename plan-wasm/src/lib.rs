//! The WebAssembly shell over `plan-core`: one exported function per public operation and
//! no logic.
//!
//! Every document and every answer crosses as JSON text, so that one reader decides what a
//! document means, here as in the native program. Calls themselves take and give numbers
//! only; how the texts cross is told in `door.rs`.

// The standard library would bring what words a panic, and its threads.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod document;
mod door;
mod failure;
#[cfg(feature = "fleet")]
mod fleet;
#[cfg(feature = "lint")]
mod lint;
mod locate;
#[cfg(feature = "persona")]
mod persona;
#[cfg(feature = "persona-kit")]
pub mod persona_kit;
mod region;
#[cfg(feature = "resolve")]
mod resolve;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "workflow")]
mod workflow;

pub use document::FLAG_COMPAT;
pub use door::Answer;
pub use failure::Failure;
#[cfg(feature = "fleet")]
pub use fleet::{draw_fleet, fleet_status, plan_fleet, provision_fleet};
#[cfg(feature = "lint")]
pub use lint::{lint_agent, lint_persona};
pub use locate::locate;
#[cfg(feature = "persona")]
pub use persona::{
    FLAG_HELD, FLAG_MARKED, check_plan, compile, parse_agent, parse_persona, plan, plan_all,
    plan_compiled, plan_effects, release,
};
#[cfg(feature = "resolve")]
pub use resolve::{list_personas, resolve_persona};
#[cfg(feature = "schema")]
pub use schema::schema;
#[cfg(feature = "workflow")]
pub use workflow::{agent_content_key, parse_workflow, replay_journal};

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

/// A panic is a mistake of ours: the host sees a trap and gives the instance up.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn trap(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
