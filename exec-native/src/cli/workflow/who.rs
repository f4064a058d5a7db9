//! Who works on the calls of a workflow.

use std::path::Path;

use clap::Args;
use plan_core::base::edition::Edition;
use plan_core::base::path::join;
use plan_core::persona::resolve::looks_like_path;
use plan_core::workflow::identity::Effect;
use plan_core::workflow::record::Agents as Named;

use crate::cli::failure::Failure;
use crate::cli::prepare::load_options;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::walk;
use crate::workflow::agent::{AgentCommand, Agents, Personas, Staff, Usual, builtin, read_models};
use crate::workflow::isolation::Rooms;
use crate::workflow::script::Script;

/// Who works on calls.
#[derive(Debug, Args)]
pub(super) struct WhoArgs {
    /// The persona that works on calls which name none by `agentType`: a file, or an id.
    #[arg(long, value_name = "PERSONA", conflicts_with_all = ["harness", "agent_command"])]
    persona: Option<String>,
    /// A harness that works on them, without a persona.
    #[arg(long, value_name = "HARNESS", conflicts_with = "agent_command")]
    harness: Option<String>,
    /// The model of that harness.
    #[arg(long, value_name = "MODEL", requires = "harness")]
    model: Option<String>,
    /// The model of a tier; may be repeated. Others are named in `.callsheet/models.json`.
    #[arg(long = "tier", value_name = "NAME=MODEL", value_parser = pair)]
    tiers: Vec<(String, String)>,
    /// Ends an agent that says nothing for so many seconds; its call fails, and may be tried
    /// again.
    #[arg(long, value_name = "SECONDS", conflicts_with = "agent_command")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    idle_timeout: Option<u64>,
    /// A command that works on all calls: it reads {prompt, label, model, schema, cwd, callId,
    /// attempt} and says the result, as text, JSON or {"result", "usage"}.
    #[arg(long, value_name = "COMMAND")]
    agent_command: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, model)) if !name.is_empty() && !model.is_empty() => {
            Ok((name.to_owned(), model.to_owned()))
        }
        _ => Err(format!("`{text}` is not NAME=MODEL")),
    }
}

/// What a run's agents work for.
pub(super) struct Place<'p> {
    /// The script.
    pub(super) script: &'p Script,
    /// The workspace.
    pub(super) cwd: &'p Path,
    /// The run's directory.
    pub(super) run: &'p Path,
}

impl WhoArgs {
    /// Says who works: what the arguments say, else who did before.
    ///
    /// # Errors
    /// It was a command, which is not kept.
    pub(super) fn named(&self, before: Option<&Named>) -> Result<Named, ExecError> {
        let given = Named {
            persona: self.persona.as_deref().map(absolute).transpose()?,
            harness: self.harness.clone(),
            model: self.model.clone(),
            command: self.agent_command.is_some().then_some(true),
        };
        let says = given.persona.is_some() || given.harness.is_some() || given.command.is_some();
        let Some(before) = before.filter(|_| !says) else {
            return Ok(given);
        };
        if before.command == Some(true) {
            let message = "a command worked on the calls of this run, and commands are not kept";
            let error = ExecError::new(ExecErrorKind::Usage, message);
            return Err(error.hint("give it again: --agent-command COMMAND"));
        }
        Ok(before.clone())
    }

    /// Gets them to work.
    ///
    /// # Errors
    /// There is no such harness, or the file of models is wrong.
    pub(super) fn hire(
        &self,
        named: &Named,
        place: &Place<'_>,
        rooms: Rooms,
    ) -> Result<Box<dyn Agents>, Failure> {
        if let Some(command) = &self.agent_command {
            let worker = AgentCommand {
                command: command.clone(),
                effect: Effect::Workspace,
            };
            return Ok(Box::new(Staff { worker, rooms }));
        }
        let usual = match named {
            Named {
                persona: Some(reference),
                ..
            } => Usual::Reference(reference.clone()),
            Named {
                harness: Some(harness),
                model,
                ..
            } => Usual::Document(builtin(harness, model.as_deref())?),
            _ => Usual::Nobody,
        };
        let mut load = load_options(Edition::V2026)?;
        load.cwd = walk::text_of(place.cwd);
        let mut models = read_models(place.cwd)?;
        for (name, model) in &self.tiers {
            models.set_tier(name, model);
        }
        let mut worker = Personas::new(usual, load, models, (place.script, place.run));
        worker.silence = self.idle_timeout;
        Ok(Box::new(Staff { worker, rooms }))
    }
}

/// A path is the caller's, not the workspace's; a name is found where it is used.
fn absolute(reference: &str) -> Result<String, ExecError> {
    if !looks_like_path(reference) {
        return Ok(reference.to_owned());
    }
    let cwd = crate::os::env::current_dir().map_err(|error| {
        ExecError::new(
            ExecErrorKind::Failed,
            "the working directory cannot be found",
        )
        .because(error)
    })?;
    Ok(join(&walk::text_of(&cwd), reference))
}
