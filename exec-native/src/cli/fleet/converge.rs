//! The commands that bring a fleet to where it should be: they differ in what they ask.

use std::cell::Cell;
use std::time::Duration;

use clap::{Args, ValueEnum};
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::json::Writer;
use plan_core::fleet::merge::{Conflict, Prefer, Terms};
use plan_core::fleet::plan::{Action, ActionKind, Edit, EditKind, FleetPlan, Goal, plan};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, Shape};
use super::super::report::Located;
use super::events::{event_line, tell};
use super::{HomeArgs, is_error, raised};
use crate::fleet::STAFFING;
use crate::fleet::carry::{Carrier, CarryOptions, FleetEvent, GRACE};
use crate::fleet::crew::{Choice, Crew};
use crate::fleet::gather::{Gathered, Request, gather};
use crate::fleet::home::Home;
use crate::fleet::lock::FleetLock;
use crate::fleet::write::{WriteOptions, settle};

/// The exit code of a plan that has something to do.
pub(super) const PENDING: u8 = 2;
/// The exit code of a plan on which the operator must decide first.
pub(super) const CONFLICT: u8 = 3;

/// What new seats run in.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum TransportArg {
    /// tmux where it is installed, else processes.
    #[default]
    Auto,
    /// Sessions of tmux.
    Tmux,
    /// Processes with terminals of their own, each with a log.
    Process,
}

impl From<TransportArg> for Choice {
    fn from(arg: TransportArg) -> Self {
        match arg {
            TransportArg::Auto => Choice::Auto,
            TransportArg::Tmux => Choice::Tmux,
            TransportArg::Process => Choice::Process,
        }
    }
}

/// Whose value counts.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PreferArg {
    /// The roster's.
    Mine,
    /// The profile's and the policy's.
    Theirs,
}

/// How a plan is made.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Staffs the fleet from this profile; by default from the one of the last time.
    #[arg(long, value_name = "ID")]
    profile: Option<String>,
    /// All seats of the profile.
    #[arg(long, conflicts_with = "floor")]
    full: bool,
    /// Only the seats that the profile keeps staffed.
    #[arg(long)]
    floor: bool,
    /// Decides every conflict between the roster and what is generated.
    #[arg(long, value_enum, value_name = "SIDE")]
    prefer: Option<PreferArg>,
    /// Takes the generated value of a field, such as `code0.model_hint`; can be repeated.
    #[arg(long, value_name = "SEAT.FIELD")]
    force_conflicts: Vec<String>,
    /// Brings seats back that were taken out of the roster.
    #[arg(long)]
    restore: bool,
    /// Gives a field of a seat a value, such as `code0.model=opus`: runtime, model or
    /// `working_directory`; can be repeated.
    #[arg(long, value_name = "SEAT.FIELD=VALUE", value_parser = setting)]
    set: Vec<Edit>,
}

/// Reads a value of `--set`.
fn setting(text: &str) -> Result<Edit, String> {
    let wrong = || "write SEAT.FIELD=VALUE, such as code0.model=opus".to_owned();
    let (target, value) = text.split_once('=').ok_or_else(wrong)?;
    let (seat, field) = target.split_once('.').ok_or_else(wrong)?;
    let value = Some(value.to_owned()).filter(|value| !value.is_empty());
    let value = value.ok_or_else(wrong)?;
    let mut edit = edit(EditKind::Set, seat);
    match field {
        "runtime" => edit.runtime = Some(value),
        "model" | "model_hint" => edit.model = Some(value),
        "working_directory" => edit.working_directory = Some(value),
        _ => {
            return Err(format!(
                "a seat has no field `{field}` that can be set here"
            ));
        }
    }
    Ok(edit)
}

/// An edit that changes nothing yet.
pub(super) fn edit(kind: EditKind, name: &str) -> Edit {
    Edit {
        kind,
        name: name.to_owned(),
        class: None,
        runtime: None,
        model: None,
        working_directory: None,
        reports_to: None,
        count: None,
    }
}

