//! The plan of a fleet: what is written, started, restarted and stopped, and why.
//!
//! A function of texts and of one look at what runs; it reads no clock and names no
//! directory of the machine, so equal inputs give equal bytes.

mod actions;
mod desire;
mod edits;
#[cfg(test)]
pub(super) mod tests;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::generate::Why;
use super::library::RoleFile;
use super::lock::Lock;
use super::merge::{Conflict, Terms};
use super::observed::{Observed, Restart};
use super::policy::{Pulse, Ready};
use super::provision::Staffing;
use super::roster::Tmux;
use super::topology::{Node, Topology};
use crate::base::diag::{Diagnostic, Severity};
use crate::base::digest::{of_bytes, of_json};
use crate::base::map::Map;
use crate::base::record::{record, words};
use crate::base::sort::sort_by;

pub(super) use actions::{ours, shown};
pub use desire::{Desired, Hashed};

/// The form of a plan.
pub const SCHEMA: &str = "callsheet.fleet-plan/1";

words! {
    /// What is changed in the roster by a command.
    pub enum EditKind {
        /// A seat is added.
        Add = "add",
        /// A seat is taken out.
        Remove = "remove",
        /// A field of a seat gets a value.
        Set = "set",
        /// A class gets a number of seats.
        Scale = "scale",
    }
}

record! {
    /// A change that the operator makes by a command instead of an editor.
    pub struct Edit {
        /// What kind of change.
        pub kind: EditKind => "kind",
        /// The seat; the class when scaling.
        pub name: String => "name",
        /// The class of a new seat.
        pub class: Option<String> => "class",
        /// The harness.
        pub runtime: Option<String> => "runtime",
        /// The model.
        pub model: Option<String> => "model",
        /// Where the seat works.
        pub working_directory: Option<String> => "working_directory",
        /// The seat that a new one reports to.
        pub reports_to: Option<String> => "reports_to",
        /// How many seats.
        pub count: Option<u64> => "count",
    }
}

words! {
    /// Where a command wants the fleet to be.
    pub enum Goal {
        /// Every seat runs with its configuration.
        Up = "up",
        /// Nothing of the fleet runs.
        Down = "down",
        /// The files are right; what runs is left alone.
        Files = "files",
    }
}

record! {
    /// What a command aims at.
    pub struct Aim {
        /// Where to.
        pub goal: Goal => "goal",
        /// The seats that it is about; all if none is named.
        pub seats: Vec<String> => "seats",
        /// Whether seats are started again that are as they should be.
        pub again: bool => "again",
        /// Sessions of others that become the seats of their names.
        pub adopt: Vec<String> => "adopt",
    }
}

impl Aim {
    /// Aims at a goal for all seats.
    pub const fn at(goal: Goal) -> Self {
        Self {
            goal,
            seats: Vec::new(),
            again: false,
            adopt: Vec::new(),
        }
    }
}

record! {
    /// Everything that a plan follows from.
    pub struct Input {
        /// The fleet, as its sessions are tagged.
        pub fleet: String => "fleet",
        /// The profile's file; a fleet that is staffed by hand has none.
        pub profile: Option<RoleFile> => "profile",
        /// Whether all seats of the profile are staffed; as before by default.
        pub full: Option<bool> => "full",
        /// The personas that come with the product.
        pub roles: Vec<RoleFile> => "roles",
        /// The operator's.
        pub roles_local: Vec<RoleFile> => "roles_local",
        /// Persona files by class, such as `code.json`.
        pub personas: Vec<RoleFile> => "personas",
        /// The policy.
        pub policy: Option<String> => "policy",
        /// The roster as it stands.
        pub roster: Option<String> => "roster",
        /// What was applied last.
        pub lock: Option<String> => "lock",
        /// The environment files of seats, such as `code0.env`.
        pub env: Vec<RoleFile> => "env",
        /// What runs; a plan without it is about files alone.
        pub observed: Option<Observed> => "observed",
        /// What the operator changes by the command.
        pub edits: Vec<Edit> => "edits",
        /// How to merge.
        pub terms: Terms => "terms",
        /// What the command aims at.
        pub aim: Aim => "aim",
    }
}

words! {
    /// What an action does.
    pub enum ActionKind {
        /// Writes the roster.
        RosterWrite = "roster.write",
        /// Writes what was applied last.
        LockWrite = "lock.write",
        /// Writes the environment file of a seat.
        EnvWrite = "env.write",
        /// Starts a seat.
        SeatStart = "seat.start",
        /// Stops a seat and starts it again.
        SeatRestart = "seat.restart",
        /// Stops a seat.
        SeatStop = "seat.stop",
        /// Makes a session of others a seat.
        SeatAdopt = "seat.adopt",
    }
}

record! {
    /// A field that an action changes.
    pub struct Changed {
        /// The field.
        pub field: String => "field",
        /// What it was.
        pub before: Option<String> => "before",
        /// What it becomes.
        pub after: Option<String> => "after",
    }
}

