//! Randomness.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Returns random bytes of the system's generator.
///
/// # Errors
/// The system has no generator.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        filled += getrandom(rest, GetRandomFlags::empty())?;
    }
    Ok(bytes)
}