impl PlanArgs {
    /// Adds what the flags say to a request.
    pub(super) fn fill(&self, request: &mut Request) {
        request.profile.clone_from(&self.profile);
        request.full = match (self.full, self.floor) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        request.edits.extend(self.set.iter().cloned());
        request.terms = Terms {
            prefer: self.prefer.map(|prefer| match prefer {
                PreferArg::Mine => Prefer::Mine,
                PreferArg::Theirs => Prefer::Theirs,
            }),
            restore: self.restore,
            force: self.force_conflicts.clone(),
        };
    }
}

/// How a command carries its plan out.
#[derive(Debug, Args)]
pub(super) struct CarryArgs {
    /// Shows what would be done, and does nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Waits until every seat that was started is ready, wave by wave.
    #[arg(long)]
    wait: bool,
    /// What new seats run in.
    #[arg(long, value_enum, default_value_t, value_name = "TRANSPORT")]
    transport: TransportArg,
    /// Seconds that a seat has to end before it is killed.
    #[arg(long, value_name = "SECONDS", default_value_t = GRACE.as_secs())]
    grace: u64,
    /// Prints what happens as lines of JSON, the envelope last.
    #[arg(long)]
    pub(super) json: bool,
}

impl CarryArgs {
    /// What new seats run in.
    pub(super) const fn transport(&self) -> TransportArg {
        self.transport
    }
}

/// A fleet as a command finds it.
pub(super) struct Found {
    /// The home.
    pub(super) home: Home,
    /// What it holds, and what runs.
    pub(super) gathered: Gathered,
    /// The sessions.
    pub(super) crew: Crew,
}

/// Looks at a fleet for a request.
pub(super) fn find(
    home: Home,
    request: &Request,
    transport: TransportArg,
) -> Result<Found, Failure> {
    let gathered = gather(&home, request)?;
    let crew = Crew::open(
        &home,
        &gathered.input.fleet,
        &gathered.tmux(),
        transport.into(),
    )?;
    let observed = crew.observe()?;
    Ok(Found {
        home,
        gathered: gathered.seeing(observed),
        crew,
    })
}

impl Found {
    /// Makes the plan.
    pub(super) fn plan(&self) -> Result<FleetPlan, Failure> {
        let problems = &self.gathered.problems;
        if !problems.is_empty() {
            return Err(self.refused(problems.clone()));
        }
        plan(&self.gathered.input, STAFFING).map_err(|problems| self.refused(problems))
    }

    /// As [`Found::plan`], for a request that names seats: what is not there, or is added and
    /// could never be started, stops it before anything is done.
    fn plan_for(&self, request: &Request) -> Result<FleetPlan, Failure> {
        let made = self.plan()?;
        let added = |edit: &&Edit| edit.kind == EditKind::Add;
        let idle = |edit: &Edit| made.seat(&edit.name).is_some_and(|seat| !seat.startable);
        let idle = request.edits.iter().filter(added).any(idle);
        let stops =
            |one: &&Diagnostic| is_error(one) && (idle || one.code == Code::FLEET_EDIT_INVALID);
        let problems: Vec<Diagnostic> = made.diagnostics.iter().filter(stops).cloned().collect();
        if problems.is_empty() {
            return Ok(made);
        }
        Err(self.refused(problems))
    }

    /// As [`Found::plan`]; what looks like a mistake may count as one.
    pub(super) fn checked_plan(&self, strict: bool) -> Result<FleetPlan, Failure> {
        let made = self.plan()?;
        if strict && !made.diagnostics.is_empty() {
            return Err(self.refused(made.diagnostics.iter().map(raised).collect()));
        }
        Ok(made)
    }

    fn refused(&self, problems: Vec<Diagnostic>) -> Failure {
        let problems = problems.into_iter().map(|problem| self.locate(problem));
        Failure::Refused {
            problems: problems.collect(),
            json: false,
        }
    }

    /// Says where the file of a problem is, and quotes it.
    pub(super) fn locate(&self, problem: Diagnostic) -> Located {
        let file = problem.place.as_ref().and_then(|place| place.file.clone());
        let Some(file) = file else {
            return problem.into();
        };
        if let Some((path, text)) = self.gathered.file(&self.home, &file) {
            return Located::from(problem.within(path)).quoting(Some(text));
        }
        let text = self.gathered.roles.text_at(&file);
        Located::from(problem).quoting(text)
    }

