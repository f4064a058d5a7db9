//! `callsheet plan`.

use std::path::Path;

use clap::Args;
use plan_core::base::json::{Writer, print};
use plan_core::base::text::shell_join;
use plan_core::effect::{Action, ActionList, View, describe_action};
use plan_core::persona::lower::{Places, lower, placeholder};
use plan_core::persona::plan::{Mode, PersonaSpawnPlan, STAGE};

use super::Answer;
use super::args::{PersonaArgs, SkillArgs, ViewArg};
use super::failure::Failure;
use super::output::{Output, Shape};
use super::prepare::Source;
use super::report::Located;
use crate::helpers::plan_view;
use crate::launch::link_targets;
use crate::mount::{Chosen, ViewChoice};
use crate::skills::{SkillUse, look_up};

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
    #[command(flatten)]
    skills: SkillArgs,
    /// Prints the plan itself.
    #[arg(long)]
    json: bool,
    /// How the agent sees the project. Nothing is tried: where no layer can be mounted,
    /// `callsheet run` makes a copy instead.
    #[arg(long, value_name = "VIEW", default_value = "auto")]
    view: ViewArg,
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
        let (actions, chosen) = lowered(
            &plan,
            (&source.cwd, self.view.into(), true),
            &self.skills.skills()?,
        )?;
        if self.effects {
            if !self.json {
                output.warnings(plan.warnings.iter().flatten());
            }
            return self.effects(&plan, (&actions, &chosen), output);
        }
        output.tell(&summary(&plan, &actions, (&source.cwd, &chosen)))?;
        output.warnings(plan.warnings.iter().flatten());
        Ok(0)
    }

    fn effects(
        &self,
        plan: &PersonaSpawnPlan<'_>,
        (actions, chosen): (&ActionList, &Chosen),
        output: &Output,
    ) -> Answer {
        if self.json {
            let data = Shape(|out: &mut Writer| {
                out.begin_object();
                out.field("view", chosen.view.as_str());
                out.field("enforcement", chosen.enforcement.as_str());
                out.field("actions", &actions.iter().collect::<Vec<&Action>>());
                out.end_object();
            });
            output.envelope(&data, plan.warnings.as_deref().unwrap_or_default())?;
            return Ok(0);
        }
        for line in effect_lines(actions) {
            output.tell(&line)?;
        }
        Ok(0)
    }
}

/// Lowers a plan for being looked at: the run's own directories stay placeholders.
pub(super) fn lowered(
    plan: &PersonaSpawnPlan<'_>,
    (cwd, choice, entered): (&str, ViewChoice, bool),
    skills: &SkillUse,
) -> Result<(ActionList, Chosen), Failure> {
    let links = link_targets(plan);
    let (chosen, rules) = plan_view(plan, Path::new(cwd), (choice, entered))?;
    let places = Places {
        cwd,
        stage: STAGE,
        view: chosen.view,
        mount: placeholder(chosen.view),
        include_git: true,
        ignored: &rules.ignored,
        readonly: &rules.readonly,
        link_targets: &links,
        // What is in the user's own files is nobody's to print.
        inherited: &[],
        kept_skills: &look_up(&plan.skills, plan.edition(), skills),
    };
    let actions = lower(plan, &places).map_err(|problems| Failure::Refused {
        problems: problems.into_iter().map(Located::from).collect(),
        json: false,
    })?;
    Ok((actions, chosen))
}

/// Describes each action of a list in a line.
pub(super) fn effect_lines(actions: &ActionList) -> impl Iterator<Item = String> {
    actions.iter().map(|action| {
        let (id, phase) = (action.id, action.phase.as_str());
        format!("{id:>3} {phase:<12} {}", describe_action(&action.kind))
    })
}

/// Tells a person what a plan will do.
fn summary(
    plan: &PersonaSpawnPlan<'_>,
    actions: &ActionList,
    (cwd, chosen): (&str, &Chosen),
) -> String {
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
        format!("  in      {cwd}"),
        format!("  starts  {} {}", plan.cli, shell_join(&plan.args)),
    ];
    if chosen.view != View::InPlace || plan.mount.is_some() {
        lines.push(format!("  as      {}", chosen.line()));
    }
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
