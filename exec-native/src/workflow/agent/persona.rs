//! Personas as the agents of calls: each call is a one-shot run of `callsheet run`, in a
//! process of its own, so that it is planned, carried out and taken back like any other run,
//! and ends with us.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Value};
use plan_core::base::path::{join, parent};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::harness::launch::is_read_only;
use plan_core::persona::harness::{self, HarnessDef};
use plan_core::persona::options::PlanOptions;
use plan_core::persona::resolve::looks_like_path;
use plan_core::workflow::identity::Effect;
use plan_core::workflow::policy::{AGENT_EXECUTION_ERROR, MODEL_NOT_FOUND};
use plan_core::workflow::record::Outcome;
use plan_core::workflow::route::{self, Models, Route, route};

use super::{Identity, Question, Request, Said, Worker, one_shot, option, refuse};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::launch::locate;
use crate::os::dir::Dir;
use crate::os::fs::{self, Attributes, Place, write_atomic};
use crate::os::{env, proc};
use crate::personas::{LoadOptions, Loaded, load_document, load_reference};
use crate::workflow::script::Script;
use crate::workflow::store::PERSONAS;

/// The file of a project, and of a user, that names models.
const MODELS: &str = "models.json";

/// Who works on calls that name no persona.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usual {
    /// Nobody: such a call is refused.
    Nobody,
    /// What a reference names.
    Reference(String),
    /// A persona as text.
    Document(String),
}

/// Personas as agents.
#[derive(Debug)]
pub struct Personas {
    /// How long an agent may say nothing, in seconds.
    pub silence: Option<u64>,
    usual: Usual,
    load: LoadOptions,
    models: Models,
    /// The models of phases, by their titles.
    phases: BTreeMap<String, String>,
    /// The model of the whole script.
    script: Option<String>,
    /// The run's directory.
    run: PathBuf,
    /// Personas that were planned before, by what was asked for.
    planned: Mutex<BTreeMap<Key, Result<Arc<Planned>, Outcome>>>,
}

/// What decides which persona works on a call: its name, the model, how hard it thinks.
type Key = (Option<String>, Option<String>, Option<String>);

/// A persona that is planned.
#[derive(Debug)]
pub(super) struct Planned {
    /// The digest of its plan.
    digest: String,
    /// The file that holds it, for the run.
    pub(super) file: PathBuf,
    /// The file with the options of its plan.
    pub(super) options: PathBuf,
    model: String,
    effect: Effect,
}

/// A persona for a harness that none describes: it may edit files, and nothing else without
/// being asked.
///
/// # Errors
/// There is no such harness.
pub fn builtin(harness: &str, model: Option<&str>) -> Result<String, ExecError> {
    let def = harness::find(harness).ok_or_else(|| {
        let known: Vec<&str> = harness::ALL
            .iter()
            .map(|def: &&HarnessDef| def.id)
            .collect();
        let message = format!("--harness {harness}: there is no such harness");
        let hint = format!("known are {}", known.join(", "));
        ExecError::new(ExecErrorKind::Usage, message).hint(hint)
    })?;
    let mut permissions = Object::new();
    permissions.insert("mode", "acceptEdits");
    let mut settings = Object::new();
    settings.insert("reasoning", "medium");
    settings.insert("timeoutSeconds", Value::Number(3_600.0));
    let mut persona = Object::new();
    persona.insert("id", "agent");
    persona.insert("intent", "implementation");
    persona.insert("tags", vec![Value::from("implementation")]);
    persona.insert("description", "An agent of a workflow.");
    persona.insert("harness", def.id);
    persona.insert("model", model.unwrap_or(def.usual_model).to_owned());
    persona.insert(
        "systemPrompt",
        "You work on one task of a larger whole. Do what it says, and nothing else. Your last \
         answer is the result: say there what was asked for, and nothing about the way to it.",
    );
    persona.insert("harnessSettings", settings);
    persona.insert("permissions", permissions);
    Ok(json::print(&Value::Object(persona)))
}

