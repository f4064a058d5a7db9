//! Skills: sources, installers, and the records of the skill cache.

use alloc::string::String;
use alloc::vec::Vec;

use plan_core::base::diag::Path;
use plan_core::base::json::{Object, Value, Writer, print};
use plan_core::base::record::Scan as _;
use plan_core::persona::skills::cache::{
    self, CachedSkill, CheckInterval, SkillCacheMarker, SkillKey, Upstream,
};
use plan_core::persona::skills::upstream::{self, Installed, Question, Registries};
use plan_core::persona::skills::{self, SkillMaterializationPlan, SkillOptions, SourceKind};

use super::{Arguments, argument, text};
use crate::document::give;
use crate::door::Answer;
use crate::failure::Failure;

pub(super) fn call(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    Some(match name {
        "resolveSkillSource" => {
            let resolved = skills::resolve_skill_source(text(arguments, 0).unwrap_or_default());
            resolved
                .map_err(Failure::error)
                .and_then(|source| give(&source))
        }
        "materializeSkills" => {
            let harness = text(arguments, 1).unwrap_or_default();
            materialize(argument(arguments, 0), harness, argument(arguments, 2))
        }
        "materializeSkillsFor" => {
            let selection = argument(arguments, 0);
            let harness = selection.and_then(|selection| selection.get_str("harness"));
            let skills = selection.and_then(|selection| selection.get("skills"));
            materialize(skills, harness.unwrap_or_default(), argument(arguments, 1))
        }
        "buildInstallArtifacts" => skill_plan(arguments).and_then(|plan| {
            let artifacts = skills::install_artifacts(&plan).map_err(Failure::error)?;
            give(&artifacts)
        }),
        "buildCleanupArtifacts" => {
            skill_plan(arguments).and_then(|plan| give(&skills::cleanup_artifacts(&plan)))
        }
        _ => return call_cache(name, arguments),
    })
}

fn call_cache(name: &str, arguments: Arguments<'_>) -> Option<Answer> {
    Some(match name {
        "parseCheckInterval" => match text(arguments, 0).and_then(cache::parse_check_interval) {
            None => Ok(None),
            Some(CheckInterval::Never) => give(&Value::Null),
            Some(CheckInterval::Every(millis)) => give(&Value::Number(millis)),
        },
        "isUpstreamCheckDue" => is_check_due(arguments),
        "skillFingerprint" => fingerprint(arguments),
        "readMarker" => match argument(arguments, 0).and_then(SkillCacheMarker::read) {
            Some(marker) => give(&marker),
            None => give(&Value::Null),
        },
        "markerText" => marker(arguments).map(|marker| Some(print(&*marker.file_text()))),
        "isMarkerValid" => {
            let fingerprint = text(arguments, 1).unwrap_or_default();
            let read = argument(arguments, 0).and_then(SkillCacheMarker::read);
            give(&read.is_some_and(|marker| marker.is_valid_for(fingerprint)))
        }
        "upstreamQuestion" => upstream_at(arguments, 0).map(|record| {
            let question = upstream::question(&record, &registries(argument(arguments, 1)));
            question.map(|question| print_question(&question, None))
        }),
        "upstreamChanged" => upstream_at(arguments, 0)
            .and_then(|record| give(&upstream::has_changed(&record, &answer(arguments, 1)))),
        "upstreamDrift" => drift(arguments),
        "noteUpstream" => note_upstream(arguments),
        "fingerprintedFile" => {
            let source = text(arguments, 0).unwrap_or_default();
            match skills::fingerprinted_file(source, text(arguments, 1)) {
                Some(file) => give(&file),
                None => Ok(None),
            }
        }
        "installedUpstream" => installed(arguments),
        "upstreamAtGithub" => {
            let url = text(arguments, 0).unwrap_or_default();
            match upstream::at_github(url.into(), &answer(arguments, 1)) {
                Some(record) => give(&record),
                None => Ok(None),
            }
        }
        _ => return None,
    })
}

fn materialize(list: Option<&Value<'_>>, harness: &str, options: Option<&Value<'_>>) -> Answer {
    let option = |name| options.and_then(|options| options.get_str(name));
    let options = SkillOptions {
        install_root: option("installRoot"),
        repo_root: option("repoRoot"),
    };
    let list = list.and_then(Value::as_array).unwrap_or_default();
    let plan = skills::materialize_skills(list, harness, options).map_err(Failure::error)?;
    give(&plan)
}

fn skill_plan<'a>(
    arguments: &[Option<Value<'a>>],
) -> Result<SkillMaterializationPlan<'a>, Failure> {
    let plan = argument(arguments, 0).unwrap_or(&Value::Null);
    SkillMaterializationPlan::scan(plan, &Path::root("plan")).map_err(Failure::error)
}

fn is_check_due(arguments: Arguments<'_>) -> Answer {
    let interval = match argument(arguments, 1) {
        Some(Value::Number(millis)) => CheckInterval::Every(*millis),
        _ => CheckInterval::Never,
    };
    let now = argument(arguments, 2).and_then(Value::as_number);
    let now = now.ok_or_else(|| Failure::named("TypeError", "a time is needed"))?;
    give(&cache::is_upstream_check_due(
        &marker(arguments)?,
        interval,
        now,
    ))
}

