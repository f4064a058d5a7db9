//! The closed registry of diagnostic codes.
//!
//! A code is `domain.subject-problem`. Codes are stable: programs match on them,
//! messages may be reworded.

use super::diag::{Diagnostic, Path};
use super::json::{Print, Value, Writer};
use super::record::{Scan, invalid};

/// The stable name of a kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code(&'static str);

impl Code {
    /// Returns the code's text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

macro_rules! codes {
    ($( $(#[$meta:meta])* $name:ident = $text:literal; )*) => {
        impl Code {
            $( $(#[$meta])* pub const $name: Code = Code($text); )*

            /// Every code, sorted by text.
            pub const ALL: &'static [Code] = &[$(Code($text)),*];
        }
    };
}

codes! {
    /// The text is not JSON, repeats a key or is nested too deeply.
    DOCUMENT_MALFORMED = "document.malformed";
    /// The document is larger than the limit.
    DOCUMENT_TOO_LARGE = "document.too-large";
    /// A file could not be read.
    DOCUMENT_UNREADABLE = "document.unreadable";
    /// A path leaves the directory that it is meant for.
    EFFECT_PATH_ESCAPES = "effect.path-escapes";
    /// Two actions would write one path.
    EFFECT_PATH_TAKEN = "effect.path-taken";
    /// A line of an environment file is no assignment.
    ENV_LINE_INVALID = "env.line-invalid";
    /// An action, or a run as a whole, could not be carried out.
    EXECUTION_FAILED = "execution.failed";
    /// An edit or a command names something that the fleet does not have, or has already.
    FLEET_EDIT_INVALID = "fleet.edit-invalid";
    /// The file about what was applied last cannot be used.
    FLEET_LOCK_INVALID = "fleet.lock-invalid";
    /// The operator and the generator changed one field differently.
    FLEET_MERGE_CONFLICT = "fleet.merge-conflict";
    /// The operator paused the fleet.
    FLEET_PAUSED = "fleet.paused";
    /// A plan no longer fits what it was made from.
    FLEET_PLAN_STALE = "fleet.plan-stale";
    /// A roster could not be changed in place and is written anew.
    FLEET_ROSTER_REWRITTEN = "fleet.roster-rewritten";
    /// Something could not be done with a seat.
    FLEET_SEAT_FAILED = "fleet.seat-failed";
    /// A session that is not the fleet's has the name of a seat.
    FLEET_SESSION_FOREIGN = "fleet.session-foreign";
    /// A journal holds a record that cannot follow those before it.
    JOURNAL_RECORD_ILLEGAL = "journal.record-illegal";
    /// Two files of one layer define a class.
    LIBRARY_CLASS_DUPLICATE = "library.class-duplicate";
    /// A role of the operator's takes the place of a baseline's file of another name.
    LIBRARY_CLASS_SHADOWED = "library.class-shadowed";
    /// The library has no such class.
    LIBRARY_CLASS_UNKNOWN = "library.class-unknown";
    /// A role of the operator's that no profile and no roster has a seat for.
    LIBRARY_OVERRIDE_UNUSED = "library.override-unused";
    /// A value would be read as an option or leave its place in the argument list.
    PERSONA_ARGUMENT_UNSAFE = "persona.argument-unsafe";
    /// A field of a persona is missing or wrong.
    PERSONA_FIELD_INVALID = "persona.field-invalid";
    /// The harness is not known.
    PERSONA_HARNESS_UNKNOWN = "persona.harness-unknown";
    /// An input has no value.
    PERSONA_INPUT_MISSING = "persona.input-missing";
    /// Two spellings of one thing were given at once.
    PERSONA_OPTION_INVALID = "persona.option-invalid";
    /// A path leaves the directory that it is meant for.
    PERSONA_PATH_UNSAFE = "persona.path-unsafe";
    /// An environment reference has no value.
    PERSONA_REFERENCE_MISSING = "persona.reference-missing";
    /// A persona could not be found or put together.
    PERSONA_RESOLUTION_FAILED = "persona.resolution-failed";
    /// The harness has no way to honour a setting.
    PERSONA_SETTING_UNSUPPORTED = "persona.setting-unsupported";
    /// A setting works, with a consequence that the author should know.
    PERSONA_SETTING_WARNING = "persona.setting-warning";
    /// A skill source is of no known form or gives an unsafe name.
    PERSONA_SKILL_INVALID = "persona.skill-invalid";
    /// A plan brings a command that does not follow from what it installs.
    PLAN_COMMAND_REFUSED = "plan.command-refused";
    /// A plan's digest or version does not fit its content.
    PLAN_CORRUPT = "plan.corrupt";
    /// A field of a policy is wrong.
    POLICY_FIELD_INVALID = "policy.field-invalid";
    /// A field of a policy is missing.
    POLICY_FIELD_MISSING = "policy.field-missing";
    /// A policy has a key that is not known.
    POLICY_KEY_UNKNOWN = "policy.key-unknown";
    /// A roster names a class that the library does not have.
    PROFILE_CLASS_UNKNOWN = "profile.class-unknown";
    /// The seats of a profile report to one another in a circle.
    PROFILE_CYCLE = "profile.cycle";
    /// A field of a profile is missing.
    PROFILE_FIELD_MISSING = "profile.field-missing";
    /// A field of a profile has another type.
    PROFILE_FIELD_TYPE = "profile.field-type";
    /// A floor class has no seat in the roster.
    PROFILE_FLOOR_ABSENT = "profile.floor-absent";
    /// A class stands in the floor twice.
    PROFILE_FLOOR_DUPLICATE = "profile.floor-duplicate";
    /// The floor names a class that the library does not have.
    PROFILE_FLOOR_UNKNOWN = "profile.floor-unknown";
    /// Two profiles have one id.
    PROFILE_ID_DUPLICATE = "profile.id-duplicate";
    /// A profile's id is not its file's name.
    PROFILE_ID_MISMATCH = "profile.id-mismatch";
    /// A profile has a key that is not known.
    PROFILE_KEY_UNKNOWN = "profile.key-unknown";
    /// The lead has no seat in the roster.
    PROFILE_LEAD_ABSENT = "profile.lead-absent";
    /// The lead reports to somebody.
    PROFILE_LEAD_REPORTS = "profile.lead-reports";
    /// The lead is a class that the library does not have.
    PROFILE_LEAD_UNKNOWN = "profile.lead-unknown";
    /// A multiplicity is not a whole number from 1 to the cap.
    PROFILE_MULTIPLICITY_INVALID = "profile.multiplicity-invalid";
    /// A seat reports to a class that has no seat.
    PROFILE_REPORTS_TO_ABSENT = "profile.reports-to-absent";
    /// A seat reports to a class that the library does not have.
    PROFILE_REPORTS_TO_UNKNOWN = "profile.reports-to-unknown";
    /// More than one seat reports to nobody.
    PROFILE_ROOTS_SEVERAL = "profile.roots-several";
    /// Two seats have one name.
    PROFILE_SEAT_DUPLICATE = "profile.seat-duplicate";
    /// There is no such profile.
    PROFILE_UNKNOWN = "profile.unknown";
    /// A field of a wire record is missing or wrong.
    RECORD_INVALID = "record.invalid";
    /// A field of a roster has another type.
    ROSTER_FIELD_INVALID = "roster.field-invalid";
    /// A field of a roster is missing.
    ROSTER_FIELD_MISSING = "roster.field-missing";
    /// A roster has a key that is not known.
    ROSTER_KEY_UNKNOWN = "roster.key-unknown";
    /// A seat's name cannot be that of a session.
    ROSTER_NAME_UNSAFE = "roster.name-unsafe";
    /// A seat's runtime is not known.
    ROSTER_RUNTIME_UNKNOWN = "roster.runtime-unknown";
    /// Two seats have one name.
    ROSTER_SEAT_DUPLICATE = "roster.seat-duplicate";
    /// What a workflow is given does not fit what it wants.
    WORKFLOW_ARGUMENT_INVALID = "workflow.argument-invalid";
    /// Nobody waits for a promise of a script.
    WORKFLOW_NOT_AWAITED = "workflow.not-awaited";
    /// A script uses what scripts do not have.
    WORKFLOW_NOT_THERE = "workflow.not-there";
    /// Calls of a script have no places of their own.
    WORKFLOW_PLACES_UNSTABLE = "workflow.places-unstable";
    /// A script does not say what it is, or not in the way that it must.
    WORKFLOW_SCRIPT_INVALID = "workflow.script-invalid";
    /// The text is not YAML, or a key is there twice.
    YAML_MALFORMED = "yaml.malformed";
    /// The text is YAML outside the strict part that is read.
    YAML_UNSUPPORTED = "yaml.unsupported";
}

impl Print for Code {
    fn print(&self, out: &mut Writer) {
        out.string(self.0);
    }
}

impl Scan<'_> for Code {
    fn scan(value: &Value<'_>, at: &Path<'_>) -> Result<Self, Diagnostic> {
        let known = Code::ALL.iter().find(|code| value.as_str() == Some(code.0));
        known
            .copied()
            .ok_or_else(|| invalid(at, "is not a known code"))
    }
}
