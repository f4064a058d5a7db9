//! `callsheet fleet plan|diff|apply|up|down|start|stop|restart|add|remove|scale|adopt`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::diag::Path;
use plan_core::base::digest::of_json;
use plan_core::base::json::pretty;
use plan_core::base::json::read;
use plan_core::base::record::Scan as _;
use plan_core::fleet::lock;
use plan_core::fleet::plan::{Aim, EditKind, FleetPlan, Goal, SCHEMA, stale};

use super::super::Answer;
use super::super::failure::Failure;
use super::super::output::{Output, envelope};
use super::super::report::Located;
use super::HomeArgs;
use super::converge::{CarryArgs, PlanArgs, TransportArg, carry, converge, edit, find, show};
use plan_core::fleet::roster;

use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::fleet::gather::Request;
use crate::fleet::lock::FleetLock;
use crate::fleet::pending::left;
use crate::fleet::write::settle;
use crate::os::fs::{self, Attributes};
use crate::os::owner;

/// The exit code of a saved plan that no longer fits.
const STALE: u8 = 4;
/// The input of a saved plan that is its own digest.
const SEAL: &str = "plan";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet plan --profile software-delivery --full
  callsheet fleet plan --out fleet.plan && callsheet fleet apply fleet.plan
  callsheet fleet plan --set code0.model=opus --detailed-exitcode

Exit codes: 0, also with changes; 1 for an error; 3 when the roster and what is generated
conflict; with --detailed-exitcode 2 when there is something to do.")]
pub(super) struct PlanCommand {
    #[command(flatten)]
    plan: PlanArgs,
    /// Saves the plan, to be applied exactly as it is.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Ends with 2 when there is something to do.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    look: LookArgs,
}

/// How a command that changes nothing looks.
#[derive(Debug, Args)]
pub(super) struct LookArgs {
    /// What new seats run in.
    #[arg(long, value_enum, default_value_t, value_name = "TRANSPORT")]
    pub(super) transport: TransportArg,
    /// Takes what looks like a mistake for one.
    #[arg(long)]
    pub(super) strict: bool,
    /// Prints JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl PlanCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut request = Request::aiming(Aim::at(Goal::Up));
        self.plan.fill(&mut request);
        let found = find(place.home()?, &request, self.look.transport)?;
        let made = found.checked_plan(self.look.strict)?;
        if let Some(path) = self.out.as_ref().filter(|_| made.conflicts.is_empty()) {
            save(path, &made)?;
            output.note(&format!("saved: callsheet fleet apply {}", path.display()));
        }
        show(
            &found,
            &made,
            (self.look.json, self.detailed_exitcode),
            output,
        )
    }
}

/// Writes a plan to a file of the caller's.
fn save(path: &std::path::Path, made: &FleetPlan) -> Result<(), Failure> {
    let path = fs::absolute(path).at(path)?;
    let below = path.parent().unwrap_or(&path);
    let place = fs::resolve(below, &path).at(&path)?.ok_or_else(|| {
        let message = "the directory for the plan does not exist";
        ExecError::new(ExecErrorKind::Usage, message).at(below)
    })?;
    let there = place.dir.stat(&place.name).at(&path)?;
    if there.is_some() && load(&path).is_err() {
        let message = "there is a file that is no plan of a fleet";
        let error = ExecError::new(ExecErrorKind::Usage, message).at(&path);
        return Err(error.hint("name another one for --out").into());
    }
    let mut sealed = made.clone();
    sealed.inputs.insert(SEAL.to_owned(), seal(made));
    let mut text = pretty(&sealed);
    text.push('\n');
    // It names no secret, but whoever can change it decides what is applied.
    let attributes = Attributes {
        mode: Some(0o600),
        ..Attributes::default()
    };
    let temp = OsString::from(format!(".fleet-plan.{}", owner::own_id()));
    fs::write_atomic(&place, &temp, text.as_bytes(), attributes).at(&path)?;
    Ok(())
}

