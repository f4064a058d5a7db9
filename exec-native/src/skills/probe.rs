//! Looking at the sources of cached skills: all at once, for a few seconds at most.

use std::path::PathBuf;

use plan_core::persona::skills::cache::{
    CheckInterval, SkillCacheMarker, is_upstream_check_due, ms_to_iso,
};
use plan_core::persona::skills::upstream::{Registries, has_changed, is_unknown, question};

use super::store;
use super::{PROBE_LIMIT, SkillUse};
use crate::os::{clock, http};

/// Tells which of some entries hold skills whose sources have changed. Only those are
/// asked whose last look is long ago; an answer that does not come is no change.
pub(super) fn stale(
    entries: &[Option<(PathBuf, SkillCacheMarker<'static>)>],
    how: &SkillUse,
) -> Vec<bool> {
    let now = clock::now_ms();
    #[expect(clippy::cast_precision_loss, reason = "times stay below 2^53 ms")]
    let is_due =
        |marker: &SkillCacheMarker<'_>| is_upstream_check_due(marker, how.check, now as f64);
    std::thread::scope(|scope| {
        let asked: Vec<_> = entries
            .iter()
            .map(|entry| {
                let (dir, marker) = entry.as_ref()?;
                is_due(marker).then(|| {
                    scope.spawn(move || {
                        let changed = changed(marker, &how.registries);
                        if !changed {
                            note_look(dir, marker, now);
                        }
                        changed
                    })
                })
            })
            .collect();
        let answers = asked.into_iter();
        answers
            .map(|thread| thread.is_some_and(|thread| thread.join().unwrap_or(false)))
            .collect()
    })
}

fn changed(marker: &SkillCacheMarker<'_>, registries: &Registries) -> bool {
    marker.skills.iter().any(|skill| {
        let Some(upstream) = &skill.upstream else {
            return is_unknown(skill);
        };
        let question = question(upstream, registries);
        let answer = question.and_then(|question| http::ask(&question, PROBE_LIMIT).ok());
        answer.is_some_and(|answer| has_changed(upstream, &answer))
    })
}

fn note_look(dir: &std::path::Path, marker: &SkillCacheMarker<'static>, now: u64) {
    let looked = marker.clone().with_upstream(ms_to_iso(now), &[]);
    // Without the note the next run looks again, which is all that is lost.
    drop(store::write_marker(dir, &looked));
}

/// How often sources are looked at by default.
pub(super) const DAILY: CheckInterval = CheckInterval::Every(86_400_000.0);
