//! Signals: the numbers that others need, and listening for requests to stop.

use std::io;

pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::proc::Cancel;

/// Lets a request to stop raise a flag instead of ending the process.
///
/// # Errors
/// A handler cannot be installed.
pub fn cancel_on_request(cancel: &Cancel) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal).unwrap_or_default();
        signal_hook::flag::register_usize(signal, cancel.flag(), number)?;
    }
    Ok(())
}
