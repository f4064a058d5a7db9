//! What an agent says while it works.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use plan_core::workflow::record::{CallIssued, RunRecord};

use super::look::POLL;
use crate::cli::Answer;
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::clock::rest;
use crate::os::fs;
use crate::workflow::store::{LOGS, RunFile};

/// Prints what the attempts at a call said, of the latest execution in which somebody worked
/// on it; with `follow` as it comes.
pub(super) fn tell(file: &RunFile, agent: &str, follow: bool, output: &Output) -> Answer {
    let mut found = of(file, agent)?;
    let mut log = Log::default();
    loop {
        // In this order: what is said last is not missed.
        let driven = follow && file.is_driven()?;
        let more = log.more(&file.path, &found)?;
        output.bytes(&more)?;
        if !driven && more.is_empty() {
            return Ok(0);
        }
        if !driven {
            continue;
        }
        rest(POLL);
        if found.attempts == 0 {
            let again = super::look::find(&file.id)?;
            found = of(&again, agent)?;
        }
    }
}

/// A call, and how often somebody worked on it.
struct Found {
    epoch: u64,
    call: u64,
    attempts: u64,
}

/// Finds the latest call of that name that somebody worked on, else one that was only made: a
/// call that was told again has nothing to say.
fn of(file: &RunFile, agent: &str) -> Result<Found, Failure> {
    let is_named = |issued: &CallIssued| {
        issued.label.as_deref() == Some(agent)
            || issued.path == agent
            || agent.parse() == Ok(issued.call)
    };
    let named: BTreeSet<(u64, u64)> = file
        .records
        .iter()
        .filter_map(|record| match record {
            RunRecord::Issued(issued) if is_named(issued) => Some((issued.epoch, issued.call)),
            _ => None,
        })
        .collect();
    let worked = file.records.iter().rev().find_map(|record| match record {
        RunRecord::Attempt(attempt) if named.contains(&(attempt.epoch, attempt.call)) => {
            Some((attempt.epoch, attempt.call, attempt.attempt))
        }
        _ => None,
    });
    let made = named.last().map(|(epoch, call)| (*epoch, *call, 0));
    let (epoch, call, attempts) = worked.or(made).ok_or_else(|| {
        let message = format!("the run `{}` has no call `{agent}`", file.id);
        let hint = format!(
            "`callsheet workflow show {}` shows those that it has",
            file.id
        );
        ExecError::new(ExecErrorKind::Missing, message).hint(hint)
    })?;
    Ok(Found {
        epoch,
        call,
        attempts,
    })
}

/// How much of a call's logs was printed.
#[derive(Default)]
struct Log {
    printed: usize,
}

impl Log {
    fn more(&mut self, run: &Path, found: &Found) -> Result<Vec<u8>, Failure> {
        let mut all = Vec::new();
        for attempt in 1..=found.attempts.max(1) {
            let first = format!("{}-{}-{attempt}", found.epoch, found.call);
            for name in [first.clone(), format!("{first}-2")] {
                let path = run.join(LOGS).join(name);
                match fs::read(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    bytes => all.extend(bytes.at(&path)?),
                }
            }
        }
        let more = all.get(self.printed..).unwrap_or_default().to_vec();
        self.printed = all.len();
        Ok(more)
    }
}
