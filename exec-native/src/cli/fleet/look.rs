//! `callsheet fleet status|graph|explain|send|reset|tail|watch`.

use clap::{Args, ValueEnum};
use plan_core::base::json::Writer;
use plan_core::fleet::observed::{Observed, Session};
use plan_core::fleet::plan::{Aim, Goal};
use plan_core::fleet::status::{Row, State, Status, status};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::HomeArgs;
use super::converge::{Found, PENDING, TransportArg, find};
use crate::error::{ExecError, ExecErrorKind};
use crate::fleet::gather::Request;
use crate::fleet::pending::left;
use crate::os::clock::{Deadline, rest};
use crate::os::env;
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use std::time::Duration;

fn look(place: &HomeArgs) -> Result<Found, Failure> {
    let request = Request::aiming(Aim::at(Goal::Up));
    find(place.home()?, &request, TransportArg::Auto)
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet status
  callsheet fleet status --check --json

Exit codes: 0; with --check 2 when a seat is not as it should be.")]
pub(super) struct StatusCommand {
    /// Ends with 2 when a seat is not as it should be.
    #[arg(long)]
    check: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl StatusCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let found = look(place)?;
        let made = found.plan()?;
        let nothing = Observed {
            paused: false,
            sessions: Vec::new(),
        };
        let observed = found.gathered.input.observed.as_ref().unwrap_or(&nothing);
        let state = status(&made, observed);
        let code = if self.check && !state.in_sync {
            PENDING
        } else {
            0
        };
        if self.json {
            output.envelope(&state, &made.diagnostics)?;
            return Ok(code);
        }
        table(&state, output)?;
        if left(&found.home)?.is_some() {
            output.note(
                "a command was interrupted; `callsheet fleet apply --resume` finishes what it began",
            );
        }
        found.tell_diagnostics(&made, output);
        Ok(code)
    }
}

fn table(state: &Status, output: &Output) -> Result<(), Failure> {
    let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let cells = |row: &Row| {
        [
            row.name.clone(),
            part(&row.class),
            part(&row.runtime),
            row.state.as_str().to_owned(),
            row.readiness.as_str().to_owned(),
            part(&row.reports_to),
            row.detail.clone().unwrap_or_default(),
        ]
    };
    let head = [
        "SEAT",
        "CLASS",
        "RUNTIME",
        "STATE",
        "AGENT",
        "REPORTS TO",
        "",
    ];
    let mut rows = vec![head.map(String::from)];
    rows.extend(state.rows.iter().map(cells));
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let states = std::iter::once(None).chain(state.rows.iter().map(|row| Some(row.state)));
    for (row, shown) in rows.iter().zip(states) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let blanks = " ".repeat(width.saturating_sub(cell.chars().count()) + 2);
            let cell = match (column, shown) {
                (3, Some(state)) => output.paint_out(colour(state), cell),
                _ => cell.clone(),
            };
            line.push_str(&cell);
            line.push_str(&blanks);
        }
        output.line(line.trim_end())?;
    }
    if state.paused {
        output.note("the fleet is paused; `callsheet fleet resume` ends that");
    }
    Ok(())
}

const fn colour(state: State) -> &'static str {
    match state {
        State::InSync => "32",
        State::Idle | State::Foreign | State::Paused => "2",
        State::ConfigDrift | State::RuntimeDrift | State::StaleHeartbeat | State::Orphan => "33",
        State::Missing | State::Dead | State::Stuck => "31",
    }
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum GraphFormat {
    /// A tree for the terminal.
    #[default]
    Text,
    /// Seats as data.
    Json,
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet graph
  callsheet fleet graph --profile business --full --format mermaid
  callsheet fleet graph --format dot | dot -Tsvg > fleet.svg")]
pub(super) struct GraphCommand {
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t)]
    format: GraphFormat,
    #[command(flatten)]
    plan: super::converge::PlanArgs,
    /// As `--format json`.
    #[arg(long)]
    json: bool,
}

impl GraphCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut request = Request::aiming(Aim::at(Goal::Files));
        self.plan.fill(&mut request);
        let found = find(place.home()?, &request, TransportArg::Auto)?;
        let made = found.plan()?;
        let topology = made.topology();
        let format = if self.json {
            GraphFormat::Json
        } else {
            self.format
        };
        let text = match format {
            GraphFormat::Json => {
                output.envelope(&topology, &made.diagnostics)?;
                return Ok(0);
            }
            GraphFormat::Text => topology.text(),
            GraphFormat::Dot => topology.dot(),
            GraphFormat::Mermaid => topology.mermaid(),
        };
        output.bytes(text.as_bytes()).map(|()| 0)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet explain code0

