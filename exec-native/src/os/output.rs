//! What an installer prints: all of it read, a bounded part of it kept in a file and in
//! memory, the latest lines for whoever looks on.

use std::fs::File;
use std::io::{PipeReader, Read as _, Write as _};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much of a program's output is kept in memory.
const TAIL_BYTES: usize = 1 << 20;
/// How much of a program's output is kept in its log.
const LOG_BYTES: u64 = 64 << 20;

/// How much may wait for whoever looks on; older lines are dropped.
const FRESH_BYTES: usize = 8 << 10;
const CHUNK_BYTES: usize = 64 << 10;
/// How much of a line is shown.
const LINE_CHARS: usize = 500;

/// The output of a program that runs.
#[derive(Debug)]
pub(super) struct Output {
    kept: Arc<Mutex<Kept>>,
    ended: Receiver<()>,
}

#[derive(Debug, Default)]
struct Kept {
    tail: Vec<u8>,
    fresh: Vec<u8>,
}

impl Output {
    /// Starts to read, from a thread of its own: the program is never kept waiting, and a
    /// log that cannot be written does not stop it.
    pub(super) fn follow(pipe: PipeReader, log: File) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let (done, ended) = channel();
        let keeper = Arc::clone(&kept);
        std::thread::spawn(move || {
            read(pipe, log, &keeper);
            drop(done);
        });
        Self { kept, ended }
    }

    /// Passes on the whole lines that came since the last look.
    pub(super) fn lines(&self, line: &dyn Fn(&str)) {
        let whole = {
            let mut kept = lock(&self.kept);
            let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
            let end = kept.fresh.iter().rposition(is_end);
            end.map(|end| kept.fresh.drain(..=end).collect::<Vec<u8>>())
        };
        let text = String::from_utf8_lossy(whole.as_deref().unwrap_or_default()).into_owned();
        for part in text.split(['\n', '\r']).map(plain) {
            if !part.is_empty() {
                line(&part);
            }
        }
    }

    /// Waits until everything is read, for a while: something that escaped may hold the
    /// pipe for ever. Returns the last part.
    pub(super) fn end(self, patience: Duration) -> Vec<u8> {
        // Nothing is ever sent; the thread ends, or the time is over.
        self.ended.recv_timeout(patience).ok();
        let mut tail = std::mem::take(&mut lock(&self.kept).tail);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
        tail
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(mut pipe: PipeReader, mut log: File, kept: &Mutex<Kept>) {
    let mut room = LOG_BYTES;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match pipe.read(&mut chunk) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Ok(count @ 1..) => count,
            Ok(_) | Err(_) => return,
        };
        let bytes = chunk.get(..count).unwrap_or_default();
        let mut kept = lock(kept);
        keep_last(&mut kept.tail, bytes, TAIL_BYTES);
        keep_last(&mut kept.fresh, bytes, FRESH_BYTES);
        drop(kept);
        if room > 0 {
            room = write(&mut log, bytes, room);
        }
    }
}

/// Writes to the log and returns what may still be written; the last thing that it gets
/// says that there was more.
fn write(log: &mut File, bytes: &[u8], room: u64) -> u64 {
    let left = room.saturating_sub(bytes.len() as u64);
    let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
    let written = log.write_all(bytes.get(..fits).unwrap_or_default());
    if written.is_ok() && left == 0 {
        let cut = format!("\n[callsheet: the log is cut here, after {LOG_BYTES} bytes]\n");
        // A full disk is the program's trouble as much as ours.
        log.write_all(cut.as_bytes()).ok();
    }
    if written.is_ok() { left } else { 0 }
}

/// Appends and forgets what is too old.
fn keep_last(kept: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let skipped = bytes.len().saturating_sub(most);
    kept.extend_from_slice(bytes.get(skipped..).unwrap_or_default());
    // Moving what stays is worth it once for many small pieces.
    if kept.len() > 2 * most {
        kept.drain(..kept.len() - most);
    }
}

/// Leaves out what would move a terminal's cursor or change its colours.
pub fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '\u{1b}' {
            skip_escape(&mut letters);
        } else if letter == '\t' {
            text.push(' ');
        } else if !letter.is_control() {
            text.push(letter);
        }
        if text.chars().count() >= LINE_CHARS {
            break;
        }
    }
    text.trim_end().to_owned()
}

/// Skips the rest of an escape sequence: one of `[`, which a letter ends, or of `]`, which
/// a bell or another escape ends, or a single letter.
fn skip_escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.next() {
        Some('[') => {
            while letters
                .next()
                .is_some_and(|next| !('@'..='~').contains(&next))
            {}
        }
        Some(']') => {
            while letters
                .next()
                .is_some_and(|next| !"\u{7}\u{1b}".contains(next))
            {}
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_told_what_to_do() {
        for (line, shown) in [
            ("\u{1b}[31mred\u{1b}[0m  ", "red"),
            ("\u{1b}]0;title\u{7}a\tb", "a b"),
            ("back\u{8}space", "backspace"),
        ] {
            assert_eq!(plain(line), shown);
        }
        assert_eq!(plain(&"x".repeat(9000)).len(), LINE_CHARS);
    }

    #[test]
    fn the_last_part_stays() {
        let mut kept = Vec::new();
        for part in [&b"abc"[..], b"defgh", b"ij"] {
            keep_last(&mut kept, part, 4);
        }
        assert!(kept.ends_with(b"ghij"), "{kept:?}");
        assert!(kept.len() <= 8);
    }
}