fn marker<'a>(arguments: &[Option<Value<'a>>]) -> Result<SkillCacheMarker<'a>, Failure> {
    let marker = argument(arguments, 0).and_then(SkillCacheMarker::read);
    marker.ok_or_else(|| Failure::named("TypeError", "a marker is needed"))
}

/// The fingerprint of `{harness, skills: [{id, source, localHash}]}`.
fn fingerprint(arguments: Arguments<'_>) -> Answer {
    let input = argument(arguments, 0).unwrap_or(&Value::Null);
    let skills = input.get("skills").and_then(Value::as_array);
    let keys = skills.unwrap_or_default().iter().map(|skill| SkillKey {
        id: skill.get_str("id").unwrap_or_default(),
        source: skill.get_str("source").unwrap_or_default(),
        local_hash: skill.get_str("localHash"),
    });
    let keys: Vec<_> = keys.collect();
    let harness = input.get_str("harness").unwrap_or_default();
    give(&*cache::fingerprint(harness, &keys))
}

fn upstream_at<'a>(arguments: &[Option<Value<'a>>], place: usize) -> Result<Upstream<'a>, Failure> {
    let record = argument(arguments, place).unwrap_or(&Value::Null);
    let read = Upstream::read(record);
    read.ok_or_else(|| Failure::named("TypeError", "an upstream record is needed"))
}

/// What an answer, or that there is none, means for a skill of a marker.
fn drift(arguments: Arguments<'_>) -> Answer {
    let skill = CachedSkill::read(argument(arguments, 0).unwrap_or(&Value::Null));
    let answer = argument(arguments, 1).map(|_| answer(arguments, 1));
    match upstream::drift(&skill, answer.as_ref()) {
        Some(drift) => give(&drift),
        None => Ok(None),
    }
}

/// The text of a marker's file after a look at the sources: the marker, when that was, and
/// pairs of a skill's id and what was found, or `null`.
fn note_upstream(arguments: Arguments<'_>) -> Answer {
    let pairs = argument(arguments, 2).and_then(Value::as_array);
    let found = pairs.unwrap_or_default().iter().filter_map(|pair| {
        let [id, record] = pair.as_array()? else {
            return None;
        };
        Some((id.as_str()?, Upstream::read(record)))
    });
    let found: Vec<_> = found.collect();
    let checked_at = String::from(text(arguments, 1).unwrap_or_default());
    let noted = marker(arguments)?.with_upstream(checked_at, &found);
    give(&*noted.file_text())
}

fn registries(given: Option<&Value<'_>>) -> Registries {
    let mut registries = Registries::default();
    let text = |name| {
        given
            .and_then(|given| given.get_str(name))
            .map(String::from)
    };
    if let Some(prpm) = text("prpm") {
        registries.prpm = prpm;
    }
    if let Some(github) = text("github") {
        registries.github = github;
    }
    registries
}

fn answer(arguments: Arguments<'_>, place: usize) -> upstream::Answer {
    let given = argument(arguments, place).unwrap_or(&Value::Null);
    let status = given.get("status").and_then(Value::as_number);
    // A status is a small whole number; anything else is no answer.
    let codes = (0..=999_u16).find(|code| status == Some(f64::from(*code)));
    upstream::Answer {
        status: codes.unwrap_or_default(),
        body: given.get_str("body").unwrap_or_default().into(),
    }
}

fn print_question(question: &Question, blob_url: Option<&str>) -> String {
    let headers = question.headers.iter();
    let headers: Object<'_> = headers
        .map(|(name, text)| ((*name).into(), Value::from(text.clone())))
        .collect();
    let mut out = Writer::compact();
    out.begin_object();
    if let Some(blob_url) = blob_url {
        out.field("blobUrl", blob_url);
    }
    out.field("url", &*question.url);
    out.field("headers", &headers);
    out.end_object();
    out.finish()
}

/// What a lock file says about a skill: `{known}`, or the question `{ask}`.
#[expect(clippy::unnecessary_wraps, reason = "an answer like the others")]
fn installed(arguments: Arguments<'_>) -> Answer {
    let kind = text(arguments, 0).and_then(SourceKind::from_word);
    let lock = argument(arguments, 2).unwrap_or(&Value::Null);
    let package = text(arguments, 1).unwrap_or_default();
    let registries = registries(argument(arguments, 3));
    let found = kind.and_then(|kind| upstream::installed(kind, package, lock, &registries));
    let mut out = Writer::compact();
    out.begin_object();
    match found {
        None => return Ok(None),
        Some(Installed::Known(record)) => out.field("known", &record),
        Some(Installed::AtGithub { blob_url, question }) => {
            out.key("ask");
            out.raw(&print_question(&question, Some(&blob_url)));
        }
    }
    out.end_object();
    Ok(Some(out.finish()))
}
