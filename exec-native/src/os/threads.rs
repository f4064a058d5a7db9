//! Threads.

pub use std::thread::{Scope, scope};

use std::io::BufRead as _;
use std::sync::mpsc::{Receiver, channel};

/// Reads the lines of standard input aside; the channel ends with it.
pub fn input_lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // An input that cannot be read has ended for us.
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
