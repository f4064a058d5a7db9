//! What the sources of cached skills are asked, and what their answers mean. Asking is
//! for others; an answer that is missing or damaged never counts as a change.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use super::cache::{CachedSkill, Upstream};
use super::{SourceKind, resolve_skill_source};
use crate::base::json::{Text, Value, read};
use crate::base::record::record;

/// Where the registries are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registries {
    /// The prpm registry.
    pub prpm: String,
    /// GitHub's interface.
    pub github: String,
}

impl Default for Registries {
    fn default() -> Self {
        Self {
            prpm: "https://registry.prpm.dev".into(),
            github: "https://api.github.com".into(),
        }
    }
}

/// A question to a registry: a GET.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The address.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
}

/// What a registry answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

const AGENT: (&str, &str) = ("user-agent", "agentworkforce-skill-cache");

/// Returns what to ask about a cached skill. A record that leads to another registry than
/// ours asks nothing.
pub fn question(upstream: &Upstream<'_>, registries: &Registries) -> Option<Question> {
    match upstream {
        Upstream::Prpm { package_ref, .. } => Some(Question {
            url: package_url(&registries.prpm, package_ref),
            headers: headers(&[AGENT]),
        }),
        Upstream::GithubBlob { blob_url, sha } => {
            let ours = format!("{}/repos/", registries.github);
            blob_url.starts_with(&ours).then(|| {
                let tag = format!("\"{sha}\"");
                Question {
                    url: blob_url.to_string(),
                    headers: headers(&[GITHUB, AGENT, ("if-none-match", &tag)]),
                }
            })
        }
    }
}

const GITHUB: (&str, &str) = ("accept", "application/vnd.github+json");

fn headers(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, text)| (*name, String::from(*text)))
        .collect()
}

/// Tells whether a source has changed since a skill was installed.
pub fn has_changed(upstream: &Upstream<'_>, answer: &Answer) -> bool {
    compare(upstream, Some(answer)).0
}

fn body(answer: &Answer) -> Option<Value<'_>> {
    let value = read(&answer.body).ok()?;
    (answer.status == 200).then_some(value)
}

/// Tells whether a cached skill counts as changed because nothing is known about what was
/// installed.
pub fn is_unknown(skill: &CachedSkill<'_>) -> bool {
    let local = skill.source_kind.as_deref() == Some(SourceKind::Local.as_str());
    skill.upstream.is_none() && !local
}

record! {
    /// What a look at a skill's source came to.
    pub struct Drift<'a> {
        /// The skill's id in the persona.
        pub skill_id: Text<'a> => "skillId",
        /// The source as the persona gives it.
        pub source: Text<'a> => "source",
        /// What is noted about sources like it.
        pub kind: Text<'a> => "kind",
        /// Whether it is to be installed again.
        pub drifted: bool => "drifted",
        /// Why, for people.
        pub note: Text<'a> => "note",
    }
}

/// Tells what an answer, or that there is none, means for a skill; nothing for a skill
/// whose source cannot change behind its fingerprint.
pub fn drift<'a>(skill: &CachedSkill<'a>, answer: Option<&Answer>) -> Option<Drift<'a>> {
    let (kind, drifted, note) = match &skill.upstream {
        None => {
            let resolved = resolve_skill_source(&skill.source).ok()?;
            let kind = match resolved.kind {
                SourceKind::Local => return None,
                SourceKind::Prpm => "prpm",
                SourceKind::SkillSh => "github-blob",
            };
            let note = "no upstream record: it is noted when the skill is installed again";
            (kind, true, note.into())
        }
        Some(upstream) => {
            let kind = match upstream {
                Upstream::Prpm { .. } => "prpm",
                Upstream::GithubBlob { .. } => "github-blob",
            };
            let (drifted, note) = compare(upstream, answer);
            (kind, drifted, note)
        }
    };
    Some(Drift {
        skill_id: skill.id.clone(),
        source: skill.source.clone(),
        kind: kind.into(),
        drifted,
        note: note.into(),
    })
}

