//! The plan as persona-kit 4 builds it.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use super::{PlanError, ai_hist, ambient, bindings, input_values, sidecar};
use crate::base::json::{Object, Text};
use crate::persona::harness::{self, compat::SpecInput};
use crate::persona::inputs::render;
use crate::persona::options::PlanOptions;
use crate::persona::plan::{InputBinding, PersonaSpawnPlan};
use crate::persona::selection::Selection;
use crate::persona::{mount, skills};

/// Builds a plan as persona-kit 4 does.
pub(super) fn build<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
) -> Result<PersonaSpawnPlan<'s>, PlanError> {
    let values = input_values(selection, options)?;
    let ai_hist = ai_hist(selection, options.lookup_env());
    let harness = selection.text("harness");
    let skills = skills::materialize_skills(
        selection.list("skills"),
        harness,
        skills::SkillOptions {
            install_root: options.install_root,
            repo_root: None,
        },
    )?;
    let session = skills
        .session_install_root
        .clone()
        .filter(|root| !root.is_empty());
    let plugin_dirs: Vec<Text<'s>> = session.into_iter().collect();
    let spec = harness::compat::interactive(&SpecInput {
        harness,
        persona_id: selection.text("personaId"),
        model: selection.text("model"),
        system_prompt: render(selection.text("systemPrompt"), &values),
        mcp_servers: selection.object("mcpServers"),
        relay: None,
        ai_hist,
        permissions: selection.permissions(),
        settings: selection.settings(),
        plugin_dirs,
    })?;
    let def = harness::find(harness);
    let bindings = bindings(selection, &values, true);
    let env = env(selection, options, &bindings);
    Ok(PersonaSpawnPlan {
        version: None,
        edition: None,
        digest: None,
        persona: selection.echo(),
        cli: Cow::Borrowed(harness),
        args: spec.args,
        config_files: spec.config_files,
        skills,
        sidecars: def
            .and_then(|def| sidecar(selection, def))
            .into_iter()
            .collect(),
        inputs: bindings,
        env,
        initial_prompt: spec.initial_prompt,
        mount: mount::resolve_policy(selection.get("mount")),
        mode: None,
        stdin: None,
        env_documents: None,
        private_files: None,
        private_links: None,
        timeout_seconds: None,
        warnings: None,
    })
}

/// Layers the environment: ambient, inputs, overrides, then the persona's own.
fn env<'s>(
    selection: Selection<'s>,
    options: &PlanOptions<'s>,
    bindings: &[InputBinding<'s>],
) -> Object<'s> {
    let mut env = ambient(options, bindings.len());
    for binding in bindings {
        env.insert(binding.env_name.clone(), binding.value.clone());
    }
    for layer in [options.env_overrides, selection.object("env")]
        .into_iter()
        .flatten()
    {
        for (name, value) in layer.iter() {
            env.insert(name, value.clone());
        }
    }
    env
}
