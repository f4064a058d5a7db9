//! The launch descriptor: a plan's command with paths and secrets filled in. It lives
//! only in memory and is never printed.

use std::fmt;
use std::path::PathBuf;

use plan_core::base::json::{Object, Value};
use plan_core::effect::{Document, MissingReference};
use plan_core::persona::env::resolve_references;
use plan_core::persona::harness::{self, HarnessDef};
use plan_core::persona::lower::{Places, staged};
use plan_core::persona::plan::PersonaSpawnPlan;

use crate::apply::Resolver;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::{env, own, spawn};

/// No argument or variable is longer. Linux takes 128 KiB a word.
const WORD_BYTES: usize = 100_000;

/// What is started.
#[derive(Clone, Default)]
pub struct LaunchDescriptor {
    /// The words in front of the program that bring it into the run's view; none where
    /// its working directory is enough.
    pub argv_prefix: Vec<String>,
    /// The program.
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Variables that it gets besides the caller's.
    pub env: Vec<(String, String)>,
    /// What it reads.
    pub stdin: Option<String>,
    /// The file that names it while it runs.
    pub mark: Option<PathBuf>,
    /// Seconds after which it is ended.
    pub timeout_seconds: Option<f64>,
}

impl fmt::Debug for LaunchDescriptor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of variables may be secrets.
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        out.debug_struct("LaunchDescriptor")
            .field("argv_prefix", &self.argv_prefix)
            .field("command", &self.command)
            .field("args", &self.args)
            .field("cwd", &self.cwd)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}

impl LaunchDescriptor {
    /// Fills a plan's command in; `resolver` answers its references.
    ///
    /// # Errors
    /// A reference to a variable that is not set.
    pub fn new(
        plan: &PersonaSpawnPlan<'_>,
        command: PathBuf,
        places: &Places<'_>,
        resolver: Resolver<'_>,
    ) -> Result<Self, ExecError> {
        let mut args: Vec<String> = plan.args.iter().map(|arg| places.concrete(arg)).collect();
        let prompt = plan
            .initial_prompt
            .as_deref()
            .filter(|prompt| !prompt.is_empty());
        args.extend(prompt.map(String::from));
        let mut variables = Vec::new();
        for (name, value) in plan.env.iter() {
            if let Some(text) = value.as_str() {
                variables.push((name.to_owned(), places.concrete(text)));
            }
        }
        for document in plan.env_documents.iter().flatten() {
            let text = staged(&document.document, places).render(resolver);
            variables.push((
                document.name.to_string(),
                text.map_err(|name| missing(&name))?,
            ));
        }
        check_lengths(&args, &variables)?;
        Ok(Self {
            argv_prefix: Vec::new(),
            command,
            args,
            cwd: PathBuf::from(places.agent_cwd()),
            env: variables,
            stdin: plan.stdin.as_deref().map(String::from),
            mark: None,
            timeout_seconds: plan.timeout_seconds,
        })
    }
}

impl LaunchDescriptor {
    /// Returns what is really started: the program and its arguments, behind the prefix.
    ///
    /// # Errors
    /// There is a prefix and the program's path is not text.
    pub(crate) fn argv(&self) -> Result<(PathBuf, Vec<String>), ExecError> {
        let Some((first, prefix)) = self.argv_prefix.split_first() else {
            return Ok((self.command.clone(), self.args.clone()));
        };
        let command = self.command.to_str().ok_or_else(|| {
            ExecError::new(ExecErrorKind::Usage, "the path is not text").at(&self.command)
        })?;
        let mut args = prefix.to_vec();
        args.push(command.to_owned());
        args.extend(self.args.iter().cloned());
        Ok((PathBuf::from(first), args))
    }
}

/// Refuses what the system would refuse with fewer words.
fn check_lengths(args: &[String], env: &[(String, String)]) -> Result<(), ExecError> {
    let long = |what: String, length: usize| {
        let message = format!("{what} has {length} bytes, and no program takes that many");
        ExecError::new(ExecErrorKind::Usage, message)
            .hint("edition 2026 passes prompts in files and on standard input")
    };
    for (place, arg) in args.iter().enumerate() {
        if arg.len() > WORD_BYTES {
            return Err(long(
                format!("argument {} of the harness", place + 1),
                arg.len(),
            ));
        }
    }
    match env.iter().find(|(_, value)| value.len() > WORD_BYTES) {
        Some((name, value)) => Err(long(format!("the variable {name}"), value.len())),
        None => Ok(()),
    }
}

/// Finds the program of a plan's harness on the caller's search path, unless the plan
/// brings its own.
///
/// # Errors
/// It is not installed; the error says how to install it.
pub fn locate(
    plan: &PersonaSpawnPlan<'_>,
    search_path: Option<&str>,
) -> Result<(PathBuf, Option<&'static HarnessDef>), ExecError> {
    let def = harness::find(&plan.cli);
    let own = plan.env.get("PATH").and_then(Value::as_str);
    if let Some(found) = spawn::find_program(&plan.cli, own.or(search_path)) {
        return Ok((found, def));
    }
    let message = format!("`{}` is not installed, or not on PATH", plan.cli);
    let error = ExecError::new(ExecErrorKind::Missing, message);
    Err(match def {
        Some(def) => error.hint(format!("install it with: {}", def.install)),
        None => error,
    })
}

/// Returns our own program, to start it again.
///
/// # Errors
/// Another program uses this library, and does not say where ours is.
pub fn own_program() -> Result<PathBuf, ExecError> {
    own::program().ok_or_else(|| {
        let message = "the callsheet program cannot be found";
        let error = ExecError::new(ExecErrorKind::Missing, message);
        error.hint(format!("set {} to its path", own::VARIABLE))
    })
}

/// Answers a reference from our own environment, strictly.
///
/// # Errors
/// A variable that is unset or empty.
pub fn resolve_reference(template: &str, field: &str) -> Result<String, MissingReference> {
    let variables: Object<'_> = env::vars()
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    resolve_references(template, &variables, field).map(std::borrow::Cow::into_owned)
}

/// Fails when a reference of a plan has no value.
///
/// # Errors
/// The first one.
pub(crate) fn check_references(
    plan: &PersonaSpawnPlan<'_>,
    resolver: Resolver<'_>,
) -> Result<(), ExecError> {
    let documents = plan
        .env_documents
        .iter()
        .flatten()
        .map(|document| &document.document);
    let files = plan
        .private_files
        .iter()
        .flatten()
        .map(|file| &file.document);
    for reference in documents.chain(files).flat_map(Document::references) {
        resolver(&reference.template, &reference.field).map_err(|name| missing(&name))?;
    }
    Ok(())
}

/// Turns a missing reference into an error with a next step.
pub(crate) fn missing(missing: &MissingReference) -> ExecError {
    let hint = format!(
        "export {}=…, or remove the reference from the persona",
        missing.name
    );
    ExecError::new(ExecErrorKind::Config, missing.to_string()).hint(hint)
}
