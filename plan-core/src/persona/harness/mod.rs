//! Harnesses: the command-line agents that a persona can run on.
//!
//! Everything in which harnesses differ is a field of [`HarnessDef`] and lives in
//! the harness's own file; nothing else in the workspace asks which harness it is.

// The next lines are written by tests/it/harness_registry.rs.
mod claude;
mod codex;
mod grok;
mod opencode;
// End of the written lines.

mod registry;

pub use registry::ALL;

/// The sidecar file that a harness reads from its working directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SidecarFile {
    /// `CLAUDE.md`, from the persona's `claudeMd*` fields.
    ClaudeMd,
    /// `AGENTS.md`, from the persona's `agentsMd*` fields.
    AgentsMd,
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
    /// Its place in the list that persona-kit 4 prints; `None` for a harness that
    /// persona-kit 4 does not know.
    pub compat_rank: Option<u8>,
}

/// Finds a harness by its wire name.
pub fn find(id: &str) -> Option<&'static HarnessDef> {
    ALL.iter().copied().find(|def| def.id == id)
}

/// Returns the harnesses that persona-kit 4 knows, in the order it prints them.
pub fn compat_names() -> alloc::vec::Vec<&'static str> {
    let mut ranked: alloc::vec::Vec<_> = ALL
        .iter()
        .filter_map(|def| Some((def.compat_rank?, def.id)))
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, id)| id).collect()
}
