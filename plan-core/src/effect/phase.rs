//! The phases of a run and their order.

use crate::base::edition::Edition;
use crate::base::record::words;

words! {
    /// A phase: actions run phase by phase and are undone in reverse.
    pub enum Phase {
        /// The project is mirrored into a directory of its own.
        Mount = "mount",
        /// Private files are written below the run's own stage directory.
        Stage = "stage",
        /// Skills are installed.
        Skills = "skills",
        /// `CLAUDE.md` or `AGENTS.md` is written.
        Sidecars = "sidecars",
        /// Configuration files of the harness are written into the project.
        ConfigFiles = "config-files",
        /// Changes of a view are brought into the project.
        Results = "results",
    }
}

impl Phase {
    /// Returns the order of an edition. persona-kit 4.1.59 wrote configuration
    /// files before sidecars; the order that its own documents promise is the other.
    pub const fn order(edition: Edition) -> [Phase; 5] {
        if edition.switches().config_before_sidecars {
            [
                Phase::Mount,
                Phase::Stage,
                Phase::Skills,
                Phase::ConfigFiles,
                Phase::Sidecars,
            ]
        } else {
            [
                Phase::Mount,
                Phase::Stage,
                Phase::Skills,
                Phase::Sidecars,
                Phase::ConfigFiles,
            ]
        }
    }
}