    /// Tells what there is to know about a plan.
    pub(super) fn tell_diagnostics(&self, plan: &FleetPlan, output: &Output) {
        for diagnostic in &plan.diagnostics {
            let text = self.locate(diagnostic.clone()).render(output);
            if is_error(diagnostic) {
                output.problem(&text);
            } else {
                output.note(&text);
            }
        }
    }
}

/// Brings a fleet to where a request wants it.
pub(super) fn converge(
    request: &Request,
    (args, command): (&CarryArgs, &str),
    place: &HomeArgs,
    output: &Output,
) -> Answer {
    if args.dry_run {
        let found = find(place.home()?, request, args.transport)?;
        let made = found.plan_for(request)?;
        return show(&found, &made, (args.json, false), output);
    }
    let home = place.home()?;
    let mut write = place.write_options(command)?;
    let lock = FleetLock::take(&home, command, write.lock_timeout)?;
    settle(&lock, &write.state)?;
    write.lock = Some(&lock);
    let found = find(home, request, args.transport)?;
    let made = found.plan_for(request)?;
    carry(&found, &made, (args, &write), output)
}

/// Carries a plan out; the lock is held.
pub(super) fn carry(
    found: &Found,
    made: &FleetPlan,
    (args, write): (&CarryArgs, &WriteOptions<'_>),
    output: &Output,
) -> Answer {
    if !made.conflicts.is_empty() {
        return tell_conflicts(made, args.json, output);
    }
    if !args.json {
        found.tell_diagnostics(made, output);
    }
    let gone = Cell::new(None);
    let events = |event: &FleetEvent<'_>| {
        let told = if args.json {
            output.line(&event_line(event))
        } else {
            tell(event, output);
            Ok(())
        };
        if let Err(failure) = told {
            gone.set(Some(failure));
        }
    };
    let options = CarryOptions {
        write,
        wait: args.wait,
        grace: Duration::from_secs(args.grace),
        events: &events,
    };
    let carrier = Carrier {
        home: &found.home,
        gathered: &found.gathered,
        crew: &found.crew,
        options: &options,
    };
    let carried = carrier.carry_out(made)?;
    if let Some(failure) = gone.take() {
        return Err(failure);
    }
    let code = u8::from(!carried.failed.is_empty() || made.has_errors());
    if let Some(signal) = write.cancel.asked() {
        return Ok(u8::try_from(128 + signal).unwrap_or(1));
    }
    if args.json {
        let data = Shape(|out: &mut Writer| {
            out.begin_object();
            out.field("summary", &made.summary);
            out.field("transport", found.crew.transport());
            let run = carried.written.run.as_ref();
            out.field("run", &run.map(ToString::to_string));
            out.field("generation", &carried.written.generation);
            out.key("failed");
            out.begin_array();
            for (seat, error) in &carried.failed {
                out.begin_object();
                out.field("seat", seat);
                out.field("message", &error.chain());
                out.end_object();
            }
            out.end_array();
            out.end_object();
        });
        let failed = carried.failed.iter().map(|(seat, error)| {
            Diagnostic::error(
                Code::FLEET_SEAT_FAILED,
                format!("{seat}: {}", error.chain()),
            )
        });
        let diagnostics: Vec<_> = made.diagnostics.iter().cloned().chain(failed).collect();
        output.envelope(&data, &diagnostics)?;
        return Ok(code);
    }
    if made.actions.is_empty() && code == 0 {
        output.line(nothing(made))?;
    } else {
        output.line(&format!("Done: {}.", counts(made, true)))?;
    }
    Ok(code)
}

/// Shows a plan; `pending` asks for an exit code that tells whether it is empty.
pub(super) fn show(
    found: &Found,
    made: &FleetPlan,
    (json, pending): (bool, bool),
    output: &Output,
) -> Answer {
    if !made.conflicts.is_empty() {
        return tell_conflicts(made, json, output);
    }
    let code = if pending && !made.is_empty() {
        PENDING
    } else {
        0
    };
    if json {
        output.envelope(made, &made.diagnostics)?;
        return Ok(code);
    }
    found.tell_diagnostics(made, output);
    for action in &made.actions {
        output.line(&line(action, output))?;
        // Of a new file everything is new; the lines below tell the seats.
        let changes = action.changes.iter().filter(|_| action.reason != "new");
        for change in changes {
            // A digest says nothing to people.
            if change.field == "hash" {
                continue;
            }
            let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
            output.line(&format!(
                "      {}: {} → {}",
                change.field,
                part(&change.before),
                part(&change.after)
            ))?;
        }
    }
    if made.actions.is_empty() {
        output.line(nothing(made))?;
    } else {
        output.line(&format!("Plan: {}.", counts(made, false)))?;
    }
    Ok(code)
}