fn compare(upstream: &Upstream<'_>, answer: Option<&Answer>) -> (bool, String) {
    let Some(answer) = answer else {
        return (false, "no answer (fail-open)".into());
    };
    let recorded = match upstream {
        Upstream::Prpm { version, .. } => version,
        Upstream::GithubBlob { sha, .. } => sha,
    };
    if answer.status == 304 {
        return (false, format!("unchanged ({recorded})"));
    }
    let current = body(answer).and_then(|body| current(upstream, &body));
    match current {
        None => (
            false,
            format!("status {} says nothing (fail-open)", answer.status),
        ),
        Some(current) if current == **recorded => (false, format!("unchanged ({recorded})")),
        Some(current) => (true, format!("{recorded} → {current}")),
    }
}

/// What an answer says is there now.
fn current(upstream: &Upstream<'_>, body: &Value<'_>) -> Option<String> {
    let current = match upstream {
        Upstream::Prpm { .. } => body.get("latest_version")?.get_str("version")?,
        Upstream::GithubBlob { .. } => body.get_str("sha")?,
    };
    Some(current.into())
}

/// What an installer's lock file says about a skill.
#[derive(Debug, Clone, PartialEq)]
pub enum Installed<'a> {
    /// All there is to know.
    Known(Upstream<'a>),
    /// A file in a repository, whose hash its registry knows.
    AtGithub {
        /// The address of the file.
        blob_url: String,
        /// What to ask.
        question: Question,
    },
}

/// Reads a lock file for a skill; nothing when it does not name it.
pub fn installed<'a>(
    kind: SourceKind,
    package_ref: &str,
    lock: &Value<'_>,
    registries: &Registries,
) -> Option<Installed<'a>> {
    match kind {
        SourceKind::Local => None,
        SourceKind::Prpm => {
            let packages = lock.get("packages")?.as_object()?;
            // A package is there once for each format.
            let named =
                |key: &str| key.rsplit_once('#').map_or(key, |(name, _)| name) == package_ref;
            let (_, package) = packages.iter().find(|(key, _)| named(key))?;
            Some(Installed::Known(Upstream::Prpm {
                package_ref: Cow::Owned(package_ref.into()),
                version: Cow::Owned(package.get_str("version")?.into()),
            }))
        }
        SourceKind::SkillSh => {
            let (repository, name) = package_ref.split_once('#')?;
            let skill = lock.get("skills")?.get(name)?;
            let path = skill.get_str("skillPath")?;
            let blob_url = contents_url(repository, path, registries)?;
            let question = Question {
                url: blob_url.clone(),
                headers: headers(&[GITHUB, AGENT]),
            };
            Some(Installed::AtGithub { blob_url, question })
        }
    }
}

/// Completes what is known about a file in a repository.
pub fn at_github<'a>(blob_url: String, answer: &Answer) -> Option<Upstream<'a>> {
    let sha = body(answer)?.get_str("sha").map(String::from)?;
    Some(Upstream::GithubBlob {
        blob_url: blob_url.into(),
        sha: sha.into(),
    })
}

fn package_url(base: &str, package_ref: &str) -> String {
    format!("{base}/api/v1/packages/{}", percent(package_ref, ""))
}

/// The address of a file's description, from the address of its repository.
fn contents_url(repository: &str, path: &str, registries: &Registries) -> Option<String> {
    let (_, rest) = repository.split_once("://")?;
    let mut parts = rest.splitn(5, '/');
    let (_host, owner, name) = (parts.next()?, parts.next()?, parts.next()?);
    let reference = match (parts.next(), parts.next()) {
        (Some("tree"), Some(reference)) => format!("?ref={}", percent(reference, "")),
        _ => String::new(),
    };
    let base = &registries.github;
    let (owner, name, path) = (percent(owner, ""), percent(name, ""), percent(path, "/"));
    Some(format!(
        "{base}/repos/{owner}/{name}/contents/{path}{reference}"
    ))
}

