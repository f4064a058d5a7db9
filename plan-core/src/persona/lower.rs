//! Lowering a spawn plan to the ordered actions that carry it out.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::harness::{self, HarnessDef};
use super::plan::{PersonaSpawnPlan, STAGE, SidecarMode};
use super::skills::{SkillInstall, SourceKind, provide};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::Value;
use crate::base::path::{PathProblem, RelPath, is_absolute, join, parent};
use crate::effect::{ActionKind, ActionList, Content, Document, Phase, WriteMode};

/// Where a plan is carried out. All paths are absolute.
#[derive(Debug, Clone, Copy)]
pub struct Places<'p> {
    /// The project.
    pub cwd: &'p str,
    /// The run's private directory; it must not exist before.
    pub stage: &'p str,
    /// Where the project is mirrored when the plan has a mount policy; it must not
    /// exist before.
    pub mount: &'p str,
    /// Whether `.git` is mirrored too.
    pub include_git: bool,
    /// Where the plan's private links point, one each; `None` leaves a link out.
    pub link_targets: &'p [Option<String>],
}

impl Places<'_> {
    /// Returns the directory that the agent works in.
    pub fn agent_cwd(&self, plan: &PersonaSpawnPlan<'_>) -> String {
        String::from(if plan.mount.is_some() {
            self.mount
        } else {
            self.cwd
        })
    }

    /// Replaces the placeholder of the private directory.
    pub fn concrete(&self, text: &str) -> String {
        text.replace(STAGE, self.stage)
    }
}

/// Lowers a plan: every phase of its edition's order, each phase's actions in the
/// order of the plan.
///
/// # Errors
/// A path that leaves its directory, or a plan whose skills do not follow from their
/// sources; each names the field.
pub fn lower(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
) -> Result<ActionList, Vec<Diagnostic>> {
    let mut list = ActionList::new();
    let mut problems = Vec::new();
    for phase in Phase::order(plan.edition()) {
        let outcome = match phase {
            Phase::Mount => mount(plan, places, &mut list),
            Phase::Stage => stage(plan, places, &mut list),
            Phase::Skills => skills(plan, places, &mut list),
            Phase::Sidecars => sidecars(plan, places, &mut list),
            Phase::ConfigFiles => config_files(plan, places, &mut list),
        };
        problems.extend(outcome.err());
    }
    if problems.is_empty() {
        Ok(list)
    } else {
        Err(problems)
    }
}

fn mount(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    if let Some(policy) = &plan.mount {
        let patterns = |patterns: &[_]| patterns.iter().map(ToString::to_string).collect();
        let kind = ActionKind::Mount {
            from: places.cwd.into(),
            to: places.mount.into(),
            ignored: patterns(&policy.ignored_patterns),
            readonly: patterns(&policy.readonly_patterns),
            include_git: places.include_git,
        };
        list.push(Phase::Mount, kind);
    }
    Ok(())
}

fn stage(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    if !plan.edition().switches().private_launch {
        return Ok(());
    }
    let root = Path::root("plan");
    list.push(
        Phase::Stage,
        ActionKind::MakeDir {
            path: places.stage.into(),
            mode: 0o700,
        },
    );
    let files_at = root.field("privateFiles");
    for (place, file) in plan.private_files.iter().flatten().enumerate() {
        let at = files_at.index(place);
        let path = below(places.stage, &file.path, &at.field("path"))?;
        list.push(
            Phase::Stage,
            ActionKind::WriteFile {
                path,
                below: places.stage.into(),
                how: WriteMode::CreateOnly,
                content: Content::Document(file.document.to_owned_document()),
                private: true,
            },
        );
    }
    let links_at = root.field("privateLinks");
    let links = plan.private_links.iter().flatten().zip(places.link_targets);
    for (place, (link, target)) in links.enumerate() {
        let at = links_at.index(place);
        let path = below(places.stage, &link.path, &at.field("path"))?;
        if let Some(target) = target {
            let (below, target) = (places.stage.into(), target.clone());
            list.push(
                Phase::Stage,
                ActionKind::Symlink {
                    path,
                    below,
                    target,
                },
            );
        }
    }
    Ok(())
}

/// Puts the private directory's path into the document of a variable; plain texts are
/// somebody's words and stay as they are. Private files never name the directory, so
/// what a persona says in them stays as it is too.
pub fn staged(document: &Document<'_>, places: &Places<'_>) -> Document<'static> {
    let mut document = document.to_owned_document();
    if !matches!(document.value, Value::String(_)) {
        concretize(&mut document.value, places);
    }
    for escape in document.escapes.iter_mut().flatten() {
        escape.from = places.concrete(&escape.from).into();
        escape.to = places.concrete(&escape.to).into();
    }
    document
}

