//! What the caller of the planner decides.

use alloc::borrow::Cow;

use super::harness::compat::OneShot;
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Text, Value};
use crate::base::record::{member, refuse_unknown};

/// The names of all options, for the check of unknown ones.
const KNOWN: &[&str] = &[
    "installRoot",
    "envOverrides",
    "processEnv",
    "includeProcessEnv",
    "inputValues",
    "inputEnv",
    "repoRoot",
    "task",
    "title",
    "hostIsRoot",
];

/// Options of a plan. The first five are persona-kit 4's, the others need edition
/// 2026.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions<'o> {
    /// A directory to stage skills in, outside the project (`persona-kit-4`).
    pub install_root: Option<&'o str>,
    /// Variables that win over the environment and over inputs.
    pub env_overrides: Option<&'o Object<'o>>,
    /// The environment that becomes part of the plan, and gives inputs their values
    /// unless `input_env` does.
    pub process_env: Option<&'o Object<'o>>,
    /// Values of inputs.
    pub input_values: Option<&'o Value<'o>>,
    /// The environment that gives inputs their values without becoming part of the
    /// plan.
    pub input_env: Option<&'o Object<'o>>,
    /// The directory that relative sidecar and skill paths are resolved against.
    pub repo_root: Option<&'o str>,
    /// The task of a one-shot run; absent for an interactive run.
    pub task: Option<&'o str>,
    /// A title for the session of a one-shot run.
    pub title: Option<&'o str>,
    /// Whether the harness will run as root.
    pub host_is_root: bool,
}

impl<'o> PlanOptions<'o> {
    /// Reads options as persona-kit 4 takes them: `null` is absent, what has another
    /// type is ignored. `ambient` is the environment of the process, used when
    /// `includeProcessEnv` asks for it and no `processEnv` is given.
    pub fn lenient(options: &'o Value<'o>, ambient: &'o Object<'o>) -> Self {
        let object = |key| options.get(key).and_then(Value::as_object);
        let include = options.get("includeProcessEnv").and_then(Value::as_bool) == Some(true);
        Self {
            install_root: options.get_str("installRoot"),
            env_overrides: object("envOverrides"),
            process_env: object("processEnv").or_else(|| include.then_some(ambient)),
            input_values: options
                .get("inputValues")
                .filter(|values| values.as_object().is_some()),
            ..Self::default()
        }
    }

    /// Reads options strictly: unknown members and wrong types are errors.
    ///
    /// # Errors
    /// A diagnostic that names the option.
    pub fn strict(options: &'o Value<'o>, ambient: &'o Object<'o>) -> Result<Self, Diagnostic> {
        let at = Path::root("options");
        let Some(given) = options.as_object() else {
            return Err(Diagnostic::at(
                Code::PERSONA_OPTION_INVALID,
                &at,
                "must be an object",
            ));
        };
        refuse_unknown(given, KNOWN, &at)?;
        let object = |key| match given.get(key) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(_) => {
                let code = Code::PERSONA_OPTION_INVALID;
                Err(Diagnostic::at(code, &at.field(key), "must be an object"))
            }
        };
        let text = |key| -> Result<Option<&'o str>, Diagnostic> {
            member::<Option<Text<'_>>>(given, key, &at)?;
            Ok(given.get(key).and_then(Value::as_str))
        };
        if given.contains("installRoot") {
            let problem = "is for edition persona-kit-4; skills are staged in the run's directory";
            let code = Code::PERSONA_OPTION_INVALID;
            return Err(Diagnostic::at(code, &at.field("installRoot"), problem));
        }
        let include = member::<Option<bool>>(given, "includeProcessEnv", &at)?;
        Ok(Self {
            install_root: None,
            env_overrides: object("envOverrides")?,
            process_env: object("processEnv")?
                .or_else(|| (include == Some(true)).then_some(ambient)),
            input_values: object("inputValues")?.and(given.get("inputValues")),
            input_env: object("inputEnv")?,
            repo_root: text("repoRoot")?,
            task: text("task")?,
            title: text("title")?,
            host_is_root: member::<Option<bool>>(given, "hostIsRoot", &at)? == Some(true),
        })
    }

    /// Returns the one-shot run that the options ask for.
    pub fn one_shot(&self) -> Option<OneShot<'o>> {
        let task = Cow::Borrowed(self.task?);
        Some(OneShot {
            task,
            name: self.title,
            working_directory: None,
            windows: false,
        })
    }

    /// Returns the environment that inputs are looked up in.
    pub fn lookup_env(&self) -> &'o Object<'o> {
        static NOTHING: Object<'static> = Object::new();
        self.input_env.or(self.process_env).unwrap_or(&NOTHING)
    }
}
