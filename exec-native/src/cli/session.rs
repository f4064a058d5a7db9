//! A prepared run on the command line: progress, signals, and a report at its end.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use plan_core::base::json::Writer;
use plan_core::effect::{Outcome, OutcomeKind, View, describe_action};
use plan_core::persona::plan::PersonaSpawnPlan;

use super::changes::tell_conflicts;
use super::failure::Failure;
use super::output::Output;
use crate::apply::{ApplyOptions, DisposeReport, Event, RunHandle};
use crate::changes::{Live, LiveOptions, LiveReport};
use crate::error::{ExecError, ExecErrorKind};
use crate::helpers::{HelperOptions, prepare_launch};
use crate::launch::{LaunchDescriptor, check_references, resolve_reference};
use crate::mount::ViewChoice;
use crate::os::owner::end_with;
use crate::os::proc::Cancel;
use crate::os::signal::cancel_on_request;
use crate::skills::SkillUse;
use crate::state::StateHome;

/// On which terms a plan is carried out.
#[derive(Debug)]
pub(super) struct Terms {
    /// How skills are provided.
    pub(super) skills: SkillUse,
    /// How long one installer may take.
    pub(super) command_limit: Option<Duration>,
    /// Whether every line of installers is shown.
    pub(super) verbose: bool,
    /// How long to wait for runs that stand in the way.
    pub(super) wait: Option<Duration>,
    /// The process whose end ends the run.
    pub(super) until_exit: Option<u32>,
    /// Which view of the project is wanted.
    pub(super) view: ViewChoice,
    /// Whether we start everything that works in the run.
    pub(super) entered: bool,
    /// How often results are brought back meanwhile, in seconds.
    pub(super) live: Option<u64>,
}

impl Terms {
    /// Returns the view to take. Live results need one that they can come from.
    fn view_for(&self, plan: &PersonaSpawnPlan<'_>) -> Result<ViewChoice, ExecError> {
        match (self.live, self.view) {
            (Some(_), ViewChoice::InPlace) => {
                let message =
                    "--live needs a view: in the project itself there is nothing to bring back";
                Err(ExecError::new(ExecErrorKind::Usage, message))
            }
            // Without rules there would be no view.
            (Some(_), ViewChoice::Auto) if plan.mount.is_none() => Ok(ViewChoice::Copy),
            (_, view) => Ok(view),
        }
    }
}

/// A plan that is carried out.
#[derive(Debug)]
pub(super) struct Session {
    /// The run.
    pub(super) handle: RunHandle,
    /// What it starts.
    pub(super) launch: LaunchDescriptor,
    /// The flag by which somebody asks to stop.
    pub(super) cancel: Cancel,
    /// What brings results back meanwhile.
    live: RefCell<Option<Live>>,
}

impl Session {
    /// Carries a plan out. Nothing is touched when a reference has no value.
    pub(super) fn open(
        plan: &PersonaSpawnPlan<'_>,
        (cwd, program): (&str, &Path),
        terms: &Terms,
        output: &Output,
    ) -> Result<Self, Failure> {
        check_references(plan, &resolve_reference)?;
        let cancel = Cancel::new();
        cancel_on_request(&cancel).map_err(|error| {
            ExecError::new(ExecErrorKind::Internal, "signals cannot be handled").because(error)
        })?;
        if let Some(id) = terms.until_exit {
            end_with(id).map_err(|error| {
                ExecError::new(ExecErrorKind::Usage, format!("--until-exit: {error}"))
            })?;
        }
        let state = StateHome::from_env()?;
        let runs = state.root().join("runs").to_string_lossy().into_owned();
        let progress = |event: &Event<'_>| {
            if let Event::Output { line, .. } = event {
                show_line(line, terms.verbose, output);
            } else {
                tell(event, &runs, output);
            }
        };
        let mut options = HelperOptions::new(&state, Path::new(cwd));
        options.skills.clone_from(&terms.skills);
        options.view = terms.view_for(plan)?;
        options.entered = terms.entered;
        options.dotfiles = plan.edition().switches().private_launch;
        options.apply = ApplyOptions {
            label: plan.persona.get_str("personaId").map(String::from),
            edition: Some(plan.edition()),
            plan_digest: plan.digest.clone(),
            resolver: &resolve_reference,
            progress: Some(&progress),
            cancel: cancel.clone(),
            command_limit: terms.command_limit,
            wait: terms.wait,
            ..ApplyOptions::default()
        };
        let prepared = prepare_launch(plan, program, &options);
        output.settle();
        let (handle, launch) = prepared?;
        if let Err(error) = handle.answer_signals() {
            // Nobody would take the run back if it were left here.
            return Err(error.with_undo_errors(handle.dispose().errors()).into());
        }
        if handle.view() != View::InPlace {
            output.note(&handle.chosen().line());
        } else if plan.mount.is_some() {
            output.note(&format!(
                "{} {}",
                output.paint("33", "warning:"),
                handle.chosen().line()
            ));
        }
        for note in handle.notes() {
            output.note(note);
        }
        let live = terms.live.map(|seconds| {
            let interval = Duration::from_secs(seconds);
            Live::start(&state, handle.id(), LiveOptions { interval })
        });
        let live = live.transpose().map_err(|error| {
            let report = handle.dispose();
            error.with_undo_errors(report.errors())
        })?;
        Ok(Self {
            handle,
            launch,
            cancel,
            live: RefCell::new(live),
        })
    }

    /// Takes everything back and says what could not be, or was kept on purpose.
    /// Returns the exit code that this asks for: 0, or 6 when recovery is needed.
    pub(super) fn close(&self, output: &Output) -> (DisposeReport, u8) {
        if let Some(live) = self.live.take() {
            tell_live(&live.stop(), output);
        }
        let report = self.handle.dispose();
        tell_kept(&report, output);
        let errors = report.errors();
        for error in &errors {
            output.problem(&format!(
                "{} {}",
                output.paint("31", "error:"),
                error.chain()
            ));
        }
        if errors.is_empty() {
            return (report, 0);
        }
        output.problem(&format!(
            "run {} is not fully taken back; try again with: callsheet recover",
            self.handle.id()
        ));
        (report, ExecErrorKind::NeedsRecovery.exit_code())
    }
}

