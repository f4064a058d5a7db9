//! The prompt as a script, line by line.
//!
//! | line | effect |
//! | --- | --- |
//! | `Write FILE: TEXT` | writes the file below the working directory |
//! | `Append FILE: TEXT` | appends a line to it |
//! | `FAIL api` | the model's service fails, as the agent reports that |
//! | `FAIL limit N` | the provider refuses for N seconds, the first time; then it goes on |
//! | `FAIL exit N` | ends with exit code N in the middle of the stream |
//! | `SAY TEXT` | says this at the end, in place of what it wrote |
//! | `CORRECT TEXT` | the same, when the prompt says that an answer did not fit |
//! | `DENY` | asks for a tool that is refused |
//! | `SLEEP N` | waits N seconds first |
//! | `HANG` | never ends |
//! | `SIGN FILE` | notes the number of its process in the file at once, a line each start |
//! | `IGNORE` | goes on when it is asked to end |
//! | `LEAVE` | leaves a process running that has a session of its own |
//! | `LISTEN FILE` | takes what is typed, byte by byte, and never ends |
//!
//! An interactive session has one more script, in the variable `STAND_IN_SCRIPT`.
//!
//! Without a line that writes, the work is the report of what the agent saw.

use std::fs;
use std::io::Write as _;
use std::path::{Component, Path};

use super::host::Host;
use super::stay::Stay;
use super::{Gate, Session, report};

/// The file by which the second start after a refusal is known.
const LIMITED: &str = "limited";

/// One change of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    file: String,
    text: String,
    append: bool,
}

/// A prompt, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    changes: Vec<Change>,
    /// Seconds to wait first.
    pub sleep: Option<u64>,
    /// Whether to wait for ever.
    pub hang: bool,
    /// The exit code to end with.
    pub exit: Option<u8>,
    /// What it does that stays.
    pub stay: Stay,
    api_error: bool,
    limit: Option<u64>,
    deny: bool,
    say: Option<String>,
    correct: Option<String>,
}

/// How the work ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The files that were written, and what is said of them when it is something else.
    Done(Vec<String>, Option<String>),
    /// A file that was not written, and why.
    Denied {
        /// The file.
        file: String,
        /// The reason.
        why: String,
    },
    /// The model's service failed, or refuses for so many seconds.
    ApiError(Option<u64>),
}

impl Outcome {
    /// The closing words of the agent.
    pub fn text(&self) -> String {
        match self {
            Outcome::Done(_, Some(words)) => words.clone(),
            Outcome::Done(files, None) => format!("Wrote {}.", files.join(", ")),
            Outcome::Denied { file, why } => format!("I could not write {file}: {why}."),
            Outcome::ApiError(None) => "API Error: 500 the stand-in was told to fail".to_owned(),
            Outcome::ApiError(Some(seconds)) => {
                format!("API Error: 429 usage limit reached, resets in {seconds}s")
            }
        }
    }
}

/// What stands behind the first word of a line.
fn said(line: &str) -> Option<String> {
    line.split_once(' ').map(|(_, text)| text.to_owned())
}

impl Script {
    /// Reads a prompt. Where a system prompt stands before the task, only the task counts.
    pub fn read(prompt: &str) -> Self {
        let task = prompt.rsplit("User task:\n").next().unwrap_or(prompt);
        let mut script = Self::default();
        for line in task.lines().map(str::trim) {
            script.line(line);
        }
        if task.contains("did not fit") && script.correct.is_some() {
            script.say = script.correct.take();
        }
        script
    }

    fn line(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["FAIL", "api"] => self.api_error = true,
            ["FAIL", "limit", seconds] => self.limit = seconds.parse().ok(),
            ["FAIL", "exit", code] => self.exit = code.parse().ok(),
            ["SAY", ..] => self.say = said(line),
            ["CORRECT", ..] => self.correct = said(line),
            ["DENY"] => self.deny = true,
            ["SLEEP", seconds] => self.sleep = seconds.parse().ok(),
            ["HANG"] => self.hang = true,
            ["SIGN", file] => self.stay.sign = Some((*file).to_owned()),
            ["IGNORE"] => self.stay.ignore = true,
            ["LEAVE"] => self.stay.leave = true,
            ["LISTEN", file] => self.stay.listen = Some((*file).to_owned()),
            ["Write" | "Append", file, ..] if file.len() > 1 && file.ends_with(':') => {
                let text = line.split_once(": ").map_or("", |(_, text)| text);
                self.changes.push(Change {
                    file: file.trim_end_matches(':').to_owned(),
                    text: format!("{text}\n"),
                    append: line.starts_with("Append"),
                });
            }
            _ => {}
        }
    }

    /// Does the work, as far as the agent may.
    pub fn perform(&self, host: &Host, session: &Session) -> Outcome {
        if self.api_error {
            return Outcome::ApiError(None);
        }
        if let Some(seconds) = self.limit
            && first(host)
        {
            return Outcome::ApiError(Some(seconds));
        }
        let mut changes = self.changes.clone();
        if changes.is_empty() && self.say.is_none() {
            changes.push(Change {
                file: report::FILE.to_owned(),
                text: report::text(session),
                append: false,
            });
        }
        let refused = self.deny.then(|| "the tool was refused".to_owned());
        let closed = match &session.gate {
            Gate::Open => refused,
            Gate::Closed(why) => Some(why.clone()),
        };
        let mut done = Vec::new();
        for change in changes {
            let file = change.file.clone();
            let denied = closed.clone().or_else(|| write(host, &change).err());
            if let Some(why) = denied {
                return Outcome::Denied { file, why };
            }
            done.push(file);
        }
        Outcome::Done(done, self.say.clone())
    }
}

/// Tells whether this was never asked in the working directory before.
fn first(host: &Host) -> bool {
    let mut how = fs::OpenOptions::new();
    how.write(true)
        .create_new(true)
        .open(host.cwd.join(LIMITED))
        .is_ok()
}

/// Writes one file below the working directory.
fn write(host: &Host, change: &Change) -> Result<(), String> {
    let below = Path::new(&change.file).components();
    if !below
        .clone()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Err("it lies outside the working directory".to_owned());
    }
    let path = host.cwd.join(&change.file);
    let opened = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| {
            let mut how = fs::OpenOptions::new();
            how.create(true).write(true);
            how.append(change.append)
                .truncate(!change.append)
                .open(&path)
        });
    let written = opened.and_then(|mut file| file.write_all(change.text.as_bytes()));
    written.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_task_counts_and_only_whole_lines() {
        let script =
            Script::read("Write a.md: no\n\nUser task:\nWrite b.md: yes: it is\nFAIL exit 7");
        assert_eq!(script.changes.len(), 1);
        assert_eq!(script.changes[0].file, "b.md");
        assert_eq!(script.changes[0].text, "yes: it is\n");
        assert_eq!(script.exit, Some(7));
        assert_eq!(
            Script::read("Please do not FAIL api\nWrite well: or not"),
            Script {
                changes: vec![Change {
                    file: "well".to_owned(),
                    text: "or not\n".to_owned(),
                    append: false
                }],
                ..Script::default()
            }
        );
    }
}
