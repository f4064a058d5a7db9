//! Lowering of skills: into the project or a session directory as persona-kit 4 does, or
//! below the run's private directory.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Places, inside};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::edition::Edition;
use crate::base::json::Text;
use crate::base::path::{join, parent, resolve};
use crate::effect::{ActionKind, ActionList, Content, Document, Phase, WriteMode};
use crate::persona::harness::{self, HarnessDef};
use crate::persona::skills::{
    Provided, SESSION_MANIFEST, SkillInstall, SkillMaterializationPlan, SourceKind,
    check_safe_source, local_file, provide,
};

/// Lowers the installs of a plan. In an edition with private launches the commands must
/// follow from the sources, so that a plan that was changed on its way cannot bring its
/// own.
///
/// # Errors
/// An unknown harness, a path that leaves the project, or an install that does not
/// follow from its source.
pub fn lower_skills(
    plan: &SkillMaterializationPlan<'_>,
    edition: Edition,
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let root = Path::root("plan");
    let at = root.field("skills");
    let Some(def) = harness::find(&plan.harness) else {
        let code = Code::PERSONA_HARNESS_UNKNOWN;
        return Err(Diagnostic::at(
            code,
            &at.field("harness"),
            "is not a known harness",
        ));
    };
    let at = at.field("installs");
    if edition.switches().private_launch {
        return private(plan, places, (def, &at), list);
    }
    let session = plan
        .session_install_root
        .as_deref()
        .filter(|root| !root.is_empty());
    match session {
        Some(root) => {
            let root = join(places.agent_cwd(), root);
            session_plugin(plan, &root, (places, &at), list)
        }
        None => in_project(plan, places, &at, list),
    }
}

fn in_project(
    plan: &SkillMaterializationPlan<'_>,
    places: &Places<'_>,
    at: &Path<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    for (place, install) in plan.installs.iter().enumerate() {
        let at = at.index(place);
        let provided = provide(&install.source, &plan.harness, plan.repo_root.as_deref());
        let provided = provided.ok().filter(|provided| {
            check_safe_source(&provided.source).is_ok()
                && provided.is_command(&install.install_command, None)
        });
        if let Some(provided) = &provided
            && provided.source.kind == SourceKind::Local
        {
            let root = (&*places.files_root(), places.over());
            list.push(Phase::Skills, copy(plan, provided, root, places));
            continue;
        }
        let at = at.field("cleanupPaths");
        let paths = install.cleanup_paths.iter().enumerate();
        let creates = paths.map(|(place, path)| inside(path, &at.index(place)));
        let mut creates = creates.collect::<Result<Vec<_>, _>>()?;
        creates.extend(provided.and_then(|provided| lock_file(&provided)));
        list.push(
            Phase::Skills,
            command(&install.install_command, places.agent_cwd(), creates),
        );
    }
    Ok(())
}

