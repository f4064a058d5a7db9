//! The host of one seat: the body of a hidden command.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use plan_core::fleet::observed::{Exit, Session};

use super::log::Log;
use super::record::Room;
use super::{KEYS, READY, TAKEN, TEXT, read};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::{Deadline, rest};
use crate::os::dir::File;
use crate::os::lock::Lock;
use crate::os::pty::{Happened, Terminal, open_pipe_to_read};
use crate::os::{owner, rng, session};

/// The hidden command.
pub const HOST_COMMAND: &str = "__seat-host";
/// How much may wait to be typed; what comes beyond is dropped whole.
const BACKLOG_BYTES: usize = 16 << 20;
/// How long a host that is about to go may take.
const GOING: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(5);
/// How long what a seat leaves running may take to end.
const LEFT: Duration = Duration::from_millis(500);
const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";
const PASTE_BEGIN: &[u8] = b"\x1b[200~";
const PASTE_END: &[u8] = b"\x1b[201~";

/// Holds the terminal of a seat until its program has ended. What is to be started comes on
/// our input; the first line of our output says whether it was.
///
/// # Errors
/// The program cannot be started, or the run directory cannot be written.
pub fn host(run: &Path, seat: &str, again: bool) -> Result<(), ExecError> {
    let failed =
        |what: &str, error: io::Error| ExecError::new(ExecErrorKind::Failed, what).because(error);
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| failed("nobody says what to start", error))?;
    let start = read(&text, seat).ok_or_else(|| {
        ExecError::new(ExecErrorKind::Usage, "this command is for callsheet itself")
    })?;
    let room = Room::new(run);
    let say = |line: &str| {
        let mut out = io::stdout().lock();
        // Whoever started us may be gone; the seat runs all the same.
        writeln!(out, "{line}").and_then(|()| out.flush()).ok();
    };
    // The lock is held until we end.
    let Some(_claim) = claim(&room, seat, again)? else {
        say(TAKEN);
        return Ok(());
    };
    if room.has(seat) && !again {
        say(TAKEN);
        return Ok(());
    }
    owner::leave_session().map_err(|error| failed("a session of its own is refused", error))?;
    let mut log = Log::open(&room, seat)?;
    room.make_pipe(seat)?;
    let pipe = room.pipe(seat);
    let mut input = open_pipe_to_read(&pipe).at(&pipe)?;
    let mut terminal = Terminal::start(&start.argv, &start.cwd, &start.env)
        .map_err(|error| failed("no terminal can be opened", error))?;
    let nonce = rng::bytes::<8>()
        .map(u64::from_ne_bytes)
        .map_err(|error| failed("there is no randomness", error))?;
    let program = Path::new(start.argv.first().map_or("", String::as_str));
    let record = Session {
        name: seat.to_owned(),
        id: format!("p-{nonce:016x}"),
        fleet: Some(start.fleet).filter(|fleet| !fleet.is_empty()),
        seat: Some(seat.to_owned()),
        hash: Some(start.hash),
        command: program
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        pid: u64::from(terminal.id()),
        quiet: 0,
        dead: None,
        heartbeat: None,
    };
    room.note(seat, terminal.id())?;
    room.write(&record)?;
    say(&format!("{READY} {} {}", record.id, record.pid));
    let exit = serve(&mut terminal, &mut log, &mut input);
    // Without its leader and its terminal a session is over.
    session::end_session(terminal.id(), LEFT).ok();
    room.change(seat, &|session| session.dead = Some(exit.clone()))
}

/// Claims a seat. A host that has noted the end of its seat is about to go.
fn claim(room: &Room, seat: &str, again: bool) -> Result<Option<Lock>, ExecError> {
    let deadline = Deadline::after(Some(GOING));
    loop {
        let claim = room.claim(seat)?;
        let waits = again && claim.is_none() && !deadline.is_over();
        if !waits {
            return Ok(claim);
        }
        rest(POLL);
    }
}

/// Passes on what is printed and typed until the program ends.
fn serve(terminal: &mut Terminal, log: &mut Log, input: &mut File) -> Exit {
    let mut frames = Vec::new();
    let mut paste = Paste::default();
    loop {
        match terminal.wait(input) {
            Ok(Happened::Output(bytes)) => {
                paste.look(&bytes);
                log.write(&bytes);
            }
            Ok(Happened::Input(bytes)) => {
                frames.extend(bytes);
                while let Some((kind, bytes)) = next(&mut frames) {
                    if terminal.backlog() + bytes.len() > BACKLOG_BYTES {
                        continue;
                    }
                    let framed = kind == TEXT && paste.on;
                    let (begin, end) = if framed {
                        (PASTE_BEGIN, PASTE_END)
                    } else {
                        (&[][..], &[][..])
                    };
                    for part in [begin, &bytes, end] {
                        terminal.feed(part);
                    }
                }
            }
            Ok(Happened::Asked(_)) => session::ask_to_end(terminal.id()),
            Ok(Happened::Ended(status, signal)) => {
                let number = |code: i32| u64::try_from(code).ok();
                return Exit {
                    status: status.and_then(number),
                    signal: signal.and_then(number),
                };
            }
            // Without us there is no terminal: the program hears that when we end.
            Err(_) => {
                return Exit {
                    status: None,
                    signal: Some(1),
                };
            }
        }
    }
}

/// Takes the next whole piece of what was sent.
fn next(frames: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (head, rest) = frames.split_first_chunk::<5>()?;
    let [kind, length @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    if !matches!(kind, TEXT | KEYS) {
        // Nobody but us writes here; what is broken stays so.
        frames.clear();
        return None;
    }
    let bytes = rest.get(..length)?.to_vec();
    frames.drain(..length + 5);
    Some((kind, bytes))
}

/// Whether the program wants to know what was pasted.
#[derive(Debug, Default)]
struct Paste {
    on: bool,
    last: Vec<u8>,
}

impl Paste {
    /// Looks for the program's wish in what it printed. It may come in two parts.
    fn look(&mut self, bytes: &[u8]) {
        self.last.extend(bytes);
        let find = |wish: &[u8]| {
            let mut places = self.last.windows(wish.len());
            places.rposition(|place| place == wish)
        };
        let (on, off) = (find(PASTE_ON), find(PASTE_OFF));
        if on.is_some() || off.is_some() {
            self.on = on > off;
        }
        let known = self.last.len().saturating_sub(PASTE_ON.len() - 1);
        self.last.drain(..known);
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame;
    use super::*;

    #[test]
    fn the_wish_for_pastes_is_heard_in_parts() {
        let mut paste = Paste::default();
        for (bytes, on) in [
            (&b"hello\x1b[?20"[..], false),
            (b"04h", true),
            (b"more", true),
            (b"\x1b[?2004l..\x1b[?2004h..\x1b[?2004l", false),
            (b"\x1b[?2004h", true),
        ] {
            paste.look(bytes);
            assert_eq!(paste.on, on, "{bytes:?}");
        }
    }

    #[test]
    fn pieces_are_put_together() {
        let mut frames = frame(TEXT, b"abc");
        frames.extend(frame(KEYS, b"\r"));
        let tail = frames.split_off(4);
        assert_eq!(next(&mut frames), None);
        frames.extend(tail);
        assert_eq!(next(&mut frames), Some((TEXT, b"abc".to_vec())));
        assert_eq!(next(&mut frames), Some((KEYS, b"\r".to_vec())));
        assert_eq!(next(&mut frames), None);
    }
}
