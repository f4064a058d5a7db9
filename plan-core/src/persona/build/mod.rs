//! Building the spawn plan from a selection.

mod compat;
mod launch;

use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;

use super::harness::compat::UnhandledHarness;
use super::harness::{HarnessDef, SidecarFile};
use super::inputs::{self, InputValues, MissingInput};
use super::mcp::AiHist;
use super::memory;
use super::options::PlanOptions;
use super::plan::{InputBinding, PersonaSpawnPlan, SidecarMode, SidecarWrite};
use super::selection::Selection;
use super::skills::SkillError;
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::edition::Edition;
use crate::base::json::{Object, Text, Value};
use crate::base::record::owned;
use crate::base::text::js_trim;

/// Why a plan could not be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An input has no value.
    #[error(transparent)]
    MissingInput(#[from] MissingInput),
    /// A skill cannot be installed.
    #[error(transparent)]
    Skill(#[from] SkillError),
    /// The harness is not known.
    #[error(transparent)]
    UnhandledHarness(#[from] UnhandledHarness),
    /// The selection or an option breaks rules; every problem is listed.
    #[error("{}", first(.0))]
    Refused(Vec<Diagnostic>),
}

fn first(diagnostics: &[Diagnostic]) -> &str {
    diagnostics
        .first()
        .map_or("the persona was refused", |diagnostic| &diagnostic.message)
}

impl PlanError {
    /// Returns the name of the error class that persona-kit 4 throws.
    pub const fn class(&self) -> &'static str {
        match self {
            PlanError::MissingInput(_) => "MissingPersonaInputError",
            PlanError::Skill(_) | PlanError::UnhandledHarness(_) | PlanError::Refused(_) => "Error",
        }
    }

    /// Returns the problems.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        match self {
            PlanError::MissingInput(missing) => alloc::vec![missing.clone().into()],
            PlanError::Skill(error) => alloc::vec![error.clone().into()],
            PlanError::UnhandledHarness(error) => {
                alloc::vec![Diagnostic::error(
                    Code::PERSONA_HARNESS_UNKNOWN,
                    error.to_string()
                )]
            }
            PlanError::Refused(diagnostics) => diagnostics.clone(),
        }
    }
}

impl From<Diagnostic> for PlanError {
    fn from(diagnostic: Diagnostic) -> Self {
        PlanError::Refused(alloc::vec![diagnostic])
    }
}

/// Builds the plan that starts the agent of a selection.
///
/// # Errors
/// What [`PlanError`] lists; in persona-kit 4's order.
pub fn build_persona_spawn_plan<'s>(
    selection: impl Into<Selection<'s>>,
    options: &PlanOptions<'s>,
    edition: Edition,
) -> Result<PersonaSpawnPlan<'s>, PlanError> {
    let selection = selection.into();
    if edition.switches().private_launch {
        launch::build(selection, options, edition)
    } else {
        compat::build(selection, options)
    }
}

/// Resolves the inputs; the options' values replace the selection's as a whole.
pub(super) fn input_values<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
) -> Result<InputValues<'s>, MissingInput> {
    let provided = options
        .input_values
        .or_else(|| selection.get("inputValues"));
    inputs::resolve_inputs(selection.object("inputs"), provided, options.lookup_env())
}

/// Reads the history server that the persona's memory asks for.
pub(super) fn ai_hist<'s>(selection: Selection<'s>, env: &'s Object<'s>) -> Option<AiHist<'s>> {
    let memory = memory::resolve_ai_memory(selection.get("memory"));
    if !memory.enabled {
        return None;
    }
    let lookup = |name| {
        let value = env.get(name).and_then(Value::as_str);
        value
            .map(js_trim)
            .filter(|value| !value.is_empty())
            .map(Cow::Borrowed)
    };
    let own = memory.db_path.map(|path| owned(js_trim(&path)));
    Some(AiHist {
        trajectory_root: lookup("TRAJECTORY_ROOT"),
        db_path: own
            .filter(|path| !path.is_empty())
            .or_else(|| lookup("AI_HIST_DB")),
    })
}

/// Binds each input that has a value to the variable that carries it.
pub(super) fn bindings<'s>(
    selection: Selection<'s>,
    values: &InputValues<'s>,
    exports_unset: bool,
) -> Vec<InputBinding<'s>> {
    let declared = selection
        .object("inputs")
        .map(Object::entries)
        .unwrap_or_default();
    let bind = |(name, spec): &'s (Text<'s>, Value<'s>)| {
        let value = values.get(name).and_then(Value::to_text)?;
        let env_name = spec.get_str("env").unwrap_or(name);
        let binding = InputBinding {
            name: Cow::Borrowed(&**name),
            env_name: env_name.into(),
            value,
        };
        Some(binding).filter(|binding| exports_unset || !binding.value.is_empty())
    };
    declared.iter().filter_map(bind).collect()
}

/// Copies the ambient variables that are texts.
pub(super) fn ambient<'s>(options: &PlanOptions<'s>, more: usize) -> Object<'s> {
    match options.process_env {
        Some(ambient) => ambient.texts(more),
        None => Object::with_capacity(more),
    }
}

/// Finds the sidecar that the harness reads.
pub(super) fn sidecar<'s>(selection: Selection<'s>, def: &HarnessDef) -> Option<SidecarWrite<'s>> {
    let (path, contents, mode) = match def.sidecar {
        SidecarFile::ClaudeMd => ("claudeMd", "claudeMdContent", "claudeMdMode"),
        SidecarFile::AgentsMd => ("agentsMd", "agentsMdContent", "agentsMdMode"),
    };
    let contents = selection
        .get(contents)
        .and_then(Value::as_str)
        .map(Cow::Borrowed);
    let path = Some(selection.text(path)).filter(|path| !path.is_empty() && contents.is_none());
    let source_path = path.map(Cow::Borrowed);
    if contents.is_none() && source_path.is_none() {
        return None;
    }
    let mode = SidecarMode::from_word(selection.text(mode)).unwrap_or(SidecarMode::Overwrite);
    Some(SidecarWrite {
        filename: def.sidecar.name().into(),
        contents,
        source_path,
        mode,
    })
}
