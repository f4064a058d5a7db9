//! Skill sources: what a persona may write, and what it means.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use super::{SkillError, SourceKind};
use crate::base::code::Code;
use crate::base::diag::Diagnostic;
use crate::base::json::Text;
use crate::base::record::record;
use crate::base::text::{is_js_space, js_trim};

record! {
    /// A source that was understood.
    pub struct ResolvedSource<'a> {
        /// What kind of source it is.
        pub kind: SourceKind => "kind",
        /// The source as the installer wants it.
        pub package_ref: Text<'a> => "packageRef",
        /// The name of the directory that the skill gets.
        pub installed_name: Text<'a> => "installedName",
    }
}

/// Understands a source: a local file, a prpm package or a skill on GitHub, tried
/// in this order.
///
/// # Errors
/// A source that is none of them.
pub fn resolve_skill_source(source: &str) -> Result<ResolvedSource<'_>, SkillError> {
    local(source)
        .or_else(|| prpm_url(source))
        .or_else(|| prpm_reference(source))
        .or_else(|| github(source))
        .ok_or_else(|| SkillError::UnsupportedSource(String::from(source)))
}

fn local(source: &str) -> Option<ResolvedSource<'_>> {
    if has_scheme(source) {
        return None;
    }
    let (stem, extension) = source.split_at_checked(source.len().checked_sub(3)?)?;
    if !extension.eq_ignore_ascii_case(".md") {
        return None;
    }
    let name = match stem.rsplit_once('/') {
        // `<name>/SKILL.md` is called after its directory, unless that is the root.
        Some((directory, "SKILL")) if !directory.is_empty() => directory
            .rsplit_once('/')
            .map_or(directory, |(_, last)| last),
        Some((_, stem)) => stem,
        None => stem,
    };
    let name = js_trim(name);
    is_safe_name(name).then_some(ResolvedSource {
        kind: SourceKind::Local,
        package_ref: Cow::Borrowed(source),
        installed_name: Cow::Borrowed(name),
    })
}

/// Tells whether a text starts with `<scheme>://`.
pub(super) fn has_scheme(text: &str) -> bool {
    let rest = text.trim_start_matches(|character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '+' | '.' | '-')
    });
    rest.starts_with("://") && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Tells whether a name can be a directory's name and nothing else.
fn is_safe_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
}

fn prpm_url(source: &str) -> Option<ResolvedSource<'_>> {
    let path = after_host(source, "prpm.dev/packages/")?;
    let (scope, rest) = segment(path)?;
    let (name, rest) = segment(rest.strip_prefix('/')?)?;
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    is_url_tail(rest).then_some(())?;
    let length = scope.len() + 1 + name.len();
    Some(ResolvedSource {
        kind: SourceKind::Prpm,
        package_ref: Cow::Borrowed(path.get(..length)?),
        installed_name: Cow::Borrowed(name),
    })
}

fn prpm_reference(source: &str) -> Option<ResolvedSource<'_>> {
    let (scope, name) = source.split_once('/')?;
    let whole = !scope.is_empty() && !name.is_empty() && !name.contains('/');
    (whole && !source.contains(is_js_space)).then_some(ResolvedSource {
        kind: SourceKind::Prpm,
        package_ref: Cow::Borrowed(source),
        installed_name: Cow::Borrowed(name),
    })
}

fn github(source: &str) -> Option<ResolvedSource<'_>> {
    let path = after_host(source, "github.com/")?;
    let (_, rest) = segment(path)?;
    let (repository, rest) = segment(rest.strip_prefix('/')?)?;
    let suffix = git_suffix(repository);
    let url = source.get(..source.len() - rest.len() - suffix)?;
    let (reference, name) = if let Some(name) = rest.strip_prefix('#') {
        (None, name)
    } else {
        let (reference, path) = segment(strip_prefix_ignore_case(rest, "/tree/")?)?;
        (Some(reference), tree_name(path.strip_prefix('/')?)?)
    };
    is_safe_name(name).then(|| ResolvedSource {
        kind: SourceKind::SkillSh,
        package_ref: match reference {
            None if suffix == 0 => Cow::Borrowed(source),
            None => Cow::Owned(format!("{url}#{name}")),
            Some(reference) => Cow::Owned(format!("{url}/tree/{reference}#{name}")),
        },
        installed_name: Cow::Borrowed(name),
    })
}

/// Returns the length of the `.git` behind a repository's name.
fn git_suffix(repository: &str) -> usize {
    let bytes = repository.as_bytes();
    match bytes.split_last_chunk::<4>() {
        Some((name, suffix)) if !name.is_empty() && suffix.eq_ignore_ascii_case(b".git") => 4,
        _ => 0,
    }
}

/// Returns the last name of a path in a repository; a query or fragment follows it.
fn tree_name(path: &str) -> Option<&str> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (path, tail) = path.split_at_checked(end)?;
    is_url_tail(tail).then_some(())?;
    path.rsplit('/').find(|part| !part.is_empty()).map(js_trim)
}

