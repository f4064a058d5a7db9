//! Commands for tmux, as the text that it reads on its input: no limit of length, and no
//! variable appears in a list of processes.

use std::fmt::Write as _;

use super::super::{Start, Tags};
use super::{FLEET, HASH, HEIGHT, SEAT, VIEWER, WIDTH};

/// What a new session prints: its name, what we call it, its process.
const STARTED: &str = "#{session_name} #{session_id}/#{pane_id} #{pane_pid}";
const AGAIN: &str = "#{session_id}/#{pane_id} #{pane_pid}";

/// Commands. When one of a line fails, the rest of its line is left out.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
}

impl Script {
    /// Returns the text. One that is cut off, since we were killed while we wrote it, is not
    /// whole, and tmux does nothing of it: a session without tags would be nobody's.
    pub(super) fn text(&self) -> String {
        format!("%if 1\n{}%endif\n", self.text)
    }

    fn line(&mut self, commands: &[Vec<String>]) {
        let command = |words: &Vec<String>| {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            words.join(" ")
        };
        let commands: Vec<String> = commands.iter().map(command).collect();
        self.text.push_str(&commands.join(" ; "));
        self.text.push('\n');
    }

    /// Makes the session of a seat. What its window keeps is set before its program can end.
    pub(super) fn new_session(&mut self, start: &Start) {
        let mut new = words(&["new-session", "-d", "-P", "-F", STARTED]);
        new.extend(words(&["-s", &start.seat, "-x", WIDTH, "-y", HEIGHT]));
        new.extend(program(start));
        let own = format!("={}:", start.seat);
        let mut commands = vec![new];
        commands.extend(window(&own));
        commands.extend(tags(&own, of(start)));
        self.line(&commands);
    }

    /// Starts a seat again in a pane whose program has ended.
    pub(super) fn respawn(&mut self, start: &Start, (id, pane): (&str, &str)) {
        let mut respawn = words(&["respawn-pane", "-t", pane]);
        respawn.extend(program(start));
        let mut commands = vec![respawn];
        commands.extend(tags(id, of(start)));
        commands.push(words(&["display-message", "-p", "-t", pane, AGAIN]));
        self.line(&commands);
    }

    /// Makes a session that does nothing.
    pub(super) fn holder(&mut self, fleet: &str, name: &str) {
        let new = words(&[
            "new-session",
            "-d",
            "-s",
            name,
            "--",
            "tail",
            "-f",
            "/dev/null",
        ]);
        let own = format!("={name}:");
        let tag = words(&["set-option", "-t", &own, FLEET, fleet]);
        self.line(&[new, tag]);
    }

    /// Makes a session that shows the windows of another one.
    pub(super) fn viewer(&mut self, id: &str, name: &str) {
        let new = words(&["new-session", "-d", "-t", id, "-s", name]);
        let own = format!("={name}:");
        self.line(&[new, words(&["set-option", "-t", &own, VIEWER, "1"])]);
    }

    /// Tags a session.
    pub(super) fn tag(&mut self, id: &str, own: Tags<'_>) {
        let mut commands = tags(id, own);
        commands.extend(window(&format!("{id}:")));
        self.line(&commands);
    }

    /// Takes the tags of a session away.
    pub(super) fn untag(&mut self, id: &str) {
        let untag = |tag: &str| words(&["set-option", "-u", "-t", id, tag]);
        self.line(&[FLEET, SEAT, HASH].map(untag));
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(String::from).collect()
}

fn of(start: &Start) -> Tags<'_> {
    Tags {
        fleet: &start.fleet,
        seat: &start.seat,
        hash: &start.hash,
    }
}

fn tags(target: &str, tags: Tags<'_>) -> Vec<Vec<String>> {
    let pairs = [(FLEET, tags.fleet), (SEAT, tags.seat), (HASH, tags.hash)];
    let set = |(name, value)| words(&["set-option", "-t", target, name, value]);
    pairs.map(set).to_vec()
}

/// What the window of a seat keeps: its end, and its name.
fn window(target: &str) -> Vec<Vec<String>> {
    let set = |(name, value)| words(&["set-option", "-w", "-t", target, name, value]);
    [("remain-on-exit", "on"), ("allow-rename", "off")]
        .map(set)
        .to_vec()
}

/// Where and what is started.
fn program(start: &Start) -> Vec<String> {
    // The directory is a format.
    let cwd = start.cwd.display().to_string().replace('#', "##");
    let mut all = words(&["-c", &cwd]);
    for (name, value) in &start.env {
        all.extend(["-e".to_owned(), format!("{name}={value}")]);
    }
    all.push("--".to_owned());
    if let [_] = start.argv.as_slice() {
        // A single word would be read by a shell.
        all.extend(words(&["/usr/bin/env", "--"]));
    }
    all.extend(start.argv.iter().cloned());
    all
}

/// Writes a word so that tmux reads it as it is.
fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '\\' | '$' | '~' => text.extend(['\\', letter]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            letter if letter.is_ascii_control() => {
                // Writing into a text does not fail.
                write!(text, "\\{:03o}", u32::from(letter)).ok();
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        for (word, text) in [
            ("a b;", r#""a b;""#),
            ("~$HOME", r#""\~\$HOME""#),
            ("\"\\", r#""\"\\""#),
            ("a\n  b\u{1b}", r#""a\n  b\033""#),
            ("ü#{x}'", r#""ü#{x}'""#),
            ("", r#""""#),
        ] {
            assert_eq!(quoted(word), text);
        }
    }

    #[test]
    fn one_program_alone_is_not_read_by_a_shell() {
        let start = Start {
            argv: vec!["a b".to_owned()],
            cwd: "/x#{y}".into(),
            ..Start::default()
        };
        let expected = ["-c", "/x##{y}", "--", "/usr/bin/env", "--", "a b"];
        assert_eq!(program(&start), expected);
    }
}
