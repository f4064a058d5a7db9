//! Executing a spawn plan as a whole, and its parts one by one. Every helper answers
//! with a handle of the same shape.

use std::path::{Path, PathBuf};

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::base::json::Text;
use plan_core::effect::{ActionList, View};
use plan_core::persona::harness::compat::ConfigFile;
use plan_core::persona::lower::{
    Places, lower, lower_config_files, lower_mount, lower_sidecars, lower_skills,
};
use plan_core::persona::mount::{MountPolicy, plain_view};
use plan_core::persona::plan::{PersonaSpawnPlan, SidecarWrite};
use plan_core::persona::skills::{SkillInstall, SkillMaterializationPlan, recipe};

use crate::apply::{ApplyOptions, Event, Run, RunHandle};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::launch::{LaunchDescriptor, UserFiles};
use crate::os::fs;
use crate::os::walk::text_of;
use crate::skills::{self, Kept, SkillUse};
use crate::state::StateHome;

/// Where a helper works, and how.
#[derive(Debug, Clone)]
pub struct HelperOptions<'o> {
    /// Where the run keeps what its undo needs.
    pub state: &'o StateHome,
    /// The directory to work in.
    pub cwd: &'o Path,
    /// Whether a mirror has `.git` too.
    pub include_git: bool,
    /// Where a mirror is made; by default in the run's own directory.
    pub mount_dir: Option<PathBuf>,
    /// How skills are provided. By default they are installed for each run alone.
    pub skills: SkillUse,
    /// How the actions are applied. A helper that works on the files of an earlier one
    /// names that one in `above`.
    pub apply: ApplyOptions<'o>,
}

impl<'o> HelperOptions<'o> {
    /// Works in a directory with everything else at its default.
    pub fn new(state: &'o StateHome, cwd: &'o Path) -> Self {
        Self {
            state,
            cwd,
            include_git: true,
            mount_dir: None,
            skills: SkillUse::default(),
            apply: ApplyOptions::default(),
        }
    }
}

/// Carries a whole plan out, without starting its harness.
///
/// # Errors
/// The first failure; everything done before it is taken back.
pub fn execute_persona_spawn_plan(
    plan: &PersonaSpawnPlan<'_>,
    options: &HelperOptions<'_>,
) -> Result<RunHandle, ExecError> {
    let files = UserFiles::of(plan)?;
    let options = &with_environment(options, &plan.plain_env());
    let kept = keep(&plan.skills, plan.edition(), options)?;
    let view = plain_view(plan.mount.as_ref());
    let (handle, ()) = carry_out(options, (&files, &kept, view), |places| {
        Ok((lower(plan, places).map_err(refused)?, ()))
    })
    .map_err(|error| name_skill(error, &plan.skills))?;
    Ok(handle)
}

/// Carries a plan out and fills its launch in. Nothing is touched when one of its
/// references has no value.
///
/// # Errors
/// The first failure; everything done before it is taken back.
pub fn prepare_launch(
    plan: &PersonaSpawnPlan<'_>,
    program: &Path,
    options: &HelperOptions<'_>,
) -> Result<(RunHandle, LaunchDescriptor), ExecError> {
    let files = UserFiles::of(plan)?;
    let options = &with_environment(options, &plan.plain_env());
    let kept = keep(&plan.skills, plan.edition(), options)?;
    let view = plain_view(plan.mount.as_ref());
    let (handle, mut launch) = carry_out(options, (&files, &kept, view), |places| {
        let launch = LaunchDescriptor::new(plan, program.to_path_buf(), places)?;
        Ok((lower(plan, places).map_err(refused)?, launch))
    })
    .map_err(|error| name_skill(error, &plan.skills))?;
    launch.mark = handle.mark();
    Ok((handle, launch))
}

/// Mirrors the project under a mount policy. Without a policy the handle's directory is
/// the one given.
///
/// # Errors
/// The first failure; everything done before it is taken back.
pub fn apply_persona_mount(
    policy: Option<&MountPolicy<'_>>,
    options: &HelperOptions<'_>,
) -> Result<RunHandle, ExecError> {
    part(options, plain_view(policy), |places, list| {
        lower_mount(policy, places, list);
        Ok(())
    })
}

/// Installs skills.
///
/// # Errors
/// The first failure; everything done before it is taken back.
pub fn run_skill_installs(
    skills: &SkillMaterializationPlan<'_>,
    edition: Edition,
    options: &HelperOptions<'_>,
) -> Result<RunHandle, ExecError> {
    let options = &with_environment(options, &[]);
    let kept = keep(skills, edition, options)?;
    let lower =
        |places: &Places<'_>, list: &mut ActionList| lower_skills(skills, edition, places, list);
    let handle = part_with(options, (&kept, View::InPlace), lower);
    handle.map_err(|error| name_skill(error, skills))
}

