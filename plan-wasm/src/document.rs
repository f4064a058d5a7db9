//! Documents: what every operation does with the texts that it takes and gives.

#[cfg(any(feature = "persona", feature = "lint", feature = "resolve"))]
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Print, Source, print};

use crate::door::Answer;
use crate::failure::Failure;

/// Asks for edition `persona-kit-4`; without it the edition is 2026.
pub const FLAG_COMPAT: u32 = 1;

#[cfg(any(feature = "persona", feature = "lint", feature = "resolve"))]
pub(crate) const fn edition(flags: u32) -> Edition {
    if flags & FLAG_COMPAT == 0 {
        Edition::V2026
    } else {
        Edition::PersonaKit4
    }
}

/// Reads a document that messages call `what`.
pub(crate) fn read<'t>(what: &str, text: &'t str) -> Result<Source<'t>, Failure> {
    json::read_source(text).map_err(|error| Failure::unread(what, text, &error))
}

/// Prints a value as an answer.
#[expect(clippy::unnecessary_wraps, reason = "operations end with it")]
pub(crate) fn give(value: &(impl Print + ?Sized)) -> Answer {
    Ok(Some(print(value)))
}
