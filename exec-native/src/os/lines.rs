//! What a program prints, line by line, in bounded memory and time: whatever it prints,
//! the one who follows it is never blocked.

use std::io::{ErrorKind, Read};
use std::process::Child;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::clock::{Deadline, rest};
use super::spawn::{OnLine, Stream};

/// How long a line may be; the rest of it is dropped.
const LINE_BYTES: usize = 16 << 20;
const CHUNK_BYTES: usize = 64 << 10;
/// How many chunks may wait; then the program waits.
const CHUNKS: usize = 16;
/// How long what was printed before the end may be on its way.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(15);

/// The lines of a program.
#[derive(Debug)]
pub(super) struct Lines {
    chunks: mpsc::Receiver<(Stream, Vec<u8>)>,
    output: Line,
    log: Line,
}

/// A line that has begun.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    dropped: usize,
}

impl Lines {
    /// Starts to read what a program prints, from threads of their own.
    pub(super) fn of(child: &mut Child) -> Self {
        let (sender, chunks) = mpsc::sync_channel(CHUNKS);
        if let Some(stdout) = child.stdout.take() {
            pass_on(Stream::Output, stdout, sender.clone());
        }
        if let Some(stderr) = child.stderr.take() {
            pass_on(Stream::Log, stderr, sender);
        }
        Self {
            chunks,
            output: Line::default(),
            log: Line::default(),
        }
    }

    /// Waits for output and passes the lines on that it ends; tells which stream they
    /// came from. A part of a line is nobody's.
    pub(super) fn receive(&mut self, wait: Duration, line: &mut OnLine<'_>) -> Option<Stream> {
        match self.chunks.recv_timeout(wait) {
            Ok((stream, chunk)) => {
                let ended = self
                    .begun(stream)
                    .take(&chunk, &mut |text| line(stream, text));
                ended.then_some(stream)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                rest(wait);
                None
            }
        }
    }

    /// Passes on what is still on its way when the program has ended. Something that it
    /// left running may print for ever.
    pub(super) fn drain(mut self, line: &mut OnLine<'_>) {
        let deadline = Deadline::after(Some(GRACE));
        while !deadline.is_over() {
            match self.chunks.recv_timeout(POLL) {
                Ok((stream, chunk)) => {
                    self.begun(stream)
                        .take(&chunk, &mut |text| line(stream, text));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for stream in [Stream::Output, Stream::Log] {
            if !self.begun(stream).is_empty() {
                self.begun(stream).end(&mut |text| line(stream, text));
            }
        }
    }

    const fn begun(&mut self, stream: Stream) -> &mut Line {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Log => &mut self.log,
        }
    }
}

impl Line {
    const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes a chunk and passes each line on that ends in it; tells whether one did.
    fn take(&mut self, chunk: &[u8], line: &mut dyn FnMut(&str)) -> bool {
        let mut ended = false;
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES.saturating_sub(self.bytes.len());
            let (kept, dropped) = part.split_at(room.min(part.len()));
            self.bytes.extend_from_slice(kept);
            self.dropped += dropped.len();
            if part.ends_with(b"\n") {
                self.end(line);
                ended = true;
            }
        }
        ended
    }

    fn end(&mut self, line: &mut dyn FnMut(&str)) {
        let text = String::from_utf8_lossy(&self.bytes);
        if self.dropped == 0 {
            line(text.trim_end());
        } else {
            let dropped = self.dropped;
            line(&format!("{text} [{dropped} more bytes were dropped]"));
        }
        *self = Self::default();
    }
}

/// Passes output on as it comes.
fn pass_on(
    stream: Stream,
    mut from: impl Read + Send + 'static,
    sender: SyncSender<(Stream, Vec<u8>)>,
) {
    std::thread::spawn(move || {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = match from.read(&mut chunk) {
                Ok(count) if count > 0 => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => break,
            };
            let read = chunk.get(..count).unwrap_or_default();
            if sender.send((stream, read.to_vec())).is_err() {
                break;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_beginning_and_counts_the_rest() {
        let mut line = Line::default();
        let mut lines = Vec::new();
        let mut hear = |text: &str| lines.push(text.to_owned());
        assert!(!line.take(b"on", &mut hear));
        assert!(line.take(b"e\r\ntwo\n\nthr", &mut hear));
        for _ in 0..=LINE_BYTES / 1024 {
            assert!(!line.take(&[b'x'; 1024], &mut hear));
        }
        assert!(line.bytes.capacity() <= 2 * LINE_BYTES);
        assert!(line.take(b"\nfour\n", &mut hear));
        assert_eq!(lines.len(), 5);
        let long = lines.remove(3);
        assert_eq!(lines, ["one", "two", "", "four"]);
        assert!(long.ends_with("x [1028 more bytes were dropped]"));
        assert!(long.len() < LINE_BYTES + 40);
    }
}
