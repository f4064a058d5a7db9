//! What a caller decides about a run besides its actions.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use plan_core::base::edition::Edition;
use plan_core::effect::{Action, MissingReference, Outcome, Phase};

use super::inject::Faults;
use super::report::DisposeReport;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::own;
use crate::os::proc::Cancel;
use crate::state::{RunId, StateHome};

/// How long one program may take by default.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// Answers a template of references, and the persona field it is from, with its text.
pub type Resolver<'o> = &'o dyn Fn(&str, &str) -> Result<String, MissingReference>;

/// Hears what a run does.
pub type Progress<'o> = &'o dyn Fn(&Event<'_>);

/// Something that a run does.
#[derive(Debug, Clone, Copy)]
pub enum Event<'e> {
    /// An earlier run that died was taken back first.
    Recovered {
        /// That run.
        run: &'e RunId,
        /// What became of its effects.
        report: &'e DisposeReport,
    },
    /// The journal of an earlier run cannot be read, not even what it was about.
    Unreadable {
        /// That run.
        run: &'e RunId,
    },
    /// The first action of a phase comes.
    Phase(Phase),
    /// An action begins.
    Started(&'e Action),
    /// An action is done.
    Done(&'e Action),
    /// A skill is installed that is kept for all runs.
    Installing {
        /// The skill's id.
        skill: &'e str,
        /// The command that installs it.
        command: &'e str,
    },
    /// A program printed something.
    Output {
        /// The number of its action; none when a skill is installed for all runs.
        action: Option<u64>,
        /// A line of it, or what a terminal may show of one.
        line: &'e str,
    },
    /// The user should know something although nothing failed.
    Note {
        /// The action's number.
        action: u64,
        /// What it is.
        text: &'e str,
    },
    /// The user should know something about the whole run.
    Advice {
        /// What it is.
        text: &'e str,
    },
    /// An action was taken back.
    Undone {
        /// The action's number.
        action: u64,
        /// How that ended.
        outcome: &'e Outcome,
    },
    /// An action could not be taken back.
    UndoFailed {
        /// The action's number.
        action: u64,
        /// Why.
        message: &'e str,
    },
}

/// How a list of actions is applied.
#[derive(Clone)]
pub struct ApplyOptions<'o> {
    /// What the caller calls the run, such as a persona's id.
    pub label: Option<String>,
    /// The dialect of the plan.
    pub edition: Option<Edition>,
    /// The digest of the plan.
    pub plan_digest: Option<String>,
    /// Fills late references in. By default every reference is missing.
    pub resolver: Resolver<'o>,
    /// Hears what the run does.
    pub progress: Option<Progress<'o>>,
    /// Whether skills are taken back when a run that became ready ends.
    pub cleanup_skills_on_dispose: bool,
    /// Live runs whose files this one may change; the caller disposes them later.
    pub above: Vec<RunId>,
    /// The process that the run is carried out for, when that is not this one: when it has
    /// ended, the run is about to end too.
    pub client: Option<u32>,
    /// How long to wait for live runs that stand in the way; by default a run waits only
    /// for those that are about to become ready or to end.
    pub wait: Option<Duration>,
    /// The whole environment of programs; by default the part of ours that holds no
    /// secrets.
    pub command_env: Option<BTreeMap<String, String>>,
    /// How long one program may take; `None` waits for ever.
    pub command_limit: Option<Duration>,
    /// Our own binary, for what only a process of its own can do, such as ending the
    /// programs of a run that is killed.
    pub program: Option<PathBuf>,
    /// The flag that stops the run; what was done is undone.
    pub cancel: Cancel,
    /// Faults to inject, for tests.
    pub faults: Faults,
}

impl Default for ApplyOptions<'_> {
    fn default() -> Self {
        Self {
            label: None,
            edition: None,
            plan_digest: None,
            resolver: &nothing_resolves,
            progress: None,
            cleanup_skills_on_dispose: true,
            above: Vec::new(),
            client: None,
            wait: None,
            command_env: None,
            command_limit: Some(COMMAND_LIMIT),
            program: own::program(),
            cancel: Cancel::new(),
            faults: Faults::default(),
        }
    }
}

impl fmt::Debug for ApplyOptions<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment of programs may hold secrets.
        out.debug_struct("ApplyOptions")
            .field("label", &self.label)
            .field("edition", &self.edition)
            .field("plan_digest", &self.plan_digest)
            .field("cleanup_skills_on_dispose", &self.cleanup_skills_on_dispose)
            .field("above", &self.above)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl ApplyOptions<'_> {
    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(progress) = self.progress {
            progress(event);
        }
    }

    /// Fails when somebody asked the run to stop.
    pub(crate) fn go_on(&self) -> Result<(), ExecError> {
        if !self.cancel.is_raised() {
            return Ok(());
        }
        let kind = ExecErrorKind::Cancelled(self.cancel.signal());
        Err(ExecError::new(kind, "the run was stopped"))
    }
}

fn nothing_resolves(template: &str, field: &str) -> Result<String, MissingReference> {
    let name = template.trim_start_matches('$').trim_matches(['{', '}']);
    Err(MissingReference {
        name: name.to_owned(),
        field: field.to_owned(),
    })
}

/// Where a list of actions is executed, and how.
#[derive(Debug, Clone)]
pub struct ExecuteOptions<'o> {
    /// Where the run keeps what its undo needs.
    pub state: StateHome,
    /// The directory that the run is about.
    pub cwd: PathBuf,
    /// How the list is applied.
    pub apply: ApplyOptions<'o>,
}
