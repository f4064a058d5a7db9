//! The install plan of a persona's skills.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::source::{ResolvedSource, has_scheme, resolve_skill_source};
use super::{SkillError, SkillInstall, SkillMaterializationPlan, SourceKind, below, target};
use crate::base::json::{Text, Value};
use crate::base::text::{shell_join, shell_quote};

/// What a caller decides about the installs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SkillOptions<'a> {
    /// A directory outside the project to stage the skills in.
    pub install_root: Option<&'a str>,
    /// The directory that relative sources start from.
    pub repo_root: Option<&'a str>,
}

/// Plans the installs of skills for a harness.
///
/// # Errors
/// An unknown harness, an install root for a harness that has none, or a source of
/// no known form.
pub fn materialize_skills<'a>(
    skills: &'a [Value<'a>],
    harness: &'a str,
    options: SkillOptions<'a>,
) -> Result<SkillMaterializationPlan<'a>, SkillError> {
    let target = target(harness)?;
    if options.install_root.is_some() && !target.skills.session_root {
        return Err(SkillError::RootUnsupported(String::from(harness)));
    }
    let mut installs = Vec::with_capacity(skills.len());
    for skill in skills {
        installs.push(install(skill, harness, options)?);
    }
    Ok(SkillMaterializationPlan {
        harness: Cow::Borrowed(harness),
        installs,
        session_install_root: options.install_root.map(Cow::Borrowed),
        repo_root: options.repo_root.map(Cow::Borrowed),
    })
}

fn install<'a>(
    skill: &'a Value<'a>,
    harness: &'a str,
    options: SkillOptions<'a>,
) -> Result<SkillInstall<'a>, SkillError> {
    let source = skill.get_str("source").unwrap_or_default();
    let mut provided = provide(source, harness, options.repo_root)?;
    if let Some(root) = options.install_root {
        provided.stage(root);
    }
    Ok(SkillInstall {
        skill_id: Cow::Borrowed(skill.get_str("id").unwrap_or_default()),
        source: Cow::Borrowed(source),
        source_kind: provided.source.kind,
        package_ref: provided.source.package_ref,
        harness: Cow::Borrowed(harness),
        install_command: provided.command,
        installed_manifest: below(&provided.directory, "SKILL.md"),
        installed_dir: provided.directory,
        cleanup_paths: provided.cleanup_paths,
    })
}

/// What a source's provider says about an install.
pub(crate) struct Provided<'a> {
    /// The source.
    pub(crate) source: ResolvedSource<'a>,
    /// The command that installs it.
    pub(crate) command: Vec<Text<'a>>,
    /// Where the command leaves it, below its working directory.
    pub(crate) directory: Text<'a>,
    /// What the command may leave besides, and the directory itself.
    pub(crate) cleanup_paths: Vec<Text<'a>>,
}

impl Provided<'_> {
    /// Tells whether a plan's command is the one that follows from its source, in the
    /// project or in a directory of its own.
    pub(crate) fn is_command(&self, command: &[Text<'_>], root: Option<&str>) -> bool {
        let staged = root.map(|root| staged_command(&self.command, root));
        command == staged.as_ref().unwrap_or(&self.command)
    }

    /// Moves the install into a directory of its own, which is removed whole.
    fn stage(&mut self, root: &str) {
        self.command = staged_command(&self.command, root);
        self.directory = below(root, &self.directory);
        self.cleanup_paths = Vec::new();
    }
}

fn staged_command<'a>(command: &[Text<'_>], root: &str) -> Vec<Text<'a>> {
    let command = shell_join(command);
    shell(format!("cd {} && {command}", shell_quote(root)))
}