/// Writes sidecars.
///
/// # Errors
/// The first failure; everything done before it is taken back.
pub fn write_persona_sidecars(
    sidecars: &[SidecarWrite<'_>],
    options: &HelperOptions<'_>,
) -> Result<RunHandle, ExecError> {
    part(options, View::InPlace, |places, list| {
        lower_sidecars(sidecars, places, list)
    })
}

/// Writes configuration files.
///
/// # Errors
/// The first failure; everything done before it is taken back.
pub fn materialize_persona_config_files(
    files: &[ConfigFile<'_>],
    options: &HelperOptions<'_>,
) -> Result<RunHandle, ExecError> {
    part(options, View::InPlace, |places, list| {
        lower_config_files(files, places, list)
    })
}

fn part(
    options: &HelperOptions<'_>,
    view: View,
    lower: impl FnOnce(&Places<'_>, &mut ActionList) -> Result<(), Diagnostic>,
) -> Result<RunHandle, ExecError> {
    part_with(options, (&Kept::default(), view), lower)
}

fn part_with(
    options: &HelperOptions<'_>,
    (kept, view): (&Kept, View),
    lower: impl FnOnce(&Places<'_>, &mut ActionList) -> Result<(), Diagnostic>,
) -> Result<RunHandle, ExecError> {
    let (handle, ()) = carry_out(options, (&UserFiles::default(), kept, view), |places| {
        let mut list = ActionList::new();
        lower(places, &mut list).map_err(|problem| refused(vec![problem]))?;
        Ok((list, ()))
    })?;
    Ok(handle)
}

/// Gives the programs of a run the environment of installers, unless the caller has chosen
/// another.
fn with_environment<'o>(options: &HelperOptions<'o>, plain: &[(&str, &str)]) -> HelperOptions<'o> {
    let mut options = options.clone();
    let env = skills::environment(plain, &options.skills);
    options.apply.command_env.get_or_insert(env);
    options
}

fn keep(
    plan: &SkillMaterializationPlan<'_>,
    edition: Edition,
    options: &HelperOptions<'_>,
) -> Result<Kept, ExecError> {
    let kept = skills::keep(plan, edition, &options.skills, &options.apply)?;
    for text in &kept.notes {
        options.apply.tell(&Event::Advice { text });
    }
    Ok(kept)
}

/// Says which skill's installer failed.
fn name_skill(error: ExecError, plan: &SkillMaterializationPlan<'_>) -> ExecError {
    let failed = error.command().map(|failure| failure.argv.clone());
    let own = plan
        .installs
        .iter()
        .find(|install| failed.as_ref().is_some_and(|argv| installs(install, argv)));
    match own {
        Some(install) => error.about(&format!("skill `{}`", install.skill_id)),
        None => error,
    }
}

/// Tells whether a command installs a skill: the plan's own, or what follows from its
/// source.
fn installs(install: &SkillInstall<'_>, argv: &[String]) -> bool {
    let same = |command: &[Text<'_>]| command.iter().eq(argv);
    let derived = || recipe(install, &install.harness);
    same(&install.install_command) || derived().is_some_and(|recipe| same(&recipe.command))
}

/// Allocates a run, lowers for its directories, applies. Everything that can be refused
/// is refused before the first action.
fn carry_out<T>(
    options: &HelperOptions<'_>,
    (files, kept, view): (&UserFiles, &Kept, View),
    lower: impl FnOnce(&Places<'_>) -> Result<(ActionList, T), ExecError>,
) -> Result<(RunHandle, T), ExecError> {
    let run = Run::begin(options.state, options.cwd)?;
    let mount = match &options.mount_dir {
        Some(dir) if view == View::Copy => apart(dir, run.cwd())?,
        _ => run.mount_dir(),
    };
    let places = Places {
        cwd: &text_of(run.cwd()),
        stage: &text_of(&run.stage_dir()),
        view,
        mount: &text_of(&mount),
        ignored: &[],
        readonly: &[],
        include_git: options.include_git,
        link_targets: &files.link_targets,
        inherited: &files.inherited,
        kept_skills: &kept.skills,
    };
    let (actions, more) = lower(&places)?;
    Ok((run.apply(&actions, &options.apply)?, more))
}

/// Checks that a mirror does not lie in what it mirrors, or around it.
fn apart(mirror: &Path, project: &Path) -> Result<PathBuf, ExecError> {
    let mirror = fs::absolute(mirror).at(mirror)?;
    if !mirror.starts_with(project) && !project.starts_with(&mirror) {
        return Ok(mirror);
    }
    let message = "the mount directory must be outside the project and must not hold it";
    let error = ExecError::new(ExecErrorKind::Usage, message).at(mirror);
    Err(error.hint("name a directory that does not exist yet, beside the project"))
}

fn refused(problems: Vec<Diagnostic>) -> ExecError {
    ExecError::refused("the plan cannot be carried out", problems)
}

#[cfg(test)]
mod tests;