record! {
    /// One thing to do.
    pub struct Action {
        /// What.
        pub kind: ActionKind => "kind",
        /// The seat.
        pub seat: Option<String> => "seat",
        /// The file, below `fleet/`.
        pub path: Option<String> => "path",
        /// Why.
        pub reason: String => "reason",
        /// What changes, field by field.
        pub changes: Vec<Changed> => "changes",
        /// The step that it belongs to: all actions of one may happen at once.
        pub wave: u64 => "wave",
    }
}

record! {
    /// A file to write.
    pub struct FileWrite {
        /// Its place, below `fleet/`.
        pub path: String => "path",
        /// The digest of what it must still hold; nothing for a file that must not be there.
        pub before: Option<String> => "before",
        /// What it gets.
        pub content: String => "content",
    }
}

record! {
    /// A variable of an environment file that is ours to say.
    pub struct Variable {
        /// Its name.
        pub name: String => "name",
        /// Its value.
        pub value: String => "value",
    }
}

record! {
    /// An environment file to write. Its other lines are the operator's and may be secrets:
    /// they are put together with these only where the file is.
    pub struct EnvWrite {
        /// Its place, below `fleet/`.
        pub path: String => "path",
        /// The digest of what it must still hold; nothing for a file that must not be there.
        pub before: Option<String> => "before",
        /// Our variables, in order.
        pub variables: Vec<Variable> => "variables",
    }
}

record! {
    /// A seat as it should be.
    pub struct PlannedSeat {
        /// Its name.
        pub name: String => "name",
        /// The class of its persona.
        pub class: String => "class",
        /// Its harness.
        pub runtime: String => "runtime",
        /// Its model.
        pub model: Option<String> => "model",
        /// Where it works, as the roster says it.
        pub working_directory: String => "working_directory",
        /// What its persona is about.
        pub domain: String => "domain",
        /// Whether its agent stays between tasks.
        pub persistent: bool => "persistent",
        /// The seat that it reports to.
        pub reports_to: Option<String> => "reports_to",
        /// The step of starting that it belongs to.
        pub wave: u64 => "wave",
        /// The digest of everything that it is started with.
        pub hash: String => "hash",
        /// Whether it can be started; the diagnostics say why not.
        pub startable: bool => "startable",
        /// Why it runs what it runs.
        pub why: Vec<Why> => "why",
    }
}

record! {
    /// How much a plan does.
    pub struct Summary {
        /// Seats that should run.
        pub seats: u64 => "seats",
        /// Files that are written.
        pub write: u64 => "write",
        /// Seats that are started.
        pub start: u64 => "start",
        /// Seats that are started again.
        pub restart: u64 => "restart",
        /// Seats that are stopped.
        pub stop: u64 => "stop",
        /// Sessions that are adopted.
        pub adopt: u64 => "adopt",
    }
}

record! {
    /// A plan.
    pub struct FleetPlan {
        /// The form of this document.
        pub schema: String => "schema",
        /// The fleet.
        pub fleet: String => "fleet",
        /// What it aims at.
        pub aim: Aim => "aim",
        /// The profile that the fleet is staffed from.
        pub profile: Option<String> => "profile",
        /// The digest of each input; a plan is stale once one of them is another.
        pub inputs: Map<String, String> => "inputs",
        /// Where its sessions live.
        pub tmux: Tmux => "tmux",
        /// What to do, in order.
        pub actions: Vec<Action> => "actions",
        /// The files to write, with their content.
        pub files: Vec<FileWrite> => "files",
        /// The environment files to write.
        pub env: Vec<EnvWrite> => "env",
        /// The seats as they should be, in the order of the roster.
        pub seats: Vec<PlannedSeat> => "seats",
        /// When agents are started again.
        pub restart: Restart => "restart",
        /// How seats are judged.
        pub pulse: Pulse => "heartbeat",
        /// When seats are ready, by harness.
        pub ready: Map<String, Ready> => "ready",
        /// The command that clears a context, by harness.
        pub resets: Map<String, String> => "resets",
        /// What the operator must decide first.
        pub conflicts: Vec<Conflict> => "conflicts",
        /// What else there is to know; an error stops a seat, not the fleet.
        pub diagnostics: Vec<Diagnostic> => "diagnostics",
        /// How much it is.
        pub summary: Summary => "summary",
    }
}

