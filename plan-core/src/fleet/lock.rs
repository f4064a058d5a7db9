//! What was applied last: the base of merging, and what a version 1 roster cannot say.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::roster::Roster;
use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Path};
use crate::base::json::{pretty, read};
use crate::base::map::Map;
use crate::base::record::{Scan as _, record};

/// The name of the file, below `fleet/`.
pub const FILE: &str = "roster.lock.json";
/// The form of the file.
pub const SCHEMA: &str = "callsheet.fleet-lock/1";

record! {
    /// Which seats of a profile are staffed.
    #[derive(Default)]
    pub struct Selection {
        /// The profile's id; a fleet that is staffed by hand has none.
        pub profile: Option<String> => "profile",
        /// Whether all entries are staffed, not just the floor.
        pub full: bool => "full",
        /// The classes whose number of seats was chosen.
        pub scale: Map<String, u64> => "scale",
    }
}

record! {
    /// What was applied last.
    pub struct Lock {
        /// The form of this file.
        pub schema: String => "schema",
        /// Counts what was applied.
        pub generation: u64 => "generation",
        /// Which seats of which profile.
        pub selection: Selection => "selection",
        /// The roster as it was generated, before the operator's edits.
        pub base: Option<Roster> => "base",
        /// The seat that each seat reports to.
        pub managers: Map<String, String> => "managers",
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            schema: SCHEMA.into(),
            generation: 0,
            selection: Selection::default(),
            base: None,
            managers: Map::new(),
        }
    }
}

/// Reads what was applied last.
///
/// # Errors
/// The text is none of ours.
pub fn parse(text: &str) -> Result<Lock, Diagnostic> {
    let refused = |problem: String| {
        Diagnostic::error(Code::FLEET_LOCK_INVALID, problem)
            .help("restore it from `fleet/history`, or remove it: the roster then counts as edited by hand")
            .within(FILE)
    };
    let value = read(text).map_err(|problem| refused(problem.to_string()))?;
    let lock = Lock::scan(&value, &Path::root("lock"))
        .map_err(|problem| refused(problem.message.clone()))?;
    if lock.schema != SCHEMA {
        return Err(refused(format!(
            "lock.schema is `{}`, not `{SCHEMA}`",
            lock.schema
        )));
    }
    Ok(lock)
}

impl Lock {
    /// Prints the file.
    pub fn text(&self) -> String {
        let mut text = pretty(self);
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_reads_back_as_it_was_written() {
        let mut lock = Lock {
            generation: 3,
            base: Some(Roster::default()),
            ..Lock::default()
        };
        lock.managers.insert("code".into(), "lead".into());
        lock.selection.scale.insert("code".into(), 2);
        assert_eq!(parse(&lock.text()), Ok(lock));
    }

    #[test]
    fn what_is_no_lock_is_refused_with_a_way_out() {
        let other = Lock {
            schema: "callsheet.fleet-lock/2".into(),
            ..Lock::default()
        };
        for (text, message) in [
            (
                other.text(),
                "lock.schema is `callsheet.fleet-lock/2`, not `callsheet.fleet-lock/1`",
            ),
            ("{}".into(), "lock.schema is missing"),
            ("[]".into(), "lock must be an object"),
            (
                other.text().replace("false", "0"),
                "lock.selection.full must be true or false",
            ),
            (
                Lock::default()
                    .text()
                    .replace("\"generation\"", "\"count\""),
                "lock.count is not a known field",
            ),
        ] {
            let found = parse(&text).expect_err(&text);
            assert_eq!(found.code, Code::FLEET_LOCK_INVALID);
            assert_eq!(found.message, message);
            let place = found.place.as_ref().and_then(|place| place.file.as_deref());
            assert_eq!(place, Some("roster.lock.json"));
            assert_eq!(
                found.help.as_deref(),
                Some(
                    "restore it from `fleet/history`, or remove it: the roster then counts as edited by hand"
                )
            );
        }
        assert!(parse("{").is_err());
    }
}
