//! Skills: where they come from, how they are installed and where they land.

mod artifacts;
pub mod cache;
mod materialize;
mod source;
#[cfg(test)]
mod tests;
pub mod upstream;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::harness::{self, HarnessDef};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::json::Text;
use crate::base::record::{record, words};

pub(crate) use artifacts::SESSION_MANIFEST;
pub use artifacts::{CleanupArtifacts, InstallArtifacts, cleanup_artifacts, install_artifacts};
pub(crate) use materialize::{Provided, local_file, provide};
pub use materialize::{SkillOptions, fingerprinted_file, materialize_skills};
pub use source::{ResolvedSource, check_safe_source, resolve_skill_source};

words! {
    /// A kind of place that skills come from.
    pub enum SourceKind {
        /// A package of the prpm registry.
        Prpm = "prpm",
        /// A skill in a GitHub repository.
        SkillSh = "skill.sh",
        /// A Markdown file.
        Local = "local",
    }
}

impl SourceKind {
    /// The file in which its installer notes what it installed, in its working directory.
    pub const fn lock_file(self) -> Option<&'static str> {
        match self {
            SourceKind::Prpm => Some("prpm.lock"),
            SourceKind::SkillSh => Some("skills-lock.json"),
            SourceKind::Local => None,
        }
    }
}

record! {
    /// How one skill is installed and what that leaves behind.
    pub struct SkillInstall<'a> {
        /// The skill's id in the persona.
        pub skill_id: Text<'a> => "skillId",
        /// The source as the persona gives it.
        pub source: Text<'a> => "source",
        /// What kind of source it is.
        pub source_kind: SourceKind => "sourceKind",
        /// The source as the installer wants it.
        pub package_ref: Text<'a> => "packageRef",
        /// The harness that it is installed for.
        pub harness: Text<'a> => "harness",
        /// The command that installs it.
        pub install_command: Vec<Text<'a>> => "installCommand",
        /// The directory that it lands in.
        pub installed_dir: Text<'a> => "installedDir",
        /// Its manifest in that directory.
        pub installed_manifest: Text<'a> => "installedManifest",
        /// What is to be removed after the run.
        pub cleanup_paths: Vec<Text<'a>> => "cleanupPaths",
    }
}

record! {
    /// How a persona's skills are installed.
    pub struct SkillMaterializationPlan<'a> {
        /// The harness that they are installed for.
        pub harness: Text<'a> => "harness",
        /// The installs, in the persona's order.
        pub installs: Vec<SkillInstall<'a>> => "installs",
        /// The directory that they are staged in, outside the project.
        pub session_install_root: Option<Text<'a>> => "sessionInstallRoot",
        /// The directory that relative sources start from.
        pub repo_root: Option<Text<'a>> => "repoRoot",
    }
}

/// Finds the installs whose command does not follow from their source, or whose source
/// would act as an option of its installer: what only whoever trusts the plan may run.
pub fn foreign_installs<'p, 'a>(
    plan: &'p SkillMaterializationPlan<'a>,
) -> Vec<&'p SkillInstall<'a>> {
    let root = plan.session_install_root.as_deref();
    let known = |install: &&SkillInstall<'a>| {
        let provided = provide(&install.source, &plan.harness, plan.repo_root.as_deref());
        provided.is_ok_and(|provided| {
            check_safe_source(&provided.source).is_ok()
                && provided.is_command(&install.install_command, root)
        })
    };
    let installs = plan.installs.iter();
    installs.filter(|install| !known(install)).collect()
}

/// How the files of a skill come about that is kept for all runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe<'a> {
    /// The name of its place in the cache.
    pub fingerprint: String,
    /// The command that installs it into its working directory.
    pub command: Vec<Text<'a>>,
    /// Where the command leaves it.
    pub directory: Text<'a>,
    /// The name of the directory that it gets.
    pub name: Text<'a>,
}

/// Tells how a skill is installed that does not come from a local file.
pub fn recipe<'a>(install: &'a SkillInstall<'_>, harness: &str) -> Option<Recipe<'a>> {
    let provided = provide(&install.source, harness, None).ok()?;
    if provided.source.kind == SourceKind::Local || check_safe_source(&provided.source).is_err() {
        return None;
    }
    let key = cache::SkillKey {
        id: &install.skill_id,
        source: &install.source,
        local_hash: None,
    };
    Some(Recipe {
        fingerprint: cache::fingerprint(harness, &[key]),
        command: provided.command,
        directory: provided.directory,
        name: provided.source.installed_name,
    })
}

/// Why skills cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkillError {
    /// The harness is not known.
    #[error("No skill install target configured for harness: {0}")]
    UnknownHarness(String),
    /// The harness cannot be told to look for skills outside the project.
    #[error(
        "installRoot is only supported for the claude harness (got: {0}). codex, opencode, and grok still install into the harness's conventional repo-relative directory."
    )]
    RootUnsupported(String),
    /// The source is of no known form.
    #[error(
        "Unsupported skill source: {0}. Supported forms: prpm.dev package URL (https://prpm.dev/packages/<scope>/<name>), bare \"<scope>/<name>\" prpm reference, skill.sh github URL with skill fragment (https://github.com/<org>/<repo>#<skill>), GitHub tree URL to a skill directory (https://github.com/<org>/<repo>/tree/<ref>/<skill>), or a local repo-relative path to a SKILL markdown file (e.g. ./skills/my-skill.md, .agentworkforce/workforce/skills/my-skill.md)."
    )]
    UnsupportedSource(String),
}

impl From<SkillError> for Diagnostic {
    fn from(error: SkillError) -> Self {
        let code = match &error {
            SkillError::UnknownHarness(_) => Code::PERSONA_HARNESS_UNKNOWN,
            SkillError::RootUnsupported(_) => Code::PERSONA_OPTION_INVALID,
            SkillError::UnsupportedSource(_) => Code::PERSONA_SKILL_INVALID,
        };
        Diagnostic::error(code, alloc::format!("{error}"))
    }
}

/// Finds the harness that skills are installed for.
fn target(harness: &str) -> Result<&'static HarnessDef, SkillError> {
    harness::find(harness).ok_or_else(|| SkillError::UnknownHarness(String::from(harness)))
}

/// Joins a directory and a name; the directory may be empty, which is the root.
fn below<'a>(directory: &str, name: &str) -> Text<'a> {
    let mut path = String::with_capacity(directory.len() + 1 + name.len());
    path.push_str(directory);
    path.push('/');
    path.push_str(name);
    Cow::Owned(path)
}