/// What is said of a plan without actions.
fn nothing(made: &FleetPlan) -> &'static str {
    let is_pause = |one: &Diagnostic| one.code == Code::FLEET_PAUSED;
    if made.diagnostics.iter().any(is_pause) {
        return "Nothing was started: the fleet is paused.";
    }
    match made.aim.goal {
        Goal::Down => "Nothing to do: no seat runs.",
        Goal::Up | Goal::Files => "Nothing to do: the fleet is as it should be.",
    }
}

fn counts(made: &FleetPlan, done: bool) -> String {
    let summary = &made.summary;
    let parts = [
        (summary.write, ["file", "files"], ["to write", "written"]),
        (summary.start, ["seat", "seats"], ["to start", "started"]),
        (
            summary.restart,
            ["seat", "seats"],
            ["to start again", "started again"],
        ),
        (summary.stop, ["seat", "seats"], ["to stop", "stopped"]),
        (
            summary.adopt,
            ["session", "sessions"],
            ["to adopt", "adopted"],
        ),
    ];
    let parts = parts.iter().filter(|(count, ..)| *count > 0);
    let parts = parts.map(|(count, [one, many], [wanted, had])| {
        let noun = if *count == 1 { one } else { many };
        format!("{count} {noun} {}", if done { had } else { wanted })
    });
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        return "nothing".to_owned();
    }
    parts.join(", ")
}

/// One line about an action.
fn line(action: &Action, output: &Output) -> String {
    let (sign, colour) = match action.kind {
        ActionKind::SeatStart => ("+", "32"),
        ActionKind::SeatStop => ("-", "31"),
        _ => ("~", "33"),
    };
    let target = match (&action.path, &action.seat) {
        (Some(path), _) => path.clone(),
        (None, Some(seat)) => format!("seat {seat}"),
        (None, None) => String::new(),
    };
    let what = match action.kind {
        ActionKind::RosterWrite | ActionKind::LockWrite | ActionKind::EnvWrite => "write",
        ActionKind::SeatStart => "start",
        ActionKind::SeatRestart => "start again",
        ActionKind::SeatStop => "stop",
        ActionKind::SeatAdopt => "adopt",
    };
    let sign = output.paint_out(colour, sign);
    format!("  {sign} {target:<28} {what}: {}", action.reason)
}

fn tell_conflicts(made: &FleetPlan, json: bool, output: &Output) -> Answer {
    let diagnostics: Vec<Diagnostic> = made.conflicts.iter().map(conflict).collect();
    if json {
        let mut all = diagnostics;
        all.extend(made.diagnostics.iter().cloned());
        output.envelope(made, &all)?;
        return Ok(CONFLICT);
    }
    for diagnostic in diagnostics {
        output.problem(&Located::from(diagnostic).render(output));
    }
    Ok(CONFLICT)
}

fn conflict(conflict: &Conflict) -> Diagnostic {
    let Conflict {
        unit,
        field,
        base,
        mine,
        theirs,
    } = conflict;
    let part = |text: &Option<String>| {
        let text = text.as_ref().map(|text| format!("`{text}`"));
        text.unwrap_or_else(|| "nothing".to_owned())
    };
    let message = if field == "*" {
        format!("seat `{unit}` was edited in the roster, and is no longer in the profile")
    } else {
        format!(
            "{unit}.{field}: the roster has {}, the profile and the policy want {}; it was {}",
            part(mine),
            part(theirs),
            part(base)
        )
    };
    let target = if field == "*" {
        unit.clone()
    } else {
        format!("{unit}.{field}")
    };
    Diagnostic::error(Code::FLEET_MERGE_CONFLICT, message).help(format!(
        "decide: --prefer mine, --prefer theirs, or --force-conflicts {target}"
    ))
}