/// Reads tiers and prices: the user's, and over them the project's `.callsheet/models.json`.
///
/// # Errors
/// A file cannot be read, or something in it is wrong.
pub fn read_models(cwd: &Path) -> Result<Models, ExecError> {
    let config = env::var("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| env::home_dir().map(|home| home.join(".config")));
    let files = [
        config.map(|config| config.join("callsheet").join(MODELS)),
        Some(cwd.join(".callsheet").join(MODELS)),
    ];
    let mut models = Models::default();
    for path in files.into_iter().flatten() {
        if !fs::is_file(&path) {
            continue;
        }
        let wrong = |problem: String| {
            let message = "the file of models cannot be used";
            ExecError::new(ExecErrorKind::Usage, message)
                .at(&path)
                .because(problem)
        };
        let text = String::from_utf8(fs::read(&path).at(&path)?);
        let text = text.map_err(|error| wrong(error.to_string()))?;
        let value = json::read(&text).map_err(|error| wrong(error.to_string()))?;
        let nearer = Models::read(&value).map_err(|problem| wrong(problem.to_string()))?;
        models = models.overlaid(nearer);
    }
    Ok(models)
}

impl Personas {
    /// Lets personas work for a script: `usual` on calls that name none, others as `load` finds
    /// them. What they need is kept in `run`, the directory of the script's run.
    pub fn new(
        usual: Usual,
        load: LoadOptions,
        models: Models,
        (script, run): (&Script, &Path),
    ) -> Self {
        let phases = script.phases.iter();
        Self {
            silence: None,
            usual,
            load,
            models,
            phases: phases
                .filter_map(|phase| Some((phase.title.clone(), phase.model.clone()?)))
                .collect(),
            script: script.model.clone(),
            run: run.to_owned(),
            planned: Mutex::new(BTreeMap::new()),
        }
    }

    fn route(&self, request: &Request<'_>) -> Result<Route, Outcome> {
        let payload = request.payload;
        let phase = request.phase.and_then(|title| self.phases.get(title));
        let wanted = route::Request {
            model: option(payload, "model"),
            tier: option(payload, "tier"),
            thinking: option(payload, "thinking"),
            named: option(payload, "agentType").is_some(),
            phase: phase.map(String::as_str),
            script: self.script.as_deref(),
        };
        route(&wanted, &self.models).map_err(|problem| {
            let help = problem.help.as_deref().unwrap_or_default();
            let message = format!("{}; {help}", problem.message);
            Outcome::error(MODEL_NOT_FOUND, message, false)
        })
    }

    /// Finds the persona of a call and plans it, once for all calls that want the same.
    fn planned(&self, request: &Request<'_>) -> Result<(Arc<Planned>, Route), Outcome> {
        let route = self.route(request)?;
        let named = option(request.payload, "agentType").map(String::from);
        let key = (named, route.model.clone(), route.thinking.clone());
        let mut known = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known
            .entry(key)
            .or_insert_with_key(|(named, ..)| self.plan(named.as_deref(), &route).map(Arc::new));
        found.clone().map(|planned| (planned, route))
    }

    fn load(&self, named: Option<&str>) -> Result<Loaded, Outcome> {
        let loaded = match (named, &self.usual) {
            (Some(name), _) if looks_like_path(name) => {
                load_reference(&join(&self.load.cwd, name), &self.load)
            }
            (Some(name), _) => load_reference(name, &self.load),
            (None, Usual::Reference(reference)) => load_reference(reference, &self.load),
            (None, Usual::Document(text)) => load_document("agent.json", text, &self.load),
            (None, Usual::Nobody) => {
                return Err(refuse(
                    "nobody works on calls without `agentType`: name a persona with --persona, a \
                     harness with --harness, or a command with --agent-command",
                ));
            }
        };
        loaded.map_err(|error| {
            let problems: Vec<String> = error
                .problems()
                .iter()
                .map(|problem| problem.diagnostic.to_string())
                .collect();
            let whole = error.to_string();
            let name = named.unwrap_or("agent");
            if problems.is_empty() {
                return refuse(whole);
            }
            refuse(format!(
                "the persona `{name}` is wrong: {}",
                problems.join("; ")
            ))
        })
    }

    fn plan(&self, named: Option<&str>, route: &Route) -> Result<Planned, Outcome> {
        let loaded = self.load(named)?;
        let mut selection = loaded.selection;
        if let Some(model) = &route.model {
            selection.insert("model", model.clone());
        }
        if let Some(thinking) = &route.thinking {
            let settings = selection.remove("harnessSettings");
            let mut settings = match settings {
                Some(Value::Object(settings)) => settings,
                _ => Object::new(),
            };
            settings.insert("reasoning", route::reasoning(thinking));
            selection.insert("harnessSettings", settings);
        }
        let base = loaded.path.as_deref().map_or(&*self.load.cwd, parent);
        let selection = Value::Object(selection);
        let wrong = |problems: Vec<Diagnostic>| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refuse(format!(
                "the call cannot be planned: {}",
                problems.join("; ")
            ))
        };
        let (digest, model) = {
            let ambient: Object<'_> = env::vars()
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            let mut options = kept_options(base);
            // What is asked is not part of who is asked.
            options.insert("task", "-");
            options.insert("inputEnv", ambient.clone());
            options.insert("hostIsRoot", proc::is_root());
            let options = Value::Object(options);
            let options =
                PlanOptions::strict(&options, &ambient).map_err(|problem| wrong(vec![problem]))?;
            let plan = build_persona_spawn_plan(&selection, &options, Edition::V2026)
                .map_err(|error| wrong(error.diagnostics()))?;
            let path = env::var("PATH");
            locate(&plan, path.as_deref()).map_err(|error| refuse(error.to_string()))?;
            let model = selection.get_str("model").unwrap_or_default().to_owned();
            (plan.digest.clone().unwrap_or_default(), model)
        };
        let name = digest.rsplit(':').next().unwrap_or(&digest);
        let unkept = |error: ExecError| {
            let message = format!("the persona cannot be kept: {}", error.chain());
            Outcome::error(AGENT_EXECUTION_ERROR, message, false)
        };
        let options = Value::Object(kept_options(base));
        let effect = if is_read_only(&selection) {
            Effect::Pure
        } else {
            Effect::Workspace
        };
        Ok(Planned {
            file: self
                .keep(&format!("{name}.json"), &selection)
                .map_err(unkept)?,
            options: self
                .keep(&format!("{name}.options.json"), &options)
                .map_err(unkept)?,
            digest,
            model,
            effect,
        })
    }

    /// Keeps a document in the run's directory, for ourselves alone.
    fn keep(&self, name: &str, value: &Value<'_>) -> Result<PathBuf, ExecError> {
        let dir = self.run.join(PERSONAS);
        let path = dir.join(name);
        let place = Place {
            dir: Dir::open(&dir).at(&dir)?,
            name: OsStr::new(name).to_owned(),
        };
        let attributes = Attributes {
            mode: Some(0o600),
            mtime: None,
        };
        let temp = format!("{name}.tmp");
        let text = json::print(value);
        write_atomic(&place, OsStr::new(&temp), text.as_bytes(), attributes).at(&path)?;
        Ok(path)
    }
}

fn kept_options(base: &str) -> Object<'static> {
    let mut options = Object::new();
    options.insert("repoRoot", base.to_owned());
    options
}

impl Worker for Personas {
    fn identify(&self, request: &Request<'_>) -> Result<Identity, Outcome> {
        let (planned, route) = self.planned(request)?;
        Ok(Identity {
            plan: Some(planned.digest.clone()),
            model: route.model,
            thinking: route.thinking,
            effect: planned.effect,
        })
    }

    fn ask(&self, question: &Question<'_>) -> Said {
        let work = question.work;
        let request = Request {
            payload: &work.payload,
            phase: work.phase.as_deref(),
            thread: None,
        };
        let planned = match self.planned(&request) {
            Ok((planned, _)) => planned,
            Err(outcome) => return one_shot::failed(outcome),
        };
        let done = one_shot::run(&planned, question, self.silence);
        let mut said = one_shot::judge(done, question.prompt);
        if let Some(usage) = &mut said.usage {
            self.models.price(&planned.model, usage);
        }
        said
    }
}
