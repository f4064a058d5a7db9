//! Making an entry of the cache: by its installer, or from an entry of persona-kit's tools.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use plan_core::base::digest::sha256_hex;
use plan_core::base::json;
use plan_core::base::path::resolve;
use plan_core::base::text::shell_join;
use plan_core::persona::harness;
use plan_core::persona::skills::cache::{
    CachedSkill, SkillCacheMarker, SkillKey, Upstream, fingerprint, ms_to_iso,
};
use plan_core::persona::skills::upstream::{Installed, at_github, installed};
use plan_core::persona::skills::{Recipe, SkillInstall, SkillMaterializationPlan, SourceKind};

use super::store::{self, SkillCache, Unborn};
use super::{PROBE_LIMIT, SkillUse};
use crate::apply::{ApplyOptions, Event, run_to_success};
use crate::error::{ExecError, IoResultExt as _};
use crate::os::dir::Dir;
use crate::os::fs::{is_dir, make_private_dirs, read_at};
use crate::os::proc::Job;
use crate::os::{clock, fs, http, tree};

/// One skill of a plan that is to be in the cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'w> {
    pub(super) plan: &'w SkillMaterializationPlan<'w>,
    pub(super) install: &'w SkillInstall<'w>,
    pub(super) recipe: &'w Recipe<'w>,
}

/// Runs the installer of a skill in an entry that is being made, and publishes the entry.
pub(super) fn install(
    wanted: &Wanted<'_>,
    (cache, how): (&SkillCache, &SkillUse),
    entry: Unborn,
    (apply, env): (&ApplyOptions<'_>, &BTreeMap<String, String>),
) -> Result<(), ExecError> {
    let Recipe {
        fingerprint,
        command,
        directory,
        ..
    } = wanted.recipe;
    let argv: Vec<String> = command.iter().map(ToString::to_string).collect();
    let log = cache.log(fingerprint);
    forget(&log)?;
    apply.tell(&Event::Installing {
        skill: &wanted.install.skill_id,
        command: &shell_join(&argv),
    });
    let (cwd, mark) = (entry.entry(), entry.mark());
    let job = Job {
        argv: &argv,
        cwd: &cwd,
        env: Some(env),
        log: &log,
        mark: &mark,
        limit: apply.command_limit,
        cancel: &apply.cancel,
        guard: apply.program.as_deref(),
        line: &|line| apply.tell(&Event::Output { action: None, line }),
    };
    let about = format!("skill `{}`", wanted.install.skill_id);
    let done = run_to_success(&job).and_then(|()| entry.check(directory));
    done.map_err(|error| error.about(&about))?;
    let now = ms_to_iso(clock::now_ms());
    let marker = SkillCacheMarker {
        schema_version: 2,
        fingerprint: fingerprint.into(),
        harness: wanted.plan.harness.clone(),
        installed_at: now.clone().into(),
        last_upstream_check_at: Some(now.into()),
        skills: vec![CachedSkill {
            id: wanted.install.skill_id.clone(),
            source: wanted.install.source.clone(),
            source_kind: Some(wanted.install.source_kind.as_str().into()),
            upstream: note_upstream(wanted.install, &cwd, how),
        }],
    };
    store::write_marker(&cwd, &marker)?;
    entry.publish(fingerprint)?;
    forget(&log)
}

fn forget(log: &Path) -> Result<(), ExecError> {
    let (Some(parent), Some(name)) = (log.parent(), log.file_name()) else {
        return Ok(());
    };
    make_private_dirs(parent).at(parent)?;
    let removed = Dir::open(parent).and_then(|dir| dir.remove_file(name));
    removed.at(log).map(drop)
}

/// Notes what was installed; without it the next look at the sources installs again.
fn note_upstream(
    install: &SkillInstall<'_>,
    entry: &Path,
    how: &SkillUse,
) -> Option<Upstream<'static>> {
    let name = install.source_kind.lock_file()?;
    let bytes = read_at(&Dir::open(entry).ok()?, OsStr::new(name)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let lock = json::read(&text).ok()?;
    let kind = install.source_kind;
    match installed(kind, &install.package_ref, &lock, &how.registries)? {
        Installed::Known(upstream) => Some(upstream),
        Installed::AtGithub { blob_url, question } => {
            let answer = http::ask(&question, PROBE_LIMIT).ok()?;
            at_github(blob_url, &answer)
        }
    }
}

/// Finds the directory of an entry of persona-kit's tools that holds a plan's skills. It
/// is made for all skills of a persona at once.
pub(super) fn plugin(
    plan: &SkillMaterializationPlan<'_>,
    cache: &SkillCache,
) -> Option<(std::path::PathBuf, SkillCacheMarker<'static>)> {
    harness::find(&plan.harness)?
        .skills
        .session_root
        .then_some(())?;
    let hashes: Vec<Option<String>> = plan
        .installs
        .iter()
        .map(|own| local_hash(plan, own))
        .collect();
    let keys = plan
        .installs
        .iter()
        .zip(&hashes)
        .map(|(install, hash)| SkillKey {
            id: &install.skill_id,
            source: &install.source,
            local_hash: hash.as_deref(),
        });
    let print = fingerprint(&plan.harness, &keys.collect::<Vec<_>>());
    let dir = cache.plugin(&print)?;
    let marker = store::marker(&dir, &print)?;
    Some((dir, marker))
}

fn local_hash(plan: &SkillMaterializationPlan<'_>, install: &SkillInstall<'_>) -> Option<String> {
    (install.source_kind == SourceKind::Local).then_some(())?;
    let root = plan.repo_root.as_deref().unwrap_or_default();
    let path = resolve(root, &install.source);
    path.starts_with('/').then_some(())?;
    let bytes = fs::read(Path::new(&path)).ok()?;
    let mut hex = sha256_hex(&bytes);
    hex.truncate(16);
    Some(hex)
}

/// Takes a skill over from an entry of persona-kit's tools; `false` when it is not there.
pub(super) fn take_over(
    wanted: &Wanted<'_>,
    cache: &SkillCache,
    entry: Unborn,
) -> Result<Option<Unborn>, ExecError> {
    let Recipe {
        fingerprint,
        directory,
        ..
    } = wanted.recipe;
    let Some((plugin, theirs)) = plugin(wanted.plan, cache) else {
        return Ok(Some(entry));
    };
    let from = plugin.join(&**directory);
    if !is_dir(&from) {
        return Ok(Some(entry));
    }
    copy(&from, &entry.entry(), directory)?;
    let own = wanted.install;
    let known = theirs
        .skills
        .into_iter()
        .find(|skill| skill.id == own.skill_id);
    let checked = theirs.last_upstream_check_at;
    let marker = SkillCacheMarker {
        schema_version: 2,
        fingerprint: fingerprint.into(),
        harness: wanted.plan.harness.clone(),
        installed_at: theirs.installed_at.clone(),
        last_upstream_check_at: checked.or(Some(theirs.installed_at)),
        skills: known.into_iter().collect(),
    };
    store::write_marker(&entry.entry(), &marker)?;
    entry.publish(fingerprint)?;
    Ok(None)
}

fn copy(from: &Path, entry: &Path, directory: &str) -> Result<(), ExecError> {
    let to = entry.join(directory);
    let done = fs::resolve_making(entry, &to, 0o755).and_then(|place| {
        place.dir.make_dir(&place.name, 0o755)?;
        tree::copy_whole(&Dir::open(from)?, &place.dir.child(&place.name)?)
    });
    done.at(from)
}
