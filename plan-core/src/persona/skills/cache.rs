//! The skill cache's records: its key, its marker, and when to look upstream.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::diag::{Diagnostic, Path};
use crate::base::digest::sha256_hex;
use crate::base::json::{Object, Print, Text, Value, Writer, parse_number, pretty};
use crate::base::record::{Scan, invalid, record};
use crate::base::sort::sort_by;
use crate::base::text::{js_trim, utf16_cmp};

/// A skill as far as it decides what a cache entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkillKey<'a> {
    /// The skill's id in the persona.
    pub id: &'a str,
    /// The source as the persona gives it.
    pub source: &'a str,
    /// The first 16 hexadecimal digits of the SHA-256 of a local file, if it can
    /// be read.
    pub local_hash: Option<&'a str>,
}

/// Returns the name of the cache entry for a harness and its skills, in any order.
pub fn fingerprint(harness: &str, skills: &[SkillKey<'_>]) -> String {
    let mut sorted = skills.to_vec();
    sort_by(&mut sorted, &|left, right| utf16_cmp(left.id, right.id));
    let mut out = Writer::compact();
    out.begin_object();
    out.field("harness", harness);
    out.key("skills");
    out.begin_array();
    for skill in &sorted {
        out.begin_object();
        out.field("id", skill.id);
        out.key("localHash");
        match skill.local_hash {
            Some(hash) => out.string(hash),
            None => out.raw("null"),
        }
        out.field("source", skill.source);
        out.end_object();
    }
    out.end_array();
    out.key("v");
    out.number(1.0);
    out.end_object();
    let mut hex = sha256_hex(out.finish().as_bytes());
    hex.truncate(32);
    hex
}

record! {
    /// What a cache entry says about itself.
    pub struct SkillCacheMarker<'a> {
        /// The version of this record, 2.
        pub schema_version: u64 => "schemaVersion",
        /// The name of the entry.
        pub fingerprint: Text<'a> => "fingerprint",
        /// The harness that the skills are for.
        pub harness: Text<'a> => "harness",
        /// When they were installed, as an ISO timestamp.
        pub installed_at: Text<'a> => "installedAt",
        /// When their sources were last looked at, as an ISO timestamp.
        pub last_upstream_check_at: Option<Text<'a>> => "lastUpstreamCheckAt",
        /// The skills.
        pub skills: Vec<CachedSkill<'a>> => "skills",
    }
}

record! {
    /// A skill of a cache entry.
    pub struct CachedSkill<'a> {
        /// The skill's id in the persona.
        pub id: Text<'a> => "id",
        /// The source as the persona gives it.
        pub source: Text<'a> => "source",
        /// What kind of source it is.
        pub source_kind: Option<Text<'a>> => "sourceKind",
        /// What was installed.
        pub upstream: Option<Upstream<'a>> => "upstream",
    }
}

/// What a source held when it was installed.
#[derive(Debug, Clone, PartialEq)]
pub enum Upstream<'a> {
    /// A version of a package.
    Prpm {
        /// The package.
        package_ref: Text<'a>,
        /// Its version.
        version: Text<'a>,
    },
    /// A file in a GitHub repository.
    GithubBlob {
        /// The address of the file.
        blob_url: Text<'a>,
        /// The hash of its content.
        sha: Text<'a>,
    },
}

impl<'a> Upstream<'a> {
    /// Reads a record; nothing when it is damaged or of another kind.
    pub fn read(value: &Value<'a>) -> Option<Self> {
        let object = value.as_object()?;
        match value.get_str("kind")? {
            "prpm" => Some(Upstream::Prpm {
                package_ref: text(object, "packageRef")?,
                version: text(object, "version")?,
            }),
            "github-blob" => Some(Upstream::GithubBlob {
                blob_url: text(object, "blobUrl")?,
                sha: text(object, "sha")?,
            }),
            _ => None,
        }
    }
}

impl Print for Upstream<'_> {
    fn print(&self, out: &mut Writer) {
        out.begin_object();
        match self {
            Upstream::Prpm {
                package_ref,
                version,
            } => {
                out.field("kind", "prpm");
                out.field("packageRef", package_ref);
                out.field("version", version);
            }
            Upstream::GithubBlob { blob_url, sha } => {
                out.field("kind", "github-blob");
                out.field("blobUrl", blob_url);
                out.field("sha", sha);
            }
        }
        out.end_object();
    }
}

impl<'a> Scan<'a> for Upstream<'a> {
    fn scan(value: &Value<'a>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let problem = "must be a prpm or github-blob record";
        Upstream::read(value).ok_or_else(|| invalid(at, problem))
    }
}

fn text<'a>(object: &Object<'a>, key: &str) -> Option<Text<'a>> {
    match object.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

impl<'a> SkillCacheMarker<'a> {
    /// Reads a marker of version 1 or 2; nothing when it is damaged. It is only a
    /// cache, so a skill with a damaged part is kept without that part.
    pub fn read(value: &Value<'a>) -> Option<Self> {
        let object = value.as_object()?;
        let version = object.get("schemaVersion").and_then(Value::as_number)?;
        let skills = object.get("skills").and_then(Value::as_array)?;
        [1.0, 2.0].contains(&version).then_some(())?;
        Some(Self {
            schema_version: 2,
            fingerprint: text(object, "fingerprint")?,
            harness: text(object, "harness")?,
            installed_at: text(object, "installedAt")?,
            last_upstream_check_at: text(object, "lastUpstreamCheckAt"),
            skills: skills.iter().map(CachedSkill::read).collect(),
        })
    }