/// Digests a plan, so that one that somebody changed by mistake is not applied.
fn seal(made: &FleetPlan) -> String {
    of_json(made)
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet diff
  callsheet fleet diff --profile business --full --json

Exit codes: 0 when nothing differs; 2 when something does; 3 for conflicts.")]
pub(super) struct DiffCommand {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    look: LookArgs,
}

impl DiffCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut request = Request::aiming(Aim::at(Goal::Up));
        self.plan.fill(&mut request);
        let found = find(place.home()?, &request, self.look.transport)?;
        let made = found.checked_plan(self.look.strict)?;
        show(&found, &made, (self.look.json, true), output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet apply fleet.plan --wait
  callsheet fleet apply
  callsheet fleet apply --resume

Without a file it plans and applies what is missing, as `up` does. A saved plan is refused
with exit code 4 when anything that it was made from is different now.")]
pub(super) struct ApplyCommand {
    /// A plan of `callsheet fleet plan --out`.
    file: Option<PathBuf>,
    /// Finishes what a command began that was killed.
    #[arg(long, conflicts_with = "file")]
    resume: bool,
    #[command(flatten)]
    carry: CarryArgs,
}

impl ApplyCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let command = "fleet apply";
        if self.resume {
            let Some(aim) = left(&place.home()?)? else {
                output.note("no command was interrupted");
                return Ok(0);
            };
            return converge(&Request::aiming(aim), (&self.carry, command), place, output);
        }
        let Some(path) = &self.file else {
            let request = Request::aiming(Aim::at(Goal::Up));
            return converge(&request, (&self.carry, command), place, output);
        };
        let (made, whole) = load(path)?;
        if !whole {
            let message = "the plan was changed after it was made";
            return self.refuse(message.to_owned(), output);
        }
        let mut request = Request::aiming(made.aim.clone());
        request.profile.clone_from(&made.profile);
        let home = place.home()?;
        let mut write = place.write_options(command)?;
        let lock = FleetLock::take(&home, command, write.lock_timeout)?;
        settle(&lock, &write.state)?;
        write.lock = Some(&lock);
        let found = find(home, &request, self.carry.transport())?;
        let moved = stale(&made, &found.gathered.input);
        if !moved.is_empty() || made.fleet != found.gathered.input.fleet {
            let what = if moved.is_empty() {
                "the fleet".to_owned()
            } else {
                moved.join(", ")
            };
            let message = format!("the plan is stale: different now: {what}");
            return self.refuse(message, output);
        }
        if self.carry.dry_run {
            return show(&found, &made, (self.carry.json, false), output);
        }
        carry(&found, &made, (&self.carry, &write), output)
    }

    /// Tells why a saved plan is not applied.
    fn refuse(&self, message: String, output: &Output) -> Answer {
        let problem = Diagnostic::error(Code::FLEET_PLAN_STALE, message)
            .help("make it again with `callsheet fleet plan --out FILE`");
        if self.carry.json {
            output.line(&envelope(None::<&FleetPlan>, &[problem]))?;
        } else {
            output.problem(&Located::from(problem).render(output));
        }
        Ok(STALE)
    }
}

/// Reads a saved plan; tells whether it is as it was made.
fn load(path: &std::path::Path) -> Result<(FleetPlan, bool), Failure> {
    let refused = |why: String| {
        let message = "this is not a plan of a fleet";
        let error = ExecError::new(ExecErrorKind::Usage, message);
        Failure::from(error.at(path).because(why))
    };
    let bytes = fs::read(path).at(path)?;
    let text = String::from_utf8(bytes).map_err(|error| refused(error.to_string()))?;
    let value = read(&text).map_err(|error| refused(error.to_string()))?;
    let made = FleetPlan::scan(&value, &Path::root("plan"));
    let mut made = made.map_err(|problem| refused(problem.to_string()))?;
    if made.schema != SCHEMA {
        let form = &made.schema;
        return Err(refused(format!("its form is `{form}`, not `{SCHEMA}`")));
    }
    // One that was made elsewhere need not have a seal.
    let sealed = made.inputs.remove(SEAL);
    let whole = sealed.is_none_or(|sealed| sealed == seal(&made));
    check_names(&made).map_err(refused)?;
    Ok((made, whole))
}

