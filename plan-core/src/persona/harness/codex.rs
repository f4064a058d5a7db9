//! OpenAI Codex.

use super::{HarnessDef, SidecarFile, SkillTarget};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "codex",
    install: "npm install -g @openai/codex",
    sidecar: SidecarFile::AgentsMd,
    skills: SkillTarget {
        as_flag: "codex",
        dir: ".agents/skills",
        session_root: false,
    },
    compat_rank: Some(1),
};
