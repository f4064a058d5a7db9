//! From arguments to a plan: finds the persona, gathers the options, plans.

use std::path::Path;

use plan_core::base::code::Code;
use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::{self, Object, Value};
use plan_core::base::path::{join, parent};
use plan_core::base::text::{is_blank, nearest};
use plan_core::persona::build::build_persona_spawn_plan;
use plan_core::persona::options::PlanOptions;
use plan_core::persona::plan::PersonaSpawnPlan;
use plan_core::persona::resolve::{Unread, looks_like_path};

use super::args::PersonaArgs;
use super::failure::Failure;
use super::output::Output;
use super::report::Located;
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::os::{env, fs, proc, walk};
use crate::personas::{DOCUMENT_LIMIT, LoadOptions, load_reference, validate};

/// Everything that a plan borrows from.
#[derive(Debug)]
pub(super) struct Source {
    /// The dialect.
    pub(super) edition: Edition,
    /// What is planned.
    pub(super) selection: Value<'static>,
    /// The file that it came from.
    pub(super) path: Option<String>,
    /// The project directory, absolute.
    pub(super) cwd: String,
    options: Value<'static>,
    ambient: Object<'static>,
}

/// Returns where personas are looked for.
pub(super) fn load_options(edition: Edition) -> Result<LoadOptions, Failure> {
    Ok(LoadOptions::from_environment(edition, validate).at(".")?)
}

/// Reads a JSON document.
pub(super) fn read_json(path: &str) -> Result<Value<'static>, Failure> {
    let text = walk::read_text_limited(path, DOCUMENT_LIMIT).map_err(|why| unread(path, &why))?;
    match json::read(&text) {
        Ok(value) => Ok(value.to_owned_value()),
        Err(error) => {
            let place = json::position(&text, error.offset);
            let message = format!("{path}:{}:{}: {error}", place.line, place.column);
            let diagnostic = Diagnostic::error(Code::DOCUMENT_MALFORMED, message);
            let problem = Located::new(diagnostic, Some(path.to_owned()));
            Err(Failure::Refused {
                problems: vec![problem],
                json: false,
            })
        }
    }
}

/// Returns the project directory, absolute.
pub(super) fn project(dir: &str) -> Result<String, Failure> {
    let path = fs::absolute(Path::new(dir)).at(dir)?;
    if !fs::is_dir(&path) {
        let message = "the project directory does not exist";
        return Err(ExecError::new(ExecErrorKind::Usage, message)
            .at(path)
            .into());
    }
    Ok(walk::text_of(&path))
}

fn unread(path: &str, why: &Unread) -> Failure {
    Failure::of(Diagnostic::error(why.code(), format!("{path}: {why}")))
}

impl Source {
    /// Loads the persona and gathers the options.
    pub(super) fn load(args: &PersonaArgs, output: &Output) -> Result<Self, Failure> {
        let edition = Edition::from(args.edition);
        let mut load = load_options(edition)?;
        let cwd = project(args.cwd.as_deref().unwrap_or("."))?;
        let reference = match &*args.persona {
            path if looks_like_path(path) => join(&load.cwd, path),
            id => id.to_owned(),
        };
        // Names are those of the project; paths are the caller's.
        load.cwd.clone_from(&cwd);
        let loaded =
            load_reference(&reference, &load).map_err(|error| Failure::unresolved(&error))?;
        for problem in &loaded.warnings {
            output.note(&format!("{} {problem}", output.paint("33", "warning:")));
        }
        let declared_in = loaded.path.as_deref().map_or(&*cwd, parent).to_owned();
        let mut source = Self {
            edition,
            selection: Value::Object(loaded.selection),
            path: loaded.spec.is_none().then_some(loaded.path).flatten(),
            cwd,
            options: Value::Object(Object::new()),
            ambient: env::vars()
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        };
        source.gather(args, &declared_in)?;
        Ok(source)
    }