/// Makes the plan.
///
/// # Errors
/// What stops the fleet as a whole: a file that cannot be read, a class without a persona,
/// an edit of something that is not there.
pub fn plan(input: &Input, staffing: Staffing<'_>) -> Result<FleetPlan, Vec<Diagnostic>> {
    let desired = Desired::of(input, staffing)?;
    let mut plan = FleetPlan {
        schema: SCHEMA.into(),
        fleet: input.fleet.clone(),
        aim: input.aim.clone(),
        profile: desired.lock.selection.profile.clone(),
        inputs: digests(input),
        tmux: desired.roster.tmux.clone(),
        actions: Vec::new(),
        files: Vec::new(),
        env: Vec::new(),
        seats: Vec::new(),
        restart: desired.policy.restart.clone(),
        pulse: desired.policy.pulse.clone(),
        ready: desired.policy.ready.clone(),
        resets: desired.resets(staffing),
        conflicts: desired.conflicts.clone(),
        diagnostics: desired.diagnostics.clone(),
        summary: Summary {
            seats: desired.seats.len() as u64,
            write: 0,
            start: 0,
            restart: 0,
            stop: 0,
            adopt: 0,
        },
    };
    if plan.conflicts.is_empty() {
        actions::write(&desired, input, &mut plan);
        actions::run(&desired, input, &mut plan);
    }
    plan.seats = desired.seats;
    plan.summary = count(&plan);
    Ok(plan)
}

fn count(plan: &FleetPlan) -> Summary {
    let of = |kind: ActionKind| {
        plan.actions
            .iter()
            .filter(|action| action.kind == kind)
            .count()
    };
    Summary {
        seats: plan.seats.len() as u64,
        write: (plan.files.len() + plan.env.len()) as u64,
        start: of(ActionKind::SeatStart) as u64,
        restart: of(ActionKind::SeatRestart) as u64,
        stop: of(ActionKind::SeatStop) as u64,
        adopt: of(ActionKind::SeatAdopt) as u64,
    }
}

/// Digests each input by itself, so that a stale plan can say what moved.
pub fn digests(input: &Input) -> Map<String, String> {
    let mut found = Map::new();
    let mut text = |name: &str, text: Option<&str>| {
        let digest = text.map_or_else(|| String::from("absent"), |text| of_bytes(text.as_bytes()));
        found.insert(name.to_string(), digest);
    };
    text("profile", input.profile.as_ref().map(|file| &*file.text));
    text("policy.yaml", input.policy.as_deref());
    text("roster.yaml", input.roster.as_deref());
    text("roster.lock.json", input.lock.as_deref());
    for (name, files) in [
        ("roles", &input.roles),
        ("roles.local", &input.roles_local),
        ("personas", &input.personas),
        ("agents", &input.env),
    ] {
        let mut sorted: Vec<&RoleFile> = files.iter().collect();
        sort_by(&mut sorted, &|one, other| one.name.cmp(&other.name));
        let owned: Vec<RoleFile> = sorted.into_iter().cloned().collect();
        found.insert(name.to_string(), of_json(&owned));
    }
    found.insert("sessions".into(), of_json(&seen(input.observed.as_ref())));
    found
}

/// What of a look decides a plan: not how long a seat has been quiet.
fn seen(observed: Option<&Observed>) -> Vec<String> {
    let Some(observed) = observed else {
        return Vec::new();
    };
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let sessions = observed.sessions.iter().map(|session| {
        let state = if session.dead.is_some() {
            "dead"
        } else {
            "alive"
        };
        [
            session.name.clone(),
            part(&session.fleet),
            part(&session.seat),
            part(&session.hash),
            state.to_string(),
        ]
        .join("\t")
    });
    let mut seen: Vec<String> = sessions.collect();
    sort_by(&mut seen, &Ord::cmp);
    seen.push(observed.paused.to_string());
    seen
}

/// Names the inputs that are others than those a plan was made from.
pub fn stale(plan: &FleetPlan, input: &Input) -> Vec<String> {
    let now = digests(input);
    let moved = now
        .into_iter()
        .filter(|(name, digest)| plan.inputs.get(name) != Some(digest));
    moved.map(|(name, _)| name).collect()
}

impl FleetPlan {
    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.conflicts.is_empty()
    }

    /// Tells whether something keeps a seat from running.
    pub fn has_errors(&self) -> bool {
        let mut diagnostics = self.diagnostics.iter();
        diagnostics.any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Finds a seat.
    pub fn seat(&self, name: &str) -> Option<&PlannedSeat> {
        self.seats.iter().find(|seat| seat.name == name)
    }

    /// Returns who reports to whom.
    pub fn topology(&self) -> Topology {
        let seats = self.seats.iter().map(|seat| Node {
            name: seat.name.clone(),
            class: seat.class.clone(),
            runtime: seat.runtime.clone(),
            reports_to: seat.reports_to.clone(),
            wave: seat.wave,
        });
        Topology {
            seats: seats.collect(),
        }
    }
}

/// The lock that a text holds; none is an empty one.
fn lock_of(text: Option<&str>) -> Result<Lock, Vec<Diagnostic>> {
    let lock = text.map(super::lock::parse).transpose();
    Ok(lock
        .map_err(|problem| alloc::vec![problem])?
        .unwrap_or_default())
}