/// Refuses a plan that is about other files than those of a fleet.
fn check_names(made: &FleetPlan) -> Result<(), String> {
    let mut seats = made.seats.iter().map(|seat| &*seat.name);
    if let Some(name) = seats.find(|name| !roster::is_safe_name(name)) {
        return Err(format!("`{name}` cannot be the name of a session"));
    }
    let file = |path: &&str| ![roster::FILE, lock::FILE].contains(path);
    let mut files = made.files.iter().map(|file| &*file.path).filter(file);
    let own = |path: &&str| {
        let name = path
            .strip_prefix("agents/")
            .and_then(|path| path.strip_suffix(".env"));
        !name.is_some_and(roster::is_safe_name)
    };
    let mut environments = made.env.iter().map(|write| &*write.path).filter(own);
    match files.next().or_else(|| environments.next()) {
        None => Ok(()),
        Some(path) => Err(format!("`{path}` is no file of a fleet")),
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet up --profile software-delivery --full --wait
  callsheet fleet up --dry-run
  callsheet fleet up

A second call starts only what is missing or has changed. Sessions of others are never
touched. Exit codes: 0; 1 when a seat could not be started; 3 for conflicts; 5 when another
command works on the fleet; 69 when tmux was asked for and is missing.")]
pub(super) struct UpCommand {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    carry: CarryArgs,
}

impl UpCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut request = Request::aiming(Aim::at(Goal::Up));
        self.plan.fill(&mut request);
        converge(&request, (&self.carry, "fleet up"), place, output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet down --dry-run
  callsheet fleet down

Every seat is asked to end, killed if it does not, and what it was given is taken back.
The roster stays.")]
pub(super) struct DownCommand {
    #[command(flatten)]
    carry: CarryArgs,
}

impl DownCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let request = Request::aiming(Aim::at(Goal::Down));
        converge(&request, (&self.carry, "fleet down"), place, output)
    }
}

/// What is done with seats by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum SeatVerb {
    /// Those that do not run are started.
    Start,
    /// Those that run are stopped.
    Stop,
    /// All are started anew.
    Restart,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet start code0 code1
  callsheet fleet stop review
  callsheet fleet restart planner --wait")]
pub(super) struct SeatsCommand {
    /// The seats.
    #[arg(required = true, value_name = "SEAT")]
    seats: Vec<String>,
    #[command(flatten)]
    carry: CarryArgs,
}

impl SeatsCommand {
    pub(super) fn answer(&self, verb: SeatVerb, place: &HomeArgs, output: &Output) -> Answer {
        let (goal, command) = match verb {
            SeatVerb::Start => (Goal::Up, "fleet start"),
            SeatVerb::Stop => (Goal::Down, "fleet stop"),
            SeatVerb::Restart => (Goal::Up, "fleet restart"),
        };
        let mut aim = Aim::at(goal);
        aim.seats.clone_from(&self.seats);
        aim.again = matches!(verb, SeatVerb::Restart);
        converge(&Request::aiming(aim), (&self.carry, command), place, output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet add scout --class researcher --reports-to planner
  callsheet fleet add code9 --class code --runtime codex --model gpt-5.5 --no-start")]
pub(super) struct AddCommand {
    /// The name of the seat.
    name: String,
    /// The class of its persona.
    #[arg(long)]
    class: String,
    /// Its harness; the usual one by default.
    #[arg(long)]
    runtime: Option<String>,
    /// Its model.
    #[arg(long, alias = "model-hint")]
    model: Option<String>,
    /// Where it works; where all do by default.
    #[arg(long, value_name = "DIR", alias = "working-dir")]
    working_directory: Option<String>,
    /// The seat that it reports to.
    #[arg(long, value_name = "SEAT")]
    reports_to: Option<String>,
    /// Only writes it into the roster.
    #[arg(long)]
    no_start: bool,
    #[command(flatten)]
    carry: CarryArgs,
}

impl AddCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut add = edit(EditKind::Add, &self.name);
        add.class = Some(self.class.clone());
        add.runtime.clone_from(&self.runtime);
        add.model.clone_from(&self.model);
        add.working_directory.clone_from(&self.working_directory);
        add.reports_to.clone_from(&self.reports_to);
        let goal = if self.no_start { Goal::Files } else { Goal::Up };
        let mut aim = Aim::at(goal);
        aim.seats.push(self.name.clone());
        let mut request = Request::aiming(aim);
        request.edits.push(add);
        converge(&request, (&self.carry, "fleet add"), place, output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet remove scout
  callsheet fleet remove scout --dry-run

The seat is stopped and taken out of the roster. Its environment file stays.")]
pub(super) struct RemoveCommand {
    /// The seat.
    name: String,
    #[command(flatten)]
    carry: CarryArgs,
}

impl RemoveCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut aim = Aim::at(Goal::Up);
        aim.seats.push(self.name.clone());
        let mut request = Request::aiming(aim);
        request.edits.push(edit(EditKind::Remove, &self.name));
        converge(&request, (&self.carry, "fleet remove"), place, output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet fleet scale code=4
  callsheet fleet scale code=1 review=2 --dry-run")]
pub(super) struct ScaleCommand {
    /// Classes and how many seats they get.
    #[arg(required = true, value_name = "CLASS=N", value_parser = count)]
    counts: Vec<(String, u64)>,
    #[command(flatten)]
    carry: CarryArgs,
}

fn count(text: &str) -> Result<(String, u64), String> {
    let wrong = || "write CLASS=N, such as code=4".to_owned();
    let (class, number) = text.split_once('=').ok_or_else(wrong)?;
    let number = number.parse().map_err(|_| wrong())?;
    if class.is_empty() {
        return Err(wrong());
    }
    Ok((class.to_owned(), number))
}

impl ScaleCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut request = Request::aiming(Aim::at(Goal::Up));
        for (class, count) in &self.counts {
            let mut scale = edit(EditKind::Scale, class);
            scale.count = Some(*count);
            request.edits.push(scale);
        }
        converge(&request, (&self.carry, "fleet scale"), place, output)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  callsheet fleet adopt planner

A session that somebody started by hand becomes the seat of its name: it is watched,
spoken to and stopped like every seat.")]
pub(super) struct AdoptCommand {
    /// The seats, which are the names of the sessions.
    #[arg(required = true, value_name = "SEAT")]
    seats: Vec<String>,
    #[command(flatten)]
    carry: CarryArgs,
}

impl AdoptCommand {
    pub(super) fn answer(&self, place: &HomeArgs, output: &Output) -> Answer {
        let mut aim = Aim::at(Goal::Up);
        aim.seats.clone_from(&self.seats);
        aim.adopt.clone_from(&self.seats);
        converge(
            &Request::aiming(aim),
            (&self.carry, "fleet adopt"),
            place,
            output,
        )
    }
}