    /// Puts the options file and the flags together.
    fn gather(&mut self, args: &PersonaArgs, declared_in: &str) -> Result<(), Failure> {
        let given = args.options.as_deref().map(read_json).transpose()?;
        let mut options = match given {
            None => Object::new(),
            Some(Value::Object(options)) => options,
            Some(_) => {
                let message = "the options file must hold a JSON object";
                return Err(Failure::of(Diagnostic::error(
                    Code::PERSONA_OPTION_INVALID,
                    message,
                )));
            }
        };
        if !args.inputs.is_empty() {
            let mut inputs = match options.remove("inputValues") {
                Some(Value::Object(inputs)) => inputs,
                None => Object::new(),
                Some(_) => {
                    let message = "options.inputValues must be an object";
                    let code = Code::PERSONA_OPTION_INVALID;
                    return Err(Failure::of(Diagnostic::error(code, message)));
                }
            };
            for (name, value) in &args.inputs {
                self.check_input(name)?;
                inputs.insert(name.clone(), value.clone());
            }
            options.insert("inputValues", inputs);
        }
        if self.edition.switches().private_launch {
            let task = task(args)?;
            if task.as_deref().is_some_and(is_blank) {
                let message = "the task is empty";
                let code = Code::PERSONA_OPTION_INVALID;
                return Err(Failure::of(Diagnostic::error(code, message)));
            }
            let texts = [("task", task), ("title", args.title.clone())];
            for (name, text) in texts {
                if let Some(text) = text {
                    options.insert(name, text);
                }
            }
            if !options.contains("repoRoot") {
                options.insert("repoRoot", declared_in.to_owned());
            }
            if !options.contains("inputEnv") && !options.contains("processEnv") {
                options.insert("inputEnv", self.ambient.clone());
            }
            options.insert("hostIsRoot", proc::is_root());
        } else if args.task.is_some() || args.task_file.is_some() {
            let message = "--task needs --edition 2026: persona-kit 4 plans are interactive";
            return Err(Failure::of(Diagnostic::error(
                Code::PERSONA_OPTION_INVALID,
                message,
            )));
        }
        self.options = Value::Object(options);
        Ok(())
    }

    /// Builds the plan.
    pub(super) fn plan(&self) -> Result<PersonaSpawnPlan<'_>, Failure> {
        let options = if self.edition.switches().strict_parse {
            PlanOptions::strict(&self.options, &self.ambient).map_err(Failure::of)?
        } else {
            PlanOptions::lenient(&self.options, &self.ambient)
        };
        build_persona_spawn_plan(&self.selection, &options, self.edition).map_err(|error| {
            if self.edition.switches().envelope {
                Failure::unplanned(&error, self.path.as_deref())
            } else {
                Failure::compat_plan(&error)
            }
        })
    }
}

fn task(args: &PersonaArgs) -> Result<Option<String>, Failure> {
    match (args.task.as_deref(), args.task_file.as_deref()) {
        (Some("-"), _) => {
            let text = env::read_stdin().map_err(|error| {
                ExecError::new(ExecErrorKind::Failed, "the task cannot be read").because(error)
            })?;
            Ok(Some(text))
        }
        (Some(text), _) => Ok(Some(text.to_owned())),
        (None, Some(path)) => {
            let text = walk::read_text_limited(path, DOCUMENT_LIMIT);
            text.map(Some).map_err(|why| unread(path, &why))
        }
        (None, None) => Ok(None),
    }
}

impl Source {
    /// Refuses a value for an input that the persona does not declare.
    fn check_input(&self, name: &str) -> Result<(), Failure> {
        let declared = self.selection.get("inputs").and_then(Value::as_object);
        if declared.is_some_and(|inputs| inputs.contains(name)) {
            return Ok(());
        }
        let message = format!("the persona has no input `{name}`");
        let error = Diagnostic::error(Code::PERSONA_OPTION_INVALID, message);
        let names = declared
            .into_iter()
            .flat_map(Object::iter)
            .map(|(name, _)| name);
        Err(Failure::of(match nearest(name, names) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }))
    }

    /// Tells whether the run is for one task.
    pub(super) fn one_shot(&self) -> bool {
        self.options.get("task").is_some()
    }
}
