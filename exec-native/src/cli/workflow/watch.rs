//! `callsheet workflow watch`: a run that somebody drives, live.

use clap::Args;
use plan_core::base::json::print;
use plan_core::workflow::record::RunRecord;

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::Output;
use super::lines::line;
use super::look::{POLL, RUNNING, find, standing};
use super::run::{OPEN, conclude};
use super::screen::Look;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::clock::{now_ms, rest};
use crate::os::env;
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use crate::os::terminal::Screen;
use crate::workflow::driver::Driven;
use crate::workflow::script::Script;
use crate::workflow::store::RunFile;
use crate::workflow::tail::Tail;
use crate::workflow::view::View;

#[derive(Debug, Args)]
#[command(
    after_help = "On a terminal the view is drawn again as the run goes on; q or Ctrl-C leaves it,
and the run goes on. Elsewhere there is a line for everything that happens.

Examples:
  callsheet workflow watch audit-01m7z5d68w-j19e318sf4
  callsheet workflow watch ID --json --since 120 | jq -c

Exit codes: those of `callsheet workflow run`, when the run has ended; 0 after q, 130 after
Ctrl-C."
)]
pub(super) struct WatchCommand {
    /// The run.
    id: String,
    /// Prints every record as a line of JSON, and at last the outcome.
    #[arg(long)]
    json: bool,
    /// Passes over so many records.
    #[arg(long, value_name = "RECORDS", default_value_t = 0)]
    since: u64,
    /// Prints lines, also on a terminal.
    #[arg(long)]
    plain: bool,
}

/// Why a watch is over.
enum Over {
    /// Nobody drives the run any more.
    Ended,
    /// The watcher has seen enough.
    Left(u8),
}

impl WatchCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.watch(output)
            .map_err(|failure| failure.json(self.json))
    }

    fn watch(&self, output: &Output) -> Answer {
        let file = find(&self.id)?;
        let mut view = View::new(phases(&file));
        let cancel = Cancel::new();
        cancel_on_request(&cancel)?;
        let wants_lines =
            self.json || self.plain || env::var("TERM").is_some_and(|term| term == "dumb");
        let screen = if wants_lines { None } else { Screen::open() };
        let over = match screen {
            Some(mut screen) => draw(&file, &mut view, (&mut screen, &cancel), output)?,
            None => self.list(&file, &mut view, &cancel, output)?,
        };
        match over {
            Over::Left(code) => Ok(code),
            Over::Ended => end(&self.id, self.json, output),
        }
    }

    /// Tells what happens in lines.
    fn list(
        &self,
        file: &RunFile,
        view: &mut View,
        cancel: &Cancel,
        output: &Output,
    ) -> Result<Over, Failure> {
        let paint = |code: &str, text: &str| output.paint_out(code, text);
        let mut tail = Tail::behind(file)?;
        let mut records = file.records.clone();
        loop {
            for record in &records {
                view.take(record);
                if view.records <= self.since {
                    continue;
                }
                if self.json {
                    output.line(&print(record))?;
                } else if let RunRecord::Opened(opened) = record {
                    output.line(&format!("run {}: {}", opened.run, opened.name))?;
                } else if let Some(line) = line(view, record, &paint) {
                    output.line(&line)?;
                }
            }
            if let Some(signal) = cancel.asked() {
                return Ok(Over::Left(128 + u8::try_from(signal).unwrap_or(0)));
            }
            let driven = file.is_driven()?;
            records = tail.more()?;
            if !driven && records.is_empty() {
                return Ok(Over::Ended);
            }
            if records.is_empty() {
                rest(POLL);
            }
        }
    }
}

/// Draws the run again and again.
fn draw(
    file: &RunFile,
    view: &mut View,
    (screen, cancel): (&mut Screen, &Cancel),
    output: &Output,
) -> Result<Over, Failure> {
    let paint = |code: &str, text: &str| output.paint_out(code, text);
    let mut tail = Tail::behind(file)?;
    let mut records = file.records.clone();
    loop {
        for record in &records {
            view.take(record);
        }
        let driven = file.is_driven()?;
        records = tail.more()?;
        let over = !driven && records.is_empty();
        let ended = view.ended.as_ref().map(|ended| ended.end.as_str());
        let look = Look {
            view,
            // Its end may stand in what was read just now.
            standing: if driven || !over {
                RUNNING
            } else {
                ended.unwrap_or("interrupted")
            },
            now: now_ms(),
            size: screen.size(),
            paint: &paint,
        };
        screen.draw(look.lines()).map_err(Failure::unwritten)?;
        if over {
            return Ok(Over::Ended);
        }
        if let Some(signal) = cancel.asked() {
            return Ok(Over::Left(128 + u8::try_from(signal).unwrap_or(0)));
        }
        if records.is_empty() && screen.keys(POLL).contains(&b'q') {
            return Ok(Over::Left(0));
        }
    }
}

/// The phases that the script of a run announces.
fn phases(file: &RunFile) -> Vec<String> {
    let history = &file.history;
    let latest = history.started().map(|started| &started.script);
    let first = history.opened().map(|opened| &opened.script);
    let text = file.blob(latest.or(first).map_or("", String::as_str));
    // Without them only those are shown that the run entered.
    let script = text.ok().and_then(|text| Script::of_text(&text, "").ok());
    script.map(|script| script.titles()).unwrap_or_default()
}

/// Says how the run has ended, as whoever drove it does.
fn end(id: &str, as_json: bool, output: &Output) -> Answer {
    let file = find(id)?;
    let Some(ended) = file.history.ended() else {
        let message = format!("the run is {}: whoever drove it died", standing(&file)?);
        if as_json {
            let error = ExecError::new(ExecErrorKind::Failed, message);
            return Err(error
                .hint(format!("`callsheet workflow resume {id}` goes on"))
                .into());
        }
        output.note(&message);
        output.note(&format!("go on with: callsheet workflow resume {id}"));
        return Ok(OPEN);
    };
    let driven = Driven {
        end: ended.end,
        reason: ended.reason.clone(),
        outcome: ended.outcome.clone(),
        ledger: file.history.ledger().clone(),
        unclaimed: 0,
    };
    conclude(id, &file.path, &driven, as_json, output)
}
