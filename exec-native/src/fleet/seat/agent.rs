//! The agent of a seat: its persona planned and laid out, then its program.

use std::path::Path;
use std::time::Duration;

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{Object, Value};
use plan_core::effect::MissingReference;
use plan_core::fleet::envfile;
use plan_core::fleet::observed::SeatSpec;
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::env::resolve_references;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::resolve::Unread;

use crate::apply::{ApplyOptions, Event, RunHandle};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::helpers::{HelperOptions, prepare_launch};
use crate::launch::{LaunchDescriptor, check_references, locate, run_supervised};
use crate::mount::ViewChoice;
use crate::os::proc::{self, Cancel};
use crate::os::spawn::Exit;
use crate::os::{env, walk};
use crate::personas::{DOCUMENT_LIMIT, LoadOptions, load_document, validate};
use crate::state::StateHome;

/// How an agent ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub(super) code: i32,
    /// What is left to say when the agent itself did well: whether all was taken back.
    pub(super) closing: u8,
}

/// An agent that can be started.
#[derive(Debug)]
pub(super) struct Agent {
    handle: RunHandle,
    launch: LaunchDescriptor,
}

impl Agent {
    /// Lays everything out that a seat's agent needs.
    ///
    /// # Errors
    /// The persona cannot be planned or its plan not be carried out; then nothing is left.
    pub(super) fn prepare(
        spec: &SeatSpec,
        state: &StateHome,
        cancel: &Cancel,
        say: &dyn Fn(&str),
    ) -> Result<Self, ExecError> {
        let edition = Edition::V2026;
        let own = variables(spec)?;
        let ambient = ambient(&own);
        let selection = Value::Object(select(spec, edition)?);
        let options = options(spec, &ambient);
        let options =
            PlanOptions::strict(&options, &ambient).map_err(|problem| unusable(vec![problem]))?;
        let plan = build_persona_spawn_plan(&selection, &options, edition)
            .map_err(|error| unusable(error.diagnostics()))?;
        let resolver = |template: &str, field: &str| -> Result<String, MissingReference> {
            resolve_references(template, &ambient, field).map(std::borrow::Cow::into_owned)
        };
        check_references(&plan, &resolver)?;
        let path = ambient.get("PATH").and_then(Value::as_str);
        let (program, _) = locate(&plan, path)?;
        let cwd = Path::new(&spec.cwd);
        let progress = |event: &Event<'_>| tell(event, say);
        let mut helper = HelperOptions::new(state, cwd);
        // Whatever works in the seat is started by us.
        helper.entered = true;
        if spec.own_view == Some(true) {
            helper.view = ViewChoice::Own;
        }
        helper.dotfiles = edition.switches().private_launch;
        helper.apply = ApplyOptions {
            label: Some(spec.seat.clone()),
            edition: Some(edition),
            plan_digest: plan.digest.clone(),
            resolver: &resolver,
            progress: Some(&progress),
            cancel: cancel.clone(),
            ..ApplyOptions::default()
        };
        let (handle, mut launch) = prepare_launch(&plan, &program, &helper)?;
        if let Err(error) = handle.answer_signals() {
            // Nobody would take the run back if it were left here.
            return Err(error.with_undo_errors(handle.dispose().errors()));
        }
        // What the plan says comes later and wins: it holds the agent to its persona.
        launch.env = own
            .into_iter()
            .chain(std::mem::take(&mut launch.env))
            .collect();
        Ok(Self { handle, launch })
    }

    /// Runs the agent in our terminal, to its end.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn run(
        &self,
        cancel: &Cancel,
        grace: Duration,
        started: &dyn Fn(u32),
    ) -> Result<Exit, ExecError> {
        run_supervised(&self.launch, cancel, grace, started)
    }

    /// Takes everything back; returns what could not be.
    pub(super) fn dispose(&self) -> Vec<ExecError> {
        self.handle.dispose().errors()
    }
}

/// The variables of the seat: the operator's win over what the seat was started with.
fn variables(spec: &SeatSpec) -> Result<Vec<(String, String)>, ExecError> {
    let mut all = spec.env.clone();
    let Some(path) = &spec.env_file else {
        return Ok(all.into_iter().collect());
    };
    let text = match walk::read_text_limited(path, DOCUMENT_LIMIT) {
        Ok(text) => text,
        Err(Unread::Missing) => return Ok(all.into_iter().collect()),
        Err(why) => {
            let message = "the variables of the seat cannot be read";
            let error = ExecError::new(ExecErrorKind::Usage, message);
            return Err(error.at(path).because(why.to_string()));
        }
    };
    let (found, problems) = envfile::read(&text);
    if !problems.is_empty() {
        let problems = problems.into_iter().map(|problem| problem.within(&**path));
        let message = "the variables of the seat cannot be read";
        let problems = problems.collect();
        return Err(ExecError::with_problems(
            ExecErrorKind::Usage,
            message,
            problems,
        ));
    }
    let found = found.into_iter();
    all.extend(found.map(|variable| (variable.name, variable.value)));
    Ok(all.into_iter().collect())
}

/// The variables that a persona's references are answered from.
fn ambient(own: &[(String, String)]) -> Object<'static> {
    let mut ambient: Object<'static> = env::vars()
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    for (name, value) in own {
        ambient.insert(name.clone(), value.clone());
    }
    ambient
}

/// Resolves the persona of a seat as if it lay in the seat's directory.
fn select(spec: &SeatSpec, edition: Edition) -> Result<Object<'static>, ExecError> {
    let mut load = LoadOptions::from_environment(edition, validate).at(&spec.cwd)?;
    load.cwd.clone_from(&spec.cwd);
    let name = format!("{}.json", spec.class);
    let loaded = load_document(&name, &spec.persona, &load).map_err(|error| {
        let mut problems: Vec<_> = error
            .problems()
            .iter()
            .map(|p| p.diagnostic.clone())
            .collect();
        if problems.is_empty() {
            problems.push(error.diagnostic());
        }
        unusable(problems)
    })?;
    Ok(loaded.selection)
}

fn options(spec: &SeatSpec, ambient: &Object<'static>) -> Value<'static> {
    let mut options = Object::new();
    let base = spec.base.as_ref().unwrap_or(&spec.cwd);
    options.insert("repoRoot", base.clone());
    options.insert("inputEnv", ambient.clone());
    options.insert("hostIsRoot", proc::is_root());
    Value::Object(options)
}

/// The error for a seat that cannot be planned. It is not tried again.
fn unusable(problems: Vec<Diagnostic>) -> ExecError {
    ExecError::with_problems(ExecErrorKind::Usage, "the seat cannot be planned", problems)
}

fn tell(event: &Event<'_>, say: &dyn Fn(&str)) {
    match event {
        Event::Recovered { run, .. } => {
            say(&format!("run {run} had died here; it was taken back"));
        }
        Event::Unreadable { run } => say(&format!("run {run} cannot be read")),
        Event::Note { text, .. } | Event::Advice { text } => say(text),
        Event::UndoFailed { message, .. } => say(message),
        _ => {}
    }
}
