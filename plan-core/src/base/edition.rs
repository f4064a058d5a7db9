//! Editions: the dialects of a plan, as one table of switches.
//!
//! `persona-kit-4` is the recorded behaviour of persona-kit 4.1.59, byte for byte.
//! `2026` is what a user would want today. Every difference is one switch here,
//! one section in `docs/editions.md` and one fixture; code asks the switch, never
//! the edition.

use super::record::words;

words! {
    /// A dialect of the plan.
    pub enum Edition {
        /// Recorded behaviour of persona-kit 4.1.59.
        PersonaKit4 = "persona-kit-4",
        /// The default.
        V2026 = "2026",
    }
}

/// What an edition does differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a table of independent switches"
)]
pub struct Switches {
    /// The plan carries version, edition, digest and warnings.
    pub envelope: bool,
    /// The harness is launched as today's command lines expect: prompts, servers
    /// and secrets by private files, permissions honoured or refused.
    pub private_launch: bool,
    /// Values that would act as options, unsafe names and unsafe paths are refused.
    pub safe_arguments: bool,
    /// `$NAME` in `env` and servers stays a reference that is resolved at spawn.
    pub late_references: bool,
    /// Inputs are rendered into sidecar contents; relative paths are resolved.
    pub rendered_sidecars: bool,
    /// An optional input without a value is exported as an empty variable.
    pub exports_unset_inputs: bool,
    /// The parser reports every problem, and closes the holes of the recorded one.
    pub strict_parse: bool,
    /// Configuration files are written before sidecars.
    pub config_before_sidecars: bool,
    /// Resolving a persona keeps every field of its files, checks them in full and
    /// refuses a broken file instead of looking further down.
    pub complete_resolution: bool,
}

impl Edition {
    /// Returns the edition's row of the table.
    pub const fn switches(self) -> &'static Switches {
        match self {
            Edition::PersonaKit4 => &Switches {
                envelope: false,
                private_launch: false,
                safe_arguments: false,
                late_references: false,
                rendered_sidecars: false,
                exports_unset_inputs: true,
                strict_parse: false,
                config_before_sidecars: true,
                complete_resolution: false,
            },
            Edition::V2026 => &Switches {
                envelope: true,
                private_launch: true,
                safe_arguments: true,
                late_references: true,
                rendered_sidecars: true,
                exports_unset_inputs: false,
                strict_parse: true,
                config_before_sidecars: false,
                complete_resolution: true,
            },
        }
    }
}
