//! Sidecars: the `CLAUDE.md` and `AGENTS.md` fields of a persona, and the paths
//! that files beside them may have.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::base::json::{Object, Text, Value, print};
use crate::base::path::has_parent_segment;
use crate::base::record::record;

record! {
    /// The sidecar fields of a persona with their modes filled in.
    pub struct Sidecar<'a> {
        /// The file that becomes `CLAUDE.md`.
        pub claude_md: Option<Text<'a>> => "claudeMd",
        /// The text that becomes `CLAUDE.md`.
        pub claude_md_content: Option<Text<'a>> => "claudeMdContent",
        /// What writing does to an existing `CLAUDE.md`.
        pub claude_md_mode: Option<Text<'a>> => "claudeMdMode",
        /// The file that becomes `AGENTS.md`.
        pub agents_md: Option<Text<'a>> => "agentsMd",
        /// The text that becomes `AGENTS.md`.
        pub agents_md_content: Option<Text<'a>> => "agentsMdContent",
        /// What writing does to an existing `AGENTS.md`.
        pub agents_md_mode: Option<Text<'a>> => "agentsMdMode",
    }
}

/// Reads the sidecar fields of a persona; the mode defaults to `overwrite`.
pub fn resolve_sidecar<'a>(spec: &'a Object<'a>) -> Sidecar<'a> {
    let text = |field| {
        let text = spec.get(field).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(Cow::Borrowed)
    };
    let mode = |field| match spec.get(field).and_then(Value::as_str) {
        Some(mode) => Some(Cow::Borrowed(mode)),
        None => Some(Cow::Borrowed("overwrite")),
    };
    Sidecar {
        claude_md: text("claudeMd"),
        claude_md_content: text("claudeMdContent"),
        claude_md_mode: mode("claudeMdMode"),
        agents_md: text("agentsMd"),
        agents_md_content: text("agentsMdContent"),
        agents_md_mode: mode("agentsMdMode"),
    }
}

/// Leaves only what a selection carries: empty fields are dropped, and a mode
/// without a file or text.
#[must_use]
pub fn selection_fields(mut sidecar: Sidecar<'_>) -> Sidecar<'_> {
    for field in [
        &mut sidecar.claude_md,
        &mut sidecar.claude_md_content,
        &mut sidecar.agents_md,
        &mut sidecar.agents_md_content,
    ] {
        field.take_if(|text| text.is_empty());
    }
    if sidecar.claude_md.is_none() && sidecar.claude_md_content.is_none() {
        sidecar.claude_md_mode = None;
    }
    if sidecar.agents_md.is_none() && sidecar.agents_md_content.is_none() {
        sidecar.agents_md_mode = None;
    }
    sidecar
}

/// Why a configuration file may not have a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigPathError {
    /// There is no path.
    #[error("configFile path must be a non-empty relative path")]
    Empty,
    /// The path begins at the root of the file system.
    #[error("configFile path must be relative; got absolute path {0}")]
    Absolute(String),
    /// The path climbs.
    #[error("configFile path must not contain \"..\" segments; got {0}")]
    Climbs(String),
}

/// Checks the path of a configuration file as persona-kit 4 does on POSIX hosts.
///
/// # Errors
/// The first rule that the path breaks; the message quotes the path as JSON.
pub fn check_config_path(path: &str) -> Result<(), ConfigPathError> {
    if path.is_empty() {
        Err(ConfigPathError::Empty)
    } else if path.starts_with('/') {
        Err(ConfigPathError::Absolute(print(path)))
    } else if has_parent_segment(path) {
        Err(ConfigPathError::Climbs(print(path)))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::read;

    #[test]
    fn fills_and_drops_modes() {
        let spec = read(r#"{"claudeMd":"c.md","agentsMdMode":"extend"}"#).expect("JSON");
        let sidecar = resolve_sidecar(spec.as_object().expect("an object"));
        assert_eq!(sidecar.agents_md_mode.as_deref(), Some("extend"));
        assert_eq!(
            print(&selection_fields(sidecar)),
            r#"{"claudeMd":"c.md","claudeMdMode":"overwrite"}"#
        );
    }

    #[test]
    fn confines_configuration_files() {
        assert_eq!(check_config_path("a/b.json"), Ok(()));
        let climbs = check_config_path("a/../b").expect_err("climbs");
        assert!(alloc::format!("{climbs}").ends_with(r#"got "a/../b""#));
    }
}
