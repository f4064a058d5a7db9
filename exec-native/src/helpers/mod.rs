//! Executing a spawn plan as a whole, and its parts one by one. Every helper answers
//! with a handle of the same shape.

use std::path::{Path, PathBuf};

use plan_core::base::diag::Diagnostic;
use plan_core::base::edition::Edition;
use plan_core::effect::{ActionList, View};
use plan_core::persona::harness::compat::ConfigFile;
use plan_core::persona::lower::{
    Places, lower, lower_config_files, lower_mount, lower_sidecars, lower_skills,
};
use plan_core::persona::mount::{MountPolicy, plain_view};
use plan_core::persona::plan::{PersonaSpawnPlan, SidecarWrite};
use plan_core::persona::skills::SkillMaterializationPlan;

use crate::apply::{ApplyOptions, Run, RunHandle};
use crate::error::{ExecError, ExecErrorKind, IoResultExt as _};
use crate::launch::{LaunchDescriptor, UserFiles};
use crate::os::fs;
use crate::os::walk::text_of;
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
    let view = plain_view(plan.mount.as_ref());
    let (handle, ()) = carry_out(options, (&files, view), |places| {
        Ok((lower(plan, places).map_err(refused)?, ()))
    })?;
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
    let view = plain_view(plan.mount.as_ref());
    let (handle, mut launch) = carry_out(options, (&files, view), |places| {
        let launch = LaunchDescriptor::new(plan, program.to_path_buf(), places)?;
        Ok((lower(plan, places).map_err(refused)?, launch))
    })?;
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
    part(options, View::InPlace, |places, list| {
        lower_skills(skills, edition, places, list)
    })
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
    let (handle, ()) = carry_out(options, (&UserFiles::default(), view), |places| {
        let mut list = ActionList::new();
        lower(places, &mut list).map_err(|problem| refused(vec![problem]))?;
        Ok((list, ()))
    })?;
    Ok(handle)
}

/// Allocates a run, lowers for its directories, applies. Everything that can be refused
/// is refused before the first action.
fn carry_out<T>(
    options: &HelperOptions<'_>,
    (files, view): (&UserFiles, View),
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