Shows who decided what the seat runs: the command line, the roster, the profile, the
policy, the persona, or nobody.")]
pub(super) struct ExplainCommand {
    /// The seat.
    seat: String,
    #[command(flatten)]
    plan: super::converge::PlanArgs,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl ExplainCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut request = Request::aiming(Aim::at(Goal::Files));
        self.plan.fill(&mut request);
        let found = find(place.home()?, &request, TransportArg::Auto)?;
        let made = found.plan()?;
        let Some(seat) = made.seat(&self.seat) else {
            return Err(unknown(&self.seat, &found, &made.seats));
        };
        if self.json {
            output.envelope(seat, &made.diagnostics)?;
            return Ok(0);
        }
        let manager = seat.reports_to.as_deref().unwrap_or("nobody");
        output.line(&format!(
            "{}: class {} ({}), reports to {manager}, works in {}",
            seat.name, seat.class, seat.domain, seat.working_directory
        ))?;
        let persona = found.gathered.roles.library.resolve(&seat.class);
        if let Some(persona) = persona {
            let path = found.gathered.roles.path(&persona);
            output.line(&format!("  persona  {path} ({})", persona.layer.as_str()))?;
        }
        for why in &seat.why {
            let mark = if why.used { "→" } else { " " };
            let at = why
                .at
                .as_ref()
                .map(|at| format!(" ({at})"))
                .unwrap_or_default();
            let value = why.value.as_deref().unwrap_or("nothing");
            output.line(&format!(
                "  {mark} {:<18} {value:<24} {}{at}",
                why.field,
                why.source.as_str()
            ))?;
        }
        Ok(0)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet comms-block code0 >> AGENTS.md")]
pub(super) struct CommsCommand {
    /// The seat.
    seat: String,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl CommsCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let request = Request::aiming(Aim::at(Goal::Files));
        let found = find(place.home()?, &request, TransportArg::Auto)?;
        let made = found.plan()?;
        let Some(block) = made.topology().comms(&self.seat) else {
            return Err(unknown(&self.seat, &found, &made.seats));
        };
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("seat", &self.seat);
                out.field("block", &block);
                out.end_object();
            });
            output.envelope(&data, &made.diagnostics)?;
            return Ok(0);
        }
        output.line(block.trim_end())?;
        Ok(0)
    }
}

fn unknown(name: &str, _found: &Found, seats: &[plan_core::fleet::plan::PlannedSeat]) -> Failure {
    let names = seats.iter().map(|seat| &*seat.name);
    let near = plan_core::base::text::nearest(name, names);
    let error = ExecError::new(ExecErrorKind::Failed, format!("there is no seat `{name}`"));
    error
        .hint(near.map_or_else(
            || "`callsheet fleet status` lists the seats".to_owned(),
            |near| format!("did you mean `{near}`?"),
        ))
        .into()
}

/// Finds the session of a seat that is in the roster or at least runs.
fn session(found: &Found, seat: &str) -> Result<Session, Failure> {
    let made = found.plan()?;
    let running = found.crew.session(seat);
    if running.is_err() && made.seat(seat).is_none() {
        return Err(unknown(seat, found, &made.seats));
    }
    Ok(running?)
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet send planner --message 'What is next?'
  git log -5 | callsheet fleet send review --message -
  callsheet fleet send code0 --message 'Stop.' --verify

The message begins with who sends it, [host:seat -> host:seat], unless --plain is given.")]
pub(super) struct SendCommand {
    /// The seat.
    seat: String,
    /// The text; `-` reads it from standard input.
    #[arg(long, short, value_name = "TEXT")]
    message: String,
    /// Looks whether the message was taken, not left as a draft.
    #[arg(long)]
    verify: bool,
    /// Sends the text alone.
    #[arg(long)]
    plain: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl SendCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let found = look(place)?;
        let session = session(&found, &self.seat)?;
        let text = match &*self.message {
            "-" => env::read_stdin().map_err(|error| {
                ExecError::new(ExecErrorKind::Failed, "the message cannot be read").because(error)
            })?,
            text => text.to_owned(),
        };
        let text = text.trim_end_matches('\n');
        if text.trim().is_empty() {
            return Err(ExecError::new(ExecErrorKind::Usage, "the message is empty").into());
        }
        let text = if self.plain {
            text.to_owned()
        } else {
            let from = env::var("CALLSHEET_SEAT").unwrap_or_else(|| "operator".to_owned());
            let host = env::host_name();
            format!("[{host}:{from} -> {host}:{}] {text}", self.seat)
        };
        found.crew.send(&session, &text)?;
        if self.verify {
            verify(&found, &session)?;
        }
        done(self.json, &self.seat, "sent to", output)
    }
}