/// Derives an install from a source alone.
pub(crate) fn provide<'a>(
    source: &'a str,
    harness: &str,
    repo_root: Option<&str>,
) -> Result<Provided<'a>, SkillError> {
    let target = target(harness)?.skills;
    let source = resolve_skill_source(source)?;
    let name = &source.installed_name;
    let own = || below(target.dir, name);
    let (command, directory) = match source.kind {
        SourceKind::Prpm => (prpm_command(&source.package_ref, target.as_flag), own()),
        SourceKind::SkillSh => (
            skill_sh_command(&source.package_ref),
            below(SKILL_SH_DIRS[0], name),
        ),
        SourceKind::Local => {
            let own = own();
            (local_command(&source.package_ref, &own, repo_root), own)
        }
    };
    let cleanup_paths = match source.kind {
        SourceKind::SkillSh => SKILL_SH_DIRS.iter().map(|dir| below(dir, name)).collect(),
        SourceKind::Prpm | SourceKind::Local => vec![directory.clone()],
    };
    Ok(Provided {
        source,
        command,
        directory,
        cleanup_paths,
    })
}

/// The directories that the skill.sh installer writes to or links from, whatever
/// the harness; it installs into the first.
const SKILL_SH_DIRS: [&str; 6] = [
    ".agents/skills",
    ".claude/skills",
    ".factory/skills",
    ".grok/skills",
    ".kiro/skills",
    "skills",
];

fn prpm_command<'a>(reference: &Text<'a>, flag: &'static str) -> Vec<Text<'a>> {
    let [npx, yes, prpm, install, target, flag] =
        ["npx", "-y", "prpm", "install", "--as", flag].map(Cow::Borrowed);
    vec![npx, yes, prpm, install, reference.clone(), target, flag]
}

fn skill_sh_command<'a>(reference: &Text<'a>) -> Vec<Text<'a>> {
    let (url, name) = match reference {
        Cow::Borrowed(reference) => {
            let (url, name) = reference.split_once('#').unwrap_or((reference, ""));
            (Cow::Borrowed(url), Cow::Borrowed(name))
        }
        Cow::Owned(reference) => {
            let (url, name) = reference.split_once('#').unwrap_or((reference, ""));
            (
                Cow::Owned(String::from(url)),
                Cow::Owned(String::from(name)),
            )
        }
    };
    let [npx, yes, skills, add, flag] =
        ["npx", "-y", "skills", "add", "--skill"].map(Cow::Borrowed);
    vec![npx, yes.clone(), skills, add, url, flag, name, yes]
}

/// The file of a local source.
pub(crate) fn local_file<'s>(source: &'s str, repo_root: Option<&str>) -> Text<'s> {
    match repo_root.filter(|root| !root.is_empty()) {
        Some(root) if !source.starts_with('/') => below(
            root.strip_suffix('/').unwrap_or(root),
            source.strip_prefix("./").unwrap_or(source),
        ),
        _ => Cow::Borrowed(source),
    }
}

/// The local file whose content counts in the fingerprint of a cache entry: of a Markdown
/// source with a place of its own.
pub fn fingerprinted_file<'s>(source: &'s str, repo_root: Option<&str>) -> Option<Text<'s>> {
    let ending = source.len().checked_sub(3).and_then(|at| source.get(at..));
    let markdown = ending.is_some_and(|ending| ending.eq_ignore_ascii_case(".md"));
    let placed = source.starts_with('/') || repo_root.is_some_and(|root| !root.is_empty());
    (markdown && placed && !has_scheme(source)).then(|| local_file(source, repo_root))
}

fn local_command<'a>(source: &str, directory: &str, repo_root: Option<&str>) -> Vec<Text<'a>> {
    let from = local_file(source, repo_root);
    let (from, to) = (shell_quote(&from), shell_quote(directory));
    shell(format!("mkdir -p {to} && cp {from} {to}/SKILL.md"))
}

/// Wraps a script into the command that runs it.
pub(super) fn shell<'a>(script: String) -> Vec<Text<'a>> {
    vec![Cow::Borrowed("sh"), Cow::Borrowed("-c"), Cow::Owned(script)]
}