/// Encodes a text as JavaScript's `encodeURIComponent` does; `kept` stays as well.
fn percent(text: &str, kept: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte);
        if plain || kept.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prpm(version: &'static str) -> Upstream<'static> {
        Upstream::Prpm {
            package_ref: "@a/b".into(),
            version: version.into(),
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.into(),
        }
    }

    #[test]
    fn asks_the_registry_of_the_source() {
        let registries = Registries::default();
        let asked = question(&prpm("1"), &registries).expect("a question");
        assert_eq!(
            asked.url,
            "https://registry.prpm.dev/api/v1/packages/%40a%2Fb"
        );
        let blob = |url: &'static str| Upstream::GithubBlob {
            blob_url: url.into(),
            sha: "s1".into(),
        };
        let asked = question(
            &blob("https://api.github.com/repos/o/r/contents/x"),
            &registries,
        );
        let headers = asked.expect("a question").headers;
        assert!(headers.contains(&("if-none-match", "\"s1\"".into())));
        assert!(headers.contains(&("user-agent", "agentworkforce-skill-cache".into())));
        // A marker must not send us anywhere.
        assert_eq!(question(&blob("http://10.0.0.1/x"), &registries), None);
    }

    #[test]
    fn only_a_clear_answer_is_a_change() {
        let newer = r#"{"latest_version": {"version": "2"}}"#;
        assert!(has_changed(&prpm("1"), &answer(200, newer)));
        assert!(!has_changed(&prpm("2"), &answer(200, newer)));
        for unclear in [(500, newer), (200, "{}"), (200, "<html>"), (304, "")] {
            assert!(!has_changed(&prpm("1"), &answer(unclear.0, unclear.1)));
        }
        let blob = Upstream::GithubBlob {
            blob_url: "u".into(),
            sha: "s1".into(),
        };
        assert!(!has_changed(&blob, &answer(304, "")));
        assert!(has_changed(&blob, &answer(200, r#"{"sha": "s2"}"#)));
    }

    #[test]
    fn a_drift_says_why() {
        let skill = |source: &'static str, upstream| CachedSkill {
            id: "s".into(),
            source: source.into(),
            source_kind: None,
            upstream,
        };
        let told = |skill: &CachedSkill<'_>, answer: Option<&Answer>| {
            drift(skill, answer).map(|drift| {
                (
                    drift.kind.into_owned(),
                    drift.drifted,
                    drift.note.into_owned(),
                )
            })
        };
        let known = skill("a/b", Some(prpm("1")));
        let newer = answer(200, r#"{"latest_version": {"version": "2"}}"#);
        for (answer, drifted, note) in [
            (Some(&newer), true, "1 → 2"),
            (Some(&answer(304, "")), false, "unchanged (1)"),
            (
                Some(&answer(503, "")),
                false,
                "status 503 says nothing (fail-open)",
            ),
            (None, false, "no answer (fail-open)"),
        ] {
            assert_eq!(
                told(&known, answer),
                Some(("prpm".into(), drifted, note.into()))
            );
        }
        let (kind, drifted, _) =
            told(&skill("https://github.com/o/r#n", None), None).expect("a drift");
        assert_eq!((&*kind, drifted), ("github-blob", true));
        assert_eq!(told(&skill("./a.md", None), None), None);
        assert_eq!(told(&skill("nothing", None), None), None);
    }

    #[test]
    fn reads_what_the_installers_note() {
        let registries = Registries::default();
        let lock = read(r#"{"packages": {"x/y#claude": {"version": "9"}, "@a/b#claude": {"version": "1.2"}, "@a/b#codex": {"version": "3"}}}"#)
            .expect("JSON");
        let found = installed(SourceKind::Prpm, "@a/b", &lock, &registries);
        assert_eq!(found, Some(Installed::Known(prpm("1.2"))));
        assert_eq!(
            installed(SourceKind::Prpm, "@a/c", &lock, &registries),
            None
        );
        let lock =
            read(r#"{"skills": {"n": {"skillPath": "skills/n m/SKILL.md"}}}"#).expect("JSON");
        for (source, url) in [
            (
                "https://github.com/o/r#n",
                "https://api.github.com/repos/o/r/contents/skills/n%20m/SKILL.md",
            ),
            (
                "https://github.com/o/r/tree/v1#n",
                "https://api.github.com/repos/o/r/contents/skills/n%20m/SKILL.md?ref=v1",
            ),
        ] {
            let Some(Installed::AtGithub { blob_url, question }) =
                installed(SourceKind::SkillSh, source, &lock, &registries)
            else {
                panic!("{source}");
            };
            assert_eq!((&*blob_url, &*question.url), (url, url));
            let known = at_github(blob_url, &answer(200, r#"{"sha": "s"}"#));
            assert!(matches!(known, Some(Upstream::GithubBlob { .. })));
        }
    }
}
