//! Personas in layers of files.

use alloc::string::String;
use alloc::vec::Vec;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Value, Writer};
use plan_core::persona::parse;
use plan_core::persona::resolve::{self, Facts, Resolution, ResolveOptions};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::document::{edition, give, read};
use crate::door::pass;

/// Resolves a reference to a persona in layers of files.
#[wasm_bindgen(js_name = resolvePersona)]
pub fn resolve_persona(flags: u32, reference: usize, facts: usize) -> u32 {
    pass(&[reference, facts], &|[reference, facts, _]| {
        let facts = Facts::read(&read("facts", facts)?.value)?;
        let found = resolve::resolve(reference, &facts, &options(flags))?;
        Ok(Some(print_resolution(&found)))
    })
}

/// Lists the personas of layers of files.
#[wasm_bindgen(js_name = listPersonas)]
pub fn list_personas(flags: u32, facts: usize) -> u32 {
    pass(&[facts], &|[facts, ..]| {
        let facts = Facts::read(&read("facts", facts)?.value)?;
        give(&resolve::resolve_listing(&facts, &options(flags)))
    })
}

/// Checks a whole persona document.
fn validate(value: &Value<'_>, edition: Edition) -> Result<(), Vec<Diagnostic>> {
    let intent = value.get_str("intent").unwrap_or_default();
    parse::parse_persona(value, intent, edition).map(drop)
}

const fn options(flags: u32) -> ResolveOptions {
    ResolveOptions {
        edition: edition(flags),
        validate,
    }
}

fn print_resolution(found: &Resolution<'_>) -> String {
    let mut out = Writer::compact();
    out.begin_object();
    out.field("spec", &found.spec);
    out.field("selection", &found.selection);
    out.field("source", &*found.source);
    if let Some(path) = &found.path {
        out.field("path", &**path);
    }
    out.field("warnings", &found.warnings);
    out.end_object();
    out.finish()
}
