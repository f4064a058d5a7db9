//! Skills that are kept for all runs: each is installed once, in a directory of its own,
//! and copied from there. Nothing is run and nobody is asked when it is there already.

mod environment;
mod install;
mod probe;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use plan_core::base::edition::Edition;
use plan_core::persona::lower::KeptSkill;
use plan_core::persona::skills::cache::{CheckInterval, SkillCacheMarker, parse_check_interval};
use plan_core::persona::skills::upstream::Registries;
use plan_core::persona::skills::{Recipe, SkillMaterializationPlan, recipe};

use crate::apply::ApplyOptions;
use crate::error::{ExecError, ExecErrorKind};
use crate::os::env;
use crate::os::lock::Lock;
use crate::os::walk::text_of;
use install::Wanted;

pub(crate) use environment::environment;
pub use store::SkillCache;

/// How long a registry may take to answer.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// How skills are provided.
#[derive(Debug, Clone)]
pub struct SkillUse {
    /// Where they are kept; `None` installs them for each run alone.
    pub cache: Option<SkillCache>,
    /// Whether they are installed again although they are there.
    pub refresh: bool,
    /// How often their sources are looked at.
    pub check: CheckInterval,
    /// Whom to ask about their sources.
    pub registries: Registries,
    /// Variables of ours that installers get besides those that hold no secrets.
    pub allow_env: Vec<String>,
}

impl Default for SkillUse {
    fn default() -> Self {
        Self {
            cache: None,
            refresh: false,
            check: probe::DAILY,
            registries: Registries::default(),
            allow_env: Vec::new(),
        }
    }
}

impl SkillUse {
    /// Uses the user's cache, as the environment says: `CALLSHEET_NO_SKILL_CACHE`,
    /// `CALLSHEET_SKILL_CACHE_CHECK_INTERVAL` and their namesakes of persona-kit's tools,
    /// `CALLSHEET_PRPM_URL`, `CALLSHEET_GITHUB_API_URL`.
    ///
    /// # Errors
    /// An interval that cannot be read.
    pub fn from_env() -> Result<Self, ExecError> {
        let either = |own: &str, theirs: &str| env::var(own).or_else(|| env::var(theirs));
        let off = either("CALLSHEET_NO_SKILL_CACHE", "AGENTWORKFORCE_NO_SKILL_CACHE");
        let off = off.is_some_and(|text| !matches!(&*text, "0" | "false"));
        let name = "CALLSHEET_SKILL_CACHE_CHECK_INTERVAL";
        let check = match either(name, "AGENTWORKFORCE_SKILL_CACHE_CHECK_INTERVAL") {
            None => probe::DAILY,
            Some(text) => parse_check_interval(&text).ok_or_else(|| {
                let message = format!("{name}: `{text}` is no interval");
                let error = ExecError::new(ExecErrorKind::Config, message);
                error.hint("write `never`, or a number with `ms`, `s`, `m`, `h` or `d`")
            })?,
        };
        let base = |name: &str, default: String| {
            let url = env::var(name).unwrap_or(default);
            url.trim_end_matches('/').to_owned()
        };
        let known = Registries::default();
        Ok(Self {
            cache: if off { None } else { SkillCache::from_env() },
            refresh: false,
            check,
            registries: Registries {
                prpm: base("CALLSHEET_PRPM_URL", known.prpm),
                github: base("CALLSHEET_GITHUB_API_URL", known.github),
            },
            allow_env: Vec::new(),
        })
    }
}

/// Removes what crashes left of skills that were being installed; returns how many.
///
/// # Errors
/// The cache cannot be read or changed.
pub fn sweep_cache(cache: &SkillCache) -> Result<usize, ExecError> {
    if !cache.is_there() {
        return Ok(0);
    }
    cache.open()?.sweep()
}

/// The skills of a plan that are in the cache. As long as it lives nobody replaces them.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) skills: Vec<Option<KeptSkill>>,
    pub(crate) notes: Vec<String>,
    locks: Vec<Lock>,
}

/// Returns what is to be in the cache: in editions whose skills are private to a run,
/// each that has an installer.
fn recipes<'p>(
    plan: &'p SkillMaterializationPlan<'_>,
    edition: Edition,
) -> Vec<Option<Recipe<'p>>> {
    let keeps = edition.switches().private_launch;
    let installs = plan.installs.iter();
    installs
        .map(|install| recipe(install, &plan.harness).filter(|_| keeps))
        .collect()
}

