//! Lowering a spawn plan to the ordered actions that carry it out.

mod files;
mod skills;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub use files::{lower_config_files, lower_sidecars};
pub use skills::lower_skills;

use super::mount::{MountPolicy, plain_view};
use super::plan::{PersonaSpawnPlan, STAGE};
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{Object, Text, Value};
use crate::base::path::{RelPath, join};
use crate::base::record::record;
use crate::effect::{ActionKind, ActionList, Content, Document, Phase, UPPER, View, WriteMode};

/// Where a plan is carried out. All paths are absolute.
#[derive(Debug, Clone, Copy)]
pub struct Places<'p> {
    /// The project.
    pub cwd: &'p str,
    /// The run's private directory; it must not exist before.
    pub stage: &'p str,
    /// How the run sees the project.
    pub view: View,
    /// The place of the copy or of the layer, if the view is one; it must not exist
    /// before.
    pub mount: &'p str,
    /// Whether the view has `.git` too.
    pub include_git: bool,
    /// Patterns of the project's own that hide paths, besides the plan's.
    pub ignored: &'p [String],
    /// Patterns of the project's own for paths that may not be written.
    pub readonly: &'p [String],
    /// Where the plan's private links point, one each; `None` leaves a link out.
    pub link_targets: &'p [Option<String>],
    /// The user's own files that the plan's private files take members over from, one
    /// each; `None` when there is none.
    pub inherited: &'p [Option<Object<'static>>],
    /// Where skills are kept for all runs, one each; `None` when one is installed for
    /// this run alone.
    pub kept_skills: &'p [Option<KeptSkill>],
}

/// A skill that is kept for all runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSkill {
    /// The directory that its installer works in.
    pub dir: String,
    /// Whether it is installed.
    pub filled: bool,
}

impl Places<'_> {
    /// Returns the directory that the agent works in.
    pub const fn agent_cwd(&self) -> &str {
        match self.view {
            View::Copy => self.mount,
            // A layer lies over the project's own path.
            View::Overlay | View::InPlace => self.cwd,
        }
    }

    /// Returns the directory that files for the agent's directory are written to.
    pub fn files_root(&self) -> String {
        match self.view {
            View::Overlay => join(self.mount, UPPER),
            View::Copy | View::InPlace => String::from(self.agent_cwd()),
        }
    }

    /// Returns the directory whose texts are extended where [`Places::files_root`] has
    /// none: a layer shows it through, and a copy may leave hidden files out.
    pub fn over(&self) -> Option<String> {
        (self.view != View::InPlace).then(|| String::from(self.cwd))
    }

    /// Replaces the placeholder of the private directory.
    pub fn concrete(&self, text: &str) -> String {
        text.replace(STAGE, self.stage)
    }
}

record! {
    /// Where a plan would be carried out, as far as a host without a file system can say.
    pub struct PlacesDocument {
        /// The project, absolute; `{{project}}` by default.
        pub cwd: Option<String> => "cwd",
        /// How the run sees the project; by default a copy if the plan hides or protects
        /// paths, else the project itself.
        pub view: Option<View> => "view",
    }
}

impl PlacesDocument {
    /// Calls `then` with the places; the run's own directories stay placeholders.
    pub fn with<T>(&self, plan: &PersonaSpawnPlan<'_>, then: impl FnOnce(&Places<'_>) -> T) -> T {
        let view = self.view.unwrap_or_else(|| plain_view(plan.mount.as_ref()));
        then(&Places {
            cwd: self.cwd.as_deref().unwrap_or("{{project}}"),
            stage: STAGE,
            view,
            mount: placeholder(view),
            include_git: true,
            ignored: &[],
            readonly: &[],
            link_targets: &[],
            inherited: &[],
            kept_skills: &[],
        })
    }
}

/// Returns what stands for the place of a view until a run has one.
pub const fn placeholder(view: View) -> &'static str {
    match view {
        View::Overlay => "{{layer}}",
        View::Copy | View::InPlace => "{{mount}}",
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
    if places.stage.contains(['"', '\\']) {
        // It is put into JSON texts as it is.
        let message = "the state home's path must not contain quotes or backslashes";
        problems.push(Diagnostic::error(Code::PERSONA_PATH_UNSAFE, message));
    }
    for phase in Phase::order(plan.edition()) {
        let outcome = match phase {
            Phase::Mount => {
                lower_mount(plan.mount.as_ref(), places, &mut list);
                Ok(())
            }
            Phase::Stage => stage(plan, places, &mut list),
            Phase::Skills => lower_skills(&plan.skills, plan.edition(), places, &mut list),
            Phase::Sidecars => lower_sidecars(&plan.sidecars, places, &mut list),
            Phase::ConfigFiles => lower_config_files(&plan.config_files, places, &mut list),
            // Nothing is brought back while a plan is carried out.
            Phase::Results => Ok(()),
        };
        problems.extend(outcome.err());
    }
    if problems.is_empty() {
        Ok(list)
    } else {
        Err(problems)
    }
}

/// Lowers the view of the project, with the patterns of a mount policy.
pub fn lower_mount(policy: Option<&MountPolicy<'_>>, places: &Places<'_>, list: &mut ActionList) {
    if places.view == View::InPlace {
        return;
    }
    let patterns = |own: &[String], planned: Option<&[Text<'_>]>| {
        let planned = planned.unwrap_or_default();
        let planned = planned.iter().map(ToString::to_string);
        own.iter().cloned().chain(planned).collect()
    };
    let ignored = policy.map(|policy| &*policy.ignored_patterns);
    let readonly = policy.map(|policy| &*policy.readonly_patterns);
    let kind = ActionKind::Mount {
        from: places.cwd.into(),
        to: places.mount.into(),
        view: places.view,
        ignored: patterns(places.ignored, ignored),
        readonly: patterns(places.readonly, readonly),
        include_git: places.include_git,
    };
    list.push(Phase::Mount, kind);
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
        let given = places.inherited.get(place).and_then(Option::as_ref);
        let path = below(places.stage, &file.path, &at.field("path"))?;
        list.push(
            Phase::Stage,
            ActionKind::WriteFile {
                path,
                below: places.stage.into(),
                over: None,
                how: WriteMode::CreateOnly,
                content: Content::Document(file.completed(given)),
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

/// Joins a relative path that must stay below a directory.
fn below(root: &str, path: &str, at: &Path<'_>) -> Result<String, Diagnostic> {
    inside(path, at).map(|path| join(root, &path))
}

/// Checks that a path stays below whatever it is joined to.
fn inside(path: &str, at: &Path<'_>) -> Result<String, Diagnostic> {
    let clean = path.strip_prefix("./").unwrap_or(path);
    RelPath::new(clean)
        .map(|path| String::from(path.as_str()))
        .map_err(|problem| {
            let code = Code::EFFECT_PATH_ESCAPES;
            Diagnostic::at(code, at, &alloc::format!("{problem}; got `{path}`"))
        })
}