/// Waits until the end of the screen shows no draft.
fn verify(found: &Found, session: &Session) -> Result<(), Failure> {
    let deadline = Deadline::after(Some(Duration::from_secs(3)));
    loop {
        let screen = found.crew.capture(session, 5)?;
        let last = screen.lines().rev().find(|line| !line.trim().is_empty());
        let draft = last.is_some_and(|line| {
            let line = line.trim_start();
            line.strip_prefix("> ")
                .is_some_and(|rest| !rest.trim().is_empty())
        });
        if !draft {
            return Ok(());
        }
        if deadline.is_over() {
            let message = "the message stands in the seat's input and was not taken";
            let error = ExecError::new(ExecErrorKind::Failed, message);
            let look = format!("`callsheet fleet watch {}` shows it", session.name);
            return Err(error.hint(look).into());
        }
        rest(Duration::from_millis(50));
    }
}

fn done(json: bool, seat: &str, what: &str, output: &Output) -> Answer {
    if json {
        let data = Shape(|out: &mut Writer| {
            out.begin_object();
            out.field("seat", seat);
            out.end_object();
        });
        return output.envelope(&data, &[]).map(|()| 0);
    }
    output.note(&format!("{what} {seat}"));
    Ok(0)
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet reset code0

Types the command that clears the context of the seat's harness, such as /clear.")]
pub(super) struct ResetCommand {
    /// The seat.
    seat: String,
    /// Starts the seat anew instead.
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    carry: super::converge::CarryArgs,
}

impl ResetCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        if self.new {
            let mut aim = Aim::at(Goal::Up);
            aim.seats.push(self.seat.clone());
            aim.again = true;
            let request = Request::aiming(aim);
            let command = (&self.carry, "fleet reset");
            return super::converge::converge(&request, command, place, output);
        }
        let found = look(place)?;
        let session = session(&found, &self.seat)?;
        let made = found.plan()?;
        let seat = made.seat(&self.seat);
        let reset = seat.and_then(|seat| made.resets.get(&seat.runtime));
        let Some(reset) = reset.filter(|reset| !reset.is_empty()) else {
            let message = format!("no reset_command is known for seat `{}`", self.seat);
            let error = ExecError::new(ExecErrorKind::Config, message);
            return Err(error
                .hint("add one under `runtimes` in the roster, or use --new")
                .into());
        };
        if self.carry.dry_run {
            output.line(&format!("would type {reset} into {}", self.seat))?;
            return Ok(0);
        }
        found.crew.send(&session, reset)?;
        done(self.carry.json, &self.seat, "cleared", output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet tail code0 -n 100")]
pub(super) struct TailCommand {
    /// The seat.
    seat: String,
    /// How many lines.
    #[arg(short = 'n', long, default_value_t = 40, value_name = "LINES")]
    lines: usize,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl TailCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let found = look(place)?;
        let session = session(&found, &self.seat)?;
        let text = found.crew.capture(&session, self.lines)?;
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("seat", &self.seat);
                out.field("text", &text);
                out.end_object();
            });
            return output.envelope(&data, &[]).map(|()| 0);
        }
        output.tell(text.trim_end()).map(|()| 0)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet watch code0

Shows the seat without touching it, until you leave: ctrl-b d in tmux, else ctrl-c.")]
pub(super) struct WatchCommand {
    /// The seat.
    seat: String,
}

impl WatchCommand {
    pub(super) fn answer(&self, place: &HomeArgs, _output: &Output) -> Answer {
        let found = look(place)?;
        let session = session(&found, &self.seat)?;
        let cancel = Cancel::new();
        cancel_on_request(&cancel)?;
        found.crew.watch(&session, &cancel)?;
        Ok(0)
    }
}
