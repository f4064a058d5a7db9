//! Claude Code.

use super::{HarnessDef, SidecarFile, SkillTarget};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "claude",
    install: "npm install -g @anthropic-ai/claude-code",
    sidecar: SidecarFile::ClaudeMd,
    skills: SkillTarget {
        as_flag: "claude",
        dir: ".claude/skills",
        session_root: true,
    },
    compat_rank: Some(2),
};