fn command(argv: &[Text<'_>], cwd: &str, creates: Vec<String>) -> ActionKind {
    ActionKind::RunCommand {
        argv: argv.iter().map(ToString::to_string).collect(),
        cwd: cwd.into(),
        creates,
    }
}

fn lock_file(provided: &Provided<'_>) -> Option<String> {
    provided.source.kind.lock_file().map(String::from)
}

/// What the generated shell command of a local skill does, without a shell.
fn copy(
    plan: &SkillMaterializationPlan<'_>,
    provided: &Provided<'_>,
    (root, over): (&str, Option<String>),
    places: &Places<'_>,
) -> ActionKind {
    let source = local_file(&provided.source.package_ref, plan.repo_root.as_deref());
    let directory = join(root, &provided.directory);
    ActionKind::WriteFile {
        path: join(&directory, "SKILL.md"),
        below: root.into(),
        over,
        how: WriteMode::Overwrite,
        content: Content::File(resolve(places.agent_cwd(), &source)),
        private: false,
    }
}

/// Stages skills as persona-kit 4 does: a plugin directory outside the project. The
/// commands are derived from the sources; those in the plan are not used.
fn session_plugin(
    plan: &SkillMaterializationPlan<'_>,
    root: &str,
    (places, at): (&Places<'_>, &Path<'_>),
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    for directory in [".claude-plugin", ".claude/skills"] {
        let path = join(root, directory);
        list.push(Phase::Skills, ActionKind::MakeDir { path, mode: 0o755 });
    }
    let below = String::from(root);
    let link = ActionKind::Symlink {
        path: join(root, "skills"),
        below: below.clone(),
        target: ".claude/skills".into(),
    };
    list.push(Phase::Skills, link);
    let manifest = ActionKind::WriteFile {
        path: join(root, ".claude-plugin/plugin.json"),
        below,
        over: None,
        how: WriteMode::Overwrite,
        content: Content::Document(Document::text(SESSION_MANIFEST)),
        private: false,
    };
    list.push(Phase::Skills, manifest);
    for (place, install) in plan.installs.iter().enumerate() {
        let at = at.index(place);
        let provided = provide(&install.source, &plan.harness, plan.repo_root.as_deref());
        let provided = provided.map_err(|error| {
            Diagnostic::at(Code::PERSONA_SKILL_INVALID, &at, &error.to_string())
        })?;
        check_safe_source(&provided.source)
            .map_err(|problem| problem.pointing(&at.field("source")))?;
        if provided.source.kind == SourceKind::Local {
            let action = copy(plan, &provided, (root, None), places);
            list.push(Phase::Skills, action);
            continue;
        }
        // `skills` is a link to another of them.
        let paths = provided.cleanup_paths.iter();
        let own = paths.filter(|path| !path.starts_with("skills/"));
        let creates = own.map(ToString::to_string).chain(lock_file(&provided));
        list.push(
            Phase::Skills,
            command(&provided.command, root, creates.collect()),
        );
    }
    Ok(())
}

/// Installs skills below the private directory and puts each where the harness reads it.
fn private(
    plan: &SkillMaterializationPlan<'_>,
    places: &Places<'_>,
    (def, at): (&HarnessDef, &Path<'_>),
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let workshop = join(places.stage, "install");
    let kept = |place: usize| places.kept_skills.get(place).and_then(Option::as_ref);
    let mut installs = plan.installs.iter().enumerate();
    if installs
        .any(|(place, install)| install.source_kind != SourceKind::Local && kept(place).is_none())
    {
        let path = workshop.clone();
        list.push(Phase::Skills, ActionKind::MakeDir { path, mode: 0o700 });
    }
    for (place, install) in plan.installs.iter().enumerate() {
        let at = at.index(place);
        let invalid = |problem: &str| Diagnostic::at(Code::PERSONA_SKILL_INVALID, &at, problem);
        let corrupt = |field: &str| {
            let problem = "does not follow from the skill's source";
            Diagnostic::at(Code::PLAN_CORRUPT, &at.field(field), problem)
        };
        let provided =
            provide(&install.source, def.id, None).map_err(|error| invalid(&error.to_string()))?;
        check_safe_source(&provided.source)
            .map_err(|problem| problem.pointing(&at.field("source")))?;
        let name = &provided.source.installed_name;
        let to = join(
            &places.concrete(def.private_skills),
            &format!("skills/{name}"),
        );
        if places.concrete(&install.installed_dir) != to {
            return Err(corrupt("installedDir"));
        }
        if install.source_kind == SourceKind::Local {
            list.push(Phase::Skills, local(install, to, places));
            continue;
        }
        if install.install_command != provided.command {
            return Err(corrupt("installCommand"));
        }
        let (here, filled) =
            kept(place).map_or((&*workshop, false), |kept| (&*kept.dir, kept.filled));
        if !filled {
            list.push(Phase::Skills, command(&provided.command, here, Vec::new()));
        }
        let from = join(here, &provided.directory);
        let below = places.stage.into();
        list.push(Phase::Skills, ActionKind::CopyTree { from, to, below });
    }
    Ok(())
}

/// A local skill: the directory of a `SKILL.md`, so that what it refers to comes along,
/// or the one file. Only a directory below one that is called `skills` counts as a
/// skill's; any other may hold whatever else lies beside the file.
fn local(install: &SkillInstall<'_>, to: String, places: &Places<'_>) -> ActionKind {
    let source = join(places.cwd, &install.package_ref);
    let directory = parent(&source);
    let below = String::from(places.stage);
    let is_skill = parent(directory).ends_with("/skills") && source.ends_with("/SKILL.md");
    if is_skill && !holds(directory, places.cwd) {
        let from = directory.into();
        return ActionKind::CopyTree { from, to, below };
    }
    ActionKind::WriteFile {
        path: join(&to, "SKILL.md"),
        below,
        over: None,
        how: WriteMode::CreateOnly,
        content: Content::File(source),
        private: false,
    }
}

/// Tells whether a directory is the project or holds it.
fn holds(directory: &str, cwd: &str) -> bool {
    let inside = cwd.strip_prefix(directory.trim_end_matches('/'));
    inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
