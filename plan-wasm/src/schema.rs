//! The JSON schemas.

use alloc::string::String;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::persona::schema::find;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::door::pass;

/// Returns the JSON schema of `persona` or `agent` files.
#[wasm_bindgen]
pub fn schema(name: usize) -> u32 {
    pass(&[name], &|[name, ..]| {
        if let Some(text) = find(name) {
            return Ok(Some(String::from(text)));
        }
        let message = "there is a schema of `persona` and of `agent` files";
        Err(Diagnostic::error(Code::RECORD_INVALID, message).into())
    })
}
