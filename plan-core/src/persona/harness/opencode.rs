//! OpenCode.

use super::{HarnessDef, SidecarFile, SkillTarget};

/// The definition.
pub(super) const DEF: HarnessDef = HarnessDef {
    id: "opencode",
    install: "npm install -g opencode-ai",
    sidecar: SidecarFile::AgentsMd,
    skills: SkillTarget {
        as_flag: "opencode",
        dir: ".skills",
        session_root: false,
    },
    compat_rank: Some(0),
};
