//! `callsheet fleet history|rollback|pause|resume`.

use clap::Args;
use plan_core::base::json::Writer;
use plan_core::fleet::roster;

use super::super::Answer;
use super::super::output::{Output, Shape};
use super::HomeArgs;
use crate::error::{ExecError, ExecErrorKind};
use crate::fleet::crew::PAUSED;
use crate::fleet::home::{Home, ROSTER, ROSTER_LOCK, Stored};
use crate::fleet::lock::FleetLock;
use crate::fleet::write::{Change, HISTORY, commit_changes, generations, settle};

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet history

Every change of the roster keeps the one before it under a number.")]
pub(super) struct HistoryCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// An earlier roster.
struct Past {
    number: u64,
    seats: Option<usize>,
}

fn past(home: &Home) -> Result<Vec<Past>, ExecError> {
    let mut found = Vec::new();
    for number in generations(home)? {
        let text = kept(home, number, ROSTER)?;
        let seats = text.and_then(|text| Some(roster::parse(&text.text).ok()?.agents.len()));
        found.push(Past { number, seats });
    }
    Ok(found)
}

/// Reads a file of an earlier generation.
fn kept(home: &Home, number: u64, file: &str) -> Result<Option<Stored>, ExecError> {
    let name = file.rsplit('/').next().unwrap_or(file);
    home.read(&format!("{HISTORY}/{number}/{name}"))
}

impl HistoryCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let home = place.home()?;
        let past = past(&home)?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.key("generations");
                out.begin_array();
                for one in &past {
                    out.begin_object();
                    out.field("generation", &one.number);
                    out.field("seats", &one.seats.map(|seats| seats as u64));
                    out.end_object();
                }
                out.end_array();
                out.end_object();
            });
            return output.envelope(&data, &[]).map(|()| 0);
        }
        if past.is_empty() {
            output.note("no earlier roster is kept yet");
        }
        for one in &past {
            let seats = match one.seats {
                Some(1) => "1 seat".to_owned(),
                Some(seats) => format!("{seats} seats"),
                None => "no roster".to_owned(),
            };
            output.line(&format!("{:>4}  {seats}", one.number))?;
        }
        Ok(0)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet rollback
  callsheet fleet rollback 3 && callsheet fleet up

Puts an earlier roster back, the last one by default. The present one is kept too, so a
rollback can be rolled back.")]
pub(super) struct RollbackCommand {
    /// The number of `callsheet fleet history`.
    number: Option<u64>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl RollbackCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let command = "fleet rollback";
        let home = place.home()?;
        let mut write = place.write_options(command)?;
        let lock = FleetLock::take(&home, command, write.lock_timeout)?;
        settle(&lock, &write.state)?;
        write.lock = Some(&lock);
        let all = generations(&home)?;
        let Some(number) = self.number.or_else(|| all.last().copied()) else {
            let message = "no earlier roster is kept";
            return Err(ExecError::new(ExecErrorKind::Failed, message).into());
        };
        if !all.contains(&number) {
            let message = format!("there is no generation {number}");
            let error = ExecError::new(ExecErrorKind::Usage, message);
            return Err(error.hint("`callsheet fleet history` lists them").into());
        }
        let mut changes = Vec::new();
        for file in [ROSTER, ROSTER_LOCK] {
            let now = home.read(file)?;
            match (kept(&home, number, file)?, now) {
                (Some(old), now) => changes.push(Change::write(file, old.text, now.as_ref())),
                (None, Some(now)) => changes.push(Change::remove(file, &now)),
                (None, None) => {}
            }
        }
        let written = commit_changes(&home, &changes, &write)?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("restored", &number);
                out.field("kept", &written.generation);
                out.field("changed", &written.changed);
                out.end_object();
            });
            return output.envelope(&data, &[]).map(|()| 0);
        }
        if written.changed.is_empty() {
            output.note(&format!("generation {number} is what there is already"));
            return Ok(0);
        }
        output.line(&format!("Generation {number} is back."))?;
        if let Some(kept) = written.generation {
            output.note(&format!("what was there is generation {kept}"));
        }
        output.note("`callsheet fleet up` brings the seats there");
        Ok(0)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet pause
  callsheet fleet resume

While a fleet is paused nothing is started and nothing sent. What runs goes on.")]
pub(super) struct PauseCommand {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl PauseCommand {
    /// Pauses the fleet, or ends the pause.
    pub(super) fn answer(&self, pause: bool, place: &HomeArgs, output: &Output) -> Answer {
        let command = if pause { "fleet pause" } else { "fleet resume" };
        let home = place.home()?;
        let write = place.write_options(command)?;
        let now = home.read(PAUSED)?;
        let change = match (pause, &now) {
            (true, None) => Some(Change::write(PAUSED, String::new(), None)),
            (false, Some(now)) => Some(Change::remove(PAUSED, now)),
            _ => None,
        };
        commit_changes(&home, &Vec::from_iter(change), &write)?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("paused", &pause);
                out.end_object();
            });
            return output.envelope(&data, &[]).map(|()| 0);
        }
        output.line(if pause {
            "The fleet is paused."
        } else {
            "The fleet is not paused."
        })?;
        Ok(0)
    }
}