    /// Returns the text of the marker's file.
    pub fn file_text(&self) -> String {
        pretty(self)
    }

    /// Tells whether the marker is that of the entry `fingerprint`.
    pub fn is_valid_for(&self, fingerprint: &str) -> bool {
        self.fingerprint == fingerprint
    }

    /// Notes a look at the sources: its time and, for each skill named, what was
    /// found or that nothing is known.
    #[must_use]
    pub fn with_upstream(
        mut self,
        checked_at: impl Into<Text<'a>>,
        found: &[(&str, Option<Upstream<'a>>)],
    ) -> Self {
        self.last_upstream_check_at = Some(checked_at.into());
        for skill in &mut self.skills {
            if let Some((_, upstream)) = found.iter().find(|(id, _)| *id == skill.id) {
                skill.upstream.clone_from(upstream);
            }
        }
        self
    }
}

impl<'a> CachedSkill<'a> {
    /// Reads a skill; what is damaged is left out.
    pub fn read(value: &Value<'a>) -> Self {
        let field = |key| value.as_object().and_then(|object| text(object, key));
        Self {
            id: field("id").unwrap_or_default(),
            source: field("source").unwrap_or_default(),
            source_kind: field("sourceKind"),
            upstream: value.get("upstream").and_then(Upstream::read),
        }
    }
}

/// How often sources are looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CheckInterval {
    /// They are not.
    Never,
    /// At most once in so many milliseconds; zero means every time.
    Every(f64),
}

/// Reads an interval: `never`, `off`, `false`, or a whole number with the unit
/// `ms`, `s`, `m`, `h` (also without a unit) or `d`.
pub fn parse_check_interval(text: &str) -> Option<CheckInterval> {
    let text = js_trim(text).to_ascii_lowercase();
    if matches!(&*text, "never" | "off" | "false") {
        return Some(CheckInterval::Never);
    }
    let end = text.find(|character: char| !character.is_ascii_digit());
    let (digits, unit) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let unit = match js_trim(unit) {
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        "" | "h" => 3.6e6,
        "d" => 8.64e7,
        _ => return None,
    };
    let number = (!digits.is_empty()).then(|| parse_number(digits))?;
    Some(CheckInterval::Every(number * unit))
}

/// Tells whether the sources of a cache entry are to be looked at again.
pub fn is_upstream_check_due(
    marker: &SkillCacheMarker<'_>,
    interval: CheckInterval,
    now_ms: f64,
) -> bool {
    let CheckInterval::Every(interval) = interval else {
        return false;
    };
    let last = marker.last_upstream_check_at.as_deref().and_then(iso_to_ms);
    // Without a time of the last look there is no reason to wait.
    interval == 0.0 || last.is_none_or(|last| now_ms - last >= interval)
}

/// Writes milliseconds since 1970 as JavaScript's `toISOString` does.
pub fn ms_to_iso(ms: u64) -> String {
    let (days, in_day) = (ms / 86_400_000, ms % 86_400_000);
    let (seconds, millis) = (in_day / 1000, in_day % 1000);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(0));
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    alloc::format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// The year, month and day of a day since 1970, with years that begin in March.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

/// Reads an ISO 8601 timestamp, `YYYY-MM-DDTHH:MM[:SS[.fff]]` with `Z` or an
/// offset, or a date alone, as milliseconds since 1970. What our own writer never
/// produces (other forms that `Date.parse` may accept) is not a timestamp.
fn iso_to_ms(text: &str) -> Option<f64> {
    let (date, time) = text
        .split_once('T')
        .map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    (parts.next().is_none() && in_range).then_some(())?;
    let millis = time.map_or(Some(0), time_to_ms)?;
    let total = days_since_epoch(year, month, day) * 86_400_000 + millis;
    #[expect(
        clippy::cast_precision_loss,
        reason = "four-digit years stay below 2^53 ms"
    )]
    Some(total as f64)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

/// Reads the part behind the `T`; a time needs a zone, as local time is not known.
fn time_to_ms(time: &str) -> Option<i64> {
    let zone = time.find(['Z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone)?;
    let offset = match zone.split_at_checked(1)? {
        ("Z", "") => 0,
        (sign, zone) if sign != "Z" => {
            let (hours, minutes) = zone.split_once(':')?;
            let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
            if sign == "-" { -minutes } else { minutes }
        }
        _ => return None,
    };
    let (clock, fraction) = clock
        .split_once('.')
        .map_or((clock, None), |(c, f)| (c, Some(f)));
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |part| digits(part, 2))?;
    let millis = fraction.map_or(Some(0), fraction_to_ms)?;
    let midnight = hour == 24 && minute == 0 && second == 0 && millis == 0;
    let in_range = hour < 24 && minute < 60 && second < 60;
    (parts.next().is_none() && (in_range || midnight)).then_some(())?;
    Some(((hour * 60 + minute - offset) * 60 + second) * 1000 + millis)
}

fn fraction_to_ms(fraction: &str) -> Option<i64> {
    let plain = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(())?;
    let first = fraction.bytes().chain([b'0', b'0']).take(3);
    Some(first.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0')))
}

/// Counts days in the proleptic Gregorian calendar, with years that begin in March
/// so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + day_of_year - 719_468
}