fn concretize(value: &mut Value<'static>, places: &Places<'_>) {
    match value {
        Value::String(text) if text.contains(STAGE) => {
            *value = Value::from(places.concrete(text));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| concretize(item, places)),
        Value::Object(object) => {
            *object = core::mem::take(object)
                .entries()
                .iter()
                .map(|(key, value)| {
                    let mut value = value.clone();
                    concretize(&mut value, places);
                    (places.concrete(key).into(), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn skills(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let Some(def) = harness::find(&plan.skills.harness) else {
        let at = Path::root("plan");
        let at = at.field("skills");
        let problem = "is not a known harness";
        return Err(Diagnostic::at(
            Code::PERSONA_HARNESS_UNKNOWN,
            &at.field("harness"),
            problem,
        ));
    };
    if plan.edition().switches().private_launch {
        return private_skills(plan, places, (def, list));
    }
    let cwd = places.agent_cwd(plan);
    match plan
        .skills
        .session_install_root
        .as_deref()
        .filter(|root| !root.is_empty())
    {
        Some(root) => session_skills(plan, (root, &cwd), list),
        None => {
            let at = Path::root("plan.skills.installs");
            for (place, install) in plan.skills.installs.iter().enumerate() {
                let mut creates = Vec::with_capacity(install.cleanup_paths.len());
                for path in &install.cleanup_paths {
                    let at = at.index(place);
                    let at = at.field("cleanupPaths");
                    inside(path, &at).map(|path| creates.push(path))?;
                }
                list.push(Phase::Skills, command(install, &cwd, creates));
            }
            Ok(())
        }
    }
}

fn command(install: &SkillInstall<'_>, cwd: &str, creates: Vec<String>) -> ActionKind {
    let argv = install
        .install_command
        .iter()
        .map(ToString::to_string)
        .collect();
    ActionKind::RunCommand {
        argv,
        cwd: cwd.into(),
        creates,
    }
}

/// Stages skills as persona-kit 4 does: a plugin directory outside the project.
fn session_skills(
    plan: &PersonaSpawnPlan<'_>,
    (root, cwd): (&str, &str),
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    const MANIFEST: &str = r#"{"name":"agent-workforce-session","version":"0.0.0","description":"Ephemeral skills staged by agent-workforce for this session."}"#;
    let root = join(cwd, root);
    for directory in [".claude-plugin", ".claude/skills"] {
        let path = join(&root, directory);
        list.push(Phase::Skills, ActionKind::MakeDir { path, mode: 0o755 });
    }
    list.push(
        Phase::Skills,
        ActionKind::Symlink {
            path: join(&root, "skills"),
            below: root.clone(),
            target: ".claude/skills".into(),
        },
    );
    list.push(
        Phase::Skills,
        ActionKind::WriteFile {
            path: join(&root, ".claude-plugin/plugin.json"),
            below: root.clone(),
            how: WriteMode::Overwrite,
            content: Content::Document(Document::text(MANIFEST)),
            private: false,
        },
    );
    for install in &plan.skills.installs {
        let inside = install.installed_dir.strip_prefix(&*format!("{root}/"));
        let creates = inside.map(String::from).into_iter().collect();
        list.push(Phase::Skills, command(install, &root, creates));
    }
    Ok(())
}

/// Installs skills below the private directory and puts each where the harness reads
/// it. The commands follow from the sources, so a plan that was changed on its way
/// cannot bring its own.
fn private_skills(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
    (def, list): (&HarnessDef, &mut ActionList),
) -> Result<(), Diagnostic> {
    let workshop = join(places.stage, "install");
    let fetched = |install: &&SkillInstall<'_>| install.source_kind != SourceKind::Local;
    if plan.skills.installs.iter().any(|install| fetched(&install)) {
        list.push(
            Phase::Skills,
            ActionKind::MakeDir {
                path: workshop.clone(),
                mode: 0o700,
            },
        );
    }
    let at = Path::root("plan.skills.installs");
    for (place, install) in plan.skills.installs.iter().enumerate() {
        let at = at.index(place);
        let provided = provide(&install.source, def.id, None).map_err(|error| {
            Diagnostic::at(Code::PERSONA_SKILL_INVALID, &at, &error.to_string())
        })?;
        let name = &provided.source.installed_name;
        let to = join(
            &places.concrete(def.private_skills),
            &format!("skills/{name}"),
        );
        if places.concrete(&install.installed_dir) != to {
            let problem = "does not follow from the skill's source";
            return Err(Diagnostic::at(
                Code::PLAN_CORRUPT,
                &at.field("installedDir"),
                problem,
            ));
        }
        match install.source_kind {
            SourceKind::Local => list.push(Phase::Skills, local(install, to, places)),
            SourceKind::Prpm | SourceKind::SkillSh => {
                if install.install_command != provided.command {
                    let at = at.field("installCommand");
                    let problem = "does not follow from the skill's source";
                    return Err(Diagnostic::at(Code::PLAN_CORRUPT, &at, problem));
                }
                list.push(Phase::Skills, command(install, &workshop, Vec::new()));
                let from = join(&workshop, &provided.directory);
                let kind = ActionKind::CopyTree {
                    from,
                    to,
                    below: places.stage.into(),
                };
                list.push(Phase::Skills, kind);
            }
        }
    }
    Ok(())
}

/// A local skill: the directory of a `SKILL.md`, so that what it refers to comes along,
/// or the one file. A `SKILL.md` at the top of the project is no skill directory.
fn local(install: &SkillInstall<'_>, to: String, places: &Places<'_>) -> ActionKind {
    let source = join(places.cwd, &install.package_ref);
    let directory = parent(&source);
    let below = String::from(places.stage);
    if source.ends_with("/SKILL.md") && !is_root(directory, places.cwd) {
        return ActionKind::CopyTree {
            from: directory.into(),
            to,
            below,
        };
    }
    ActionKind::WriteFile {
        path: join(&to, "SKILL.md"),
        below,
        how: WriteMode::CreateOnly,
        content: Content::File(source),
        private: false,
    }
}

/// Tells whether a directory is the project or holds it.
fn is_root(directory: &str, cwd: &str) -> bool {
    let inside = cwd.strip_prefix(directory.trim_end_matches('/'));
    inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn sidecars(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let cwd = places.agent_cwd(plan);
    let at = Path::root("plan.sidecars");
    for (place, sidecar) in plan.sidecars.iter().enumerate() {
        let at = at.index(place);
        if sidecar.filename.contains('/') {
            let (code, problem) = (Code::EFFECT_PATH_ESCAPES, "must be a basename");
            return Err(Diagnostic::at(code, &at.field("filename"), problem));
        }
        let path = below(&cwd, &sidecar.filename, &at.field("filename"))?;
        let content = match (&sidecar.contents, &sidecar.source_path) {
            (Some(text), _) => Content::Document(Document::text(text.to_string())),
            (None, Some(source)) if is_absolute(source) => Content::File(source.to_string()),
            (None, Some(_)) => {
                let (code, problem) = (Code::EFFECT_PATH_ESCAPES, "must be absolute");
                return Err(Diagnostic::at(code, &at.field("sourcePath"), problem));
            }
            (None, None) => {
                let problem = "needs contents or sourcePath";
                return Err(Diagnostic::at(Code::RECORD_INVALID, &at, problem));
            }
        };
        let how = match sidecar.mode {
            SidecarMode::Overwrite => WriteMode::Overwrite,
            SidecarMode::Extend => WriteMode::Extend,
        };
        let below = cwd.clone();
        let kind = ActionKind::WriteFile {
            path,
            below,
            how,
            content,
            private: false,
        };
        list.push(Phase::Sidecars, kind);
    }
    Ok(())
}

fn config_files(
    plan: &PersonaSpawnPlan<'_>,
    places: &Places<'_>,
    list: &mut ActionList,
) -> Result<(), Diagnostic> {
    let cwd = places.agent_cwd(plan);
    let at = Path::root("plan.configFiles");
    for (place, file) in plan.config_files.iter().enumerate() {
        let at = at.index(place);
        let kind = ActionKind::WriteFile {
            path: below(&cwd, &file.path, &at.field("path"))?,
            below: cwd.clone(),
            how: WriteMode::Overwrite,
            content: Content::Document(Document::text(file.contents.to_string())),
            private: false,
        };
        list.push(Phase::ConfigFiles, kind);
    }
    Ok(())
}

/// Joins a relative path that must stay below a directory.
fn below(root: &str, path: &str, at: &Path<'_>) -> Result<String, Diagnostic> {
    inside(path, at).map(|path| join(root, &path))
}

fn inside(path: &str, at: &Path<'_>) -> Result<String, Diagnostic> {
    let clean = path.strip_prefix("./").unwrap_or(path);
    match RelPath::new(clean) {
        Ok(path) => Ok(String::from(path.as_str())),
        Err(problem) => Err(escapes(path, at, problem)),
    }
}

fn escapes(path: &str, at: &Path<'_>, problem: PathProblem) -> Diagnostic {
    Diagnostic::at(
        Code::EFFECT_PATH_ESCAPES,
        at,
        &format!("{problem}; got `{path}`"),
    )
}
