//! `callsheet plan`.

use clap::Args;
use plan_core::base::json::{Writer, print};
use plan_core::base::text::shell_join;
use plan_core::effect::{Action, ActionList, describe_action};
use plan_core::persona::lower::{Places, lower};
use plan_core::persona::mount::plain_view;
use plan_core::persona::plan::{Mode, PersonaSpawnPlan, STAGE};

use super::Answer;
use super::args::PersonaArgs;
use super::failure::{Failure, Located};
use super::output::{Output, Shape};
use super::prepare::Source;
use crate::launch::link_targets;

/// Shows how an agent would be started.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  callsheet plan reviewer.json
  callsheet plan reviewer.json --task 'Review the last commit' --effects
  callsheet plan reviewer.json --json | jq .args
  callsheet plan reviewer.json --edition persona-kit-4 --options options.json --json")]
pub(super) struct PlanCommand {
    #[command(flatten)]
    persona: PersonaArgs,
    /// Prints the plan itself.
    #[arg(long)]
    json: bool,
    /// Prints the ordered list of actions that carry the plan out.
    #[arg(long)]
    effects: bool,
}

impl PlanCommand {
    pub(super) fn answer(&self, output: &Output) -> Answer {
        self.show(output).map_err(|failure| failure.json(self.json))
    }

    fn show(&self, output: &Output) -> Answer {
        let source = Source::load(&self.persona, output)?;
        let plan = source.plan()?;
        if self.json && !self.effects {
            output.line(&print(&plan))?;
            return Ok(0);
        }
        let links = link_targets(&plan);
        let places = Places {
            cwd: &source.cwd,
            stage: STAGE,
            view: plain_view(plan.mount.as_ref()),
            mount: "{{mount}}",
            include_git: true,
            ignored: &[],
            readonly: &[],
            link_targets: &links,
            // What is in the user's own files is nobody's to print.
            inherited: &[],
        };
        let actions = lower(&plan, &places).map_err(|problems| Failure::Refused {
            problems: problems.into_iter().map(Located::from).collect(),
            json: false,
        })?;
        if self.effects {
            if !self.json {
                output.warnings(plan.warnings.iter().flatten());
            }
            return self.effects(&plan, &actions, output);
        }
        output.tell(&summary(&plan, &actions, &source.cwd))?;
        output.warnings(plan.warnings.iter().flatten());
        Ok(0)
    }

    fn effects(
        &self,
        plan: &PersonaSpawnPlan<'_>,
        actions: &ActionList,
        output: &Output,
    ) -> Answer {
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("actions", &actions.iter().collect::<Vec<&Action>>());
                out.end_object();
            });
            output.envelope(&data, plan.warnings.as_deref().unwrap_or_default())?;
            return Ok(0);
        }
        for action in actions.iter() {
            output.tell(&format!(
                "{:>3} {:<12} {}",
                action.id,
                action.phase.as_str(),
                describe_action(&action.kind)
            ))?;
        }
        Ok(0)
    }
}

/// Tells a person what a plan will do.
fn summary(plan: &PersonaSpawnPlan<'_>, actions: &ActionList, cwd: &str) -> String {
    let mode = plan.mode.unwrap_or(Mode::Interactive);
    let id = plan.persona.get_str("personaId").unwrap_or("?");
    let model = plan.persona.get_str("model").unwrap_or("?");
    let mut lines = vec![
        format!(
            "{id} on {} ({model}), {}, edition {}",
            plan.cli,
            mode.as_str(),
            plan.edition().as_str()
        ),
        format!(
            "  in      {cwd}{}",
            if plan.mount.is_some() {
                " (mirrored, with hidden and read-only paths)"
            } else {
                ""
            }
        ),
        format!("  starts  {} {}", plan.cli, shell_join(&plan.args)),
    ];
    if let Some(stdin) = &plan.stdin {
        lines.push(format!(
            "  reads   the task on standard input ({} bytes)",
            stdin.len()
        ));
    }
    if let Some(prompt) = plan
        .initial_prompt
        .as_ref()
        .filter(|prompt| !prompt.is_empty())
    {
        lines.push(format!(
            "  prompt  {} bytes as the last argument",
            prompt.len()
        ));
    }
    for input in &plan.inputs {
        lines.push(format!("  input   {} (in ${})", input.name, input.env_name));
    }
    let names: Vec<&str> = plan.env.iter().map(|(name, _)| name).collect();
    if !names.is_empty() {
        lines.push(format!("  sets    {}", names.join(" ")));
    }
    for document in plan.env_documents.iter().flatten() {
        let names: Vec<_> = document
            .document
            .references()
            .iter()
            .map(|reference| &*reference.template)
            .collect();
        lines.push(format!(
            "  sets    {} from {} at the start",
            document.name,
            names.join(", ")
        ));
    }
    lines.push(String::new());
    if actions.is_empty() {
        lines.push("  nothing is written".to_owned());
    }
    for action in actions.iter() {
        lines.push(format!(
            "  {:<12} {}",
            action.phase.as_str(),
            describe_action(&action.kind)
        ));
    }
    if !actions.is_empty() {
        lines.push(format!(
            "\n  {STAGE} is the run's private directory; everything is taken back afterwards"
        ));
    }
    lines.join("\n")
}