/// Prints how a run sees its project.
pub(super) fn view(out: &mut Writer, handle: &RunHandle) {
    out.field("view", handle.view().as_str());
    out.field("enforcement", handle.enforcement().as_str());
    out.field("viewReasons", &handle.chosen().why);
}

/// Says what live results came to.
fn tell_live(report: &LiveReport, output: &Output) {
    tell_conflicts(&report.conflicts, output);
    if let Some(error) = &report.error {
        output.problem(&format!(
            "not everything was brought back: {}",
            error.chain()
        ));
    }
}

/// Says what was kept because somebody changed it.
pub(super) fn tell_kept(report: &DisposeReport, output: &Output) {
    for (entry, outcome) in report.kept() {
        output.problem(&format!("kept: {}", kept(&entry.line, outcome)));
    }
}

fn kept(line: &str, outcome: &Outcome) -> String {
    let why = outcome.why.as_deref().unwrap_or("it was changed meanwhile");
    let place = outcome
        .beside
        .as_deref()
        .map(|place| format!("; the changed version is {place}"));
    format!("{line}: {why}{}", place.unwrap_or_default())
}

fn show_line(line: &str, verbose: bool, output: &Output) {
    if verbose {
        output.note(&output.paint("2", &format!("    {line}")));
    } else {
        output.passing(&format!("    {line}"));
    }
}

fn tell(event: &Event<'_>, runs: &str, output: &Output) {
    match event {
        Event::Recovered { run, report } => {
            output.note(&format!(
                "an earlier run ({run}) had died here; its changes were taken back"
            ));
            tell_kept(report, output);
        }
        Event::Unreadable { run } => output.note(&format!(
            "an earlier run ({run}) cannot be read; `callsheet recover` says more"
        )),
        Event::Started(action) => {
            let line = shorten(&describe_action(&action.kind), runs);
            output.note(&output.paint("2", &format!("  {line}")));
        }
        Event::Installing { skill, command } => {
            let line = format!("  install skill {skill}: {command}");
            output.note(&output.paint("2", &line));
        }
        Event::Note { text, .. } | Event::Advice { text } => output.note(text),
        Event::UndoFailed { message, .. } => output.problem(message),
        Event::Undone { outcome, .. } if outcome.kind == OutcomeKind::Kept => {
            let path = outcome.path.as_deref().unwrap_or("something");
            output.problem(&format!("kept: {}", kept(path, outcome)));
        }
        Event::Phase(_) | Event::Done(_) | Event::Undone { .. } | Event::Output { .. } => {}
    }
}

/// Writes the directories of the run as a plan writes them: `{{stage}}`, `{{mount}}`.
fn shorten(line: &str, runs: &str) -> String {
    let words = line.split(' ').map(|word| {
        let inside = word
            .strip_prefix(runs)
            .and_then(|rest| rest.strip_prefix('/'));
        match inside.and_then(|rest| rest.split_once('/')) {
            Some((_, place)) => match place.split_once('/') {
                Some((place, rest)) => format!("{{{{{place}}}}}/{rest}"),
                None => format!("{{{{{place}}}}}"),
            },
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}
