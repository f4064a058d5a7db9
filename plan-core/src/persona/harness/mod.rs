//! Harnesses: the command-line agents that a persona can run on.
//!
//! Everything in which harnesses differ is a field of [`HarnessDef`] and lives in
//! the harness's own file; nothing else in the workspace asks which harness it is.

pub mod clear;
pub mod compat;
pub mod launch;
pub mod outcome;
mod registry;

// The next lines are written by tests/it/harness_registry.rs.
mod claude;
mod codex;
mod grok;
mod opencode;
// End of the written lines.

use alloc::vec::Vec;

use crate::base::diag::Diagnostic;
use crate::base::sort::sort_by;

pub use registry::ALL;

/// The sidecar file that a harness reads from its working directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SidecarFile {
    /// `CLAUDE.md`, from the persona's `claudeMd*` fields.
    ClaudeMd,
    /// `AGENTS.md`, from the persona's `agentsMd*` fields.
    AgentsMd,
}

impl SidecarFile {
    /// Returns the file's name.
    pub const fn name(self) -> &'static str {
        match self {
            SidecarFile::ClaudeMd => "CLAUDE.md",
            SidecarFile::AgentsMd => "AGENTS.md",
        }
    }
}

/// Where a harness looks for skills in a project, and how installers call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkillTarget {
    /// The installer's name for the harness (`prpm install --as <flag>`).
    pub as_flag: &'static str,
    /// The directory below the project that holds one directory a skill.
    pub dir: &'static str,
    /// Whether persona-kit 4 can stage skills outside the project for it.
    pub session_root: bool,
}

/// The signal that a harness takes best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// `SIGINT`.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
}

/// Everything that is particular to one harness.
#[derive(Debug)]
pub struct HarnessDef {
    /// The wire name, which is also the name of its program.
    pub id: &'static str,
    /// The command that installs it, for messages.
    pub install: &'static str,
    /// The sidecar file that it reads.
    pub sidecar: SidecarFile,
    /// Where its skills go.
    pub skills: SkillTarget,
    /// Its builders for persona-kit 4; `None` for a harness that it does not know.
    pub compat: Option<compat::Compat>,
    /// The private directory whose `skills` it is told to read.
    pub private_skills: &'static str,
    /// Variables that carry its private configuration: nobody else may set them.
    pub reserved_env: &'static [&'static str],
    /// Builds its launch for the editions that have private launches.
    pub launch: for<'i> fn(&launch::LaunchInput<'i>) -> Result<launch::Launch<'i>, Diagnostic>,
    /// Reads its one-shot output.
    pub watch: outcome::Watch,
    /// The signal that ends a one-shot run so that the harness ends its tools too.
    pub stop: StopSignal,
    /// The version that the launch was measured with, as a prefix.
    pub tested: &'static str,
    /// What is typed to clear its context.
    pub clear: &'static str,
    /// The model of a fleet's seat for which nobody names one.
    pub usual_model: &'static str,
}

/// Finds a harness by its wire name.
pub fn find(id: &str) -> Option<&'static HarnessDef> {
    ALL.iter().copied().find(|def| def.id == id)
}

/// Returns the name of some harness, to fill a document in that lacks one.
pub fn any() -> &'static str {
    ALL.first().map_or("", |def| def.id)
}

/// Returns the harnesses that persona-kit 4 knows, in the order it prints them.
pub fn compat_names() -> Vec<&'static str> {
    let mut ranked: Vec<_> = ALL
        .iter()
        .filter_map(|def| Some((def.compat.as_ref()?.rank, def.id)))
        .collect();
    sort_by(&mut ranked, &|left, right| left.cmp(right));
    ranked.into_iter().map(|(_, id)| id).collect()
}