/// Tells where the skills of a plan are or would be kept. Nothing is changed.
pub fn look_up(
    plan: &SkillMaterializationPlan<'_>,
    edition: Edition,
    how: &SkillUse,
) -> Vec<Option<KeptSkill>> {
    let Some(cache) = &how.cache else {
        return Vec::new();
    };
    let plugin = install::plugin(plan, cache).filter(|_| !how.refresh);
    let recipes = recipes(plan, edition).into_iter();
    let kept = |recipe: Recipe<'_>| {
        let dir = cache.place(&recipe.fingerprint);
        let own = store::marker(&dir, &recipe.fingerprint).is_some() && !how.refresh;
        let theirs = plugin.as_ref().map(|(dir, _)| dir).filter(|_| !own);
        KeptSkill {
            filled: own || theirs.is_some(),
            dir: text_of(theirs.unwrap_or(&dir)),
        }
    };
    recipes.map(|recipe| recipe.map(kept)).collect()
}

/// Sees to it that the skills of a plan are in the cache.
///
/// # Errors
/// An installer that failed. Skills that were installed before it stay: they are whole.
pub(crate) fn keep(
    plan: &SkillMaterializationPlan<'_>,
    edition: Edition,
    how: &SkillUse,
    apply: &ApplyOptions<'_>,
) -> Result<Kept, ExecError> {
    let recipes = recipes(plan, edition);
    let Some(cache) = how
        .cache
        .as_ref()
        .filter(|_| recipes.iter().any(Option::is_some))
    else {
        return Ok(Kept::default());
    };
    let found: Vec<Option<(PathBuf, SkillCacheMarker<'static>)>> = recipes
        .iter()
        .map(|recipe| {
            let print = &recipe.as_ref()?.fingerprint;
            let dir = cache.place(print);
            let marker = store::marker(&dir, print).filter(|_| !how.refresh)?;
            Some((dir, marker))
        })
        .collect();
    let stale = probe::stale(&found, how);
    let keeper = Keeper {
        cache,
        how,
        apply,
        env: apply.command_env.clone().unwrap_or_else(env::safe_vars),
    };
    let mut kept = Kept::default();
    for ((install, recipe), stale) in plan.installs.iter().zip(&recipes).zip(stale) {
        let Some(recipe) = recipe else {
            kept.skills.push(None);
            continue;
        };
        let wanted = Wanted {
            plan,
            install,
            recipe,
        };
        kept.locks
            .push(keeper.provide(&wanted, stale, &mut kept.notes)?);
        kept.skills.push(Some(KeptSkill {
            dir: text_of(&cache.place(&recipe.fingerprint)),
            filled: true,
        }));
    }
    Ok(kept)
}

struct Keeper<'k> {
    cache: &'k SkillCache,
    how: &'k SkillUse,
    apply: &'k ApplyOptions<'k>,
    env: BTreeMap<String, String>,
}

impl Keeper<'_> {
    /// Provides one skill and returns the lock that keeps it as it is.
    fn provide(
        &self,
        wanted: &Wanted<'_>,
        stale: bool,
        notes: &mut Vec<String>,
    ) -> Result<Lock, ExecError> {
        let store = self.cache.open()?;
        let print = &wanted.recipe.fingerprint;
        let place = self.cache.place(print);
        let is_whole = || store::marker(&place, print).is_some();
        if !stale && !self.how.refresh {
            let shared = store.share(print, self.apply)?;
            if is_whole() {
                return Ok(shared);
            }
        }
        let alone = store.take(print, self.apply)?;
        let had = is_whole();
        // Somebody else may have made it while we waited.
        if !had || stale || self.how.refresh {
            let made = self.make(wanted, had);
            match made {
                Err(error) if had && !self.how.refresh && self.apply.go_on().is_ok() => {
                    notes.push(format!(
                        "{error}; the skill has changed upstream, the version at hand is used"
                    ));
                }
                made => made?,
            }
        }
        drop(alone);
        // Between the two somebody else can only have made a newer one.
        store.share(print, self.apply)
    }

    fn make(&self, wanted: &Wanted<'_>, had: bool) -> Result<(), ExecError> {
        let store = self.cache.open()?;
        store.sweep()?;
        let entry = store.begin()?;
        let entry = if had || self.how.refresh {
            Some(entry)
        } else {
            install::take_over(wanted, self.cache, entry)?
        };
        let Some(entry) = entry else { return Ok(()) };
        let (cache, how) = (self.cache, self.how);
        install::install(wanted, (cache, how), entry, (self.apply, &self.env))
    }
}
