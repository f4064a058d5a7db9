//! The terminal of a live view: its size, single keys, and the cursor; everything is put back
//! when the view ends.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};

const HIDE: &str = "\u{1b}[?25l";
const SHOW: &str = "\u{1b}[?25h";
/// What is between these is shown at once, where the terminal knows how.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?7l";
const END: &str = "\u{1b}[?7h\u{1b}[?2026l";

/// The code of a key that does nothing.
const DISABLED: u8 = if cfg!(any(target_os = "linux", target_os = "android")) {
    0
} else {
    0xff
};

/// A part of the terminal that is drawn again and again.
#[derive(Debug)]
pub struct Screen {
    /// How the keyboard was.
    before: Option<Termios>,
    shown: Vec<String>,
}

impl Screen {
    /// Takes the terminal of standard output; `None` when it is none.
    pub fn open() -> Option<Self> {
        let mut out = io::stdout();
        if !out.is_terminal() {
            return None;
        }
        // Where nobody can type there are no keys.
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut keys = before.clone();
            keys.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            // One that is stopped could not put the terminal back.
            keys.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
            tcsetattr(io::stdin(), OptionalActions::Now, &keys).ok()?;
        }
        write!(out, "{HIDE}").and_then(|()| out.flush()).ok()?;
        Some(Self {
            before,
            shown: Vec::new(),
        })
    }

    /// Returns how many columns and lines there are.
    pub fn size(&self) -> (usize, usize) {
        let size = tcgetwinsize(io::stdout()).ok();
        let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        size.filter(|(columns, lines)| *columns > 0 && *lines > 0)
            .unwrap_or((80, 24))
    }

    /// Draws lines over those of before. Each must fit its line.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, lines: Vec<String>) -> io::Result<()> {
        if lines == self.shown {
            return Ok(());
        }
        let mut text = String::from(BEGIN);
        if !self.shown.is_empty() {
            text.extend(["\u{1b}[", &self.shown.len().to_string(), "F"]);
        }
        for line in &lines {
            text += line;
            text += "\u{1b}[K\r\n";
        }
        text += "\u{1b}[J";
        text += END;
        self.shown = lines;
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    }

    /// Waits for keys, or until the time is over.
    pub fn keys(&self, limit: Duration) -> Vec<u8> {
        let stdin = io::stdin();
        let mut keys = vec![0; 64];
        let ready = self.before.as_ref().and_then(|_| {
            let wait = Timespec::try_from(limit).ok()?;
            let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
            // A signal ends the wait as well.
            poll(&mut fds, Some(&wait)).ok()
        });
        let count = match ready {
            Some(0) => return Vec::new(),
            Some(_) => rustix::io::read(&stdin, &mut keys).unwrap_or(0),
            None => 0,
        };
        if count == 0 {
            // An input that has ended is ready for ever.
            super::clock::rest(limit);
        }
        keys.truncate(count);
        keys
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // Whoever took the terminal away has put it back.
            tcsetattr(io::stdin(), OptionalActions::Now, before).ok();
        }
        let mut out = io::stdout();
        write!(out, "{SHOW}").and_then(|()| out.flush()).ok();
    }
}