/// Returns what follows `http(s)://<host>`, ASCII case ignored.
fn after_host<'s>(source: &'s str, host: &str) -> Option<&'s str> {
    let rest = strip_prefix_ignore_case(source, "http")?;
    let rest = strip_prefix_ignore_case(rest, "s").unwrap_or(rest);
    strip_prefix_ignore_case(rest.strip_prefix("://")?, host)
}

fn strip_prefix_ignore_case<'s>(text: &'s str, prefix: &str) -> Option<&'s str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Splits off one segment of a URL's path, which is not empty.
fn segment(text: &str) -> Option<(&str, &str)> {
    let stops = |byte| matches!(byte, b'/' | b'?' | b'#' | b'\t'..=b'\r' | b' ' | 0x80..);
    let place = text.bytes().position(stops);
    let mut end = place.unwrap_or(text.len());
    let (_, rest) = text.split_at_checked(end)?;
    // Few texts have other characters, which may be spaces.
    if rest.bytes().next().is_some_and(|byte| !byte.is_ascii()) {
        let stops = |character| matches!(character, '/' | '?' | '#') || is_js_space(character);
        end += rest.find(stops).unwrap_or(rest.len());
    }
    text.split_at_checked(end).filter(|_| end > 0)
}

/// Tells whether a text is nothing, or a query or fragment on one line.
fn is_url_tail(text: &str) -> bool {
    text.is_empty()
        || (text.starts_with(['?', '#']) && !text.contains(['\n', '\r', '\u{2028}', '\u{2029}']))
}

/// Refuses a source that would act as an option of its installer, or whose name
/// would leave the directory of skills.
///
/// # Errors
/// The first rule that the source breaks.
pub fn check_safe_source(source: &ResolvedSource<'_>) -> Result<(), Diagnostic> {
    let reference = &*source.package_ref;
    let name = &*source.installed_name;
    let refuse = |problem: &str, help: &str| {
        let message = format!("skill source `{reference}` {problem}");
        Err(Diagnostic::error(Code::PERSONA_SKILL_INVALID, message).help(help))
    };
    let is_package = source.kind == SourceKind::Prpm;
    if reference.starts_with('-') || (is_package && reference.contains("/-")) {
        let help = "write it without the leading `-`: installers read it as an option";
        return refuse("has a part that starts with `-`", help);
    }
    if reference.contains(char::is_control) {
        return refuse("has a control character", "remove it from the source");
    }
    if source.kind != SourceKind::Local && reference.contains(is_js_space) {
        return refuse("has white space", "remove it from the source");
    }
    if !is_safe_name(name) {
        let help = "choose a source whose last part has only letters, digits, `.`, `_` and `-`, \
                    and starts with a letter or digit";
        return refuse(&format!("gives the unsafe directory name `{name}`"), help);
    }
    let scope = reference.split('/').next().unwrap_or_default();
    if is_package && !is_safe_name(scope.strip_prefix('@').unwrap_or(scope)) {
        let help = "a scope has only letters, digits, `.`, `_` and `-`, perhaps behind an `@`";
        return refuse(&format!("has the unsafe scope `{scope}`"), help);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_the_three_kinds() {
        for (source, reference, name) in [
            ("dir/SKILL.md", "dir/SKILL.md", "dir"),
            ("/SKILL.md", "/SKILL.md", "SKILL"),
            ("p/é.md", "p/é.md", "é.md"),
            ("HTTPS://PRPM.DEV/packages/s/N?x=1#y", "s/N", "N"),
            (
                "https://github.com/o/.git#a",
                "https://github.com/o/.git#a",
                "a",
            ),
            (
                "https://github.com/o/r.GIT#a",
                "https://github.com/o/r#a",
                "a",
            ),
            (
                "https://github.com/o/r/tree/m/a/b//?q/c",
                "https://github.com/o/r/tree/m#b",
                "b",
            ),
        ] {
            let resolved = resolve_skill_source(source).expect(source);
            assert_eq!(
                (&*resolved.package_ref, &*resolved.installed_name),
                (reference, name)
            );
        }
        for source in ["a b.md", "a", "https://github.com/o/r# a", "a/b\n"] {
            assert!(resolve_skill_source(source).is_err(), "{source}");
        }
    }

    #[test]
    fn refuses_options_and_climbing_names() {
        for source in [
            "$(id)/y",
            "--registry=h/y",
            "a/-y",
            "x/..",
            "./y.z/..",
            "a#b/c?d",
            "p/é.md",
        ] {
            let resolved = resolve_skill_source(source);
            let refused = resolved.map_or(true, |resolved| check_safe_source(&resolved).is_err());
            assert!(refused, "{source}");
        }
        let plain = resolve_skill_source("@scope/name").expect("a package");
        assert_eq!(check_safe_source(&plain), Ok(()));
    }
}
