//! Places in documents, for messages.

use alloc::format;

use plan_core::base::json;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::door::pass;

/// Finds line and column of the value that a JSON pointer names.
#[wasm_bindgen]
pub fn locate(document: usize, pointer: usize) -> u32 {
    pass(&[document, pointer], &|[document, pointer, _]| {
        let Some((start, _)) = json::locate(document, pointer) else {
            return Ok(None);
        };
        let place = json::position(document, start);
        Ok(Some(format!(
            "{{\"line\":{},\"column\":{}}}",
            place.line, place.column
        )))
    })
}
