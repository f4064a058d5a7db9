//! Reading the members of a request.

use std::path::PathBuf;

use plan_core::base::diag::Path as At;
use plan_core::base::json::{Object, Value};
use plan_core::base::record::Scan;
use plan_core::persona::plan::PersonaSpawnPlan;

use crate::error::{ExecError, ExecErrorKind};
use crate::state::RunId;

/// A request.
pub(super) struct Request<'v> {
    value: &'v Value<'v>,
}

const NO_ID: &Value<'_> = &Value::Null;

impl<'v> Request<'v> {
    pub(super) const fn new(value: &'v Value<'v>) -> Self {
        Self { value }
    }

    /// The id that the answer carries.
    pub(super) fn id(&self) -> &Value<'v> {
        self.value.get("id").unwrap_or(NO_ID)
    }

    pub(super) fn member(&self, name: &str) -> Option<&Value<'v>> {
        let value = self.value.get(name);
        value.filter(|value| !matches!(value, Value::Null))
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, ExecError> {
        let text = self.member(name).and_then(Value::as_str);
        text.ok_or_else(|| wrong(name, "must be a string"))
    }

    pub(super) fn opt_text(&self, name: &str) -> Result<Option<&str>, ExecError> {
        self.member(name).map(|_| self.text(name)).transpose()
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> Result<bool, ExecError> {
        let Some(value) = self.member(name) else {
            return Ok(default);
        };
        value
            .as_bool()
            .ok_or_else(|| wrong(name, "must be true or false"))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ExecError> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        u64::scan(value, &At::root(name))
            .map(Some)
            .map_err(|problem| refused(vec![problem]))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, ExecError> {
        let Some(value) = self.member(name) else {
            return Ok(Vec::new());
        };
        Vec::<String>::scan(value, &At::root(name)).map_err(|problem| refused(vec![problem]))
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&Object<'v>>, ExecError> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        let object = value.as_object();
        object
            .map(Some)
            .ok_or_else(|| wrong(name, "must be an object"))
    }

    pub(super) fn run(&self) -> Result<RunId, ExecError> {
        RunId::parse(self.text("run")?).ok_or_else(|| wrong("run", "must be the id of a run"))
    }

    /// Whether a run is to be its agent's, and end with that.
    pub(super) fn is_agents(&self) -> bool {
        self.member("custody").and_then(Value::as_str) == Some("agent")
    }

    pub(super) fn plan(&self) -> Result<PersonaSpawnPlan<'_>, ExecError> {
        let plan = self.member("plan");
        let plan = plan.ok_or_else(|| wrong("plan", "is missing"))?;
        PersonaSpawnPlan::read(plan)
            .map_err(|problem| ExecError::refused("the plan is refused", vec![problem]))
    }

    /// A directory; relative ones are taken from our own.
    pub(super) fn dir(&self, name: &str) -> Result<PathBuf, ExecError> {
        self.text(name).map(PathBuf::from)
    }

    /// Reads a document of the plan.
    pub(super) fn record<T: Scan<'v>>(&self, name: &str) -> Result<T, ExecError> {
        let value = self.member(name).ok_or_else(|| wrong(name, "is missing"))?;
        T::scan(value, &At::root(name)).map_err(|problem| refused(vec![problem]))
    }
}

fn refused(problems: Vec<plan_core::base::diag::Diagnostic>) -> ExecError {
    ExecError::refused("the request cannot be carried out", problems)
}

pub(super) fn wrong(name: &str, problem: &str) -> ExecError {
    ExecError::new(ExecErrorKind::Usage, format!("`{name}` {problem}"))
}
