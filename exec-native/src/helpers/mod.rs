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
use crate::mount::choose::{Needs, choose, fall_back, installs_in_project};
use crate::mount::dotfiles::Dotfiles;
use crate::mount::keeper::Keeper;
use crate::mount::{Chosen, ViewChoice};
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
    /// Which view of the project is wanted.
    pub view: ViewChoice,
    /// Whether every program of the run is started behind the handle's
    /// [`argv_prefix`](RunHandle::argv_prefix). Otherwise programs have to find their
    /// directory by its path alone, and no layer is chosen unless it is asked for.
    pub entered: bool,
    /// Whether the project's `.agentignore` and `.agentreadonly` count.
    pub dotfiles: bool,
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
            view: ViewChoice::Auto,
            entered: false,
            dotfiles: false,
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
    let options = &with_environment(options, &plan.plain_env());
    let wish = Wish::of(plan, options)?;
    let (handle, ()) = carry_out(options, &wish, |places| {
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
    let options = &with_environment(options, &plan.plain_env());
    let wish = Wish::of(plan, options)?;
    let (handle, mut launch) = carry_out(options, &wish, |places| {
        let resolver = options.apply.resolver;
        let launch = LaunchDescriptor::new(plan, program.to_path_buf(), places, resolver)?;
        Ok((lower(plan, places).map_err(refused)?, launch))
    })
    .map_err(|error| name_skill(error, &plan.skills))?;
    launch.mark = handle.mark();
    launch.argv_prefix = handle.argv_prefix().to_vec();
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
    let wish = Wish {
        kept: keep(skills, edition, options)?,
        ..Wish::plain(View::InPlace)
    };
    let lower =
        |places: &Places<'_>, list: &mut ActionList| lower_skills(skills, edition, places, list);
    let handle = part_with(options, &wish, lower);
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
    part_with(options, &Wish::plain(view), lower)
}

fn part_with(
    options: &HelperOptions<'_>,
    wish: &Wish,
    lower: impl FnOnce(&Places<'_>, &mut ActionList) -> Result<(), Diagnostic>,
) -> Result<RunHandle, ExecError> {
    let (handle, ()) = carry_out(options, wish, |places| {
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

/// Chooses the view of a plan whose program is entered, and reads the project's own
/// rules. Nothing is tried.
///
/// # Errors
/// A view that was asked for cannot be, or a rule file cannot be read.
pub(crate) fn plan_view(
    plan: &PersonaSpawnPlan<'_>,
    project: &Path,
    (choice, entered): (ViewChoice, bool),
) -> Result<(Chosen, Dotfiles), ExecError> {
    let rules = if plan.edition().switches().private_launch {
        Dotfiles::read(project, plan.persona.get_str("personaId"))?
    } else {
        Dotfiles::default()
    };
    let chosen = choose(&Needs {
        choice,
        rules: plan.mount.is_some() || !rules.is_empty(),
        entered,
        installs: installs_in_project(plan),
        project,
    })?;
    Ok((chosen, rules))
}

/// What is known of a run before it begins.
struct Wish {
    files: UserFiles,
    kept: Kept,
    rules: Dotfiles,
    /// The view, when it does not depend on this machine.
    view: Option<View>,
    choice: ViewChoice,
    has_rules: bool,
    installs: bool,
}

impl Wish {
    fn of(plan: &PersonaSpawnPlan<'_>, options: &HelperOptions<'_>) -> Result<Self, ExecError> {
        let rules = if options.dotfiles {
            Dotfiles::read(options.cwd, plan.persona.get_str("personaId"))?
        } else {
            Dotfiles::default()
        };
        Ok(Self {
            files: UserFiles::of(plan)?,
            kept: keep(&plan.skills, plan.edition(), options)?,
            view: None,
            choice: options.view,
            has_rules: plan.mount.is_some() || !rules.is_empty(),
            rules,
            installs: installs_in_project(plan),
        })
    }

    fn plain(view: View) -> Self {
        Self {
            files: UserFiles::default(),
            kept: Kept::default(),
            rules: Dotfiles::default(),
            view: Some(view),
            choice: ViewChoice::Auto,
            has_rules: false,
            installs: false,
        }
    }

    /// Chooses the view of a run. A layer has been tried when it is chosen.
    fn choose(&self, run: &Run, entered: bool) -> Result<(Chosen, Option<Keeper>), ExecError> {
        if let Some(view) = self.view {
            return Ok((Chosen::plain(view), None));
        }
        let chosen = choose(&Needs {
            choice: self.choice,
            rules: self.has_rules,
            entered,
            installs: self.installs,
            project: run.cwd(),
        })?;
        if chosen.view != View::Overlay {
            return Ok((chosen, None));
        }
        match run.try_layer() {
            Ok(keeper) => Ok((chosen, Some(keeper))),
            Err(why) => Ok((fall_back(self.choice, why)?, None)),
        }
    }
}

/// Allocates a run, chooses its view, lowers for its directories, applies. Everything
/// that can be refused is refused before the first action.
fn carry_out<T>(
    options: &HelperOptions<'_>,
    wish: &Wish,
    lower: impl FnOnce(&Places<'_>) -> Result<(ActionList, T), ExecError>,
) -> Result<(RunHandle, T), ExecError> {
    let run = Run::begin(options.state, options.cwd)?;
    let (chosen, keeper) = wish.choose(&run, options.entered)?;
    let layer = run.layer_dir();
    let mount = match chosen.view {
        View::Overlay => text_of(&layer),
        View::Copy => text_of(&mirror(options, &run)?),
        View::InPlace => text_of(&run.mount_dir()),
    };
    let places = Places {
        cwd: &text_of(run.cwd()),
        stage: &text_of(&run.stage_dir()),
        view: chosen.view,
        mount: &mount,
        ignored: &wish.rules.ignored,
        readonly: &wish.rules.readonly,
        include_git: options.include_git,
        link_targets: &wish.files.link_targets,
        inherited: &wish.files.inherited,
        kept_skills: &wish.kept.skills,
    };
    let (actions, more) = lower(&places)?;
    let applied = run.apply(&actions, &options.apply)?;
    let mut handle = applied.with_view(chosen, keeper);
    match handle.mount(&layer) {
        Ok(()) => Ok((handle, more)),
        Err(error) => Err(error.with_undo_errors(handle.dispose().errors())),
    }
}

/// Returns where a mirror is made: not in what it mirrors, nor around it.
fn mirror(options: &HelperOptions<'_>, run: &Run) -> Result<PathBuf, ExecError> {
    let Some(mirror) = &options.mount_dir else {
        return Ok(run.mount_dir());
    };
    let mirror = fs::absolute(mirror).at(mirror)?;
    if !mirror.starts_with(run.cwd()) && !run.cwd().starts_with(&mirror) {
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
