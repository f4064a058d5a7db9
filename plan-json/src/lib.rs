//! JSON with the answers that JavaScript gives: one reader, one value, one
//! writer for the whole workspace.
//!
//! Documents cross every boundary as JSON text, so the text decides: object keys
//! that look like array indexes come first and ascending, numbers are doubles
//! printed as `String(number)` prints them, and strings are escaped as
//! `JSON.stringify` escapes them. Strings without escapes borrow from the input.
//!
//! This is a package of its own because the WebAssembly module is otherwise optimised for
//! size: reading and printing is most of the work there.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ascii;
mod coerce;
mod locate;
mod number;
mod read;
pub mod sort;
mod value;
mod write;

pub use ascii::next_high;
pub use coerce::js_string;
pub use locate::{Position, locate, position};
pub use number::parse_number;
pub use read::{MAX_DEPTH, ReadError, Source, read, read_source};
pub use value::{Object, Text, Value};
pub use write::{Print, Writer, pretty, print};
